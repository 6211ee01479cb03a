import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A route to a node's pods leads to somebody else.
package struct WrongNextHop: Check {
    package static let metadata = CheckMetadata(
        code: "RTE002", name: "route-wrong-next-hop", group: .routing, severity: .error,
        finds: "The route to a node's pods has a gateway that is not that node.",
        matters: "Their packets go to another machine, which refuses them, drops them or sends them round.",
        confirm: ["ip route get POD-ADDRESS", "kubectl get nodes -o wide"],
        fix: "Correct the node's address where the network plugin has it from, and restart its agent.",
        sources: ["ip-route(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var found: [String: [(group: LostConnections, route: Route, peer: String)]] = [:]
        for group in context.survey.lost where Self.isMeant(group) {
            for (node, route, peer) in Self.wrongRoutes(of: group, context) {
                found[node, default: []].append((group, route, peer))
            }
        }
        return found.sorted { $0.key < $1.key }.map { node, entries in
            let peers = Array(Set(entries.map(\.peer))).sorted()
            // Two nodes may send to each other: both routes have to be right for either connection.
            let nodes = Set(
                found.filter { $0.value.contains { other in entries.contains { $0.group.id == other.group.id } } }
                    .map(\.key)
            ).sorted()
            let repairs = nodes.map { PeerRepair.all(of: $0, towards: peers, context) }
            let routes = Set(entries.map(\.route)).sorted { $0.text < $1.text }
            let fix = Fix(
                "lead \(peers.joined(separator: ", "))'s pods to \(peers.count == 1 ? "it" : "them")",
                edits: repairs.flatMap(\.edits), commands: repairs.flatMap(\.commands))
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "sends packets for pods of \(peers.joined(separator: ", ")) to somebody else",
                cause: routes.first.map { "the gateway of \($0.destination) is none of its addresses" },
                evidence: routes.map { .line(node: node, $0.source, text: $0.text) },
                fixes: repairs.allSatisfy(\.edits.isEmpty) ? [] : [fix],
                explains: Array(Set(entries.map(\.group.id))).sorted())
        }
    }

    private static func isMeant(_ group: LostConnections) -> Bool {
        switch group.decision?.cause {
        case .noRoute, .loop, .noAnswer, .refusingRoute, .wrongAddress, .martian, .reversePathFilter, .rule, .policy:
            true
        default: false
        }
    }

    /// Routes on the way whose gateway is not the node whose pods they lead to.
    private static func wrongRoutes(
        of group: LostConnections, _ context: CheckContext
    ) -> [(node: String, route: Route, peer: String)] {
        guard let way = context.way(of: group) else { return [] }
        var result: [(node: String, route: Route, peer: String)] = []
        for hop in way.hops where hop.namespace == "host" && hop.encapsulation == 0 {
            guard let node = hop.node, context.isClusterNode(node) else { continue }
            for step in hop.steps where step.kind == .route {
                guard let route = context.route(of: step, on: node), route.destination.length > 0,
                    let gateway = route.nextHops.first?.gateway,
                    let peer = context.nodeOfPod(step.tuple.destination), peer != node,
                    !context.belongs(gateway, to: peer), !result.contains(where: { $0.node == node })
                else { continue }
                result.append((node, route, peer))
            }
        }
        return result
    }
}

extension CheckContext {
    /// Whether an address is a node's own: of the API, of its devices, or in its range of pods.
    func belongs(_ address: IPAddress, to node: String) -> Bool {
        if object(ofNode: node)?.internalIPs.contains(address) == true { return true }
        if snapshot.node(named: node)?.host.links?.contains(where: {
            $0.addresses.contains { $0.address.address == address }
        })
            == true
        {
            return true
        }
        // A gateway of a CNI that nodes have in common, as 169.254.1.1, is not a node's.
        return podRanges(of: node).contains { $0.contains(address) }
    }
}

/// The next hop of a route to pods does not answer on the link.
package struct NextHopNotOnLink: Check {
    package static let metadata = CheckMetadata(
        code: "RTE023", name: "next-hop-not-on-link", group: .routing, severity: .warning,
        finds: "The gateway of a route to other nodes' pods does not answer on its link.",
        matters: "Routes are there, and no packet arrives: connections time out, or end with \"no route to host\".",
        confirm: ["ip neigh show GATEWAY", "ip route show table main"],
        fix: "Use an overlay between networks that routers part, or let the switch or hypervisor pass the packets.",
        sources: [
            "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md, host-gw", "ip-neighbour(8)",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            var seen: Set<IPAddress> = []
            return (node.host.routes ?? []).compactMap { route -> Finding? in
                guard route.table == .main, route.destination.length > 0, route.type == .unicast,
                    let hop = route.nextHops.first, let gateway = hop.gateway, let device = hop.device,
                    node.host.link(named: device)?.isTunnel != true,
                    Self.leadsToPods(route, of: node.name, context),
                    let neighbor = node.host.neighbors?.first(where: { $0.address == gateway && $0.device == device }),
                    neighbor.states.contains("FAILED") || neighbor.states.contains("INCOMPLETE"),
                    seen.insert(gateway).inserted
                else { return nil }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "gets no answer from \(gateway), the gateway to other nodes' pods",
                    cause: "nobody on the link of \(device) says that it has the address",
                    evidence: [
                        .line(node: node.name, neighbor.source, text: neighbor.text),
                        .line(node: node.name, route.source, text: route.text),
                    ],
                    fixes: [
                        Fix(
                            "see whether the gateway is on the same link",
                            commands: [FixCommand(.node(node.name), "ip neigh flush to \(gateway) dev \(device)")])
                    ])
            }
        }
    }

    private static func leadsToPods(_ route: Route, of node: String, _ context: CheckContext) -> Bool {
        route.origin == "bird"
            || context.snapshot.objects.nodes.contains { other in
                other.name != node && other.podCIDRs.contains { $0.network == route.destination }
            }
    }
}

/// Policy routing sends pods' packets to a table without the right routes.
package struct PolicyRuleDiverts: Check {
    package static let metadata = CheckMetadata(
        code: "RTE030", name: "policy-rule-diverts", group: .routing, severity: .error,
        finds: "A policy rule sends the cluster's packets to a routing table that has no way to their destination.",
        matters: "Only what the rule selects fails, such as packets of pods, or those with a mark.",
        confirm: ["ip rule", "ip route show table N"],
        fix: "Have the cluster's networks looked up in the main table first, or leave them out of the VPN's rules.",
        sources: ["ip-rule(8)", "https://github.com/projectcalico/calico/issues/4662"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { group in
            guard let node = group.node, context.isClusterNode(node) else { return false }
            return Self.rule(behind: group, node, context) != nil
        }.map { node, groups in
            let rules = Set(groups.compactMap { Self.rule(behind: $0, node, context) })
                .sorted { $0.priority == $1.priority ? $0.family < $1.family : $0.priority < $1.priority }
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "looks the cluster's packets up in another table by '\(rules.first?.text ?? "ip rule")'",
                cause: groups.first?.reason,
                evidence: rules.map { .line(node: node, $0.source, text: $0.text) } + groups.prefix(2).map(\.evidence),
                fixes: [Self.spare(rules, node, context), Self.delete(rules, node)].compactMap(\.self),
                explains: groups.map(\.id))
        }
    }

    /// The policy rule that picked the table of the route that decides, or that decides itself.
    private static func rule(behind group: LostConnections, _ node: String, _ context: CheckContext) -> RoutingRule? {
        guard let host = context.snapshot.node(named: node)?.host, let decision = group.decision else { return nil }
        if decision.cause == .refusingRoute,
            let own = host.routingRules.first(where: { $0.source == decision.source && $0.text == decision.text })
        {
            return own
        }
        let route: Route?
        switch decision.cause {
        case .noAnswer where group.namespace != "host" || context.way(of: group)?.lastRoute(in: context)?.node != node:
            // A node answers a pod for its gateway by where the rules lead what the pod sends (`arp_fwd_proxy`).
            let senders = group.connections.prefix(20).compactMap { index -> IPAddress? in
                let connection = context.survey.connections[index]
                guard case .pod(node, let address, _) = connection.flow.origin else {
                    return group.losesReply ? connection.flow.destination : nil
                }
                return address
            }
            let own = context.pods(on: node).flatMap(\.addresses)
            return host.routingRules.first { rule in
                guard case .lookup(let table) = rule.action, ![.main, .local, .default].contains(table),
                    let from = rule.from, from.length > 0
                else { return false }
                return senders.contains { from.contains($0) } || own.contains { from.contains($0) }
            }
        case .refusingRoute:
            route = host.routes?.first { $0.source == decision.source && $0.text == decision.text }
        case .noRoute, .noAnswer, .linkDown, .loop:
            guard let (routed, step) = context.way(of: group)?.lastRoute(in: context), routed == node else {
                return nil
            }
            route = context.route(of: step, on: node)
        default: return nil
        }
        guard let route, ![.main, .local, .default].contains(route.table) else { return nil }
        return host.routingRules.first {
            $0.family == route.destination.family && $0.action == .lookup(route.table)
        }
    }

    private static func spare(_ rules: [RoutingRule], _ node: String, _ context: CheckContext) -> Fix? {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for rule in rules where rule.priority > 1 {
            for network in context.podNetworks(rule.family) {
                let text = "to \(network) lookup main pref \(rule.priority - 1)"
                let tool = rule.family == .ipv6 ? "ip -6 rule" : "ip rule"
                edits.append(
                    .addRoutingRule(
                        .host(node: node), rule.family, "\(rule.priority - 1): from all to \(network) lookup main"))
                commands.append(
                    FixCommand(
                        .node(node), "\(tool) del \(text) 2>/dev/null; \(tool) add \(text)",
                        persist: "write the rule into the network's configuration (netplan routing-policy, nmcli)",
                        undo: "\(tool) del \(text)"))
            }
        }
        guard !edits.isEmpty else { return nil }
        return Fix("look the pods' networks up in the main table first", edits: edits, commands: commands)
    }

    private static func delete(_ rules: [RoutingRule], _ node: String) -> Fix? {
        guard !rules.isEmpty else { return nil }
        return Fix(
            "take the policy rule away, once it is known who needs it",
            edits: rules.map { .deleteRoutingRule(.host(node: node), $0) },
            commands: rules.map { rule in
                let tool = rule.family == .ipv6 ? "ip -6 rule" : "ip rule"
                let words = rule.text.split(separator: " ").drop { $0.hasSuffix(":") }.joined(separator: " ")
                return FixCommand(
                    .node(node), "\(tool) del pref \(rule.priority)", persist: "change it where it is written",
                    undo: "\(tool) add \(words) pref \(rule.priority)")
            })
    }
}
