import ClewBundle
import ClewNet
import ClewSnapshot

extension Tracer {
    // MARK: - Between nodes

    /// Onto a wire between nodes: to the node that owns the next hop, else to whoever the fabric would bring it.
    mutating func wire(_ state: WalkState, on link: LinkIndex, of namespace: CompiledNamespace) {
        var state = state
        state.packet.leaveNamespace()
        state.forgetConnection()
        let nextHop = state.nextHop ?? state.packet.destination
        let exit = LinkReference(namespace: namespace.index, link: link)
        if let device = namespace.link(link)?.name, let neighbor = namespace.layerTwo.neighbor(nextHop, on: device),
            neighbor.states.contains("FAILED") || neighbor.states.contains("INCOMPLETE")
        {
            doubt(
                "whether \(nextHop) answers: its neighbour entry was \(neighbor.states.joined(separator: ","))",
                source: neighbor.source, &state)
        }
        let owners = world.hosts(having: nextHop).filter { $0 != namespace.index }
        if let owner = owners.first {
            if owners.count > 1 { doubt("several nodes have the address \(nextHop)", &state) }
            enter(world[owner], state, towards: nextHop, sender: namespace)
            return
        }
        if let node = world.nodeObject(having: nextHop) {
            guard let host = world.host(node.name) else {
                leaveToUncollected(state, "node \(node.name) (\(nextHop))", exit)
                return
            }
            if host.state.links != nil, node.internalIPs.contains(nextHop), isOnLink(nextHop, link, namespace) {
                end(
                    state, .dropped,
                    "nobody answers for \(nextHop) on \(namespace.link(link)?.name ?? "the link") of \(namespace.place): \(node.name), whose address it was, does not have it",
                    source: host.link(host.defaultLink(nextHop.family))?.source, cause: .noAnswer)
                return
            }
        }
        fabric(state, nextHop, exit, namespace)
    }

    /// Whether a link's own network holds an address, so that the node asks for it there by ARP or its like.
    private func isOnLink(_ address: IPAddress, _ link: LinkIndex, _ namespace: CompiledNamespace) -> Bool {
        guard let name = namespace.link(link)?.name else { return false }
        return namespace.router.routes.contains { route in
            route.type == .unicast && route.destination.length > 0 && route.destination.contains(address)
                && route.nextHops.contains { $0.gateway == nil && $0.device == name }
        }
    }

    /// A gateway that nobody of the snapshot owns hands packets to the owner of their destination.
    private mutating func fabric(
        _ state: WalkState, _ gateway: IPAddress, _ exit: LinkReference, _ sender: CompiledNamespace
    ) {
        var state = state
        let destination = state.packet.destination
        switch world.owner(of: destination) {
        case .host(let node):
            guard let host = world.host(node) else { return }
            let route = route(to: destination, of: sender)
            if let route, gateway != destination, route.destination.length > 0, !isDefault(gateway, of: sender) {
                let why =
                    "whether \(gateway), which was not collected and is not the default gateway of \(sender.node), delivers \(destination) to \(node)"
                doubt(why, source: route.source, &state)
            } else if gateway != destination {
                assume("the gateway \(gateway) delivers \(destination) to \(node)", &state)
            }
            enter(host, state, towards: destination, sender: sender)
        case .pod(let node, _):
            guard let host = world.host(node), host.index != sender.index else {
                leaveToUncollected(state, "\(gateway), the way of \(node) to its own pod \(destination)", exit)
                return
            }
            let route = route(to: destination, of: sender)
            if let why = whyNoFabric(to: destination, on: host, by: gateway, route, sender) {
                doubt(why, source: route?.source, &state)
                end(state, .indeterminate, why, place: .uncollected, source: route?.source, text: route?.text)
                return
            }
            assume("the network between the nodes delivers \(destination) to \(node) (by \(gateway))", &state)
            enter(host, state, towards: nil, sender: sender)
        case .uncollectedHost(let node): leaveToUncollected(state, "node \(node) (\(destination))", exit)
        case .uncollectedPod(let node, let name):
            let what = name.map { "pod \($0)" } ?? "a pod (\(destination))"
            leaveToUncollected(state, node.map { "\(what) on node \($0)" } ?? what, exit)
        case .nobody: leaveOutside(state, exit)
        }
    }

    private func route(to destination: IPAddress, of sender: CompiledNamespace) -> Route? {
        guard case .found(let number) = sender.router.lookUp(RouteQuery(destination: destination)) else { return nil }
        return sender.router.routes[number]
    }

    private func isDefault(_ gateway: IPAddress, of sender: CompiledNamespace) -> Bool {
        sender.router.routes.contains { route in
            route.destination.length == 0 && route.nextHops.contains { $0.gateway == gateway }
        }
    }

    /// Why it may not be assumed that the network between the nodes knows their pods; `nil` where nothing speaks
    /// against it.
    ///
    /// A packet that a node without the right route hands to a gateway is lost. The same look has a cluster whose nodes
    /// need no routes, since its network has them: then no node has one, and the objects do not say otherwise.
    private func whyNoFabric(
        to destination: IPAddress, on host: CompiledNamespace, by gateway: IPAddress, _ route: Route?,
        _ sender: CompiledNamespace
    ) -> String? {
        let start =
            "\(sender.node) hands packets for \(destination), a pod of \(host.node), to \(gateway), which was not collected"
        if let known = world.podNetworks.ownRoute {
            let whose = known.node == sender.node ? "it" : known.node
            return
                "\(start); it has no route of its own there, though \(whose) has one to another node's pods: \(known.route.text)"
        }
        if let route, route.destination.length > 0, gateway != destination, !isDefault(gateway, of: sender) {
            return "\(start), and is not the default gateway either"
        }
        let nodes = [sender.node, host.node].compactMap { world.nodeObject(named: $0) }
        if let node = nodes.last, node.name == host.node {
            let networks = node.podCIDRs.filter { $0.family == destination.family }
            if !networks.isEmpty, !networks.contains(where: { $0.contains(destination) }) {
                return "\(start), and the pod is outside of its node's spec.podCIDRs"
            }
        }
        if let node = nodes.first(where: { !$0.isOfCloud }) {
            return
                "\(start), and no cloud whose network could know the pods is named by spec.providerID of \(node.name)"
        }
        return nil
    }

    private mutating func enter(
        _ host: CompiledNamespace, _ state: WalkState, towards address: IPAddress?, sender: CompiledNamespace
    ) {
        receive(state, on: host.uplink(for: address, from: sender), of: host)
    }

    private mutating func leaveToUncollected(_ state: WalkState, _ what: String, _ exit: LinkReference) {
        var state = state
        state.exit = exit
        doubt("\(what) was not collected", &state)
        end(state, .leavesSnapshot, "leaves for \(what), which was not collected", place: .uncollected)
    }

    /// Where clouds answer on every network: metadata, time, names and credentials.
    private static func isOfClouds(_ address: IPAddress) -> Bool {
        address.family == .ipv4 && [0xA9_FEA9, 0xA9_FEAA].contains(address.v4 >> 8)
    }

    private mutating func leaveOutside(_ state: WalkState, _ exit: LinkReference) {
        var state = state
        state.exit = exit
        let node = world[exit.namespace].node
        let device = world[exit.namespace].link(exit.link)?.name ?? "?"
        if !state.isReply, let service = world.service(having: state.packet.destination) {
            end(
                state, .leavesSnapshot,
                "\(state.packet.destination) is the ClusterIP of \(service.name), and nothing on \(node) translated it: it leaves by \(device), where nobody has it",
                place: .untranslated, cause: .untranslated)
            return
        }
        if !state.isReply, state.packet.destination.isLinkLocal, !Self.isOfClouds(state.packet.destination) {
            let why =
                "\(state.packet.destination) is link-local, so that no router passes it on, and \(node) does not have it"
            doubt(why, &state)
            end(state, .indeterminate, why, place: .uncollected)
            return
        }
        if !state.isReply {
            assume(
                "\(state.packet.destination) belongs to nobody in the cluster; it is taken to be reached by \(device) of \(node) and to answer",
                &state)
            if case .pod = world.owner(of: state.packet.source) {
                assume(
                    "the network outside brings answers to the pod address \(state.packet.source), which was not masqueraded, back to \(node)",
                    &state)
            }
        }
        end(state, .leavesSnapshot, "leaves \(node) by \(device) for \(state.packet.destination)", place: .outside)
    }
}

extension Node {
    /// Whether the node says that it is a machine of a cloud, of those that route to pods.
    fileprivate var isOfCloud: Bool {
        guard let providerID, let end = providerID.firstRange(of: "://") else { return false }
        return !["", "kind", "k3s", "k0s", "minikube", "rke2"].contains(providerID[..<end.lowerBound])
    }
}
