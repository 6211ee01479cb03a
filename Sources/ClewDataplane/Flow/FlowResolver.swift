package import ClewNet
package import ClewSnapshot

/// Turns what a user asks for into connections to trace, by looking names and addresses up in a snapshot.
///
/// One request can mean several connections: a result for each family both ends have, for each port of a Service, for
/// each node a NodePort or a client outside can use, for each endpoint of a headless Service.
package struct FlowResolver: Sendable {
    let snapshot: ClusterSnapshot
    let owner: @Sendable (IPAddress) -> AddressOwner
    let services: [NamespacedName: Int]
    let pods: [NamespacedName: Int]
    let apiNodes: [String: Int]
    let collected: [String: Int]
    let slices: [NamespacedName: [Int]]
    let clusterIPs: Set<IPAddress>

    package init(_ dataplane: Dataplane) {
        self.init(dataplane.snapshot) { dataplane.owner(of: $0) }
    }

    package init(_ snapshot: ClusterSnapshot, owner: @escaping @Sendable (IPAddress) -> AddressOwner) {
        self.snapshot = snapshot
        self.owner = owner
        let objects = snapshot.objects
        services = Self.index(objects.services, by: \.name)
        pods = Self.index(objects.pods, by: \.name)
        apiNodes = Self.index(objects.nodes, by: \.name)
        collected = Self.index(snapshot.nodes, by: \.name)
        clusterIPs = Set(objects.services.lazy.flatMap(\.clusterIPs))
        var slices: [NamespacedName: [Int]] = [:]
        for (i, slice) in objects.endpointSlices.enumerated() {
            guard let service = slice.serviceName else { continue }
            slices[NamespacedName(slice.name.namespace, service), default: []].append(i)
        }
        self.slices = slices
    }

    /// The connections a request means, in a fixed order; never empty.
    package func flows(for request: FlowRequest) throws(FlowError) -> [Flow] {
        let start = try origin(request)
        var destinations = try destinations(request)
        if let family = request.family {
            destinations = destinations.filter { $0.address.family == family }
            guard !destinations.isEmpty else {
                throw FlowError("\(request.toText) has no \(family.name) address")
            }
        }
        let reachable = destinations.filter { start.has($0.address) }
        guard !reachable.isEmpty else { throw noCommonFamily(request, destinations) }
        var flows: [Flow] = []
        for destination in reachable {
            let end = try settled(destination, request)
            for (origin, source) in try origins(start, to: destination.address, request) {
                var flow = Flow(
                    origin: origin, source: source, sourcePort: request.sourcePort,
                    destination: destination.address, destinationPort: end.port, ipProtocol: end.ipProtocol,
                    fromText: request.fromText, toText: request.toText)
                flow.dataSize = request.size
                flows.append(flow)
            }
        }
        return flows
    }

    private static func index<Element, Key: Hashable>(_ list: [Element], by key: KeyPath<Element, Key>) -> [Key: Int] {
        var result: [Key: Int] = [:]
        for (i, element) in list.enumerated() where result[element[keyPath: key]] == nil {
            result[element[keyPath: key]] = i
        }
        return result
    }

    private func noCommonFamily(_ request: FlowRequest, _ destinations: [FlowDestination]) -> FlowError {
        let families = Set(destinations.map(\.address.family)).sorted().map(\.name).joined(separator: " and ")
        return FlowError(
            "\(request.fromText) and \(request.toText) share no address family: the destination has only \(families)")
    }

    /// Gives the destination its protocol and port: TCP where only a port is known, ICMP echo where none is.
    private func settled(
        _ destination: FlowDestination, _ request: FlowRequest
    ) throws(FlowError) -> (port: UInt16, ipProtocol: IPProtocol) {
        let family = destination.address.family
        let protocolNumber =
            request.transport?.ipProtocol(family) ?? destination.ipProtocol
            ?? (destination.port == nil ? FlowTransport.icmp.ipProtocol(family) : .tcp)
        if protocolNumber.hasPorts {
            guard let port = destination.port else {
                throw FlowError("'\(request.toText)' names no port, and \(protocolNumber) needs one")
            }
            return (port, protocolNumber)
        }
        guard destination.port == nil else {
            throw FlowError("'\(request.toText)' names a port, and icmp has none")
        }
        return (UInt16(family == .ipv4 ? 8 : 128) << 8, protocolNumber)
    }
}

extension AddressFamily {
    /// As people write it: `IPv4` or `IPv6`.
    package var name: String { self == .ipv4 ? "IPv4" : "IPv6" }
}

// MARK: - Names

extension FlowResolver {
    func service(_ name: NamespacedName) throws(FlowError) -> Service {
        if let index = services[name] { return snapshot.objects.services[index] }
        let known = snapshot.objects.services.map(\.name.description)
        throw FlowError(
            "there is no svc/\(name) in the bundle" + missing(known, "Services", "\(name)"))
    }

    /// The API's pod of that name, or what a collected namespace says of it.
    func pod(_ name: NamespacedName) throws(FlowError) -> ResolvedPod {
        if let index = pods[name] {
            let pod = snapshot.objects.pods[index]
            if pod.hasEnded { throw FlowError("pod/\(name) has ended (phase \(pod.phase ?? "unknown"))") }
            var addresses = pod.addresses
            if addresses.isEmpty { addresses = pod.usesHostNetwork ? pod.hostAddresses : collectedAddresses(name) }
            if addresses.isEmpty, pod.usesHostNetwork, let node = pod.nodeName { addresses = nodeAddresses(node) }
            guard !addresses.isEmpty else {
                throw FlowError("pod/\(name) has no address (phase \(pod.phase ?? "unknown"))")
            }
            return ResolvedPod(
                name: name, node: pod.nodeName ?? nodeHolding(name), addresses: addresses,
                usesHostNetwork: pod.usesHostNetwork, containerPorts: pod.containerPorts)
        }
        if let node = nodeHolding(name) {
            let addresses = collectedAddresses(name)
            guard !addresses.isEmpty else {
                throw FlowError("pod/\(name) has no address: its namespace on \(node) shows none")
            }
            return ResolvedPod(
                name: name, node: node, addresses: addresses, usesHostNetwork: false, containerPorts: [])
        }
        let known =
            snapshot.objects.pods.map(\.name.description)
            + snapshot.nodes.flatMap { $0.pods.compactMap { $0.pod?.description } }
        throw FlowError("there is no pod/\(name) in the bundle" + missing(known, "pods", "\(name)"))
    }

    /// Checks that a node was collected, so that a connection can start or enter there.
    func collectedNode(_ name: String) throws(FlowError) -> NodeSnapshot {
        if let index = collected[name] { return snapshot.nodes[index] }
        if apiNodes[name] != nil { throw notCollected(name) }
        throw unknownNode(name)
    }

    func unknownNode(_ name: String) -> FlowError {
        let known = snapshot.nodes.map(\.name) + snapshot.objects.nodes.map(\.name)
        var message = "there is no node '\(name)' in the bundle" + missing(known, "nodes", name)
        if !message.hasSuffix("?"), !snapshot.nodes.isEmpty { message += "; " + collectedList }
        return FlowError(message)
    }

    func notCollected(_ name: String) -> FlowError {
        FlowError("node \(name) was not collected: what its kernel does is not in the bundle; " + collectedList)
    }

    /// `collected: worker-a, worker-b`, cut after eight.
    var collectedList: String {
        guard !snapshot.nodes.isEmpty else { return "no node was collected" }
        let names = snapshot.nodes.prefix(8).map(\.name).joined(separator: ", ")
        return "collected: \(names)" + (snapshot.nodes.count > 8 ? ", … (\(snapshot.nodes.count))" : "")
    }

    private func missing(_ known: [String], _ kind: String, _ name: String) -> String {
        guard !known.isEmpty else { return ": it holds no \(kind)" }
        return NameSuggestion.text(for: name, among: Array(Set(known)))
    }

    private func nodeHolding(_ pod: NamespacedName) -> String? {
        snapshot.nodes.first { $0.pods.contains { $0.pod == pod } }?.name
    }

    private func collectedAddresses(_ pod: NamespacedName) -> [IPAddress] {
        for node in snapshot.nodes {
            guard let space = node.pods.first(where: { $0.pod == pod }) else { continue }
            return (space.state.links ?? []).lazy.flatMap(\.addresses).map(\.address.address)
                .filter { !$0.isLoopback && !$0.isLinkLocal }
        }
        return []
    }

    /// The addresses a node goes by, one for each family: the API's InternalIPs, else the address on the device that
    /// leads out.
    func nodeAddresses(_ name: String) -> [IPAddress] {
        var found: [AddressFamily: IPAddress] = [:]
        if let index = apiNodes[name] {
            for address in snapshot.objects.nodes[index].internalIPs where found[address.family] == nil {
                found[address.family] = address
            }
        }
        if let index = collected[name] {
            for family in AddressFamily.allCases where found[family] == nil {
                found[family] = snapshot.nodes[index].host.mainAddress(family)
            }
        }
        return AddressFamily.allCases.compactMap { found[$0] }
    }
}

/// A pod as far as a connection's end needs it.
struct ResolvedPod {
    var name: NamespacedName
    var node: String?
    var addresses: [IPAddress]
    var usesHostNetwork: Bool
    var containerPorts: [ContainerPort]
}

extension NamespaceSnapshot {
    /// The address on the device of the default route, else the first on a device that leads out.
    func mainAddress(_ family: AddressFamily) -> IPAddress? {
        let links = links ?? []
        let defaultDevice = routes?
            .filter { $0.destination.length == 0 && $0.destination.family == family && $0.table == .main }
            .min { $0.metric < $1.metric }?.nextHops.first?.device
        func address(on link: Link) -> IPAddress? {
            link.addresses.lazy.filter { !$0.isTentative && !$0.isDeprecated && $0.scope == "global" }
                .map(\.address.address).first { $0.family == family && !$0.isLoopback && !$0.isLinkLocal }
        }
        if let defaultDevice, let link = link(named: defaultDevice), let address = address(on: link) {
            return address
        }
        return links.lazy.filter(\.leadsOut).compactMap(address).first
    }
}

extension Link {
    /// Whether the device can be a node's way out, rather than one to its pods or an end of a tunnel.
    var leadsOut: Bool {
        switch kind {
        case .physical, .vlan, .bond, .veth, .macvlan: return true
        case .unknown:
            let inside = ["docker", "cni", "flannel", "cali", "veth", "tunl", "kube-", "vxlan", "br-", "nodelocaldns"]
            return !isLoopback && !inside.contains { name.hasPrefix($0) }
        case .loopback, .bridge, .vxlan, .ipip, .sit, .tun, .dummy, .ipvlan, .vrf, .gre, .geneve, .wireguard, .ifb:
            return false
        }
    }
}
