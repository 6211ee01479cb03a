import ClewBundle
import ClewNet
import ClewSnapshot

extension Tracer {
    /// Walks the flow, and if the order of rule sets of equal priority could matter, also in the other order.
    static func trace(_ flow: Flow, in world: World, _ detail: TraceDetail = .whole) -> Trace {
        guard var tracer = Tracer(world: world, flow: flow) else {
            return Trace(
                flow: flow, verdict: .unknown, branches: [], assumptions: [],
                unknowns: [TraceNote("the bundle holds no node")])
        }
        let trace = tracer.run(detail)
        guard tracer.metAmbiguousOrder, var other = Tracer(world: world, flow: flow, isReversed: true) else {
            return trace
        }
        return trace.agreeing(with: other.run(detail))
    }

    mutating func run(_ detail: TraceDetail = .whole) -> Trace {
        let branches = branches()
        // Where two orders of rules are to be compared, all is said of both.
        return TraceAssembly(tracer: self, branches: branches).trace(metAmbiguousOrder ? .whole : detail)
    }

    /// There, and for every end that was reached, back, and there once more.
    mutating func branches() -> [WalkedBranch] {
        var (there, back, again) = (WalkBounds(), WalkBounds(), WalkBounds())
        walk(within: &there) { $0.start() }
        var branches: [WalkedBranch] = []
        for forward in ends {
            guard walk(within: &back, { $0.answer(forward) }) else {
                var branch = WalkedBranch(forward: forward, reply: nil)
                (branch.sign, branch.signLoss) = sign(of: forward, within: &back)
                branches.append(branch)
                continue
            }
            for reply in ends {
                walk(within: &again) { $0.goOn(reply, forward) }
                var branch = WalkedBranch(forward: forward, reply: reply, next: ends)
                branch.data = answersData(branch, within: &again)
                branch.loss = largeLoss(branch, within: &again)
                branches.append(branch)
            }
        }
        return branches
    }

    // MARK: - There

    private mutating func start() {
        switch flow.origin {
        case .host(let node):
            guard let host = world.host(node) else { return endWithoutSource("node \(node) was not collected") }
            startLocally(in: host)
        case .pod(let node, let address, _):
            if let pod = world.pods(having: address).first(where: { world[$0].node == node }) {
                startLocally(in: world[pod], source: address)
                return
            }
            guard let host = world.host(node) else { return endWithoutSource("node \(node) was not collected") }
            guard let attachment = PodAttachment(of: address, on: host, in: world) else {
                return endWithoutSource(
                    "no route of \(node) leads to the pod \(address), and its namespace was not collected")
            }
            move(to: host)
            var state = WalkState(packet: Packet(opening: openingTuple(from: address), of: flow))
            assume(
                "the namespace of \(podName(address)) was not collected: it is taken to be behind \(host.link(attachment.link)?.name ?? "?") of \(node), with a default route to the node",
                source: host.router.routes[attachment.route].source, &state)
            sendFromInferredPod(state, attachment, address)
        case .outside(let address, let via): startOutside(address, via)
        }
    }

    private mutating func startLocally(in namespace: CompiledNamespace, source: IPAddress? = nil) {
        move(to: namespace)
        guard
            let source = source ?? flow.source ?? sourceAddress(
                to: flow.destination, namespace, ipProtocol: flow.ipProtocol,
                destinationPort: flow.destinationPort) ?? ownSource(namespace)
        else {
            let state = WalkState(packet: Packet(opening: openingTuple(from: .zero(flow.family)), of: flow))
            let destination = flow.destination
            end(state, .noRoute, "no route on \(namespace.place) to \(destination)", cause: .noRoute, refusal: .local)
            return
        }
        let state = WalkState(packet: Packet(opening: openingTuple(from: source), of: flow))
        sendLocally(state, from: namespace, looked: flow.source == nil ? sourceless(state.packet, namespace) : nil)
    }

    /// What IPv6 looks a route up with for a process that chose no source: none, and the route it finds is kept
    /// (`ip6_dst_lookup_tail`); `nil` where that look-up fails, and a second one knows the source.
    ///
    /// IPv4 looks twice in any case (`ip_route_connect`).
    private func sourceless(_ packet: Packet, _ namespace: CompiledNamespace) -> Packet? {
        guard packet.family == .ipv6 else { return nil }
        var looked = packet
        looked.source = .zero(.ipv6)
        guard case .found(let number) = namespace.router.lookUp(RouteQuery(of: looked)) else { return nil }
        let type = namespace.router.routes[number].type
        return type == .unicast || type == .local ? looked : nil
    }

    /// Without routes: the node's address, to have one.
    private func ownSource(_ namespace: CompiledNamespace) -> IPAddress? {
        guard !namespace.router.isKnown(flow.family) else { return nil }
        let node = world.nodeObject(named: namespace.node)
        return node?.internalIPs.first { $0.family == flow.family } ?? namespace.underlayAddress(flow.family)
            ?? (flow.family == .ipv4 ? IPAddress(v4: 127, 0, 0, 1) : IPAddress(v6High: 0, low: 1))
    }

    private mutating func startOutside(_ address: IPAddress, _ via: String) {
        guard let host = world.host(via) else { return endWithoutSource("node \(via) was not collected") }
        move(to: host)
        var state = WalkState(packet: Packet(opening: openingTuple(from: address), of: flow))
        let link = entryLink(for: address, host)
        let name = host.link(link)?.name ?? "a device that is not known"
        begin(&state, mtu: 1500)
        log(.enterOutside, &state)
        assume("\(address) is outside the snapshot; its packets enter \(via) by \(name)", &state)
        receive(state, on: link, of: host)
    }

    /// Where packets from an address come in: by the link the node would answer through.
    private func entryLink(for address: IPAddress, _ host: CompiledNamespace) -> LinkIndex {
        if let device = flow.entryDevice { return host.linkIndex(named: device) }
        if case .found(let number) = host.router.lookUp(RouteQuery(destination: address)),
            let hop = host.router.liveHops(host.router.routes[number]).first
        {
            let link = host.linkIndex(named: hop.device)
            if link != .none { return link }
        }
        let fallback = host.defaultLink(address.family)
        if fallback != .none { return fallback }
        let number = host.links.firstIndex { !$0.isLoopback && !$0.addresses.isEmpty } ?? -1
        return LinkIndex(rawValue: Int32(number))
    }

    private mutating func endWithoutSource(_ reason: String) {
        var state = WalkState(
            packet: Packet(opening: openingTuple(from: flow.source ?? .zero(flow.family)), of: flow))
        doubt(reason, &state)
        end(state, .indeterminate, reason)
    }

    private func openingTuple(from source: IPAddress) -> ConntrackTuple {
        ConntrackTuple(
            source: source, destination: flow.destination, ipProtocol: flow.ipProtocol,
            sourcePort: flow.sourcePort ?? freePort(source), destinationPort: flow.destinationPort)
    }

    /// A source port that no recorded entry of this source uses.
    private func freePort(_ source: IPAddress) -> UInt16 {
        let taken = world.takenPorts(of: source)
        return (40_000...60_000).first { !taken.contains($0) } ?? 40_000
    }

    // MARK: - Back

    /// Sends the receiver's first answer.
    ///
    /// False: there is nobody to answer.
    mutating func answer(_ forward: WalkEnd, with flags: UInt8 = Packet.synAck, length: UInt16? = nil) -> Bool {
        guard forward.disposition == .delivered || (forward.disposition == .leavesSnapshot && forward.place == .outside)
        else { return false }
        var state = forward.state
        state.packet = Packet(answering: forward.state.packet)
        if state.packet.ipProtocol == .tcp { state.packet.tcpFlags = flags }
        if case .namespace(let index) = forward.place, state.packet.ipProtocol == .tcp,
            world[index].sysctl("net.ipv4.tcp_reflect_tos")?.value == "1"
        {
            state.packet.tos = forward.state.packet.tos
        }
        if let length { (state.packet.length, state.packet.hasKnownLength) = (length, true) }
        state.isReply = true
        state.beginAgain()
        log(.turned, &state)
        switch forward.place {
        case .namespace(let index): sendLocally(state, from: world[index])
        case .inferredPod(let attachment, let address): sendFromInferredPod(state, attachment, address)
        case .outside:
            guard let exit = forward.state.exit else { return false }
            move(to: world[exit.namespace])
            begin(&state, mtu: 1500)
            log(.enterOutside, &state)
            receive(state, on: exit.link, of: world[exit.namespace])
        case .nowhere, .uncollected, .untranslated: return false
        }
        return true
    }
}

extension Tracer {
    // MARK: - The third packet

    /// Sends the packet that completes a TCP handshake: rules may treat it in another way than the first.
    ///
    /// With `length` it carries data and is so long.
    mutating func goOn(_ reply: WalkEnd, _ forward: WalkEnd, length: UInt16? = nil) {
        guard flow.ipProtocol == .tcp, arrivedHome(reply),
            reply.state.packet.tuple == forward.state.opening.reversed
        else { return }
        var state = reply.state
        state.packet = Packet(answering: reply.state.packet)
        state.packet.tcpFlags = Packet.ack
        if let length { (state.packet.length, state.packet.hasKnownLength) = (length, true) }
        state.beginAgain()
        switch reply.place {
        case .namespace(let index):
            let looked = flow.source == nil ? sourceless(state.packet, world[index]) : nil
            sendLocally(state, from: world[index], looked: looked)
        case .inferredPod(let attachment, let address): sendFromInferredPod(state, attachment, address)
        case .outside, .uncollected:
            guard case .outside(let address, let via) = flow.origin, let host = world.host(via) else { return }
            move(to: host)
            begin(&state, mtu: 1500)
            receive(state, on: entryLink(for: address, host), of: host)
        case .nowhere, .untranslated: return
        }
    }

    /// Sends what the receiver answers next.
    ///
    /// Only where conntrack did not know its SYN-ACK: that made no entry, but this packet does, as a NEW one
    /// (`nf_conntrack_tcp_loose`), and may meet other rules; or where rules tell the two apart by their flags
    /// or by the connection's mark.
    private mutating func answersData(_ branch: WalkedBranch, within bounds: inout WalkBounds) -> [WalkEnd] {
        guard branch.reply?.state.wasInvalid == true || world.tellsAnswersApart else { return [] }
        var all: [WalkEnd] = []
        for next in branch.next where arrived(next, where: branch.forward) {
            if walk(within: &bounds, { $0.answer(next, with: Packet.ack) }) { all += ends }
        }
        return all
    }

    /// Whether the third packet got where the first one did.
    func arrived(_ next: WalkEnd, where forward: WalkEnd) -> Bool {
        next.disposition == forward.disposition && next.place == forward.place
            && next.state.packet.tuple == forward.state.packet.tuple
    }

    /// Whether an answer reached the host or pod that asked, or left for the client outside.
    func arrivedHome(_ reply: WalkEnd) -> Bool {
        switch (flow.origin, reply.place) {
        case (.host(let node), .namespace(let index)): return world.hosts[node] == index
        case (.pod(let node, let address, _), .namespace(let index)):
            return world[index].node == node && world.pods(having: address).contains(index)
        case (.pod(_, let address, _), .inferredPod(_, let own)): return own == address
        case (.outside, .outside): return reply.disposition == .leavesSnapshot
        case (.outside(let address, _), .uncollected): return reply.state.packet.destination == address
        default: return false
        }
    }
}

/// A branch there and back.
struct WalkedBranch {
    var forward: WalkEnd
    var reply: WalkEnd?
    /// How the third packet of a TCP connection can end; empty where none was sent.
    var next: [WalkEnd] = []
    /// How the receiver's next packet can end, likewise.
    var data: [WalkEnd] = []
    /// What becomes of packets as large as the sender makes them; `nil` where all arrive, or none was asked for.
    var loss: LargeLoss?
    /// What the client is told of a packet that did not arrive; `nil` where that is not known.
    var sign: RefusalSign?
    /// Why it is told nothing, though somebody tried.
    var signLoss: String?

    var leaf: PathIndex { reply?.state.path ?? forward.state.path }
}
