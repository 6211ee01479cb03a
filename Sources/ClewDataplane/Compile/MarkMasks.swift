import ClewNet
import ClewSnapshot

/// Which bits of the mark anything in a namespace looks at: those of the packet, and those of the connection.
///
/// Two packets that differ in other bits only have the same way before them.
struct MarkMasks: Sendable, Hashable {
    var packet: UInt32 = 0
    var connection: UInt32 = 0

    init(_ state: NamespaceSnapshot) {
        for rules in state.ruleSets { add(rules) }
        for rule in state.routingRules where rule.mark != nil { packet |= rule.markMask }
        if state.virtualServers?.contains(where: { $0.firewallMark != nil }) == true { packet = .max }
    }

    private mutating func add(_ rules: RuleSet) {
        for match in rules.matches {
            switch match.test {
            case .mark(_, let mask): packet |= mask
            case .connmark(_, let mask): connection |= mask
            // A set may hold marks.
            case .set: packet = .max
            default: break
            }
        }
        for target in rules.connmarkTargets {
            switch target {
            case .set: break
            case .save(_, let markMask): packet |= markMask
            case .restore(let ctMask, _): connection |= ctMask
            }
        }
        for expression in rules.nft {
            let fields: [NftField]
            switch expression {
            case .compare(let field, _, _, _): fields = [field]
            case .lookup(let own, _, _), .verdictMap(let own, _, _), .natMap(_, let own, _): fields = own
            case .numberVerdictMap, .numberNATMap, .dynamicUpdate: fields = []
            }
            if fields.contains(.mark) { packet = .max }
            if fields.contains(.conntrackMark) { connection = .max }
        }
    }
}
