package import ClewSnapshot

/// What the rule interpreter asks of the thing it walks rules with.
///
/// The interpreter (``RuleInterpreter``) knows chains, jumps, the order of base chains and that NAT happens once. What a
/// packet is, it does not know: it may be one packet (``PacketWalk``) or a set of packets (the tests' small universe; later
/// the packet classes). What is held against the kernel with single packets is thereby the code that runs on sets.
package protocol PacketDomain {
    /// A packet, or a set of packets that have taken the same way so far.
    associatedtype State

    /// The first rule of `candidates` that any packet of `state` might match, or the range's end.
    ///
    /// The index is an operation of the domain: returning `candidates.lowerBound` is always right, and a domain that
    /// can prove more may skip more. A rule that is passed over here must be one whose matches hold for no packet of
    /// `state`.
    func firstCandidate(_ candidates: Range<UInt32>, in chain: ChainID, of rules: CompiledRules, for state: State)
        -> UInt32

    /// A base chain is about to be walked; positions of earlier walks mean nothing any more.
    mutating func beganWalk()

    /// Whether an equal state of this walk has already gone on from `position`.
    ///
    /// If so, the domain has noted that what becomes of that one becomes of `state` too, and the interpreter drops it.
    /// Without this, n forks of which nothing comes would make 2ⁿ states.
    mutating func hasPassed(_ position: WalkPosition, _ state: State) -> Bool

    /// The different ones of states that have come to the same point, in their order.
    mutating func merged(_ states: [State]) -> [State]

    /// Parts `state` by one match.
    mutating func split(_ state: inout State, by match: Match, of rule: RuleID, in rules: CompiledRules) -> MatchSplit<
        State
    >

    /// A rule's matches hold for all of `state`; called before its target acts.
    mutating func matched(
        _ rule: RuleID, in chain: ChainID, depth: Int, skipped: UInt32, of rules: CompiledRules, _ state: inout State)

    /// The end of a base chain was reached and its policy applies.
    mutating func policyApplied(_ accepts: Bool, of chain: ChainID, in rules: CompiledRules, _ state: inout State)

    /// Carries out a target that is neither a jump nor a plain verdict.
    mutating func act(_ target: Target, of rule: RuleID, in rules: CompiledRules, on state: inout State)
        -> TargetEffect<State>

    /// The walk cannot go on from a rule, for the reason given.
    mutating func lostTrack(_ reason: LostTrack, at rule: RuleID, of rules: CompiledRules, _ state: inout State)

    /// `nf_conntrack_in`: gives the packets their connection.
    mutating func lookUpConnection(_ hook: Hook, _ state: inout State)

    /// Whether that lost the packets: conntrack drops what it has no room for.
    func isLost(_ state: State) -> Bool

    /// Whether the nat chains of this hook are to be asked: a connection's first packet, and that manipulation is not
    /// settled yet (`nf_nat_inet_fn`).
    func needsTranslation(_ hook: Hook, _ state: State) -> Bool

    /// A chain of type route at OUTPUT let the packets pass: `before` is how they entered it.
    mutating func leftRouteChain(_ before: State, _ state: inout State)

    /// Whether the packets end there and then, by no rule: a hook changed them so that no route is left for them, or
    /// they leave by another link than their connection was masqueraded for.
    func hasNoWay(_ state: State) -> Bool

    /// No nat rule applied: the manipulation is settled as "none" (`nf_nat_alloc_null_binding`).
    mutating func settleWithoutTranslation(_ hook: Hook, _ state: inout State)

    /// Rewrites the packets as their connection says (`nf_nat_packet`).
    mutating func rewrite(_ hook: Hook, _ state: inout State)
}

extension PacketDomain {
    package mutating func beganWalk() {}
    /// States are never found equal.
    package mutating func hasPassed(_ position: WalkPosition, _ state: State) -> Bool { false }
    package mutating func merged(_ states: [State]) -> [State] { states }

    package func isLost(_ state: State) -> Bool { false }
    /// A domain without routes does not care.
    package mutating func leftRouteChain(_ before: State, _ state: inout State) {}
    package func hasNoWay(_ state: State) -> Bool { false }
}

/// How a match parts a state.
package enum MatchSplit<State> {
    case all
    case none
    /// A partition: every packet is in exactly one part.
    case parts(matching: State, other: State)
    /// The kernel, or something Clew cannot see, decides: every packet may go either way.
    case fork(matching: State, other: State)
    /// More parts than two, of either kind: a match that looks at several fields.
    case several([(state: State, matches: Bool)])
}

/// What a target did.
package enum TargetEffect<State> {
    /// The next rule follows.
    case goOn
    /// The packet leaves the chain with that verdict.
    case end(Verdict)
    /// A verdict map: each part goes its own way; a `nil` decision continues with the next rule.
    case parts([(state: State, decision: MapDecision?)])
}

/// What a verdict map says of a packet.
package enum MapDecision: Sendable, Hashable, BitwiseCopyable {
    case end(Verdict)
    case jump(ChainID)
    case goto(ChainID)
    case `return`
}

/// How a packet leaves a base chain.
package enum Verdict: Sendable, Hashable, BitwiseCopyable {
    case accept
    case drop
    case reject(RejectType)
    /// A target Clew does not model decides.
    case unknown
    /// No rule, but a change on the way ends it: no route leads on, or not by the link of its connection.
    case noWay
}

/// Why the interpreter cannot go on.
package enum LostTrack: Sendable, Hashable {
    /// The chain that the rule leads to was never shown by the dump.
    case undeclaredChain
    /// Jumps nest without end.
    case endlessJumps
    /// What the interpreter is allowed to do is done (``RuleInterpreter/allowance``).
    case tooMuch
}

/// A place in the walk of a base chain: the next rule, and the chains to return to behind it.
package struct WalkPosition: Sendable, Hashable, BitwiseCopyable {
    var chain: ChainID
    var next: UInt32
    /// Equal where the ways back are.
    var frame: Int32
    var depth: Int32
}
