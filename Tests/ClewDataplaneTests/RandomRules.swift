import ClewBundle
import ClewNet
import ClewSnapshot
import ClewTestSupport

/// Random rule sets over the small universe: nested chains, gotos, marks, NAT, negations, forks, long dispatch chains.
struct RandomRules {
    var generator: SeededGenerator
    private(set) var rules = RuleSet(artifact: ArtifactID(rawValue: 0), backend: .legacy, text: [])

    private static let userChains = 5

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        rules.names = ["eth0", "cni0", "e", ""]
        rules.portLists = [PortList([PortRange(80), PortRange(443, 500)]), PortList([PortRange(8080)])]
        rules.unmodelled = [.none]
        for (table, hook, priority, type) in [
            ("raw", Hook.prerouting, Int32(-300), ChainType.filter), ("mangle", .prerouting, -150, .filter),
            ("nat", .prerouting, -100, .nat), ("filter", .forward, 0, .filter),
        ] {
            addTable(table, hook, priority, type)
        }
    }

    private mutating func addTable(_ name: String, _ hook: Hook, _ priority: Int32, _ type: ChainType) {
        let table = TableID(rawValue: UInt16(rules.tables.count))
        rules.tables.append(RuleTable(name: name, family: .ipv4, line: 1))
        let first = rules.chains.count
        for number in 0...Self.userChains {
            let base =
                number == 0
                ? BaseChain(hook: hook, priority: priority, type: type, policyAccepts: chance(4, of: 5)) : nil
            rules.chains.append(RuleChain(name: .none, table: table, base: base, line: 1))
        }
        for number in 0...Self.userChains {
            let isLong = number == 1
            let count = isLong ? 14 + int(10) : 1 + int(6)
            rules.chains[first + number].firstRule = UInt32(rules.rules.count)
            rules.chains[first + number].ruleCount = UInt32(count)
            for _ in 0..<count { addRule(isDispatch: isLong, chain: number, firstChain: first, isNAT: type == .nat) }
        }
    }

    private mutating func addRule(isDispatch: Bool, chain: Int, firstChain: Int, isNAT: Bool) {
        let first = UInt32(rules.matches.count)
        if isDispatch, chance(3, of: 4) {
            rules.matches.append(
                Match(.destination4(value: SmallUniverse.destinations[int(8)].v4, mask: .max)))
            if chance(3, of: 4) {
                rules.matches.append(Match(.ipProtocol(SmallUniverse.protocols[int(2)])))
                rules.matches.append(Match(.destinationPort(PortRange(SmallUniverse.destinationPorts[int(4)]))))
            }
        }
        for _ in 0..<int(3) { rules.matches.append(randomMatch()) }
        rules.rules.append(
            Rule(
                firstMatch: first, matchCount: UInt16(UInt32(rules.matches.count) - first),
                target: randomTarget(chain: chain, firstChain: firstChain, isNAT: isNAT), line: 1, text: .none,
                comment: .none))
    }

    private mutating func randomMatch() -> Match {
        let test: MatchTest
        switch int(11) {
        case 0: test = .source4(value: SmallUniverse.sources[int(4)].v4, mask: .max)
        case 1: test = .source4(value: SmallUniverse.sources[0].v4, mask: 0xFFFF_FFFE)
        case 2: test = .destination4(value: SmallUniverse.destinations[int(2) * 4].v4, mask: 0xFFFF_FFFC)
        case 3: test = .ipProtocol(SmallUniverse.protocols[int(2)])
        case 4: test = .destinationPort(PortRange(80, chance(1, of: 2) ? 81 : 1000))
        case 5: test = .sourcePort(PortRange(1000))
        case 6: test = .multiport(.destination, PoolIndex(int(2)))
        case 7: test = .mark(value: chance(1, of: 2) ? 0x4000 : 0, mask: 0x4000)
        case 8:
            test = .inputInterface(InterfacePattern(name: NameID(rawValue: UInt32(int(3))), isPrefix: chance(1, of: 3)))
        case 9: test = .conntrackState(chance(1, of: 2) ? .new : [.invalid, .established])
        default:
            test =
                chance(1, of: 3) ? .unmodelled(PoolIndex(0)) : .random(threshold: chance(1, of: 2) ? 1 << 30 : 1 << 31)
        }
        return Match(test, negated: chance(1, of: 3))
    }

    private mutating func randomTarget(chain: Int, firstChain: Int, isNAT: Bool) -> Target {
        // Only to later chains: kernels refuse circles.
        let next = chain + 1 + int(max(1, Self.userChains - chain))
        let canJump = next <= Self.userChains
        switch int(10) {
        case 0, 1, 2: if canJump { return .jump(ChainID(rawValue: UInt32(firstChain + next))) }
        case 3: if canJump { return .goto(ChainID(rawValue: UInt32(firstChain + next))) }
        case 4: return .return
        case 5: return .mark(value: [0x4000, 1, 0][int(3)], mask: [0x4000, 0xFF, .max][int(3)])
        case 6: return .accept
        case 7: if isNAT { return .dnat4(address: SmallUniverse.destinations[int(8)].v4, port: [0, 80, 8080][int(3)]) }
        case 8: return isNAT ? .none : .drop
        default: break
        }
        return .none
    }

    mutating func int(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    mutating func chance(_ share: Int, of whole: Int) -> Bool { int(whole) < share }
}
