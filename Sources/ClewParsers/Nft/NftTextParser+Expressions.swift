import ClewNet

extension NftTextParser {
    /// Where a word can be a selector, a value, or either.
    enum Words { case selectors, values, both }

    mutating func expression(isValue: Bool) -> NftNode? { expression(isValue ? .values : .selectors) }

    /// Parts joined by ` . `; `nil`, with nothing more read than what was understood, where no expression begins.
    mutating func expression(_ words: Words) -> NftNode? {
        guard depth < Self.depthLimit else { return nil }
        depth += 1
        defer { depth -= 1 }
        guard let first = binary(words, level: 0) else { return nil }
        guard isSymbol(".") else { return first }
        var parts = [first]
        while take(".") {
            guard let part = binary(words, level: 0) else { return nil }
            parts.append(part)
        }
        return .concat(parts)
    }

    private static let levels: [[(symbol: UInt16, word: StaticString, operation: NftBinary)]] = [
        [(0x7C, "or", .or)], [(0x5E, "xor", .xor)], [(0x26, "and", .and)],
        [(0x3C3C, "lshift", .shiftLeft), (0x3E3E, "rshift", .shiftRight)],
    ]

    /// `|` binds weakest, then `^`, `&`, shifts (`src/parser_bison.y`).
    private mutating func binary(_ words: Words, level: Int) -> NftNode? {
        guard level < Self.levels.count else { return primary(words) }
        guard var left = binary(words, level: level + 1) else { return nil }
        // Each operator nests the expression one deeper.
        var operators = 0
        while let operation = Self.levels[level].first(where: { candidate in
            token.kind == .symbol ? token.symbol == candidate.symbol : isWord(candidate.word)
        })?.operation {
            operators += 1
            guard operators <= Self.depthLimit else { return nil }
            advance()
            guard let right = binary(words == .selectors ? .values : words, level: level + 1) else { return nil }
            left = .binary(operation, left, right)
        }
        return left
    }

    private mutating func primary(_ words: Words) -> NftNode? {
        switch token.kind {
        case .end, .newline: return nil
        case .quoted:
            guard words != .selectors else { return nil }
            let word = string(token)
            advance()
            return rangeEnd(.word(word))
        case .symbol: return bracketed(words)
        case .word:
            if words != .values, let selector = selector() { return selector }
            guard words != .selectors else { return nil }
            let word = string(token)
            advance()
            return rangeEnd(Self.value(word))
        }
    }

    private mutating func bracketed(_ words: Words) -> NftNode? {
        if take("(") {
            let inner = expression(words)
            return take(")") ? inner : nil
        }
        if isSymbol("@") { return reference(words) }
        guard words != .selectors else { return nil }
        if take("{") { return .set(items()) }
        if take("[") {
            let inner = expression(.values)
            return take("]") ? inner : nil
        }
        return nil
    }

    /// `@set`, or `@th,16,16`: bits of a header.
    private mutating func reference(_ words: Words) -> NftNode? {
        let start = token.start
        advance()
        guard let name = name() else { return nil }
        guard words != .values, isSymbol(","), ["ll", "nh", "th", "ih"].contains(name) else { return .setName(name) }
        advance()
        _ = self.name()
        if take(",") { _ = self.name() }
        return .other(text(from: start, to: lastEnd))
    }

    /// `"10:00"-"12:00"`, `1 - 5`.
    private mutating func rangeEnd(_ first: NftNode) -> NftNode {
        guard isSymbol("-"), following.kind == .word || following.kind == .quoted else { return first }
        advance()
        let last = string(token)
        advance()
        return .range(first, .word(last))
    }

    /// A word as a value: an address, a prefix, a range, a number or a symbol.
    static func value(_ word: String) -> NftNode {
        switch word {
        case "exists": return .presence(true)
        case "missing": return .presence(false)
        default: break
        }
        if word.hasPrefix("$") { return .other(word) }
        if let slash = word.lastIndex(of: "/"), let length = UInt8(word[word.index(after: slash)...]),
            IPAddress(String(word[..<slash])) != nil
        {
            return .prefix(.word(String(word[..<slash])), length: length)
        }
        if let hyphen = word.firstIndex(of: "-") {
            let (first, last) = (String(word[..<hyphen]), String(word[word.index(after: hyphen)...]))
            if isPlain(first), isPlain(last) { return .range(.word(first), .word(last)) }
        }
        return .word(word)
    }

    private static func isPlain(_ word: String) -> Bool {
        NftDatatype.number(word) != nil || IPAddress(word) != nil
    }

    // MARK: Selectors

    private static let bareMetaKeys: Set<String> = [
        "mark", "iif", "iifname", "iiftype", "iifkind", "iifgroup", "oif", "oifname", "oiftype", "oifkind", "oifgroup",
        "skuid", "skgid", "nftrace", "rtclassid", "ibriport", "ibrname", "ibrvproto", "ibrpvid", "obriport", "obrname",
        "ibridgename", "obridgename", "pkttype", "cpu", "cgroup", "priority", "length", "protocol", "l4proto",
        "nfproto", "secpath", "random", "sdif", "sdifname",
    ]
    private static let headers: Set<String> = [
        "ether", "vlan", "arp", "ip", "ip6", "icmp", "icmpv6", "igmp", "tcp", "udp", "udplite", "sctp", "dccp", "th",
        "ah", "esp", "comp", "gre", "gretap", "geneve", "vxlan", "hbh", "dst", "mh", "frag",
    ]

    /// What a packet is asked for; `nil`, with nothing read, where the word begins no selector.
    private mutating func selector() -> NftNode? {
        let head = string(token)
        let start = token.start
        switch head {
        case "meta": return words(head, 1)
        case "ct": return connection()
        case "fib": return fib()
        case "numgen": return numgen()
        case "jhash", "symhash":
            advance()
            if head == "jhash" { _ = expression(.selectors) }
            while isWord("mod") || isWord("seed") || isWord("offset") {
                advance()
                advance()
            }
            return .other(text(from: start, to: lastEnd))
        case "socket":
            guard let selector = words(head, 1) else { return nil }
            if take(word: "level") { advance() }
            return selector
        case "osf":
            advance()
            if take(word: "ttl") { advance() }
            return name().map { .selector("osf " + $0) }
        case "ipsec":
            advance()
            _ = name()
            if take(word: "spnum") { advance() }
            if isWord("ip") || isWord("ip6") { advance() }
            guard name() != nil else { return nil }
            return .other(text(from: start, to: lastEnd))
        case "rt": return following.kind == .word ? route() : nil
        case "exthdr": return option(head, 1)
        default: break
        }
        if Self.headers.contains(head) { return header(head) }
        if Self.bareMetaKeys.contains(head) {
            advance()
            return .selector("meta " + head)
        }
        return nil
    }

    /// A head and as many words behind it.
    private mutating func words(_ head: String, _ count: Int) -> NftNode? {
        guard following.kind == .word else { return nil }
        advance()
        var all = [head]
        for _ in 0..<count {
            guard token.kind == .word else { break }
            all.append(string(token))
            advance()
        }
        return .selector(all.joined(separator: " "))
    }

    private mutating func header(_ head: String) -> NftNode? {
        guard following.kind == .word else { return nil }
        let next = string(following)
        switch (head, next) {
        case ("tcp", "option"), ("ip", "option"), ("dccp", "option"), ("sctp", "chunk"): return option(head, 2)
        case ("arp", "saddr"), ("arp", "daddr"): return words(head, 2)
        case ("vxlan", _), ("geneve", _), ("gre", _), ("gretap", _):
            return words(head, Self.headers.contains(next) ? 2 : 1)
        default: return words(head, 1)
        }
    }

    private static let optionFields: Set<String> = [
        "kind", "length", "size", "count", "left", "right", "tsval", "tsecr", "type", "ptr", "addr", "value", "flags",
        "tsn", "stream", "ssn", "ppid", "nexthdr", "hdrlength", "frag-off", "reserved", "more-fragments", "id",
        "subtype",
    ]

    /// `tcp option maxseg size`, `exthdr hbh`: a name, and maybe a field of it.
    private mutating func option(_ head: String, _ count: Int) -> NftNode? {
        guard case .selector(let name)? = words(head, count) else { return nil }
        guard token.kind == .word, Self.optionFields.contains(string(token)) else { return .selector(name) }
        let field = string(token)
        advance()
        return .selector(name + " " + field)
    }

    private mutating func route() -> NftNode? {
        let next = string(following)
        return words("rt", next == "ip" || next == "ip6" ? 2 : 1)
    }

    private mutating func connection() -> NftNode? {
        guard following.kind == .word else { return nil }
        advance()
        var all = ["ct"]
        if isWord("original") || isWord("reply") {
            all.append(string(token))
            advance()
            if isWord("ip") || isWord("ip6") {
                all.append(string(token))
                advance()
            }
        }
        guard token.kind == .word else { return nil }
        all.append(string(token))
        advance()
        return .selector(all.joined(separator: " "))
    }

    /// `fib daddr . iif type`.
    private mutating func fib() -> NftNode? {
        guard following.kind == .word else { return nil }
        var flags: [String] = []
        repeat {
            advance()
            guard token.kind == .word else { return nil }
            flags.append(string(token))
            advance()
        } while isSymbol(".")
        guard let result = name() else { return nil }
        return .selector(NftNode.fib(flags, result))
    }

    private mutating func numgen() -> NftNode? {
        guard following.kind == .word else { return nil }
        advance()
        let isRandom = isWord("random")
        advance()
        guard take(word: "mod"), let modulus = name().flatMap({ UInt32($0) }) else { return nil }
        var offset: UInt32 = 0
        if take(word: "offset") {
            guard let value = name().flatMap({ UInt32($0) }) else { return nil }
            offset = value
        }
        return .numgen(isRandom: isRandom, modulus: modulus, offset: offset)
    }
}
