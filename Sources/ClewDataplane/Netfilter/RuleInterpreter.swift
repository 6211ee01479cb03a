package import ClewSnapshot

/// Walks packets through chains, as `ipt_do_table` and `nft_do_chain` do.
///
/// Generic over ``PacketDomain``; all that is common to one packet and to sets of them is here and only here: rule order,
/// jump, goto and return, policies, the order of base chains at a hook, and that nat chains are asked once.
package struct RuleInterpreter<Domain: PacketDomain> {
    package var domain: Domain

    /// Where a chain goes on after a jump from it.
    ///
    /// Frames form a tree, so that forks share them.
    private struct Frame: Hashable, BitwiseCopyable {
        var chain: ChainID
        var next: UInt32
        var end: UInt32
        var parent: Int32
        var depth: Int32
    }

    /// A state on its way through a chain.
    private struct Thread {
        var state: Domain.State
        var chain: ChainID
        var next: UInt32
        var end: UInt32
        /// The rule behind the last one that matched in this visit; rules from here on were skipped.
        var unmatchedFrom: UInt32
        var frame: Int32
        var depth: Int32
        /// The match of rule `next` at which to go on: the ones before it are behind this thread; 0 begins anew.
        var resumedMatch: UInt16 = 0
    }

    /// What a step has come to.
    private enum Progress {
        case goesOn
        case left(Verdict)
        /// An equal state went this way before.
        case joined
        case lost
    }

    private var frames: [Frame] = []
    private var results: [(state: Domain.State, verdict: Verdict)] = []
    private var threads: [Thread] = []
    /// Whether this walk has parted anywhere: before that there is nothing to join.
    private var hasForked = false
    /// Whether the domain has been asked about any position of this walk.
    private var hasAsked = false
    /// The numbers of frames made since then, so that equal ways back have equal numbers.
    private var frameNumbers: [Frame: Int32] = [:]

    /// How much more may be done; what is left over then is given up (``LostTrack/tooMuch``).
    ///
    /// Trying a rule costs 1, one that matches 4 more, and so does a fork.
    package var allowance = Int.max
    /// How many ways out of one base chain are told apart.
    package var mostResults = 20_000

    /// nft allows 16, x_tables as many as there are chains; a dump with more nests in a circle.
    private static var deepestJump: Int32 { 256 }

    package init(domain: Domain) {
        self.domain = domain
    }

    /// Walks one base chain; every packet of `state` is in exactly one of the results.
    package mutating func walk(
        _ base: ChainID, of rules: CompiledRules, _ state: Domain.State
    ) -> [(state: Domain.State, verdict: Verdict)] {
        results.removeAll(keepingCapacity: true)
        frames.removeAll(keepingCapacity: true)
        threads.removeAll(keepingCapacity: true)
        if hasForked { frameNumbers.removeAll(keepingCapacity: true) }
        hasForked = false
        hasAsked = false
        domain.beganWalk()
        threads.append(thread(state, entering: base, of: rules, frame: -1, depth: 0))
        while var thread = threads.popLast() {
            let isFull = results.count >= mostResults
            let start = WalkPosition(chain: thread.chain, next: thread.next, frame: thread.frame, depth: thread.depth)
            if thread.resumedMatch == 0, hasPassed(start, thread.state) { continue }
            while true {
                let progress = isFull ? .lost : step(&thread, base: base, rules: rules)
                if case .goesOn = progress { continue }
                if case .left(let verdict) = progress { results.append((thread.state, verdict)) }
                if case .lost = progress {
                    let rule = RuleID(rawValue: min(thread.next, UInt32(clamping: max(rules.ruleCount, 1) - 1)))
                    domain.lostTrack(.tooMuch, at: rule, of: rules, &thread.state)
                    results.append((thread.state, .unknown))
                }
                break
            }
        }
        return results
    }

    /// Whether an equal state went on from there; not asked while no other thread can ever come there.
    private mutating func hasPassed(_ position: WalkPosition, _ state: Domain.State) -> Bool {
        guard hasForked, hasAsked || !threads.isEmpty else { return false }
        hasAsked = true
        return domain.hasPassed(position, state)
    }

    private func thread(
        _ state: Domain.State, entering chain: ChainID, of rules: CompiledRules, frame: Int32, depth: Int32
    ) -> Thread {
        let range = rules.range(of: chain)
        return Thread(
            state: state, chain: chain, next: range.lowerBound, end: range.upperBound,
            unmatchedFrom: range.lowerBound, frame: frame, depth: depth)
    }

    /// Goes to the next rule that matches and lets it act.
    private mutating func step(_ thread: inout Thread, base: ChainID, rules: CompiledRules) -> Progress {
        let candidate =
            thread.resumedMatch > 0
            ? thread.next
            : domain.firstCandidate(thread.next..<thread.end, in: thread.chain, of: rules, for: thread.state)
        guard candidate < thread.end else { return leaveChain(&thread, base: base, rules: rules) }
        thread.next = candidate
        guard allowance > 0 else { return .lost }
        allowance -= 1
        thread.next = candidate + 1
        let id = RuleID(rawValue: candidate)
        let rule = rules.rule(id)
        let behind = WalkPosition(
            chain: thread.chain, next: thread.next, frame: thread.frame, depth: thread.depth)
        let (matches, forks) = matches(rule, id, &thread, rules)
        if forks { allowance -= 4 }
        if matches {
            allowance -= 4
            let skipped = candidate - thread.unmatchedFrom
            thread.unmatchedFrom = candidate + 1
            domain.matched(id, in: thread.chain, depth: Int(thread.depth), skipped: skipped, of: rules, &thread.state)
            let progress = act(rule.target, id, &thread, base: base, rules: rules)
            guard case .goesOn = progress, thread.chain == behind.chain, thread.depth == behind.depth else {
                return progress
            }
        }
        return forks && hasPassed(behind, thread.state) ? .joined : .goesOn
    }

    /// Parts the thread's state by every match of a rule; the packets that do not match go on as threads of their own.
    private mutating func matches(
        _ rule: Rule, _ id: RuleID, _ thread: inout Thread, _ rules: CompiledRules
    ) -> (matches: Bool, forks: Bool) {
        // A rule that does nothing but count or log has no effect that a fork could show.
        let hasEffect = rule.target.hasEffect
        let first = thread.resumedMatch
        thread.resumedMatch = 0
        var forks = false
        for number in first..<max(first, rule.matchCount) {
            switch domain.split(&thread.state, by: rules.match(rule.firstMatch + UInt32(number)), of: id, in: rules) {
            case .all: continue
            case .none: return (false, forks)
            case .fork where !hasEffect, .parts where !hasEffect, .several where !hasEffect: return (false, forks)
            case .parts(let matching, let other), .fork(let matching, let other):
                forks = true
                hasForked = true
                var rest = thread
                rest.state = other
                threads.append(rest)
                thread.state = matching
            case .several(let parts):
                forks = true
                hasForked = true
                guard spread(parts, after: number, of: id, &thread) else { return (false, true) }
            }
        }
        return (true, forks)
    }

    /// Gives each of several parts a thread: those that match go on with the rule's next match, the others with the next
    /// rule.
    ///
    /// The first part that matches goes on in `thread`; without one, a part that does not match does: false.
    private mutating func spread(
        _ parts: [(state: Domain.State, matches: Bool)], after number: UInt16, of id: RuleID, _ thread: inout Thread
    ) -> Bool {
        let origin = thread
        let first = parts.firstIndex { $0.matches } ?? 0
        for (index, part) in parts.enumerated() {
            if index == first {
                thread.state = part.state
                continue
            }
            var own = origin
            own.state = part.state
            if part.matches {
                own.next = id.rawValue
                own.resumedMatch = number + 1
            }
            threads.append(own)
        }
        return parts[first].matches
    }

    private mutating func act(
        _ target: Target, _ id: RuleID, _ thread: inout Thread, base: ChainID, rules: CompiledRules
    ) -> Progress {
        switch target {
        case .none, .transparent: return .goesOn
        case .accept: return .left(.accept)
        case .drop: return .left(.drop)
        case .reject(let type): return .left(.reject(type))
        case .return: return leaveChain(&thread, base: base, rules: rules)
        case .jump(let chain): return enter(chain, from: id, &thread, returns: true, rules: rules)
        case .goto(let chain): return enter(chain, from: id, &thread, returns: false, rules: rules)
        default: break
        }
        switch domain.act(target, of: id, in: rules, on: &thread.state) {
        case .goOn: return .goesOn
        case .end(let verdict): return .left(verdict)
        case .parts(let parts): return follow(parts, id, thread, base: base, rules: rules)
        }
    }

    /// Each part of a verdict map's answer becomes a thread of its own, the first of which is walked next.
    private mutating func follow(
        _ parts: [(state: Domain.State, decision: MapDecision?)], _ id: RuleID, _ origin: Thread, base: ChainID,
        rules: CompiledRules
    ) -> Progress {
        if parts.count > 1 { hasForked = true }
        var going: [Thread] = []
        for part in parts {
            var own = origin
            own.state = part.state
            let progress: Progress =
                switch part.decision {
                case nil: .goesOn
                case .end(let verdict): .left(verdict)
                case .jump(let chain): enter(chain, from: id, &own, returns: true, rules: rules)
                case .goto(let chain): enter(chain, from: id, &own, returns: false, rules: rules)
                case .return: leaveChain(&own, base: base, rules: rules)
                }
            switch progress {
            case .goesOn: going.append(own)
            case .left(let verdict): results.append((own.state, verdict))
            case .joined, .lost: break
            }
        }
        threads.append(contentsOf: going.reversed())
        return .joined
    }

    private mutating func enter(
        _ chain: ChainID, from rule: RuleID, _ thread: inout Thread, returns: Bool, rules: CompiledRules
    ) -> Progress {
        guard rules.isDeclared(chain) else {
            domain.lostTrack(.undeclaredChain, at: rule, of: rules, &thread.state)
            return .left(.unknown)
        }
        guard thread.depth < Self.deepestJump else {
            domain.lostTrack(.endlessJumps, at: rule, of: rules, &thread.state)
            return .left(.unknown)
        }
        let frame =
            returns
            ? self.frame(
                Frame(
                    chain: thread.chain, next: thread.next, end: thread.end, parent: thread.frame, depth: thread.depth))
            : thread.frame
        // A goto nests too: a circle of gotos must end.
        thread = self.thread(thread.state, entering: chain, of: rules, frame: frame, depth: thread.depth + 1)
        return .goesOn
    }

    private mutating func frame(_ frame: Frame) -> Int32 {
        if hasForked, let known = frameNumbers[frame] { return known }
        let number = Int32(truncatingIfNeeded: frames.count)
        frames.append(frame)
        if hasForked { frameNumbers[frame] = number }
        return number
    }

    /// The end of a chain, or RETURN: back to the caller, or the base chain's policy.
    ///
    /// A goto left no frame, so its chain returns to the caller of the chain it came from; from a base chain to the
    /// policy (`ip_tables.c`: `stackidx == 0`; `nf_tables_core.c`).
    private mutating func leaveChain(_ thread: inout Thread, base: ChainID, rules: CompiledRules) -> Progress {
        guard thread.frame >= 0 else {
            let accepts = rules.base(base)?.policyAccepts ?? true
            domain.policyApplied(accepts, of: base, in: rules, &thread.state)
            return .left(accepts ? .accept : .drop)
        }
        let frame = frames[Int(thread.frame)]
        thread.chain = frame.chain
        thread.next = frame.next
        thread.end = frame.end
        thread.unmatchedFrom = frame.next
        thread.frame = frame.parent
        thread.depth = frame.depth
        let position = WalkPosition(
            chain: frame.chain, next: frame.next, frame: frame.parent, depth: frame.depth)
        return hasPassed(position, thread.state) ? .joined : .goesOn
    }
}

extension RuleInterpreter {
    /// Sends packets through everything that is registered at a hook, in its order.
    ///
    /// nat chains are asked only for a connection's first packet, and only until one of them settles the manipulation
    /// (`nf_nat_inet_fn`); after them the packet is rewritten as its connection says.
    package mutating func traverse(
        _ hook: Hook, _ entries: [HookEntry], _ state: Domain.State
    ) -> [(state: Domain.State, verdict: Verdict)] {
        var alive: [Domain.State] = [state]
        var done: [(state: Domain.State, verdict: Verdict)] = []
        for entry in entries {
            guard !alive.isEmpty else { break }
            var next: [Domain.State] = []
            for var state in alive {
                switch entry {
                case .conntrack:
                    domain.lookUpConnection(hook, &state)
                    if domain.isLost(state) { done.append((state, .drop)) } else { next.append(state) }
                case .chain(let rules, let chain):
                    var results = walk(chain, of: rules, state)
                    if hook == .output, rules.base(chain)?.type == .route {
                        for index in results.indices where results[index].verdict == .accept {
                            domain.leftRouteChain(state, &results[index].state)
                            if domain.hasNoWay(results[index].state) { results[index].verdict = .noWay }
                        }
                    }
                    sort(results, into: &next, &done)
                case .nat(let chains):
                    translate(hook, chains, state, into: &next, &done)
                }
            }
            alive = next.count > 1 ? domain.merged(next) : next
        }
        return alive.map { ($0, .accept) } + done
    }

    private mutating func sort(
        _ results: [(state: Domain.State, verdict: Verdict)], into next: inout [Domain.State],
        _ done: inout [(state: Domain.State, verdict: Verdict)]
    ) {
        for result in results {
            if result.verdict == .accept { next.append(result.state) } else { done.append(result) }
        }
    }

    private mutating func translate(
        _ hook: Hook, _ chains: [(rules: CompiledRules, chain: ChainID)], _ state: Domain.State,
        into next: inout [Domain.State], _ done: inout [(state: Domain.State, verdict: Verdict)]
    ) {
        var asking = [state]
        for (rules, chain) in chains {
            var still: [Domain.State] = []
            for state in asking {
                guard domain.needsTranslation(hook, state) else {
                    still.append(state)
                    continue
                }
                sort(walk(chain, of: rules, state), into: &still, &done)
            }
            asking = still
        }
        for var state in asking {
            if domain.needsTranslation(hook, state) { domain.settleWithoutTranslation(hook, &state) }
            domain.rewrite(hook, &state)
            if domain.hasNoWay(state) { done.append((state, .noWay)) } else { next.append(state) }
        }
    }
}

/// Something registered at a hook.
package enum HookEntry: Sendable {
    /// Connection tracking: at PREROUTING and OUTPUT, priority -200.
    case conntrack
    case chain(CompiledRules, ChainID)
    /// All chains of type nat, in the order of their priorities (`nf_nat_register_fn`).
    case nat([(rules: CompiledRules, chain: ChainID)])
}

extension Target {
    /// Whether anything but a counter or a log entry comes of it.
    var hasEffect: Bool {
        switch self {
        case .none, .transparent: false
        default: true
        }
    }
}
