import ClewBundle
import ClewNet
import ClewSnapshot

/// A branch with its verdict, without its path.
struct JudgedBranch {
    var branch: TraceBranch
    /// Notes on the third packet that make the verdict uncertain.
    var uncertain: [Int32] = []
    /// Not followed to its end.
    var isCut = false
}

/// Says of walked branches how they end, and whether the connection works.
struct BranchJudge {
    let tracer: Tracer

    private var world: World { tracer.world }
    private var flow: Flow { tracer.flow }

    /// `unread` is a file on the way of which lines that may decide could not be read.
    func judge(_ walked: WalkedBranch, unread: UnreadFile?) -> JudgedBranch {
        var result = JudgedBranch(
            branch: TraceBranch(probability: .one, disposition: walked.forward.disposition),
            isCut: walked.forward.state.isCut || walked.reply?.state.isCut == true)
        describeEnds(walked, &result.branch)
        judgeNext(walked, &result)
        if let unread {
            result.branch.outcome = .unknown
            result.branch.reason = unread.text
            result.branch.decidedBy = nil
        }
        return result
    }

    private func describeEnds(_ walked: WalkedBranch, _ branch: inout TraceBranch) {
        let forward = walked.forward
        let packet = forward.state.outer.first?.inner ?? forward.state.packet
        // Inside a tunnel the state's packet is the outer one: the inner one is what the flow is about.
        let opening = forward.state.opening
        let sent = SocketAddress(flow.destination, flow.destinationPort)
        let got = SocketAddress(packet.destination, flow.ipProtocol.hasPorts ? packet.destinationPort : 0)
        if got.address != sent.address || (flow.ipProtocol.hasPorts && got.port != sent.port) { branch.dnat = got }
        if packet.source != opening.source { branch.snat = packet.source }
        branch.isMasqueraded = forward.state.wasMasqueraded
        branch.reason = forward.reason
        branch.decidedBy = forward.decision
        if forward.disposition == .delivered { branch.deliveredTo = receiver(forward, got) }
        guard let reply = walked.reply else {
            branch.outcome = outcomeWithoutReply(forward)
            branch.sign = walked.sign
            if let loss = walked.signLoss { branch.reason += "; the client does not learn of it: \(loss)" }
            return
        }
        judge(reply, forward, &branch)
    }

    private func outcomeWithoutReply(_ forward: WalkEnd) -> BranchOutcome {
        if forward.state.isUncertain { return .unknown }
        return switch forward.disposition {
        case .dropped, .rejected, .noRoute, .looped: .fails
        case .leavesSnapshot where forward.place == .untranslated: .fails
        case .delivered, .leavesSnapshot, .indeterminate: .unknown
        }
    }

    private func receiver(_ end: WalkEnd, _ address: SocketAddress) -> Receiver? {
        switch end.place {
        case .namespace(let index):
            let namespace = world[index]
            return Receiver(node: namespace.node, pod: namespace.isHost ? nil : namespace.name, address: address)
        case .inferredPod(let attachment, let own):
            let name = world.nameOfPod(own)
            return Receiver(node: world[attachment.host].node, pod: name ?? own.description, address: address)
        case .outside, .uncollected, .untranslated, .nowhere: return nil
        }
    }

    // MARK: - Further packets

    /// A connection whose second packet from either side is lost does not work.
    private func judgeNext(_ walked: WalkedBranch, _ result: inout JudgedBranch) {
        judge(walked.next, "the handshake's last packet", &result) { tracer.arrived($0, where: walked.forward) }
        judge(walked.data, "the first data of the answer", &result) {
            tracer.arrivedHome($0) && $0.state.packet.tuple == walked.forward.state.opening.reversed
        }
        judge(walked.loss, &result)
    }

    /// A connection that small packets can make, and that large ones cannot use.
    private func judge(_ loss: LargeLoss?, _ result: inout JudgedBranch) {
        guard result.branch.outcome == .works, let loss else { return }
        let what = loss.isAnswer ? "the answer" : "the request"
        result.branch.reason = "packets of \(loss.length) bytes of \(what): \(loss.reason)"
        result.branch.decidedBy = loss.end.decision
        result.branch.outcome = loss.isCertain ? .fails : .unknown
        noteDoubts(of: loss.end, &result)
    }

    private func noteDoubts(of end: WalkEnd, _ result: inout JudgedBranch) {
        for event in tracer.interpreter.domain.arena.events(to: end.state.path) {
            switch event {
            case .uncertain(let note), .unknown(_, let note): result.uncertain.append(note)
            default: break
            }
        }
    }

    private func judge(
        _ ends: [WalkEnd], _ what: String, _ result: inout JudgedBranch, arrives: (WalkEnd) -> Bool
    ) {
        guard result.branch.outcome == .works, !ends.isEmpty else { return }
        let lost = ends.filter { !arrives($0) }
        guard let first = lost.first ?? ends.first(where: \.state.isUncertain) else { return }
        result.branch.reason = "\(what): \(first.reason)"
        result.branch.decidedBy = first.decision
        let isCertain =
            lost.count == ends.count && !lost.contains { $0.state.isUncertain || $0.place == .uncollected }
        result.branch.outcome = isCertain ? .fails : .unknown
        noteDoubts(of: first, &result)
    }

    // MARK: - The way back

    private func judge(
        _ reply: WalkEnd, _ forward: WalkEnd, _ branch: inout TraceBranch
    ) {
        let packet = reply.state.outer.first?.inner ?? reply.state.packet
        let expected = forward.state.opening.reversed
        let isHome = tracer.arrivedHome(reply)
        var result = ReplyTrace(
            disposition: reply.disposition, reason: reply.reason, decidedBy: reply.decision, hops: [])
        var works = false
        if isHome, packet.tuple == expected {
            works = true
        } else if isHome {
            result.disposition = .dropped
            explainStranger(packet, expected, reply, &result)
        } else if reply.disposition == .delivered || (reply.disposition == .leavesSnapshot && reply.place == .outside) {
            result.disposition = reply.disposition == .delivered ? .dropped : reply.disposition
            result.reason = "the reply goes astray: \(reply.reason)"
        }
        branch.reply = result
        if reply.state.isUncertain || reply.disposition == .indeterminate || (!isHome && reply.place == .uncollected) {
            branch.outcome = .unknown
            branch.reason = works ? forward.reason : "the reply: \(result.reason)"
            return
        }
        branch.outcome = works ? .works : .fails
        if !works {
            branch.reason = result.reason.hasPrefix("the reply") ? result.reason : "the reply: \(result.reason)"
            branch.decidedBy = result.decidedBy
        }
    }

    /// The answer reached its host or pod, but from an address it never wrote to.
    private func explainStranger(
        _ packet: Packet, _ expected: ConntrackTuple, _ reply: WalkEnd, _ result: inout ReplyTrace
    ) {
        let ports = packet.ipProtocol.hasPorts
        let from = SocketAddress(packet.source, ports ? packet.sourcePort : 0)
        let wanted = SocketAddress(expected.source, ports ? expected.sourcePort : 0)
        if let bypass = reply.state.bypass {
            let namespace = world[bypass.namespace]
            let value = bypass.sysctl.map { "\(bypass.key) = \($0.value)" } ?? "\(bypass.key) is missing"
            result.reason =
                "the reply skips conntrack on \(namespace.node) and comes from \(from), not from \(wanted)"
            result.decidedBy = Decision(
                node: namespace.node, source: bypass.sysctl?.source, text: value,
                cause: .skipsConntrack(isModuleLoaded: bypass.sysctl != nil))
        } else {
            result.reason =
                "the reply comes from \(from), not from \(wanted): it passed no conntrack entry that translates it back"
            result.decidedBy?.cause = .stranger
        }
    }
}
