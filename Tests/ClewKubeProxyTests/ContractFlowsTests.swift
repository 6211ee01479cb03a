import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// What the contract asks for, against what a kernel did with sixteen real packets of every flow.
@Suite struct ContractFlowsTests {
    struct Flow: Decodable {
        var service: String
        var port: String
        var kind: String
        var from: String
        var src: [String]
        var dst: String
        var dport: UInt16
        var proto: String
        var sent: Int
        var verdict: String
        var endpoints: [String: Int]?
        var snat: [String: Int]?
    }

    struct Tally {
        var agree = 0
        /// Meant to be dropped, and not dropped since kubelet's rule for the mark is absent (1.23).
        var notDropped = 0
        var wrong: [String] = []
    }

    @Test func theContractAgreesWithEveryRecordedFlow() throws {
        var total = 0
        for node in RecordedNode.healthy(for: "contract against flows") {
            guard let data = SharedData.bytes(node.folder + "/flows.json") else { continue }
            let flows = try JSONDecoder().decode([Flow].self, from: Data(data))
            var tally = Tally()
            for family in AddressFamily.allCases {
                let network = NodeNetwork(
                    node: node.scenario.node, objects: node.snapshot.objects,
                    links: node.snapshot.nodes.first?.host.links, family: family)
                let contract = ServiceContract(
                    node.snapshot.objects, family: family, for: node.parameters, network: network)
                for flow in flows where IPAddress(flow.dst)?.family == family {
                    Self.judge(flow, contract, into: &tally)
                }
            }
            total += tally.agree
            let extra = tally.notDropped == 0 ? "" : ", \(tally.notDropped) not dropped for want of kubelet's rule"
            print("contract: \(node.name): \(tally.agree) of \(flows.count) flows agree\(extra)")
            for line in tally.wrong.prefix(8) { print("  \(line)") }
            #expect(tally.wrong.count == 0, "\(node.name)")
            #expect(tally.agree + tally.notDropped == flows.count, "\(node.name)")
            #expect(tally.notDropped == 0 || node.minorVersion == 23)
        }
        print("contract: \(total) flows agree")
        #expect(total > 0 || SharedData.root == nil)
    }

    private static func judge(_ flow: Flow, _ contract: ServiceContract, into tally: inout Tally) {
        guard let destination = IPAddress(flow.dst), let number = IPProtocol(name: flow.proto.lowercased()) else {
            tally.wrong.append("unreadable flow to \(flow.dst)")
            return
        }
        let arrival: SourceArrival =
            switch flow.from {
            case "pod": .podDevice
            case "node", "localhost": .host
            default: .network
            }
        let entry = contract.entry(to: destination, number, port: flow.dport)
        let sources = flow.src.compactMap { IPAddress($0) }
        let outcomes = Set(sources.map { entry?.outcome(from: $0, arrival: arrival) ?? .untouched })
        guard outcomes.count == 1, let outcome = outcomes.first else {
            tally.wrong.append("\(flow.service) from \(flow.from): sources differ")
            return
        }
        if outcome == .dropped, flow.verdict == "UNTRANSLATED", !contract.parameters.version.hasExternalChains {
            tally.notDropped += 1
        } else if outcome == .untouched, flow.verdict == "REJECT", number == .udp,
            contract.network.localAddresses.contains(destination)
        {
            // Nobody listens there: the host itself answers with port unreachable.
            tally.agree += 1
        } else if let problem = difference(outcome, flow, sources, isHost: arrival == .host) {
            tally.wrong.append(
                "\(flow.service):\(flow.port) \(flow.kind) \(flow.dst)/\(flow.dport) from \(flow.from): \(problem)")
        } else {
            tally.agree += 1
        }
    }

    private static func difference(
        _ outcome: ContractOutcome, _ flow: Flow, _ sources: [IPAddress], isHost: Bool
    ) -> String? {
        switch outcome {
        case .rejected: return flow.verdict == "REJECT" ? nil : "expected rejected, was \(flow.verdict)"
        case .dropped: return flow.verdict == "DROP" ? nil : "expected dropped, was \(flow.verdict)"
        case .untouched: return flow.verdict == "UNTRANSLATED" ? nil : "expected untouched, was \(flow.verdict)"
        case .translated(let translation):
            guard flow.verdict == "DNAT" else { return "expected translated, was \(flow.verdict)" }
            return difference(translation, flow, sources, isHost: isHost)
        }
    }

    private static func difference(
        _ translation: ContractTranslation, _ flow: Flow, _ sources: [IPAddress], isHost: Bool
    ) -> String? {
        var masqueraded = 0
        for (text, count) in flow.endpoints ?? [:] {
            let words = text.split(separator: " ")
            guard words.count == 2, let address = IPAddress(String(words[0])), let port = UInt16(words[1]),
                translation.endpoints.contains(SocketAddress(address, port))
            else { return "\(text) is not among \(translation.endpoints)" }
            let source = sources.count == 1 ? sources.first : nil
            if let source, translation.isMasqueraded(from: source, to: SocketAddress(address, port)) {
                masqueraded += count
            }
        }
        if translation.affinitySeconds != nil, (flow.endpoints ?? [:]).count > sources.count {
            return "no affinity"
        }
        let kept = flow.snat?["none"] ?? 0
        let changed = (flow.snat ?? [:]).values.reduce(0, +) - kept
        // A process of the host keeps its address where that is the one of the device anyway.
        if isHost { return changed <= masqueraded ? nil : "masqueraded \(changed) of \(flow.sent), expected none" }
        return changed == masqueraded ? nil : "masqueraded \(changed), expected \(masqueraded) of \(flow.sent)"
    }
}
