import Foundation

/// `clew check` on the bundle of a large cluster, against `iptables-restore` reading the same rules.
struct CheckBenchmarks {
    let cluster: ClusterBundle

    func run() {
        let folder = NSTemporaryDirectory() + "clew-bench-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var size = 0
        do {
            size = try cluster.write(to: folder)
        } catch {
            print("SKIP check: \(folder) cannot be written: \(error)")
            return
        }
        let megabytes = format(Double(size) / 1e6)
        print(
            "check: \(cluster.nodes) nodes × \(cluster.services) Services × \(cluster.endpoints) endpoints, "
                + "\(cluster.isFaulty ? "6 nodes broken" : "healthy"), \(megabytes) MB")
        let command = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("clew").path
        let start = Date()
        guard let check = Measure.run([command, "check", folder]), check.status == 0 || check.status == 1 << 8 else {
            print("  SKIP: \(command) could not be run; build it in the same configuration")
            return
        }
        let elapsed = Date().timeIntervalSince(start)
        print(
            "  clew check: \(format(elapsed)) s, \(format(check.seconds)) s of processors, peak memory \(format(Double(check.peak) / 1e6)) MB, \(format(Double(check.peak) / Double(size))) times the bundle"
        )
        var restored = 0.0
        for node in 0..<cluster.nodes {
            let file = "\(folder)/nodes/\(ClusterBundle.nodeName(node))/iptables-save.txt"
            guard let restore = Measure.run(["unshare", "-n", "iptables-legacy-restore", "--test"], input: file),
                restore.status == 0
            else {
                print("  SKIP iptables-legacy-restore --test: it could not be run here (needs root and iptables)")
                return
            }
            restored += restore.seconds
        }
        print(
            "  iptables-legacy-restore --test of the \(cluster.nodes) nodes' rules: \(format(restored)) s of processors: \(format(restored / check.seconds)) times as long"
        )
    }
}
