import ClewBundle
import ClewNet
package import ClewSnapshot

/// Where a class of packets ended on the node.
package struct ClassEnd: Sendable {
    package enum Kind: Sendable, Hashable {
        /// To a socket of the node.
        case delivered
        /// Out of the node, or to one of its pods.
        case left
        case dropped
        case rejected(RejectType)
        /// No route leads on.
        case noRoute
        /// A target that is not modelled decides.
        case unknown
    }

    package var kind: Kind
    package var state: PacketClass
}

/// How a class of packets comes to the node's network stack.
package enum ClassOrigin: Sendable, Hashable {
    /// Made by a process of the host network.
    case host
    /// Through the device by which the node would answer each source.
    case network
}

/// Where routing sends a class.
enum ClassWay: Hashable {
    case local
    case out(LinkIndex)
    /// No route, or one that refuses.
    case lost
    /// Routes were not collected: the hooks are still walked.
    case unknown
}

/// Walks classes of packets through one node: hooks, routing, hooks, until they leave it.
///
/// The order is the one of ``Tracer``; what is between the node and its pods (bridges, links) is not walked.
struct ClassWalk {
    let namespace: CompiledNamespace
    let atoms: AddressAtoms
    let isReversed: Bool
    var interpreter: RuleInterpreter<ClassDomain>
    var ends: [ClassEnd] = []
    private var waysOfAtoms: [[(way: ClassWay, weight: UInt64)]?]
    private var entriesOfSources: [SetID: [(sources: SetID, link: LinkIndex)]] = [:]
    let virtualServers: VirtualServerIndex
    private var notesOfPaths: [String: Int32] = [:]
    /// Prefixes by whose sources packets are routed apart.
    private let routedSources: [ValueRange]
    /// Classes that IPVS gave to a real server on the node: they go on through the hook they were in.
    var scheduled: [PacketClass] = []

    init(world: World, namespace: CompiledNamespace, family: AddressFamily, isReversed: Bool) {
        self.namespace = namespace
        self.isReversed = isReversed
        atoms = AddressAtoms(namespace, family)
        interpreter = RuleInterpreter(
            domain: ClassDomain(world: world, namespace: namespace, family: family, atoms: atoms))
        waysOfAtoms = Array(repeating: nil, count: atoms.count)
        virtualServers = VirtualServerIndex(namespace.state.virtualServers ?? [])
        let prefixes =
            namespace.state.routingRules.compactMap(\.from) + namespace.router.routes.compactMap(\.sourcePrefix)
        let ordered = Set(prefixes).sorted { ($1.length, $0) < ($0.length, $1) }
        routedSources = ordered.filter { $0.length > 0 && $0.address.family == family }.map(\.values)
    }

    var family: AddressFamily { atoms.family }

    /// Forgets ends, sets and paths of earlier walks.
    mutating func reset() {
        ends.removeAll(keepingCapacity: true)
        interpreter.domain.reset()
        entriesOfSources.removeAll(keepingCapacity: true)
    }

    /// What `addrtype` calls LOCAL.
    var localAddresses: [ValueRange] {
        (0..<atoms.count).map(atoms.range).filter { range in
            let address = IPAddress(bits: range.first, family)
            guard let type = namespace.router.addressType(address) else {
                return address.isLoopback
                    || namespace.links.contains { $0.addresses.contains { $0.address.address == address } }
            }
            return type == .local
        }
    }

    /// What `addrtype` calls BROADCAST: a packet from there is a martian (`fib_validate_source`), whatever rules say.
    var broadcastAddresses: [ValueRange] {
        (0..<atoms.count).map(atoms.range).filter {
            namespace.router.addressType(IPAddress(bits: $0.first, family)) == .broadcast
        }
    }

    // MARK: - In

    mutating func start(_ state: PacketClass, from origin: ClassOrigin) {
        switch origin {
        case .host:
            var state = state
            for path in namespace.state.unmodelled where path.kind == .cgroup {
                doubt("a BPF program may redirect sockets: \(path.text)", path.source, &state)
            }
            for (routed, way) in route(state) { sendOut(routed, way) }
        case .network:
            for (sources, link) in entries(of: state.source) {
                var own = state
                own.source = sources
                receive(own, on: link)
            }
        }
    }

    /// The sources by the link their packets come in by: the one the node would answer through.
    private mutating func entries(of sources: SetID) -> [(sources: SetID, link: LinkIndex)] {
        if let known = entriesOfSources[sources] { return known }
        var byLink: [LinkIndex: [ValueRange]] = [:]
        for range in Array(interpreter.domain.sets.ranges(of: sources)) {
            for atom in atoms.atoms(in: range) {
                let own = atoms.range(atom)
                let part = ValueRange(max(own.first, range.first), min(own.last, range.last))
                byLink[entryLink(IPAddress(bits: part.first, family)), default: []].append(part)
            }
        }
        let result = byLink.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { (sources: interpreter.domain.sets.set(union: $0.value), link: $0.key) }
        entriesOfSources[sources] = result
        return result
    }

    private func entryLink(_ address: IPAddress) -> LinkIndex {
        if case .found(let number) = namespace.router.lookUp(RouteQuery(destination: address)),
            let hop = namespace.router.liveHops(namespace.router.routes[number]).first
        {
            let link = namespace.linkIndex(named: hop.device)
            if link != .none { return link }
        }
        let fallback = namespace.defaultLink(family)
        if fallback != .none { return fallback }
        return LinkIndex(rawValue: Int32(namespace.links.firstIndex { !$0.isLoopback && !$0.addresses.isEmpty } ?? -1))
    }

    private mutating func receive(_ state: PacketClass, on link: LinkIndex) {
        var state = state
        state.input = link
        state.hasUnknownInput = link == .none
        state.hasBridgeInfo = namespace.callsIptables(link, family)
        doubtUnmodelledPaths(on: link, &state)
        for passed in traverse(.prerouting, state) {
            for (routed, way) in route(passed) {
                switch way {
                case .local: deliver(routed)
                case .out, .unknown:
                    var forwarded = routed
                    apply(way, &forwarded)
                    for passed in traverse(.forward, forwarded) { leave(passed, way) }
                case .lost: end(.noRoute, routed)
                }
            }
        }
    }

    private mutating func deliver(_ state: PacketClass) {
        for passed in traverse(.input, state) { end(.delivered, passed) }
    }

    // MARK: - Out

    mutating func sendOut(_ state: PacketClass, _ way: ClassWay) {
        guard way != .lost else {
            end(.noRoute, state)
            return
        }
        var state = state
        apply(way, &state)
        state.isRerouted = false
        for passed in traverse(.output, state) {
            guard passed.isRerouted else {
                leave(passed, way)
                continue
            }
            for (rerouted, way) in route(passed) {
                var rerouted = rerouted
                apply(way, &rerouted)
                if way == .lost { end(.noRoute, rerouted) } else { leave(rerouted, way) }
            }
        }
    }

    private func apply(_ way: ClassWay, _ state: inout PacketClass) {
        state.hasUnknownOutput = false
        switch way {
        case .local: state.output = namespace.loopback
        case .out(let link): state.output = link
        case .unknown:
            state.output = .none
            state.hasUnknownOutput = true
        case .lost: break
        }
    }

    private mutating func leave(_ state: PacketClass, _ way: ClassWay) {
        for passed in traverse(.postrouting, state) {
            var passed = passed
            passed.isConfirmed = true
            guard way == .local else {
                if case .out(let link) = way { doubtUnmodelledPaths(on: link, &passed) }
                end(.left, passed)
                continue
            }
            passed.input = namespace.loopback
            passed.output = .none
            for received in traverse(.prerouting, passed) { deliver(received) }
        }
    }

    mutating func end(_ kind: ClassEnd.Kind, _ state: PacketClass) {
        ends.append(ClassEnd(kind: kind, state: state))
    }

    // MARK: - What is not modelled

    /// Programs and paths on a device that may do anything with the packets.
    private mutating func doubtUnmodelledPaths(on link: LinkIndex, _ state: inout PacketClass) {
        guard state.doubt < 0, let device = namespace.link(link), !device.isLoopback else { return }
        if device.hasXDP { doubt("an XDP program on \(device.name) is not modelled", device.source, &state) }
        for path in namespace.state.unmodelled {
            switch path.kind {
            case .xdp, .tc, .openVSwitch:
                guard path.device == nil || path.device == device.name else { continue }
            case .netfilter, .xfrm, .flowtable: break
            case .ebtables, .cgroup: continue
            }
            doubt(
                "\(path.kind.rawValue) on \(path.device ?? "the host") is not modelled: \(path.text)", path.source,
                &state)
        }
    }

    /// Makes the end uncertain; each text is noted once.
    private mutating func doubt(_ text: String, _ source: SourceLine?, _ state: inout PacketClass) {
        guard state.doubt < 0 else { return }
        if let known = notesOfPaths[text] {
            state.doubt = known
            return
        }
        interpreter.domain.doubt(text, source: source, &state)
        notesOfPaths[text] = state.doubt
    }

    // MARK: - Hooks

    /// Sends a class through a hook; what does not pass it ends here.
    private mutating func traverse(_ hook: Hook, _ state: PacketClass) -> [PacketClass] {
        let entries = namespace.entries(hook, family, reversed: isReversed)
        var state = state
        interpreter.domain.log(.hook(hook), &state)
        guard !virtualServers.isEmpty, hook == .input || hook == .output else { return run(hook, entries, state) }
        let cut = namespace.virtualServerCut(hook, family)
        var result: [PacketClass] = []
        for passed in run(hook, Array(entries[..<cut]), state) {
            for balanced in balance(hook, passed) { result += run(hook, Array(entries[cut...]), balanced) }
        }
        return result
    }

    private mutating func run(_ hook: Hook, _ entries: [HookEntry], _ state: PacketClass) -> [PacketClass] {
        var passed: [PacketClass] = []
        for (state, verdict) in interpreter.traverse(hook, entries, state) {
            switch verdict {
            case .accept: passed.append(state)
            case .drop: end(.dropped, state)
            case .reject(let type): end(.rejected(type), state)
            case .noWay: end(.noRoute, state)
            case .unknown: end(.unknown, state)
            }
        }
        return passed
    }

    // MARK: - Routing

    /// Parts a class by where its packets are routed.
    mutating func route(_ state: PacketClass) -> [(PacketClass, ClassWay)] {
        guard !routedSources.isEmpty else { return routeByDestination(state) }
        var parts: [SetID] = []
        var rest = state.source
        // Two prefixes are one inside the other or apart: with the longest first, each takes what is its own.
        for range in routedSources where !rest.isEmpty {
            let halves = interpreter.domain.sets.split(rest, by: range)
            if !halves.inside.isEmpty { parts.append(halves.inside) }
            rest = halves.outside
        }
        if !rest.isEmpty { parts.append(rest) }
        guard let single = interpreter.domain.sets.single(state.destination) else {
            return parts.flatMap { part in
                var own = state
                own.source = part
                return routeByDestination(own)
            }
        }
        return route(state, parts: parts, to: single)
    }

    /// Joins the parts of a class's sources again that go the same ways to one destination.
    private mutating func route(
        _ state: PacketClass, parts: [SetID], to destination: UInt128
    ) -> [(PacketClass, ClassWay)] {
        let atom = atoms.atom(of: destination)
        var groups: [(ways: [(way: ClassWay, weight: UInt64)], ranges: [ValueRange])] = []
        for part in parts {
            var own = state
            own.source = part
            let ways = ways(destination, atom, own)
            let ranges = Array(interpreter.domain.sets.ranges(of: part))
            let group = groups.firstIndex { known in
                known.ways.elementsEqual(ways) { $0.way == $1.way && $0.weight == $1.weight }
            }
            if let group { groups[group].ranges += ranges } else { groups.append((ways, ranges)) }
        }
        return groups.flatMap { group -> [(PacketClass, ClassWay)] in
            var own = state
            own.source = interpreter.domain.sets.set(union: group.ranges)
            return follow(group.ways, own)
        }
    }

    /// Parts a class by where its destinations are routed, whatever its sources.
    private mutating func routeByDestination(_ state: PacketClass) -> [(PacketClass, ClassWay)] {
        if let single = interpreter.domain.sets.single(state.destination) {
            return follow(ways(single, atoms.atom(of: single), state), state)
        }
        var groups: [(ways: [(way: ClassWay, weight: UInt64)], ranges: [ValueRange])] = []
        for range in Array(interpreter.domain.sets.ranges(of: state.destination)) {
            for atom in atoms.atoms(in: range) {
                let own = atoms.range(atom)
                let part = ValueRange(max(own.first, range.first), min(own.last, range.last))
                let ways = ways(part.first, atom, state)
                let group = groups.firstIndex { known in
                    known.ways.elementsEqual(ways) { $0.way == $1.way && $0.weight == $1.weight }
                }
                if let group { groups[group].ranges.append(part) } else { groups.append((ways, [part])) }
            }
        }
        return groups.flatMap { group -> [(PacketClass, ClassWay)] in
            var own = state
            own.destination = interpreter.domain.sets.set(union: group.ranges)
            return follow(group.ways, own)
        }
    }

    private mutating func follow(
        _ ways: [(way: ClassWay, weight: UInt64)], _ state: PacketClass
    ) -> [(PacketClass, ClassWay)] {
        guard ways.count > 1 else { return ways.map { (state, $0.way) } }
        let total = ways.reduce(0) { $0 + $1.weight }
        return ways.map { way, weight in
            var own = state
            interpreter.domain.take(weight, of: total, &own)
            return (own, way)
        }
    }

    private mutating func ways(
        _ destination: UInt128, _ atom: Int, _ state: PacketClass
    ) -> [(way: ClassWay, weight: UInt64)] {
        if namespace.router.hasCustomRules || !routedSources.isEmpty { return lookUp(destination, state) }
        if let known = waysOfAtoms[atom] { return known }
        let ways = lookUp(destination, state)
        waysOfAtoms[atom] = ways
        return ways
    }

    private func lookUp(_ destination: UInt128, _ state: PacketClass) -> [(way: ClassWay, weight: UInt64)] {
        let single = interpreter.domain.representative(state).packet
        var query = RouteQuery(destination: IPAddress(bits: destination, family), source: single.source)
        query.mark = state.mark
        query.tos = state.tos
        query.ipProtocol = state.ipProtocol
        query.sourcePort = single.sourcePort
        query.destinationPort = single.destinationPort
        query.inputLink = namespace.link(state.input)?.name
        switch namespace.router.lookUp(query) {
        case .unknown:
            let isOwn = namespace.links.contains { link in
                link.addresses.contains { $0.address.address.bits == destination }
            }
            return [(query.destination.isLoopback || isOwn ? .local : .unknown, 1)]
        case .none, .forbidden: return [(.lost, 1)]
        case .found(let number):
            let route = namespace.router.routes[number]
            switch route.type {
            case .local, .anycast, .broadcast, .multicast: return [(.local, 1)]
            case .blackhole, .unreachable, .prohibit, .throw, .nat: return [(.lost, 1)]
            case .unicast: break
            }
            let hops = namespace.router.liveHops(route)
            if hops.isEmpty { return [(.lost, 1)] }
            return hops.map { hop in
                let link = namespace.linkIndex(named: hop.device)
                return (link == .none ? .unknown : .out(link), UInt64(hop.weight))
            }
        }
    }
}

extension CompiledNamespace {
    /// Whether packets that come in by a bridge have met iptables as frames of it (`br_netfilter`).
    func callsIptables(_ link: LinkIndex, _ family: AddressFamily) -> Bool {
        guard isBridge(link) else { return false }
        let key = family == .ipv4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables"
        return sysctl(key)?.value == "1"
    }
}
