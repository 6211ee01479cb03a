package import ClewNet
package import ClewSnapshot

/// Whose addresses are whose, seen from one node, in one family.
package struct NodeNetwork: Sendable, Hashable {
    package var family: AddressFamily
    /// Of the Node object: what other nodes know it by.
    package var nodeAddresses: [IPAddress]
    /// Every address of the node's own devices, and its loopback network.
    package var localAddresses: AddressSet
    /// Those among them that kube-proxy has put on `kube-ipvs0`.
    package var proxyAddresses: AddressSet
    /// Pods of this node that are not in its host network: its `podCIDRs` and the pods' own addresses.
    package var ownPods: AddressSet
    /// The same of all other nodes.
    package var otherPods: AddressSet
    package var otherNodes: AddressSet
    /// Networks on bridges of the node that lead to nobody but what runs on it and is no pod: Docker's, libvirt's.
    package var attachedNetworks: AddressSet
    /// Addresses that exist, to be preferred as examples; sorted.
    package var knownOwnPods: [IPAddress]
    package var knownOtherPods: [IPAddress]
    /// Who stands for the world outside.
    package var outside: OutsideAddresses

    /// `routes` tell local addresses where links were not collected; `addresses` stand in for those of a Node that was not.
    package init(
        node name: String, objects: KubernetesObjects, links: [Link]?, routes: [Route]? = nil,
        addresses standIns: [IPAddress] = [], outside: OutsideAddresses = .documentation, family: AddressFamily
    ) {
        self.family = family
        self.outside = outside
        let own = objects.nodes.first { $0.name == name }
        nodeAddresses = (own?.internalIPs ?? standIns).filter { $0.family == family }
        let proxyLinks = (links ?? []).filter { $0.name == "kube-ipvs0" }
        let ownLinks = (links ?? []).filter { $0.name != "kube-ipvs0" }
        func held(_ links: [Link]) -> [IPAddress] {
            links.flatMap(\.addresses).filter { !$0.isTentative }.map(\.address.address)
        }
        // An address that the node has on another device too stays its own.
        proxyAddresses = AddressSet(held(proxyLinks), family)
            .subtracting(AddressSet(held(ownLinks) + nodeAddresses, family))
        let devices = held(proxyLinks) + held(ownLinks)
        let loopback = family == .ipv4 ? "127.0.0.0/8" : "::1/128"
        let routed = links == nil ? (routes ?? []).filter { $0.type == .local }.map(\.destination) : []
        localAddresses = AddressSet(
            (devices + nodeAddresses).map { IPPrefix(host: $0) } + routed + [IPPrefix(loopback)].compactMap(\.self),
            family)
        let pods = objects.pods.filter { !$0.usesHostNetwork && !$0.hasEnded }
        func addresses(_ isOwn: Bool) -> [IPAddress] {
            pods.filter { ($0.nodeName == name) == isOwn && $0.nodeName != nil }.flatMap(\.addresses)
                .filter { $0.family == family }.sorted()
        }
        knownOwnPods = addresses(true)
        knownOtherPods = addresses(false)
        let others = objects.nodes.filter { $0.name != name }
        ownPods = AddressSet((own?.podCIDRs ?? []) + knownOwnPods.map { IPPrefix(host: $0) }, family)
            .subtracting(localAddresses)
        otherPods = AddressSet(others.flatMap(\.podCIDRs) + knownOtherPods.map { IPPrefix(host: $0) }, family)
            .subtracting(ownPods).subtracting(localAddresses)
        otherNodes = AddressSet(others.flatMap { $0.internalIPs + $0.externalIPs }, family)
            .subtracting(localAddresses)
        let inner = Self.innerBridges(ownLinks, without: nodeAddresses)
        attachedNetworks = AddressSet(inner.flatMap(\.addresses).map(\.address), family)
            .subtracting(ownPods).subtracting(otherPods).subtracting(otherNodes).subtracting(localAddresses)
    }

    /// Bridges that hold none of these addresses and have no port that leads off the node.
    static func innerBridges(_ links: [Link], without addresses: [IPAddress] = []) -> [Link] {
        links.filter { link in
            guard link.kind == .bridge, !link.addresses.contains(where: { addresses.contains($0.address.address) })
            else { return false }
            return links.filter { $0.master == link.name }.allSatisfy { port in
                switch port.kind {
                // A pair's other end is in another namespace; a tunnel device leads to a virtual machine.
                case .veth: port.peerNamespaceID != nil
                case .tun, .dummy: true
                default: false
                }
            }
        }
    }

    package var loopback: AddressSet {
        AddressSet([IPPrefix(family == .ipv4 ? "127.0.0.0/8" : "::1/128")].compactMap(\.self), family)
    }
}
