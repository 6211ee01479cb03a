import ClewBundle
package import ClewDataplane
package import ClewIntent
import ClewNet
package import ClewSnapshot

/// One node's data plane against what the API asks of it, both families.
package struct NodeComparison: Sendable {
    package var node: String
    package var parameters: [ParameterFinding] = []
    /// Why it was not compared, in words.
    package var notCompared: String?
    /// Not a node of the cluster, as the API knows it.
    package var isForeign = false
    package var ports: [ServicePortComparison] = []
    /// Of all Services and of none, each cause once; most damaged Service ports first.
    package var causes: [CauseGroup] = []
    package var destinationCount = 0
    package var classCount = 0
    package var unserved: [UnservedService] = []
    /// Sorted by port; both families share them.
    package var healthChecks: [HealthCheckComparison] = []
    /// Files of the node that could not be read wholly: what they lack may decide.
    package var unreadFiles: [TraceNote] = []
    /// Whether entries of no Service are looked for: only where the bundle holds all Services.
    package var looksForStaleEntries = true

    package init(node: String) { self.node = node }

    /// Only what concerns these Services; all where none is named.
    package func narrowed(to services: [NamespacedName]) -> NodeComparison {
        guard !services.isEmpty else { return self }
        var result = self
        result.ports = ports.filter { services.contains($0.name.service) }
        result.causes = causes.compactMap { group in
            var group = group
            group.services = group.services.filter { services.contains($0.service) }
            let own = result.ports.flatMap(\.differences).filter { $0.cause.source == group.cause.source }
            group.example = own.first(where: \.isConfirmed) ?? own.first ?? group.example
            group.count = own.count
            return group.services.isEmpty ? nil : group
        }
        result.healthChecks = healthChecks.filter { services.contains($0.contract.service) }
        result.unserved = unserved.filter { unserved in services.contains { $0.description == unserved.service } }
        return result
    }
}

/// One Service port on one node.
package struct ServicePortComparison: Sendable {
    package enum Status: String, Sendable, Hashable {
        case inOrder = "in-order"
        case differs
        case unknown
    }

    package var name: ServicePortName
    package var destinationCount = 0
    package var differences: [Difference] = []
    package var undecided: [Undecided] = []
    /// It changed so short a time before the node's rules were read that kube-proxy may still have been at work.
    package var mayBeInFlight = false
    /// The node's files could not be read wholly.
    package var hasUnreadFiles = false

    package var status: Status {
        if differences.contains(where: \.isConfirmed) { return .differs }
        return differences.isEmpty && undecided.isEmpty && !hasUnreadFiles ? .inOrder : .unknown
    }
}

/// Differences that come of one line.
package struct CauseGroup: Sendable {
    package var cause: Cause
    package var kinds: [Difference.Kind]
    /// Service ports, sorted; empty where the line serves none that exists.
    package var services: [ServicePortName]
    package var staleNames: [String]
    package var example: Difference
    package var count: Int
}

/// Compares nodes of a bundle with the API's objects.
package struct ServicesComparison {
    let dataplane: Dataplane
    private let overrides: ParameterOverrides
    private var snapshot: ClusterSnapshot { dataplane.snapshot }

    package init(_ dataplane: Dataplane, overrides: ParameterOverrides = ParameterOverrides()) {
        self.dataplane = dataplane
        self.overrides = overrides
    }

    package func compare(_ node: NodeSnapshot) -> NodeComparison {
        var result = NodeComparison(node: node.name)
        let inferred = inferredParameters(of: node)
        result.parameters = inferred.findings
        guard !snapshot.objects.services.isEmpty else {
            result.notCompared = "the bundle holds no Services"
            return result
        }
        guard !snapshot.objects.endpointSlices.isEmpty || !snapshot.objects.endpoints.isEmpty else {
            result.notCompared = "the bundle holds neither EndpointSlices nor Endpoints"
            return result
        }
        guard !isForeign(inferred.parameters.nodeName) else {
            result.notCompared = "the API has no node of that name"
            result.isForeign = true
            return result
        }
        guard !node.host.ruleSets.isEmpty else {
            result.notCompared = "no rules of the node were collected"
            return result
        }
        compare(node, inferred.parameters, into: &result)
        return result
    }

    /// Whether Nodes were collected, and it is none of them.
    func isForeign(_ node: String) -> Bool {
        !snapshot.objects.nodes.isEmpty && !snapshot.objects.nodes.contains { $0.name == node }
    }

    func inferredParameters(of node: NodeSnapshot) -> InferredParameters {
        InferredParameters(
            of: node, in: snapshot.objects, otherNodes: snapshot.nodes.filter { $0.name != node.name },
            overrides: overrides)
    }

    func contract(_ parameters: ProxyParameters, _ node: NodeSnapshot, _ family: AddressFamily) -> ServiceContract {
        let network = NodeNetwork(
            node: parameters.nodeName, objects: snapshot.objects, links: node.host.links, routes: node.host.routes,
            addresses: parameters.nodeAddresses, outside: snapshot.outside, family: family)
        return ServiceContract(snapshot.objects, family: family, for: parameters, network: network)
    }

    /// With parameters that are known.
    package func compare(_ node: NodeSnapshot, _ parameters: ProxyParameters) -> NodeComparison {
        var result = NodeComparison(node: node.name)
        compare(node, parameters, into: &result)
        return result
    }

    private func compare(_ node: NodeSnapshot, _ parameters: ProxyParameters, into result: inout NodeComparison) {
        let confirmation = WitnessCheck(dataplane, node: node.name)
        var ports: [ServicePortName: ServicePortComparison] = [:]
        var all: [Difference] = []
        result.looksForStaleEntries = holdsAllServices
        for family in AddressFamily.allCases {
            let contract = contract(parameters, node, family)
            guard hasRules(node, family) || !contract.entries.isEmpty else { continue }
            result.unreadFiles += dataplane.undecidedFiles(of: node.name, family)
                .filter { !result.unreadFiles.contains($0) }
            if family == .ipv4 || result.unserved.isEmpty { result.unserved = contract.unserved }
            if result.healthChecks.isEmpty { result.healthChecks = HealthCheckComparison.all(contract, node.host) }
            for entry in contract.entries {
                ports[entry.service, default: ServicePortComparison(name: entry.service)].destinationCount += 1
            }
            guard let compared = compare(node, contract, confirmation) else { continue }
            result.destinationCount += compared.destinationCount
            result.classCount += compared.classCount
            for difference in compared.differences {
                if let service = difference.service { ports[service]?.differences.append(difference) }
            }
            for undecided in compared.undecided {
                if let service = undecided.service { ports[service]?.undecided.append(undecided) }
            }
            all += compared.differences
        }
        let inFlight = InFlight(snapshot, node: node)
        let unreadFiles = result.unreadFiles
        result.ports = ports.values.sorted { $0.name < $1.name }.map { port in
            var port = port
            port.hasUnreadFiles = !unreadFiles.isEmpty
            port.mayBeInFlight = !port.differences.isEmpty && inFlight.mayConcern(port.name.service)
            return port
        }
        result.causes = Self.grouped(all)
    }

    /// One family; `nil`: the node is not in the data plane.
    private func compare(
        _ node: NodeSnapshot, _ contract: ServiceContract, _ confirmation: WitnessCheck
    ) -> FamilyComparison? {
        if let lacking = CollectedRules(node, contract.family, contract.parameters.mode).lacking {
            return NodeComparer.undecided(contract, because: lacking, node: node.name)
        }
        guard var comparer = NodeComparer(dataplane, contract: contract, node: node.name) else { return nil }
        comparer.compareAll(node.host, findsStale: holdsAllServices)
        comparer.confirm(confirmation)
        comparer.doubtPlaces()
        comparer.doubtDifferences(because: dataplane.undecidedFiles(of: node.name, contract.family))
        guard comparer.classes.hasAmbiguousOrder,
            var other = NodeComparer(dataplane, contract: contract, node: node.name, isReversed: true)
        else { return comparer.result }
        other.compareAll(node.host, findsStale: holdsAllServices)
        return comparer.result.agreeing(with: other.result, note: comparer.orderNote)
    }

    /// Every cluster has `default/kubernetes`: where it lacks, the Services are some of all, and an entry without one says
    /// nothing.
    private var holdsAllServices: Bool {
        snapshot.objects.services.contains { $0.name == NamespacedName("default", "kubernetes") }
    }

    func hasRules(_ node: NodeSnapshot, _ family: AddressFamily) -> Bool {
        node.host.ruleSets.contains { rules in rules.tables.contains { $0.family.covers(family) } }
    }

    /// Equal causes once.
    private static func grouped(_ differences: [Difference]) -> [CauseGroup] {
        var groups: [CauseGroup] = []
        var index: [CauseKey: Int] = [:]
        for difference in differences {
            let key = CauseKey(
                source: difference.cause.source, kind: difference.cause.kind, place: difference.cause.place)
            let number = index[key] ?? groups.count
            if number == groups.count {
                index[key] = number
                groups.append(
                    CauseGroup(
                        cause: difference.cause, kinds: [], services: [], staleNames: [], example: difference, count: 0)
                )
            }
            groups[number].count += 1
            if !groups[number].kinds.contains(difference.kind) { groups[number].kinds.append(difference.kind) }
            if rank(difference) > rank(groups[number].example) { groups[number].example = difference }
            if let service = difference.service { groups[number].services.append(service) }
            if let name = difference.staleName { groups[number].staleNames.append(name) }
        }
        for number in groups.indices {
            groups[number].services = Set(groups[number].services).sorted()
            groups[number].staleNames = Set(groups[number].staleNames).sorted()
        }
        return groups.sorted { ($1.services.count, $0.cause.source) < ($0.services.count, $1.cause.source) }
    }

    /// What is confirmed shows more, and so does a pod that exists.
    private static func rank(_ difference: Difference) -> Int {
        let hasName = difference.witness.map { $0.sender.contains("/") } ?? false
        return (difference.isConfirmed ? 4 : 0) + (hasName ? 2 : 0) + (difference.arrival == .podDevice ? 1 : 0)
    }

    private struct CauseKey: Hashable {
        var source: SourceLine
        var kind: Cause.Kind
        var place: String
    }
}

extension NodeComparer {
    /// What could not be read may be the very line that lacks: then no difference is certain.
    mutating func doubtDifferences(because unread: [TraceNote]) {
        guard !unread.isEmpty else { return }
        for index in result.differences.indices { result.differences[index].witness?.isConfirmed = false }
    }

    /// Where no object knows the node by its name, nothing says which endpoints and addresses are its own: of Services that
    /// ask for those no difference is certain.
    mutating func doubtPlaces() {
        let name = contract.parameters.nodeName
        guard !dataplane.snapshot.objects.names(node: name) else { return }
        let places = contract.ports.filter { port in
            port.usesLocalEndpoints || !port.sourceRanges.isEmpty
                || port.endpoints.contains { !$0.hintZones.isEmpty || !$0.hintNodes.isEmpty }
        }
        // Objects that name no node at all have no endpoint on any.
        guard
            dataplane.snapshot.objects.endpointSlices.contains(where: { $0.endpoints.contains { $0.nodeName != nil } })
        else { return }
        let names = Set(places.map(\.name))
        let note = TraceNote(
            "no object knows a node \(name): which endpoints and addresses are its own is not known", node: node)
        let doubted = result.differences.filter { $0.service.map(names.contains) ?? false }
        guard !doubted.isEmpty else { return }
        result.differences.removeAll { $0.service.map(names.contains) ?? false }
        result.undecided += doubted.map {
            Undecided(
                service: $0.service, destination: $0.destination, arrival: $0.arrival, senders: $0.senders, note: note)
        }
    }

    /// Shows the witness of every difference to the concrete simulator.
    mutating func confirm(_ confirmation: WitnessCheck) {
        for index in result.differences.indices {
            let isConfirmed = confirmation.confirms(result.differences[index])
            result.differences[index].witness?.isConfirmed = isConfirmed
        }
    }
}
