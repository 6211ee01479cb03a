import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// The node's network file is not what the cluster gave the node.
package struct SubnetFileMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN003", name: "subnet-env-mismatch", group: .flannel, severity: .error,
        finds: "The network in /run/flannel/subnet.env is not the one that other nodes route to this node.",
        matters: "New pods get addresses that nobody reaches.",
        confirm: ["cat /run/flannel/subnet.env", "kubectl get node NODE -o jsonpath='{.spec.podCIDR}'"],
        fix: "Drain the node, remove the file, cni0 and flannel.1, and start flannel again.",
        sources: ["https://github.com/flannel-io/flannel, pkg/subnet"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            guard let subnet = node.subnet else { return nil }
            let podCIDRs = (node.object?.podCIDRs ?? []).filter { $0.family == subnet.family }
            let isForeign = !podCIDRs.isEmpty && !podCIDRs.contains { $0.network == subnet }
            let isOutside = !node.networks.isEmpty && !node.networks.contains { $0.contains(subnet) }
            guard isForeign || isOutside else { return nil }
            let difference =
                isForeign
                ? "\(subnet), and the Node's podCIDR is \(podCIDRs[0])"
                : "\(subnet), which is not in \(node.networks[0])"
            var evidence = [node.environment("FLANNEL_SUBNET"), node.environment("FLANNEL_NETWORK")].compactMap(\.self)
            if isForeign {
                evidence.append(
                    .field(
                        object: "Node \(node.name)", path: "spec.podCIDR", value: podCIDRs[0].description,
                        node.object?.source))
            }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "has the network \(difference)",
                evidence: evidence,
                fixes: [
                    Fix(
                        "have flannel get the node's network anew",
                        commands: [
                            FixCommand(
                                .workstation, "kubectl drain \(node.name) --ignore-daemonsets",
                                undo: "kubectl uncordon \(node.name)"),
                            FixCommand(
                                .node(node.name),
                                "rm -f /run/flannel/subnet.env; ip link del cni0; ip link del flannel.1"),
                            FlannelNode.restart(on: node.name),
                            FixCommand(.workstation, "kubectl uncordon \(node.name)"),
                        ])
                ])
        }
    }
}

/// flannel's network is not the pods'.
package struct NetConfMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN004", name: "net-conf-differs-from-cluster-cidr", group: .flannel, severity: .error,
        finds: "The Network in flannel's configuration does not hold the nodes' podCIDRs.",
        matters: "flannel does not route, accept or masquerade pods' packets as it should.",
        confirm: [
            "kubectl -n kube-flannel get configmap kube-flannel-cfg -o yaml",
            "kubectl get nodes -o jsonpath='{..podCIDR}'",
        ],
        fix: "Set Network in kube-flannel-cfg to the cluster's pod network, restart flannel, and recreate the pods.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        return objects.configMaps.filter { $0.name.name == "kube-flannel-cfg" }.compactMap { configMap in
            guard let text = configMap.data["net-conf.json"], let word = FlannelNode.field("Network", in: text),
                let network = IPPrefix(word)
            else { return nil }
            let outside = objects.nodes.filter { node in
                node.podCIDRs.contains { $0.family == network.family && !network.contains($0) }
            }
            guard let first = outside.first, let own = first.podCIDRs.first(where: { $0.family == network.family })
            else {
                return nil
            }
            return Finding(
                Self.metadata, on: .other("ConfigMap \(configMap.name)"), .proven,
                message: "has Network \(network), and the podCIDR of \(first.name) is \(own)",
                evidence: [
                    .field(
                        object: "ConfigMap \(configMap.name)", path: "net-conf.json: Network", value: word,
                        configMap.source),
                    .field(object: "Node \(first.name)", path: "spec.podCIDR", value: own.description, first.source),
                ],
                fixes: [
                    Fix(
                        "give flannel the pods' network",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n \(configMap.name.namespace) edit configmap \(configMap.name.name)"),
                            FixCommand(
                                .workstation,
                                "kubectl -n \(configMap.name.namespace) rollout restart daemonset kube-flannel-ds"),
                        ])
                ])
        }
    }
}

/// Two nodes hold the same network.
package struct LeaseProblem: Check {
    package static let metadata = CheckMetadata(
        code: "FLN007", name: "etcd-lease-problem", group: .flannel, severity: .error,
        finds: "Two nodes have the same flannel network, or flannel says that its lease was taken away.",
        matters: "Pods of one of the two nodes are not reached, and addresses are given twice.",
        confirm: ["cat /run/flannel/subnet.env", "etcdctl get --prefix /coreos.com/network/subnets"],
        fix: "Stop docker and flanneld on one of them, remove subnet.env, start both, and recreate the pods.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/reservations.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = FlannelNode.all(in: context).filter { $0.subnet != nil }
        let shared = Dictionary(grouping: nodes, by: \.subnet).filter { $0.value.count > 1 }
        let twice = shared.compactMap { subnet, nodes in
            subnet.map { subnet in
                Finding(
                    Self.metadata, on: .other("network \(subnet)"), .proven,
                    message: "is that of \(nodes.map(\.name).joined(separator: " and "))",
                    evidence: nodes.compactMap { $0.environment("FLANNEL_SUBNET") })
            }
        }.sorted { $0.subject < $1.subject }
        return twice
            + LogLines.findings(
                Self.metadata, of: ["lease has been revoked", "lease expired"], [.flannel, .services], in: context,
                message: { _ in "has lost its flannel lease" })
    }
}

/// Nodes use different backends.
package struct BackendMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN008", name: "backend-mismatch", group: .flannel, severity: .error,
        finds: "Nodes of one cluster use different flannel backends.",
        matters: "Pods of nodes with different backends do not reach each other.",
        confirm: ["kubectl get nodes -o yaml | grep backend-type", "ip -d link show type vxlan"],
        fix: "Restart every flannel with one configuration, delete the old interface, open the new port.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = FlannelNode.all(in: context).compactMap { node in Self.backend(node).map { (node, $0) } }
        let kinds = Dictionary(grouping: nodes) { $0.1 }.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        guard kinds.count > 1 else { return [] }
        let shown = kinds.map { "\($0.key) on \($0.value.map(\.0.name).sorted().prefix(3).joined(separator: ", "))" }
        return [
            Finding(
                Self.metadata, on: .cluster, .proven,
                message: "has flannel's backends \(shown.joined(separator: "; "))",
                evidence: kinds.compactMap { kind in
                    guard let node = kind.value.first?.0 else { return nil }
                    if node.backend != nil { return node.annotation("backend-type") }
                    return node.tunnel.map { Evidence.line(node: node.name, $0.source, text: $0.name) }
                },
                fixes: [
                    Fix(
                        "have every flannel read its configuration anew",
                        commands: [
                            FixCommand(
                                .workstation, "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds")
                        ])
                ])
        ]
    }

    private static func backend(_ node: FlannelNode) -> String? {
        if let backend = node.backend { return backend }
        guard let tunnel = node.tunnel else { return nil }
        if tunnel.kind == .vxlan || tunnel.name.hasPrefix("flannel.") { return "vxlan" }
        return tunnel.name == "flannel0" ? "udp" : nil
    }
}

/// Frames for a node carry an address that its tunnel does not have.
package struct VtepMACMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN009", name: "vtepmac-mismatch", group: .flannel, severity: .error,
        finds: "The hardware address that flannel published for a node is not that of the node's flannel.1.",
        matters: "The node drops every frame that others send it by the tunnel.",
        confirm: ["ip link show flannel.1", "kubectl get node NODE -o yaml | grep backend-data"],
        fix: "Restart flannel on the node; keep udev from changing the address with MACAddressPolicy=none.",
        sources: ["https://github.com/flannel-io/flannel/issues/1155", "systemd.link(5), MACAddressPolicy="])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var lost = Self.lost(in: context)
        let published = Self.published(in: context).map { finding in
            guard case .node(let name) = finding.subject, let groups = lost.removeValue(forKey: name) else {
                return finding
            }
            var finding = finding
            finding.explains = groups.map(\.id)
            finding.fixes = [Self.repair(name, context)].compactMap(\.self) + finding.fixes
            return finding
        }
        return published
            + lost.sorted { $0.key < $1.key }.map { name, groups in
                Finding(
                    Self.metadata, on: .node(name), .proven,
                    message: "gets frames for another hardware address than its tunnel device has",
                    cause: groups.first?.reason, evidence: groups.map(\.evidence),
                    fixes: [
                        Self.repair(name, context),
                        Fix("have flannel publish the address anew", commands: [FlannelNode.restart(on: name)]),
                    ].compactMap(\.self), explains: groups.map(\.id))
            }
    }

    /// What is lost on its way to a node, though it arrives there, and what the node cannot send for the same reason.
    private static func lost(in context: CheckContext) -> [String: [LostConnections]] {
        var found: [String: [LostConnections]] = [:]
        for group in context.lost({ $0.decision?.cause == .wrongAddress }) {
            guard let node = group.node, let way = context.way(of: group),
                way.hops.contains(where: { $0.encapsulation > 0 }), let destination = way.podDestination(in: context),
                context.nodeOfPod(destination) == node
            else { continue }
            found[node, default: []].append(group)
        }
        for node in found.keys {
            found[node]? += context.lost {
                // A device that gets another address forgets its neighbours.
                $0.node == node && ($0.decision?.cause == .noNeighbor || $0.decision?.cause == .noForwardingEntry)
            }
        }
        return found
    }

    /// Entries for the address that the device has now, on all nodes.
    private static func repair(_ node: String, _ context: CheckContext) -> Fix? {
        let peers = context.peers(of: node)
        var repair = PeerRepair.all(of: node, towards: peers, context)
        for peer in peers {
            let other = PeerRepair.all(of: peer, towards: [node], context)
            repair.edits += other.edits
            repair.commands += other.commands
        }
        guard !repair.edits.isEmpty else { return nil }
        return Fix(
            "write the entries for the address that it has, until flannel does", edits: repair.edits,
            commands: repair.commands)
    }

    private static func published(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            guard let data = node.object?.annotations[FlannelNode.prefix + "backend-data"],
                let text = FlannelNode.field("VtepMAC", in: data), let link = node.tunnel, let mac = link.mac,
                text.lowercased() != mac.description.lowercased()
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "has \(mac) on \(link.name), and published \(text)",
                cause: "udev gave the device another address after flannel had made it",
                evidence: [
                    node.annotation("backend-data"), .line(node: node.name, link.source, text: "\(link.name) \(mac)"),
                ],
                fixes: [
                    Fix(
                        "have flannel publish the address anew",
                        commands: [
                            FixCommand(
                                .node(node.name),
                                "printf '[Match]\\nOriginalName=flannel*\\n[Link]\\nMACAddressPolicy=none\\n' "
                                    + "> /etc/systemd/network/50-flannel.link",
                                undo: "rm /etc/systemd/network/50-flannel.link"),
                            FlannelNode.restart(on: node.name),
                        ])
                ])
        }
    }
}

/// flannel took the wrong interface.
package struct WrongPublicIP: Check {
    package static let metadata = CheckMetadata(
        code: "FLN011", name: "wrong-interface-or-public-ip", group: .flannel, severity: .error,
        finds: "flannel published an address for a node that is not the node's, or the same for two nodes.",
        matters: "Packets to the node's pods go to another machine, or nowhere.",
        confirm: ["kubectl get nodes -o yaml | grep flannel.alpha.coreos.com/public-ip", "ip -d link show flannel.1"],
        fix: "Start flannel with --iface or --iface-regex for the interface that has the node's InternalIP.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/troubleshooting.md#vagrant"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = FlannelNode.all(in: context).filter { $0.publicIP != nil }
        let shared = Dictionary(grouping: nodes) { $0.publicIP ?? "" }.filter { $0.value.count > 1 }
        var result = shared.sorted { $0.key < $1.key }.map { address, nodes in
            Finding(
                Self.metadata, on: .cluster, .proven,
                message: "has one flannel address, \(address), for \(nodes.map(\.name).joined(separator: " and "))",
                cause: "flannel took the interface of the default route, which has the same address everywhere",
                evidence: nodes.prefix(3).map { $0.annotation("public-ip") }, fixes: [Self.fix])
        }
        for node in nodes where shared[node.publicIP ?? ""] == nil {
            guard let object = node.object, !object.internalIPs.isEmpty, let text = node.publicIP,
                let address = IPAddress(text), !object.internalIPs.contains(address),
                // Behind address translation it is told on purpose.
                object.annotations[FlannelNode.prefix + "public-ip-overwrite"] == nil
            else { continue }
            result.append(
                Finding(
                    Self.metadata, on: .node(node.name), .likely, severity: .warning,
                    message: "has the flannel address \(address), which is none of its InternalIPs",
                    evidence: [
                        node.annotation("public-ip"),
                        .field(
                            object: "Node \(node.name)", path: "status.addresses[InternalIP]",
                            value: object.internalIPs.map(\.description).joined(separator: ", "), object.source),
                    ], fixes: [Self.fix]))
        }
        return result
    }

    private static let fix = Fix(
        "name the interface that flannel is to use",
        commands: [
            FixCommand(
                .workstation,
                "kubectl -n kube-flannel edit daemonset kube-flannel-ds # add --iface=DEVICE to the arguments")
        ])
}

/// The node that gets pods' packets by flannel drops them in FORWARD.
package struct FlannelForwardDrop: Check {
    package static let metadata = CheckMetadata(
        code: "FLN013", name: "flannel-forward-drop", group: .flannel, severity: .error,
        finds: "Packets come out of flannel's tunnel, or go into it, and FORWARD's policy drops them.",
        matters:
            "Pods of different nodes do not reach each other: a packet is seen on flannel's device and not on the bridge.",
        confirm: ["iptables -S FORWARD | head -1", "tcpdump -ni flannel.1"],
        fix: "Use flannel 0.9 or later, which accepts its network in FORWARD, or accept it by a rule of your own.",
        sources: ["https://github.com/flannel-io/flannel/issues/872"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let flannel = Dictionary(FlannelNode.all(in: context).map { ($0.name, $0) }) { first, _ in first }
        let lost = context.lost { group in
            guard case .policy(_, "FORWARD") = group.decision?.cause, let node = group.node else { return false }
            return flannel[node]?.tunnel != nil
        }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            Finding(
                Self.metadata, on: .node(node), .proven,
                message: "drops in FORWARD what goes through \(flannel[node]?.tunnel?.name ?? "flannel")",
                evidence: groups.prefix(2).map(\.evidence), explains: groups.map(\.id))
        }
    }
}
