import ClewBundle
import ClewNet
import ClewSnapshot

/// Where routing sends a packet.
enum Way {
    case local
    case out(LinkIndex, nextHop: IPAddress, mtu: UInt32?)
    /// Routes were not collected: the hooks are still walked.
    case unknown
}

extension Tracer {
    /// `ip_local_out`: a process of this namespace sends.
    ///
    /// `looked` is what its route was looked up with, where that is not the packet itself.
    mutating func sendLocally(_ state: WalkState, from namespace: CompiledNamespace, looked: Packet? = nil) {
        move(to: namespace)
        var state = state
        log(.enter(namespace.index, .none), &state)
        for path in namespace.state.unmodelled where path.kind == .cgroup {
            doubt("a BPF program may redirect sockets: \(path.text)", source: path.source, &state)
        }
        let source = state.packet.source
        if source.family == .ipv4, namespace.router.isKnown(.ipv4), !source.isLoopback,
            !namespace.router.isLocal(source)
        {
            // `ip_route_output_key_hash_rcu` asks the local table; a `local` route elsewhere only receives.
            doubt("\(namespace.place) sends from \(source) only by a transparent socket: it is not its own", &state)
        }
        for (routed, way) in routeOutput(state, namespace, as: looked) {
            move(to: namespace)
            sendOut(routed, way, namespace)
        }
    }

    /// OUTPUT, then a second look at the routes where it changed the packet, then POSTROUTING.
    mutating func sendOut(_ state: WalkState, _ way: Way, _ namespace: CompiledNamespace) {
        guard !isSpent else { return cut(state) }
        var state = state
        apply(way, namespace, &state)
        state.isRerouted = false
        state.hasNoWay = false
        for passed in traverse(.output, namespace, state) {
            // The way before may have ended on another node.
            move(to: namespace)
            var passed = passed
            guard passed.isRerouted else {
                leave(passed, way, namespace)
                continue
            }
            passed.packet.output = .none
            // An earlier look-up that found no way has lost the packet there and then.
            passed.isRerouted = false
            for (rerouted, way) in routeOutput(passed, namespace, as: passed.rerouted) {
                var rerouted = rerouted
                move(to: namespace)
                apply(way, namespace, &rerouted)
                leave(rerouted, way, namespace)
            }
        }
    }

    mutating func apply(_ way: Way, _ namespace: CompiledNamespace, _ state: inout WalkState) {
        switch way {
        case .local:
            state.packet.output = namespace.loopback
            state.nextHop = state.packet.destination
            begin(&state, mtu: UInt32(UInt16.max))
        case .out(let link, let nextHop, let routeMTU):
            state.packet.output = link
            state.nextHop = nextHop
            begin(&state, mtu: mtu(link, routeMTU, namespace))
        case .unknown:
            state.packet.output = .none
            state.packet.hasUnknownOutput = true
        }
    }

    /// POSTROUTING, and out of the namespace; local packets come in again through the loopback link.
    mutating func leave(_ state: WalkState, _ way: Way, _ namespace: CompiledNamespace) {
        switch way {
        case .local:
            for passed in traverse(.postrouting, namespace, state) {
                move(to: namespace)
                var passed = confirmed(passed)
                passed.packet.input = namespace.loopback
                passed.packet.output = .none
                receive(passed, on: namespace.loopback, of: namespace)
            }
        case .out(let link, _, let routeMTU):
            guard fits(state, link, routeMTU, namespace) else { return }
            for passed in traverse(.postrouting, namespace, state) {
                move(to: namespace)
                transmit(confirmed(passed), on: link, of: namespace)
            }
        case .unknown:
            for passed in traverse(.postrouting, namespace, state) {
                end(
                    passed, .leavesSnapshot,
                    "leaves \(namespace.place) for \(passed.packet.destination), but its routes were not collected",
                    place: .uncollected)
            }
        }
    }

    /// `nf_conntrack_confirm`.
    func confirmed(_ state: WalkState) -> WalkState {
        guard state.hasConnection else { return state }
        var state = state
        state.connection.isConfirmed = true
        return state
    }

    /// What a packet may need that leaves by a link on a route, in bytes; `nil`: not known.
    func mtu(_ link: LinkIndex, _ routeMTU: UInt32?, _ namespace: CompiledNamespace) -> UInt32? {
        guard let own = namespace.link(link)?.mtu, own > 0 else { return routeMTU.flatMap { $0 > 0 ? $0 : nil } }
        return routeMTU.map { $0 > 0 ? min(own, $0) : own } ?? own
    }

    /// Ends a packet that is larger than what a link carries; its sender is told so where it is forwarded.
    mutating func fits(
        _ state: WalkState, _ link: LinkIndex, _ routeMTU: UInt32?, _ namespace: CompiledNamespace,
        isForwarded: Bool = false
    ) -> Bool {
        guard let mtu = mtu(link, routeMTU, namespace), UInt32(state.packet.length) > mtu else { return true }
        move(to: namespace)
        let name = namespace.link(link)?.name ?? "the link"
        let text = "needs \(state.packet.length) bytes, \(name) on \(namespace.place) carries \(mtu)"
        if flow.dataSize != nil, !state.outer.isEmpty {
            // VXLAN's and flanneld's datagrams may be parted; IP in IP tells the inner packet's sender.
            var state = state
            let why = "a tunnel's packet \(text): whether it goes on in parts is not modelled"
            doubt(why, source: namespace.link(link)?.source, &state)
            end(state, .indeterminate, why, source: namespace.link(link)?.source, cause: .tooBig)
            return false
        }
        end(
            state, .dropped, text, source: namespace.link(link)?.source, text: "\(name) mtu \(mtu)", cause: .tooBig,
            refusal: isForwarded ? .tooBig(mtu: UInt16(clamping: mtu)) : nil)
        return false
    }

    /// `ip_route_output_key_hash`: every way the routes allow; a packet that has none ends here.
    mutating func routeOutput(
        _ state: WalkState, _ namespace: CompiledNamespace, as looked: Packet? = nil
    ) -> [(WalkState, Way)] {
        move(to: namespace)
        let packet = looked ?? state.packet
        switch namespace.router.lookUp(RouteQuery(of: packet)) {
        case .unknown(let why): return routeWithoutTable(state, namespace, why)
        case .none:
            end(
                state, .noRoute, "no route on \(namespace.place) to \(packet.destination)", cause: .noRoute,
                refusal: .local)
            return []
        case .forbidden(let rule):
            end(
                state, .noRoute, "a policy rule on \(namespace.place) forbids \(packet.destination)",
                source: rule.source, text: rule.text, cause: .refusingRoute, refusal: .local)
            return []
        case .found(let number):
            return follow(number, state, namespace, isOutput: true)
        }
    }

    /// Without routes only addresses of the namespace itself are certain.
    mutating func routeWithoutTable(
        _ state: WalkState, _ namespace: CompiledNamespace, _ why: String
    ) -> [(WalkState, Way)] {
        var state = state
        let destination = state.packet.destination
        if destination.isLoopback
            || namespace.links.contains(where: { link in
                link.addresses.contains { $0.address.address == destination }
            })
        {
            return [(state, .local)]
        }
        doubt("where \(namespace.place) sends packets is not known: \(why)", &state)
        return [(state, .unknown)]
    }

    /// Takes a route: every next hop of it, with its share.
    mutating func follow(
        _ number: Int, _ state: WalkState, _ namespace: CompiledNamespace, isOutput: Bool
    ) -> [(WalkState, Way)] {
        let route = namespace.router.routes[number]
        var state = state
        let packet = state.packet
        switch route.type {
        case .local, .anycast:
            log(.route(Int32(truncatingIfNeeded: number)), &state)
            return [(state, .local)]
        case .broadcast, .multicast:
            doubt("broadcast and multicast are not modelled", source: route.source, &state)
            return [(state, .local)]
        case .blackhole:
            end(
                state, isOutput ? .noRoute : .dropped,
                "a blackhole route on \(namespace.place) swallows \(packet.destination)",
                source: route.source, text: route.text, cause: .refusingRoute, refusal: isOutput ? .local : nil)
            return []
        case .unreachable, .prohibit, .throw, .nat:
            end(
                state, .noRoute, "the route on \(namespace.place) to \(packet.destination) says \(route.type.rawValue)",
                source: route.source, text: route.text, cause: .refusingRoute,
                refusal: isOutput ? .local : Refusal(route.type, packet.family))
            return []
        case .unicast: break
        }
        let hops = namespace.router.liveHops(route)
        guard !hops.isEmpty else {
            end(
                state, .noRoute, "the route on \(namespace.place) to \(packet.destination) has no usable device",
                source: route.source, text: route.text, cause: .noRoute)
            return []
        }
        let total = hops.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
        var result: [(WalkState, Way)] = []
        for hop in hops {
            var own = state
            if hops.count > 1 { interpreter.domain.part(UInt64(hop.weight), of: total, &own) }
            log(.route(Int32(truncatingIfNeeded: number)), &own)
            if let way = way(hop, route, namespace, isOutput: isOutput, &own) { result.append((own, way)) }
        }
        return result
    }

    private mutating func way(
        _ hop: NextHop, _ route: Route, _ namespace: CompiledNamespace, isOutput: Bool, _ state: inout WalkState
    ) -> Way? {
        let link = namespace.linkIndex(named: hop.device)
        guard let device = namespace.link(link) else {
            doubt("the device of the route is not known: \(route.text)", source: route.source, &state)
            end(
                state, .indeterminate, "the route on \(namespace.place) names no known device", source: route.source,
                text: route.text)
            return nil
        }
        if let encapsulation = hop.encapsulation {
            doubt("the route wraps packets (\(encapsulation)), which is not modelled", source: route.source, &state)
        }
        // `__mkroute_output`: a loopback source leaves only where route_localnet allows it.
        if isOutput, state.packet.family == .ipv4, state.packet.source.isLoopback, !device.isLoopback,
            !setting("route_localnet", of: device.name, namespace, combine: .or)
        {
            let key = "net.ipv4.conf.\(device.name).route_localnet"
            let line = namespace.sysctl("net.ipv4.conf.all.route_localnet") ?? namespace.sysctl(key)
            end(
                state, .dropped,
                "a packet from \(state.packet.source) may not leave \(namespace.place) by \(device.name): route_localnet is 0",
                source: line?.source, text: "\(key) = 0", cause: .routeLocalnet)
            return nil
        }
        return .out(link, nextHop: hop.gateway ?? state.packet.destination, mtu: route.mtu)
    }
}

extension CompiledNamespace {
    var loopback: LinkIndex { layerTwo.loopback }
}

/// How the value for all links and the link's own come together (`linux/inetdevice.h`).
enum SettingCombination { case or, and, max, own }

extension Tracer {
    /// `net.ipv4.conf.{all,LINK}.KEY` as a truth value.
    func setting(
        _ key: String, of link: String, _ namespace: CompiledNamespace, combine: SettingCombination
    ) -> Bool {
        number(key, of: link, namespace, combine: combine) != 0
    }

    func number(
        _ key: String, of link: String, _ namespace: CompiledNamespace, combine: SettingCombination,
        family: String = "ipv4"
    ) -> Int {
        namespace.number(key, of: link, combine: combine, family: family)
    }
}

extension CompiledNamespace {
    /// `net.ipv4.conf.{all,LINK}.KEY`.
    func number(_ key: String, of link: String, combine: SettingCombination, family: String = "ipv4") -> Int {
        func value(_ name: String) -> Int? {
            sysctl("net.\(family).conf.\(name).\(key)").flatMap { Int($0.value) }
        }
        let all = value("all") ?? 0
        // procps prints a dot in an interface name as a slash.
        let own = value(link) ?? value(link.map { $0 == "." ? "/" : String($0) }.joined())
        switch combine {
        case .or: return all != 0 || (own ?? 0) != 0 ? 1 : 0
        case .and: return all != 0 && (own ?? all) != 0 ? 1 : 0
        case .max: return max(all, own ?? 0)
        case .own: return own ?? value("default") ?? all
        }
    }
}
