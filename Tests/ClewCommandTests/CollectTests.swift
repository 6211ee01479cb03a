import Foundation
import Testing

/// `clew collect` against real nodes: namespaces of this machine, reached as nodes are.
@Suite(.serialized, .timeLimit(.minutes(25))) struct CollectTests {
    /// Says what is missing here, aloud.
    private func isAble(root: Bool, _ tools: String...) -> Bool {
        let folders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
        var missing = tools.filter { tool in
            !folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
        }
        if root, geteuid() != 0 { missing.append("root") }
        if !missing.isEmpty { print("SKIP: missing: \(missing.joined(separator: " "))") }
        return missing.isEmpty
    }

    /// Runs a shell script to its end and returns what it printed.
    private func shell(_ script: String, in folder: TemporaryFolder, behind wrapper: [String] = []) throws -> String {
        let file = try folder.write("script.sh", script)
        let output = try folder.write("script.out", "")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = wrapper + ["sh", file]
        // One handle, so that neither writes over the other.
        let handle = FileHandle(forWritingAtPath: output)
        process.standardOutput = handle
        process.standardError = handle
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.run()
        process.waitUntilExit()
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    @Test func thisMachineAndAnArchiveThatIsThere() throws {
        let folder = try TemporaryFolder()
        let archive = folder.path + "/node.tar.zst"
        let words = ["collect", "--via", "local", "--no-api", "--nodes", "worker-a", "--timeout", "40", "-o", archive]
        let result = try Command.run(words, environment: ["TMPDIR": folder.path])
        #expect(result.code == 0, "\(result)")
        #expect(result.error.contains("worker-a: "))
        let shown = try Command.run(["bundle", "show", archive])
        #expect(shown.output.contains("1 node"))
        #expect(shown.output.contains("Node worker-a"))
        let before = try Data(contentsOf: URL(fileURLWithPath: archive))
        let again = try Command.run(words)
        #expect(again.code == 2)
        #expect(again.errorLines.count == 1)
        #expect(again.error.contains("is there already"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: archive)) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["node.tar.zst"])
    }

    @Test func badOptionsAreRefusedBeforeAnythingIsDone() throws {
        let folder = try TemporaryFolder()
        for (words, reason) in [
            (["--via", "telnet"], "'telnet' is not known"), (["--via", "ssh:-oProxyCommand=x@"], "is not known"),
            (["--via", "ssh", "--nodes=-oProxyCommand=x"], "not a node's name"),
            (["--via", "ssh", "--nodes", "a=-x"], "not a node's name"),
            (["--via", "kubectl-debug", "--no-api"], "needs the API"), (["--timeout", "0"], "--timeout"),
            (["--via", "kubectl-debug", "--image", "x\", \"y"], "--image"),
            (["--via", "local", "-o", folder.path + "/x.zip"], "no archive's name"),
            (["--via", "ssh", "--no-api"], "only the API knows all nodes"),
            (["--via", "local", "--no-api", "-o", folder.path + "/none/x.tar"], "cannot write"),
            (["--via", "local", "--no-api", "--mapping", folder.path + "/names"], "--mapping replaces nothing"),
            (["--via", "local", "--no-api", "--key", folder.path + "/key"], "--key replaces nothing without --redact"),
            (["--via", "local", "--no-api", "--redact", "--mapping", folder.path + "/none/names"], "cannot write"),
            (["--via", "local", "--no-api", "--selector", "a=b"], "leave --selector out"),
            (["--via", "local", "--no-api", "--nodes", "a=10.0.0.1"], "needs no address"),
        ] {
            let result = try Command.run(["collect"] + words)
            #expect(result.code == 2, "\(words) \(result)")
            #expect(result.error.contains(reason), "\(words) \(result)")
            #expect(result.errorLines.count == 1, "\(words) \(result)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func fiveNodesBySSHOneUnreachableAndOneThatHangs() throws {
        guard isAble(root: true, "unshare", "sshd", "ssh", "ssh-keygen", "iptables", "ip") else { return }
        let folder = try TemporaryFolder()
        let path = folder.path
        let output = try shell(
            """
            set -e
            PATH=$PATH:/usr/sbin:/sbin
            ip link set lo up; mount -t tmpfs none /run; mkdir /run/sshd
            ssh-keygen -q -t ed25519 -N '' -f \(path)/key; cp \(path)/key.pub \(path)/authorized
            for kind in good slow; do
                printf 'Port 2222\\nHostKey %s/key\\nAuthorizedKeysFile %s/authorized\\nStrictModes no\\nUsePAM no\\n' \
                    \(path) \(path) > $kind.conf
                printf 'PidFile none\\nPermitRootLogin yes\\n' >> $kind.conf
            done
            for last in 1 2 3; do echo "ListenAddress 127.0.0.$last" >> good.conf; done
            printf 'ListenAddress 127.0.0.4\\nForceCommand exec sleep 60\\n' >> slow.conf
            for kind in good slow; do $(command -v sshd) -D -f \(path)/$kind.conf 2>/dev/null & done
            iptables -A OUTPUT -d 127.0.0.5 -j DROP
            sleep 1
            code=0
            \(Command.path) collect --via ssh:root@ --no-api --timeout 20 -o \(path)/out.tar.zst \
                --nodes a=127.0.0.1,b=127.0.0.2,c=127.0.0.3,slow=127.0.0.4,gone=127.0.0.5 --ssh-option Port=2222 \
                --ssh-option IdentityFile=\(path)/key --ssh-option StrictHostKeyChecking=no \
                --ssh-option UserKnownHostsFile=/dev/null --ssh-option LogLevel=ERROR || code=$?
            echo "code $code"
            """, in: folder, behind: ["unshare", "-m", "-n", "-p", "--fork", "--mount-proc", "--kill-child"])
        #expect(output.contains("code 3"), "\(output)")
        let missing = output.split(separator: "\n").filter { $0.hasPrefix("missing: ") }
        #expect(missing.count == 2, "\(output)")
        #expect(missing.contains { $0.hasPrefix("missing: node slow: collecting: no answer within 20 s") })
        #expect(missing.contains { $0.hasPrefix("missing: node gone: collecting: ") })
        let shown = try Command.run(["bundle", "show", path + "/out.tar.zst"]).output
        #expect(shown.contains("3 nodes"))
        // Later answers name what is missing where it matters.
        let archive = path + "/out.tar.zst"
        let lost = "not collected: node slow: collecting: no answer within 20 s"
        let fromLost = try Command.run(["trace", archive, "--from", "node/slow", "--to", "10.9.9.9:80"])
        #expect(fromLost.code == 2 && fromLost.error.contains(lost), "\(fromLost)")
        let elsewhere = try Command.run(["trace", archive, "--from", "node/a", "--to", "10.9.9.9:80"])
        #expect(!(elsewhere.output + elsewhere.error).contains("not collected: node slow"), "\(elsewhere)")
        for command in ["services", "check"] {
            let answer = try Command.run([command, archive])
            #expect(answer.output.contains(lost), "\(command): \(answer)")
            #expect(answer.output.contains("not collected: node gone: "), "\(command): \(answer)")
        }
        #expect(try Command.run(["services", archive, "--node", "slow"]).error.contains(lost))
        // So does JSON: whole answers list what is missing, answers on one connection what they name.
        let entry = #"{"node":"slow","part":null,"reason":"collecting: no answer within 20 s"}"#
        let check = try Command.run(["check", archive, "-o", "json"])
        #expect(check.output.contains(#""not_collected":["#) && check.output.contains(entry), "\(check)")
        let services = try Command.run(["services", archive, "-o", "json"]).output.split(separator: "\n")
        for node in ["slow", "gone"] {
            let line = services.first { $0.contains(#""node":"\#(node)","not_compared":"not collected""#) }
            #expect(line?.contains(#""not_collected":[{"node":"\#(node)","#) == true, "\(services)")
        }
        let unknown = try Command.run(["trace", archive, "--from", "node/slow", "--to", "10.9.9.9:80", "-o", "json"])
        #expect(unknown.code == 2 && unknown.output.contains(#""not_collected":[\#(entry)]"#), "\(unknown)")
        let known = try Command.run(["trace", archive, "--from", "node/a", "--to", "10.9.9.9:80", "-o", "json"])
        #expect(!known.output.contains("not_collected"), "\(known)")
        let lines = #"{"id":1,"from":"node/gone","to":"10.9.9.9:80"}"# + "\n"
        let flow = try Command.run(["trace", archive, "--flows", "-"], input: lines)
        #expect(flow.output.contains(#""not_collected":[{"node":"gone","#), "\(flow)")
        let change = try Command.run(
            ["what-if", archive, "--set", "sysctl:node/a:net.ipv4.ip_forward=0", "-o", "json"])
        #expect(change.output.contains(entry), "\(change)")
        #expect(try Command.run(["bundle", "validate", path + "/out.tar.zst"]).code == 0)
    }

    /// Takes off what this process hands down: blocked signals, and a descriptor that would make it wait for every
    /// process that is left.
    private static let clean =
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.closerange(3, 256); "
        + "os.execvp(sys.argv[1], sys.argv[1:])"

    /// Real `kubectl`, recorded answers of a real API server, and commands run in a node of namespaces.
    private func kubernetes(_ body: String, in folder: TemporaryFolder) throws -> String? {
        guard isAble(root: true, "unshare", "nsenter", "python3", "kubectl", "ip", "iptables-nft") else { return nil }
        let shared = ProcessInfo.processInfo.environment["CLEW_SHARED"] ?? "../shared"
        let exchanges = URL(fileURLWithPath: shared).appendingPathComponent("kube-api/exchanges.jsonl").path
        guard FileManager.default.fileExists(atPath: exchanges) else {
            print("SKIP: no recorded exchanges at \(exchanges)")
            return nil
        }
        try folder.write("server.py", KubeAPIServer.source)
        let path = folder.path
        return try shell(
            """
            cd \(path); mkdir temporary
            for node in 1 2; do
                unshare -n -p -m --fork --mount-proc --kill-child sh -c "
                    ip link set lo up; ip link add pod$node type veth peer name eth0
                    ip addr add 192.168.50.1$node/24 dev pod$node; ip link set pod$node up
                    ip route add default via 192.168.50.1
                    iptables-nft -t nat -A OUTPUT -d 10.96.0.$node -p tcp --dport 80 -j DNAT --to 192.168.50.1$node:8080
                    echo \\$\\$ > ready$node; sleep 200" &
                eval holder$node=$!
            done
            while ! [ -s ready1 ] || ! [ -s ready2 ]; do sleep 0.1; done
            one=$(cat /proc/$holder1/task/$holder1/children); two=$(cat /proc/$holder2/task/$holder2/children)
            python3 server.py \(exchanges) port log worker-a=${one% } worker-b=${two% } 2>server.err &
            server=$!
            while ! [ -s port ]; do sleep 0.1; done
            printf 'apiVersion: v1\\nkind: Config\\nclusters: [{name: c, cluster: {server: "http://127.0.0.1:%s"}}]\\n' \
                "$(cat port)" > config
            printf 'users: [{name: u, user: {token: x}}]\\ncontexts: [{name: x, context: {cluster: c, user: u}}]\\n' >> config
            echo 'current-context: x' >> config
            export KUBECACHEDIR=\(path)/cache HOME=\(path) TMPDIR=\(path)/temporary KUBECONFIG=\(path)/config
            \(body)
            kill -s KILL $server $holder1 $holder2
            """, in: folder, behind: ["timeout", "-s", "KILL", "240", "python3", "-c", Self.clean])
    }

    @Test(arguments: ["kubectl-debug", "daemonset"])
    func byKubectl(way: String) throws {
        let folder = try TemporaryFolder()
        let clew = Command.path
        let output = try kubernetes(
            """
            \(clew) collect --via \(way) --timeout 60 -o way.tar.gz; echo "code $?"
            for node in 1 2; do
                eval "pid=\\$(cat /proc/\\$holder$node/task/\\$holder$node/children)"
                name=worker-$(echo $node | tr 12 ab)
                \(clew) collect script | nsenter -t ${pid% } -n -m -p sh -s -- --node $name --gap 0 > local$node.tar
            done
            """, in: folder)
        guard let output else { return }
        #expect(output.contains("code 3"), "\(output)")
        #expect(output.contains("missing: node worker-c: "), "\(output)")
        #expect(output.split(separator: "\n").count { $0.hasPrefix("missing: ") } == 1, "\(output)")
        let log = try String(contentsOfFile: folder.path + "/log", encoding: .utf8).split(separator: "\n")
        let made = Set(log.filter { $0.hasPrefix("POST ") }.map { $0.dropFirst(5) })
        let removed = Set(log.filter { $0.hasPrefix("DELETE ") }.map { $0.dropFirst(7) })
        #expect(!made.isEmpty && made.isSubset(of: removed), "\(log)")
        // The same is said of a connection, however the node was reached.
        for (node, name) in [(1, "worker-a"), (2, "worker-b")] {
            let question = ["--from", "node/\(name)", "--to", "10.96.0.\(node):80", "-o", "json"]
            let collected = try Command.run(["trace", folder.path + "/way.tar.gz"] + question)
            let local = try Command.run(
                ["trace", folder.path + "/local\(node).tar", "--add", folder.path + "/way.tar.gz"] + question)
            #expect(collected.output.contains("192.168.50.1\(node)"), "\(collected)")
            #expect(collected.code == local.code)
        }
        let objects = try Command.run(["bundle", "show", folder.path + "/way.tar.gz"]).output
        #expect(objects.contains("cluster/services.json"))
        let bytes = try shell("tar xzOf way.tar.gz cluster/pods.json", in: folder)
        #expect(!bytes.contains("last-applied-configuration"))
    }

    @Test func aKilledCollectorLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let pauses = (0..<10).map { _ in Double.random(in: 0...6) }
        let words = pauses.enumerated().map { "\($1):\($0 % 2 == 0 ? "KILL" : "TERM")" }.joined(separator: " ")
        print("killed after \(words)")
        let output = try kubernetes(
            """
            for moment in \(words); do
                \(Command.path) collect --via kubectl-debug --nodes worker-a,worker-c --timeout 8 -o killed.tar.gz \
                    2>/dev/null & collector=$!
                sleep ${moment%:*}; kill -s ${moment#*:} $collector 2>/dev/null; wait $collector
                [ ! -e killed.tar.gz ] || \(Command.path) bundle validate killed.tar.gz >/dev/null || echo "half: $moment"
                rm -f killed.tar.gz
            done
            # The guards look for pods once more.
            sleep 19
            ls -A temporary; ls -A | grep killed
            """, in: folder)
        guard let output else { return }
        #expect(!output.contains("half"), "\(output)")
        #expect(!output.contains("clew-"), "\(output)")
        #expect(!output.contains("killed"), "\(output)")
        let log = try String(contentsOfFile: folder.path + "/log", encoding: .utf8).split(separator: "\n")
        let made = Set(log.filter { $0.hasPrefix("POST ") }.map { $0.dropFirst(5) })
        let removed = Set(log.filter { $0.hasPrefix("DELETE ") }.map { $0.dropFirst(7) })
        #expect(made.isSubset(of: removed), "left: \(made.subtracting(removed)), killed after \(words)")
    }

    @Test func aDumpOfClusterInfoIsImported() throws {
        let folder = try TemporaryFolder()
        let output = try kubernetes(
            """
            kubectl cluster-info dump --all-namespaces --output-directory=dump >/dev/null
            \(Command.path) bundle import dump -o imported.tar.gz; echo "code $?"
            """, in: folder)
        guard let output else { return }
        #expect(output.contains("code 0"), "\(output)")
        #expect(output.contains("cluster/nodes.json ← nodes.json (API objects)"), "\(output)")
        #expect(output.contains("cluster/shop-pods.json ← shop/pods.json (API objects)"))
        #expect(output.contains("not understood: shop/two-0/logs.txt"))
        let archive = folder.path + "/imported.tar.gz"
        let shown = try Command.run(["bundle", "show", archive]).output
        #expect(shown.contains("every line read"), "\(shown)")
        let trace = try Command.run(
            ["trace", archive, "--from", "pod/shop/two-0", "--to", "pod/shop/three-0:80"])
        #expect(!trace.error.contains("no pod"), "\(trace)")
    }

    @Test func aSessionThatScriptRecordedIsImported() throws {
        guard isAble(root: true, "script", "unshare", "ip", "bash", "iptables-save") else { return }
        let folder = try TemporaryFolder()
        let output = try shell(
            """
            ip link set lo up; ip link add pod1 type veth peer name eth0; ip addr add 192.168.50.7/24 dev pod1
            ip link set pod1 up; ip link set eth0 up; ip route add 10.9.0.0/16 via 192.168.50.1
            printf 'ip addr\\nip route show table all\\nip rule\\nsysctl net.ipv4.ip_forward\\niptables-save\\nexit\\n' |
                script -q -c 'bash --norc --noprofile -i' typescript >/dev/null
            \(Command.path) bundle import typescript --node-name worker-a -o imported.tar.gz
            """, in: folder, behind: ["unshare", "-n"])
        for (file, command) in [
            ("ip-addr", "ip addr"), ("ip-route", "ip route show table all"), ("ip-rule", "ip rule"),
            ("sysctl", "sysctl net.ipv4.ip_forward"),
        ] { #expect(output.contains("nodes/worker-a/\(file).txt ← typescript: \(command)"), "\(output)") }
        let archive = folder.path + "/imported.tar.gz"
        #expect(try Command.run(["bundle", "validate", archive]).output.contains("valid"))
        let trace = try Command.run(["trace", archive, "--from", "node/worker-a", "--to", "10.9.1.1:80"])
        #expect(trace.output.contains("pod1"), "\(trace)")
    }

    @Test func aReportOfSosIsImported() throws {
        guard isAble(root: true, "sos", "unshare", "ip") else { return }
        let folder = try TemporaryFolder()
        let output = try shell(
            """
            ip link set lo up; ip link add pod1 type veth peer name eth0; ip addr add 192.168.50.7/24 dev pod1
            ip link set pod1 up; ip route add 10.9.0.0/16 via 192.168.50.1
            mkdir tmp
            sos report --batch --quiet -o networking,kernel,host -z gzip --tmp-dir \(folder.path)/tmp >/dev/null 2>&1
            \(Command.path) bundle import tmp/*.tar.gz --node-name worker-a -o imported.tar.gz
            """, in: folder, behind: ["unshare", "-n"])
        #expect(
            output.contains("nodes/worker-a/ip-route.txt ← sos_commands/networking/ip_route_show_table_all"),
            "\(output)")
        #expect(output.contains("nodes/worker-a/sysctl.txt ← sos_commands/kernel/sysctl_-a"))
        #expect(output.contains(" files in sys/"))
        let archive = folder.path + "/imported.tar.gz"
        #expect(try Command.run(["bundle", "validate", archive]).output.contains("valid"))
        let trace = try Command.run(["trace", archive, "--from", "node/worker-a", "--to", "10.9.1.1:80"])
        #expect(trace.output.contains("10.9.0.0/16 via 192.168.50.1"), "\(trace)")
    }

    @Test func bundlesAreTakenApartAndJoined() throws {
        let folder = try TemporaryFolder()
        let rules = String(repeating: "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", count: 40)
        for node in ["a", "b"] {
            try folder.write("bundle/nodes/\(node)/iptables-save.txt", rules)
            try folder.write("bundle/nodes/\(node)/sysctl.txt", "net.ipv4.ip_forward = \(node == "a" ? 1 : 0)\n")
        }
        try folder.write("bundle/cluster/x.json", "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[]}")
        try folder.write(
            "bundle/bundle.json",
            """
            {"formatVersion": 1, "collected": "2026-01-31T09:30:00Z", "missing": [{"what": "node c", "reason": "\\"c\\": gone"}],
             "artifacts": {"nodes/a/sysctl.txt": {"command": "sysctl -a \\"x\\"", "exitCode": 0},
                           "nodes/b/sysctl.txt": {"command": "sysctl -a", "exitCode": 1}}}
            """)
        let into = folder.path + "/parts"
        let split = try Command.run(["bundle", "split", folder.path + "/bundle", "--into", into + "/"])
        #expect(split.code == 0, "\(split)")
        let only = try shell("tar tzf parts/a.tar.gz; tar xzOf parts/a.tar.gz bundle.json", in: folder)
        #expect(only.contains("nodes/a/sysctl.txt") && !only.contains("nodes/b/"), "\(only)")
        for ending in ["tar", "tar.gz", "tar.zst"] {
            let joined = folder.path + "/joined.\(ending)"
            let merge = try Command.run(["bundle", "merge", into + "/a.tar.gz", into + "/b.tar.gz", "-o", joined])
            #expect(merge.code == 0, "\(merge)")
            let before = try Command.run(["bundle", "show", folder.path + "/bundle"]).output.split(separator: "\n")
            let after = try Command.run(["bundle", "show", joined]).output.split(separator: "\n")
            // The manifest is written anew, so its own line and the sizes that count it differ.
            let isOfManifest = { (line: Substring) in
                line.contains("bundle.json") || line.hasPrefix("size: ") || line.hasPrefix("  all else: ")
            }
            #expect(before.dropFirst().filter { !isOfManifest($0) } == after.dropFirst().filter { !isOfManifest($0) })
        }
        // The same bytes are stored once, and any tar unpacks them.
        let unpacked = try shell(
            """
            tar tvf joined.tar | grep -c '^h'
            mkdir out; tar xf joined.tar -C out; cmp out/nodes/a/iptables-save.txt bundle/nodes/b/iptables-save.txt && echo same
            tar xOf joined.tar bundle.json
            """, in: folder)
        #expect(unpacked.hasPrefix("1\nsame\n"), "\(unpacked)")
        #expect(unpacked.contains("\"nodes/a/sysctl.txt\": {\"command\": \"sysctl -a \\\"x\\\"\", \"exitCode\": 0}"))
        #expect(unpacked.contains(#"{"what": "node c", "reason": "\"c\": gone"}"#), "\(unpacked)")
        let invalid = try Command.run(["bundle", "validate", folder.path + "/joined.tar"])
        #expect(invalid.code == 1)
        #expect(invalid.output.contains("node a: no routes"))
    }
}
