import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A node does not exchange routes with another.
package struct BGPNotEstablished: Check {
    package static let metadata = CheckMetadata(
        code: "CAL002", name: "bgp-not-established", group: .calico, severity: .warning,
        finds: "BIRD has no established session with a peer.",
        matters: "Routes to pods of that peer are missing or old.",
        confirm: ["calicoctl node status", "nc -zv PEER 179"],
        fix: "Open port 179/tcp both ways, and correct the node's address in Calico.",
        sources: ["https://docs.tigera.io/calico/latest/operations/troubleshoot/troubleshooting"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            (node.text("calicoctl-node-status")?.lines ?? []).compactMap { source, line in
                let cells = line.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
                guard line.hasPrefix("|"), cells.count >= 5, let peer = IPAddress(cells[0]), cells[4] != "Established"
                else { return nil }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has no BGP session with \(peer): \(cells[4])",
                    cause: "the peer is down, its port 179 is blocked, or it is known by a wrong address",
                    evidence: [.line(node: node.name, source, text: line)],
                    fixes: [
                        Fix(
                            "see whether the peer answers",
                            commands: [FixCommand(.node(node.name), "nc -zv -w 3 \(peer) 179")])
                    ])
            }
        }
    }
}

/// Calico tells other nodes an address that is not the node's.
package struct WrongAutodetectedAddress: Check {
    package static let metadata = CheckMetadata(
        code: "CAL003", name: "wrong-autodetected-ip", group: .calico, severity: .error,
        finds: "The address that Calico found for a node is one of docker0 or another local bridge, or two nodes' own.",
        matters: "Other nodes send to an address that is not reached: no BGP session, no route to the node's pods.",
        confirm: ["kubectl get nodes -o yaml | grep projectcalico.org/IPv4Address"],
        fix: "Let calico-node take the InternalIP (IP_AUTODETECTION_METHOD=kubernetes-internal-ip).",
        sources: [
            "https://docs.tigera.io/calico/latest/networking/ipam/ip-autodetection",
            "https://github.com/projectcalico/calico/issues/3194",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let key = "projectcalico.org/IPv4Address"
        let told = context.snapshot.objects.nodes.compactMap { node in
            node.annotations[key].flatMap { IPPrefix($0) }.map { (node: node, address: $0.address) }
        }
        return told.compactMap { node, address in
            guard !node.internalIPs.contains(address) else { return nil }
            let twin = told.first { $0.node.name != node.name && $0.address == address }?.node.name
            let link = context.snapshot.node(named: node.name)?.host.links?.first {
                $0.addresses.contains { $0.address.address == address }
            }
            let isLocal = link.map { link in
                ["docker", "br-", "virbr", "cni", "lxdbr"].contains { link.name.hasPrefix($0) }
            }
            let isWrong = twin != nil || isLocal == true
            let why =
                twin.map { "which \($0) has too" } ?? link.map { "the address of \($0.name)" }
                ?? "none of its InternalIPs"
            return Finding(
                Self.metadata, on: .node(node.name), isWrong ? .proven : .possible,
                severity: isWrong ? .error : .notice,
                message: "is known to Calico as \(address), \(why)",
                cause: isWrong
                    ? "Calico took the first address it found" : "its pods' network may be another one on purpose",
                evidence: [
                    .field(
                        object: "Node \(node.name)", path: "metadata.annotations[\(key)]", value: "\(address)",
                        node.source)
                ]
                    + (link.map { [.computed("\($0.name): \(address)", $0.source)] } ?? []),
                fixes: [
                    Fix(
                        "let Calico take the node's InternalIP",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n kube-system set env ds/calico-node IP_AUTODETECTION_METHOD=kubernetes-internal-ip",
                                undo: "kubectl -n kube-system set env ds/calico-node IP_AUTODETECTION_METHOD-")
                        ])
                ])
        }
    }
}

/// Packets between nodes are wrapped, or not wrapped, by what the node's mask says of its neighbours.
package struct EncapsulationModeWrong: Check {
    package static let metadata = CheckMetadata(
        code: "CAL005", name: "ipip-mode-wrong", group: .calico, severity: .warning,
        finds:
            "Calico sends pods' packets unwrapped to a node that is not on the same link, or takes too many for that.",
        matters: "Routers between the nodes do not know pods: packets are lost, while other nodes' pods answer.",
        confirm: ["ip route | grep bird", "calicoctl get ippool -o wide"],
        fix: "Set the pool's ipipMode or vxlanMode to fit the network, and the node's mask to that of its link.",
        sources: ["https://docs.tigera.io/calico/latest/networking/configuring/vxlan-ipip"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let routes = (node.host.routes ?? []).filter { $0.origin == "bird" && $0.type == .unicast }
            let plain = routes.filter { route in
                route.nextHops.contains {
                    $0.gateway != nil && $0.device.flatMap { node.host.link(named: $0) }?.isTunnel == false
                }
            }
            guard let uplink = node.uplink(context.object(ofNode: node.name)),
                let own = uplink.addresses.first(where: { $0.address.family == .ipv4 })
            else { return nil }
            if let far = plain.first(where: { route in
                route.nextHops.contains { hop in
                    guard let gateway = hop.gateway, gateway.family == .ipv4 else { return false }
                    return !(node.host.links ?? []).contains { link in
                        !link.isTunnel && link.addresses.contains { $0.address.contains(gateway) }
                    }
                }
            }) {
                return Finding(
                    Self.metadata, on: .node(node.name), .likely,
                    message: "sends pods' packets unwrapped to a node of another network",
                    cause: "routers on the way do not know the pods' addresses",
                    evidence: [
                        .line(node: node.name, far.source, text: far.text),
                        .computed("\(uplink.name): \(own.address)", own.source),
                    ],
                    fixes: [
                        Fix(
                            "wrap what goes to other networks",
                            commands: [
                                FixCommand(
                                    .workstation,
                                    "calicoctl patch ippool POOL -p '{\"spec\":{\"ipipMode\":\"CrossSubnet\"}}'",
                                    undo: "calicoctl patch ippool POOL -p '{\"spec\":{\"ipipMode\":\"Never\"}}'")
                            ])
                    ])
            }
            // With CrossSubnet the mask alone decides who is near: one of /15 or shorter is hardly that of a link.
            guard own.address.length < 16, !plain.isEmpty,
                routes.contains(where: { route in
                    route.nextHops.contains { $0.device.flatMap { node.host.link(named: $0) }?.isTunnel == true }
                })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely, severity: .notice,
                message: "takes every node in \(own.address.network) for a neighbour that needs no wrapping",
                cause: "\(uplink.name) has the mask /\(own.address.length), and CrossSubnet goes by it",
                evidence: [.computed("\(uplink.name): \(own.address)", own.source)]
                    + plain.prefix(1).map { .line(node: node.name, $0.source, text: $0.text) })
        }
    }
}

/// Two nodes hold one block of addresses.
package struct BlockAffinityStale: Check {
    package static let metadata = CheckMetadata(
        code: "CAL007", name: "block-affinity-stale", group: .calico, severity: .error,
        finds: "Two nodes have Calico's blackhole route for one block, or other nodes spread a block over two nodes.",
        matters: "Pods of the block cannot be reached from one node, or only every second time.",
        confirm: ["ip route | grep -E 'blackhole|nexthop'", "calicoctl ipam check --show-problem-ips"],
        fix: "Release the block on the node that has no pods of it (calicoctl ipam check, ipam release).",
        sources: [
            "https://github.com/projectcalico/calico/issues/3246",
            "https://github.com/projectcalico/calico/issues/6486",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var owners: [IPPrefix: [(node: NodeSnapshot, route: Route)]] = [:]
        for node in context.clusterNodes {
            for route in node.host.routes ?? [] where route.origin == "bird" && route.type == .blackhole {
                owners[route.destination, default: []].append((node, route))
            }
        }
        return owners.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.compactMap { block, holders in
            // The owner has pods of the block; whoever has none holds it wrongly.
            let wrong = holders.filter { holder in
                !context.pods(on: holder.node.name).contains { $0.addresses.contains { block.contains($0) } }
            }
            guard let first = wrong.first ?? holders.last else { return nil }
            let explained = context.lost { group in
                group.decision?.cause == .refusingRoute
                    && wrong.contains { $0.node.name == group.node && $0.route.source == group.decision?.source }
            }
            let holdersText = holders.map(\.node.name).joined(separator: " and ")
            return Finding(
                Self.metadata, on: .node(first.node.name), .proven, severity: explained.isEmpty ? .warning : .error,
                message: "holds the block \(block), as do \(holdersText)",
                cause: "an address block was given to two nodes",
                evidence: holders.map { .line(node: $0.node.name, $0.route.source, text: $0.route.text) },
                fixes: wrong.isEmpty
                    ? []
                    : [
                        Fix(
                            "take the block's blackhole off \(wrong.map(\.node.name).joined(separator: ", "))",
                            edits: wrong.map { .deleteRoute(.host(node: $0.node.name), $0.route) },
                            commands: wrong.map { holder in
                                let text = Remedies.commandText(holder.route)
                                return FixCommand(
                                    .node(holder.node.name), "ip route del \(text)",
                                    persist:
                                        "calicoctl ipam check -o report.json && calicoctl ipam release --from-report=report.json",
                                    undo: "ip route add \(text)")
                            })
                    ], explains: explained.map(\.id))
        }
    }
}

/// A pod's own route or device is not there.
package struct PodRouteMissing: Check {
    package static let metadata = CheckMetadata(
        code: "CAL008", name: "cali-interface-or-route-missing", group: .calico, severity: .error,
        finds:
            "On a pod's own node the route to its address, or its cali device, is missing, down or does not answer for it.",
        matters: "The pod is not reached, or cannot answer, from anywhere, its own node included.",
        confirm: ["ip route show POD-ADDRESS", "ip link show | grep cali", "sysctl net.ipv4.conf.CALI.proxy_arp"],
        fix:
            "Delete the pod, or restart calico-node, which writes the route again; keep NetworkManager off cali devices.",
        sources: [
            "https://docs.tigera.io/calico/latest/reference/faq", "https://github.com/projectcalico/calico/issues/3940",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.filter(\.hasCalico).flatMap { node in
            context.pods(on: node.name).flatMap { pod in
                [route(pod, node, context), silent(pod, node, context)].compactMap(\.self)
            }
        }
    }

    private func route(_ pod: Pod, _ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        guard let routes = node.host.routes, !pod.addresses.isEmpty else { return nil }
        let device = device(of: pod, node)
        let missing = pod.addresses.filter { address in
            node.host.routedFamilies.contains(address.family)
                && !routes.contains { $0.destination == IPPrefix(host: address) && $0.type == .unicast }
        }
        let link = node.host.link(named: device)
        let isDown = link.map { !$0.isUp } ?? false
        guard !missing.isEmpty || isDown else { return nil }
        let explained = context.lost { group in
            guard group.node == node.name || group.namespace == pod.name.description else { return false }
            switch group.decision?.cause {
            case .linkDown: return isDown && group.decision?.source == link?.source
            case .refusingRoute, .noRoute, .noAnswer, .loop, .stranger:
                guard let destination = context.way(of: group)?.destination else { return false }
                return pod.addresses.contains(destination)
            default: return false
            }
        }
        // A pod that was not walked and has no route may be one that has just ended.
        if explained.isEmpty, link == nil { return nil }
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        if isDown {
            edits.append(.setLinkUp(.host(node: node.name), link: device, isUp: true))
            commands.append(
                FixCommand(.node(node.name), "ip link set dev \(device) up", undo: "ip link set dev \(device) down"))
        }
        for address in missing where link != nil {
            let text = "\(address) dev \(device) scope link"
            edits.append(.addRoute(.host(node: node.name), address.family, text))
            let tool = address.family == .ipv6 ? "ip -6 route" : "ip route"
            commands.append(
                FixCommand(
                    .node(node.name), "\(tool) replace \(text)", persist: "restart calico-node, which writes it itself",
                    undo: "\(tool) del \(text)"))
        }
        var fixes: [Fix] = []
        if !edits.isEmpty { fixes.append(Fix("lead the pod's address to \(device)", edits: edits, commands: commands)) }
        fixes.append(Fix("have calico-node write it again", commands: [Remedies.restartAgent(on: node.name, context)]))
        return Finding(
            Self.metadata, on: .pod(pod.name), .proven,
            message: isDown
                ? "is cut off: its device \(device) is down" : "has no route to \(missing[0]) on \(node.name)",
            cause: "calico-node did not write it, or something took it away",
            evidence: [
                isDown
                    ? .computed("\(device): not UP", link?.source)
                    : .absent(
                        place: "the routes of \(node.name)", what: "\(missing[0]) dev \(device)",
                        routes.first.map { SourceLine($0.source.artifact, line: 0) })
            ] + explained.prefix(1).map(\.evidence), fixes: fixes, explains: explained.map(\.id))
    }

    /// The device that does not answer for 169.254.1.1.
    private func silent(_ pod: Pod, _ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        let device = device(of: pod, node)
        let key = "net.ipv4.conf.\(device).proxy_arp"
        guard let setting = node.host.sysctls[key], setting.value == "0", node.host.link(named: device) != nil else {
            return nil
        }
        let explained = context.lost { group in
            group.decision?.cause == .noAnswer && group.decision?.source == setting.source
        }
        guard !explained.isEmpty else { return nil }
        return Finding(
            Self.metadata, on: .pod(pod.name), .proven, message: "gets no answer when it asks for its gateway",
            cause: "\(key) is 0, and nobody else answers for 169.254.1.1",
            evidence: [.line(node: node.name, setting.source, text: "\(key) = 0")],
            fixes: [
                Fix(
                    "answer for the gateway on \(device)",
                    edits: [.setSysctl(.host(node: node.name), key: key, value: "1")],
                    commands: [
                        FixCommand(
                            .node(node.name), "sysctl -w \(key)=1",
                            persist: "restart calico-node, which sets it itself",
                            undo: "sysctl -w \(key)=0")
                    ])
            ], explains: explained.map(\.id))
    }

    /// The device of the node that is the other end of the pod's.
    private func device(of pod: Pod, _ node: NodeSnapshot) -> String {
        let index = node.pods.first { $0.pod == pod.name }?.state.links?.first {
            $0.peerNamespaceID != nil || $0.name == "eth0"
        }?.peerIndex
        if let index, let link = node.host.links?.first(where: { $0.index == index && $0.name.hasPrefix("cali") }) {
            return link.name
        }
        let route = node.host.routes?.first { route in
            route.type == .unicast && pod.addresses.contains { IPPrefix(host: $0) == route.destination }
        }
        return route?.nextHops.first?.device ?? CalicoNames.device(of: pod.name)
    }
}

/// Calico's IPIP or VXLAN device has no address, a pod's address, or a size that does not fit.
package struct TunnelAddressOrMTU: Check {
    package static let metadata = CheckMetadata(
        code: "CAL009", name: "tunl0-address-or-mtu", group: .calico, severity: .warning,
        finds: "Calico's tunnel device is used by routes, and has no address, a pod's, or too large an MTU.",
        matters: "Connections of the node itself to pods of other nodes fail, or large packets are lost.",
        confirm: ["ip addr show tunl0", "ip -d link show vxlan.calico"],
        fix: "Restart calico-node, which gives it an address; set ipipMTU, vxlanMTU and vethMTU by the card's.",
        sources: [
            "https://docs.tigera.io/calico/latest/networking/configuring/mtu",
            "https://github.com/projectcalico/calico/issues/6244",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            (node.host.links ?? []).filter { ["tunl0", "vxlan.calico"].contains($0.name) }.compactMap { link in
                let isUsed = node.host.routes?.contains { route in
                    route.origin == "bird" && route.nextHops.contains { $0.device == link.name }
                }
                guard isUsed == true else { return nil }
                let fault: String
                let own = link.addresses.filter { $0.address.family == .ipv4 }
                let twin = context.snapshot.objects.pods.first { pod in
                    !pod.usesHostNetwork && !pod.hasEnded && own.contains { pod.addresses.contains($0.address.address) }
                }
                if !link.isUp {
                    fault = "is down"
                } else if own.isEmpty {
                    fault = "has no address"
                } else if let twin {
                    fault = "has the address of pod \(twin.name)"
                } else if let uplink = node.uplink(context.object(ofNode: node.name)), uplink.mtu > 0, link.mtu > 0,
                    let overhead = link.overhead(outer: .ipv4), link.mtu + overhead > uplink.mtu
                {
                    fault = "has an MTU of \(link.mtu), which leaves no room for \(overhead) bytes in \(uplink.mtu)"
                } else {
                    return nil
                }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has a tunnel device that does not fit: \(link.name) \(fault)",
                    evidence: [.computed("\(link.name) \(fault)", link.source)],
                    fixes: [
                        Fix(
                            "have calico-node set it up again",
                            commands: [Remedies.restartAgent(on: node.name, context)])
                    ])
            }
        }
    }
}
