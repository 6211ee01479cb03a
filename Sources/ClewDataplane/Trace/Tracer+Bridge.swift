import ClewBundle
import ClewNet
import ClewSnapshot

/// Where a frame enters a bridge.
enum BridgeEntry: Hashable {
    /// From the bridge device itself: the host's IP layer sends.
    case host
    case port(LinkIndex)
    /// From a pod whose port is not known.
    case unknownPort
}

/// Who answers for an address on a bridge.
private enum BridgeTarget {
    case host
    case pod(port: LinkIndex, peer: LinkReference)
    case inferred(PodAttachment)
    /// A port that leads out of the node.
    case uplink(LinkIndex)
    case nobody
}

extension Tracer {
    /// `br_handle_frame`, `br_dev_xmit`: a frame to `state.nextHop` on a bridge.
    mutating func bridge(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, of namespace: CompiledNamespace
    ) {
        move(to: namespace)
        guard !isSpent else { return cut(state) }
        guard let arrival = begins(.bridge(bridge, entry), namespace, state) else { return }
        bridgeFirst(state, bridge, from: entry, of: namespace)
        finish(arrival)
    }

    private mutating func bridgeFirst(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, of namespace: CompiledNamespace
    ) {
        var state = state
        guard state.layer2Steps < Self.mostLayer2Steps else {
            end(state, .looped, "bridges of \(namespace.place) pass the frame round", cause: .loop)
            return
        }
        state.layer2Steps += 1
        guard case .host = entry else {
            enterBridge(state, bridge, from: entry, of: namespace)
            return
        }
        send(state, bridge, from: entry, to: state.nextHop ?? state.packet.destination, of: namespace)
    }

    private mutating func enterBridge(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, of namespace: CompiledNamespace
    ) {
        var state = state
        let port = entry.port
        log(.enter(namespace.index, port == .none ? bridge : port), &state)
        if let device = namespace.link(port), let description = device.port, let portState = description.state,
            portState != "forwarding"
        {
            end(
                state, .dropped, "the bridge port \(device.name) on \(namespace.place) is \(portState)",
                source: description.source, cause: .bridgePortBlocked)
            return
        }
        for path in namespace.state.unmodelled where path.kind == .ebtables {
            doubt("ebtables rules are not modelled: \(path.text)", source: path.source, &state)
        }
        if let device = namespace.link(bridge), device.bridge?.vlanFiltering == true {
            doubt("VLAN filtering on \(device.name) is not modelled", source: device.source, &state)
        }
        doubtUnmodelledPaths(on: port, of: namespace, &state)
        let hooks = bridgeHooks(state.packet.family, bridge, namespace, &state)
        state.packet.input = bridge
        state.packet.output = .none
        let nextHop = state.nextHop ?? state.packet.destination
        guard hooks.areCalled else {
            noteBypass(bridge, hooks, nextHop, namespace, &state)
            if target(nextHop, bridge, namespace, &state).isHost {
                state.bypass = nil
                receiveFromBridge(state, namespace)
            } else {
                send(state, bridge, from: entry, to: nextHop, of: namespace)
            }
            return
        }
        say(
            .bridge, "\(namespace.link(bridge)?.name ?? "the bridge") calls iptables (\(hooks.key) = 1)",
            hooks.sysctl?.source, &state)
        state.packet.bridgeInput = port
        state.packet.hasBridgeInfo = true
        let before = state.packet.destination
        for passed in traverse(.prerouting, namespace, state) {
            // The way before may have ended on another node.
            move(to: namespace)
            if passed.packet.destination == before {
                go(passed, bridge, from: entry, nextHop, namespace)
            } else {
                goTranslated(passed, bridge, from: entry, namespace)
            }
        }
    }

    private mutating func go(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, _ nextHop: IPAddress,
        _ namespace: CompiledNamespace
    ) {
        var state = state
        if target(nextHop, bridge, namespace, &state).isHost {
            routeInput(state, namespace)
        } else {
            forwardBridged(state, bridge, from: entry, to: nextHop, namespace)
        }
    }

    /// `br_nf_pre_routing_finish`: a packet that DNAT gave a destination on the same bridge stays on it.
    ///
    /// It was meant to need no ip_forward, and is dropped without.
    private mutating func goTranslated(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, _ namespace: CompiledNamespace
    ) {
        var query = RouteQuery(of: state.packet)
        query.inputLink = namespace.link(bridge)?.name
        guard case .found(let number) = namespace.router.lookUp(query) else {
            routeInput(state, namespace)
            return
        }
        let route = namespace.router.routes[number]
        let name = namespace.link(bridge)?.name
        guard route.type == .unicast, route.nextHops.count == 1, let hop = route.nextHops.first, hop.device == name
        else {
            routeInput(state, namespace)
            return
        }
        if let device = namespace.link(bridge), !passesSourceCheck(state, device, namespace) { return }
        var state = state
        say(.route, route.text, route.source, &state)
        say(.bridge, "the new destination is behind the same bridge: forwarded there", nil, &state)
        if state.packet.family == .ipv4, let device = namespace.link(bridge) {
            let (key, setting) = forwarding4(device, namespace)
            if let setting, setting.value == "0" {
                // `ip_route_input` gives a route that is an error, not an error (since Linux 3.6): the frame goes up.
                end(
                    state, .dropped, "\(key) is 0: what DNAT sent to another pod is not bridged then",
                    source: setting.source, cause: .forwardingOff)
                return
            }
        }
        forwardBridged(state, bridge, from: entry, to: hop.gateway ?? state.packet.destination, namespace)
    }

    private mutating func receiveFromBridge(_ state: WalkState, _ namespace: CompiledNamespace) {
        for passed in traverse(.prerouting, namespace, state) {
            move(to: namespace)
            routeInput(passed, namespace)
        }
    }

    /// FORWARD and POSTROUTING as br_netfilter calls them: in and out are the bridge, `physdev` the ports.
    private mutating func forwardBridged(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, to nextHop: IPAddress,
        _ namespace: CompiledNamespace
    ) {
        var state = state
        guard mayReturn(nextHop, bridge, entry, namespace, &state) else { return }
        state.packet.output = bridge
        state.packet.isBridged = true
        switch target(nextHop, bridge, namespace, &state) {
        case .pod(let port, _), .uplink(let port): state.packet.bridgeOutput = port
        case .inferred(let attachment): state.packet.bridgeOutput = attachment.port ?? .none
        case .host, .nobody: break
        }
        state.nextHop = nextHop
        for passed in traverse(.forward, namespace, state) {
            var passed = passed
            // `br_nf_post_routing` names no device the packet came in by.
            passed.packet.input = .none
            for passed in traverse(.postrouting, namespace, passed) {
                move(to: namespace)
                deliverOnBridge(confirmed(passed), bridge, nextHop, namespace)
            }
        }
    }

    /// Layer 2 alone.
    private mutating func send(
        _ state: WalkState, _ bridge: LinkIndex, from entry: BridgeEntry, to nextHop: IPAddress,
        of namespace: CompiledNamespace
    ) {
        var state = state
        guard mayReturn(nextHop, bridge, entry, namespace, &state) else { return }
        if case .host = entry {
        } else {
            say(
                .bridge, "\(namespace.link(bridge)?.name ?? "the bridge") forwards the frame; iptables does not see it",
                state.bypass?.sysctl?.source, &state)
        }
        deliverOnBridge(state, bridge, nextHop, namespace)
    }

    /// `should_deliver`: a frame leaves by the port it came from only in hairpin mode.
    private mutating func mayReturn(
        _ nextHop: IPAddress, _ bridge: LinkIndex, _ entry: BridgeEntry, _ namespace: CompiledNamespace,
        _ state: inout WalkState
    ) -> Bool {
        guard entry != .host else { return true }
        let out: LinkIndex
        switch target(nextHop, bridge, namespace, &state) {
        case .pod(let port, _), .uplink(let port): out = port
        case .inferred(let attachment): out = attachment.port ?? .none
        case .host, .nobody: return true
        }
        let known = entry.port != .none && out != .none
        if known, namespace.link(entry.port)?.port?.isolated == true, namespace.link(out)?.port?.isolated == true {
            end(
                state, .dropped, "both bridge ports on \(namespace.place) are isolated",
                source: namespace.link(out)?.port?.source, cause: .bridgePortBlocked)
            return false
        }
        let returns = known ? entry.port == out : nextHop == state.packet.source || nextHop == originAddress(state)
        guard returns else { return true }
        let port = known ? out : (entry.port != .none ? entry.port : out)
        let ports = port != .none ? [port] : namespace.ports(of: bridge)
        let modes = Set(ports.map { namespace.link($0)?.port?.hairpin })
        let line = ports.first.flatMap { namespace.link($0)?.port?.source }
        if modes == [true] {
            say(.bridge, "hairpin mode lets the frame back out of its port", line, &state)
            return true
        }
        if modes == [false] {
            let name = ports.first.flatMap { namespace.link($0)?.name } ?? "its port"
            end(
                state, .dropped,
                "hairpin mode is off on \(name) of \(namespace.place): the frame may not go back to its own pod",
                source: line, text: "\(name): hairpin off", cause: .hairpinOff)
            return false
        }
        assume("hairpin mode of the bridge port to \(nextHop) was not collected and is taken to be on", &state)
        return true
    }

    /// The pod's own address, before any source translation of this namespace.
    private func originAddress(_ state: WalkState) -> IPAddress? {
        guard state.hasConnection else { return nil }
        let connection = state.connection
        return state.isReplyDirection ? connection.reply.source : connection.original.source
    }

    private mutating func deliverOnBridge(
        _ state: WalkState, _ bridge: LinkIndex, _ nextHop: IPAddress, _ namespace: CompiledNamespace
    ) {
        var state = state
        let name = namespace.link(bridge)?.name ?? "the bridge"
        switch target(nextHop, bridge, namespace, &state) {
        case .host: receiveFromBridge(state, namespace)
        case .pod(let port, let peer):
            log(.sent(port), &state)
            arrive(state, at: peer)
        case .inferred(let attachment):
            log(.sent(attachment.port ?? bridge), &state)
            arriveAtInferredPod(state, attachment, nextHop)
        case .uplink(let port):
            log(.sent(port), &state)
            wire(state, on: port, of: namespace)
        case .nobody:
            end(state, .dropped, "nobody on \(name) of \(namespace.place) answers for \(nextHop)", cause: .noAnswer)
        }
    }

    private mutating func target(
        _ nextHop: IPAddress, _ bridge: LinkIndex, _ namespace: CompiledNamespace, _ state: inout WalkState
    ) -> BridgeTarget {
        if namespace.router.isLocal(nextHop)
            || namespace.link(bridge)?.addresses.contains(where: { $0.address.address == nextHop }) == true
        {
            return .host
        }
        var isElsewhere = false
        for pod in world.pods(having: nextHop) {
            for number in world[pod].links.indices {
                let own = LinkReference(namespace: pod, link: LinkIndex(rawValue: Int32(number)))
                guard let peer = world.peer(of: own) else { continue }
                isElsewhere = true
                guard peer.namespace == namespace.index, let link = namespace.link(peer.link),
                    let name = namespace.link(bridge)?.name, link.master == name || link.port?.bridge == name
                else { continue }
                return .pod(port: peer.link, peer: own)
            }
        }
        if let attachment = PodAttachment(of: nextHop, on: namespace, in: world), attachment.link == bridge {
            // A machine that was collected is itself behind the port, as on a router, or where nodes are containers.
            if let host = world.hosts(having: nextHop).first, world[host].node != namespace.node {
                return .uplink(attachment.port ?? bridge)
            }
            // A pod whose other end is plugged in elsewhere is not here, nor is anybody behind ports that are all known.
            if !isElsewhere, !knowsEveryPort(of: bridge, namespace) { return .inferred(attachment) }
        }
        return namespace.uplink(ofBridge: bridge).map { .uplink($0) } ?? .nobody
    }

    /// Whether all that is plugged into a bridge was collected, and so is not what has an address nobody has.
    private func knowsEveryPort(of bridge: LinkIndex, _ namespace: CompiledNamespace) -> Bool {
        let ports = namespace.ports(of: bridge)
        // Without ports it has no carrier; without a list of its ports it would have one.
        guard !ports.isEmpty else { return namespace.link(bridge)?.hasCarrier == false }
        return ports.allSatisfy { world.peer(of: LinkReference(namespace: namespace.index, link: $0)) != nil }
    }

    // MARK: - br_netfilter

    struct BridgeHooks {
        var areCalled: Bool
        var key: String
        var sysctl: Sysctl?
    }

    /// Whether frames pass the IP hooks: the namespace's sysctl, or the bridge's own option.
    ///
    /// A missing key means that br_netfilter is not loaded.
    private mutating func bridgeHooks(
        _ family: AddressFamily, _ bridge: LinkIndex, _ namespace: CompiledNamespace, _ state: inout WalkState
    ) -> BridgeHooks {
        let key = family == .ipv4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables"
        let options = namespace.link(bridge)?.bridge
        let own = family == .ipv4 ? options?.callIptables : options?.callIp6tables
        guard !namespace.state.sysctls.isEmpty else {
            assume("sysctls of \(namespace.place) were not collected: \(key) is taken to be 1", &state)
            return BridgeHooks(areCalled: true, key: key, sysctl: nil)
        }
        let sysctl = namespace.sysctl(key)
        if sysctl == nil {
            // Without the module there is none of its keys, and a list that is whole has others behind where they stood.
            let keys = namespace.state.sysctls.keys
            if keys.contains(where: { $0.hasPrefix("net.bridge.") })
                || !keys.contains(where: { $0.hasPrefix("net.ip") })
            {
                doubt("\(key) of \(namespace.place) is missing among the keys that were collected", &state)
            }
        }
        return BridgeHooks(
            areCalled: sysctl.map { $0.value != "0" } ?? false || own == true && sysctl != nil, key: key, sysctl: sysctl
        )
    }

    /// Remembers that an answer goes past the entry that would translate it back.
    private func noteBypass(
        _ bridge: LinkIndex, _ hooks: BridgeHooks, _ nextHop: IPAddress, _ namespace: CompiledNamespace,
        _ state: inout WalkState
    ) {
        let tuple = state.packet.tuple
        let waiting = state.parked.contains {
            $0.namespace == namespace.index && $0.reply == tuple && ($0.translatesDestination || $0.translatesSource)
        }
        if waiting {
            state.bypass = Bypass(namespace: namespace.index, bridge: bridge, sysctl: hooks.sysctl, key: hooks.key)
        }
    }
}

extension BridgeEntry {
    /// ``LinkIndex/none`` where not known.
    var port: LinkIndex {
        if case .port(let link) = self { return link }
        return .none
    }
}

extension BridgeTarget {
    fileprivate var isHost: Bool {
        if case .host = self { return true }
        return false
    }
}
