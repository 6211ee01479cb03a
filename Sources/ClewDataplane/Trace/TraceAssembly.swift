import ClewBundle
import ClewNet
import ClewSnapshot

/// Puts walked branches into words, and draws the verdict.
struct TraceAssembly {
    let tracer: Tracer
    let branches: [WalkedBranch]
    /// There were more branches than are told apart.
    let isIncomplete: Bool

    private var world: World { tracer.world }
    private var flow: Flow { tracer.flow }
    private var notes: [TraceNote] { tracer.interpreter.domain.notes }

    init(tracer: Tracer, branches: [WalkedBranch], isIncomplete: Bool) {
        self.tracer = tracer
        self.branches = branches
        self.isIncomplete = isIncomplete
    }

    /// A branch, with what its certainty hangs on.
    struct Assembled {
        var branch: TraceBranch
        var forks: [Int32: Bool]
        var forkNotes: [Int32: Int32]
        var assumed: [Int32]
        var uncertain: [Int32]
    }

    func trace() -> Trace {
        var assembled = branches.map(assemble)
        let openNotes = settleForks(&assembled)
        assembled.sort { $0.branch.probability > $1.branch.probability }
        var unknowns: [TraceNote] = []
        var assumptions: [TraceNote] = []
        var seen = Set<TraceNote>()
        for number in assembled.flatMap(\.uncertain) + openNotes where seen.insert(notes[Int(number)]).inserted {
            unknowns.append(notes[Int(number)])
        }
        for number in assembled.flatMap(\.assumed) where seen.insert(notes[Int(number)]).inserted {
            assumptions.append(notes[Int(number)])
        }
        for file in assembled.flatMap({ unreadFiles(of: $0.branch) }) {
            let note = TraceNote(file.text, source: file.first.source)
            guard seen.insert(note).inserted else { continue }
            if file.decides { unknowns.append(note) } else { assumptions.append(note) }
        }
        for node in Set(assembled.flatMap { nodes(of: $0.branch) }).sorted() {
            guard let missing = world.host(node)?.uncollected(flow.family) else { continue }
            assumptions.append(
                TraceNote("not collected, and taken for granted: \(missing)", node: node))
        }
        if isIncomplete { unknowns.append(TraceNote("there are more branches than are told apart")) }
        let outcomes = assembled.map(\.branch.outcome)
        return Trace(
            flow: flow, verdict: Self.verdict(outcomes, isIncomplete: isIncomplete),
            branches: assembled.map(\.branch), assumptions: assumptions, unknowns: unknowns)
    }

    /// Files with unread lines of the nodes a branch passes, there and back.
    private func unreadFiles(of branch: TraceBranch) -> [UnreadFile] {
        var seen: Set<[String]> = []
        var files = (branch.hops + (branch.reply?.hops ?? [])).flatMap { hop -> [UnreadFile] in
            guard let node = hop.node, seen.insert([node, hop.namespace]).inserted else { return [] }
            return world.unread.files(node: node, namespace: hop.namespace, flow.family)
        }
        // A packet that found no route at its source made no hop.
        if branch.hops.isEmpty, case .host(let node) = flow.origin {
            files += world.unread.files(node: node, namespace: "host", flow.family)
        } else if branch.hops.isEmpty, case .pod(let node, let address, _) = flow.origin {
            for name in ["host"] + world.pods(having: address).map({ world[$0].name }) {
                files += world.unread.files(node: node, namespace: name, flow.family)
            }
        }
        return files
    }

    private func nodes(of branch: TraceBranch) -> Set<String> {
        Set((branch.hops + (branch.reply?.hops ?? [])).compactMap(\.node))
    }

    static func verdict(_ outcomes: [BranchOutcome], isIncomplete: Bool = false) -> TraceVerdict {
        let fails = outcomes.contains(.fails)
        if outcomes.isEmpty { return .unknown }
        if isIncomplete { return fails ? .partly : .unknown }
        if outcomes.allSatisfy({ $0 == .works }) { return .works }
        if outcomes.allSatisfy({ $0 == .fails }) { return .fails }
        return fails ? .partly : .unknown
    }

    // MARK: - Forks on what is unknown

    /// What must be equal on both sides of an unknown for it not to matter.
    private struct Signature: Hashable {
        var disposition: Disposition
        var dnat: SocketAddress?
        var snat: IPAddress?
        var outcome: BranchOutcome
        var reply: Disposition?
        var receiver: Receiver?
        var probability: Fraction
    }

    private static func signature(_ branch: TraceBranch) -> Signature {
        Signature(
            disposition: branch.disposition, dnat: branch.dnat, snat: branch.snat, outcome: branch.outcome,
            reply: branch.reply?.disposition, receiver: branch.deliveredTo, probability: branch.probability)
    }

    /// Decides what both ends of an unknown agree on; gives back the notes of those that matter.
    private func settleForks(_ assembled: inout [Assembled]) -> [Int32] {
        var open: [Int32] = []
        // The latest first. Settling one adds none, so one list serves for all: there may be thousands.
        for fork in Set(assembled.flatMap(\.forks.keys)).sorted(by: >) {
            let taken = assembled.indices.filter { assembled[$0].forks[fork] == true }
            let other = assembled.indices.filter { assembled[$0].forks[fork] == false }
            let note = (taken + other).first.flatMap { assembled[$0].forkNotes[fork] }
            let left = Set(taken.map { Self.signature(assembled[$0].branch) })
            let right = Set(other.map { Self.signature(assembled[$0].branch) })
            for index in taken + other { assembled[index].forks[fork] = nil }
            if left == right {
                for index in other.sorted(by: >) { assembled.remove(at: index) }
                continue
            }
            let outcomes = Set((taken + other).map { assembled[$0].branch.outcome })
            if outcomes.count == 1, outcomes != [.works] { continue }
            let dispositions = Set((taken + other).map { assembled[$0].branch.disposition })
            for index in taken + other {
                assembled[index].branch.outcome = .unknown
                if dispositions.count > 1 { assembled[index].branch.disposition = .indeterminate }
            }
            if let note { open.append(note) }
        }
        return open
    }

    // MARK: - One branch

    private func assemble(_ walked: WalkedBranch) -> Assembled {
        let events = tracer.interpreter.domain.arena.events(to: walked.leaf)
        var result = Assembled(
            branch: TraceBranch(probability: .one, disposition: walked.forward.disposition), forks: [:], forkNotes: [:],
            assumed: [], uncertain: [])
        for event in events {
            switch event {
            case .chance(let numerator, let denominator):
                result.branch.probability = result.branch.probability * Fraction(numerator, denominator)
            case .unknown(let fork, let taken, let note):
                result.forks[fork] = taken
                result.forkNotes[fork] = note
            case .assumed(let note): result.assumed.append(note)
            case .uncertain(let note): result.uncertain.append(note)
            default: break
            }
        }
        describeEnds(walked, &result.branch)
        judgeNext(walked, &result)
        let account = PathAccount(world: world, opening: walked.forward.state.opening, events: events)
        result.branch.hops = account.hops
        result.branch.translations = account.translations
        result.branch.reply?.hops = account.replyHops
        if let file = unreadFiles(of: result.branch).first(where: \.decides) {
            result.branch.outcome = .unknown
            result.branch.reason = file.text
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
            let name = world.podObject(having: own)?.name.description
            return Receiver(node: world[attachment.host].node, pod: name ?? own.description, address: address)
        case .outside, .uncollected, .untranslated, .nowhere: return nil
        }
    }

    // MARK: - The third packet

    /// A connection whose second packet from the client is lost does not work.
    private func judgeNext(_ walked: WalkedBranch, _ result: inout Assembled) {
        guard result.branch.outcome == .works, !walked.next.isEmpty else { return }
        let lost = walked.next.filter { !tracer.arrived($0, where: walked.forward) }
        guard let first = lost.first ?? walked.next.first(where: \.state.isUncertain) else { return }
        result.branch.reason = "the handshake's last packet: \(first.reason)"
        result.branch.decidedBy = first.decision
        let isCertain =
            lost.count == walked.next.count && !lost.contains { $0.state.isUncertain || $0.place == .uncollected }
        result.branch.outcome = isCertain ? .fails : .unknown
        for event in tracer.interpreter.domain.arena.events(to: first.state.path) {
            switch event {
            case .uncertain(let note), .unknown(_, _, let note): result.uncertain.append(note)
            default: break
            }
        }
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
            result.decidedBy = Decision(node: namespace.node, source: bypass.sysctl?.source, text: value)
        } else {
            result.reason =
                "the reply comes from \(from), not from \(wanted): it passed no conntrack entry that translates it back"
        }
    }
}

extension Trace {
    /// Keeps what does not depend on the order of rule sets of equal priority, which no dump shows.
    func agreeing(with other: Trace) -> Trace {
        func signature(_ trace: Trace) -> [String] {
            trace.branches.map {
                "\($0.probability) \($0.disposition) \($0.dnat?.description ?? "") \($0.snat?.description ?? "") \($0.outcome)"
            }.sorted()
        }
        if signature(self) == signature(other) { return self }
        var result = self
        let note = TraceNote(
            "two rule sets are registered at the same hook with the same priority; which runs first is not in any dump, and it matters"
        )
        if verdict == other.verdict, verdict == .fails { return self }
        result.unknowns.append(note)
        for index in result.branches.indices {
            result.branches[index].outcome = .unknown
            let same = other.branches.contains {
                $0.dnat == result.branches[index].dnat && $0.disposition == result.branches[index].disposition
            }
            if !same { result.branches[index].disposition = .indeterminate }
        }
        result.verdict = .unknown
        return result
    }
}
