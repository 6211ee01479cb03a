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
    private struct Frame: BitwiseCopyable {
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
    }

    private var frames: [Frame] = []
    private var results: [(state: Domain.State, verdict: Verdict)] = []
    private var threads: [Thread] = []

    /// nft allows 16, x_tables as many as there are chains; a dump with more nests in a circle.
    private static var deepestJump: Int32 { 256 }
    /// More ways than that through one chain are not told apart.
    private static var mostThreads: Int { 20_000 }

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
        threads.append(thread(state, entering: base, of: rules, frame: -1, depth: 0))
        while var thread = threads.popLast() {
            while true {
                if let verdict = step(&thread, base: base, rules: rules) {
                    results.append((thread.state, verdict))
                    break
                }
            }
            if results.count + threads.count > Self.mostThreads {
                for var rest in threads {
                    let rule = RuleID(rawValue: min(rest.next, UInt32(clamping: rules.ruleCount - 1)))
                    domain.lostTrack(.endlessJumps, at: rule, of: rules, &rest.state)
                    results.append((rest.state, .unknown))
                }
                threads.removeAll()
            }
        }
        return results
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
    ///
    /// Returns the verdict when the thread has left the base chain.
    private mutating func step(_ thread: inout Thread, base: ChainID, rules: CompiledRules) -> Verdict? {
        let candidate = domain.firstCandidate(thread.next..<thread.end, in: thread.chain, of: rules, for: thread.state)
        guard candidate < thread.end else { return leaveChain(&thread, base: base, rules: rules) }
        thread.next = candidate + 1
        let id = RuleID(rawValue: candidate)
        let rule = rules.rule(id)
        guard matches(rule, id, &thread, rules) else { return nil }
        let skipped = candidate - thread.unmatchedFrom
        thread.unmatchedFrom = candidate + 1
        domain.matched(id, in: thread.chain, depth: Int(thread.depth), skipped: skipped, of: rules, &thread.state)
        return act(rule.target, id, &thread, base: base, rules: rules)
    }

    /// Parts the thread's state by every match of a rule; the packets that do not match go on as threads of their own.
    private mutating func matches(_ rule: Rule, _ id: RuleID, _ thread: inout Thread, _ rules: CompiledRules) -> Bool {
        // A rule that does nothing but count or log has no effect that a fork could show.
        let hasEffect = rule.target.hasEffect
        for index in rule.firstMatch..<rule.firstMatch + UInt32(rule.matchCount) {
            switch domain.split(&thread.state, by: rules.match(index), of: id, in: rules) {
            case .all: continue
            case .none: return false
            case .parts(let matching, let other):
                var rest = thread
                rest.state = other
                threads.append(rest)
                thread.state = matching
            case .fork(let matching, let other):
                guard hasEffect else { return false }
                var rest = thread
                rest.state = other
                threads.append(rest)
                thread.state = matching
            }
        }
        return true
    }

    private mutating func act(
        _ target: Target, _ id: RuleID, _ thread: inout Thread, base: ChainID, rules: CompiledRules
    ) -> Verdict? {
        switch target {
        case .none, .transparent: return nil
        case .accept: return .accept
        case .drop: return .drop
        case .reject(let type): return .reject(type)
        case .return: return leaveChain(&thread, base: base, rules: rules)
        case .jump(let chain): return enter(chain, from: id, &thread, returns: true, rules: rules)
        case .goto(let chain): return enter(chain, from: id, &thread, returns: false, rules: rules)
        default: break
        }
        switch domain.act(target, of: id, in: rules, on: &thread.state) {
        case .goOn: return nil
        case .end(let verdict): return verdict
        case .parts(let parts): return follow(parts, id, &thread, base: base, rules: rules)
        }
    }

    /// Each part of a verdict map's answer becomes a thread of its own; the last one goes on in this one.
    private mutating func follow(
        _ parts: [(state: Domain.State, decision: MapDecision?)], _ id: RuleID, _ thread: inout Thread, base: ChainID,
        rules: CompiledRules
    ) -> Verdict? {
        let origin = thread
        for (index, part) in parts.enumerated() {
            var own = origin
            own.state = part.state
            let verdict: Verdict? =
                switch part.decision {
                case nil: nil
                case .end(let verdict): verdict
                case .jump(let chain): enter(chain, from: id, &own, returns: true, rules: rules)
                case .goto(let chain): enter(chain, from: id, &own, returns: false, rules: rules)
                case .return: leaveChain(&own, base: base, rules: rules)
                }
            if index == parts.count - 1 {
                thread = own
                return verdict
            }
            if let verdict {
                results.append((own.state, verdict))
            } else {
                threads.append(own)
            }
        }
        return .accept
    }

    private mutating func enter(
        _ chain: ChainID, from rule: RuleID, _ thread: inout Thread, returns: Bool, rules: CompiledRules
    ) -> Verdict? {
        guard rules.isDeclared(chain) else {
            domain.lostTrack(.undeclaredChain, at: rule, of: rules, &thread.state)
            return .unknown
        }
        guard thread.depth < Self.deepestJump, frames.count < Self.mostThreads else {
            domain.lostTrack(.endlessJumps, at: rule, of: rules, &thread.state)
            return .unknown
        }
        var frame = thread.frame
        if returns {
            frames.append(
                Frame(
                    chain: thread.chain, next: thread.next, end: thread.end, parent: thread.frame, depth: thread.depth))
            frame = Int32(frames.count - 1)
        }
        // A goto nests too: a circle of gotos must end.
        thread = self.thread(thread.state, entering: chain, of: rules, frame: frame, depth: thread.depth + 1)
        return nil
    }

    /// The end of a chain, or RETURN: back to the caller, or the base chain's policy.
    ///
    /// A goto left no frame, so its chain returns to the caller of the chain it came from; from a base chain to the
    /// policy (`ip_tables.c`: `stackidx == 0`; `nf_tables_core.c`).
    private mutating func leaveChain(_ thread: inout Thread, base: ChainID, rules: CompiledRules) -> Verdict? {
        guard thread.frame >= 0 else {
            let accepts = rules.base(base)?.policyAccepts ?? true
            domain.policyApplied(accepts, of: base, in: rules, &thread.state)
            return accepts ? .accept : .drop
        }
        let frame = frames[Int(thread.frame)]
        thread.chain = frame.chain
        thread.next = frame.next
        thread.end = frame.end
        thread.unmatchedFrom = frame.next
        thread.frame = frame.parent
        thread.depth = frame.depth
        return nil
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
                    next.append(state)
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
            alive = next
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
