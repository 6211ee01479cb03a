import ClewBundle
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// Archives that other tools made on nodes of the lab: what is said of them is what is said of the lab's own bundle, as far
/// as they tell it.
@Suite(.serialized, .timeLimit(.minutes(25))) struct ForeignArchiveTests {
    private static let nodes = ["worker-a", "worker-b", "worker-c"]

    /// Verdicts of connections from nodes and pods to Services, by question.
    private func verdicts(
        _ path: String, _ questions: [Verdicts.Question], with further: [String] = []
    ) throws -> [String: [String]] {
        let lines = questions.enumerated().map { number, question in
            #"{"id":"\#(question.from) \#(question.to)","from":"\#(question.from)","to":"\#(question.to)"}"# + "\n"
        }
        let run = try Command.run(["trace", path] + further + ["--flows", "-"], input: lines.joined())
        var verdicts: [String: [String]] = [:]
        for line in run.output.split(separator: "\n") {
            let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            verdicts[answer["id"] as? String ?? "?", default: []].append(answer["verdict"] as? String ?? "\(answer)")
        }
        return verdicts
    }

    /// From all nodes and some pods to all Services, whose endpoints listen or are none.
    private func questions(_ lab: String) throws -> [Verdicts.Question] {
        let snapshot = ClusterSnapshot(parsing: SharedData.bundle(lab), nodeName: nil)
        let pods = snapshot.objects.pods.map(\.name).sorted().prefix(4).map { "pod/\($0)" }
        // Of sockets in pods the archives say nothing.
        let services = snapshot.objects.services.filter { $0.name.name != "wrong-port" }.map { "svc/\($0.name)" }
        return (Self.nodes.map { "node/\($0)" } + pods).flatMap { from in
            services.map { Verdicts.Question(from: from, to: $0) }
        }
    }

    /// Imports one archive for each node, joins them, and returns what was said, and the path of the bundle.
    private func imported(_ archives: [String], in folder: TemporaryFolder, named: Bool) throws -> (String, String) {
        var parts: [String] = []
        var said = ""
        for (node, archive) in zip(Self.nodes, archives) {
            let part = folder.path + "/part-\(node).tar"
            let run = try Command.run(
                ["bundle", "import", archive, "-o", part] + (named ? ["--node-name", node] : []))
            #expect(run.code == 0, "\(run)")
            said += run.output
            parts.append(part)
        }
        let joined = folder.path + "/joined.tar"
        let merge = try Command.run(["bundle", "merge"] + parts + ["-o", joined])
        #expect(merge.code == 0, "\(merge)")
        let shown = try Command.run(["bundle", "show", joined])
        #expect(shown.output.contains("3 nodes") && shown.output.contains("every line read"), "\(shown)")
        return (said, joined)
    }

    /// Runs a tool on each node of a lab, each in a machine of its own; `nil`, said aloud, where that cannot be.
    private func archives(
        madeBy command: String, needing tools: [String], in folder: TemporaryFolder
    ) throws -> [String]? {
        guard LabScript.isAble("unshare", "ip", "mount", "timeout") else { return nil }
        for tool in tools
        where !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains(where: {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
        }) {
            print("SKIP: missing: \(tool)")
            return nil
        }
        let name = "foreign-\(getpid())"
        let output = try LabScript.run(
            """
            LAB=\(LabScript.program) NAME=\(name) F=\(folder.path)
            $LAB up bridge-vxlan --name $NAME >/dev/null || exit
            $LAB bundle $F/lab --name $NAME >/dev/null
            for node in \(Self.nodes.joined(separator: " ")); do
                timeout -s KILL 120 $LAB shell $node --name $NAME -- unshare -m -p -u --fork --kill-child sh -c "
                    mount --make-rprivate /; mount -t proc proc /proc; hostname $node
                    for own in /var/log /opt; do mount -t tmpfs none \\$own; done
                    export OUT=$F/$node.tar.gz; \(command)" >$F/$node.log 2>&1 </dev/null
            done
            $LAB down --name $NAME
            ls $F
            """, in: folder, seconds: 400)
        let paths = Self.nodes.map { folder.path + "/\($0).tar.gz" }
        for path in paths { #expect(FileManager.default.fileExists(atPath: path), "\(output)") }
        return paths
    }

    private static let recorded = SharedData.packageRoot + "/Tests/Corpus/foreign/eks-log-collector"

    @Test func theEKSLogCollector() throws {
        let folder = try TemporaryFolder()
        let archives = Self.nodes.map { "\(Self.recorded)/\($0).tar.gz" }
        try holdsForEKS(archives, lab: Self.recorded + "/lab.tar.zst", in: folder)
    }

    private func holdsForEKS(_ archives: [String], lab: String, in folder: TemporaryFolder) throws {
        // The name of each node is in its archive.
        let (said, joined) = try imported(archives, in: folder, named: false)
        for line in [
            "nodes/worker-b/ip-route.txt ← networking/iproute.txt (by the tool that made it)",
            "nodes/worker-c/conntrack.txt ← networking/conntrack.txt (by the tool that made it)",
            "not understood: networking/iptables-nat.txt: iptables-save beside it says the same and more",
        ] { #expect(said.contains(line), "\(said)") }
        let questions = try questions(lab)
        let own = try verdicts(lab, questions)
        #expect(Set(own.values.joined()).count > 1 && own.count == questions.count)
        #expect(try verdicts(joined, questions, with: ["--add", try objectsFile(lab, folder)]) == own)
    }

    /// The API's objects of a bundle, alone.
    private func objectsFile(_ lab: String, _ folder: TemporaryFolder) throws -> String {
        let artifact = try #require(SharedData.bundle(lab).artifacts.first { $0.path == "cluster/all.json" })
        return try folder.write("objects.json", Data(artifact.bytes))
    }

    /// The script itself, where it is named: it is not ours to give out.
    @Test func theEKSLogCollectorRunHere() throws {
        guard let script = ProcessInfo.processInfo.environment["CLEW_EKS_LOG_COLLECTOR"] else {
            print("SKIP: CLEW_EKS_LOG_COLLECTOR does not name eks-log-collector.sh of awslabs/amazon-eks-ami")
            return
        }
        let folder = try TemporaryFolder()
        let command = "bash \(script); cp /var/log/eks_*.tar.gz \\$OUT"
        guard let archives = try archives(madeBy: command, needing: ["bash", "curl", "ifconfig"], in: folder) else {
            return
        }
        try holdsForEKS(archives, lab: folder.path + "/lab", in: folder)
    }

    @Test func aReportOfOvsBugtool() throws {
        let folder = try TemporaryFolder()
        let command = "ovs-bugtool -y -s --entries=network-info,kernel-info --output=tar.gz --outfile=\\$OUT"
        guard let archives = try archives(madeBy: command, needing: ["ovs-bugtool", "route", "arp"], in: folder) else {
            return
        }
        let (said, joined) = try imported(archives, in: folder, named: true)
        for table in ["filter", "nat", "mangle"] {
            let line = "nodes/worker-a/iptables-list.txt ← iptables-t-\(table)-nL.out (by the tool that made it)"
            #expect(said.contains(line), "\(said)")
        }
        // Its listings leave out devices, so that most cannot be told; what is told is right.
        let questions = try questions(folder.path + "/lab")
        let own = try verdicts(folder.path + "/lab", questions)
        let theirs = try verdicts(joined, questions, with: ["--add", try objectsFile(folder.path + "/lab", folder)])
        #expect(theirs.count == own.count)
        for (question, verdicts) in theirs {
            for (verdict, right) in zip(verdicts, own[question] ?? []) {
                #expect(verdict == right || verdict == "unknown", "\(question)")
            }
        }
        #expect(theirs.values.contains { $0 == ["fails"] })
    }
}
