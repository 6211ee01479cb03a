import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A node has no default route: its processes reach no ClusterIP, since the route is looked up before it is translated.
package struct DefaultRouteMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE008", name: "default-route-missing", group: .routing, severity: .error,
        finds: "A node has no default route, and none to what its processes or pods connect to.",
        matters:
            "Processes of the node get \"network is unreachable\" for every ClusterIP, pods reach nothing outside.",
        confirm: ["ip route show default", "ip route get CLUSTER-IP"],
        fix: "Bring the default route back; on a host without one by intent, route by a dummy device.",
        sources: ["linux net/ipv4/route.c, ip_route_output_key_hash_rcu()", "https://docs.k3s.io/installation/airgap"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { group in
            guard group.decision?.cause == .noRoute, group.namespace == "host", let node = group.node,
                context.isClusterNode(node), let family = Self.family(of: group, context)
            else { return false }
            return context.snapshot.node(named: node)?.host.defaultRoute(family) == nil
                && Self.isBeyondTheNodes(group, context)
        }.map { node, groups in
            let families = Set(groups.compactMap { Self.family(of: $0, context) }).sorted()
            let repair = Self.repair(of: node, families, context)
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "has no default route\(families == [.ipv6] ? " for IPv6" : "")",
                cause: "a route is looked up before OUTPUT translates a ClusterIP, and none is there",
                evidence: [
                    .absent(
                        place: "the routes of \(node)", what: "a default route",
                        context.snapshot.node(named: node)?.host.routes?.first.map {
                            SourceLine($0.source.artifact, line: 0)
                        })
                ],
                fixes: repair.edits.isEmpty
                    ? []
                    : [
                        Fix(
                            "give \(node) the default route of its neighbours", edits: repair.edits,
                            commands: repair.commands)
                    ],
                explains: groups.map(\.id))
        }
    }

    private static func family(of group: LostConnections, _ context: CheckContext) -> AddressFamily? {
        group.connections.first.map { context.survey.connections[$0].flow.family }
    }

    /// Whether what cannot be reached is no pod: other routes than the default one lead to pods.
    private static func isBeyondTheNodes(_ group: LostConnections, _ context: CheckContext) -> Bool {
        guard let first = group.connections.first else { return false }
        return context.nodeOfPod(context.survey.connections[first].flow.destination) == nil
    }

    /// The default route of another node in the same network.
    static func repair(
        of name: String, _ families: [AddressFamily], _ context: CheckContext
    ) -> (edits: [SnapshotEdit], commands: [FixCommand]) {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        guard let node = context.snapshot.node(named: name) else { return ([], []) }
        for family in families where node.host.defaultRoute(family) == nil {
            for other in context.clusterNodes where other.name != name {
                guard let gateway = other.host.defaultRoute(family)?.nextHops.first?.gateway,
                    let link = node.host.links?.first(where: { link in
                        link.addresses.contains { $0.address.length < family.width && $0.address.contains(gateway) }
                    })
                else { continue }
                let destination = family == .ipv4 ? "default" : "default"
                let text = "\(destination) via \(gateway) dev \(link.name)"
                edits.append(.addRoute(.host(node: name), family, text))
                let tool = family == .ipv6 ? "ip -6 route" : "ip route"
                commands.append(
                    FixCommand(
                        .node(name), "\(tool) replace \(text)",
                        persist: "write it into the network's configuration (netplan, nmcli, ifcfg)",
                        undo: "\(tool) del \(text)"))
                break
            }
        }
        return (edits, commands)
    }
}

extension NamespaceSnapshot {
    /// The main table's default route with the lowest metric.
    func defaultRoute(_ family: AddressFamily) -> Route? {
        routes?.filter {
            $0.destination.length == 0 && $0.destination.family == family && $0.table == .main && $0.type == .unicast
        }.min { $0.metric < $1.metric }
    }
}

/// Pods' packets leave for the world with an address that nobody outside knows.
package struct EgressNotMasqueraded: Check {
    package static let metadata = CheckMetadata(
        code: "RTE024", name: "pod-egress-not-masqueraded", group: .routing, severity: .error,
        finds: "No rule gives connections of pods to the world the address of their node.",
        matters: "Pods reach the whole cluster, and nothing outside of it: names of the world, registries, clouds.",
        confirm: ["iptables -t nat -S POSTROUTING", "tcpdump -ni UPLINK src net POD-CIDR and not dst net POD-CIDR"],
        fix: "Turn the network plugin's own masquerading on (flannel: --ip-masq).",
        sources: [
            "https://github.com/flannel-io/flannel, pkg/trafficmngr/iptables",
            "https://www.cni.dev/plugins/current/main/bridge, ipMasq",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let found = context.survey.lost.compactMap { group -> (node: String, group: LostConnections)? in
            if group.decision?.cause == .notMasqueraded { return (group.node ?? "", group) }
            return context.unmasqueradedSender(of: group).map { ($0, group) }
        }
        return Dictionary(grouping: found, by: \.node).sorted { $0.key < $1.key }.map { node, found in
            let groups = found.map(\.group)
            let host = context.snapshot.node(named: node)?.host
            var edits: [SnapshotEdit] = []
            var commands: [FixCommand] = []
            let ranges = context.podRanges(of: node).filter { $0.family == .ipv4 }
            let cluster = context.podNetworks(.ipv4)
            if let ruleSet = host?.ruleSets.first(where: {
                $0.hasChain(["FLANNEL-POSTRTG"]) && $0.tables.first?.family == .ipv4
            }),
                ruleSet.backend != .native
            {
                for range in ranges {
                    // One network stands behind '!': the smallest that holds all pods is told by kube-proxy, else by hand.
                    let rule = "-s \(range) ! -d \(Self.common(cluster, range)) -j MASQUERADE"
                    let tool = "\(ruleSet.tool(.ipv4)) -t nat"
                    edits.append(
                        .appendRule(
                            EditedTable(node: node, table: "nat", backend: ruleSet.backend), chain: "POSTROUTING",
                            rule: rule))
                    commands.append(
                        FixCommand(
                            .node(node),
                            "\(tool) -C POSTROUTING \(rule) 2>/dev/null || \(tool) -A POSTROUTING \(rule)",
                            persist: "start flanneld with --ip-masq, which writes such rules itself",
                            undo: "\(tool) -D POSTROUTING \(rule)"))
                }
            }
            let agent = Fix(
                "have the agent write its rules again", commands: [Remedies.restartAgent(on: node, context)])
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "lets pods' addresses out into the world, where nobody answers them",
                cause: "no rule of POSTROUTING masquerades what leaves the cluster",
                evidence: groups.map(\.evidence),
                fixes: edits.isEmpty
                    ? [agent]
                    : [
                        Fix(
                            "masquerade what leaves the cluster, until the agent does", edits: edits, commands: commands
                        ), agent,
                    ],
                explains: groups.map(\.id))
        }
    }

    /// The smallest prefix that holds all of these.
    private static func common(_ networks: [IPPrefix], _ first: IPPrefix) -> IPPrefix {
        var result = first
        while let wider = networks.first(where: { !result.contains($0) }), result.length > 0 {
            guard let shorter = IPPrefix(result.address, length: result.length - 1)?.network, shorter.length >= 8 else {
                return wider.contains(result) ? wider : result
            }
            result = shorter
        }
        return result
    }
}

/// A rule gives connections between pods the address of a node.
package struct PodToPodMasqueraded: Check {
    package static let metadata = CheckMetadata(
        code: "RTE025", name: "pod-to-pod-masqueraded", group: .routing, severity: .notice,
        finds: "Connections between pods of different nodes are masqueraded.",
        matters: "Servers see a node where a pod asks; policies and logs by address are about the wrong one.",
        confirm: ["iptables -t nat -S POSTROUTING"],
        fix: "Leave the cluster's networks out of the masquerading (nonMasqueradeCIDRs, docker --ip-masq=false).",
        sources: [
            "https://github.com/kubernetes-sigs/ip-masq-agent",
            "https://www.cni.dev/plugins/current/main/bridge, ipMasq",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var seen: Set<String> = []
        return context.survey.connections.compactMap { connection -> Finding? in
            guard connection.service == nil, !connection.needsMasquerade,
                case .pod(let node, _, _) = connection.flow.origin, !seen.contains(node),
                let peer = context.nodeOfPod(connection.flow.destination), peer != node
            else { return nil }
            seen.insert(node)
            let trace = context.dataplane.trace(connection.flow)
            guard let branch = trace.branches.first(where: { $0.disposition == .delivered }), let source = branch.snat
            else { return nil }
            let step = branch.hops.flatMap(\.steps).last { $0.kind == .nat && $0.hook == .postrouting }
            let evidence: Evidence =
                step.flatMap { step in
                    step.source.map { .line(node: node, $0, text: step.text) }
                } ?? .trace(TracedConnection(trace))
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "masquerades connections between pods: \(connection.flow.toText) sees \(source)",
                evidence: [evidence])
        }
    }
}

extension CheckContext {
    /// The node of a pod that wrote to the world with its own address, where the answer is lost on a machine that is no
    /// node of the cluster and has no way to the pod.
    func unmasqueradedSender(of group: LostConnections) -> String? {
        guard group.losesReply, group.decision?.cause == .noRoute, !(group.node.map(isClusterNode) ?? false),
            let first = group.connections.first
        else { return nil }
        let connection = survey.connections[first]
        guard connection.service == nil, case .pod(let node, _, _) = connection.flow.origin,
            nodeOfPod(connection.flow.destination) == nil,
            !clusterNodes.contains(where: { belongs(connection.flow.destination, to: $0.name) })
        else { return nil }
        return node
    }
}
