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

    // MARK: - Rules and kernel parameters

    static let deciding: [(example: String, from: String, to: String)] =
        flows + [
            ("bridge-nf-off", "pod/shop/web-1", "svc/shop/api"), ("bridge-nf-on", "pod/shop/web-0", "svc/shop/api"),
            ("ipvs-cluster-cidr", "node/node-2", "svc/default/hostnames"),
            ("flannel-forward-drop", "node/node1", "10.1.28.3:80"),
        ]

    /// Of a damaged file of rules or kernel parameters, a definite answer is that of the whole one, or there is none.
    @Test(arguments: 0..<60)
    func damageNeverMakesAnotherAnswer(batch: Int) throws {
        var generator = SeededGenerator(seed: UInt64(1000 + batch))
        let flow = Self.deciding[batch % Self.deciding.count]
        let bundle = SharedData.bundle(SharedData.packageRoot + "/Examples/" + flow.example)
        let whole = try Self.verdicts(bundle, flow)
        let files = bundle.artifacts.indices.filter {
            let name = bundle.artifacts[$0].fileName
            return name.hasPrefix("iptables") || name == "sysctl.txt" || name == "ip-rule.txt"
        }
        for round in 0..<10 {
            var artifacts = bundle.artifacts
            let index = try #require(files.randomElement(using: &generator))
            let kind = (batch + round) % DamageKind.allCases.count
            artifacts[index].bytes = DamageKind.allCases[kind].damaged(artifacts[index].bytes, &generator)
            let damaged = SupportBundle(name: bundle.name, artifacts: artifacts)
            let verdicts = try Self.verdicts(damaged, flow)
            for (got, wanted) in zip(verdicts, whole) where got != wanted {
                #expect(
                    got == .unknown,
                    "round \(round), not \(wanted): \(DamageKind.allCases[kind]) of \(artifacts[index].path)")
            }
        }
    }

    private static func verdicts(
        _ bundle: SupportBundle, _ flow: (example: String, from: String, to: String)
    ) throws -> [TraceVerdict] {
        let dataplane = Dataplane(compiling: ClusterSnapshot(parsing: bundle, nodeName: nil))
        let request = try FlowRequest(from: flow.from, to: flow.to)
        return try FlowResolver(dataplane).flows(for: request).map { dataplane.trace($0).verdict }
    }

    /// A small damage that a person sees at once is seen, too.
    @Test(arguments: [
        (
            "bridge-nf-off", "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 0",
            "net.bridge.bridge-nf-call-iptables 0"
        ),
        (
            "bridge-nf-off", "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 0",
            "net.bridge.bridge-nf-cell-iptables = 0"
        ),
        (
            "bridge-nf-off", "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 0",
            "net.bridge.bridge-nf-call-iptables = O"
        ),
        ("bridge-nf-off", "sysctl.txt", "net.bridge.bridge-nf-call-iptables = 0", ""),
        ("bridge-nf-off", "iptables-save.txt", ":OUTPUT ACCEPT", ":OUTPUT BANANA"),
        ("bridge-nf-off", "iptables-save.txt", "*nat", "*nat\nsomething else stands here"),
        ("bridge-nf-off", "iptables-save.txt", "COMMIT", ""),
        ("bridge-nf-off", "ip-rule.txt", "from all lookup main", "frm all lookup main"),
    ])
    func aSmallDamageIsSeen(example: String, file: String, text: String, other: String) throws {
        let bundle = SharedData.bundle(SharedData.packageRoot + "/Examples/" + example)
        var artifacts = bundle.artifacts
        for index in artifacts.indices where artifacts[index].path == "nodes/worker-a/" + file {
            let whole = String(decoding: artifacts[index].bytes, as: UTF8.self)
            let parts = whole.split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
            try #require(parts.count == 2, "\(text) is not in \(file)")
            artifacts[index].bytes = Array((parts[0] + other + parts[1]).utf8)
        }
        let flow = (example, "pod/shop/web-0", "svc/shop/api")
        #expect(try Self.verdicts(bundle, flow) == [.fails])
        #expect(try Self.verdicts(SupportBundle(name: "damaged", artifacts: artifacts), flow) == [.unknown])
    }

    /// What people write around a dump costs no certainty.
    @Test func proseAroundRulesDoesNotMatter() throws {
        let bundle = SharedData.bundle(SharedData.packageRoot + "/Examples/bridge-nf-off")
        var artifacts = bundle.artifacts
        for index in artifacts.indices where artifacts[index].path.hasPrefix("nodes/worker-a/") {
            let name = artifacts[index].fileName
            guard name == "iptables-save.txt" || name == "sysctl.txt" else { continue }
            let before = Array("Last login: Mon Jun 10 from here\n$ sudo iptables-save\n".utf8)
            artifacts[index].bytes = before + artifacts[index].bytes + Array("that was all of it\n---\n".utf8)
        }
        let flow = ("bridge-nf-off", "pod/shop/web-0", "svc/shop/api")
        #expect(try Self.verdicts(SupportBundle(name: "pasted", artifacts: artifacts), flow) == [.fails])
    }
}

/// What befalls files on their way.
enum DamageKind: CaseIterable {
    case noise, cutOff, garbageLines, strangeBytes, brokenWords

    func damaged(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        guard bytes.count > 8 else { return bytes }
        var bytes = bytes
        switch self {
        case .noise:
            for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
        case .cutOff:
            var length = Int.random(in: 1..<bytes.count, using: &generator)
            // Cut between two lines of parameters, or two tables, a text looks whole.
            while length > 1, bytes[length - 1] == 10 || bytes[length] == 10 { length -= 1 }
            bytes.removeSubrange(length...)
        case .garbageLines:
            var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
            for _ in 0..<3 {
                let range: ClosedRange<UInt8> = Bool.random(using: &generator) ? 33...126 : 128...255
                let garbage = (0..<20).map { _ in UInt8.random(in: range, using: &generator) }
                lines.insert(garbage[...], at: lines.count / 2)
            }
            bytes = Array(lines.joined(separator: [10]))
        case .strangeBytes:
            for _ in 0..<4 {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] = UInt8.random(in: 128...255, using: &generator)
            }
        case .brokenWords: breakWords(&bytes, &generator)
        }
        return bytes
    }

    /// One letter of a command, an option, a chain's or a parameter's name becomes another.
    private func breakWords(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        let text = String(decoding: bytes, as: UTF8.self)
        let words =
            ["--dport", "--comment", "-m ", "-j KUBE", ":KUBE", ":PRE", "*nat", "*filter", "COMMIT", "ACCEPT"]
            + ["bridge-nf-call-iptables", "ip_forward", "rp_filter", "forwarding", "lookup", "-A "]
        guard let word = words.filter({ text.firstRange(of: $0) != nil }).randomElement(using: &generator),
            let range = text.firstRange(of: word)
        else { return }
        let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
        let index = start + Int.random(in: 0..<(word.utf8.count - 1), using: &generator)
        bytes[index] = bytes[index] == UInt8(ascii: "x") ? UInt8(ascii: "q") : UInt8(ascii: "x")
    }
}
