import ClewBundle
package import ClewDataplane
package import ClewIntent
import ClewNet
package import ClewSnapshot

/// One Service on one node, intent and data plane side by side.
package struct ExplainedService: Sendable {
    package var entries: [ExplainedEntry]
    /// Why kube-proxy leaves it alone, if it does.
    package var unserved: UnservedService?
    package var healthChecks: [HealthCheckComparison]
    package var parameters: [ParameterFinding]
    /// Files of the node that could not be read wholly: nothing is certain then.
    package var unreadFiles: [TraceNote]
}

/// A destination of a Service port, with what is asked for and what is there for every class of senders.
package struct ExplainedEntry: Sendable {
    package var destination: ContractDestination
    package var service: ServicePortName
    package var classes: [ExplainedClass]
}

/// One class of senders: intent and data plane.
package struct ExplainedClass: Sendable {
    package var source: SourceClass
    package var expected: ContractOutcome
    package var reasons: [ContractReason]
    /// What becomes of the class's example, most probable first.
    package var found: [ExplainedWay]
    package var differences: [Difference]
    package var undecided: [Undecided]
    /// Whether the whole class, not only the example, was found in order.
    package var isInOrder: Bool { differences.isEmpty && undecided.isEmpty }
}

/// One thing that becomes of a packet, and the lines that make it.
package struct ExplainedWay: Sendable {
    package var share: FoundShare
    package var steps: [ClassStep]
}

extension ServicesComparison {
    /// Intent and data plane of one Service on one node, side by side.
    package func explain(
        _ service: NamespacedName, on node: NodeSnapshot
    ) -> ExplainedService {
        let inferred = inferredParameters(of: node)
        var healthChecks: [HealthCheckComparison] = []
        var unreadFiles: [TraceNote] = []
        var entries: [ExplainedEntry] = []
        var unserved: UnservedService?
        let confirmation = WitnessCheck(dataplane, node: node.name)
        for family in AddressFamily.allCases {
            let contract = contract(inferred.parameters, node, family)
            unserved = unserved ?? contract.unserved.first { $0.service == service.description }
            if healthChecks.isEmpty {
                healthChecks = HealthCheckComparison.all(contract, node.host).filter { $0.contract.service == service }
            }
            guard var comparer = NodeComparer(dataplane, contract: contract, node: node.name) else { continue }
            if contract.entries.contains(where: { $0.service.service == service }) {
                unreadFiles += dataplane.undecidedFiles(of: node.name, family).filter { !unreadFiles.contains($0) }
            }
            let lacking = CollectedRules(node, family, inferred.parameters.mode).lacking
                .map { NodeComparer.undecided(contract, because: $0, node: node.name) }
            var other =
                comparer.classes.hasAmbiguousOrder
                ? NodeComparer(dataplane, contract: contract, node: node.name, isReversed: true) : nil
            for entry in contract.entries where entry.service.service == service {
                var compared = lacking ?? comparer.compared(entry, confirmation)
                if lacking == nil, let reversed = other?.compared(entry, nil) {
                    compared = compared.agreeing(with: reversed, note: comparer.orderNote)
                }
                entries.append(comparer.explain(entry, compared, hasRules: lacking == nil))
            }
        }
        return ExplainedService(
            entries: entries, unserved: unserved, healthChecks: healthChecks, parameters: inferred.findings,
            unreadFiles: unreadFiles)
    }
}

extension NodeComparer {
    /// One entry by itself.
    fileprivate mutating func compared(_ entry: ContractEntry, _ confirmation: WitnessCheck?) -> FamilyComparison {
        result = FamilyComparison()
        compare(entry)
        if let confirmation { confirm(confirmation) }
        doubtPlaces()
        doubtDifferences(because: dataplane.undecidedFiles(of: node, family))
        return result
    }

    fileprivate mutating func explain(
        _ entry: ContractEntry, _ compared: FamilyComparison, hasRules: Bool
    ) -> ExplainedEntry {
        let classes = contract.classes(of: entry).map { contractClass in
            let source = contractClass.source
            func concerns(_ arrival: SourceArrival, _ senders: AddressSet) -> Bool {
                arrival == source.arrival && !senders.intersection(source.addresses).isEmpty
            }
            return ExplainedClass(
                source: source, expected: contractClass.outcome,
                reasons: contract.reasons(for: entry, contractClass.outcome),
                found: hasRules ? ways(of: source, to: entry) : [],
                differences: compared.differences.filter {
                    $0.destination == entry.destination && concerns($0.arrival, $0.senders)
                },
                undecided: compared.undecided.filter {
                    $0.destination == entry.destination && concerns($0.arrival, $0.senders)
                })
        }
        return ExplainedEntry(destination: entry.destination, service: entry.service, classes: classes)
    }

    /// What becomes of the example of a class.
    private mutating func ways(of source: SourceClass, to entry: ContractEntry) -> [ExplainedWay] {
        let address: IPAddress?
        switch entry.destination.address {
        case .one(let own): address = own
        case .anyLocal:
            let isLoopback = source.representative.isLoopback
            address =
                isLoopback
                ? source.representative
                : contract.network.nodeAddresses.first ?? senders.local.subtracting(contract.network.loopback).first
        }
        guard let address else { return [] }
        let start = Start(
            arrival: source.arrival, sources: classes.sets.set(source.representative.bits),
            destinations: classes.sets.set(address.bits))
        let ends = walk(start, entry.destination.ipProtocol, port: entry.destination.port)
        let judge = judge()
        return ends.filter(judge.isUsual).map { end in
            ExplainedWay(
                share: FoundShare(judge.outcome(end), classes.probability(of: end.state)),
                steps: classes.steps(of: end.state))
        }.sorted { $0.share.probability > $1.share.probability }
    }
}
