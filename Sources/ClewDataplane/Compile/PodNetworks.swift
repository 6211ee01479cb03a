import ClewNet
import ClewSnapshot

/// How the nodes of a snapshot reach each other's pods: by routes of their own, or by the network between them.
struct PodNetworks: Sendable, Equatable {
    /// A node and its route to pods of another node, by way of that node or a tunnel; `nil`: no collected node has one.
    let ownRoute: (node: String, route: Route)?

    init(_ hosts: [CompiledNamespace], nodes: [Node], pods: [Pod], hostsHaving: (IPAddress) -> [NamespaceIndex]) {
        let nodeAddresses = Dictionary(
            nodes.flatMap { node in (node.internalIPs + node.externalIPs).map { ($0, node.name) } },
            uniquingKeysWith: { first, _ in first })
        var networks: [(node: String, prefix: IPPrefix)] = nodes.flatMap { node in
            node.podCIDRs.map { (node.name, $0) }
        }
        for host in hosts { networks += Self.ownNetworks(host).map { (host.node, $0) } }
        for pod in pods where !pod.usesHostNetwork && !pod.hasEnded {
            guard let node = pod.nodeName else { continue }
            networks += pod.addresses.map { (node, IPPrefix(host: $0)) }
        }
        for host in hosts {
            let own = Set(Self.ownNetworks(host))
            let route = host.router.routes.first { route in
                guard route.type == .unicast, route.destination.length > 0, route.table != .local,
                    !own.contains(route.destination)
                else { return false }
                return route.nextHops.contains { hop in
                    if let gateway = hop.gateway {
                        if hostsHaving(gateway).contains(where: { $0 != host.index }) { return true }
                        if let node = nodeAddresses[gateway], node != host.node { return true }
                    }
                    guard let device = hop.device, host.isTunnel(host.linkIndex(named: device)) else { return false }
                    return networks.contains {
                        $0.node != host.node
                            && ($0.prefix.contains(route.destination) || route.destination.contains($0.prefix))
                    }
                }
            }
            if let route {
                ownRoute = (host.node, route)
                return
            }
        }
        ownRoute = nil
    }

    static func == (a: Self, b: Self) -> Bool {
        a.ownRoute?.node == b.ownRoute?.node && a.ownRoute?.route == b.ownRoute?.route
    }

    /// What a node's routes place behind its bridges and its pods' devices.
    private static func ownNetworks(_ host: CompiledNamespace) -> [IPPrefix] {
        host.router.routes.compactMap { route in
            guard route.type == .unicast, route.destination.length > 0, let hop = route.nextHops.first,
                hop.gateway == nil
            else { return nil }
            let link = host.linkIndex(named: hop.device)
            return host.isBridge(link) || host.isPodDevice(link) ? route.destination : nil
        }
    }
}

extension CompiledNamespace {
    /// A device that wraps packets for another node.
    func isTunnel(_ index: LinkIndex) -> Bool {
        guard let link = link(index) else { return false }
        switch link.kind {
        case .vxlan, .ipip, .sit, .tun, .gre, .geneve, .wireguard: return true
        case .unknown:
            return ["flannel", "vxlan", "tun", "cilium_vxlan", "cilium_geneve", "wireguard", "wg", "genev", "gre"]
                .contains { link.name.hasPrefix($0) }
        default: return false
        }
    }
}
