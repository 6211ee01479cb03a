import ClewBundle
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

@testable import ClewDataplane

/// One interpreter, two domains: what it says of a set it says of every packet in it.
@Suite struct InterpreterTests {
    /// What became of a packet: comparable between the domains.
    struct Outcome: Hashable {
        var verdict: Verdict
        var mark: UInt32
        var destination: IPAddress
        var port: UInt16
    }

    static func namespace(_ rules: RuleSet) -> CompiledNamespace {
        var state = NamespaceSnapshot()
        state.links = SmallUniverse.links.enumerated().map {
            Link(index: UInt32($0 + 1), name: $1, source: .init(rules.artifact, line: 0))
        }
        state.ruleSets = [rules]
        return CompiledNamespace(index: NamespaceIndex(rawValue: 0), node: "n", pod: nil, state: state)
    }

    @Test(arguments: 0..<60)
    func setsAgreeWithEverySinglePacket(seed: Int) {
        let namespace = Self.namespace(RandomRules(seed: UInt64(seed)).rules)
        let entries =
            namespace.entries(.prerouting, .ipv4, reversed: false) + namespace.entries(.forward, .ipv4, reversed: false)
        var sets = RuleInterpreter(domain: PacketSetDomain())
        let results = sets.traverse(.prerouting, entries, PacketSetState(packets: .all))
        let world = World(ClusterSnapshot())
        var single = RuleInterpreter(domain: PacketWalk(world: world, namespace: namespace))
        // Packets that differ only in bits that no rule looks at go on as one.
        let mask = namespace.markMasks.packet
        var differing = 0
        for id in 0..<SmallUniverse.size {
            let ofSets = Set(
                results.filter { $0.state.packets.contains(id) }.map { state, verdict in
                    let packet = state.final(id)
                    return Outcome(
                        verdict: verdict, mark: packet.mark & mask, destination: packet.destination,
                        port: packet.destinationPort)
                })
            let state = WalkState(packet: SmallUniverse.packet(id))
            let ofPacket = Set(
                single.traverse(.prerouting, entries, state).map { state, verdict in
                    Outcome(
                        verdict: verdict, mark: state.packet.mark & mask, destination: state.packet.destination,
                        port: state.packet.destinationPort)
                })
            if ofSets != ofPacket { differing += 1 }
        }
        #expect(differing == 0, "seed \(seed)")
    }

    /// The domain of single packets without its index.
    struct LinearWalk: PacketDomain {
        var walk: PacketWalk
        func firstCandidate(
            _ candidates: Range<UInt32>, in chain: ChainID, of rules: CompiledRules, for state: WalkState
        ) -> UInt32 { candidates.lowerBound }
        mutating func split(
            _ state: inout WalkState, by match: Match, of rule: RuleID, in rules: CompiledRules
        ) -> MatchSplit<WalkState> { walk.split(&state, by: match, of: rule, in: rules) }
        mutating func matched(
            _ rule: RuleID, in chain: ChainID, depth: Int, skipped: UInt32, of rules: CompiledRules,
            _ state: inout WalkState
        ) { walk.matched(rule, in: chain, depth: depth, skipped: skipped, of: rules, &state) }
        mutating func policyApplied(
            _ accepts: Bool, of chain: ChainID, in rules: CompiledRules, _ state: inout WalkState
        ) { walk.policyApplied(accepts, of: chain, in: rules, &state) }
        mutating func act(
            _ target: Target, of rule: RuleID, in rules: CompiledRules, on state: inout WalkState
        ) -> TargetEffect<WalkState> { walk.act(target, of: rule, in: rules, on: &state) }
        mutating func lostTrack(
            _ reason: LostTrack, at rule: RuleID, of rules: CompiledRules, _ state: inout WalkState
        ) { walk.lostTrack(reason, at: rule, of: rules, &state) }
        mutating func lookUpConnection(_ hook: Hook, _ state: inout WalkState) { walk.lookUpConnection(hook, &state) }
        func needsTranslation(_ hook: Hook, _ state: WalkState) -> Bool { walk.needsTranslation(hook, state) }
        mutating func settleWithoutTranslation(_ hook: Hook, _ state: inout WalkState) {
            walk.settleWithoutTranslation(hook, &state)
        }
        mutating func rewrite(_ hook: Hook, _ state: inout WalkState) { walk.rewrite(hook, &state) }
        mutating func beganWalk() { walk.beganWalk() }
        mutating func hasPassed(_ position: WalkPosition, _ state: WalkState) -> Bool {
            walk.hasPassed(position, state)
        }
        mutating func merged(_ states: [WalkState]) -> [WalkState] { walk.merged(states) }
    }

    @Test(arguments: 100..<130)
    func theIndexSkipsOnlyWhatCannotMatch(seed: Int) {
        let namespace = Self.namespace(RandomRules(seed: UInt64(seed)).rules)
        let rules = namespace.rules[0]
        #expect(rules.ruleSet.chains.indices.contains { rules.isIndexed(ChainID(rawValue: UInt32($0))) })
        let entries = namespace.entries(.prerouting, .ipv4, reversed: false)
        let world = World(ClusterSnapshot())
        var indexed = RuleInterpreter(domain: PacketWalk(world: world, namespace: namespace))
        var linear = RuleInterpreter(domain: LinearWalk(walk: PacketWalk(world: world, namespace: namespace)))
        var generator = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<200 {
            let state = WalkState(
                packet: SmallUniverse.packet(Int.random(in: 0..<SmallUniverse.size, using: &generator)))
            let fast = indexed.traverse(.prerouting, entries, state).map {
                Self.describe(indexed.domain.arena.events(to: $0.state.path), $0.verdict)
            }
            let slow = linear.traverse(.prerouting, entries, state).map {
                Self.describe(linear.domain.walk.arena.events(to: $0.state.path), $0.verdict)
            }
            #expect(fast == slow, "seed \(seed)")
        }
    }

    /// Every rule that matched, with how many were skipped before it, and the verdict.
    private static func describe(_ events: [PathEvent], _ verdict: Verdict) -> String {
        events.map { event in
            switch event {
            case .matched(_, let rule, _, let depth, let skipped, let mark):
                "r\(rule.rawValue) d\(depth) s\(skipped) m\(mark)"
            case .policy(_, let chain, let accepts): "p\(chain.rawValue) \(accepts)"
            default: ""
            }
        }.joined(separator: " ") + " \(verdict)"
    }

    @Test func probabilitiesOfRandomBranchesSumToOne() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<50 {
            let thresholds = (0..<Int.random(in: 1...10, using: &generator)).map { _ in
                UInt32.random(in: 1..<(1 << 31), using: &generator)
            }
            var rest = Fraction.one
            var sum = Fraction.zero
            for threshold in thresholds {
                sum = sum + rest * Fraction(UInt64(threshold), 1 << 31)
                rest = rest * Fraction(1 << 31 - UInt64(threshold), 1 << 31)
            }
            #expect(sum + rest == .one)
            #expect((sum + rest).isOne)
        }
        #expect(Fraction(715_827_883, 1 << 31).description == "715827883/2147483648")
        #expect((Fraction(1, 3) * Fraction(3, 4)).description == "1/4")
    }
}
