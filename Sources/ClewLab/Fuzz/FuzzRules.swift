package import ClewNet

/// A rule in the words of `iptables-save`, in parts that can be taken away one by one.
package struct FuzzRule: Sendable, Hashable {
    /// One condition each, its module with it: `-m mark --mark 0x1/0xff`.
    package var matches: [String]
    /// `-j ACCEPT`; empty for a rule that only counts.
    package var target: String

    package init(_ matches: [String], _ target: String) {
        self.matches = matches
        self.target = target
    }

    /// The rule without its chain.
    package var text: String { (matches + (target.isEmpty ? [] : [target])).joined(separator: " ") }
}

/// A chain: built in where it has a policy.
package struct FuzzChain: Sendable, Hashable {
    package var name: String
    /// `ACCEPT` or `DROP`; nil for a user chain.
    package var policy: String?
    package var rules: [FuzzRule]

    package init(_ name: String, policy: String? = nil, rules: [FuzzRule] = []) {
        self.name = name
        self.policy = policy
        self.rules = rules
    }
}

package struct FuzzTable: Sendable, Hashable {
    package var name: String
    package var chains: [FuzzChain]

    package init(_ name: String, chains: [FuzzChain]) {
        self.name = name
        self.chains = chains
    }
}

/// Which tools load the rules.
package enum FuzzBackend: String, Sendable, Hashable, CaseIterable {
    case legacy, nft
}

/// A rule set with the sets it asks and the settings of the node it is loaded on.
package struct FuzzRules: Sendable, Hashable {
    package var family: AddressFamily
    package var tables: [FuzzTable]
    /// In the words of `ipset save`: each set's `create` line, then its elements.
    package var sets: [FuzzSet]
    package var settings: FuzzSettings

    package init(family: AddressFamily, tables: [FuzzTable], sets: [FuzzSet] = [], settings: FuzzSettings = .init()) {
        self.family = family
        self.tables = tables
        self.sets = sets
        self.settings = settings
    }

    /// Every table that x_tables has, those that the rule set does not use without rules, so that nothing is left of
    /// the rules before.
    package func restoreText(emptyTables: Bool = true) -> String {
        var text = ""
        for (name, chains) in Self.builtIn {
            let own = tables.first { $0.name == name }
            guard own != nil || emptyTables else { continue }
            text += "*\(name)\n"
            for chain in chains {
                let policy = own?.chains.first { $0.name == chain }?.policy ?? "ACCEPT"
                text += ":\(chain) \(policy) [0:0]\n"
            }
            for chain in own?.chains ?? [] where chain.policy == nil { text += ":\(chain.name) - [0:0]\n" }
            for chain in own?.chains ?? [] {
                for rule in chain.rules { text += "-A \(chain.name) \(rule.text)\n" }
            }
            text += "COMMIT\n"
        }
        return text
    }

    package var setText: String { sets.map(\.text).joined() }

    package var ruleCount: Int { tables.reduce(0) { $0 + $1.chains.reduce(0) { $0 + $1.rules.count } } }

    /// The words that follow an option, wherever rules have it.
    func words(behind option: String) -> Set<String> {
        var result = Set<String>()
        for rule in tables.flatMap(\.chains).flatMap(\.rules) where rule.text.contains(option) {
            let words = rule.text.split(separator: " ").map(String.init)
            for (index, word) in words.enumerated() where word == option && index + 1 < words.count {
                result.insert(words[index + 1])
            }
        }
        return result
    }

    /// The tables of x_tables with their built-in chains (`net/ipv4/netfilter/iptable_*.c`).
    package static let builtIn: [(String, [String])] = [
        ("raw", ["PREROUTING", "OUTPUT"]),
        ("mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
        ("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
        ("filter", ["INPUT", "FORWARD", "OUTPUT"]),
        ("security", ["INPUT", "FORWARD", "OUTPUT"]),
    ]
}

/// An ipset.
package struct FuzzSet: Sendable, Hashable {
    package var name: String
    /// The words behind the name in `ipset create`, as `hash:ip family inet`.
    package var definition: String
    package var elements: [String]
    /// How many directions a rule names with it.
    package var dimensions: Int

    package init(_ name: String, _ definition: String, elements: [String], dimensions: Int) {
        self.name = name
        self.definition = definition
        self.elements = elements
        self.dimensions = dimensions
    }

    package var text: String {
        "create \(name) \(definition)\n" + elements.map { "add \(name) \($0)\n" }.joined()
    }
}

/// Kernel parameters of the node that decide a packet's way, the same for all packets of a rule set.
package struct FuzzSettings: Sendable, Hashable {
    package var bridgeCallsIptables = true
    package var reversePathFilter = 0
    package var forwards = true
    package var routesLocalnet = false
    package var validatesMark = false
    package var hairpin = true
    package init() {}
}
