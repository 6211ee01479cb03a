import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A firewall keeps a tunnel's packets from the node, or in it.
package struct OverlayPortBlocked: Check {
    package static let metadata = CheckMetadata(
        code: "RTE012", name: "overlay-port-blocked", group: .routing, severity: .error,
        finds: "A rule or policy drops the packets that tunnels between nodes are made of.",
        matters: "Pods of different nodes time out; pods of one node, and the nodes themselves, reach each other.",
        confirm: ["iptables -S INPUT", "tcpdump -ni UPLINK udp port 8472"],
        fix: "Accept the overlay's port from node to node, both ways: flannel 8472/udp or 8285/udp, Calico 4789/udp.",
        sources: [
            "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md",
            "linux net/ipv4/udp_tunnel_core.c",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        TunnelBlocked.findings(Self.metadata, in: context) { $0.ipProtocol == .udp }
    }
}

/// The same for IP in IP, which has no ports.
package struct IPIPBlocked: Check {
    package static let metadata = CheckMetadata(
        code: "RTE013", name: "ipip-proto4-blocked", group: .routing, severity: .error,
        finds: "A rule or policy drops packets of IP protocol 4, which Calico's IPIP tunnels are made of.",
        matters: "Pods of different nodes time out; firewalls that know only TCP, UDP and ICMP do not name it.",
        confirm: ["iptables -S INPUT", "tcpdump -ni UPLINK ip proto 4"],
        fix: "Accept IP protocol 4 from node to node, or let Calico use VXLAN (Azure passes no IPIP).",
        sources: ["https://docs.tigera.io/calico/latest/reference/public-cloud/azure", "linux net/ipv4/ipip.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        TunnelBlocked.findings(Self.metadata, in: context) { $0.ipProtocol == .ipip } + onAzure(context)
    }

    /// Azure's network drops protocol 4, whatever the machines allow.
    private func onAzure(_ context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let object = context.object(ofNode: node.name), object.providerID?.hasPrefix("azure://") == true,
                let route = node.host.routes?.first(where: { route in
                    route.nextHops.contains { $0.device == "tunl0" && $0.gateway != nil }
                })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "sends pods' packets by IPIP, which Azure's network does not pass",
                evidence: [
                    .line(node: node.name, route.source, text: route.text),
                    .field(
                        object: "Node \(node.name)", path: "spec.providerID", value: object.providerID ?? "",
                        object.source),
                ],
                fixes: [
                    Fix(
                        "let the pool use VXLAN",
                        commands: [
                            FixCommand(
                                .workstation,
                                "calicoctl patch ippool POOL -p '{\"spec\":{\"ipipMode\":\"Never\",\"vxlanMode\":\"Always\"}}'",
                                undo:
                                    "calicoctl patch ippool POOL -p '{\"spec\":{\"ipipMode\":\"Always\",\"vxlanMode\":\"Never\"}}'"
                            )
                        ])
                ])
        }
    }
}

private enum TunnelBlocked {
    static func findings(
        _ metadata: CheckMetadata, in context: CheckContext, where isMeant: (ConntrackTuple) -> Bool
    ) -> [Finding] {
        context.lostByNode { group in
            guard group.isOfTunnel(context), let tuple = group.lastStep?.tuple, isMeant(tuple) else { return false }
            switch group.decision?.cause {
            case .rule, .policy: return true
            default: return false
            }
        }.map { node, groups in
            let tuple = groups.first?.lastStep?.tuple
            let what = tuple.map {
                $0.ipProtocol.hasPorts ? "\($0.destinationPort)/\($0.ipProtocol)" : "\($0.ipProtocol)"
            }
            let repair = accept(groups, node, context)
            return Finding(
                metadata, on: .node(node), .proven,
                message: "drops the overlay's packets (\(what ?? "a tunnel"))",
                cause: groups.first?.reason, evidence: groups.map(\.evidence),
                fixes: repair.edits.isEmpty
                    ? []
                    : [
                        Fix("accept the overlay's packets of the nodes", edits: repair.edits, commands: repair.commands)
                    ],
                explains: groups.map(\.id))
        }
    }

    /// A rule before the one that drops, for the nodes' addresses alone.
    private static func accept(
        _ groups: [LostConnections], _ node: String, _ context: CheckContext
    ) -> (edits: [SnapshotEdit], commands: [FixCommand]) {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        var seen: Set<String> = []
        for group in groups {
            guard let tuple = group.lastStep?.tuple, let source = group.decision?.source,
                let (tableName, chain) = group.basePlace,
                let ruleSet = context.snapshot.node(named: node)?.host.ruleSets.first(where: {
                    $0.artifact == source.artifact
                }),
                ruleSet.backend != .native
            else { continue }
            let family: TableFamily = tuple.source.family == .ipv6 ? .ipv6 : .ipv4
            let isOut = chain == "OUTPUT" || chain == "POSTROUTING"
            let other = isOut ? tuple.destination : tuple.source
            let network = context.nodeNetwork(of: other, on: node)
            let port =
                tuple.ipProtocol == .udp
                ? "-p udp -m udp --dport \(tuple.destinationPort)" : "-p \(tuple.ipProtocol.rawValue)"
            let rule = "\(isOut ? "-d" : "-s") \(network) \(port) -j ACCEPT"
            guard seen.insert("\(ruleSet.artifact.rawValue) \(chain) \(rule)").inserted else { continue }
            edits.append(
                .insertRule(
                    EditedTable(node: node, family: family, table: tableName, backend: ruleSet.backend), chain: chain,
                    at: 1,
                    rule: rule))
            commands.append(
                Remedies.insertRule(rule, chain: chain, table: tableName, on: node, tool: ruleSet.tool(family)))
        }
        return (edits, commands)
    }
}

extension LostConnections {
    /// Ports of flannel (VXLAN, UDP), VXLAN itself and WireGuard.
    private static let overlayPorts: Set<UInt16> = [8472, 8285, 4789, 51820]

    /// Whether what is lost is what wraps pods' packets, be it before it has left its node.
    func isOfTunnel(_ context: CheckContext) -> Bool {
        if isTunnelled { return true }
        guard let tuple = lastStep?.tuple, let first = connections.first else { return false }
        let flow = context.survey.connections[first].flow
        guard tuple.ipProtocol != flow.ipProtocol || tuple.destinationPort != flow.destinationPort else { return false }
        return tuple.ipProtocol == .ipip
            || tuple.ipProtocol == .udp && Self.overlayPorts.contains(tuple.destinationPort)
    }

    /// The table and the base chain where the packet is lost.
    var basePlace: (table: String, chain: String)? {
        let table: String
        switch decision?.cause {
        case .rule(let name, _): table = name
        case .policy(let name, let chain): return (name, chain)
        default: return nil
        }
        guard let hook = lastStep?.hook else { return nil }
        switch hook {
        case .prerouting: return (table, "PREROUTING")
        case .input: return (table, "INPUT")
        case .forward: return (table, "FORWARD")
        case .output: return (table, "OUTPUT")
        case .postrouting: return (table, "POSTROUTING")
        }
    }
}

extension CheckContext {
    /// The network that a node shares with another's address; the address alone where it shares none.
    func nodeNetwork(of address: IPAddress, on node: String) -> IPPrefix {
        let own = snapshot.node(named: node)?.host.links?.flatMap(\.addresses).map(\.address.network)
            .filter { $0.contains(address) && $0.length < $0.family.width }
        return own?.max { $0.length < $1.length } ?? IPPrefix(host: address)
    }
}

/// Tunnel devices of two nodes do not speak to each other.
package struct TunnelParametersDiffer: Check {
    package static let metadata = CheckMetadata(
        code: "RTE015", name: "vxlan-port-or-vni-mismatch", group: .routing, severity: .error,
        finds: "VXLAN devices of one name have different ports or network identifiers on different nodes.",
        matters: "What one node sends the other does not unwrap: pods of the two do not reach each other.",
        confirm: ["ip -d link show type vxlan"],
        fix: "Give all nodes the same network configuration, delete the device on the odd node, restart the agent.",
        sources: [
            "linux drivers/net/vxlan/vxlan_core.c",
            "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var devices: [String: [(node: String, link: Link)]] = [:]
        for node in context.clusterNodes {
            for link in node.host.links ?? [] where link.isVXLAN && link.tunnel?.vni != nil {
                devices[link.name, default: []].append((node.name, link))
            }
        }
        return devices.sorted { $0.key < $1.key }.flatMap { name, ends -> [Finding] in
            let kinds = Dictionary(grouping: ends) { [$0.link.tunnel?.vni ?? 0, UInt32($0.link.tunnel?.port ?? 8472)] }
            guard kinds.count > 1,
                let usual = kinds.max(by: {
                    $0.value.count == $1.value.count
                        ? $0.value[0].node > $1.value[0].node : $0.value.count < $1.value.count
                })?.key,
                let example = kinds[usual]?.first
            else { return [] }
            return ends.filter { [$0.link.tunnel?.vni ?? 0, UInt32($0.link.tunnel?.port ?? 8472)] != usual }.map {
                node, link in
                let explained = context.lost { group in
                    group.isTunnelled
                        && (group.decision?.cause == .noTunnelDevice || group.decision?.cause == .noListener)
                        && (group.node == node || context.way(of: group)?.hops.contains { $0.node == node } == true)
                }
                return Finding(
                    Self.metadata, on: .node(node), .proven,
                    message:
                        "uses VNI \(link.tunnel?.vni ?? 0), port \(link.tunnel?.port ?? 8472) for \(name), others VNI \(usual[0]), port \(usual[1])",
                    evidence: [
                        .computed(
                            "\(name) on \(node): id \(link.tunnel?.vni ?? 0) dstport \(link.tunnel?.port ?? 8472)",
                            link.source),
                        .computed(
                            "\(name) on \(example.node): id \(usual[0]) dstport \(usual[1])", example.link.source),
                    ],
                    fixes: [
                        Fix(
                            "have the agent make the device anew",
                            commands: [
                                FixCommand(.node(node), "ip link del \(name)"),
                                Remedies.restartAgent(on: node, context),
                            ])
                    ], explains: explained.map(\.id))
            }
        }
    }
}

/// The device that pods' packets travel in is down or is not there.
package struct TunnelDeviceDown: Check {
    package static let metadata = CheckMetadata(
        code: "RTE016", name: "tunnel-device-down-or-missing", group: .routing, severity: .error,
        finds: "A node's tunnel device is down, or missing where all other nodes have it.",
        matters: "The node's pods and those of other nodes do not reach each other.",
        confirm: ["ip -d link show DEVICE", "systemctl is-active NetworkManager systemd-networkd"],
        fix: "Restart the network plugin's agent, and keep NetworkManager and networkd off the device.",
        sources: ["linux drivers/net/vxlan/vxlan_core.c, vxlan_stop()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = context.clusterNodes.filter { $0.host.links != nil }
        var names: [String: Int] = [:]
        for node in nodes {
            for link in node.host.links ?? [] where Self.isOverlay(link) { names[link.name, default: 0] += 1 }
        }
        return nodes.flatMap { node -> [Finding] in
            names.keys.sorted().compactMap { name -> Finding? in
                let link = node.host.link(named: name)
                if let link, link.isUp { return nil }
                // Alone it may be a leftover; missing counts where every other node has it.
                if link == nil, names[name] != nodes.count - 1 || nodes.count < 3 { return nil }
                return finding(node, name, link, context)
            }
        }
    }

    private static func isOverlay(_ link: Link) -> Bool {
        [
            "flannel.", "flannel-v6.", "flannel0", "vxlan.calico", "tunl0", "cilium_vxlan", "cilium_wg0",
            "wireguard.cali",
        ]
        .contains { link.name.hasPrefix($0) }
    }

    private func finding(_ node: NodeSnapshot, _ name: String, _ link: Link?, _ context: CheckContext) -> Finding? {
        let peers = context.peers(of: node.name)
        let explained = context.survey.lost.filter { group in
            if group.node == node.name, group.decision?.cause == .linkDown || group.decision?.cause == .noTunnelDevice {
                return group.reason.contains(name) || link == nil
            }
            // The kernel took the routes by the device away: packets for peers' pods leave by the default route, or not.
            guard let way = context.way(of: group) else { return false }
            if let (router, step) = way.lastRoute(in: context), router == node.name {
                return context.route(of: step, on: router)?.destination.length == 0
                    && context.nodeOfPod(step.tuple.destination).map { peers.contains($0) } == true
            }
            return group.node == node.name && group.decision?.cause == .noRoute
                && way.destination.flatMap { context.nodeOfPod($0) }.map { peers.contains($0) } == true
        }
        // tunl0 is there on every node with the module loaded; down, and used by nobody, it is no fault.
        if explained.isEmpty, name == "tunl0" { return nil }
        var fixes: [Fix] = []
        if link != nil {
            let repair = PeerRepair.all(of: node.name, towards: peers, context)
            fixes.append(
                Fix(
                    "set \(name) up on \(node.name), with the routes and entries that went with it",
                    edits: [.setLinkUp(.host(node: node.name), link: name, isUp: true)] + repair.edits,
                    commands: [
                        FixCommand(
                            .node(node.name), "ip link set dev \(name) up",
                            persist: "keep NetworkManager and networkd off it (unmanaged-devices, Unmanaged=yes)",
                            undo: "ip link set dev \(name) down")
                    ] + repair.commands))
        }
        fixes.append(
            Fix("have the agent make it anew", commands: [Remedies.restartAgent(on: node.name, context)]))
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: link == nil
                ? "has no device \(name), which all other nodes have" : "has its tunnel device \(name) down",
            evidence: [
                link.map { .computed("\(name) is not UP", $0.source) }
                    ?? .absent(
                        place: "the devices of \(node.name)", what: name,
                        node.host.links?.first.map { SourceLine($0.source.artifact, line: 0) })
            ] + explained.prefix(2).map(\.evidence), fixes: fixes, explains: explained.map(\.id))
    }
}

/// The card towards the other nodes is down.
package struct UplinkDown: Check {
    package static let metadata = CheckMetadata(
        code: "RTE028", name: "uplink-down-or-flapping", group: .routing, severity: .error,
        finds: "The device with the node's address is down or has no carrier.",
        matters: "The node and its pods are cut off from all others.",
        confirm: ["ip link show UPLINK", "dmesg | grep -i 'link is'"],
        fix: "Repair the link: cable, switch, hypervisor, bond; then let the network's service configure it again.",
        sources: ["linux net/ipv4/fib_frontend.c, fib_netdev_event()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let object = context.object(ofNode: node.name)
            let lost = context.survey.lost
            let down = node.host.links?.first { link in
                guard !link.isUp || link.hasCarrier == false, !link.isTunnel, link.kind != .bridge else { return false }
                if link.addresses.contains(where: { object?.internalIPs.contains($0.address.address) ?? false }) {
                    return true
                }
                return lost.contains {
                    $0.decision?.cause == .linkDown && $0.decision?.source == link.source && !link.isPodPort
                        && !link.name.hasPrefix("cali")
                }
            }
            guard let down else { return flapping(node, context) }
            let explained = lost.filter { Self.isExplained($0, node.name, down, context) }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "is cut off: \(down.name) \(down.isUp ? "has no carrier" : "is down")",
                evidence: [.computed("\(down.name): \(down.isUp ? "NO-CARRIER" : "not UP")", down.source)]
                    + explained.prefix(2).map(\.evidence),
                fixes: Self.fixes(node, down, context), explains: explained.map(\.id))
        }
    }

    private static func isExplained(
        _ group: LostConnections, _ node: String, _ link: Link, _ context: CheckContext
    ) -> Bool {
        if group.decision?.cause == .linkDown { return group.decision?.source == link.source }
        guard group.node == node, group.namespace == "host" else { return false }
        switch group.decision?.cause {
        case .noRoute, .noAnswer, .untranslated: return true
        default: return false
        }
    }

    private static func fixes(_ node: NodeSnapshot, _ link: Link, _ context: CheckContext) -> [Fix] {
        guard !link.isUp else { return [] }
        let place = EditPlace.host(node: node.name)
        var edits: [SnapshotEdit] = [.setLinkUp(place, link: link.name, isUp: true)]
        var commands = [
            FixCommand(
                .node(node.name), "ip link set dev \(link.name) up",
                persist: "let the network's service configure it: netplan apply, nmcli device connect \(link.name)",
                undo: "ip link set dev \(link.name) down")
        ]
        // IPv6 addresses go with the link (net.ipv6.conf.*.keep_addr_on_down).
        for address in context.object(ofNode: node.name)?.internalIPs ?? []
        where !link.addresses.contains(where: { $0.address.address == address }) {
            let length = context.clusterNodes.flatMap { $0.host.links ?? [] }.flatMap(\.addresses).map(\.address)
                .first { $0.length < address.family.width && $0.contains(address) }?.length
            guard let length, let prefix = IPPrefix(address, length: length) else { continue }
            edits.append(.addAddress(place, link: link.name, prefix))
            commands.append(
                FixCommand(
                    .node(node.name),
                    "ip addr replace \(prefix) dev \(link.name)\(address.family == .ipv6 ? " nodad" : "")"))
        }
        guard let up = try? context.snapshot.applying(edits) else { return [] }
        // What is missing once the link is up.
        let later = CheckContext(context.dataplane, snapshot: up, contracts: context.contracts, survey: context.survey)
        let route = DefaultRouteMissing.repair(of: node.name, AddressFamily.allCases, later)
        let repair = PeerRepair.all(of: node.name, towards: context.peers(of: node.name), later)
        return [
            Fix(
                "set \(link.name) up on \(node.name), with the routes that went with it",
                edits: edits + route.edits + repair.edits, commands: commands + route.commands + repair.commands)
        ]
    }

    private func flapping(_ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        guard let uplink = node.uplink(context.object(ofNode: node.name))?.name else { return nil }
        let logs = [node.text("dmesg"), node.text("journal-kernel")].compactMap(\.self)
        let lines = logs.flatMap {
            $0.lines(holding: ["Link is Down", "link is down", "Link is down", "carrier lost"])
        }
        .filter { $0.text.contains(uplink) }
        guard lines.count >= 2 else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .likely, severity: .warning,
            message: "lost the link of \(uplink) \(lines.count) times",
            evidence: lines.prefix(3).map { .line(node: node.name, $0.source, text: $0.text) })
    }
}
