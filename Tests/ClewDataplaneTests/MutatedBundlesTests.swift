import ClewBundle
import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// Damaged bundles are traced too: whatever the damage, the walk ends and says something.
@Suite struct MutatedBundlesTests {
    static let flows: [(example: String, from: String, to: String)] = [
        ("bridge-nf-off", "pod/shop/web-0", "svc/shop/api"), ("bridge-nf-on", "node/worker-b", "svc/shop/api"),
        ("calico-two-nodes", "pod/default/myapp-5d749dc84b-tmd49", "svc/default/myapp"),
        ("ipvs-cluster-cidr", "node/node-1", "svc/default/hostnames"),
        ("flannel-forward-drop", "node/k8s-master", "10.1.28.3:80"),
    ]

    @Test(arguments: 0..<40)
    func damageEndsInAnAnswer(batch: Int) throws {
        var generator = SeededGenerator(seed: UInt64(batch))
        let flow = Self.flows[batch % Self.flows.count]
        let bundle = SharedData.bundle(SharedData.packageRoot + "/Examples/" + flow.example)
        for _ in 0..<8 {
            let damaged = Self.damaged(bundle, &generator)
            let snapshot = ClusterSnapshot(parsing: damaged, nodeName: nil)
            let dataplane = Dataplane(compiling: snapshot)
            guard let request = try? FlowRequest(from: flow.from, to: flow.to),
                let flows = try? FlowResolver(dataplane).flows(for: request)
            else { continue }
            for flow in flows.prefix(3) {
                let trace = dataplane.trace(flow)
                let isExplained = !trace.branches.isEmpty || !trace.unknowns.isEmpty
                #expect(isExplained, "batch \(batch)")
                #expect(trace.verdict != .works || trace.branches.allSatisfy { $0.outcome == .works })
            }
        }
    }

    private static func damaged(_ bundle: SupportBundle, _ generator: inout SeededGenerator) -> SupportBundle {
        var artifacts = bundle.artifacts
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let index = Int.random(in: 0..<artifacts.count, using: &generator)
            artifacts[index].bytes = damaged(artifacts[index].bytes, &generator)
        }
        return SupportBundle(name: bundle.name, artifacts: artifacts)
    }

    private static func damaged(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        guard !bytes.isEmpty else { return bytes }
        var bytes = bytes
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
        case 1:
            for _ in 0..<8 {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
        case 2:
            for _ in 0..<4 {
                let digit = UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &generator)
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = digit
            }
        case 3: return []
        default: return reordered(bytes, &generator)
        }
        return bytes
    }

    /// Lines left out, doubled and moved: chains without rules, rules without chains, routes to nowhere.
    private static func reordered(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for _ in 0..<3 where lines.count > 2 {
            let index = Int.random(in: 0..<lines.count, using: &generator)
            let other = Int.random(in: 0..<lines.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: lines.remove(at: index)
            case 1: lines.insert(lines[index], at: other)
            default: lines.swapAt(index, other)
            }
        }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }
}
