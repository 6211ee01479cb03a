import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A pod's device on the node is no port of the pods' bridge, or is down.
package struct VethNotAttached: Check {
    package static let metadata = CheckMetadata(
        code: "BR006", name: "veth-not-attached", group: .bridge, severity: .error,
        finds: "The node's end of a pod's veth pair is down, or belongs to no bridge where the others do.",
        matters: "This one pod has no network at all.",
        confirm: ["bridge link", "ip link show type veth"],
        fix: "Delete the pod, so that its network is made anew; make the device a port again for the time being.",
        sources: ["https://www.cni.dev/plugins/current/main/bridge"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard let bridge = node.podBridges.first else { return [] }
            return (node.host.links ?? []).compactMap { link -> Finding? in
                guard link.kind == .veth, link.peerNamespaceID != nil,
                    link.addresses.allSatisfy({ $0.address.address.isLinkLocal }),
                    !(node.host.routes ?? []).contains(where: { route in
                        route.nextHops.contains { $0.device == link.name } && !route.destination.address.isLinkLocal
                            && !route.destination.address.isMulticast
                    }), link.bridgeName == nil || !link.isUp
                else { return nil }
                return finding(node, link, bridge, context)
            }
        }
    }

    private func finding(_ node: NodeSnapshot, _ link: Link, _ bridge: Link, _ context: CheckContext) -> Finding {
        let isDetached = link.bridgeName == nil
        // Whose it is: the pod whose eth0 names this device as its other end.
        let pod = node.pods.first { pod in
            pod.state.links?.contains { $0.peerIndex == link.index && $0.peerNamespaceID != nil } ?? false
        }
        let addresses = pod?.state.links?.flatMap(\.addresses).map(\.address.address) ?? []
        let explained = context.lost { group in
            guard group.node == node.name else { return false }
            switch group.decision?.cause {
            case .linkDown: return group.decision?.source == link.source
            case .noAnswer, .noRoute: break
            default: return false
            }
            if group.namespace != "host", group.namespace == pod?.pod?.description { return true }
            if group.decision?.source == link.source { return true }
            guard let destination = context.way(of: group)?.destination else { return false }
            return addresses.isEmpty ? group.reason.contains(bridge.name) : addresses.contains(destination)
        }
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        if isDetached {
            edits.append(.setMaster(node: node.name, port: link.name, bridge: bridge.name))
            var command = "ip link set dev \(link.name) master \(bridge.name)"
            // A port is made anew with the kernel's settings; the others say what the plugin had set.
            if (node.host.links ?? []).contains(where: { $0.bridgeName == bridge.name && $0.port?.hairpin == true }) {
                edits.append(.setHairpin(node: node.name, port: link.name, isOn: true))
                command += " && bridge link set dev \(link.name) hairpin on"
            }
            // Unplugged, it has no settings of a port that would be there to undo.
            commands.append(
                FixCommand(
                    .node(node.name), command, persist: "delete the pod: what is made anew is plugged in",
                    undo: "ip link set dev \(link.name) nomaster"))
        }
        if !link.isUp {
            edits.append(.setLinkUp(.host(node: node.name), link: link.name, isUp: true))
            commands.append(
                FixCommand(
                    .node(node.name), "ip link set dev \(link.name) up", undo: "ip link set dev \(link.name) down"))
        }
        let whose = pod?.pod.map { "pod \($0)" } ?? "a pod"
        return Finding(
            Self.metadata, on: pod?.pod.map(Subject.pod) ?? .node(node.name), .proven,
            severity: explained.isEmpty ? .warning : .error,
            message: isDetached
                ? "is not plugged into \(bridge.name) of \(node.name): \(link.name) belongs to no bridge"
                : "is cut off on \(node.name): \(link.name) is down",
            cause: "the bridge was made anew, or something else took hold of the device",
            evidence: [.computed("\(link.name), of \(whose): \(isDetached ? "no master" : "not UP")", link.source)],
            fixes: [Fix("plug \(link.name) into \(bridge.name)", edits: edits, commands: commands)],
            explains: explained.map(\.id))
    }
}

/// The bridge of a node's pods is down or has no address.
package struct PodBridgeDown: Check {
    package static let metadata = CheckMetadata(
        code: "BR008", name: "bridge-down-or-no-ip", group: .bridge, severity: .error,
        finds: "The bridge that the node's pods are ports of is down, or has no address.",
        matters: "All pods of the node have no gateway: they reach nothing beyond each other, or nothing at all.",
        confirm: ["ip addr show cni0"],
        fix: "Set it up and give it its address; delete the pods if it was made anew.",
        sources: ["linux net/bridge/br_device.c", "https://github.com/kubernetes/kubernetes/issues/67183"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node in
            node.podBridges.compactMap { bridge -> Finding? in
                let object = context.object(ofNode: node.name)
                let lacksAddress = !bridge.addresses.contains { !$0.address.address.isLinkLocal }
                // A bridge without an address may carry pods that have their gateway elsewhere.
                let range = object?.podCIDRs.first
                guard !bridge.isUp || lacksAddress && range != nil && !hasGateway(node, range) else { return nil }
                return finding(node, bridge, range, context)
            }
        }
    }

    /// Whether another device of the node has an address in the pods' range.
    private func hasGateway(_ node: NodeSnapshot, _ range: IPPrefix?) -> Bool {
        (node.host.links ?? []).contains { link in
            link.addresses.contains { range?.contains($0.address.address) ?? false }
        }
    }

    private func finding(_ node: NodeSnapshot, _ bridge: Link, _ range: IPPrefix?, _ context: CheckContext) -> Finding {
        let own = context.podRanges(of: node.name)
        let explained = context.lost { group in
            guard group.node == node.name || context.way(of: group)?.lastRoute(in: context)?.node == node.name else {
                return false
            }
            switch group.decision?.cause {
            case .linkDown: return group.decision?.source == bridge.source
            case .bridgePortBlocked: return !bridge.isUp && group.node == node.name
            case .noRoute, .noAnswer, .loop, .stranger, .martian, .notMasqueraded, .wrongAddress:
                if group.namespace != "host" || !bridge.isUp && group.node == node.name { return true }
                guard let destination = context.way(of: group)?.destination else { return false }
                return own.contains { $0.contains(destination) }
            default: return false
            }
        }
        let place = EditPlace.host(node: node.name)
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        if !bridge.isUp {
            edits.append(.setLinkUp(place, link: bridge.name, isUp: true))
            commands.append(
                FixCommand(
                    .node(node.name), "ip link set dev \(bridge.name) up", undo: "ip link set dev \(bridge.name) down"))
        }
        // IPv6 addresses go when the bridge goes down.
        for range in own where !bridge.addresses.contains(where: { range.contains($0.address.address) }) {
            guard let first = range.network.address.successor, let address = IPPrefix(first, length: range.length)
            else {
                continue
            }
            edits.append(.addAddress(place, link: bridge.name, address))
            commands.append(
                FixCommand(
                    .node(node.name),
                    "ip addr replace \(address) dev \(bridge.name)\(address.family == .ipv6 ? " nodad" : "")",
                    undo: bridge.isUp ? "ip addr del \(address) dev \(bridge.name)" : nil))
        }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: bridge.isUp
                ? "has no address on \(bridge.name), its pods' gateway" : "has its pods' bridge \(bridge.name) down",
            evidence: [.computed("\(bridge.name): \(bridge.isUp ? "no address" : "not UP")", bridge.source)]
                + explained.prefix(2).map(\.evidence),
            fixes: [Fix("set \(bridge.name) up on \(node.name)", edits: edits, commands: commands)],
            explains: explained.map(\.id))
    }
}

/// The pods' bridge has an address that does not belong to the node's range of pods.
package struct BridgeAddressDiffers: Check {
    package static let metadata = CheckMetadata(
        code: "BR007", name: "cni0-address-differs", group: .bridge, severity: .warning,
        finds: "The pods' bridge has an address outside of the Node's spec.podCIDRs.",
        matters: "No new pod gets a network: \"cni0\" already has an IP address different from what it should have.",
        confirm: ["ip addr show cni0", "kubectl get node NODE -o jsonpath='{.spec.podCIDRs}'"],
        fix: "Drain the node, delete the bridge and the tunnel device, and restart the network plugin's agent.",
        sources: [
            "https://github.com/containernetworking/plugins/blob/main/plugins/main/bridge/bridge.go, ensureAddr()"
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard let object = context.object(ofNode: node.name), !object.podCIDRs.isEmpty else { return [] }
            return (node.host.links ?? []).filter { ["cni0", "cbr0", "kube-bridge"].contains($0.name) }.compactMap {
                link in
                let stray = link.addresses.first { address in
                    !address.address.address.isLinkLocal
                        && object.podCIDRs.contains { $0.family == address.address.family }
                        && !object.podCIDRs.contains { $0.contains(address.address.address) }
                }
                guard let stray else { return nil }
                let ranges = object.podCIDRs.map(\.description).joined(separator: ", ")
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has \(stray.address) on \(link.name), outside of its range of pods \(ranges)",
                    cause: "the node got a new range, and the bridge was kept",
                    evidence: [
                        .computed("\(link.name): \(stray.address)", stray.source),
                        .field(object: "Node \(node.name)", path: "spec.podCIDRs", value: ranges, object.source),
                    ],
                    fixes: [
                        Fix(
                            "have the bridge made anew",
                            commands: [
                                FixCommand(
                                    .workstation,
                                    "kubectl drain \(node.name) --ignore-daemonsets --delete-emptydir-data"),
                                FixCommand(
                                    .node(node.name), "ip link set dev \(link.name) down && ip link del \(link.name)"),
                                Remedies.restartAgent(on: node.name, context),
                            ])
                    ])
            }
        }
    }
}

/// A pod's address is not of its node's range.
package struct PodOutsideNodeRange: Check {
    package static let metadata = CheckMetadata(
        code: "BR014", name: "pod-ip-outside-node-podcidr", group: .bridge, severity: .warning,
        finds: "A pod on a bridge has an address outside of its Node's spec.podCIDRs.",
        matters: "Other nodes send its packets elsewhere: it answers on its own node only.",
        confirm: [
            "kubectl get pods -A -o wide",
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,CIDR:.spec.podCIDRs",
        ],
        fix: "Delete the pod once the network plugin is set up: it was made before it, or by another.",
        sources: ["https://github.com/flannel-io/flannel/issues/1437"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard let object = context.object(ofNode: node.name), !object.podCIDRs.isEmpty, !node.podBridges.isEmpty,
                !node.hasCalico
            else { return [] }
            return context.pods(on: node.name).compactMap { pod in
                let stray = pod.addresses.first { address in
                    object.podCIDRs.contains { $0.family == address.family }
                        && !object.podCIDRs.contains { $0.contains(address) }
                }
                guard let stray else { return nil }
                return Finding(
                    Self.metadata, on: .pod(pod.name), .proven,
                    message: "has the address \(stray), outside of the range of \(node.name)",
                    cause: "it got its network before, or from somebody other than, the network plugin",
                    evidence: [
                        .field(object: "Pod \(pod.name)", path: "status.podIP", value: "\(stray)", pod.source),
                        .field(
                            object: "Node \(node.name)", path: "spec.podCIDRs",
                            value: object.podCIDRs.map(\.description).joined(separator: ", "), object.source),
                    ],
                    fixes: [
                        Fix(
                            "have the pod made anew",
                            commands: [
                                FixCommand(.workstation, "kubectl -n \(pod.name.namespace) delete pod \(pod.name.name)")
                            ])
                    ])
            }
        }
    }
}

/// The network inside of a pod is not set up.
package struct PodNamespaceBroken: Check {
    package static let metadata = CheckMetadata(
        code: "BR022", name: "pod-netns-broken", group: .bridge, severity: .error,
        finds: "A pod has no device, or no route to where its packets and answers have to go.",
        matters: "This one pod answers nobody, or only its neighbours.",
        confirm: ["kubectl exec POD -- ip addr", "kubectl exec POD -- ip route"],
        fix: "Delete the pod, so that its network is made anew.",
        sources: ["https://www.cni.dev/docs/spec"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost { group in
            guard group.namespace != "host", group.node != nil else { return false }
            switch group.decision?.cause {
            case .noRoute, .linkDown, .refusingRoute: return true
            default: return false
            }
        }
        return Dictionary(grouping: lost) { $0.namespace }.sorted { $0.key < $1.key }.map { name, groups in
            let node = groups[0].node ?? ""
            let space = context.snapshot.node(named: node)?.pods.first {
                $0.pod?.description == name || $0.name == name
            }
            var fixes: [Fix] = []
            if let space {
                let routes = repair(space, node, context)
                if !routes.edits.isEmpty {
                    fixes.append(
                        Fix(
                            "give the pod its routes until it is made anew", edits: routes.edits,
                            commands: routes.commands))
                }
            }
            if let pod = space?.pod {
                fixes.append(
                    Fix(
                        "have the pod made anew",
                        commands: [FixCommand(.workstation, "kubectl -n \(pod.namespace) delete pod \(pod.name)")]))
            }
            return Finding(
                Self.metadata, on: space?.pod.map(Subject.pod) ?? .other("pod \(name)"), .proven,
                message: "cannot send: \(groups[0].reason)",
                cause: "its network was not set up to the end, or changed by what runs in it",
                evidence: groups.map(\.evidence), fixes: fixes, explains: groups.map(\.id))
        }
    }

    /// The default route that other pods of the node have.
    private func repair(
        _ space: PodNamespaceSnapshot, _ node: String, _ context: CheckContext
    ) -> (edits: [SnapshotEdit], commands: [FixCommand]) {
        guard let pod = space.pod, let snapshot = context.snapshot.node(named: node) else { return ([], []) }
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for family in AddressFamily.allCases where space.state.defaultRoute(family) == nil {
            guard
                space.state.links?.contains(where: {
                    $0.name == "eth0"
                        && $0.addresses.contains { $0.address.family == family && !$0.address.address.isLinkLocal }
                }) == true
            else { continue }
            let model = snapshot.pods.first { $0.name != space.name && $0.state.defaultRoute(family) != nil }?
                .state.defaultRoute(family)
            let bridge = snapshot.podBridges.first?.addresses.first {
                $0.address.family == family && !$0.address.address.isLinkLocal
            }
            guard let gateway = model?.nextHops.first?.gateway ?? bridge?.address.address else { continue }
            let text = "default via \(gateway) dev eth0"
            edits.append(.addRoute(.pod(node: node, pod), family, text))
            let tool = family == .ipv6 ? "ip -6" : "ip"
            commands.append(
                FixCommand(
                    .node(node), "\(tool) -n \(space.name) route replace \(text)",
                    persist: "kubectl -n \(pod.namespace) delete pod \(pod.name)",
                    undo: "\(tool) -n \(space.name) route del \(text)"))
        }
        return (edits, commands)
    }
}

/// Frames between pods of one node meet the host's FORWARD policy.
package struct ForwardDropWithBridgeNf: Check {
    package static let metadata = CheckMetadata(
        code: "BR019", name: "forward-drop-plus-brnf", group: .bridge, severity: .error,
        finds: "Frames between pods of one bridge pass iptables, and the FORWARD chain drops them.",
        matters: "Pods of one node do not reach each other since br_netfilter was loaded.",
        confirm: ["sysctl net.bridge.bridge-nf-call-iptables", "iptables -S FORWARD"],
        fix: "Accept the pods' networks in FORWARD; leave bridge-nf-call-iptables on, Services need it.",
        sources: ["linux net/bridge/br_netfilter_hooks.c", "https://github.com/kubernetes/kubernetes/issues/39823"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { group in
            guard case .policy(_, "FORWARD") = group.decision?.cause, let node = group.node else { return false }
            return group.connections.contains { index in
                let flow = context.survey.connections[index].flow
                guard case .pod(node, _, _) = flow.origin else { return false }
                return context.nodeOfPod(flow.destination) == node
            }
        }.map { node, groups in
            let fix = Remedies.acceptPods(
                on: node, in: Set(groups.compactMap { $0.decision?.source?.artifact }).sorted(), context)
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "drops frames between its own pods in FORWARD",
                cause: "bridge-nf-call-iptables shows bridged frames to iptables, and no rule accepts them",
                evidence: groups.map(\.evidence),
                fixes: fix.edits.isEmpty
                    ? [] : [Fix("accept the pods' networks in FORWARD", edits: fix.edits, commands: fix.commands)],
                explains: groups.map(\.id))
        }
    }
}
