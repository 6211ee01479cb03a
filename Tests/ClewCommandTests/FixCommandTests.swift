import ClewTestSupport
import Foundation
import Testing

/// `clew fix` and `clew what-if` on the examples.
@Suite struct FixCommandTests {
    private static func run(_ arguments: [String]) throws -> CommandResult {
        try Command.run(arguments, environment: ["LC_ALL": "C.UTF-8"])
    }

    private static func shell(_ script: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [script] + arguments
        let pipe = Pipe()
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    private static let bridgeOff = CheckCommandTests.example("bridge-nf-off")
    private static let bridgeOn = CheckCommandTests.example("bridge-nf-on")

    @Test func theScriptSaysWhatWhyAndWhere() throws {
        let result = try Self.run(["fix", Self.bridgeOff, "BR001"])
        #expect(result.code == 0, "\(result)")
        #expect(
            result.output.hasPrefix(
                """
                #!/bin/sh
                # BR001 bridge-nf-call-iptables-off: node/worker-a bridges answers of Services past conntrack
                #
                # Why:     the answer reaches the client with the pod's address, which it never wrote to
                """), "\(result.output)")
        for part in [
            "'apply worker-a')", "    sysctl -w net.bridge.bridge-nf-call-iptables=1\n", "'persist worker-a')",
            "'undo worker-a')", "    sysctl -w net.bridge.bridge-nf-call-iptables=0",
        ] { #expect(result.output.contains(part), "\(part)") }
        #expect(try Self.run(["fix", Self.bridgeOff, "bridge-nf-call-iptables-off:worker-a"]).code == 0)
    }

    @Test func theShellReadsTheScript() throws {
        let folder = try TemporaryFolder()
        let script = try folder.write("fix.sh", try Self.run(["fix", Self.bridgeOff, "BR001:node/worker-a"]).output)
        #expect(try Self.shell("-n", [script]).code == 0)
        let usage = try Self.shell(script, [])
        #expect(usage.code == 2)
        #expect(usage.output.hasPrefix("BR001 bridge-nf-call-iptables-off"), "\(usage.output)")
        #expect(usage.output.contains("sh FILE apply worker-a"))
        #expect(!usage.output.contains("set -eu"))
    }

    /// A rule is deleted, and brought back, once however often the script is run.
    @Test func rulesAreAskedForBeforeTheyAreChanged() throws {
        let folder = try TemporaryFolder()
        let copy = folder.path + "/bundle"
        try FileManager.default.copyItem(at: URL(fileURLWithPath: Self.bridgeOn), to: URL(fileURLWithPath: copy))
        let path = copy + "/nodes/worker-a/iptables-save.txt"
        let rules = try String(contentsOfFile: path, encoding: .utf8)
        let first = try #require(rules.range(of: "-A FORWARD "))
        let changed = rules[..<first.lowerBound] + "-A FORWARD -i cni0 -j DROP\n" + rules[first.lowerBound...]
        try String(changed).write(toFile: path, atomically: true, encoding: .utf8)
        let script = try Self.run(["fix", copy, "FW008"]).output
        #expect(
            script.contains(
                "! iptables-nft -t filter -C FORWARD -i cni0 -j DROP 2>/dev/null || "
                    + "iptables-nft -t filter -D FORWARD -i cni0 -j DROP"), "\(script)")
        #expect(
            script.contains(
                "iptables-nft -t filter -C FORWARD -i cni0 -j DROP 2>/dev/null || iptables-nft -t filter -I FORWARD"),
            "\(script)")
    }

    @Test func verifyingShowsBeforeAndAfter() throws {
        let result = try Self.run(["fix", Self.bridgeOff, "BR001", "--verify"])
        #expect(result.code == 0, "\(result)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("  before  1 of ") })
        #expect(lines.contains { $0.hasPrefix("  after   0 of ") })
        #expect(lines.contains("1 fails now and would work"))
        #expect(lines.contains { $0.hasPrefix("proven: ") })
    }

    @Test func aFindingThatIsNotThereIsRefused() throws {
        for arguments in [
            ["fix", Self.bridgeOff, "FW001"], ["fix", Self.bridgeOff, "XX001"], ["fix", Self.bridgeOff],
            ["fix", Self.bridgeOff, "BR001:worker-b"], ["fix", Self.bridgeOff, "BR001", "--option", "9"],
            ["fix", "why-not", Self.bridgeOff, "BR001"],
        ] {
            let result = try Self.run(arguments)
            #expect(
                result.code == 2 && result.errorLines.count == 1 && result.output.isEmpty, "\(arguments): \(result)")
        }
    }

    @Test func harmfulAdviceIsShownWithWhatItWouldDo() throws {
        let open = try Self.run(["fix", "why-not", CheckCommandTests.example("flannel-forward-drop"), "forward-accept"])
        #expect(open.code == 0, "\(open)")
        #expect(open.output.contains("$ iptables -P FORWARD ACCEPT"))
        #expect(open.output.contains("would work") && open.output.contains("would be let through"), "\(open.output)")
        let disguise = try Self.run(["fix", "why-not", Self.bridgeOn, "blanket-snat"])
        #expect(disguise.output.contains("would hide the sender from the receiver"), "\(disguise.output)")
        // None of it is ever proposed.
        let check = try Self.run(["check", CheckCommandTests.example("flannel-forward-drop"), "--verbose"])
        #expect(!check.output.contains("-P FORWARD ACCEPT"))
    }

    // MARK: - What if

    @Test func aPlannedChangeIsWalkedBeforeAndAfter() throws {
        let result = try Self.run([
            "what-if", Self.bridgeOn, "--set", "sysctl:node/worker-a:net.bridge.bridge-nf-call-iptables=0",
        ])
        #expect(result.code == 1, "\(result)")
        #expect(result.output.contains("1 works now and would not\n  pod/shop/web-0 → 10.96.0.20:80/tcp"))
        let mended = try Self.run([
            "what-if", Self.bridgeOff, "--set", "sysctl:worker-a:net/bridge/bridge-nf-call-iptables=1",
        ])
        #expect(mended.code == 0 && mended.output.contains("1 fails now and would work"), "\(mended)")
        let nothing = try Self.run(["what-if", Self.bridgeOn, "--set", "mtu:node/worker-a:cni0=1400"])
        #expect(nothing.code == 0 && nothing.output.contains("No connection that was walked changes."), "\(nothing)")
    }

    /// Every kind of change, each with what it does to the healthy example.
    @Test(arguments: [
        ("policy:node/worker-a:filter:FORWARD=DROP", 0),
        ("rule:node/worker-a:filter:-I FORWARD 1 -i cni0 -j DROP", 1),
        ("rule:node/worker-a:filter:-I FORWARD -i cni0 -j DROP", 1),
        ("rule:node/worker-a:filter:-A FORWARD -i cni0 -j DROP", 0),
        ("rule:node/worker-a:nat:-D PREROUTING 1", 1),
        ("rule:node/worker-a:filter:-D FLANNEL-FWD -s 10.244.0.0/16 -j ACCEPT", 0),
        ("route:node/worker-b:del 10.244.1.0/24", 3),
        ("route:node/worker-b:add blackhole 10.244.1.0/24", 1),
        ("hairpin:node/worker-a:veth91be07d4=off", 1),
        ("link:pod/shop/web-0:eth0=down", 1),
        ("sysctl:node/worker-b:net.ipv4.ip_forward=0", 1),
        ("service:shop/api:internalTrafficPolicy=Local", 1), ("service:shop/api:externalTrafficPolicy=Local", 0),
        ("service:shop/api:ports[http].targetPort=9090", 1), ("service:shop/api:spec.ports[0].port=81", 1),
        ("service:shop/api:externalIPs=192.168.50.99,192.168.50.98", 0), ("pod:shop/api-0:ready=false", 1),
        ("pod:shop/api-0:ready=true", 0), ("proxy:node/worker-a:clusterCIDR=10.0.0.0/8", 0),
    ])
    func eachKindOfChange(change: String, code: Int32) throws {
        let result = try Self.run(["what-if", Self.bridgeOn, "--set", change, "-o", "json"])
        #expect(result.code == code, "\(change): \(result)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(object["schema"] as? String == "clew.what-if/v1")
        let kinds = try #require(object["changes"] as? [[String: Any]]).map { $0["kind"] as? String }
        #expect(kinds.contains("breaks") == (code == 1))
    }

    @Test func changesFollowEachOther() throws {
        let result = try Self.run([
            "what-if", Self.bridgeOn, "--set", "rule:node/worker-a:filter:-I FORWARD 1 -i cni0 -j DROP",
            "--set", "rule:node/worker-a:filter:-D FORWARD 1",
        ])
        #expect(result.code == 0 && result.output.contains("No connection"), "\(result)")
    }

    @Test func kubeProxysParametersChangeWhatReceiversSee() throws {
        let result = try Self.run(["what-if", Self.bridgeOn, "--set", "proxy:all:masqueradeAll=true"])
        #expect(result.code == 0 && result.output.contains("would hide the sender"), "\(result)")
        // What kube-proxy was told holds for changes that follow.
        let both = try Self.run([
            "what-if", Self.bridgeOn, "--set", "proxy:all:masqueradeAll=true", "--set", "pod:shop/api-0:ready=true",
        ])
        #expect(both.code == 0 && both.output.contains("would hide the sender"), "\(both)")
    }

    @Test func oneConnection() throws {
        let result = try Self.run([
            "what-if", Self.bridgeOn, "--set", "sysctl:node/worker-a:net.bridge.bridge-nf-call-iptables=0", "--from",
            "pod/shop/web-0", "--to", "svc/shop/api",
        ])
        #expect(result.code == 1 && result.output.contains("1 of 1 connection fail"), "\(result)")
    }

    @Test(arguments: [
        "nonsense", "nonsense:node/worker-a:x=y", "sysctl:node/worker-a", "sysctl:node/worker-a:x",
        "sysctl:node/nobody:net.ipv4.ip_forward=0", "sysctl:pod/shop/nobody:net.ipv4.ip_forward=0",
        "policy:node/worker-a:filter:FORWARD=MAYBE", "policy:node/worker-a:filter:NOWHERE=DROP",
        "policy:node/worker-a:ip9/filter:FORWARD=DROP", "rule:node/worker-a:filter:-X FORWARD",
        "rule:node/worker-a:filter:-I FORWARD 1", "rule:node/worker-a:filter:-D FORWARD 999",
        "rule:node/worker-a:filter:-D FORWARD -j NOWHERE", "rule:node/worker-a:filter:-A FORWARD -m nonsense -j DROP",
        "route:node/worker-a:del 10.9.9.0/24", "route:node/worker-a:add nonsense",
        "route:node/worker-a:turn 10.0.0.0/8",
        "neigh:node/worker-a:add 10.0.0.1 dev eth0", "neigh:node/worker-a:del 10.0.0.99 dev eth0",
        "fdb:node/worker-a:del 02:00:00:00:00:99 dev eth0", "fdb:node/worker-a:add nonsense dev eth0",
        "mtu:node/worker-a:eth0=12", "mtu:node/worker-a:nothing=1400", "hairpin:node/worker-a:eth0=perhaps",
        "link:node/worker-a:nothing=down", "service:shop/nobody:sessionAffinity=None", "service:shop:x=y",
        "service:shop/api:nonsense=1", "service:shop/api:sessionAffinity=Perhaps",
        "service:shop/api:ports[9].targetPort=80", "service:shop/api:ports[http].targetPort=nonsense",
        "service:shop/api:ports[http].nodePort=0", "service:shop/api:externalIPs=nonsense",
        "pod:shop/nobody:ready=false", "pod:shop/api-0:up=true", "proxy:node/nobody:masqueradeAll=true",
        "proxy:all:nonsense=1", "proxy:all:clusterCIDR=nonsense", "proxy:all:masqueradeBit=32",
    ])
    func whatIsNoChangeIsSaid(change: String) throws {
        let result = try Self.run(["what-if", Self.bridgeOn, "--set", change])
        #expect(result.code == 2 && result.errorLines.count == 1 && result.output.isEmpty, "\(change): \(result)")
    }

    @Test func usage() throws {
        #expect(try Self.run(["what-if", Self.bridgeOn]).error.contains("--set is missing"))
        for arguments in [["fix", "--help"], ["fix", "why-not", "--help"], ["what-if", "--help"]] {
            let result = try Self.run(arguments)
            #expect(result.code == 0 && result.output.contains("EXAMPLES:"), "\(arguments)")
        }
        #expect(try Self.run(["what-if", "--help"]).output.contains("rule:NODE:TABLE:-A|-I|-D CHAIN [NUMBER] RULE"))
    }
}
