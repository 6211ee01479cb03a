import ClewBundle
import ClewNet
import ClewSnapshot

extension Tracer {
    /// `ip_rcv`: the packet has come in by a link of this namespace and is meant for its IP layer.
    mutating func receive(_ state: WalkState, on link: LinkIndex, of namespace: CompiledNamespace) {
        move(to: namespace)
        guard !isSpent else { return cut(state) }
        guard let arrival = begins(.link(link), namespace, state) else { return }
        receiveFirst(state, on: link, of: namespace)
        finish(arrival)
    }

    private mutating func receiveFirst(_ state: WalkState, on link: LinkIndex, of namespace: CompiledNamespace) {
        var state = state
        let visit = Visit(
            namespace: namespace.index, link: link, tuple: state.packet.tuple, mark: state.packet.mark,
            depth: state.outer.count)
        guard state.visits.count(where: { $0 == visit }) < 2 else {
            end(state, .looped, "goes round: it comes to \(namespace.place) again and again", cause: .loop)
            return
        }
        state.visits.append(visit)
        state.packet.input = link
        state.packet.output = .none
        state.packet.hasUnknownInput = link == .none
        state.packet.hasUnknownOutput = false
        log(.enter(namespace.index, link), &state)
        if let device = namespace.link(link), !device.isUp {
            end(
                state, .dropped, "\(device.name) of \(namespace.place) is down", source: device.source, cause: .linkDown
            )
            return
        }
        doubtUnmodelledPaths(on: link, of: namespace, &state)
        doubtNeighborDiscovery(namespace, &state)
        // `ip6_rcv_core`
        if state.packet.family == .ipv6, state.packet.source.isLoopback || state.packet.destination.isLoopback,
            let device = namespace.link(link), !device.isLoopback
        {
            end(
                state, .dropped,
                "a martian: \(state.packet.tuple) may not come in by \(device.name) on \(namespace.place)")
            return
        }
        for passed in traverse(.prerouting, namespace, state) {
            // The way before may have ended on another node.
            move(to: namespace)
            routeInput(passed, namespace)
        }
    }

    mutating func doubtUnmodelledPaths(on link: LinkIndex, of namespace: CompiledNamespace, _ state: inout WalkState) {
        guard let device = namespace.link(link), !device.isLoopback else { return }
        if device.hasXDP { doubt("an XDP program on \(device.name) is not modelled", source: device.source, &state) }
        for path in namespace.state.unmodelled {
            switch path.kind {
            case .xdp, .tc, .openVSwitch:
                guard path.device == nil || path.device == device.name else { continue }
            case .netfilter, .xfrm, .flowtable: break
            case .ebtables, .cgroup: continue
            }
            doubt(
                "\(path.kind.rawValue) on \(path.device ?? namespace.place) is not modelled: \(path.text)",
                source: path.source, &state)
        }
    }

    /// `ip_route_input_slow` (`route.c`), `ip6_route_input`.
    mutating func routeInput(_ state: WalkState, _ namespace: CompiledNamespace) {
        let packet = state.packet
        guard let device = namespace.link(packet.input) else {
            for (routed, way) in routeWithoutTable(state, namespace, "its devices were not collected") {
                if case .local = way { deliverLocally(routed, namespace) } else { forwardBlindly(routed, namespace) }
            }
            return
        }
        if device.isLoopback {
            deliverLocally(state, namespace)
            return
        }
        guard passesMartianChecks(state, device, namespace) else { return }
        var query = RouteQuery(of: packet)
        query.inputLink = device.name
        // `rt6_need_strict`: such an address is looked for behind the device the packet came in by alone.
        if packet.family == .ipv6, packet.destination.isLoopback || packet.destination.isLinkLocal {
            query.outputLink = device.name
        }
        switch namespace.router.lookUp(query) {
        case .unknown(let why):
            for (routed, way) in routeWithoutTable(state, namespace, why) {
                if case .local = way { deliverLocally(routed, namespace) } else { forwardBlindly(routed, namespace) }
            }
        case .none:
            end(
                state, .noRoute, "no route on \(namespace.place) to \(packet.destination)", cause: .noRoute,
                refusal: packet.family == .ipv6 || forwarding4(device, namespace).sysctl?.value != "0"
                    ? .noRoute(packet.family) : nil)
        case .forbidden(let rule):
            end(
                state, .noRoute, "a policy rule on \(namespace.place) forbids \(packet.destination)",
                source: rule.source, text: rule.text, cause: .refusingRoute)
        case .found(let number):
            let route = namespace.router.routes[number]
            var state = state
            if route.type == .unicast, !mayForward(&state, device, namespace) { return }
            if route.type == .local || route.type == .unicast, !passesSourceCheck(state, device, namespace) { return }
            for (routed, way) in follow(number, state, namespace, isOutput: false) {
                switch way {
                case .local: deliverLocally(routed, namespace)
                case .out(let link, let nextHop, let mtu):
                    forward(routed, by: link, to: nextHop, mtu, namespace)
                case .unknown: forwardBlindly(routed, namespace)
                }
            }
        }
    }

    /// Without routes: FORWARD and POSTROUTING as if the packet were forwarded.
    private mutating func forwardBlindly(_ state: WalkState, _ namespace: CompiledNamespace) {
        var state = state
        apply(.unknown, namespace, &state)
        for passed in traverse(.forward, namespace, state) {
            move(to: namespace)
            leave(passed, .unknown, namespace)
        }
    }

    /// Addresses that no setting lets in (`ip_route_input_slow`, `ip6_rcv_core`).
    private static func impossible(_ packet: Packet) -> String? {
        let (source, destination) = (packet.source, packet.destination)
        if source.isMulticast { return "\(source) is no source" }
        guard packet.family == .ipv4 else { return nil }
        let isBroadcast = destination.v4 == .max || (source.isZero && destination.isZero)
        if source.v4 == .max || (source.v4 >> 24 == 0 && !isBroadcast) { return "\(source) is no source" }
        return destination.v4 >> 24 == 0 && !isBroadcast ? "\(destination) is no destination" : nil
    }

    private mutating func passesMartianChecks(
        _ state: WalkState, _ device: Link, _ namespace: CompiledNamespace
    ) -> Bool {
        let packet = state.packet
        if let why = Self.impossible(packet) {
            end(state, .dropped, "a martian: \(packet.tuple) on \(namespace.place): \(why)", cause: .martian)
            return false
        }
        // IPv6 looked before PREROUTING.
        guard packet.family == .ipv4, packet.source.isLoopback || packet.destination.isLoopback else { return true }
        if setting("route_localnet", of: device.name, namespace, combine: .or) { return true }
        let key = "net.ipv4.conf.\(device.name).route_localnet"
        end(
            state, .dropped, "a martian: \(packet.tuple) may not come in by \(device.name) on \(namespace.place)",
            source: (namespace.sysctl(key) ?? namespace.sysctl("net.ipv4.conf.all.route_localnet"))?.source,
            text: "\(key) = 0", cause: .routeLocalnet)
        return false
    }

    /// `IN_DEV_FORWARD`: of the link the packet came in by; IPv6 looks at `all` alone.
    private mutating func mayForward(
        _ state: inout WalkState, _ device: Link, _ namespace: CompiledNamespace
    ) -> Bool {
        let key: String
        var value: Sysctl?
        switch state.packet.family {
        case .ipv4:
            (key, value) = forwarding4(device, namespace)
        case .ipv6:
            key = "net.ipv6.conf.all.forwarding"
            value = namespace.sysctl(key)
            // `ip6_forward`, since Linux 6.17.
            if namespace.sysctl("net.ipv6.conf.\(device.name).force_forwarding")?.value == "1" { return true }
        }
        if value == nil,
            state.packet.family == .ipv4 ? namespace.hasSettings4 : namespace.hasSettings6
        {
            doubt("\(key) of \(namespace.place) is missing among the keys that were collected", &state)
        }
        guard let value, value.value == "0" else { return true }
        end(
            state, .dropped, "\(namespace.place) does not forward: \(key) is 0", source: value.source,
            text: "\(key) = 0", cause: .forwardingOff)
        return false
    }

    /// The setting that says whether IPv4 packets from a link are forwarded; `nil` where none was collected.
    func forwarding4(_ device: Link, _ namespace: CompiledNamespace) -> (key: String, sysctl: Sysctl?) {
        let settings = namespace.settings(of: device)
        return (settings.forwardingKey, settings.forwarding)
    }

    /// `fib_validate_source` (`fib_frontend.c`): a local source, and rp_filter.
    ///
    /// IPv6 has neither.
    mutating func passesSourceCheck(_ state: WalkState, _ device: Link, _ namespace: CompiledNamespace) -> Bool {
        let packet = state.packet
        guard packet.family == .ipv4, !packet.source.isZero else { return true }
        let mode = namespace.settings(of: device).reversePathFilter
        if namespace.router.isLocal(packet.source), !packet.source.isLoopback {
            if setting("accept_local", of: device.name, namespace, combine: .or) { return true }
            end(
                state, .dropped,
                "\(namespace.place) gets a packet from its own address \(packet.source) by \(device.name): a martian source",
                source: namespace.sysctl("net.ipv4.conf.\(device.name).accept_local")?.source,
                text: "net.ipv4.conf.\(device.name).accept_local = 0", cause: .martian)
            return false
        }
        guard mode > 0 else { return true }
        var query = RouteQuery(destination: packet.source, source: packet.destination)
        query.tos = packet.tos
        if setting("src_valid_mark", of: device.name, namespace, combine: .or) { query.mark = packet.mark }
        query.inputLink = nil
        var reaches = false
        var matches = false
        if case .found(let number) = namespace.router.lookUp(query) {
            let route = namespace.router.routes[number]
            reaches = route.type == .unicast || (packet.source.isLoopback && route.type == .local)
            matches = route.nextHops.contains { $0.device == device.name }
        }
        // Loose mode is strict on a device without an address (`__fib_validate_source`: no_addr).
        let hasAddress = device.addresses.contains { $0.address.family == .ipv4 }
        if matches || (mode == 2 && reaches && hasAddress) || (packet.source.isLoopback && reaches) { return true }
        let key = "net.ipv4.conf.\(device.name).rp_filter"
        let all = namespace.sysctl("net.ipv4.conf.all.rp_filter")
        let own = namespace.sysctl(key)
        let line = all?.value == String(mode) ? all : own
        end(
            state, .dropped,
            "rp_filter on \(namespace.place): packets from \(packet.source) are not expected on \(device.name)",
            source: line?.source,
            text: all?.value == String(mode) ? "net.ipv4.conf.all.rp_filter = \(mode)" : "\(key) = \(mode)",
            cause: .reversePathFilter)
        return false
    }

    /// `ip_forward`.
    mutating func forward(
        _ state: WalkState, by link: LinkIndex, to nextHop: IPAddress, _ mtu: UInt32?, _ namespace: CompiledNamespace
    ) {
        var state = state
        guard state.packet.ttl > 1 else {
            end(state, .looped, "goes round: its TTL ends on \(namespace.place)", cause: .loop)
            return
        }
        if !world.isBroken(.timeToLiveStays) { state.packet.ttl -= 1 }
        state.layer2Steps = 0
        guard fits(state, link, mtu, namespace, isForwarded: true) else { return }
        state.packet.output = link
        state.nextHop = nextHop
        for passed in traverse(.forward, namespace, state) {
            move(to: namespace)
            leave(passed, .out(link, nextHop: nextHop, mtu: mtu), namespace)
        }
    }

    /// `ip_local_deliver`: INPUT, then a tunnel or a socket.
    mutating func deliverLocally(_ state: WalkState, _ namespace: CompiledNamespace) {
        for passed in traverse(.input, namespace, state) {
            move(to: namespace)
            var passed = confirmed(passed)
            if staysLocal {
                leaveWalk(passed, .delivered)
                continue
            }
            if decapsulate(passed, namespace) { continue }
            handToSocket(&passed, namespace)
        }
    }

    private mutating func handToSocket(_ state: inout WalkState, _ namespace: CompiledNamespace) {
        let packet = state.packet
        guard !state.isReply, packet.ipProtocol.hasPorts, let sockets = namespace.state.sockets,
            namespace.state.socketProtocols.contains(packet.ipProtocol)
        else {
            if !state.isReply, packet.ipProtocol.hasPorts {
                assume(
                    "sockets of \(namespace.place) were not collected: something listens on \(packet.ipProtocol) port \(packet.destinationPort)",
                    &state)
            }
            end(state, .delivered, "delivered to \(namespace.place)", place: .namespace(namespace.index))
            return
        }
        let device = namespace.link(packet.input)?.name
        let listener = sockets.first { socket in
            socket.ipProtocol == packet.ipProtocol && socket.port == packet.destinationPort
                && (packet.family == .ipv4 ? socket.acceptsIPv4 : socket.acceptsIPv6)
                && (socket.address == nil || socket.address == packet.destination)
                && (socket.device == nil || socket.device == device)
        }
        if let listener {
            say(.socket, "listens on \(packet.ipProtocol) port \(listener.port)", listener.source, &state)
            end(
                state, .delivered, "delivered to \(namespace.place)", place: .namespace(namespace.index),
                source: listener.source)
        } else {
            let answer = packet.ipProtocol == .tcp ? "RST" : "port unreachable"
            end(
                state, .rejected,
                "nobody listens on \(packet.ipProtocol) port \(packet.destinationPort) of \(namespace.place): \(answer)",
                cause: .noListener,
                refusal: packet.ipProtocol == .tcp ? .reset(byRule: false) : .noListener(packet.family))
        }
    }
}
