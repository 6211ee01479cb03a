package import ClewDataplane
package import ClewIntent
import ClewNet
import ClewSnapshot

/// Which connections of a cluster are walked to tell what works: every kind of sender to every Service port, and pods
/// to each other.
///
/// For every collected node and destination: a pod of the node, an endpoint that runs there (which may be sent to
/// itself), a process of the host and, where the destination is one that the world outside uses, a client out there.
package struct SurveyPlan: Sendable {
    package private(set) var connections: [SurveyedConnection] = []
    /// How they were chosen; `nil`: they are all there are.
    package private(set) var sample: SurveySample?

    /// Plans by the contracts of each collected node, one for each family, at most as many as the limit.
    package init(_ dataplane: Dataplane, contracts: [String: [ServiceContract]], limit: Int) {
        let snapshot = dataplane.snapshot
        let pods = PodsByNode(snapshot)
        // A machine that the API does not know, such as a router, owes no Service.
        let known = snapshot.nodes.filter { snapshot.objects.has(node: $0.name) }
        let nodes = (known.isEmpty ? snapshot.nodes : known).map(\.name)
        let offered = [[SurveyOffer]](concurrently: nodes.count) { number in
            Self.offers(on: nodes[number], number, contracts[nodes[number]] ?? [], pods)
        }
        let network = Self.betweenPods(snapshot, pods) + Self.toKubelets(snapshot) + Self.toTheWorld(snapshot, pods)
        let planned = offered.reduce(network.count) { $0 + $1.reduce(0) { $0 + $1.connections.count } }
        guard planned > limit, limit > 0 else {
            connections = offered.flatMap { $0.flatMap { $0.connections.map(\.connection) } } + network
            return
        }
        let probed = [[SurveyOffer]](concurrently: nodes.count) { number in
            Self.probed(offered[number], on: nodes[number], dataplane)
        }
        var offers = probed.flatMap(\.self)
        var first = 0
        for index in offers.indices {
            offers[index].first = first
            first += offers[index].connections.count
        }
        let choice = SurveyChoice(offers, planned: planned, limit: limit)
        let all = offers.flatMap { $0.connections.map(\.connection) } + network
        connections = choice.chosen.map { all[$0] }
        sample = SurveySample(
            planned: planned, chosen: connections.count, nodeStride: choice.nodeStride, probed: offers.count,
            doubted: offers.count(where: \.isDoubted))
    }

    private static func offers(
        on node: String, _ number: Int, _ contracts: [ServiceContract], _ pods: PodsByNode
    ) -> [SurveyOffer] {
        var offers: [SurveyOffer] = []
        for contract in contracts {
            let own = pods.all(on: node, contract.family)
            for entry in contract.entries {
                let connections = connections(to: entry, on: node, contract, own)
                guard !connections.isEmpty else { continue }
                offers.append(SurveyOffer(node: number, number: offers.count, connections: connections))
            }
        }
        return offers
    }

    /// Says of each offer whether the node's rules do with one of its connections what the API asks.
    private static func probed(_ offers: [SurveyOffer], on node: String, _ dataplane: Dataplane) -> [SurveyOffer] {
        guard var probe = RuleProbe(dataplane, node: node) else { return offers }
        return offers.map { offer in
            var offer = offer
            offer.probed = (offer.number + offer.node) % offer.connections.count
            let choice = offer.connections[offer.probed]
            if choice.connection.expectation == .works {
                offer.isDoubted = probe.doubts(choice.connection.flow, choice.source, endpoints: choice.endpoints)
            }
            return offer
        }
    }

    private static func connections(
        to entry: ContractEntry, on node: String, _ contract: ServiceContract, _ pods: [PodsByNode.Address]
    ) -> [SurveyOffer.Choice] {
        guard let address = address(of: entry.destination, contract) else { return [] }
        let destination = entry.destination
        let text = "\(SocketAddress(address, destination.port))/\(destination.ipProtocol)"
        func choice(_ origin: FlowOrigin, from source: IPAddress, _ arrival: SourceArrival, _ from: String)
            -> SurveyOffer.Choice?
        {
            let expectation: Expectation
            var endpoints: [SocketAddress] = []
            switch entry.outcome(from: source, arrival: arrival) {
            case .translated(let translation): (expectation, endpoints) = (.works, translation.endpoints)
            case .rejected, .dropped: expectation = .refused
            case .untouched: return nil
            }
            let flow = Flow(
                origin: origin, destination: address, destinationPort: destination.port,
                ipProtocol: destination.ipProtocol, fromText: from, toText: text)
            return SurveyOffer.Choice(
                connection: SurveyedConnection(flow: flow, service: entry.service, expectation: expectation),
                source: source, endpoints: endpoints)
        }
        var result: [SurveyOffer.Choice?] = []
        for pod in PodsByNode.senders(pods, to: endpoints(of: entry)) {
            let origin = FlowOrigin.pod(node: node, address: pod.address, name: pod.name)
            result.append(choice(origin, from: pod.address, .podDevice, "pod/\(pod.name)"))
        }
        // In IPVS mode the address of a Service is the node's own, and becomes the source of what is sent to it.
        let isOwn = contract.parameters.mode == .ipvs
        if let own = isOwn ? address : contract.network.nodeAddresses.first {
            result.append(choice(.host(node: node), from: own, .host, "node/\(node)"))
        }
        if destination.kind != .clusterIP {
            let client = contract.network.outside.client(contract.family)
            result.append(choice(.outside(address: client, via: node), from: client, .network, "\(client)"))
        }
        return result.compactMap(\.self)
    }

    private static func endpoints(of entry: ContractEntry) -> Set<IPAddress> {
        var result: Set<IPAddress> = []
        for arm in entry.arms {
            if case .translated(let translation) = arm.outcome {
                result.formUnion(translation.endpoints.map(\.address))
            }
        }
        return result
    }

    private static func address(of destination: ContractDestination, _ contract: ServiceContract) -> IPAddress? {
        switch destination.address {
        case .one(let address): address
        case .anyLocal(let excluded): contract.network.nodeAddresses.first { !excluded.contains($0) }
        }
    }

    /// From every node to the kubelet of every other that is known to listen: what logs, exec and probes of metrics need.
    private static func toKubelets(_ snapshot: ClusterSnapshot) -> [SurveyedConnection] {
        var result: [SurveyedConnection] = []
        for to in snapshot.nodes {
            guard
                to.host.sockets?.contains(where: { $0.ipProtocol == .tcp && $0.port == 10250 && $0.address == nil })
                    == true, let object = snapshot.objects.nodes.first(where: { $0.name == to.name })
            else { continue }
            for from in snapshot.nodes where from.name != to.name && snapshot.objects.has(node: from.name) {
                for address in object.internalIPs {
                    let flow = Flow(
                        origin: .host(node: from.name), destination: address, destinationPort: 10250, ipProtocol: .tcp,
                        fromText: "node/\(from.name)", toText: "\(SocketAddress(address, 10250))/tcp")
                    result.append(SurveyedConnection(flow: flow, service: nil, expectation: .works))
                }
            }
        }
        return result
    }

    /// From a pod of every node to the world, where flannel is there to give such connections the node's address.
    private static func toTheWorld(_ snapshot: ClusterSnapshot, _ pods: PodsByNode) -> [SurveyedConnection] {
        snapshot.nodes.flatMap { node -> [SurveyedConnection] in
            guard node.host.masqueradesByFlannel, let pod = pods.all(on: node.name, .ipv4).first else { return [] }
            let client = snapshot.outside.client(.ipv4)
            let flow = Flow(
                origin: .pod(node: node.name, address: pod.address, name: pod.name), destination: client,
                destinationPort: 443, ipProtocol: .tcp, fromText: "pod/\(pod.name)",
                toText: "\(SocketAddress(client, 443))/tcp")
            return [SurveyedConnection(flow: flow, service: nil, expectation: .works, needsMasquerade: true)]
        }
    }

    /// From a pod and the host of every node to a pod of every other: the network below the Services.
    private static func betweenPods(_ snapshot: ClusterSnapshot, _ pods: PodsByNode) -> [SurveyedConnection] {
        var result: [SurveyedConnection] = []
        let knowsNone = !snapshot.nodes.contains { snapshot.objects.has(node: $0.name) }
        for from in snapshot.nodes where knowsNone || snapshot.objects.has(node: from.name) {
            for to in snapshot.nodes {
                for family in AddressFamily.allCases {
                    let sender = pods.all(on: from.name, family).first
                    let others = pods.all(on: to.name, family).filter { $0.address != sender?.address }
                    if let sender, let receiver = others.first {
                        let origin = FlowOrigin.pod(node: from.name, address: sender.address, name: sender.name)
                        result.append(echo(origin, "pod/\(sender.name)", to: receiver))
                    }
                    // Kubelets, API servers and pods on the host's network reach pods from the host.
                    if from.name != to.name, let receiver = pods.all(on: to.name, family).first {
                        result.append(echo(.host(node: from.name), "node/\(from.name)", to: receiver))
                    }
                }
            }
        }
        return result
    }

    private static func echo(_ origin: FlowOrigin, _ from: String, to pod: PodsByNode.Address) -> SurveyedConnection {
        let family = pod.address.family
        let flow = Flow(
            origin: origin, destination: pod.address, destinationPort: UInt16(family == .ipv4 ? 8 : 128) << 8,
            ipProtocol: family == .ipv4 ? .icmp : .icmpv6, fromText: from, toText: "pod/\(pod.name)")
        return SurveyedConnection(flow: flow, service: nil, expectation: .works)
    }
}

extension KubernetesObjects {
    fileprivate func has(node name: String) -> Bool { nodes.contains { $0.name == name } }
}

extension NamespaceSnapshot {
    /// Whether flannel's masquerading chain is in nat: it is made with `--ip-masq` only.
    fileprivate var masqueradesByFlannel: Bool {
        ruleSets.contains { ruleSet in
            ruleSet.chains.contains { chain in
                ruleSet.tables[Int(chain.table.rawValue)].family == .ipv4
                    && ruleSet.string(chain.name) == "FLANNEL-POSTRTG"
            }
        }
    }
}

/// The connections of one node to one destination of a Service port.
struct SurveyOffer: Sendable {
    struct Choice: Sendable {
        var connection: SurveyedConnection
        var source: IPAddress
        /// Where the API asks it to be sent; none where it asks for a refusal.
        var endpoints: [SocketAddress]
    }

    /// The node's number.
    var node: Int
    /// Its number among those of the node.
    var number: Int
    /// One for each kind of sender; never empty.
    var connections: [Choice]
    /// The first connection's number in the whole plan.
    var first = 0
    /// The one of the connections for which the node's rules were tried, and whether they do something else with it.
    var probed = 0
    var isDoubted = false
}

/// The pods of each node that have an address of their own: the API's, else those whose namespaces were collected.
struct PodsByNode: Sendable {
    struct Address: Sendable, Hashable {
        var name: NamespacedName
        var address: IPAddress
    }

    private var addresses: [String: [Address]] = [:]

    init(_ snapshot: ClusterSnapshot) {
        for pod in snapshot.objects.pods where !pod.usesHostNetwork && !pod.hasEnded {
            guard let node = pod.nodeName else { continue }
            addresses[node, default: []] += pod.addresses.map { Address(name: pod.name, address: $0) }
        }
        guard snapshot.objects.pods.isEmpty else { return }
        for node in snapshot.nodes {
            for namespace in node.pods {
                guard let name = namespace.pod else { continue }
                let own = (namespace.state.links ?? []).filter { !$0.isLoopback }.flatMap(\.addresses)
                    .filter { !$0.isTentative && !$0.address.address.isLinkLocal }
                addresses[node.name, default: []] += own.map { Address(name: name, address: $0.address.address) }
            }
        }
    }

    func all(on node: String, _ family: AddressFamily) -> [Address] {
        (addresses[node] ?? []).filter { $0.address.family == family }
    }

    /// A pod that is none of the endpoints, and one that is.
    static func senders(_ pods: [Address], to endpoints: Set<IPAddress>) -> [Address] {
        let other = pods.first { !endpoints.contains($0.address) }
        let itself = pods.first { endpoints.contains($0.address) }
        return [other, itself].compactMap(\.self)
    }
}
