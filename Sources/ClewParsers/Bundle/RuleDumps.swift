import ClewNet
import ClewSnapshot

/// The rule dumps of one namespace, of which each rule shall be walked once.
struct RuleDumps {
    private var iptables: [(ruleSet: RuleSet, format: ArtifactFormat)] = []
    private var native: [RuleSet] = []

    mutating func add(_ ruleSet: RuleSet, _ format: ArtifactFormat) {
        if format.kind == .nft { native.append(ruleSet) } else { iptables.append((ruleSet, format)) }
    }

    /// The dumps without repetitions: one per family and backend, and of the native tables those that no dump of
    /// iptables-nft holds.
    func selected() -> [RuleSet] {
        var dumps: [RuleSet] = []
        for family in AddressFamily.allCases {
            let candidates = iptables.filter { Self.family($0.ruleSet, $0.format) == family }
                .sorted { Self.rank($0.format) < Self.rank($1.format) }
            var taken: [RuleSet] = []
            for (ruleSet, format) in candidates where !Self.isRepetition(ruleSet, format, of: taken) {
                taken.append(ruleSet)
            }
            dumps += taken
        }
        return dumps + native.map { Self.unhookingRepetitions($0, of: dumps) }
    }

    /// Whether a dump of a tool of iptables holds rules of a backend and family.
    func has(_ family: AddressFamily, _ backends: Set<RuleBackend>) -> Bool {
        iptables.contains { Self.family($0.ruleSet, $0.format) == family && backends.contains($0.ruleSet.backend) }
    }

    /// The family of a dump's tables; where they are of both or none, that of its file's name.
    private static func family(_ ruleSet: RuleSet, _ format: ArtifactFormat) -> AddressFamily {
        let families = Set(ruleSet.tables.map(\.family))
        if families == [.ipv4] { return .ipv4 }
        if families == [.ipv6] { return .ipv6 }
        return format.family ?? .ipv4
    }

    /// Dumps that name their backend come first, then full dumps, then listings.
    private static func rank(_ format: ArtifactFormat) -> Int {
        (format.isListing ? 2 : 0) + (format.backend == nil ? 1 : 0)
    }

    /// Whether the same rules were taken from another dump: that of the same backend, or, for a dump that does not say
    /// its backend, those of both or the one of iptables-legacy (before 1.8 there was no other).
    private static func isRepetition(_ ruleSet: RuleSet, _ format: ArtifactFormat, of taken: [RuleSet]) -> Bool {
        if taken.contains(where: { $0.backend == ruleSet.backend }) { return true }
        switch ruleSet.backend {
        case .unknown: return taken.contains { $0.backend == .legacy }
        case .legacy: return taken.contains { $0.backend == .unknown }
        case .nft, .native: return false
        }
    }

    /// The tables of iptables, which iptables-nft makes as `table ip nat` and so on.
    private static let iptablesTables: Set<String> = ["filter", "nat", "mangle", "raw", "security"]

    /// Takes the chains of repeated tables off their hooks.
    ///
    /// They stay in place, as chains are named by their index.
    private static func unhookingRepetitions(_ ruleSet: RuleSet, of dumps: [RuleSet]) -> RuleSet {
        var shown: Set<TableKey> = []
        for dump in dumps where dump.backend == .nft {
            for table in dump.tables { shown.insert(TableKey(table)) }
        }
        var result = ruleSet
        for index in result.chains.indices {
            let id = Int(result.chains[index].table.rawValue)
            guard id < result.tables.count else { continue }
            let table = result.tables[id]
            guard iptablesTables.contains(table.name), shown.contains(TableKey(table)) else { continue }
            result.chains[index].base = nil
            result.chains[index].unmodelledHook = .none
        }
        return result
    }

    private struct TableKey: Hashable {
        var name: String
        var family: TableFamily
        init(_ table: RuleTable) {
            name = table.name
            family = table.family
        }
    }
}
