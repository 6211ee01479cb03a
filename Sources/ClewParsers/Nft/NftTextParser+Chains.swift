import ClewNet
import ClewSnapshot

extension NftTextParser {
    /// `NAME { … }`, with `chain` read.
    mutating func readChain(in table: TableID) {
        let line = token.line
        guard let name = name() else { return unread("no name") }
        let chain = builder.declareChain(name, in: table, line: line)
        guard take("{") else {
            if !isBreak, token.kind != .end { unread("no '{' behind the chain") }
            return
        }
        while token.kind != .end {
            if isBreak {
                advance()
                continue
            }
            if take("}") { return }
            let start = token.start
            readChainLine(chain)
            if token.start == start, token.kind != .end { advance() }
        }
        builder.markCut(chain)
    }

    private mutating func readChainLine(_ chain: ChainID) {
        if isWord("type"), following.kind == .word {
            readHook(chain)
        } else if take(word: "policy") {
            builder.setPolicy(accepts: isWord("accept") ? true : isWord("drop") ? false : nil, of: chain)
            skipStatement()
        } else if isWord("comment") {
            // A rule has more than a comment.
            advance()
            skipStatement()
        } else if isWord("devices") || isWord("flags") {
            skipStatement()
        } else {
            readRule(in: chain)
        }
    }

    /// `type filter hook input [device "eth0"] priority filter + 5`.
    private mutating func readHook(_ chain: ChainID) {
        let start = token.start
        advance()
        var syntax = NftBuilder.HookSyntax()
        syntax.type = name() ?? ""
        while !isBreak, !isSymbol("}"), token.kind != .end {
            if take(word: "hook") {
                syntax.hook = name() ?? ""
            } else if take(word: "priority") {
                syntax.priority = priority()
            } else if isSymbol("{") {
                advance()
                skipBlock()
            } else {
                advance()
            }
        }
        syntax.text = text(from: start, to: lastEnd)
        builder.setHook(syntax, of: chain)
    }

    /// A number, or a name of nft(8)'s table for the IP families and an offset from it.
    private mutating func priority() -> Int32? {
        let names: [String: Int32] = [
            "raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100,
        ]
        guard token.kind == .word || isSymbol("-") else { return nil }
        var sign: Int32 = 1
        if take("-") { sign = -1 }
        guard let word = name() else { return nil }
        guard var value = names[word] ?? Int32(word).flatMap({ $0 == .min ? nil : $0 * sign }) else { return nil }
        if isSymbol("+") || isSymbol("-") {
            let isNegative = isSymbol("-")
            advance()
            guard let offset = name().flatMap({ Int32($0) }) else { return nil }
            let (sum, over) =
                isNegative ? value.subtractingReportingOverflow(offset) : value.addingReportingOverflow(offset)
            guard !over else { return nil }
            value = sum
        } else if token.kind == .word, let offset = Int32(string(token)) {
            // `filter -5`
            let (sum, over) = value.addingReportingOverflow(offset)
            guard !over else { return nil }
            value = sum
            advance()
        }
        return value
    }

    // MARK: Sets

    /// `NAME { type …; elements = { … } }`, with `set` or `map` read.
    mutating func readSet(in table: TableID) {
        let line = token.line
        guard let name = name() else { return unread("no name") }
        guard take("{") else {
            if !isBreak, token.kind != .end { unread("no '{' behind the set") }
            return
        }
        var key: [NftDatatype] = []
        var data: [NftDatatype] = []
        var isDynamic = false
        var elements: [NftItem] = []
        var isClosed = false
        var isWhole = true
        while token.kind != .end {
            if isBreak {
                advance()
                continue
            }
            if take("}") {
                isClosed = true
                break
            }
            if take(word: "type") || take(word: "typeof") {
                (key, data) = types(in: table)
            } else if take(word: "flags") {
                while !isBreak, !isSymbol("}"), token.kind != .end {
                    if isWord("dynamic") || isWord("timeout") { isDynamic = true }
                    advance()
                }
            } else if take(word: "timeout") {
                isDynamic = true
                skipStatement()
            } else if isWord("elements") {
                advance()
                _ = take("=")
                if take("{") {
                    elements += items()
                } else {
                    unread("no '{' behind the elements")
                    isWhole = false
                }
            } else if isWord("size") || isWord("policy") || isWord("gc-interval") || isWord("auto-merge")
                || isWord("comment") || isWord("counter") || isWord("limit") || isWord("quota") || isWord("last")
            {
                skipStatement()
            } else {
                unread("not part of a set")
                isWhole = false
                if token.start == lastEnd { advance() }
            }
        }
        let set = builder.declareSet(name, in: table, key: key, data: data, isDynamic: isDynamic, line: line)
        builder.addElements(elements, to: set)
        if !isClosed || !isWhole { builder.markBroken(set: set) }
    }

    /// `ipv4_addr . inet_service : verdict`, or expressions behind `typeof`.
    private mutating func types(in table: TableID) -> ([NftDatatype], [NftDatatype]) {
        var lists: [[NftDatatype]] = [[], []]
        var side = 0
        while !isBreak, !isSymbol("}"), token.kind != .end {
            if isSymbol(":") {
                side = 1
                advance()
            } else if isSymbol(".") {
                advance()
            } else if token.kind == .word, case let type = NftDatatype(name: string(token)), type != .other {
                lists[side].append(type)
                advance()
            } else {
                let start = token.start
                if let node = expression(isValue: false) {
                    lists[side] += builder.types(of: node, in: table)
                } else {
                    lists[side].append(.other)
                }
                if token.start == start { advance() }
            }
        }
        return (lists[0], lists[1])
    }

    /// The elements of a set up to its closing brace, the opening one read.
    mutating func items() -> [NftItem] {
        guard depth < Self.depthLimit else {
            skipBlock()
            return [NftItem(key: .other("…"), data: nil, line: token.line)]
        }
        depth += 1
        defer { depth -= 1 }
        var items: [NftItem] = []
        while token.kind != .end {
            if token.kind == .newline || isSymbol(",") {
                advance()
                continue
            }
            if take("}") { return items }
            let start = token.start
            items.append(item())
            if token.start == start { advance() }
        }
        // The text ends here: what is missing is not known.
        items.append(NftItem(key: .other("…"), data: nil, line: token.line))
        return items
    }

    private mutating func item() -> NftItem {
        let line = token.line
        var key: NftNode?
        if isWord("*") { advance() } else { key = expression(isValue: true) ?? .other(string(token)) }
        if !readItemOptions() { key = .other("…") }
        guard take(":") else { return NftItem(key: key, data: nil, line: line) }
        skipNewlines()
        var data: NftNode = verdict().map { .verdict($0) } ?? expression(isValue: true) ?? .other(string(token))
        if !readItemOptions() { data = .other("…") }
        return NftItem(key: key, data: data, line: line)
    }

    /// Steps over `timeout 1h expires 5m counter packets 0 bytes 0 comment "…"`; false where something else stands
    /// there, such as a limit, with which a look-up may fail though the element is there.
    private mutating func readItemOptions() -> Bool {
        var isKnown = true
        while token.kind != .end, !isSymbol(","), !isSymbol("}"), !isSymbol(":") {
            if token.kind == .newline || take(word: "counter") || take(word: "last") {
                if token.kind == .newline { advance() }
            } else if isWord("timeout") || isWord("expires") || isWord("comment") || isWord("packets")
                || isWord("bytes")
                || isWord("used")
            {
                advance()
                advance()
            } else if take("{") {
                isKnown = false
                skipBlock()
            } else {
                isKnown = false
                advance()
            }
        }
        return isKnown
    }
}
