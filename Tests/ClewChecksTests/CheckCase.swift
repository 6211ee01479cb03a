import ClewBundle
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// The files of an example, to be changed before they are read.
struct BundleFiles {
    private(set) var files: [String: String] = [:]
    /// What a replacement looked for in vain: a case that changes nothing would prove nothing.
    private(set) var missed: [String] = []

    /// `example`: a folder of `Examples`, or a path from the repository's root.
    init(_ example: String) {
        let folder = example.contains("/") ? example : "Examples/" + example
        for artifact in SharedData.bundle(SharedData.packageRoot + "/" + folder).artifacts {
            files[artifact.path] = String(decoding: artifact.bytes, as: UTF8.self)
        }
    }

    subscript(_ path: String) -> String {
        get { files[path] ?? "" }
        set { files[path] = newValue }
    }

    mutating func replace(_ text: String, _ other: String, in path: String) {
        guard let old = files[path], old.contains(text) else {
            missed.append("\(path): \(text)")
            return
        }
        files[path] = old.replacing(text, with: other)
    }

    mutating func append(_ text: String, to path: String) { files[path, default: ""] += text + "\n" }

    /// A file of worker-a.
    mutating func add(_ name: String, _ text: String) { files["nodes/worker-a/\(name)"] = text + "\n" }

    mutating func remove(_ path: String) { files[path] = nil }

    var bundle: SupportBundle {
        SupportBundle(name: "case", artifacts: files.map { Artifact(path: $0.key, bytes: Array($0.value.utf8)) })
    }

    var snapshot: ClusterSnapshot { ClusterSnapshot(parsing: bundle, nodeName: nil) }
}

/// One change of an example, and whether a check says something then.
struct CheckCase: Sendable, CustomTestStringConvertible {
    var code: String
    var what: String
    var fires: Bool
    var example: String
    var change: @Sendable (inout BundleFiles) -> Void

    static func fires(
        _ code: String, _ what: String, in example: String = "bridge-nf-on",
        _ change: @escaping @Sendable (inout BundleFiles) -> Void
    ) -> CheckCase {
        CheckCase(code: code, what: what, fires: true, example: example, change: change)
    }

    static func quiet(
        _ code: String, _ what: String, in example: String = "bridge-nf-on",
        _ change: @escaping @Sendable (inout BundleFiles) -> Void = { _ in }
    ) -> CheckCase {
        CheckCase(code: code, what: what, fires: false, example: example, change: change)
    }

    var testDescription: String { "\(code) \(fires ? "fires" : "is quiet"): \(what)" }

    func run() -> CheckRun {
        var files = BundleFiles(example)
        change(&files)
        #expect(files.missed.isEmpty, "\(files.missed)")
        return CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: files.snapshot)))
    }

    /// Findings, with what they explain and what is normal.
    static func all(_ run: CheckRun) -> [Finding] {
        run.findings + run.findings.flatMap(\.consequences) + run.normal
    }

    func check() {
        let run = run()
        let found = Self.all(run).filter { $0.check.code == code }
        #expect(found.isEmpty != fires, "\(Self.all(run).map { "\($0.check.code) \($0.subject) \($0.message)" })")
        for finding in found {
            #expect(!finding.evidence.isEmpty, "\(code) without evidence")
            #expect(!finding.message.hasSuffix("."))
        }
    }
}

extension BundleFiles {
    /// Makes flannel's VXLAN of the example's plain routes.
    mutating func wrapInVXLAN() {
        for (node, own, other) in [("worker-a", 1, 2), ("worker-b", 2, 1)] {
            let folder = "nodes/\(node)/"
            let flags = "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN"
            append(
                """
                30: flannel.1: \(flags) group default
                    link/ether ee:00:00:00:00:0\(own) brd ff:ff:ff:ff:ff:ff
                    inet 10.244.\(own).0/32 scope global flannel.1
                       valid_lft forever preferred_lft forever
                """, to: folder + "ip-addr.txt")
            append(
                """
                30: flannel.1: \(flags) mode DEFAULT group default
                    link/ether ee:00:00:00:00:0\(own) brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535
                    vxlan id 1 local 192.168.50.1\(own) dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300
                """, to: folder + "ip-link.txt")
            replace(
                "10.244.\(other).0/24 via 192.168.50.1\(other) dev eth0",
                "10.244.\(other).0/24 via 10.244.\(other).0 dev flannel.1 onlink", in: folder + "ip-route.txt")
            append(
                "local 10.244.\(own).0 dev flannel.1 table local proto kernel scope host src 10.244.\(own).0",
                to: folder + "ip-route.txt")
            append(
                "10.244.\(other).0 dev flannel.1 lladdr ee:00:00:00:00:0\(other) PERMANENT",
                to: folder + "ip-neigh.txt")
            append(
                "ee:00:00:00:00:0\(other) dev flannel.1 dst 192.168.50.1\(other) self permanent",
                to: folder + "bridge-fdb.txt")
        }
    }

    mutating func insertRule(_ rule: String, chain: String, on node: String) {
        let path = "nodes/\(node)/iptables-save.txt"
        // Before the first rule of filter.
        guard let table = files[path]?.firstRange(of: "*filter"), let text = files[path],
            let first = text[table.upperBound...].firstRange(of: "-A ")
        else { return missed.append("\(path): *filter") }
        files[path]?.insert(contentsOf: "-A \(chain) \(rule)\n", at: first.lowerBound)
    }
}
