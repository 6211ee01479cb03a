import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// The classes of senders of every entry, and the reasons it gives.
@Suite struct ContractClassesTests {
    static func contract(_ node: RecordedNode, _ family: AddressFamily) -> ServiceContract {
        let network = NodeNetwork(
            node: node.scenario.node, objects: node.snapshot.objects, links: node.snapshot.nodes.first?.host.links,
            family: family)
        return ServiceContract(node.snapshot.objects, family: family, for: node.parameters, network: network)
    }

    @Test func classesOfOneArrivalDoNotOverlapAndSayWhatTheirExampleGets() throws {
        var count = 0
        for node in RecordedNode.all(for: "classes", .small) {
            for mode in ProxyMode.allCases {
                var node = node
                node.mode = mode
                for family in AddressFamily.allCases {
                    let contract = Self.contract(node, family)
                    for entry in contract.entries { count += try Self.check(entry, contract) }
                }
            }
        }
        print("classes: \(count) checked")
        #expect(count > 0 || SharedData.root == nil)
    }

    private static func check(_ entry: ContractEntry, _ contract: ServiceContract) throws -> Int {
        let classes = contract.classes(of: entry)
        for arrival in SourceArrival.allCases {
            var seen = AddressSet.empty(contract.family)
            for one in classes where one.source.arrival == arrival {
                try #require(one.source.addresses.intersection(seen).isEmpty, "\(entry.destination)")
                seen = seen.union(one.source.addresses)
                try #require(one.source.addresses.contains(one.source.representative))
                let ends = one.source.addresses.prefixes.flatMap { [$0.network.address, $0.last] }
                for address in ends.prefix(40) + [one.source.representative] {
                    try #require(entry.outcome(from: address, arrival: arrival) == one.outcome)
                }
                try #require(!contract.reasons(for: entry, one.outcome).contains { $0.sentence.isEmpty })
            }
        }
        let kinds = Set(classes.map(\.source.kind))
        try #require(
            kinds.isSuperset(of: [.podOfNode, .hostProcess, .otherNode, .podOfOtherNode, .outside])
                || contract.family == .ipv6)
        return classes.count
    }

    /// The sentences for one Service, port and class of a scenario.
    private static func sentences(
        _ scenario: String, _ service: String, _ kind: ContractDestination.Kind, from source: String,
        _ arrival: SourceArrival
    ) throws -> [String] {
        let node = RecordedNode.all(for: "reasons", .small).first { $0.name == scenario }
        guard let node else { return [] }
        let contract = Self.contract(node, .ipv4)
        let entry = try #require(
            contract.entries.first { $0.service.description == service && $0.destination.kind == kind })
        let outcome = entry.outcome(from: try #require(IPAddress(source)), arrival: arrival)
        return contract.reasons(for: entry, outcome).map(\.description)
    }

    @Test(.enabled(if: SharedData.root != nil)) func reasonsNameObjectAndField() throws {
        let notReady = try Self.sentences(
            "b-noendpoints--iptables-nft", "shop/notready:http", .clusterIP, from: "10.244.1.5", .podDevice)
        #expect(notReady.first == "no endpoint is usable: rejected (Service shop/notready, spec.selector)")
        #expect(
            notReady.dropFirst().contains {
                $0.contains("left out: not ready") && $0.contains("(EndpointSlice shop/notready-")
            })
        let outside = try Self.sentences(
            "e-loadbalancer--iptables-nft", "shop/front-ranges:https", .loadBalancer, from: "8.8.8.8", .network)
        #expect(
            outside == [
                "the source is in none of 203.0.113.0/24, 192.168.50.0/24: dropped "
                    + "(Service shop/front-ranges, spec.loadBalancerSourceRanges)"
            ])
    }

    @Test(.enabled(if: SharedData.root != nil)) func servicesWithoutEntriesAreNamed() throws {
        let node = try #require(
            RecordedNode.all(for: "unserved", .small).first { $0.name == "b-noendpoints--iptables-nft" })
        let contract = Self.contract(node, .ipv4)
        let served = Set(contract.entries.map(\.service.service.description))
        let all = Set(node.snapshot.objects.services.map(\.name.description))
        #expect(Set(contract.unserved.map(\.service)) == all.subtracting(served))
        let fields = Set(contract.unserved.map(\.reason.field))
        #expect(fields.isSuperset(of: ["spec.type", "spec.clusterIP"]))
    }

    @Test(.enabled(if: SharedData.root != nil)) func healthChecksCountReadyLocalEndpoints() throws {
        let node = try #require(
            RecordedNode.all(for: "health checks", .small).first { $0.name == "e-loadbalancer--iptables-nft" })
        let contract = Self.contract(node, .ipv4)
        let asked = node.snapshot.objects.services.compactMap(\.healthCheckNodePort).filter { $0 != 0 }
        #expect(contract.healthChecks.map(\.port) == asked.sorted())
        #expect(contract.healthChecks.map { $0.localEndpoints > 0 }.contains(true))
        #expect(contract.healthChecks.contains { $0.localEndpoints == 0 })
    }
}
