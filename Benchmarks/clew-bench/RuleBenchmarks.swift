import ClewBundle
import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import Foundation

/// Parsing and tracing a large rule set.
struct RuleBenchmarks {
    let services: Int
    let endpoints: Int

    static func parseFile(_ path: String) -> Int {
        guard let data = FileManager.default.contents(atPath: path) else { return 0 }
        let bytes = [UInt8](data)
        return parse(bytes).ruleSet.rules.count
    }

    private static func parse(_ bytes: [UInt8]) -> ParsedRuleSet {
        IptablesSaveParser.parse(bytes, artifact: ArtifactID(rawValue: 0), family: .ipv4, backend: nil)
    }

    func run() {
        let dump = KubeProxyDump(services: services, endpoints: endpoints)
        let text = dump.text()
        let bytes = Array(text.utf8)
        let path = NSTemporaryDirectory() + "clew-bench-\(getpid()).txt"
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
            print("SKIP: \(path) cannot be written")
            return
        }
        defer { try? FileManager.default.removeItem(atPath: path) }
        var rules = 0
        let own = Measure.best(of: 7) { rules = Self.parse(bytes).ruleSet.rules.count }
        let megabytes = Double(bytes.count) / 1e6
        print("rule set: \(services) Services × \(endpoints) endpoints, \(rules) rules, \(format(megabytes)) MB")
        print("  parse: \(format(own * 1e3)) ms, \(format(megabytes / own)) MB/s")
        if let restore = Measure.run(["unshare", "-n", "iptables-legacy-restore", "--test"], input: path),
            restore.status == 0
        {
            print(
                "  iptables-legacy-restore --test: \(format(restore.seconds * 1e3)) ms: \(format(restore.seconds / own)) times as long"
            )
        } else {
            print("  SKIP iptables-legacy-restore --test: it could not be run here (needs root and iptables)")
        }
        if let parse = Measure.run([CommandLine.arguments[0], "parse", path]) {
            print(
                "  peak memory of a process that reads and parses it: \(format(Double(parse.peak) / 1e6)) MB, \(format(Double(parse.peak) / Double(bytes.count))) times the file"
            )
        }
        trace(bytes, dump)
    }

    private func trace(_ bytes: [UInt8], _ dump: KubeProxyDump) {
        let node = "nodes/a/"
        let artifacts = [
            Artifact(path: node + "iptables-save.txt", bytes: bytes),
            Artifact(path: node + "ip-addr.txt", bytes: Array(Self.addresses.utf8)),
            Artifact(path: node + "ip-route.txt", bytes: Array(Self.routes.utf8)),
            Artifact(path: node + "sysctl.txt", bytes: Array("net.ipv4.ip_forward = 1\n".utf8)),
        ]
        var dataplane: Dataplane?
        let load = Measure.best(of: 1) {
            dataplane = Dataplane(
                compiling: ClusterSnapshot(parsing: SupportBundle(name: "bench", artifacts: artifacts), nodeName: nil))
        }
        guard let dataplane else { return }
        print("  load and compile: \(format(load * 1e3)) ms")
        for (name, service) in [("first", 0), ("middle", services / 2), ("last", services - 1)] {
            guard let destination = IPAddress(KubeProxyDump.clusterIP(service)) else { continue }
            let flow = Flow(
                origin: .host(node: "a"), destination: destination, destinationPort: 80, ipProtocol: .tcp,
                fromText: "node/a", toText: destination.description)
            var branches = 0
            let rounds = 200
            let time = Measure.best(of: 5) { for _ in 0..<rounds { branches = dataplane.trace(flow).branches.count } }
            print(
                "  trace there and back, \(name) Service: \(format(time / Double(rounds) * 1e6)) µs, \(branches) branches"
            )
        }
        walkLocally(dataplane)
    }

    /// One node, the hooks of one direction, every end of every packet; all that happened is kept, so that any can be
    /// explained.
    private func walkLocally(_ dataplane: Dataplane) {
        guard var walk = LocalWalk(dataplane, node: "a"), let source = IPAddress("192.168.50.11") else { return }
        // Services in an order that no cache foresees: a step that has no divisor in common with their number.
        let stride = 7_919
        let tuples = (0..<services).compactMap { number -> ConntrackTuple? in
            IPAddress(KubeProxyDump.clusterIP(number &* stride % services)).map {
                ConntrackTuple(
                    source: source, destination: $0, ipProtocol: .tcp, sourcePort: 40_000, destinationPort: 80)
            }
        }
        var ends = 0
        var steps = 0
        let time = Measure.best(of: 5) {
            ends = 0
            for tuple in tuples {
                walk.walk(tuple)
                ends += walk.ends.count
            }
        }
        let each = time / Double(max(tuples.count, 1))
        print(
            "  explained node-local walk, random Service: \(format(each * 1e9)) ns, \(format(1 / each)) per second, \(ends / max(tuples.count, 1)) ends each"
        )
        let words = Measure.best(of: 5) {
            for tuple in tuples.prefix(100) {
                walk.walk(tuple)
                for end in walk.ends { steps += walk.steps(to: end).count }
            }
        }
        print(
            "  the same with every end put into words: \(format(words / Double(max(tuples.prefix(100).count, 1)) * 1e6)) µs"
        )
    }

    static let addresses = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet 192.168.50.11/24 brd 192.168.50.255 scope global eth0

        """

    static let routes = """
        default via 192.168.50.1 dev eth0
        192.168.50.0/24 dev eth0 proto kernel scope link src 192.168.50.11
        local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
        local 192.168.50.11 dev eth0 table local proto kernel scope host src 192.168.50.11

        """
}

/// Three significant digits.
func format(_ value: Double) -> String {
    value >= 100 ? String(Int(value.rounded())) : String(format: value >= 10 ? "%.1f" : "%.2f", value)
}
