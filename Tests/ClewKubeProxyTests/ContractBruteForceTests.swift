import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// The contract, the rules rendered for the same objects and the simulator agree on every packet of a small universe.
@Suite struct ContractBruteForceTests {
    struct Sender {
        var address: IPAddress
        var arrival: SourceArrival
        var origin: FlowOrigin
        /// Told where it is a process of the host.
        var source: IPAddress?
    }

    /// Clusters a test makes; `CLEW_ROUNDS` asks for more.
    static let rounds = ProcessInfo.processInfo.environment["CLEW_ROUNDS"].flatMap { Int($0) } ?? 3

    @Test(arguments: 0..<8) func everyPacketGoesWhereTheContractSays(part: Int) throws {
        try Self.compare(.iptables, seed: UInt64(100 + part))
    }

    @Test(arguments: 0..<4) func everyPacketGoesWhereTheContractSaysByIPVS(part: Int) throws {
        try Self.compare(.ipvs, seed: UInt64(200 + part))
    }

    private static func compare(_ mode: ProxyMode, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (packets, outcomes) = (0, [String: Int]())
        for _ in 0..<rounds {
            let cluster = SmallCluster(mode: mode, using: &random)
            let snapshot = cluster.snapshot()
            let dataplane = Dataplane(compiling: snapshot)
            let contract = cluster.contract(snapshot)
            for text in SmallCluster.destinations {
                let destination = try #require(IPAddress(text))
                for sender in try senders(to: destination, mode) {
                    for (ipProtocol, port) in SmallCluster.transports {
                        let entry = contract.entry(to: destination, ipProtocol, port: port)
                        let outcome = entry?.outcome(from: sender.address, arrival: sender.arrival) ?? .untouched
                        let trace = dataplane.trace(
                            Flow(
                                origin: sender.origin, source: sender.source, destination: destination,
                                destinationPort: port, ipProtocol: ipProtocol, fromText: "", toText: ""))
                        let problem = difference(outcome, trace, sender, contract)
                        packets += 1
                        outcomes[name(outcome), default: 0] += 1
                        let packet = "\(sender.address) \(sender.arrival) to \(text):\(port)/\(ipProtocol)"
                        try #require(problem == nil, "\(packet), \(cluster)")
                    }
                }
            }
        }
        print("contract by brute force, \(mode): \(packets) packets, \(outcomes.sorted { $0.key < $1.key })")
        #expect(outcomes["translated", default: 0] > 0)
    }

    private static func name(_ outcome: ContractOutcome) -> String {
        switch outcome {
        case .translated: "translated"
        case .rejected: "rejected"
        case .dropped: "dropped"
        case .untouched: "untouched"
        }
    }

    private static func senders(to destination: IPAddress, _ mode: ProxyMode) throws -> [Sender] {
        let node = SmallCluster.node
        // What is sent to the loopback network comes from there and from nowhere else.
        if destination.isLoopback {
            return [Sender(address: destination, arrival: .host, origin: .host(node: node), source: destination)]
        }
        var result: [Sender] = []
        for text in SmallCluster.ownPods {
            let address = try #require(IPAddress(text))
            let origin = FlowOrigin.pod(node: node, address: address, name: nil)
            result.append(Sender(address: address, arrival: .podDevice, origin: origin))
        }
        // A VIP of kube-ipvs0 is the source that the kernel takes to send to it.
        for text in ["192.168.50.11", "10.244.1.1"] + (mode == .ipvs ? [destination.description] : []) {
            let address = try #require(IPAddress(text))
            result.append(Sender(address: address, arrival: .host, origin: .host(node: node), source: address))
        }
        for text in SmallCluster.others {
            let address = try #require(IPAddress(text))
            let origin = FlowOrigin.outside(address: address, via: node)
            result.append(Sender(address: address, arrival: .network, origin: origin))
        }
        return result
    }

    private static func difference(
        _ outcome: ContractOutcome, _ trace: Trace, _ sender: Sender, _ contract: ServiceContract
    ) -> String? {
        let branches = trace.branches
        let dispositions = Set(branches.map(\.disposition))
        guard !branches.isEmpty else { return "no branch: \(trace.unknowns)" }
        let reached = Set(branches.compactMap(\.dnat))
        switch outcome {
        case .rejected: return dispositions == [.rejected] ? nil : "expected rejected, is \(branches.map(\.reason))"
        case .dropped:
            // Until 1.23 what is to be dropped is only marked; kubelet's rule for it is not asked at FORWARD.
            let isOnlyMarked = !contract.parameters.version.hasExternalChains && contract.parameters.mode == .iptables
            if isOnlyMarked, reached.isEmpty { return nil }
            return dispositions == [.dropped] ? nil : "expected dropped, is \(branches.map(\.reason))"
        case .untouched:
            let isOwn = contract.network.localAddresses.contains(trace.flow.destination)
            if !reached.isEmpty { return "expected untouched, goes to \(reached)" }
            return dispositions.isDisjoint(with: isOwn ? [.dropped] : [.dropped, .rejected])
                ? nil : "expected untouched, is \(branches.map(\.reason))"
        case .translated(let translation): return difference(translation, branches, sender, contract)
        }
    }

    private static func difference(
        _ translation: ContractTranslation, _ branches: [TraceBranch], _ sender: Sender, _ contract: ServiceContract
    ) -> String? {
        var chances: [SocketAddress: Fraction] = [:]
        for branch in branches {
            guard let endpoint = branch.dnat else { return "a branch is not translated: \(branch.reason)" }
            if branch.disposition == .dropped || branch.disposition == .rejected { return "lost: \(branch.reason)" }
            chances[endpoint] = (chances[endpoint] ?? .zero) + branch.probability
            let expected = translation.isMasqueraded(from: sender.address, to: endpoint)
            let isMasqueraded = branch.translations.contains { $0.kind == .masquerade }
            // A process of the host may have the address already that the masquerade gives.
            let device = endpoint.address.description.hasPrefix("10.244.1.") ? "10.244.1.1" : "192.168.50.11"
            let isSame = sender.arrival == .host && sender.address.description == device
            if isMasqueraded != expected, !isSame || isMasqueraded {
                return "to \(endpoint): masqueraded is \(isMasqueraded), expected \(expected) (\(branch.reason))"
            }
        }
        if contract.parameters.mode == .ipvs {
            let share = Fraction(1, UInt64(translation.endpoints.count))
            let isEqual = translation.endpoints.allSatisfy { chances[$0] == share }
            return isEqual && chances.count == translation.endpoints.count ? nil : "goes to \(chances.keys.sorted())"
        }
        // Exactly what the kernel's 31-bit numbers make of equal shares.
        var rest = Fraction.one
        let thresholds = EqualShares.thresholds(translation.endpoints.count)
        for (index, endpoint) in translation.endpoints.enumerated() {
            let threshold = index < thresholds.count ? UInt64(thresholds[index]) : 1 << 31
            let expected = rest * Fraction(threshold, 1 << 31)
            guard chances[endpoint] == expected else {
                return "\(endpoint) has a chance of \(chances[endpoint]?.value ?? 0), expected \(expected.value)"
            }
            rest = rest * Fraction((1 << 31) - threshold, 1 << 31)
        }
        return chances.count == translation.endpoints.count ? nil : "goes to \(chances.keys.sorted())"
    }
}
