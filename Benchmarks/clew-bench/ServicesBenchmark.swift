import ClewBundle
import ClewCompare
import ClewDataplane
import ClewParsers
import ClewSnapshot
import Foundation

/// A node's whole rule set against the contract of all Services, from files to verdict.
struct ServicesBenchmark {
    let services: Int
    let endpoints: Int

    func run() {
        let folder = NSTemporaryDirectory() + "clew-bench-services-\(getpid())/"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let dump = KubeProxyDump(services: services, endpoints: endpoints)
        let rules = folder + "iptables-save.txt"
        write(dump.text(), to: rules)
        write(
            ObjectBenchmarks(services: services, endpoints: endpoints).list(node: Self.node),
            to: folder + "objects.json")
        write(RuleBenchmarks.addresses, to: folder + "ip-addr.txt")
        write(RuleBenchmarks.routes, to: folder + "ip-route.txt")
        write("net.ipv4.ip_forward = 1\n", to: folder + "sysctl.txt")
        print("services: \(services) Services × \(endpoints) endpoints on one node, from files to verdict")
        var own: Double?
        for _ in 0..<3 {
            guard let child = Measure.run([CommandLine.arguments[0], "services", folder]), child.status == 0 else {
                continue
            }
            let peak = format(Double(child.peak) / 1e6)
            print(
                """
                  \(format(child.elapsed * 1e3)) ms from start to end, \(format(child.seconds * 1e3)) ms of processor \
                time, peak memory \(peak) MB
                """)
            own = min(own ?? .infinity, child.seconds)
        }
        guard let own else { return print("  SKIP: the comparison did not end well") }
        if let restore = Measure.run(["unshare", "-n", "iptables-legacy-restore", "--test"], input: rules),
            restore.status == 0
        {
            print(
                "  iptables-legacy-restore --test of the same rules: \(format(restore.seconds * 1e3)) ms, ratio \(format(own / restore.seconds))"
            )
        } else {
            print("  SKIP iptables-legacy-restore --test: it could not be run here (needs root and iptables)")
        }
    }

    private func write(_ text: String, to path: String) {
        if !FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) {
            print("  \(path) cannot be written")
        }
    }

    private static let node = """
        {"apiVersion":"v1","kind":"Node","metadata":{"name":"node-0"},"spec":{"podCIDR":"10.128.0.0/24","podCIDRs":["10.128.0.0/24"]},\
        "status":{"addresses":[{"type":"InternalIP","address":"192.168.50.11"}]}}
        """

    /// What the child does: reads a folder, compares, says what it found.
    static func compare(_ folder: String) -> Int32 {
        let clock = ContinuousClock()
        var last = clock.now
        func lap(_ what: String) {
            let now = clock.now
            let seconds = last.duration(to: now)
            print("    \(what): \(seconds.formatted(.units(allowed: [.milliseconds])))")
            last = now
        }
        let names = ["objects.json", "iptables-save.txt", "ip-addr.txt", "ip-route.txt", "sysctl.txt"]
        let artifacts = names.compactMap { name in
            FileManager.default.contents(atPath: folder + name).map { Artifact(path: name, bytes: [UInt8]($0)) }
        }
        lap("read")
        let snapshot = ClusterSnapshot(parsing: SupportBundle(name: "bench", artifacts: artifacts), nodeName: "node-0")
        lap("parse")
        let dataplane = Dataplane(compiling: snapshot)
        lap("compile")
        guard let node = snapshot.nodes.first else { return 1 }
        let result = ServicesComparison(dataplane).compare(node)
        lap("compare")
        let inOrder = result.ports.count { $0.status == .inOrder }
        print("    \(inOrder) of \(result.ports.count) Service ports in order, \(result.classCount) classes")
        for group in result.causes.prefix(3) { print("    \(group.cause)") }
        return inOrder == result.ports.count && inOrder > 0 ? 0 : 1
    }
}
