import ClewBundle
import ClewNet
import ClewSnapshot

/// All namespaces of a snapshot and how they are joined.
///
/// A class for the reason ``CompiledRules`` is one.
final class World: Sendable {
    let snapshot: ClusterSnapshot
    /// Looked at only by way of ``subscript(_:)``, which records it.
    private let namespaces: [CompiledNamespace]
    /// Host namespaces by node name.
    let hosts: [String: NamespaceIndex]
    private let addresses: AddressTable
    private let objects: ObjectTable
    /// Whether rules tell a SYN-ACK from the packets behind it.
    let tellsAnswersApart: Bool
    let podNetworks: PodNetworks
    /// What could not be read.
    let unread: UnreadFiles
    /// Which namespaces a walk through this world has looked at; `nil`: not asked for.
    private let reads: ReadRecord?
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
        let namespaces = Self.compiled(snapshot)
        self.namespaces = namespaces
        hosts = Self.hosts(namespaces)
        addresses = AddressTable(namespaces)
        objects = ObjectTable(snapshot.objects)
        tellsAnswersApart = Self.tellAnswersApart(namespaces)
        unread = UnreadFiles(snapshot)
        podNetworks = Self.podNetworks(namespaces, addresses, snapshot)
        reads = nil
    }

    /// A world in which some namespaces, and nothing of the API's objects, are different.
    init(_ old: World, editedTo snapshot: ClusterSnapshot, in changed: Set<NamespaceIndex>) {
        #if DEBUG
            mutations = old.mutations
        #endif
        self.snapshot = snapshot
        var namespaces = old.namespaces
        for (index, part) in Self.parts(of: snapshot).enumerated() where changed.contains(part.index) {
            namespaces[index] = part.compiled()
        }
        self.namespaces = namespaces
        hosts = old.hosts
        addresses = AddressTable(namespaces)
        objects = old.objects
        tellsAnswersApart = Self.tellAnswersApart(namespaces)
        unread = old.unread
        podNetworks = Self.podNetworks(namespaces, addresses, snapshot)
        reads = nil
    }

    /// The same world, in which it is recorded what is looked at.
    init(_ other: World, recordingIn record: ReadRecord) {
        #if DEBUG
            mutations = other.mutations
        #endif
        snapshot = other.snapshot
        namespaces = other.namespaces
        hosts = other.hosts
        addresses = other.addresses
        objects = other.objects
        tellsAnswersApart = other.tellsAnswersApart
        podNetworks = other.podNetworks
        unread = other.unread
        reads = record
    }

    private static func tellAnswersApart(_ namespaces: [CompiledNamespace]) -> Bool {
        namespaces.contains { $0.rules.contains(where: \.tellsAnswersApart) }
    }

    /// Whether a walk that looks at namespaces that are equal in both comes to the same: all that it learns otherwise,
    /// from tables over all namespaces, is equal.
    func hasSameTables(as other: World) -> Bool {
        addresses == other.addresses && podNetworks == other.podNetworks
            && tellsAnswersApart == other.tellsAnswersApart
    }

    subscript(_ index: NamespaceIndex) -> CompiledNamespace {
        reads?.note(index)
        return namespaces[Int(index.rawValue)]
    }

    var namespaceCount: Int { namespaces.count }

    /// A namespace to begin with: no more than its node's name may be read of it.
    var anyNamespace: CompiledNamespace? { namespaces.first }

    func host(_ node: String) -> CompiledNamespace? { hosts[node].map { self[$0] } }

    /// The index of a node's host namespace, or of a pod's on it.
    func namespace(of node: String, pod: NamespacedName?) -> NamespaceIndex? {
        guard let pod else { return hosts[node] }
        return namespaces.first { $0.node == node && $0.pod?.pod == pod }?.index
    }

    // MARK: - Making it

    /// What a namespace is compiled of.
    private struct Part {
        var index: NamespaceIndex
        var node: String
        var pod: PodNamespaceSnapshot?
        var state: NamespaceSnapshot

        func compiled() -> CompiledNamespace {
            CompiledNamespace(index: index, node: node, pod: pod, state: state)
        }
    }

    private static func parts(of snapshot: ClusterSnapshot) -> [Part] {
        var parts: [Part] = []
        func next() -> NamespaceIndex { NamespaceIndex(rawValue: Int32(truncatingIfNeeded: parts.count)) }
        for node in snapshot.nodes {
            parts.append(Part(index: next(), node: node.name, pod: nil, state: node.host))
            for pod in node.pods {
                parts.append(Part(index: next(), node: node.name, pod: pod, state: pod.state))
            }
        }
        return parts
    }

    /// On every processor.
    private static func compiled(_ snapshot: ClusterSnapshot) -> [CompiledNamespace] {
        let parts = parts(of: snapshot)
        return [CompiledNamespace](concurrently: parts.count) { parts[$0].compiled() }
    }

    private static func hosts(_ namespaces: [CompiledNamespace]) -> [String: NamespaceIndex] {
        var hosts: [String: NamespaceIndex] = [:]
        for namespace in namespaces where namespace.isHost { hosts[namespace.node] = namespace.index }
        return hosts
    }

    private static func podNetworks(
        _ namespaces: [CompiledNamespace], _ addresses: AddressTable, _ snapshot: ClusterSnapshot
    ) -> PodNetworks {
        PodNetworks(
            namespaces.filter(\.isHost), nodes: snapshot.objects.nodes, pods: snapshot.objects.pods,
            hostsHaving: { addresses.hosts[$0] ?? [] })
    }

    // MARK: - Whose an address is

    /// Collected host namespaces that have an address.
    func hosts(having address: IPAddress) -> [NamespaceIndex] { addresses.hosts[address] ?? [] }
    /// Collected pod namespaces that have an address.
    func pods(having address: IPAddress) -> [NamespaceIndex] { addresses.pods[address] ?? [] }
    /// The other end of a veth pair, where both ends were collected.
    func peer(of end: LinkReference) -> LinkReference? { addresses.peers[end] }
    /// Source ports that recorded connections from an address use.
    func takenPorts(of address: IPAddress) -> Set<UInt16> { addresses.takenPorts[address] ?? [] }

    /// The API's pod with an address: the first by name that is not on its way out.
    func podObject(having address: IPAddress) -> Pod? {
        objects.pods[address].map { snapshot.objects.pods[$0] }
    }

    /// Whether a pod of the API has an address.
    func hasPodObject(_ address: IPAddress) -> Bool { objects.pods[address] != nil }

    /// `pod NAMESPACE/NAME`, or `pod ADDRESS` where the API does not name it.
    func podName(_ address: IPAddress) -> String { "pod " + (nameOfPod(address) ?? address.description) }

    /// `NAMESPACE/NAME`; `nil` where the API does not name it.
    func nameOfPod(_ address: IPAddress) -> String? { objects.podNames[address] }

    /// The Service whose ClusterIP an address is: an address that exists in rules only.
    func service(having address: IPAddress) -> Service? {
        objects.clusterIPs[address].map { snapshot.objects.services[$0] }
    }

    func nodeObject(named name: String) -> Node? { objects.nodesByName[name].map { snapshot.objects.nodes[$0] } }

    func nodeObject(having address: IPAddress) -> Node? {
        objects.nodes[address].map { snapshot.objects.nodes[$0] }
    }

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
    func isBridge(_ index: LinkIndex) -> Bool {
        index.rawValue >= 0 && Int(index.rawValue) < links.count && layerTwo.isBridge[Int(index.rawValue)]
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
        guard bridge.rawValue >= 0, Int(bridge.rawValue) < links.count else { return [] }
        return layerTwo.ports[Int(bridge.rawValue)]
    }

    /// A bridge's first port that leads out of the node.
    func uplink(ofBridge bridge: LinkIndex) -> LinkIndex? {
        guard bridge.rawValue >= 0, Int(bridge.rawValue) < links.count else { return nil }
        return layerTwo.uplinks[Int(bridge.rawValue)]
    }

    /// The port behind which an address answers, by neighbour and forwarding entries, or because there is but one.
    func port(of address: IPAddress, on bridge: LinkIndex) -> LinkIndex? {
        guard let bridgeLink = link(bridge) else { return nil }
        if let mac = layerTwo.neighbor(address, on: bridgeLink.name)?.mac {
            let entry = layerTwo.forwardingEntry(mac) {
                !$0.isLocal && ($0.master == bridgeLink.name || linkNames[$0.device] != nil)
            }
            if let entry, let port = linkNames[entry.device] { return LinkIndex(rawValue: port) }
        }
        let all = ports(of: bridge)
        return all.count == 1 ? all[0] : nil
    }
}
