import ClewNet
import ClewSnapshot

extension NftTextParser {
    /// Reads a rule up to the end of its line, a `;` or the brace behind it.
    mutating func readRule(in chain: ChainID) {
        let start = token.kind == .quoted ? token.start - 1 : token.start
        var rule = NftRule(line: token.line)
        var comment: TextRange?
        while token.kind != .end, !isBreak, !isSymbol("}") {
            if isWord("comment"), following.kind == .quoted || following.kind == .word {
                advance()
                comment = range(token.start, token.end)
                rule.comment = string(token)
                advance()
                continue
            }
            let position = token.start
            if !readStatement(&rule) {
                // What is not understood may do anything.
                skipStatement()
                rule.statements.append(.unmodelled(text(from: position, to: lastEnd)))
                break
            }
        }
        if let words = untranslated(), !rule.hasVerdict { rule.statements.append(.unmodelled(words)) }
        builder.add(rule, to: chain, text: range(start, max(start, lastEnd)), comment: comment)
    }

    /// What stands behind a `#` at the end of a rule, but for its handle.
    ///
    /// nft before 1.0.3 prints extensions of iptables that it cannot translate as comments, and what follows them on the
    /// line as well (`xt_stmt_xlate`), so that a rule without a verdict may have lost it there.
    private func untranslated() -> String? {
        var i = lastEnd
        while i < lexer.bytes.count, lexer.bytes[i] == 0x20 || lexer.bytes[i] == 0x09 { i += 1 }
        guard i < lexer.bytes.count, lexer.bytes[i] == UInt8(ascii: "#") else { return nil }
        let end = lexer.bytes[i...].firstIndex(of: UInt8(ascii: "\n")) ?? lexer.bytes.count
        let words = text(from: i, to: min(end, i + 400))
        return words.hasPrefix("# handle ") ? nil : words
    }

    private func range(_ start: Int, _ end: Int) -> TextRange {
        TextRange(offset: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: end - start))
    }

    /// Reads one statement; false where it is not understood.
    private mutating func readStatement(_ rule: inout NftRule) -> Bool {
        if let verdict = verdict() {
            rule.statements.append(.verdict(verdict))
            return true
        }
        guard token.kind == .word else { return readMatch(&rule) }
        let start = token.start
        switch string(token) {
        case "counter", "log", "last", "limit", "quota", "meter", "update", "add", "delete", "xt":
            return readTransparent(&rule)
        case "dnat", "snat", "masquerade", "redirect":
            guard let nat = nat() else { return false }
            rule.statements.append(.nat(nat))
        case "reject": rule.statements.append(reject())
        case "tproxy":
            guard let tproxy = tproxy() else { return false }
            rule.statements.append(tproxy)
        case "notrack":
            advance()
            rule.statements.append(.notrack)
        case "queue":
            while token.kind != .end, !isBreak, !isSymbol("}"), !isWord("comment") { advance() }
            rule.statements.append(.queue(text(from: start, to: lastEnd)))
        case "flow":
            advance()
            guard take(word: "add") || take(word: "offload"), take("@"), name() != nil else { return false }
            rule.statements.append(.unmodelled(text(from: start, to: lastEnd)))
        case "ct" where string(following) == "count":
            guard let limit = limit() else { return false }
            rule.statements.append(.limit(limit))
        default: return readMatch(&rule)
        }
        return true
    }

    /// `accept`, `jump NAME`.
    mutating func verdict() -> NftVerdict? {
        if take(word: "accept") { return .accept }
        if take(word: "drop") { return .drop }
        if take(word: "return") { return .return }
        if take(word: "continue") { return .continue }
        guard isWord("jump") || isWord("goto"), following.kind == .word || following.kind == .quoted else { return nil }
        let isJump = isWord("jump")
        advance()
        let target = string(token)
        advance()
        return isJump ? .jump(target) : .goto(target)
    }

    // MARK: Matches and assignments

    private mutating func readMatch(_ rule: inout NftRule) -> Bool {
        guard let left = expression(.selectors) else { return false }
        if take(word: "vmap") {
            guard let data = expression(.values) else { return false }
            rule.statements.append(.verdictMap(key: left, data: data))
            return true
        }
        if take(word: "set") {
            guard case .selector = left, var value = expression(.both) else { return false }
            if take(word: "map") {
                guard let data = expression(.values) else { return false }
                value = .map(key: value, data: data)
            } else {
                value = list(value)
            }
            // `meta priority set 1:2`
            if take(":") { _ = name() }
            rule.statements.append(.assign(left.description, value))
            return true
        }
        let operation = comparison()
        guard let right = expression(.values) else { return false }
        let values = list(right)
        guard take("/") else {
            rule.statements.append(.match(left, operation, values))
            return true
        }
        // `tcp flags syn / fin,syn,rst,ack`: value and mask.
        guard let mask = expression(.values) else { return false }
        let equality: NftOperator = operation == .implicit ? .equal : operation
        rule.statements.append(.match(.binary(.and, left, list(mask)), equality, values))
        return true
    }

    private mutating func list(_ first: NftNode) -> NftNode {
        guard isSymbol(",") else { return first }
        var nodes = [first]
        while take(",") {
            skipNewlines()
            guard let node = expression(.values) else { break }
            nodes.append(node)
        }
        return .list(nodes)
    }

    private mutating func comparison() -> NftOperator {
        let symbols: [(UInt16, NftOperator)] = [
            (0x3D3D, .equal), (0x3D, .equal), (0x3D21, .notEqual), (0x21, .lacks), (0x3C, .less),
            (0x3D3C, .lessOrEqual), (0x3E, .greater), (0x3D3E, .greaterOrEqual),
        ]
        if token.kind == .symbol, let found = symbols.first(where: { $0.0 == token.symbol }) {
            advance()
            return found.1
        }
        if take(word: "eq") { return .equal }
        if take(word: "ne") || take(word: "neq") { return .notEqual }
        if take(word: "lt") { return .less }
        if take(word: "le") { return .lessOrEqual }
        if take(word: "gt") { return .greater }
        if take(word: "ge") { return .greaterOrEqual }
        return .implicit
    }

    // MARK: Statements that only count, and limits

    private mutating func readTransparent(_ rule: inout NftRule) -> Bool {
        let start = token.start
        switch string(token) {
        case "counter":
            advance()
            if take(word: "name") {
                guard let name = name() else { return false }
                rule.statements.append(.transparent("counter name \"\(name)\""))
                return true
            }
            if take(word: "packets") { advance() }
            if take(word: "bytes") { advance() }
            rule.statements.append(.transparent("counter"))
        case "last":
            advance()
            if take(word: "used"), !take(word: "never") { advance() }
            rule.statements.append(.transparent("last"))
        case "log":
            skipLog()
            rule.statements.append(.transparent(text(from: start, to: lastEnd)))
        case "limit", "quota":
            guard let limit = limit() else { return false }
            rule.statements.append(.limit(limit))
        case "xt":
            advance()
            let isMatch = isWord("match")
            guard take(word: "match") || take(word: "target"), let name = name() else { return false }
            if !isMatch || name != "comment" { rule.statements.append(NftStatement.xt(isMatch: isMatch, name)) }
        default: return readUpdate(&rule)
        }
        return true
    }

    private mutating func skipLog() {
        advance()
        while token.kind == .word {
            switch string(token) {
            case "prefix", "level", "group", "snaplen", "queue-threshold":
                advance()
                advance()
            case "flags":
                repeat {
                    advance()
                    // `tcp sequence,options`, `ip options`
                    if take(word: "tcp") || take(word: "ip") {}
                    advance()
                } while isSymbol(",")
            default: return
            }
        }
    }

    /// `limit rate [over] 10/second burst 5 packets`, `quota over 25 mbytes used 0 bytes`, `ct count over 10`.
    private mutating func limit() -> NftLimit? {
        let start = token.start
        let kind: NftLimit.Kind = isWord("limit") ? .limit : isWord("quota") ? .quota : .connections
        advance()
        if take(word: "name") {
            guard let name = name() else { return nil }
            return NftLimit(kind: kind, matchesBelow: nil, object: name, text: text(from: start, to: lastEnd))
        }
        if kind == .limit { guard take(word: "rate") else { return nil } }
        if kind == .connections { guard take(word: "count") else { return nil } }
        let isOver = isWord("over")
        if isOver || isWord("until") { advance() }
        guard name() != nil else { return nil }
        switch kind {
        case .limit:
            // `1 mbytes/second`, `10 / second`
            if isSymbol("/") {
                advance()
                advance()
            } else if token.kind == .word, string(token).contains("/") {
                advance()
            }
            if take(word: "burst") {
                advance()
                if isWord("packets") || isUnit { advance() }
            }
        case .quota:
            if isUnit { advance() }
            if take(word: "used") {
                advance()
                if isUnit { advance() }
            }
        case .connections, .other: break
        }
        return NftLimit(kind: kind, matchesBelow: !isOver, object: nil, text: text(from: start, to: lastEnd))
    }

    private var isUnit: Bool { isWord("bytes") || isWord("kbytes") || isWord("mbytes") }

    /// `update @set { ip saddr timeout 5s limit rate over 1/second : 5 }`, `meter name { … }`.
    private mutating func readUpdate(_ rule: inout NftRule) -> Bool {
        let start = token.start
        let isMeter = isWord("meter")
        advance()
        guard isMeter || take("@"), let set = name() else { return false }
        if isMeter, take(word: "size") { advance() }
        guard take("{") else { return false }
        var conditions: [NftLimit] = []
        while token.kind != .end, !isSymbol("}") {
            if isWord("limit") || isWord("quota") || isWord("ct") && string(following) == "count" {
                guard let limit = limit() else { return false }
                conditions.append(limit)
            } else if take("{") {
                skipBlock()
            } else {
                advance()
            }
        }
        guard take("}") else { return false }
        if isMeter {
            rule.statements += conditions.map { .limit($0) }
        } else {
            rule.statements.append(.update(set: set, conditions: conditions, text: text(from: start, to: lastEnd)))
        }
        return true
    }

    // MARK: NAT, proxy, reject

    private var isNATFlag: Bool {
        isWord("random") || isWord("fully-random") || isWord("persistent") || isWord("netmap")
    }

    /// `dnat ip to 10.0.0.1:80 random,persistent`.
    private mutating func nat() -> NftNAT? {
        guard let kind = NftNAT.Kind(rawValue: string(token)) else { return nil }
        var nat = NftNAT(kind: kind)
        advance()
        if isWord("ip") || isWord("ip6"), !isSelectorField(following) {
            nat.family = string(token)
            advance()
        }
        while isWord("prefix") || isWord("addr") || isWord("port") || isWord("interval") || isSymbol(".") {
            if isWord("prefix") { nat.isPrefix = true }
            advance()
        }
        let hasTarget = take(word: "to")
        if hasTarget || kind == .dnat || kind == .snat {
            if !isSymbol(":") {
                guard let address = mapped() else { return nil }
                // `redirect to 8080`
                if kind == .redirect || kind == .masquerade { nat.port = address } else { nat.address = address }
            }
            if take(":") {
                guard let port = mapped() else { return nil }
                nat.port = port
            }
        }
        while isNATFlag {
            nat.flags.append(string(token))
            advance()
            _ = take(",")
        }
        return nat
    }

    private func isSelectorField(_ token: NftToken) -> Bool {
        guard token.kind == .word else { return false }
        switch string(token) {
        case "saddr", "daddr", "protocol", "dscp", "nexthdr": return true
        default: return false
        }
    }

    /// A value, or `KEY map { … }`.
    private mutating func mapped() -> NftNode? {
        guard let key = expression(.both) else { return nil }
        guard take(word: "map") else { return key }
        return expression(.values).map { .map(key: key, data: $0) }
    }

    private mutating func tproxy() -> NftStatement? {
        advance()
        var family = ""
        if isWord("ip") || isWord("ip6") {
            family = string(token)
            advance()
        }
        guard take(word: "to") else { return nil }
        var address: NftNode?
        var port: NftNode?
        if !isSymbol(":") {
            guard let node = mapped() else { return nil }
            address = node
        }
        if take(":") {
            guard let node = mapped() else { return nil }
            port = node
        }
        return .tproxy(family: family, address: address, port: port)
    }

    private mutating func reject() -> NftStatement {
        advance()
        guard take(word: "with") else { return .reject(type: "", code: "") }
        if take(word: "tcp") {
            _ = take(word: "reset")
            return .reject(type: "tcp reset", code: "")
        }
        let type = name() ?? "?"
        _ = take(word: "type")
        return .reject(type: type, code: name() ?? "")
    }
}
