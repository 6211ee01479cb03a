package import ClewBundle
package import ClewNet

/// Which family a table belongs to (`NFPROTO_*`, `linux/netfilter.h`).
package enum TableFamily: UInt8, Sendable, Hashable, BitwiseCopyable {
    case ipv4, ipv6, inet, bridge, arp, netdev

    /// Whether a packet of `family` passes the chains of this table.
    package func covers(_ family: AddressFamily) -> Bool {
        switch self {
        case .ipv4: family == .ipv4
        case .ipv6: family == .ipv6
        case .inet: true
        case .bridge, .arp, .netdev: false
        }
    }
}

/// Which kernel interface holds the rules.
package enum RuleBackend: UInt8, Sendable, Hashable, BitwiseCopyable {
    /// x_tables.
    case legacy
    /// nf_tables, written by iptables-nft.
    case nft
    /// nf_tables, as `nft` lists it.
    case native
    /// The dump does not say (iptables before 1.8 had one backend only: legacy).
    case unknown
}

/// A hook of the IP layer (`enum nf_inet_hooks`).
package enum Hook: UInt8, Sendable, Hashable, BitwiseCopyable, CaseIterable {
    case prerouting, input, forward, output, postrouting
}

/// What a base chain is for (`struct nft_chain_type`); iptables' `nat` tables are of type `nat`.
package enum ChainType: UInt8, Sendable, Hashable, BitwiseCopyable {
    case filter, nat, route
}

/// The index of a table in its rule set.
package struct TableID: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The index of a chain in its rule set.
package struct ChainID: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The index of a rule in its rule set.
package struct RuleID: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The index of an interned word (``RuleSet/names``): an interface, a set, a log prefix.
package struct NameID: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// The index of an element of one of a rule set's pools.
package struct PoolIndex<Element>: Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(_ index: Int) { rawValue = UInt32(truncatingIfNeeded: index) }
}

/// Bytes of the rule set's text.
package struct TextRange: Sendable, Hashable, BitwiseCopyable {
    package var offset: UInt32
    package var length: UInt32

    package init(offset: UInt32, length: UInt32) {
        self.offset = offset
        self.length = length
    }

    package static let none = TextRange(offset: 0, length: 0)
    package var isEmpty: Bool { length == 0 }
}

/// The rules of one dump, in contiguous arrays.
///
/// A rule is a run of ``matches`` and one ``Target``; both are a few words, and what does not fit lies in a pool that
/// they index. Nothing here refers to anything by `String`: names are ranges of ``text`` or interned.
package struct RuleSet: Sendable {
    package var artifact: ArtifactID
    package var backend: RuleBackend
    /// The bytes of the artifact; chain names, comments and rules are ranges of it.
    ///
    /// Behind them may stand what a parser made of them: a listing's rows in the words of `iptables-save`.
    package var text: [UInt8]
    package var tables: [RuleTable] = []
    package var chains: [RuleChain] = []
    package var rules: [Rule] = []
    package var matches: [Match] = []

    package var names: [String] = []
    package var maskedAddresses: [MaskedAddress] = []
    package var addressRanges: [AddressRange] = []
    package var portLists: [PortList] = []
    package var setReferences: [SetReference] = []
    package var states: [StatefulMatch] = []
    package var physicalDevices: [PhysicalDeviceMatch] = []
    package var ipvsMatches: [IPVSMatch] = []
    package var addressTypes: [AddressTypeMatch] = []
    package var macs: [MACAddress] = []
    package var unmodelled: [TextRange] = []
    package var natTargets: [NATTarget] = []
    package var connmarkTargets: [ConnmarkTarget] = []
    package var setTargets: [SetTarget] = []
    package var tproxyTargets: [TProxyTarget] = []
    package var nft: [NftExpression] = []
    package var nftSets: [NftSet] = []

    package init(artifact: ArtifactID, backend: RuleBackend, text: [UInt8]) {
        self.artifact = artifact
        self.backend = backend
        self.text = text
    }

    package func string(_ range: TextRange) -> String {
        let start = min(Int(range.offset), text.count)
        let end = min(start + Int(range.length), text.count)
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    package func name(_ id: NameID) -> String { Int(id.rawValue) < names.count ? names[Int(id.rawValue)] : "" }
    package func name(of chain: ChainID) -> String { string(chains[Int(chain.rawValue)].name) }
    package func matches(of rule: Rule) -> ArraySlice<Match> {
        matches[Int(rule.firstMatch)..<Int(rule.firstMatch) + Int(rule.matchCount)]
    }

    /// The chain of that name in a table, by a linear search: for tests and reports.
    package func chain(named name: String, in table: TableID) -> ChainID? {
        chains.indices.first { chains[$0].table == table && string(chains[$0].name) == name }
            .map { ChainID(rawValue: UInt32($0)) }
    }
}

/// A table of a rule set.
package struct RuleTable: Sendable {
    package var name: String
    package var family: TableFamily
    /// Its line: `*nat`, or where `nft` names it.
    package var line: UInt32
    /// nft: the table is dormant and its chains are not hooked.
    package var isDormant: Bool

    package init(name: String, family: TableFamily, line: UInt32, isDormant: Bool = false) {
        self.name = name
        self.family = family
        self.line = line
        self.isDormant = isDormant
    }
}

/// Where a chain is hooked (`struct nf_hook_ops`).
package struct BaseChain: Sendable, Hashable, BitwiseCopyable {
    package var hook: Hook
    /// Lower runs earlier (`enum nf_ip_hook_priorities`).
    package var priority: Int32
    package var type: ChainType
    package var policyAccepts: Bool

    package init(hook: Hook, priority: Int32, type: ChainType, policyAccepts: Bool) {
        self.hook = hook
        self.priority = priority
        self.type = type
        self.policyAccepts = policyAccepts
    }

    /// How a chain of one of the five tables is registered; `nil` for a table or chain that does not exist.
    ///
    /// `net/ipv4/netfilter/iptable_{raw,mangle,nat,filter,security}.c`, `linux/netfilter_ipv4.h`; iptables-nft gives
    /// `security` another priority, behind nat at INPUT (`xtables_ipv4` in its `nft.c`).
    package static func iptables(
        table: String, chain: String, policyAccepts: Bool, backend: RuleBackend = .legacy
    ) -> BaseChain? {
        let hook: Hook
        switch chain {
        case "PREROUTING": hook = .prerouting
        case "INPUT": hook = .input
        case "FORWARD": hook = .forward
        case "OUTPUT": hook = .output
        case "POSTROUTING": hook = .postrouting
        default: return nil
        }
        let priority: Int32
        var type = ChainType.filter
        switch (table, hook) {
        case ("raw", .prerouting), ("raw", .output): priority = -300
        case ("mangle", .output):
            priority = -150
            type = .route
        case ("mangle", _): priority = -150
        case ("nat", .prerouting), ("nat", .output): (priority, type) = (-100, .nat)
        case ("nat", .postrouting), ("nat", .input): (priority, type) = (100, .nat)
        case ("filter", .input), ("filter", .forward), ("filter", .output): priority = 0
        case ("security", .input), ("security", .forward), ("security", .output):
            priority = backend == .nft ? 150 : 50
        default: return nil
        }
        return BaseChain(hook: hook, priority: priority, type: type, policyAccepts: policyAccepts)
    }
}

/// A chain of a rule set.
package struct RuleChain: Sendable {
    package var name: TextRange
    package var table: TableID
    /// `nil` for a chain that only jumps reach.
    package var base: BaseChain?
    /// nft netdev, bridge or other hooks that the IP path does not model: the chain is hooked, but where is unknown.
    package var unmodelledHook: TextRange
    /// Its rules are `firstRule ..< firstRule + ruleCount` of ``RuleSet/rules``.
    package var firstRule: UInt32
    package var ruleCount: UInt32
    package var line: UInt32
    /// False where only jumps name the chain: a fragment of a dump.
    ///
    /// Reaching it is unknown.
    package var isDeclared: Bool

    package init(
        name: TextRange, table: TableID, base: BaseChain? = nil, unmodelledHook: TextRange = .none,
        firstRule: UInt32 = 0, ruleCount: UInt32 = 0, line: UInt32, isDeclared: Bool = true
    ) {
        self.name = name
        self.table = table
        self.base = base
        self.unmodelledHook = unmodelledHook
        self.firstRule = firstRule
        self.ruleCount = ruleCount
        self.line = line
        self.isDeclared = isDeclared
    }
}

/// A rule: all its matches must hold, then the target acts.
package struct Rule: Sendable, BitwiseCopyable {
    package var firstMatch: UInt32
    package var matchCount: UInt16
    package var target: Target
    /// Its line in the artifact, from 1.
    package var line: UInt32
    /// The rule as it stands in the text, without its counters.
    package var text: TextRange
    /// What stands behind `--comment`, without quotes.
    package var comment: TextRange

    package init(
        firstMatch: UInt32, matchCount: UInt16, target: Target, line: UInt32, text: TextRange, comment: TextRange
    ) {
        self.firstMatch = firstMatch
        self.matchCount = matchCount
        self.target = target
        self.line = line
        self.text = text
        self.comment = comment
    }
}
