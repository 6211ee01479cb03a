import ClewBundle
import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// What a node lacks to reach the pods of another: the route, and for VXLAN neighbour and forwarding entry.
///
/// What belongs there is known from the other node's devices and from the routes that the node has to its other peers.
struct PeerRepair {
    private(set) var edits: [SnapshotEdit] = []
    private(set) var commands: [FixCommand] = []

    private let context: CheckContext
    private let node: NodeSnapshot
    private let peer: NodeSnapshot

    /// Empty where nothing is wrong, or it cannot be told what would be right.
    init(of node: String, towards peer: String, _ context: CheckContext) {
        self.context = context
        let nobody = NodeSnapshot(name: node, host: NamespaceSnapshot())
        self.node = context.snapshot.node(named: node) ?? nobody
        self.peer = context.snapshot.node(named: peer) ?? nobody
        guard self.node.name != self.peer.name else { return }
        for range in context.podRanges(of: peer) { repair(range) }
    }

    /// Repairs the ways to several nodes at once.
    static func all(
        of node: String, towards peers: [String], _ context: CheckContext
    ) -> (edits: [SnapshotEdit], commands: [FixCommand]) {
        let repairs = peers.map { PeerRepair(of: node, towards: $0, context) }
        return (repairs.flatMap(\.edits), repairs.flatMap(\.commands))
    }

    private mutating func repair(_ range: IPPrefix) {
        guard let device = device(for: range) else { return }
        guard let link = node.host.link(named: device), link.isVXLAN else { return routePlainly(range, device) }
        guard let far = peer.host.link(named: device),
            let gateway = far.addresses.map(\.address.address).first(where: { range.contains($0) })
        else { return }
        setRoute(range, "\(range) via \(gateway) dev \(device) onlink")
        setEntries(gateway, far, device)
    }

    /// The device that the node's routes to its other peers' pods use, or other nodes' routes to this peer's.
    private func device(for range: IPPrefix) -> String? {
        var ways: [String] = []
        for other in context.clusterNodes where other.name != node.name {
            for far in context.podRanges(of: other.name) where far.family == range.family && far != range {
                ways +=
                    node.host.routes?.filter { $0.destination == far && $0.type == .unicast }
                    .compactMap { $0.nextHops.first?.device } ?? []
            }
            if other.name != peer.name {
                ways +=
                    other.host.routes?.filter { $0.destination == range && $0.type == .unicast }
                    .compactMap { $0.nextHops.first?.device }.filter { node.host.link(named: $0) != nil } ?? []
            }
        }
        if let way = ways.first { return way }
        // With two nodes there is no other route to learn from: a VXLAN device that both have is what it is for.
        let shared = node.host.links?.first { link in
            link.isVXLAN
                && peer.host.link(named: link.name)?.addresses.contains { range.contains($0.address.address) } == true
        }
        return shared?.name ?? node.uplink(context.object(ofNode: node.name))?.name
    }

    /// By way of the node itself, wrapped in IPIP or as it is.
    private mutating func routePlainly(_ range: IPPrefix, _ device: String) {
        let link = node.host.link(named: device)
        guard link?.kind != .tun,
            let address = context.object(ofNode: peer.name)?.internalIPs.first(where: { $0.family == range.family })
        else { return }
        let isTunnel = link?.isTunnel ?? false
        guard isTunnel || link?.addresses.contains(where: { $0.address.contains(address) }) == true else { return }
        let origin = node.host.routes?.contains { $0.origin == "bird" } == true ? " proto bird" : ""
        setRoute(range, "\(range) via \(address) dev \(device)\(origin)\(isTunnel ? " onlink" : "")")
    }

    private mutating func setRoute(_ range: IPPrefix, _ text: String) {
        let wanted = text.split(separator: " ").map(String.init)
        let old = node.host.routes?.filter { $0.destination == range && $0.table == .main } ?? []
        let isRight = old.contains { route in
            route.type == .unicast && route.nextHops.count == 1
                && route.nextHops[0].gateway?.description == wanted[2] && route.nextHops[0].device == wanted[4]
        }
        guard !isRight else { return }
        for route in old where route.nextHops.count > 0 || route.type != .unicast {
            edits.append(.deleteRoute(.host(node: node.name), route))
        }
        edits.append(.addRoute(.host(node: node.name), range.family, text))
        commands.append(Remedies.route(text, range.family, on: node.name, was: old.first))
    }

    private mutating func setEntries(_ gateway: IPAddress, _ far: Link, _ device: String) {
        guard let mac = far.mac,
            let remote = far.tunnel?.local
                ?? context.object(ofNode: peer.name)?.internalIPs.first(where: { $0.family == gateway.family })
        else { return }
        let place = EditPlace.host(node: node.name)
        let neighbor = node.host.neighbors?.first { $0.address == gateway && $0.device == device }
        if neighbor?.mac != mac {
            let text = "\(gateway) dev \(device) lladdr \(mac) PERMANENT"
            edits.append(
                .setNeighbor(
                    place,
                    Neighbor(
                        address: gateway, device: device, mac: mac, states: ["PERMANENT"], source: .edited, text: text))
            )
            let undo = neighbor?.mac.map { "ip neigh replace \(gateway) lladdr \($0) dev \(device) nud permanent" }
            commands.append(
                FixCommand(
                    .node(node.name), "ip neigh replace \(gateway) lladdr \(mac) dev \(device) nud permanent",
                    persist: "the network plugin's agent has to write it: it is lost at a reboot",
                    undo: undo ?? "ip neigh del \(gateway) dev \(device)"))
        }
        let entry = node.host.forwardingEntries?.first { $0.mac == mac && $0.device == device && $0.remote != nil }
        guard entry?.remote != remote else { return }
        let text = "\(mac) dev \(device) dst \(remote) self permanent"
        var wanted = ForwardingEntry(mac: mac, device: device, source: .edited, text: text)
        wanted.remote = remote
        wanted.isSelf = true
        wanted.isPermanent = true
        edits.append(.setForwardingEntry(node: node.name, wanted))
        let undo = entry?.remote.map { "bridge fdb replace \(mac) dev \(device) dst \($0) self permanent" }
        commands.append(
            FixCommand(
                .node(node.name), "bridge fdb replace \(text)",
                persist: "the network plugin's agent has to write it: it is lost at a reboot",
                undo: undo ?? "bridge fdb del \(mac) dev \(device) dst \(remote) self"))
    }
}

extension CheckContext {
    /// The ranges of a node's pods: the API's, else the networks of the bridge that its pods are ports of.
    func podRanges(of name: String) -> [IPPrefix] {
        if let own = object(ofNode: name)?.podCIDRs, !own.isEmpty { return own.map(\.network) }
        return snapshot.node(named: name)?.podBridges.flatMap(\.addresses).map(\.address)
            .filter { !$0.address.isLinkLocal }.map(\.network) ?? []
    }

    /// The other nodes of the cluster that were collected.
    func peers(of node: String) -> [String] { clusterNodes.map(\.name).filter { $0 != node } }
}

extension Link {
    var isVXLAN: Bool {
        kind == .vxlan || (kind == .unknown("") && (name.hasPrefix("flannel.") || name.hasPrefix("vxlan")))
    }
}
