import ClewTestSupport

/// The lines of an iptables dump, to be damaged.
struct SaveText {
    struct Line: Hashable {
        var table: String
        var text: String

        var words: [Substring] { text.split(separator: " ") }
        var isRule: Bool { text.hasPrefix("-A ") }
        var chain: String { isRule ? String(words[1]) : "" }
        var target: String { words.firstIndex(of: "-j").map { String(words[$0 + 1]) } ?? "" }

        /// What stands behind a word.
        func value(_ word: Substring) -> String? {
            guard let index = words.firstIndex(of: word), index + 1 < words.count else { return nil }
            return String(words[index + 1])
        }
    }

    var lines: [Line] = []

    /// Counters and comment lines are left out.
    init(_ text: String) {
        var table = ""
        for line in text.split(separator: "\n") {
            var own = String(line)
            if own.hasPrefix("#") || own.isEmpty { continue }
            if own.hasPrefix("["), let end = own.firstIndex(of: "]") {
                own = String(own[own.index(after: end)...].drop { $0 == " " })
            }
            if own.hasPrefix("*") { table = String(own.dropFirst()) }
            lines.append(Line(table: table, text: own))
        }
    }

    var text: String { lines.map(\.text).joined(separator: "\n") + "\n" }

    // MARK: - Finding

    func rules(_ table: String, _ isWanted: (Line) -> Bool) -> [Int] {
        lines.indices.filter { lines[$0].table == table && lines[$0].isRule && isWanted(lines[$0]) }
    }

    func rules(_ table: String, in prefix: String, to target: String = "") -> [Int] {
        rules(table) { $0.chain.hasPrefix(prefix) && $0.target.hasPrefix(target) }
    }

    func declaration(of chain: String, _ table: String) -> Int? {
        lines.firstIndex { $0.table == table && $0.text.hasPrefix(":\(chain) ") }
    }

    /// Service chains that something leads to.
    var usedChains: Set<String> { Set(lines.filter { $0.table == "nat" }.map(\.target)) }

    // MARK: - Changing

    mutating func remove(_ index: Int) { lines.remove(at: index) }

    mutating func replace(_ index: Int, _ old: String, _ new: String) -> Bool {
        guard let range = lines[index].text.firstRange(of: old) else { return false }
        lines[index].text.replaceSubrange(range, with: new)
        return true
    }

    /// Puts a rule before all others of its chain; makes the table or chain where it lacks.
    mutating func insertFirst(_ table: String, _ rule: String) {
        let line = Line(table: table, text: "-A " + rule)
        if let first = lines.firstIndex(where: { $0.table == table && $0.isRule && $0.chain == line.chain }) {
            lines.insert(line, at: first)
        } else {
            append(table, rule)
        }
    }

    /// Puts a rule behind all others of its table, which is behind all of its chain.
    mutating func append(_ table: String, _ rule: String) {
        let line = Line(table: table, text: "-A " + rule)
        if !lines.contains(where: { $0.table == table }) {
            let hooks = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
            let own = table == "raw" ? ["PREROUTING", "OUTPUT"] : hooks
            lines.append(Line(table: table, text: "*\(table)"))
            lines += own.map { Line(table: table, text: ":\($0) ACCEPT [0:0]") }
            lines.append(Line(table: table, text: "COMMIT"))
        }
        guard let commit = lines.lastIndex(where: { $0.table == table && $0.text == "COMMIT" }) else { return }
        lines.insert(line, at: commit)
    }

    mutating func declare(_ chain: String, _ table: String) {
        guard let header = lines.firstIndex(where: { $0.text == "*\(table)" }) else { return }
        lines.insert(Line(table: table, text: ":\(chain) - [0:0]"), at: header + 1)
    }

    mutating func flush(_ chain: String, _ table: String) {
        lines.removeAll { $0.table == table && $0.isRule && $0.chain == chain }
    }
}
