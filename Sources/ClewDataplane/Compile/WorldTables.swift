import ClewNet
import ClewSnapshot

/// What is looked up over all namespaces: who has an address, which devices are paired, which ports are taken.
struct AddressTable: Sendable, Equatable {
    /// Host namespaces that have an address.
    private(set) var hosts: [IPAddress: [NamespaceIndex]] = [:]
    /// Pods' namespaces that have an address.
    private(set) var pods: [IPAddress: [NamespaceIndex]] = [:]
    /// The other end of a veth pair, where both ends were collected.
    let peers: [LinkReference: LinkReference]
    /// Source ports that recorded connections use, by their source.
    private(set) var takenPorts: [IPAddress: Set<UInt16>] = [:]

    init(_ namespaces: [CompiledNamespace]) {
        peers = Self.peers(namespaces)
        for namespace in namespaces {
            for address in Self.ownAddresses(namespace) {
                if namespace.isHost {
                    hosts[address, default: []].append(namespace.index)
                } else {
                    pods[address, default: []].append(namespace.index)
                }
            }
            for entry in namespace.state.conntrack ?? [] {
                takenPorts[entry.original.source, default: []].insert(entry.original.sourcePort)
            }
        }
    }

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
}

/// The API's objects by address and name, into the lists of the snapshot.
struct ObjectTable: Sendable {
    /// Of pods that have an address of their own, the first by name that is not on its way out.
    private(set) var pods: [IPAddress: Int] = [:]
    /// `NAMESPACE/NAME`.
    private(set) var podNames: [IPAddress: String] = [:]
    private(set) var nodes: [IPAddress: Int] = [:]
    private(set) var nodesByName: [String: Int] = [:]
    private(set) var clusterIPs: [IPAddress: Int] = [:]

    init(_ objects: KubernetesObjects) {
        for (number, pod) in objects.pods.enumerated() where !pod.usesHostNetwork && !pod.hasEnded {
            for address in pod.addresses {
                if let known = pods[address],
                    pod.deletionTimestamp != nil || objects.pods[known].deletionTimestamp == nil
                {
                    continue
                }
                pods[address] = number
            }
        }
        podNames = pods.mapValues { objects.pods[$0].name.description }
        for (number, node) in objects.nodes.enumerated() {
            for address in node.internalIPs + node.externalIPs { nodes[address] = number }
            if nodesByName[node.name] == nil { nodesByName[node.name] = number }
        }
        for (number, service) in objects.services.enumerated() {
            for address in service.clusterIPs { clusterIPs[address] = number }
        }
    }
}
