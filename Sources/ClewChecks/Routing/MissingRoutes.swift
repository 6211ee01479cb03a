import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A node has no route to the pods of another node, or hands their packets to its default gateway.
package struct RouteMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE001", name: "route-to-podcidr-missing", group: .routing, severity: .error,
        finds: "A node has no route to another node's pods, though nodes of this cluster need one.",
        matters: "Pods of the two nodes do not reach each other, nor Services whose endpoints are there.",
        confirm: ["ip route get POD-ADDRESS", "ip route show table all"],
        fix: "Have the network plugin write the route again: its agent on the node is not running or is refused.",
        sources: [
            "linux net/ipv4/route.c", "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var found: [Pair: [LostConnections]] = [:]
        var rest: [Finding] = []
        for group in context.survey.lost where Self.isMeant(group) {
            if let pair = Self.pair(of: group, context) {
                found[pair, default: []].append(group)
            } else if group.decision?.cause == .noRoute, !Self.isOfService(group, context),
                context.unmasqueradedSender(of: group) == nil
            {
                rest.append(
                    Finding(
                        Self.metadata, on: group.place, .proven, message: group.reason,
                        evidence: [
                            .absent(
                                place: "the routes of \(group.node ?? "the node")", what: "one to it",
                                group.decision?.source)
                        ], explains: [group.id]))
            }
        }
        return found.sorted { $0.key < $1.key }.map { Self.finding($0.key, $0.value, context) } + rest
    }

    /// Whether it is the address of a Service that nobody has a route to: it should have been translated before.
    private static func isOfService(_ group: LostConnections, _ context: CheckContext) -> Bool {
        guard !group.losesReply, let destination = context.way(of: group)?.destination else { return false }
        return context.snapshot.objects.services.contains { service in
            service.clusterIPs.contains(destination) || service.externalIPs.contains(destination)
                || service.loadBalancerIngress.contains { $0.address == destination }
        }
    }

    /// A node that lacks a route, and whose pods it leads to.
    private struct Pair: Hashable, Comparable {
        var node: String
        var peer: String
        static func < (a: Pair, b: Pair) -> Bool { a.node == b.node ? a.peer < b.peer : a.node < b.node }
    }

    private static func isMeant(_ group: LostConnections) -> Bool {
        switch group.decision?.cause {
        case .noRoute, .loop, .noAnswer, .refusingRoute, .stranger, .wrongAddress:
            group.namespace == "host" || group.node == nil
        default: false
        }
    }

    /// Where the packet was routed last on a node of the cluster, without a route to the pod it was for.
    private static func pair(of group: LostConnections, _ context: CheckContext) -> Pair? {
        guard let way = context.way(of: group) else { return nil }
        if let (node, step) = way.lastRoute(in: context) {
            let destination = step.tuple.destination
            guard let peer = context.nodeOfPod(destination), peer != node, isDefault(step, node, context) else {
                return nil
            }
            return Pair(node: node, peer: peer)
        }
        // No route at all leaves no step of one.
        guard group.decision?.cause == .noRoute, let node = group.node, context.isClusterNode(node),
            let destination = way.destination, let peer = context.nodeOfPod(destination), peer != node
        else { return nil }
        return Pair(node: node, peer: peer)
    }

    private static func isDefault(_ step: Step, _ node: String, _ context: CheckContext) -> Bool {
        guard let route = context.route(of: step, on: node) else { return false }
        return route.destination.length == 0 && route.type == .unicast
    }

    private static func finding(_ pair: Pair, _ groups: [LostConnections], _ context: CheckContext) -> Finding {
        let ranges = context.podRanges(of: pair.peer)
        let repair = PeerRepair(of: pair.node, towards: pair.peer, context)
        let text = ranges.map(\.description).joined(separator: ", ")
        var fixes: [Fix] = []
        if !repair.edits.isEmpty {
            fixes.append(
                Fix(
                    "give \(pair.node) the route until its agent writes it", edits: repair.edits,
                    commands: repair.commands))
        }
        fixes.append(
            Fix("have the agent write its routes again", commands: [Remedies.restartAgent(on: pair.node, context)]))
        return Finding(
            metadata, on: .node(pair.node), .proven, message: "has no route to the pods of \(pair.peer) (\(text))",
            cause: "their packets go to the default gateway, or nowhere",
            evidence: [
                .absent(
                    place: "the routes of \(pair.node)", what: "one to \(text)",
                    context.snapshot.node(named: pair.node)?.host.routes?.first.map {
                        SourceLine($0.source.artifact, line: 0)
                    })
            ], fixes: fixes, explains: groups.map(\.id))
    }
}

extension CheckContext {
    /// The route that a step of a way cites.
    func route(of step: Step, on node: String) -> Route? {
        guard let source = step.source else { return nil }
        return snapshot.node(named: node)?.host.routes?.first { $0.source == source && $0.text == step.text }
            ?? snapshot.node(named: node)?.host.routes?.first { $0.source == source }
    }
}

/// A route of a node swallows or refuses what should go to a pod elsewhere.
package struct BlackholeRoute: Check {
    package static let metadata = CheckMetadata(
        code: "RTE029", name: "blackhole-on-wrong-node", group: .routing, severity: .error,
        finds: "A blackhole, unreachable or prohibit route covers the address of a pod that runs elsewhere.",
        matters: "Nothing from that node reaches the pod; no counter of a firewall moves.",
        confirm: ["ip route show type blackhole", "ip route get ADDRESS"],
        fix: "Release the address block that the node holds wrongly, or delete the route.",
        sources: ["ip-route(8)", "https://github.com/projectcalico/calico/issues/3246"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let refused = context.lost { $0.decision?.cause == .refusingRoute }
        // The node's own packets end at the look-up, with the error that the route stands for.
        let unanswered = (refused.isEmpty ? [] : context.lost { $0.decision?.cause == .noRoute }).compactMap { group in
            context.way(of: group)?.destination.map { (group: group, destination: $0) }
        }
        var found: [String: [(route: Route, groups: [LostConnections])]] = [:]
        for group in refused {
            guard let node = group.node,
                let route = context.snapshot.node(named: node)?.host.routes?.first(where: {
                    $0.source == group.decision?.source && $0.text == group.decision?.text
                }), route.table == .main,
                // What nobody has is rightly refused by the node whose block it is in.
                context.way(of: group)?.destination.map({ Self.isElsewhere($0, node, context) }) ?? true
            else { continue }
            let local = unanswered.filter { $0.group.node == node && route.destination.contains($0.destination) }
            let groups = [group] + local.map(\.group)
            if let index = found[node]?.firstIndex(where: { $0.route == route }) {
                found[node]?[index].groups += groups
            } else {
                found[node, default: []].append((route, groups))
            }
        }
        // Routes of one node are of one block's release, of both families.
        return found.sorted { $0.key < $1.key }.map { node, routes in
            let texts = routes.map(\.route.text).joined(separator: ", ")
            return Finding(
                Self.metadata, on: .node(node), .proven, message: "swallows packets for pods elsewhere: \(texts)",
                evidence: routes.compactMap { $0.groups.first?.evidence },
                fixes: [Self.deletion(of: routes.map(\.route), on: node)],
                explains: routes.flatMap(\.groups).map(\.id))
        }
    }

    private static func deletion(of routes: [Route], on node: String) -> Fix {
        Fix(
            "delete the \(routes.count == 1 ? "route" : "routes") on \(node)",
            edits: routes.map { .deleteRoute(.host(node: node), $0) },
            commands: routes.map { route in
                let tool = route.destination.family == .ipv6 ? "ip -6 route" : "ip route"
                let text = Remedies.commandText(route)
                return FixCommand(
                    .node(node), "\(tool) del \(text)",
                    persist: "release the block where it is allocated, else the agent writes the route again",
                    undo: "\(tool) add \(text)")
            })
    }

    /// Whether a pod of another node has the address, or the pods are not known.
    private static func isElsewhere(_ address: IPAddress, _ node: String, _ context: CheckContext) -> Bool {
        let pods = context.snapshot.objects.pods
        guard !pods.isEmpty else { return true }
        let owner = pods.first { !$0.usesHostNetwork && !$0.hasEnded && $0.addresses.contains(address) }
        if let owner { return owner.nodeName != node }
        return context.nodeOfPod(address) != node
    }
}

/// A tunnel device does not know where the other node is, or takes another for it.
package struct TunnelEntryMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE017", name: "vtep-fdb-or-arp-missing", group: .routing, severity: .error,
        finds: "A tunnel device lacks the neighbour or forwarding entry of another node, or has a wrong one.",
        matters: "Pods of the two nodes do not reach each other.",
        confirm: ["ip neigh show dev DEVICE", "bridge fdb show dev DEVICE"],
        fix: "Restart the network plugin's agent on the node, which writes both.",
        sources: ["linux drivers/net/vxlan/vxlan_core.c", "https://github.com/flannel-io/flannel, pkg/backend/vxlan"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var found: [String: [LostConnections]] = [:]
        for group in context.survey.lost {
            switch group.decision?.cause {
            case .noNeighbor, .noForwardingEntry:
                if let node = group.node { found[node, default: []].append(group) }
            case .wrongAddress, .noTunnelDevice, .noListener:
                // The frame went to a node that it is not for: the sender's entry is wrong.
                if let sender = Self.sender(of: group, context) {
                    found[sender, default: []].append(group)
                }
            default: break
            }
        }
        return found.sorted { $0.key < $1.key }.map { node, groups in
            let repair = PeerRepair.all(of: node, towards: context.peers(of: node), context)
            var fixes: [Fix] = []
            if !repair.edits.isEmpty {
                fixes.append(
                    Fix("write the entries until the agent does", edits: repair.edits, commands: repair.commands))
            }
            fixes.append(
                Fix("have the agent write its entries again", commands: [Remedies.restartAgent(on: node, context)]))
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "cannot tell by its tunnel device where another node is",
                cause: groups.first?.reason, evidence: groups.map(\.evidence), fixes: fixes, explains: groups.map(\.id))
        }
    }

    /// The node whose forwarding entry sent a frame to the wrong node; `nil` where the receiver itself has changed.
    private static func sender(of group: LostConnections, _ context: CheckContext) -> String? {
        guard let way = context.way(of: group), let receiver = group.node,
            way.hops.contains(where: { $0.encapsulation > 0 }),
            let destination = way.podDestination(in: context), let meant = context.nodeOfPod(destination),
            meant != receiver,
            let node = way.hops.last(where: { $0.node != receiver && $0.namespace == "host" })?.node,
            context.isClusterNode(node)
        else { return nil }
        return node
    }
}
