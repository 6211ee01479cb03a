import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A tunnel's packets are larger than the way they take allows.
package struct PodMTUTooLarge: Check {
    package static let metadata = CheckMetadata(
        code: "RTE009", name: "pod-mtu-larger-than-path", group: .routing, severity: .warning,
        finds: "A tunnel's MTU and what wrapping adds are more than the MTU of the device below it.",
        matters: "Small requests work; large answers and TLS handshakes hang, or go in fragments.",
        confirm: ["ip -d link show DEVICE", "ping -M do -s 1422 POD-ADDRESS"],
        fix: "Set the network plugin's MTU to that of the card less the overhead, and have pods made anew.",
        sources: [
            "https://docs.tigera.io/calico/latest/networking/configuring/mtu", "linux drivers/net/vxlan/vxlan_core.c",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard let uplink = node.uplink(context.object(ofNode: node.name)), uplink.mtu > 0 else { return [] }
            return (node.host.links ?? []).compactMap { tunnel(node, $0, over: uplink, context) }
                + [pods(node, context)].compactMap(\.self)
        } + tooBig(context)
    }

    private func tunnel(_ node: NodeSnapshot, _ link: Link, over uplink: Link, _ context: CheckContext) -> Finding? {
        let outer = link.tunnel?.local?.family ?? .ipv4
        let below = link.tunnel?.device.flatMap { node.host.link(named: $0) } ?? uplink
        guard link.isTunnel, link.isUp, link.mtu > 0, below.mtu > 0, let overhead = link.overhead(outer: outer),
            link.mtu + overhead > below.mtu, Self.isUsed(link, node.host)
        else { return nil }
        let right = below.mtu > overhead ? below.mtu - overhead : below.mtu
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message:
                "has \(link.name) with MTU \(link.mtu): with \(overhead) bytes more than \(below.name) takes (\(below.mtu))",
            cause: "what wrapping adds was not taken off the MTU of the card",
            evidence: [
                .computed("\(link.name) mtu \(link.mtu)", link.source),
                .computed("\(below.name) mtu \(below.mtu)", below.source),
            ],
            fixes: [
                Fix(
                    "set \(link.name) to \(right) bytes",
                    commands: [
                        FixCommand(
                            .node(node.name), "ip link set dev \(link.name) mtu \(right)",
                            persist:
                                "set the network plugin's MTU (flannel: of the card; Calico: vxlanMTU, ipipMTU, vethMTU)",
                            undo: "ip link set dev \(link.name) mtu \(link.mtu)")
                    ])
            ])
    }

    /// Whether a route leads into it, or another device is a part of the network it makes.
    private static func isUsed(_ link: Link, _ host: NamespaceSnapshot) -> Bool {
        host.routes?.contains { route in
            route.table != .local && route.nextHops.contains { $0.device == link.name } && route.destination.length > 0
        } ?? false
    }

    /// Pods whose packets do not fit into the tunnel: the kernel tells them, unless something drops what it says.
    private func pods(_ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        let tunnels = (node.host.links ?? []).filter {
            $0.isTunnel && $0.isUp && $0.mtu > 0 && $0.name != "tunl0" && Self.isUsed($0, node.host)
        }
        guard let tunnel = tunnels.min(by: { $0.mtu < $1.mtu }),
            let port = node.host.links?.first(where: { $0.isPodPort && $0.mtu > tunnel.mtu })
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .likely, severity: .notice,
            message: "has pods with MTU \(port.mtu), more than \(tunnel.name) takes (\(tunnel.mtu))",
            cause: "large packets of pods depend on ICMP that asks for smaller ones",
            evidence: [
                .computed("\(port.name) mtu \(port.mtu)", port.source),
                .computed("\(tunnel.name) mtu \(tunnel.mtu)", tunnel.source),
            ])
    }

    private func tooBig(_ context: CheckContext) -> [Finding] {
        context.lostByNode { $0.decision?.cause == .tooBig }.map { node, groups in
            Finding(
                Self.metadata, on: .node(node), .proven, severity: .error,
                message: "cannot pass packets of this size on",
                cause: groups.first?.reason, evidence: groups.map(\.evidence), fixes: clamp(node, groups, context),
                explains: groups.map(\.id))
        }
    }

    /// Tells both ends of a connection, when it is opened, what the node's devices take.
    private func clamp(_ node: String, _ groups: [LostConnections], _ context: CheckContext) -> [Fix] {
        let rule = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        let families = Set(
            groups.flatMap(\.connections).map { context.survey.connections[$0].flow }
                .filter { $0.ipProtocol == .tcp }.map(\.family))
        for family in families.sorted(by: { $0.width < $1.width }) {
            let table: TableFamily = family == .ipv6 ? .ipv6 : .ipv4
            guard
                let rules = context.snapshot.node(named: node)?.host.ruleSets.first(where: {
                    $0.backend != .native && $0.tables.first?.family == table && $0.hasChain(["KUBE-"])
                })
            else { continue }
            edits.append(
                .insertRule(
                    EditedTable(node: node, family: table, table: "mangle", backend: rules.backend), chain: "FORWARD",
                    at: 1, rule: rule))
            commands.append(
                Remedies.insertRule(rule, chain: "FORWARD", table: "mangle", on: node, tool: rules.tool(table)))
        }
        guard !edits.isEmpty else { return [] }
        return [Fix("clamp the segment size of TCP to the path's MTU", edits: edits, commands: commands)]
    }
}

/// Nodes do not agree on the size of packets between them.
package struct MTUDiffers: Check {
    package static let metadata = CheckMetadata(
        code: "RTE010", name: "mtu-differs-between-nodes", group: .routing, severity: .warning,
        finds: "The overlay's device, or the card without an overlay, has another MTU than on other nodes.",
        matters: "Large transfers fail between certain pairs of nodes only.",
        confirm: ["ip link show DEVICE"],
        fix: "Give all nodes the smallest of them, in the network's configuration and the plugin's.",
        sources: ["https://docs.aws.amazon.com/vpc/latest/userguide/network_mtu.html"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var overlays: [String: [(node: String, link: Link)]] = [:]
        var uplinks: [(node: String, link: Link)] = []
        for node in context.clusterNodes {
            for link in node.host.links ?? [] where link.isTunnel && link.isUp && link.mtu > 0 && link.name != "tunl0" {
                overlays[link.name, default: []].append((node.name, link))
            }
            if let uplink = node.uplink(context.object(ofNode: node.name)), uplink.mtu > 0 {
                uplinks.append((node.name, uplink))
            }
        }
        let between = overlays.filter { $0.value.count > 1 }
        if !between.isEmpty { return between.sorted { $0.key < $1.key }.compactMap { differing($0.value) } }
        return [differing(uplinks)].compactMap(\.self)
    }

    private func differing(_ ends: [(node: String, link: Link)]) -> Finding? {
        guard let smallest = ends.min(by: { $0.link.mtu < $1.link.mtu }),
            let largest = ends.max(by: { $0.link.mtu < $1.link.mtu }), smallest.link.mtu != largest.link.mtu
        else { return nil }
        return Finding(
            Self.metadata, on: .node(largest.node), .likely,
            message:
                "sends packets of up to \(largest.link.mtu) bytes by \(largest.link.name), \(smallest.node) takes \(smallest.link.mtu)",
            evidence: [
                .computed("\(largest.link.name) on \(largest.node): mtu \(largest.link.mtu)", largest.link.source),
                .computed("\(smallest.link.name) on \(smallest.node): mtu \(smallest.link.mtu)", smallest.link.source),
            ],
            fixes: [
                Fix(
                    "use the smaller MTU",
                    commands: [
                        FixCommand(
                            .node(largest.node), "ip link set dev \(largest.link.name) mtu \(smallest.link.mtu)",
                            persist: "write it into the network's configuration",
                            undo: "ip link set dev \(largest.link.name) mtu \(largest.link.mtu)")
                    ])
            ])
    }
}

/// The node cannot pass large packets on, and says so in vain.
package struct PathMTUBlackHole: Check {
    package static let metadata = CheckMetadata(
        code: "RTE011", name: "pmtu-blackhole", group: .routing, severity: .warning,
        finds: "The node refuses packets that are too large and must not be cut, again and again.",
        matters: "TCP connects, then nothing comes: whoever sends does not hear that its packets are too large.",
        confirm: ["nstat -az IpFragFails IcmpOutDestUnreachs", "tcpdump -ni any 'icmp[0] = 3 and icmp[1] = 4'"],
        fix: "Let ICMP type 3 code 4 (ICMPv6 type 2) pass; until then clamp the segment size to the path's MTU.",
        sources: ["RFC 1191", "RFC 2923", "iptables-extensions(8), TCPMSS"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let counters = Counters(of: node)
            let found = ["IpFragFails", "Ip6FragFails"].compactMap { name in
                counters.growth(of: name).map { (name: name, growth: $0.growth, source: $0.source) }
            }.filter { $0.growth > 0 }
            guard let worst = found.first else { return nil }
            let clamp = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "refused \(worst.growth) packets as too large between two samples",
                cause: "who sends them does not hear of it, or does not heed it",
                evidence: found.map { .computed("\($0.name) grew by \($0.growth)", $0.source) },
                fixes: [
                    Fix(
                        "clamp the segment size of TCP to the path's MTU",
                        commands: [
                            Remedies.insertRule(
                                clamp, chain: "FORWARD", table: "mangle", on: node.name, tool: "iptables")
                        ])
                ])
        }
    }
}

/// A kernel that sums UDP checksums of tunnels wrongly is told to do it.
package struct VXLANChecksumOffload: Check {
    package static let metadata = CheckMetadata(
        code: "RTE014", name: "vxlan-checksum-offload", group: .routing, severity: .warning,
        finds: "A VXLAN device leaves checksums to a kernel that is known to get them wrong for translated packets.",
        matters: "Services and DNS from a node to pods of another take 63 s or fail; pods reach each other.",
        confirm: ["ethtool -k flannel.1 | grep tx-checksum-ip-generic", "nstat -az UdpInCsumErrors"],
        fix: "Turn tx-checksum-ip-generic off for the device, at every start, or update the kernel.",
        sources: [
            "https://github.com/kubernetes/kubernetes/issues/88986",
            "https://github.com/projectcalico/calico/issues/3145",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            let logged = node.logLines(holding: ["bad checksum"]).filter { $0.text.contains("UDP") }
            let grown = Counters(of: node).growth(of: "UdpInCsumErrors").flatMap { $0.growth > 0 ? $0 : nil }
            return (node.host.links ?? []).compactMap { link -> Finding? in
                guard link.isVXLAN, let features = node.text("ethtool/\(link.name)-features"),
                    let offload = features.lines(holding: ["tx-checksum-ip-generic: on"]).first
                else { return nil }
                let isOld = node.text("uname").map { Self.isAffected($0.text) } ?? false
                guard isOld || !logged.isEmpty || grown != nil else { return nil }
                var evidence: [Evidence] = [.line(node: node.name, offload.source, text: offload.text)]
                if isOld, let uname = node.text("uname")?.lines.first {
                    evidence.append(.line(node: node.name, uname.source, text: uname.text))
                }
                evidence += logged.prefix(2).map { .line(node: node.name, $0.source, text: $0.text) }
                if let grown { evidence.append(.computed("UdpInCsumErrors grew by \(grown.growth)", grown.source)) }
                let command = "ethtool -K \(link.name) tx-checksum-ip-generic"
                return Finding(
                    Self.metadata, on: .node(node.name), logged.isEmpty && grown == nil ? .likely : .proven,
                    message: "leaves checksums of \(link.name) to a kernel that gets them wrong",
                    cause: "the sum of the outer packet is wrong where the inner one was translated twice",
                    evidence: evidence,
                    fixes: [
                        Fix(
                            "have the sums made in full",
                            commands: [
                                FixCommand(
                                    .node(node.name), "\(command) off",
                                    persist:
                                        "echo 'SUBSYSTEM==\"net\", ACTION==\"add\", KERNEL==\"\(link.name)\", "
                                        + "RUN+=\"/sbin/ethtool -K $name tx-checksum-ip-generic off\"' "
                                        + "> /etc/udev/rules.d/90-vxlan-checksum.rules",
                                    undo: "\(command) on")
                            ])
                    ])
            }
        }
    }

    /// Kernels before 5.7, and Red Hat's 3.10 and 4.18 before build 240; distributions may have taken the repair back.
    static func isAffected(_ uname: String) -> Bool {
        guard let release = uname.split(separator: " ").first(where: { $0.first?.isNumber == true && $0.contains(".") })
        else { return false }
        let parts = release.split { ".-".contains($0) }.prefix(4).map { Int($0) ?? 0 }
        guard parts.count >= 2 else { return false }
        if release.contains("el8"), parts[0] == 4, parts.count >= 4 { return parts[3] < 240 }
        return parts[0] < 5 || (parts[0] == 5 && parts[1] < 7)
    }
}
