import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// Two pods, or a pod and a node, have the same address.
package struct DuplicatePodAddress: Check {
    package static let metadata = CheckMetadata(
        code: "RTE021", name: "duplicate-pod-ip", group: .routing, severity: .error,
        finds: "A pod's address is given to another pod too, or is an address of a node that it does not run on.",
        matters: "Requests are answered by somebody else, refused, or lost, depending on who asks.",
        confirm: ["kubectl get pods -A -o wide | grep ADDRESS", "ip addr | grep ADDRESS"],
        fix: "Delete one of the pods and repair the address allocation; take the address off the node.",
        sources: ["https://github.com/projectcalico/calico/issues/6243"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        onNodes(context) + amongPods(context)
    }

    private func onNodes(_ context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            (node.host.links ?? []).compactMap { link -> Finding? in
                let foreign = link.addresses.compactMap { address -> (IPPrefix, Pod)? in
                    let pod = context.snapshot.objects.pods.first {
                        !$0.usesHostNetwork && !$0.hasEnded && $0.addresses.contains(address.address.address)
                    }
                    return pod.map { (address.address, $0) }
                }
                guard let (_, pod) = foreign.first else { return nil }
                let addresses = foreign.map(\.0)
                let explained = context.lost { group in
                    group.node == node.name
                        && group.connections.contains { index in
                            let flow = context.survey.connections[index].flow
                            if case .pod(_, let sender, _) = flow.origin,
                                addresses.contains(where: { $0.address == sender })
                            {
                                return true
                            }
                            return addresses.contains { $0.address == flow.destination }
                                || context.endpoints(of: context.survey.connections[index].service).contains {
                                    endpoint in
                                    addresses.contains { $0.address == endpoint }
                                }
                        } && [LossCause.noListener, .noAnswer, .martian, .other].contains(group.decision?.cause)
                }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has the address \(addresses[0].address) of pod \(pod.name) on \(link.name)",
                    cause: "the node takes packets for the pod for its own",
                    evidence: foreign.map { address, _ in
                        .computed(
                            "\(link.name): \(address)",
                            link.addresses.first { $0.address == address }?.source)
                    } + [
                        .field(
                            object: "Pod \(pod.name)", path: "status.podIP", value: "\(addresses[0].address)",
                            pod.source)
                    ],
                    fixes: [
                        Fix(
                            "take the address off \(link.name) on \(node.name)",
                            edits: addresses.map { .deleteAddress(.host(node: node.name), link: link.name, $0) },
                            commands: addresses.map {
                                FixCommand(
                                    .node(node.name), "ip addr del \($0) dev \(link.name)",
                                    persist: "find what gives it to the node: its network configuration, keepalived",
                                    undo: "ip addr add \($0) dev \(link.name)\($0.family == .ipv6 ? " nodad" : "")")
                            })
                    ], explains: explained.map(\.id))
            }
        }
    }

    private func amongPods(_ context: CheckContext) -> [Finding] {
        var owners: [IPAddress: [Pod]] = [:]
        for pod in context.snapshot.objects.pods
        where !pod.usesHostNetwork && !pod.hasEnded && pod.deletionTimestamp == nil {
            for address in pod.addresses { owners[address, default: []].append(pod) }
        }
        return owners.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map { address, pods in
            Finding(
                Self.metadata, on: .pod(pods[0].name), .proven,
                message: "has the address \(address), and so has pod \(pods[1].name)",
                cause: "the address was allocated twice",
                evidence: pods.map {
                    .field(object: "Pod \($0.name)", path: "status.podIP", value: "\(address)", $0.source)
                },
                fixes: [
                    Fix(
                        "have one of them made anew",
                        commands: [
                            FixCommand(
                                .workstation, "kubectl -n \(pods[1].name.namespace) delete pod \(pods[1].name.name)")
                        ])
                ])
        }
    }
}

extension CheckContext {
    /// The addresses behind a Service, of all its ports.
    fileprivate func endpoints(of service: ServicePortName?) -> [IPAddress] {
        guard let service, let object = self.service(service.service) else { return [] }
        return endpoints(of: object).flatMap(\.addresses)
    }
}

/// Two nodes have the same address.
package struct DuplicateNodeAddress: Check {
    package static let metadata = CheckMetadata(
        code: "RTE022", name: "duplicate-node-ip", group: .routing, severity: .error,
        finds: "Two Nodes have the same InternalIP.",
        matters: "What is sent to one arrives at the other, now and then: nodes flap, logs and exec fail.",
        confirm: ["kubectl get nodes -o wide", "arping -D -I UPLINK ADDRESS"],
        fix: "Give one of them another address; look for cloned machines and DHCP identifiers.",
        sources: ["RFC 5227"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var owners: [IPAddress: [Node]] = [:]
        for node in context.snapshot.objects.nodes {
            for address in Set(node.internalIPs) { owners[address, default: []].append(node) }
        }
        return owners.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map { address, nodes in
            Finding(
                Self.metadata, on: .node(nodes[0].name), .proven,
                message: "has the address \(address), and so has \(nodes[1].name)",
                evidence: nodes.map {
                    .field(object: "Node \($0.name)", path: "status.addresses", value: "\(address)", $0.source)
                })
        }
    }
}

/// A network of the node alone hides part of the cluster's.
package struct LocalSubnetShadows: Check {
    package static let metadata = CheckMetadata(
        code: "RTE004", name: "local-subnet-shadows-cluster-net", group: .routing, severity: .error,
        finds: "A device of the node, such as docker0 or virbr0, has a network that holds addresses of nodes or pods.",
        matters: "From this node alone these addresses cannot be reached: packets for them stay on it.",
        confirm: ["ip route get ADDRESS", "ip addr show DEVICE"],
        fix: "Give the device another network (docker: \"bip\" in daemon.json), or take it away where nobody uses it.",
        sources: ["linux net/ipv4/fib_trie.c", "https://docs.docker.com/engine/network/drivers/bridge"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node in
            Self.foreignNetworks(of: node, context).compactMap { finding(node, $0.route, $0.link, context) }
        }
    }

    /// Routes that the kernel made of addresses of devices that are neither the way to other nodes nor the pods'.
    private static func foreignNetworks(
        of node: NodeSnapshot, _ context: CheckContext
    ) -> [(route: Route, link: Link)] {
        let object = context.object(ofNode: node.name)
        let ranges = context.podRanges(of: node.name)
        return (node.host.routes ?? []).compactMap { route in
            guard route.table == .main, route.type == .unicast, route.origin == "kernel",
                route.destination.length < route.destination.family.width, !route.destination.address.isLinkLocal,
                route.nextHops.count == 1, route.nextHops[0].gateway == nil,
                let link = route.nextHops[0].device.flatMap({ node.host.link(named: $0) }), !link.isTunnel,
                !link.addresses.contains(where: { object?.internalIPs.contains($0.address.address) ?? false }),
                // A network with routers in it leads somewhere.
                !(node.host.routes ?? []).contains(where: { other in
                    other.nextHops.contains {
                        $0.device == link.name && $0.gateway.map { route.destination.contains($0) } == true
                    }
                }),
                !ranges.contains(where: { $0.contains(route.destination) || route.destination == $0 }),
                !node.podBridges.contains(where: { $0.name == link.name })
            else { return nil }
            return (route, link)
        }
    }

    private func finding(_ node: NodeSnapshot, _ route: Route, _ link: Link, _ context: CheckContext) -> Finding? {
        let victims = Self.victims(of: route, node, context)
        let address = link.addresses.first { $0.address.network == route.destination }
        let evidence: [Evidence] =
            [.line(node: node.name, route.source, text: route.text)]
            + victims.prefix(3).map { .computed("\($0.address) is \($0.what)", nil) }
        guard !victims.isEmpty else {
            guard let holder = Self.holder(of: route, node, context) else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely, severity: .notice,
                message:
                    "would not reach nodes or pods in \(route.destination), which is \(link.name)'s and part of \(holder)",
                cause: "the longer prefix wins, even where the device has no carrier", evidence: evidence)
        }
        let explained = context.survey.lost.filter { group in
            guard let (name, step) = context.way(of: group)?.lastRoute(in: context), name == node.name else {
                return false
            }
            return context.route(of: step, on: name) == route
                || group.node == node.name && route.destination.contains(step.tuple.destination)
        }
        var fixes: [Fix] = []
        if let address {
            let persist =
                link.name == "docker0"
                ? "set \"bip\" in /etc/docker/daemon.json to a network that nobody uses"
                : link.name.hasPrefix("virbr")
                    ? "virsh net-destroy default && virsh net-autostart --disable default"
                    : "take it out of the network's configuration"
            fixes.append(
                Fix(
                    "take the network off \(link.name) on \(node.name)",
                    edits: [.deleteAddress(.host(node: node.name), link: link.name, address.address)],
                    commands: [
                        FixCommand(
                            .node(node.name), "ip addr del \(address.address) dev \(link.name)", persist: persist,
                            undo: "ip addr add \(address.address) brd + dev \(link.name)")
                    ]))
        }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message:
                "keeps packets for \(victims.count) address\(victims.count == 1 ? "" : "es") of the cluster on \(link.name)",
            cause: "\(route.destination) is the network of \(link.name), and the longest prefix wins",
            evidence: evidence, fixes: fixes, explains: explained.map(\.id))
    }

    private struct Victim {
        var address: IPAddress
        var what: String
    }

    /// Nodes and pods elsewhere that this route wins for.
    private static func victims(of route: Route, _ node: NodeSnapshot, _ context: CheckContext) -> [Victim] {
        var result: [Victim] = []
        for other in context.snapshot.objects.nodes where other.name != node.name {
            for address in other.internalIPs where wins(route, address, node) {
                result.append(Victim(address: address, what: "node \(other.name)"))
            }
        }
        for pod in context.snapshot.objects.pods
        where pod.nodeName != node.name && !pod.hasEnded && !pod.usesHostNetwork {
            for address in pod.addresses where wins(route, address, node) {
                result.append(Victim(address: address, what: "pod \(pod.name)"))
            }
        }
        return result
    }

    private static func wins(_ route: Route, _ address: IPAddress, _ node: NodeSnapshot) -> Bool {
        guard route.destination.contains(address) else { return false }
        return !(node.host.routes ?? []).contains {
            $0.table == .main && $0.destination.length > route.destination.length && $0.destination.contains(address)
        }
    }

    /// The network of the cluster, or of its nodes, that the device's is a part of.
    private static func holder(of route: Route, _ node: NodeSnapshot, _ context: CheckContext) -> String? {
        let uplink = node.uplink(context.object(ofNode: node.name))
        if let wide = uplink?.addresses.map(\.address.network).first(where: {
            $0.family == route.destination.family && $0.contains(route.destination)
        }) {
            return "the nodes' network \(wide)"
        }
        return context.podNetworks(route.destination.family).first { $0.overlaps(route.destination) }
            .map { "the pods' network \($0)" }
    }
}
