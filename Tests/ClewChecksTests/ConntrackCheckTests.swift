import ClewChecks
import ClewDiagnostics
import ClewSnapshot
import ClewTestSupport
import Testing

/// Checks of connection tracking: a case that fires and a near miss for each.
@Suite struct ConntrackCheckTests {
    private static let sysctl = "nodes/worker-a/sysctl.txt"
    private static let table = "nodes/worker-a/conntrack.txt"
    private static let rules = "nodes/worker-a/iptables-save.txt"
    private static let kernelLog = "nodes/worker-a/dmesg.txt"
    private static let proxyLog = "nodes/worker-a/pod-logs/kube-system_kube-proxy-x_1-kube-proxy-0.log"
    private static let example = EditableBundle.example("bridge-nf-on")

    private static func edited(_ change: @Sendable (inout EditableBundle) -> Void) -> ClusterSnapshot {
        var bundle = example
        change(&bundle)
        return bundle.snapshot
    }

    private static func fires(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .fires, title) { edited(change) } }

    private static func isQuiet(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .isQuiet, title) { edited(change) } }

    private static func count(_ number: Int) -> @Sendable (inout EditableBundle) -> Void {
        { $0.append("net.netfilter.nf_conntrack_count = \(number)", to: sysctl) }
    }

    private static func counters(_ first: String, _ second: String) -> @Sendable (inout EditableBundle) -> Void {
        {
            $0["nodes/worker-a/conntrack-stats-1.txt"] = "cpu=0 found=0 \(first)\n"
            $0["nodes/worker-a/conntrack-stats-2.txt"] = "cpu=0 found=0 \(second)\n"
        }
    }

    private static func entries(_ count: Int, _ state: String, timeout: Int, others: Int = 0) -> String {
        let lines = (0..<(count + others)).map { number in
            let (own, left) = number < count ? (state, timeout) : ("CLOSE", 5)
            return "tcp      6 \(left) \(own) src=10.244.1.5 dst=192.0.2.1 sport=\(20_000 + number) dport=443 "
                + "src=192.0.2.1 dst=192.168.50.11 sport=443 dport=\(20_000 + number) [ASSURED] mark=0 use=1"
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func udp(_ destination: String, answers: String, _ timeout: Int = 170) -> String {
        "udp      17 \(timeout) src=10.244.1.5 dst=\(destination) sport=40000 dport=80 [UNREPLIED] "
            + "src=\(answers) dst=10.244.1.5 sport=8080 dport=40000 mark=0 use=1\n"
    }

    private static func raw(_ bundle: inout EditableBundle, _ rule: String) {
        bundle.replace(
            "*mangle",
            with: "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING \(rule)\nCOMMIT\n*mangle",
            in: rules)
    }

    private static func makeUDP(_ bundle: inout EditableBundle) {
        bundle.replace(
            "      protocol: TCP\n      targetPort: 8080", with: "      protocol: UDP\n      targetPort: 8080",
            in: "cluster/objects.yaml")
        bundle.replace(
            "    port: 8080\n    protocol: TCP", with: "    port: 8080\n    protocol: UDP", in: "cluster/objects.yaml")
    }

    static let sizes: [RowCase] = [
        fires("CT001", "count is the limit", count(262_144)),
        isQuiet("CT001", "count is below the limit", count(262_000)),
        fires("CT001", "the kernel said so") {
            $0.append("[1234.5] nf_conntrack: nf_conntrack: table full, dropping packet", to: kernelLog)
        },
        isQuiet("CT001", "the kernel said something else") {
            $0.append("[1234.5] nf_conntrack version 0.5.0 (65536 buckets, 262144 max)", to: kernelLog)
        },
        fires("CT002", "90 percent", count(236_000)),
        isQuiet("CT002", "half full", count(131_072)),
        fires("CT003", "it grows", counters("insert_failed=3", "insert_failed=8")),
        isQuiet("CT003", "it never happened", counters("insert_failed=0", "insert_failed=0")),
        fires("CT004", "sixteen to a bucket") {
            $0.replace(
                "net.netfilter.nf_conntrack_buckets = 262144", with: "net.netfilter.nf_conntrack_buckets = 16384",
                in: sysctl)
        },
        isQuiet("CT004", "one to a bucket") { _ in },
        fires("CT005", "most have ended") {
            $0[table] = entries(80, "TIME_WAIT", timeout: 100, others: 20)
            count(200_000)(&$0)
        },
        isQuiet("CT005", "most have ended, and there is room") {
            $0[table] = entries(80, "TIME_WAIT", timeout: 100, others: 20)
            count(1000)(&$0)
        },
        fires("CT006", "most are days old") { $0[table] = entries(120, "ESTABLISHED", timeout: 400_000) },
        isQuiet("CT006", "all were used today") { $0[table] = entries(120, "ESTABLISHED", timeout: 80_000) },
        fires("CT009", "ever more invalid, and nothing drops them") {
            counters("invalid=5", "invalid=50")(&$0)
            $0.removeLines("--ctstate INVALID", in: "nodes/worker-a/iptables-save.txt")
        },
        isQuiet("CT009", "KUBE-FORWARD drops them", counters("invalid=5", "invalid=50")),
        fires("CT011", "a file says otherwise") {
            $0["nodes/worker-a/sysctl-files.txt"] =
                "/etc/sysctl.d/90-k8s.conf:net.netfilter.nf_conntrack_max = 1048576\n"
        },
        isQuiet("CT011", "the file says the same") {
            $0["nodes/worker-a/sysctl-files.txt"] =
                "/etc/sysctl.d/90-k8s.conf:net.netfilter.nf_conntrack_max = 262144\n"
        },
        fires("CT012", "all ports to one place") { $0[table] = portEntries(52_000) },
        isQuiet("CT012", "half of them") { $0[table] = portEntries(30_000) },
        fires("CT013", "the Services' range is not tracked") { raw(&$0, "-d 10.96.0.0/12 -j CT --notrack") },
        isQuiet("CT013", "what is no Service's is not tracked") { raw(&$0, "-d 169.254.20.10/32 -j CT --notrack") },
        fires("CT015", "no program") {
            $0.append(
                "error looking for path of conntrack: exec: \"conntrack\": executable file not found in $PATH",
                to: proxyLog)
        },
        isQuiet("CT015", "the module is built in") {
            $0["nodes/worker-a/proc-modules.txt"] = "nf_tables 1 1 - Live 0x0\n"
            $0["nodes/worker-a/modules-builtin.txt"] = "kernel/net/netfilter/nf_conntrack.ko\n"
        },
    ]

    private static func portEntries(_ count: Int) -> String {
        var text = ""
        for number in 0..<count {
            text +=
                "tcp      6 100 ESTABLISHED src=10.244.1.5 dst=192.0.2.1 sport=\(1024 + number) dport=443 "
                + "src=192.0.2.1 dst=192.168.50.11 sport=443 dport=\(1024 + number) [ASSURED] mark=0 use=1\n"
        }
        return text
    }

    static let stale: [RowCase] = [
        fires("CT007", "the pod is gone") {
            makeUDP(&$0)
            $0[table] = udp("10.96.0.20", answers: "10.244.1.99")
        },
        isQuiet("CT007", "the pod is the endpoint") {
            makeUDP(&$0)
            $0[table] = udp("10.96.0.20", answers: "10.244.1.6")
        },
        isQuiet("CT007", "it ends in a moment") {
            makeUDP(&$0)
            $0[table] = udp("10.96.0.20", answers: "10.244.1.99", 3)
        },
        fires("CT008", "it was sent before there were rules") {
            makeUDP(&$0)
            $0.replace(
                "/32 -p tcp -m comment --comment \"shop/api:http cluster IP\" -m tcp --dport 80",
                with:
                    "/32 -p udp -m comment --comment \"shop/api:http cluster IP\" -m udp --dport 80", in: rules)
            $0.replace(
                "-A KUBE-SEP-KWPGP54VZQEWMJAD -p tcp -m comment --comment \"shop/api:http\" -m tcp",
                with:
                    "-A KUBE-SEP-KWPGP54VZQEWMJAD -p udp -m comment --comment \"shop/api:http\" -m udp", in: rules)
            $0[table] = udp("10.96.0.20", answers: "10.96.0.20")
        },
        isQuiet("CT008", "a new packet is not translated either") {
            makeUDP(&$0)
            $0[table] = udp("10.96.0.20", answers: "10.96.0.20")
        },
        isQuiet("CT008", "it goes to no Service") {
            makeUDP(&$0)
            $0[table] = udp("192.0.2.53", answers: "192.0.2.53")
        },
    ]

    @Test(arguments: sizes + stale)
    func aCheckFiresOrIsQuiet(_ rowCase: RowCase) throws { try rowCase.verify() }

    @Test func everyCheckHasBothCases() {
        let checks = CheckCatalogue.all.filter { type(of: $0).metadata.group == .conntrack }
        RowCase.verifyPairs(Self.sizes + Self.stale, checks)
    }
}
