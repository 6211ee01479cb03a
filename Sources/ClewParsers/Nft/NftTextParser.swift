import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads what `nft list ruleset` prints, and the commands of `nft -f` that add to a rule set.
struct NftTextParser {
    /// How deep brackets and braces may nest.
    static let depthLimit = 16

    var builder: NftBuilder
    var lexer: NftLexer
    var token: NftToken
    /// Where the token before ``token`` ended.
    var lastEnd = 0
    /// Open parentheses and braces of the expression that is read.
    var depth = 0

    init(_ bytes: [UInt8], artifact: ArtifactID) {
        builder = NftBuilder(bytes, artifact: artifact)
        lexer = NftLexer(bytes)
        token = lexer.next()
    }

    consuming func parse() -> ParsedRuleSet {
        while token.kind != .end {
            if isBreak {
                advance()
                continue
            }
            let start = token.start
            readCommand()
            // Whatever happened, go on behind it.
            if token.start == start, token.kind != .end { advance() }
        }
        let lines = LineCounter.lines(in: lexer.bytes)
        return builder.finish(lines: lines)
    }

    // MARK: Tokens

    mutating func advance() {
        lastEnd = token.next
        token = lexer.next()
    }

    /// The token behind the present one.
    var following: NftToken {
        var copy = lexer
        return copy.next()
    }

    func string(_ token: NftToken) -> String { String(decoding: lexer.bytes[token.start..<token.end], as: UTF8.self) }

    func text(from start: Int, to end: Int) -> String {
        start < end ? String(decoding: lexer.bytes[start..<end], as: UTF8.self) : ""
    }

    var isBreak: Bool { token.kind == .newline || isSymbol(";") }

    func isSymbol(_ symbol: Unicode.Scalar) -> Bool {
        token.kind == .symbol && token.symbol == UInt16(truncatingIfNeeded: symbol.value)
    }

    func isWord(_ word: StaticString) -> Bool {
        guard token.kind == .word, token.end - token.start == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { letters in
            lexer.bytes[token.start..<token.end].elementsEqual(letters)
        }
    }

    /// Steps over a symbol if it comes next.
    mutating func take(_ symbol: Unicode.Scalar) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func take(word: StaticString) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    /// A word or what stands between quotes.
    mutating func name() -> String? {
        guard token.kind == .word || token.kind == .quoted else { return nil }
        let name = string(token)
        advance()
        return name
    }

    mutating func skipNewlines() { while token.kind == .newline { advance() } }

    /// Steps behind the end of a statement: a newline, `;`, or before a closing brace.
    ///
    /// Braces inside are skipped.
    mutating func skipStatement() {
        var open = 0
        while token.kind != .end {
            if isSymbol("{") {
                open += 1
            } else if isSymbol("}") {
                if open == 0 { return }
                open -= 1
            } else if open == 0, isBreak {
                return
            }
            advance()
        }
    }

    /// Steps behind the brace that closes the one just read.
    mutating func skipBlock() {
        var open = 1
        while token.kind != .end {
            if isSymbol("{") { open += 1 }
            if isSymbol("}") { open -= 1 }
            advance()
            if open == 0 { return }
        }
    }

    /// Keeps a statement that is not read.
    mutating func unread(_ reason: String, mayBeProse: Bool = false) {
        let (start, line) = (token.kind == .quoted ? token.start - 1 : token.start, token.line)
        skipStatement()
        let words = text(from: start, to: min(lastEnd, start + 400))
        builder.unread(line: line, words, reason, mayBeProse: mayBeProse)
    }

    // MARK: Commands

    private mutating func readCommand() {
        if take(word: "table") {
            readTable(mayBeBare: false)
        } else if isWord("add") || isWord("create") || isWord("insert") {
            let isInsert = isWord("insert")
            advance()
            readAddition(isInsert: isInsert)
        } else if isWord("flush"), string(following) == "ruleset", builder.ruleSet.tables.isEmpty {
            // The first line of many files for `nft -f`: there is nothing to remove.
            skipStatement()
        } else if Self.isChange(string(token)) {
            change()
        } else if isSymbol("}") {
            builder.unread(line: token.line, "}", "nothing to close")
            advance()
        } else {
            unread("not part of a ruleset", mayBeProse: true)
        }
    }

    /// Commands that remove, replace or bring in rules.
    private static func isChange(_ word: String) -> Bool {
        ["delete", "destroy", "flush", "replace", "reset", "rename", "include"].contains(word)
    }

    private mutating func change() {
        let (start, line) = (token.start, token.line)
        // Before the first chain there is nothing that `delete table` and `flush table` could take away.
        if following.kind == .word, string(following) == "table", builder.ruleSet.chains.isEmpty {
            return skipStatement()
        }
        unread("a change that is not followed")
        builder.doubtEverything(text(from: start, to: min(lastEnd, start + 400)), line: line)
    }

    /// `[family] NAME`, where the family is `ip` when it is left away.
    private mutating func tableID() -> TableID? {
        let line = token.line
        guard token.kind == .word || token.kind == .quoted else { return nil }
        var family = TableFamily.ipv4
        if token.kind == .word, let named = NftBuilder.family(string(token)), following.kind == .word {
            family = named
            advance()
        }
        guard let name = name() else { return nil }
        return builder.table(name, family, line: line)
    }

    private mutating func readAddition(isInsert: Bool) {
        if take(word: "table") { return readTable(mayBeBare: true) }
        let kind = token
        guard isWord("chain") || isWord("rule") || isWord("set") || isWord("map") || isWord("element") else {
            return unread("not part of a ruleset")
        }
        advance()
        guard let table = tableID() else { return unread("no table") }
        switch string(kind) {
        case "chain": readChain(in: table)
        case "set": readSet(in: table)
        case "map": readSet(in: table)
        case "element":
            guard let name = name() else { return unread("no set") }
            let set = builder.set(name, in: table, line: kind.line)
            if take("{") { builder.addElements(items(), to: set) }
        default:
            guard let name = name() else { return unread("no chain") }
            let chain = builder.chain(name, in: table, line: kind.line)
            if isWord("handle") || isWord("position") || isWord("index") {
                advance()
                advance()
            }
            let count = builder.ruleCount(of: chain)
            readRule(in: chain)
            if isInsert { builder.moveToFront(chain, from: count) }
        }
    }

    private mutating func readTable(mayBeBare: Bool) {
        guard let table = tableID() else { return unread("no table") }
        guard take("{") else {
            if !mayBeBare, !isBreak, token.kind != .end { unread("no '{' behind the table") }
            return
        }
        while token.kind != .end {
            if isBreak {
                advance()
                continue
            }
            if take("}") { return }
            let start = token.start
            readMember(of: table)
            if token.start == start, token.kind != .end { advance() }
        }
        builder.unread(line: token.line, "", "the text ends inside a table")
        builder.markCut(chainsOf: table)
    }

    private mutating func readMember(of table: TableID) {
        if take(word: "chain") {
            readChain(in: table)
        } else if isWord("set") || isWord("map") || isWord("meter") {
            advance()
            readSet(in: table)
        } else if take(word: "flags") {
            while !isBreak, !isSymbol("}"), token.kind != .end {
                if isWord("dormant") { builder.setDormant(table) }
                advance()
            }
        } else if take(word: "comment") {
            skipStatement()
        } else if isWord("limit") || isWord("quota") {
            readLimit(in: table)
        } else if isWord("counter") || isWord("ct") || isWord("flowtable") || isWord("synproxy") || isWord("secmark")
            || isWord("tunnel")
        {
            skipStatement()
        } else if isWord("include") {
            change()
        } else {
            unread("not part of a table")
        }
    }

    /// `quota NAME { over 25 mbytes }`.
    private mutating func readLimit(in table: TableID) {
        let kind: NftLimit.Kind = isWord("limit") ? .limit : .quota
        advance()
        guard let name = name(), take("{") else { return unread("no '{' behind the name") }
        var isOver = false
        while token.kind != .end, !isSymbol("}") {
            if isWord("over") { isOver = true }
            advance()
        }
        advance()
        builder.setLimit(kind, name, in: table, matchesBelow: !isOver)
    }
}
