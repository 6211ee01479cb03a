import ClewBundle
import ClewNet
import ClewSnapshot

/// The domain of packet sets: the rules of one namespace as whole classes of packets meet them.
///
/// A match on addresses or ports parts a class exactly. What is the same for all packets of a class is answered by
/// ``PacketWalk``, with one packet in place of all. What neither knows forks, and the rule is named.
struct ClassDomain: PacketDomain {
    typealias State = PacketClass

    let family: AddressFamily
    let atoms: AddressAtoms
    /// Answers what does not depend on the fields that are sets; holds the notes.
    var walk: PacketWalk
    var sets = ValueSets()
    var choices: [ClassChoice] = []
    private(set) var events: [(event: ClassEvent, parent: Int32)] = []
    private var forks: Int32 = 0
    private var notesOfRules: [UInt64: Int32] = [:]
    /// Which addresses an answer holds for, by what was asked.
    var answers: [AddressQuestion: (yes: SetID, unknown: SetID)] = [:]
    var setIndices: [String: IPSetClassIndex] = [:]
    var elements: [ElementsByKey.Place: ElementsByKey] = [:]
    private let ruleSets: [ObjectIdentifier]

    /// More unknowns than that one after the other are not told apart: the end is unknown.
    private static var mostUnknowns: Int { 6 }

    init(world: World, namespace: CompiledNamespace, family: AddressFamily, atoms: AddressAtoms) {
        self.family = family
        self.atoms = atoms
        walk = PacketWalk(world: world, namespace: namespace)
        ruleSets = namespace.rules.map { ObjectIdentifier($0) }
    }

    var namespace: CompiledNamespace { walk.namespace }

    // MARK: - Path

    mutating func log(_ event: ClassEvent, _ state: inout PacketClass) {
        events.append((event, state.path))
        state.path = Int32(truncatingIfNeeded: events.count - 1)
    }

    /// The events of a class's way from its beginning.
    func events(to leaf: Int32) -> [ClassEvent] {
        var result: [ClassEvent] = []
        var index = leaf
        while index >= 0 {
            result.append(events[Int(index)].event)
            index = events[Int(index)].parent
        }
        return result.reversed()
    }

    /// The choices on a class's way, the latest first.
    func choices(to leaf: Int32) -> [ClassChoice] {
        var result: [ClassChoice] = []
        var index = leaf
        while index >= 0 {
            result.append(choices[Int(index)])
            index = choices[Int(index)].parent
        }
        return result
    }

    func ruleSetIndex(_ rules: CompiledRules) -> RuleSetIndex {
        let wanted = ObjectIdentifier(rules)
        return RuleSetIndex(rawValue: UInt16(truncatingIfNeeded: ruleSets.firstIndex { $0 == wanted } ?? 0))
    }

    func line(_ rule: RuleID, _ rules: CompiledRules) -> SourceLine {
        SourceLine(rules.ruleSet.artifact, line: rules.rule(rule).line)
    }

    /// The note of a rule; made once, since many classes meet the same rule.
    mutating func note(_ rule: RuleID, _ rules: CompiledRules, _ text: (ClassDomain) -> String) -> Int32 {
        let key = UInt64(ruleSetIndex(rules).rawValue) << 32 | UInt64(rule.rawValue)
        if let known = notesOfRules[key] { return known }
        let number = walk.note(text(self), source: line(rule, rules))
        notesOfRules[key] = number
        return number
    }

    /// Goes on, but the end is not certain any more.
    mutating func doubt(_ text: String, source: SourceLine?, _ state: inout PacketClass) {
        if state.doubt < 0 { state.doubt = walk.note(text, source: source) }
    }

    mutating func doubt(_ rule: RuleID, _ rules: CompiledRules, _ text: String, _ state: inout PacketClass) {
        if state.doubt < 0 { state.doubt = note(rule, rules) { _ in text } }
    }

    /// Takes both ways, and remembers on what it hangs.
    mutating func fork(
        _ state: PacketClass, _ kind: ClassChoice.Kind, note: Int32, list: NameID = NameID(rawValue: 0),
        seconds: UInt32 = 0, ruleSet: RuleSetIndex = RuleSetIndex(rawValue: 0)
    ) -> MatchSplit<PacketClass> {
        if kind == .unknown, choices(to: state.choice).count(where: { $0.kind == .unknown }) >= Self.mostUnknowns {
            var doubtful = state
            if doubtful.doubt < 0 { doubtful.doubt = note }
            return .several([(doubtful, false)])
        }
        forks += 1
        var choice = ClassChoice(
            kind: kind, isTaken: true, fork: forks, note: note, list: list, seconds: seconds, ruleSet: ruleSet,
            parent: state.choice)
        var (matching, other) = (state, state)
        choices.append(choice)
        matching.choice = Int32(choices.count - 1)
        choice.isTaken = false
        choices.append(choice)
        other.choice = Int32(choices.count - 1)
        return .fork(matching: matching, other: other)
    }

    mutating func chance(_ share: UInt64, of whole: UInt64, _ state: PacketClass) -> MatchSplit<PacketClass> {
        if share == 0 { return .none }
        if share >= whole { return .all }
        var (matching, other) = (state, state)
        take(share, of: whole, &matching)
        take(whole - share, of: whole, &other)
        return .fork(matching: matching, other: other)
    }

    mutating func take(_ share: UInt64, of whole: UInt64, _ state: inout PacketClass) {
        log(
            .chance(numerator: UInt32(truncatingIfNeeded: share), denominator: UInt32(truncatingIfNeeded: whole)),
            &state)
        state.share *= Double(share) / Double(whole)
    }

    // MARK: - Rules

    mutating func matched(
        _ rule: RuleID, in chain: ChainID, depth: Int, skipped: UInt32, of rules: CompiledRules,
        _ state: inout PacketClass
    ) {
        log(.rule(ruleSetIndex(rules), rule, chain, depth: UInt16(clamping: depth)), &state)
    }

    mutating func policyApplied(
        _ accepts: Bool, of chain: ChainID, in rules: CompiledRules, _ state: inout PacketClass
    ) {
        if !accepts { log(.policy(ruleSetIndex(rules), chain, accepts: accepts), &state) }
    }

    mutating func lostTrack(_ reason: LostTrack, at rule: RuleID, of rules: CompiledRules, _ state: inout PacketClass) {
        switch reason {
        case .undeclaredChain: doubt(rule, rules, "the dump does not show the chain this rule leads to", &state)
        case .endlessJumps: doubt(rule, rules, "the jumps from this rule on do not end", &state)
        case .tooMuch: doubt(rule, rules, "from this rule on there are more ways than are told apart", &state)
        }
    }

    // MARK: - Connections

    /// `nf_conntrack_in`: the classes are first packets of new connections.
    mutating func lookUpConnection(_ hook: Hook, _ state: inout PacketClass) {
        guard state.conntrackState.isEmpty else { return }
        state.conntrackState = .new
        state.hasEntry = true
    }

    func needsTranslation(_ hook: Hook, _ state: PacketClass) -> Bool {
        guard state.hasEntry, state.conntrackState == .new else { return false }
        switch hook {
        case .prerouting, .output: return !state.destinationSettled
        case .postrouting, .input: return !state.sourceSettled
        case .forward: return false
        }
    }

    mutating func settleWithoutTranslation(_ hook: Hook, _ state: inout PacketClass) {
        switch hook {
        case .prerouting, .output: state.destinationSettled = true
        case .postrouting, .input: state.sourceSettled = true
        case .forward: break
        }
    }

    mutating func leftRouteChain(_ before: PacketClass, _ state: inout PacketClass) {
        let changesHops = family == .ipv6 && before.ttl != state.ttl
        if before.mark != state.mark || before.tos != state.tos || changesHops { state.isRerouted = true }
    }

    mutating func rewrite(_ hook: Hook, _ state: inout PacketClass) {
        switch hook {
        case .prerouting, .output: rewriteDestination(hook, &state)
        case .postrouting, .input: rewriteSource(&state)
        case .forward: break
        }
    }

    private mutating func rewriteDestination(_ hook: Hook, _ state: inout PacketClass) {
        guard !state.pendingDestination.isEmpty || !state.pendingDestinationPort.isEmpty else { return }
        if !state.pendingDestination.isEmpty {
            state.sentDestination = state.originalDestination
            if hook == .output, state.destination != state.pendingDestination { state.isRerouted = true }
            state.destination = state.pendingDestination
        }
        if !state.pendingDestinationPort.isEmpty {
            state.sentDestinationPort = state.originalDestinationPort
            state.destinationPort = state.pendingDestinationPort
        }
        state.pendingDestination = .empty
        state.pendingDestinationPort = .empty
    }

    private mutating func rewriteSource(_ state: inout PacketClass) {
        let address: IPAddress?
        switch state.sourceChange {
        case .none: return
        case .to(let known): address = known
        case .masquerade: address = masqueradeAddress(state)
        }
        guard let address, state.sentSource.isEmpty else { return }
        state.sentSource = state.source
        state.source = sets.set(address.bits)
    }

    /// The address MASQUERADE takes, where one link decides.
    func masqueradeAddress(_ state: PacketClass) -> IPAddress? {
        guard let link = namespace.link(state.output), let towards = sets.first(state.destination) else { return nil }
        return namespace.selectSource(on: link, towards: IPAddress(bits: towards, family), scope: .universe)
    }

    /// Forgets the walks so far; notes stay.
    mutating func reset() {
        events.removeAll(keepingCapacity: true)
        choices.removeAll(keepingCapacity: true)
    }
}

/// A question about an address, of which a namespace knows the answer.
enum AddressQuestion: Hashable {
    case addressType(AddressTypeMatch, LinkIndex)
    case reversePath(ReversePathOptions, LinkIndex, mark: UInt32, towards: UInt128)
    case nftType(NftField, NftRange, Comparison, LinkIndex)
}
