import ClewBundle
import ClewNet
import ClewSnapshot

/// What the sender of a packet is told that is not delivered.
enum Refusal: Sendable, Hashable {
    /// A process of this very namespace: its system call fails.
    case local
    /// RST, by a rule (`nf_send_reset`) or because nobody listens.
    case reset(byRule: Bool)
    /// ICMP or ICMPv6, type << 8 | code; a socket's has forgotten the connection (`__udp4_lib_rcv`: nf_reset_ct).
    case icmp(UInt16, bySocket: Bool)
    /// "Fragmentation needed", "packet too big".
    case tooBig(mtu: UInt16)

    init(_ type: RejectType, _ family: AddressFamily) {
        if type == .tcpReset {
            self = .reset(byRule: true)
            return
        }
        let code: UInt16 =
            switch (family, type) {
            case (.ipv4, .netUnreachable), (.ipv4, .noRoute): 3 << 8
            case (.ipv4, .hostUnreachable), (.ipv4, .addressUnreachable): 3 << 8 | 1
            case (.ipv4, .protocolUnreachable): 3 << 8 | 2
            case (.ipv4, .netProhibited): 3 << 8 | 9
            case (.ipv4, .hostProhibited): 3 << 8 | 10
            case (.ipv4, .adminProhibited), (.ipv4, .policyFail), (.ipv4, .rejectRoute): 3 << 8 | 13
            case (.ipv4, _): 3 << 8 | 3
            case (.ipv6, .noRoute), (.ipv6, .netUnreachable): 1 << 8
            case (.ipv6, .adminProhibited), (.ipv6, .netProhibited), (.ipv6, .hostProhibited): 1 << 8 | 1
            case (.ipv6, .addressUnreachable), (.ipv6, .hostUnreachable): 1 << 8 | 3
            case (.ipv6, .policyFail): 1 << 8 | 5
            case (.ipv6, .rejectRoute): 1 << 8 | 6
            case (.ipv6, _): 1 << 8 | 4
            }
        self = .icmp(code, bySocket: false)
    }

    /// Of a route that refuses (`ip_error`, `ip6_pkt_discard`); `nil`: nothing is said.
    init?(_ type: RouteType, _ family: AddressFamily) {
        switch (type, family) {
        case (.unreachable, .ipv4): self = .icmp(3 << 8 | 1, bySocket: false)
        case (.prohibit, .ipv4): self = .icmp(3 << 8 | 13, bySocket: false)
        case (.unreachable, .ipv6): self = .icmp(1 << 8, bySocket: false)
        case (.prohibit, .ipv6): self = .icmp(1 << 8 | 1, bySocket: false)
        default: return nil
        }
    }

    static func noRoute(_ family: AddressFamily) -> Refusal {
        .icmp(family == .ipv4 ? 3 << 8 : 1 << 8, bySocket: false)
    }

    static func noListener(_ family: AddressFamily) -> Refusal {
        .icmp(family == .ipv4 ? 3 << 8 | 3 : 1 << 8 | 4, bySocket: true)
    }

    /// What a process makes of it: TCP gives up at once, UDP only for errors that `icmp_err_convert` calls fatal.
    func sign(_ ipProtocol: IPProtocol, _ family: AddressFamily) -> RefusalSign {
        switch self {
        case .local: return .unreachable
        case .reset: return .refused
        case .tooBig: return .nothing
        case .icmp(let code, _):
            if code == (family == .ipv4 ? 3 << 8 | 3 : 1 << 8 | 4) { return .refused }
            guard ipProtocol != .tcp else { return .unreachable }
            let fatal: Set<UInt16> = family == .ipv4 ? [2, 6, 7, 8, 9, 10, 13, 14, 15] : [1, 5, 6]
            return fatal.contains(code & 0xFF) ? .unreachable : .nothing
        }
    }
}

/// A packet of the size its sender gives it that is lost, though small ones arrive.
struct LargeLoss {
    /// Of the server's data.
    var isAnswer: Bool
    var length: UInt16
    var reason: String
    var end: WalkEnd
    var isCertain: Bool
}

extension Tracer {
    /// Notes the first device that a packet leaves by: what it carries bounds what its sender sends, and what it says
    /// that it takes.
    mutating func begin(_ state: inout WalkState, mtu: UInt32?) {
        guard state.firstMTU == 0, let mtu, mtu > 0 else { return }
        state.firstMTU = UInt16(clamping: mtu)
        if flow.dataSize != nil, state.packet.ipProtocol == .udp, state.packet.length > state.firstMTU {
            doubt("a datagram of \(state.packet.length) bytes is sent in fragments, which is not modelled", &state)
            state.packet.length = state.firstMTU
        }
        if state.packet.ipProtocol == .tcp, state.packet.tcpFlags & Packet.syn != 0 {
            let header: UInt32 = state.packet.family == .ipv4 ? 40 : 60
            state.segment = UInt16(clamping: mtu > header ? mtu - header : 1)
        }
    }

    /// Sends what the sender of a lost packet is told, from where that was lost.
    mutating func tell(_ refusal: Refusal, _ end: WalkEnd) {
        let lost = end.state.packet
        let namespace = world[end.namespace]
        move(to: namespace)
        var state = end.state
        var keepsConnection = true
        var looked: Packet?
        switch refusal {
        case .local: return
        case .reset(let byRule):
            state.packet = Packet(answering: lost)
            state.packet.tcpFlags = 0x14
            keepsConnection = byRule
        case .icmp(let code, let bySocket):
            looked = quote(lost, code, namespace, &state)
            keepsConnection = !bySocket
        case .tooBig: looked = quote(lost, lost.family == .ipv4 ? 3 << 8 | 4 : 2 << 8, namespace, &state)
        }
        state.isReply = true
        state.beginAgain()
        if keepsConnection {
            // `nf_ct_attach`: the error goes the other way than the packet it is about.
            if end.state.hasConnection { state.connection = state.parked.removeLast() }
            (state.hasConnection, state.isReplyDirection) = (end.state.hasConnection, !end.state.isReplyDirection)
            state.conntrackState = end.state.hasConnection ? .related : end.state.conntrackState
        }
        log(.enter(namespace.index, .none), &state)
        for (routed, way) in routeOutput(state, namespace, as: looked) { sendOut(routed, way, namespace) }
    }

    /// `__icmp_send`: from the address the packet was sent to, if that is its own, else from one towards its sender.
    ///
    /// Returns what routes are asked with: without a source where that comes of the route.
    private func quote(
        _ lost: Packet, _ code: UInt16, _ namespace: CompiledNamespace, _ state: inout WalkState
    ) -> Packet {
        let isOwn = namespace.router.isLocal(lost.destination)
        let source = isOwn ? lost.destination : sourceAddress(to: lost.source, namespace) ?? lost.destination
        state.quoted = lost.tuple
        state.packet = Packet(
            opening: ConntrackTuple(
                source: source, destination: lost.source, ipProtocol: lost.family == .ipv4 ? .icmp : .icmpv6,
                sourcePort: 0, destinationPort: code))
        var looked = state.packet
        if !isOwn { looked.source = .zero(lost.family) }
        return looked
    }

    // MARK: - Refused

    /// What the client is told of a first packet that was refused, and why nothing where the refusal is lost.
    mutating func sign(
        of forward: WalkEnd, within bounds: inout WalkBounds
    ) -> (sign: RefusalSign?, loss: String?) {
        guard let refusal = forward.refusal, forward.disposition == .rejected || forward.disposition == .noRoute,
            forward.state.outer.isEmpty, !forward.state.isUncertain
        else { return (nil, nil) }
        if refusal == .local { return (forward.state.firstMTU == 0 ? .unreachable : nil, nil) }
        // IPVS takes a reset for an answer, and looks into errors in its own way.
        if case .reset = refusal {} else if !forward.state.virtualConnections.isEmpty { return (nil, nil) }
        walk(within: &bounds) { $0.tell(refusal, forward) }
        guard !ends.isEmpty, !ends.contains(where: { $0.state.isUncertain || $0.disposition == .indeterminate })
        else { return (nil, nil) }
        let opening = forward.state.opening
        let lost = ends.filter { end in
            !arrivedHome(end) || (end.state.quoted ?? end.state.packet.tuple.reversed) != opening
        }
        if lost.isEmpty { return (refusal.sign(flow.ipProtocol, flow.family), nil) }
        guard lost.count == ends.count, let first = lost.first else { return (nil, nil) }
        let reason =
            arrivedHome(first)
            ? "it is about \(first.state.quoted ?? first.state.packet.tuple.reversed), not what was sent" : first.reason
        return (.nothing, reason)
    }

    // MARK: - Large packets

    /// What becomes of segments as large as both ends allow, there and back; `nil`: they arrive.
    mutating func largeLoss(_ branch: WalkedBranch, within bounds: inout WalkBounds) -> LargeLoss? {
        guard let size = flow.dataSize, flow.ipProtocol == .tcp, let reply = branch.reply, arrivedHome(reply),
            reply.state.packet.tuple == branch.forward.state.opening.reversed,
            let next = branch.next.first(where: { arrived($0, where: branch.forward) })
        else { return nil }
        let header = flow.family == .ipv4 ? 40 : 60
        func largest(_ sender: WalkEnd, _ receiver: WalkEnd) -> UInt16 {
            // Time stamps take 12 bytes.
            var most = size + header + 12
            if sender.state.firstMTU > 0 { most = min(most, Int(sender.state.firstMTU)) }
            if receiver.state.segment > 0 { most = min(most, Int(receiver.state.segment) + header) }
            return UInt16(clamping: most)
        }
        let opening = branch.forward.state.opening
        return loss(largest(branch.forward, reply), isAnswer: false, within: &bounds, sent: opening) {
            $0.goOn(reply, branch.forward, length: $1)
        }
            ?? loss(
                largest(reply, branch.forward), isAnswer: true, within: &bounds,
                sent: branch.forward.state.packet.tuple.reversed
            ) { _ = $0.answer(next, with: Packet.ack, length: $1) }
    }

    /// Sends a segment of that length, and smaller ones as long as errors tell the sender to.
    private mutating func loss(
        _ length: UInt16, isAnswer: Bool, within bounds: inout WalkBounds, sent: ConntrackTuple,
        _ send: (inout Tracer, UInt16) -> Void
    ) -> LargeLoss? {
        var length = length
        for _ in 0..<4 {
            walk(within: &bounds) { send(&$0, length) }
            let all = ends
            let lost = all.filter { !reaches($0, isAnswer) }
            guard let first = lost.first ?? all.first(where: \.state.isUncertain) else { return nil }
            let isCertain =
                lost.count == all.count && !lost.contains { $0.state.isUncertain || $0.disposition == .indeterminate }
            var result = LargeLoss(
                isAnswer: isAnswer, length: length, reason: first.reason, end: first, isCertain: isCertain)
            guard case .tooBig(let mtu)? = first.refusal, mtu < length else { return result }
            walk(within: &bounds) { $0.tell(.tooBig(mtu: mtu), first) }
            let deaf = ends.filter { !hears($0, sent, isAnswer) }
            guard let silence = deaf.first else {
                length = mtu
                continue
            }
            result.reason += ", and the ICMP error that tells the sender so is lost: \(silence.reason)"
            if deaf.count < ends.count || deaf.contains(where: \.state.isUncertain) { result.isCertain = false }
            if let probing = probing(isAnswer, sent.source) {
                result.reason += "; \(probing) finds that out after some seconds"
                result.isCertain = false
            }
            return result
        }
        return nil
    }

    /// Whether a segment got to the end it was sent to.
    private func reaches(_ end: WalkEnd, _ isAnswer: Bool) -> Bool {
        if isAnswer { return arrivedHome(end) }
        return end.disposition == .delivered || (end.disposition == .leavesSnapshot && end.place == .outside)
    }

    /// Whether an error got to who sent the packet it is about.
    private func hears(_ end: WalkEnd, _ sent: ConntrackTuple, _ isAnswer: Bool) -> Bool {
        guard end.state.quoted == sent else { return false }
        return isAnswer ? reaches(end, false) : arrivedHome(end)
    }

    /// The setting by which a sender tries smaller segments when large ones are lost; `nil` where it does not.
    private func probing(_ isAnswer: Bool, _ sender: IPAddress) -> String? {
        let hosts = world.pods(having: sender) + world.hosts(having: sender)
        guard let index = hosts.first, let setting = world[index].sysctl("net.ipv4.tcp_mtu_probing"),
            setting.value != "0"
        else { return nil }
        return "net.ipv4.tcp_mtu_probing = \(setting.value)"
    }
}
