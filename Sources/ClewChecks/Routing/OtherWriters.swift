import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A node with several networks would answer by another card than it was asked by.
package struct AsymmetricMultihomed: Check {
    package static let metadata = CheckMetadata(
        code: "RTE018", name: "asymmetric-multihomed", group: .routing, severity: .error,
        finds: "A node with several cards drops what comes by one and would be answered by another.",
        matters: "NodePorts and pods time out for clients whose packets come by the second card.",
        confirm: ["ip route get CLIENT from ADDRESS", "nstat -az TcpExtIPReversePathFilter"],
        fix: "Route answers by source address (ip rule from ADDRESS table N), or filter loosely (rp_filter 2).",
        sources: ["RFC 3704", "https://github.com/projectcalico/calico/issues/1480"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { $0.decision?.cause == .reversePathFilter }.compactMap { node, groups in
            let cards = (context.snapshot.node(named: node)?.host.links ?? []).filter { link in
                !link.isLoopback && !link.isTunnel && link.kind != .bridge && !link.isPodPort && link.isUp
                    && !link.name.hasPrefix("cali")
                    && link.addresses.contains { $0.scope == "global" && $0.address.length < $0.address.family.width }
            }
            guard cards.count > 1 else { return nil }
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message:
                    "is asked by one card and would answer by another: \(cards.map(\.name).joined(separator: ", "))",
                cause: groups.first?.reason, evidence: groups.map(\.evidence), explains: groups.map(\.id))
        }
    }
}

/// NetworkManager, or the cloud's helper for it, writes routes beside the network plugin.
package struct NetworkManagerTouchesCNI: Check {
    package static let metadata = CheckMetadata(
        code: "RTE020", name: "networkmanager-touches-cni", group: .routing, severity: .warning,
        finds: "nm-cloud-setup is at work on a node with pods' networks, or its policy rules are there.",
        matters: "Pods' packets are looked up in tables that know nothing of pods; routes vanish at a restart.",
        confirm: ["systemctl is-active NetworkManager nm-cloud-setup", "ip rule"],
        fix: "Disable nm-cloud-setup, and mark the network plugin's devices as unmanaged.",
        sources: [
            "https://docs.tigera.io/calico/latest/operations/troubleshoot/troubleshooting",
            "https://github.com/rancher/rke2/issues/1053",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let rules = node.host.routingRules.filter { rule in
                guard case .lookup(let table) = rule.action else { return false }
                return (30_200...30_500).contains(rule.priority) && (30_200...30_500).contains(table.rawValue)
            }
            let unit = node.unitState("nm-cloud-setup")
            let isActive = unit?.state == "active" || unit?.state == "activating"
            guard !rules.isEmpty || isActive else { return nil }
            var evidence: [Evidence] = rules.map { .line(node: node.name, $0.source, text: $0.text) }
            if let unit, isActive {
                evidence.append(.line(node: node.name, unit.source, text: "nm-cloud-setup \(unit.state)"))
            }
            return Finding(
                Self.metadata, on: .node(node.name), rules.isEmpty ? .likely : .proven,
                message: "lets nm-cloud-setup route pods' packets by tables of its own", evidence: evidence,
                fixes: [
                    Fix(
                        "disable nm-cloud-setup",
                        commands: [
                            FixCommand(
                                .node(node.name), "systemctl disable --now nm-cloud-setup.service nm-cloud-setup.timer",
                                undo: "systemctl enable --now nm-cloud-setup.timer"),
                            FixCommand(
                                .node(node.name),
                                "printf '[keyfile]\\nunmanaged-devices=interface-name:cali*;interface-name:tunl*;"
                                    + "interface-name:vxlan.calico;interface-name:flannel*;interface-name:cni0\\n' "
                                    + "> /etc/NetworkManager/conf.d/99-cni.conf && systemctl reload NetworkManager",
                                undo: "rm /etc/NetworkManager/conf.d/99-cni.conf && systemctl reload NetworkManager"),
                        ])
                ])
        }
    }
}

/// Pods' packets go to the cloud's network as they are.
package struct CloudSourceCheck: Check {
    package static let metadata = CheckMetadata(
        code: "RTE026", name: "cloud-route-or-srcdst-check", group: .routing, severity: .notice,
        finds: "Nodes of a cloud send pods' packets to each other without wrapping them.",
        matters: "Such a network passes addresses it does not know only where it was told to: else they vanish.",
        confirm: ["tcpdump -ni UPLINK net POD-CIDR", "kubectl get nodes -o jsonpath='{.items[*].spec.providerID}'"],
        fix: "Turn the source/destination check off for the machines, add the routes to the cloud, or use an overlay.",
        sources: ["https://docs.tigera.io/calico/latest/reference/public-cloud/aws"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let object = context.object(ofNode: node.name), let provider = object.providerID,
                ["aws://", "azure://", "gce://", "openstack://"].contains(where: { provider.hasPrefix($0) }),
                let route = node.host.routes?.first(where: { route in
                    route.table == .main && route.destination.length > 0
                        && route.nextHops.contains { hop in
                            hop.device.flatMap { node.host.link(named: $0) }?.isTunnel == false
                                && context.snapshot.objects.nodes.contains { other in
                                    other.name != node.name
                                        && hop.gateway.map { other.internalIPs.contains($0) } == true
                                        && (route.origin == "bird"
                                            || other.podCIDRs.contains { $0.network == route.destination })
                                }
                        }
                })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .possible,
                message: "needs a cloud that passes pods' addresses from machine to machine",
                evidence: [
                    .line(node: node.name, route.source, text: route.text),
                    .field(object: "Node \(node.name)", path: "spec.providerID", value: provider, object.source),
                ])
        }
    }
}

/// A former network plugin's devices and routes are still there.
package struct LeftoverNetwork: Check {
    package static let metadata = CheckMetadata(
        code: "RTE027", name: "leftover-routes-or-links", group: .routing, severity: .warning,
        finds:
            "Two bridges of a node hold the same network of pods, or a device is there of a plugin that is not used.",
        matters: "Packets for pods go to the wrong bridge or tunnel, whichever route the kernel takes first.",
        confirm: ["ip route show", "ls /etc/cni/net.d", "ip -d link"],
        fix: "Drain the node and remove the former plugin's devices, files and rules, or set the node up anew.",
        sources: [
            "https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-reset",
            "https://github.com/projectcalico/calico/issues/2561",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node in sameNetwork(node, context) + unusedDevices(node) }
    }

    private func sameNetwork(_ node: NodeSnapshot, _ context: CheckContext) -> [Finding] {
        let bridges = (node.host.links ?? []).filter {
            $0.kind == .bridge || $0.name.hasPrefix("docker") || $0.name.hasPrefix("cni")
        }
        var owners: [IPPrefix: Link] = [:]
        return bridges.flatMap { link -> [Finding] in
            link.addresses.compactMap { address -> Finding? in
                let network = address.address.network
                guard !network.address.isLinkLocal, network.length < network.family.width else { return nil }
                guard let other = owners[network] else {
                    owners[network] = link
                    return nil
                }
                guard other.name != link.name else { return nil }
                let spare = node.podBridges.contains { $0.name == other.name } ? link : other
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has \(network) on \(other.name) and on \(link.name)",
                    cause: "one of them is left of a former network plugin",
                    evidence: [
                        .computed("\(other.name): \(network)", other.source),
                        .computed("\(link.name): \(network)", link.source),
                    ],
                    fixes: [
                        Fix(
                            "take \(spare.name) away",
                            commands: [FixCommand(.node(node.name), "ip link del \(spare.name)")])
                    ])
            }
        }
    }

    /// Devices by the plugin whose name stands in its files.
    private static let devices = [
        ("flannel.", "flannel"), ("flannel0", "flannel"), ("vxlan.calico", "calico"), ("cilium_", "cilium"),
        ("weave", "weave"), ("kube-bridge", "kube-router"),
    ]

    private func unusedDevices(_ node: NodeSnapshot) -> [Finding] {
        guard !node.cni.isEmpty else { return [] }
        let used = node.cni.flatMap { [$0.file, $0.name] + $0.plugins.flatMap { [$0.type, $0.ipamType ?? ""] } }
            .joined(separator: " ").lowercased()
        // Canal is Calico's policy over flannel's network; Multus hides the others behind it.
        guard !used.contains("canal"), !used.contains("multus") else { return [] }
        return (node.host.links ?? []).compactMap { link in
            guard let (_, plugin) = Self.devices.first(where: { link.name.hasPrefix($0.0) }), !used.contains(plugin),
                ["calico", "flannel", "cilium", "weave", "kube-router"].contains(where: { used.contains($0) })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely, severity: .notice,
                message: "has \(link.name), which is \(plugin)'s, and no file of \(plugin) in /etc/cni/net.d",
                evidence: [.computed("\(link.name)", link.source)]
                    + node.cni.prefix(2).map {
                        .computed("\($0.file): \($0.plugins.map(\.type).joined(separator: ", "))", $0.source)
                    })
        }
    }
}
