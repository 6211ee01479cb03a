import ClewBundle
import ClewNet
import ClewSnapshot

/// All namespaces of a snapshot and how they are joined.
///
/// A class for the reason ``CompiledRules`` is one.
final class World: Sendable {
    let snapshot: ClusterSnapshot
    let namespaces: [CompiledNamespace]
    /// Host namespaces by node name.
    let hosts: [String: NamespaceIndex]
    /// The other end of a veth pair, where both ends were collected.
    let peers: [LinkReference: LinkReference]
    /// Which collected host has an address.
    private let hostAddresses: [IPAddress: [NamespaceIndex]]
    private let podNamespaces: [IPAddress: [NamespaceIndex]]
    private let podObjects: [IPAddress: [Int]]
    private let nodeObjects: [IPAddress: Int]
    private let clusterIPs: [IPAddress: Int]
    let podNetworks: PodNetworks
    /// What could not be read.
    let unread: UnreadFiles
    /// Whether the API's pods were collected: then an address none of them has belongs to no pod.
    var knowsPods: Bool { !snapshot.objects.pods.isEmpty }

    #if DEBUG
        private let mutations: Set<SimulatorMutation>
    #endif

    /// Whether the simulator is broken in that way; never in a release build.
    @inline(__always)
    func isBroken(_ mutation: SimulatorMutation) -> Bool {
        #if DEBUG
            mutations.contains(mutation)
        #else
            false
        #endif
    }

    init(_ snapshot: ClusterSnapshot, mutations: Set<SimulatorMutation> = []) {
        #if DEBUG
            self.mutations = mutations
        #endif
        self.snapshot = snapshot
        var namespaces: [CompiledNamespace] = []
        var hosts: [String: NamespaceIndex] = [:]
        for node in snapshot.nodes {
            let host = NamespaceIndex(rawValue: Int32(namespaces.count))
            hosts[node.name] = host
            namespaces.append(CompiledNamespace(index: host, node: node.name, pod: nil, state: node.host))
            for pod in node.pods {
                let index = NamespaceIndex(rawValue: Int32(namespaces.count))
                namespaces.append(CompiledNamespace(index: index, node: node.name, pod: pod, state: pod.state))
            }
        }
        self.namespaces = namespaces
        self.hosts = hosts
        peers = Self.peers(namespaces)
        var hostAddresses: [IPAddress: [NamespaceIndex]] = [:]
        var podNamespaces: [IPAddress: [NamespaceIndex]] = [:]
        for namespace in namespaces {
            for address in Self.ownAddresses(namespace) {
                if namespace.isHost {
                    hostAddresses[address, default: []].append(namespace.index)
                } else {
                    podNamespaces[address, default: []].append(namespace.index)
                }
            }
        }
        self.hostAddresses = hostAddresses
        self.podNamespaces = podNamespaces
        var podObjects: [IPAddress: [Int]] = [:]
        for (number, pod) in snapshot.objects.pods.enumerated() where !pod.usesHostNetwork && !pod.hasEnded {
            for address in pod.addresses { podObjects[address, default: []].append(number) }
        }
        self.podObjects = podObjects
        var nodeObjects: [IPAddress: Int] = [:]
        for (number, node) in snapshot.objects.nodes.enumerated() {
            for address in node.internalIPs + node.externalIPs { nodeObjects[address] = number }
        }
        self.nodeObjects = nodeObjects
        var clusterIPs: [IPAddress: Int] = [:]
        for (number, service) in snapshot.objects.services.enumerated() {
            for address in service.clusterIPs { clusterIPs[address] = number }
        }
        self.clusterIPs = clusterIPs
        unread = UnreadFiles(snapshot)
        podNetworks = PodNetworks(
            namespaces.filter(\.isHost), nodes: snapshot.objects.nodes, pods: snapshot.objects.pods,
            hostsHaving: { hostAddresses[$0] ?? [] })
    }

    subscript(_ index: NamespaceIndex) -> CompiledNamespace { namespaces[Int(index.rawValue)] }

    func host(_ node: String) -> CompiledNamespace? { hosts[node].map { self[$0] } }

    private static func ownAddresses(_ namespace: CompiledNamespace) -> Set<IPAddress> {
        var result = Set<IPAddress>()
        // Every node of a cluster in IPVS mode has every Service address on this device; they are nobody's in particular.
        let shared = "kube-ipvs0"
        for link in namespace.links where link.name != shared {
            for address in link.addresses where !address.isTentative { result.insert(address.address.address) }
        }
        for route in namespace.router.routes where route.type == .local && route.table == .local {
            if route.nextHops.contains(where: { $0.device == shared }) { continue }
            if route.destination.length == route.destination.family.width { result.insert(route.destination.address) }
        }
        return result.filter { !$0.isLoopback && !$0.isLinkLocal }
    }

    /// Pairs devices whose indices name each other, between a node's host and its pods.
    private static func peers(_ namespaces: [CompiledNamespace]) -> [LinkReference: LinkReference] {
        struct Key: Hashable {
            var node: String
            var own: UInt32
            var peer: UInt32
        }
        var hostLinks: [Key: LinkReference] = [:]
        for namespace in namespaces where namespace.isHost {
            for (number, link) in namespace.links.enumerated() {
                guard let peer = link.peerIndex, link.index != 0, link.peerNamespaceID != nil || link.lowerName == nil
                else { continue }
                hostLinks[Key(node: namespace.node, own: link.index, peer: peer)] =
                    LinkReference(namespace: namespace.index, link: LinkIndex(rawValue: Int32(number)))
            }
        }
        var result: [LinkReference: LinkReference] = [:]
        for namespace in namespaces where !namespace.isHost {
            for (number, link) in namespace.links.enumerated() {
                guard let peer = link.peerIndex, link.index != 0,
                    let host = hostLinks[Key(node: namespace.node, own: peer, peer: link.index)]
                else { continue }
                let own = LinkReference(namespace: namespace.index, link: LinkIndex(rawValue: Int32(number)))
                result[own] = host
                result[host] = own
            }
        }
        return result
    }

    // MARK: - Whose an address is

    /// Collected host namespaces that have an address.
    func hosts(having address: IPAddress) -> [NamespaceIndex] { hostAddresses[address] ?? [] }
    /// Collected pod namespaces that have an address.
    func pods(having address: IPAddress) -> [NamespaceIndex] { podNamespaces[address] ?? [] }

    /// The API's pod with an address: the first by name that is not on its way out.
    func podObject(having address: IPAddress) -> Pod? {
        let candidates = (podObjects[address] ?? []).map { snapshot.objects.pods[$0] }
        return candidates.first { $0.deletionTimestamp == nil } ?? candidates.first
    }

    /// The Service whose ClusterIP an address is: an address that exists in rules only.
    func service(having address: IPAddress) -> Service? { clusterIPs[address].map { snapshot.objects.services[$0] } }

    func nodeObject(named name: String) -> Node? { snapshot.objects.nodes.first { $0.name == name } }

    func nodeObject(having address: IPAddress) -> Node? { nodeObjects[address].map { snapshot.objects.nodes[$0] } }

    func owner(of address: IPAddress) -> AddressOwner {
        if let host = hosts(having: address).first { return .host(node: self[host].node) }
        if let pod = pods(having: address).first { return .pod(node: self[pod].node, name: self[pod].pod?.pod) }
        if let pod = podObject(having: address) {
            guard let node = pod.nodeName, hosts[node] != nil else {
                return .uncollectedPod(node: pod.nodeName, name: pod.name)
            }
            return .pod(node: node, name: pod.name)
        }
        if let node = nodeObject(having: address) {
            // The node was collected but does not show the address: behind a translation, or not its own.
            return hosts[node.name] == nil ? .uncollectedHost(node: node.name) : .nobody
        }
        for node in snapshot.nodes {
            if let host = host(node.name), PodAttachment(of: address, on: host, in: self) != nil {
                return .pod(node: node.name, name: nil)
            }
        }
        if let node = snapshot.objects.nodes.first(where: { $0.podCIDRs.contains { $0.contains(address) } }),
            hosts[node.name] == nil
        {
            return .uncollectedPod(node: node.name, name: nil)
        }
        return .nobody
    }
}

/// How a pod whose namespace was not collected hangs on its node: behind a bridge, or at the end of a veth of its own.
struct PodAttachment: Sendable, Hashable {
    var host: NamespaceIndex
    /// The bridge or veth that the node's route to the pod names.
    var link: LinkIndex
    /// Behind a bridge: its port, where neighbour and forwarding tables or the pods' own devices tell.
    var port: LinkIndex?
    var isBridged: Bool
    var route: Int

    /// Follows the node's route to `address`; `nil` where it leads elsewhere.
    init?(of address: IPAddress, on host: CompiledNamespace, in world: World) {
        guard !address.isLoopback, !address.isMulticast, !address.isZero,
            case .found(let number) = host.router.lookUp(RouteQuery(destination: address))
        else { return nil }
        let route = host.router.routes[number]
        guard route.type == .unicast, let hop = route.nextHops.first, hop.gateway == nil,
            let name = hop.device, let link = host.linkNames[name]
        else { return nil }
        self.host = host.index
        self.link = LinkIndex(rawValue: link)
        self.route = number
        if host.isBridge(LinkIndex(rawValue: link)) {
            // The node's own addresses and the network's ends are nobody's pod.
            guard route.destination.length > 0, address != route.destination.network.address,
                address.family == .ipv6 || address != route.destination.last, !host.router.isLocal(address)
            else { return nil }
            isBridged = true
            port = host.port(of: address, on: LinkIndex(rawValue: link))
        } else if host.isPodDevice(LinkIndex(rawValue: link)), route.destination.length == address.family.width {
            isBridged = false
        } else {
            return nil
        }
    }
}

extension CompiledNamespace {
    /// A bridge by its kind, by having ports, or, where the tool prints no kinds, by the names CNI plugins and Docker use.
    func isBridge(_ index: LinkIndex) -> Bool {
        guard let link = link(index) else { return false }
        switch link.kind {
        case .bridge: return true
        case .unknown:
            if links.contains(where: { $0.master == link.name || $0.port?.bridge == link.name }) { return true }
            return ["cni", "docker", "br-", "virbr", "kube-bridge", "cbr", "weave"].contains { link.name.hasPrefix($0) }
        default: return false
        }
    }

    /// A veth whose other end is a pod.
    func isPodDevice(_ index: LinkIndex) -> Bool {
        guard let link = link(index), link.master == nil else { return false }
        switch link.kind {
        case .veth: return true
        case .unknown:
            if link.peerIndex != nil, link.lowerName == nil { return true }
            return ["cali", "veth", "lxc", "eni", "gke", "azv"].contains { link.name.hasPrefix($0) }
        default: return false
        }
    }

    /// The ports of a bridge.
    func ports(of bridge: LinkIndex) -> [LinkIndex] {
        guard let name = link(bridge)?.name else { return [] }
        return links.indices.filter { links[$0].master == name || links[$0].port?.bridge == name }
            .map { LinkIndex(rawValue: Int32($0)) }
    }

    /// The port behind which an address answers, by neighbour and forwarding entries, or because there is but one.
    func port(of address: IPAddress, on bridge: LinkIndex) -> LinkIndex? {
        guard let bridgeLink = link(bridge) else { return nil }
        let neighbor = state.neighbors?.first { $0.address == address && $0.device == bridgeLink.name }
        if let mac = neighbor?.mac {
            let entry = state.forwardingEntries?.first {
                $0.mac == mac && !$0.isLocal && ($0.master == bridgeLink.name || linkNames[$0.device] != nil)
            }
            if let entry, let port = linkNames[entry.device] { return LinkIndex(rawValue: port) }
        }
        let all = ports(of: bridge)
        return all.count == 1 ? all[0] : nil
    }
}
