import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot

/// The text of an iptables dump while it is edited.
///
/// Rules are edited as text and read again, so that what an edit writes means what the same words mean in a dump. Lines
/// behind the edit move: what the edited copy cites is not to be shown beside the original's.
struct EditedRuleText {
    private var lines: [ArraySlice<UInt8>]
    private let ruleSet: RuleSet
    /// The table that chains are looked for in; `nil` where only lines are deleted.
    private let table: TableID?
    private let family: AddressFamily

    init(_ ruleSet: RuleSet, table: String? = nil) throws(EditError) {
        guard ruleSet.backend != .native else {
            throw EditError("rules that only nft lists cannot be edited in iptables' words")
        }
        guard let first = ruleSet.tables.first else { throw EditError("the rule set is empty") }
        self.ruleSet = ruleSet
        family = first.family == .ipv6 ? .ipv6 : .ipv4
        self.table = ruleSet.tables.firstIndex { $0.name == table }.map { TableID(rawValue: UInt16($0)) }
        lines = ruleSet.text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }

    /// The tables that iptables makes when they are first used, with their chains (`ip_tables`, `xshared.c`).
    static let baseChains: [String: [String]] = [
        "filter": ["INPUT", "FORWARD", "OUTPUT"], "nat": ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        "mangle": ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"], "raw": ["PREROUTING", "OUTPUT"],
        "security": ["INPUT", "FORWARD", "OUTPUT"],
    ]

    /// A rule set with lines behind its own.
    static func joined(_ ruleSet: RuleSet, _ lines: [String]) -> RuleSet {
        var text = Array(ruleSet.text)
        if text.last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
        text += Array((lines.joined(separator: "\n") + "\n").utf8)
        return IptablesSaveParser.parse(
            text, artifact: ruleSet.artifact, family: ruleSet.tables.first?.family == .ipv6 ? .ipv6 : .ipv4,
            backend: ruleSet.backend
        ).ruleSet
    }

    func parsed() throws(EditError) -> RuleSet {
        let text = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        let parsed = IptablesSaveParser.parse(
            text, artifact: ruleSet.artifact, family: family, backend: ruleSet.backend)
        let known = ruleSet.rules.count
        guard parsed.ruleSet.rules.count + 1 >= known, parsed.ruleSet.tables.count == ruleSet.tables.count else {
            throw EditError("the edited rules cannot be read: \(parsed.unread.first?.reason ?? "their number differs")")
        }
        return parsed.ruleSet
    }

    mutating func setPolicy(of chain: String, accepts: Bool) throws(EditError) {
        let line = Int(try self.chain(chain).line)
        guard line > 0, line <= lines.count, lines[line - 1].first == UInt8(ascii: ":") else { throw listing() }
        lines[line - 1] = ArraySlice(Array(":\(chain) \(accepts ? "ACCEPT" : "DROP") [0:0]".utf8))
    }

    mutating func insert(_ rule: String, into chain: String, before position: Int) throws(EditError) {
        let found = try self.chain(chain)
        guard position > 0, position <= Int(found.ruleCount) else {
            guard position == Int(found.ruleCount) + 1 else {
                throw EditError("\(chain) has \(found.ruleCount) rules: there is no place \(position)")
            }
            return try append(rule, to: chain)
        }
        let next = ruleSet.rules[Int(found.firstRule) + position - 1]
        try put(rule, chain, at: Int(next.line) - 1)
    }

    mutating func append(_ rule: String, to chain: String) throws(EditError) {
        let found = try self.chain(chain)
        if found.ruleCount > 0 {
            let last = ruleSet.rules[Int(found.firstRule + found.ruleCount) - 1]
            return try put(rule, chain, at: Int(last.line))
        }
        let commit = Array("COMMIT".utf8)[...]
        guard let end = lines[Int(found.line)...].firstIndex(where: { $0.starts(with: commit) }) else {
            throw listing()
        }
        try put(rule, chain, at: end)
    }

    mutating func deleteLine(_ line: UInt32) throws(EditError) {
        guard line > 0, line <= lines.count else { throw EditError("there is no line \(line)") }
        try requireRule(at: Int(line) - 1)
        // The line stays, empty, so that the numbers of all others stay too.
        lines[Int(line) - 1] = []
    }

    private mutating func put(_ rule: String, _ chain: String, at index: Int) throws(EditError) {
        guard index >= 0, index <= lines.count else { throw listing() }
        let line = "-A \(chain) \(rule)"
        let check = IptablesSaveParser.parse(
            Array("*filter\n:\(chain) - [0:0]\n\(line)\nCOMMIT\n".utf8), artifact: ruleSet.artifact, family: family,
            backend: ruleSet.backend)
        if let unread = check.unread.first { throw EditError("'\(line)' is not a rule: \(unread.reason)") }
        // A rule that could not be walked would prove nothing.
        if let word = check.ruleSet.unmodelled.first {
            throw EditError("'\(line)' is not a rule that can be walked: \(check.ruleSet.string(word))")
        }
        lines.insert(ArraySlice(Array(line.utf8)), at: index)
    }

    private func requireRule(at index: Int) throws(EditError) {
        let line = lines[index].drop { $0 == UInt8(ascii: " ") }
        guard line.starts(with: Array("-A".utf8)) || line.first == UInt8(ascii: "[") else { throw listing() }
    }

    private func chain(_ name: String) throws(EditError) -> RuleChain {
        let found = ruleSet.chains.first { $0.table == table && ruleSet.string($0.name) == name }
        guard let found else { throw EditError("there is no chain \(name)") }
        return found
    }

    private func listing() -> EditError {
        EditError("the rules were collected as a listing, which cannot be edited: collect iptables-save")
    }
}
