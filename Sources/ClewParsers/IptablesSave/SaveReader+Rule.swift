import ClewNet
import ClewSnapshot

/// A rule: `-A CHAIN` and options up to the end of the line.
extension SaveReader {
    /// Reads a rule; the result is the offset of its line's newline.
    ///
    /// `position` is 1 for `-I`, `nil` for `-A`.
    mutating func readRule(_ start: Int, chainAt: Int, position: Int?) -> Int {
        let name = text.skipBlanks(chainAt)
        let nameEnd = text.wordEnd(from: name)
        guard nameEnd > name, nameEnd &- name < 256, let chain = builder.chainOfRule(name, nameEnd, line: line) else {
            let lineEnd = text.lineEnd(from: start)
            builder.fail(line, start, lineEnd, "a rule without a chain")
            return lineEnd
        }
        let firstMatch = builder.out.matches.count
        beginDraft(start)
        var options = nameEnd
        if position != nil {
            let next = text.skipBlanks(nameEnd)
            let end = text.wordEnd(from: next)
            if let number = text.port(next, end) {
                options = end
                addEdit(position: Int(number), chain: chain)
            } else {
                addEdit(position: 1, chain: chain)
            }
        }
        let lineEnd = readOptions(from: options)
        finishRule(start, lineEnd, chain: chain, firstMatch: firstMatch)
        return lineEnd
    }

    private mutating func addEdit(position: Int, chain: Int) {
        builder.edits.append(
            .init(
                kind: .insert(position: position), chain: ChainID(rawValue: UInt32(chain)),
                before: UInt32(builder.out.rules.count)))
    }

    @inline(__always)
    private mutating func beginDraft(_ start: Int) {
        draft.ruleStart = start
        draft.isReported = false
        draft.loaded = 0
        draft.isNegated = false
        draft.module = .none
        draft.entry = -1
        draft.comment = .none
        draft.target.word = .none
        draft.target.plain = .none
        draft.target.chain.end = draft.target.chain.start
        if !draft.sources.isEmpty { draft.sources = [] }
        if !draft.destinations.isEmpty { draft.destinations = [] }
        draft.isIPv6Only = nil
    }

    @inline(__always)
    private mutating func finishRule(_ start: Int, _ lineEnd: Int, chain: Int, firstMatch: Int) {
        var textEnd = lineEnd
        while textEnd > start, text[textEnd &- 1] <= 32 { textEnd &-= 1 }
        let count = builder.out.matches.count &- firstMatch
        guard count <= Int(UInt16.max) else {
            builder.out.matches.removeLast(count)
            let reason = "a rule with more than 65535 matches"
            builder.fail(line, start, lineEnd, reason, isKept: true)
            addUnmodelled(start, textEnd)
            appendRule(start, textEnd, chain: chain, firstMatch: firstMatch)
            return
        }
        if let isIPv6Only = draft.isIPv6Only, isIPv6Only != (family == .ipv6) { return }
        if draft.sources.isEmpty, draft.destinations.isEmpty {
            appendRule(start, textEnd, chain: chain, firstMatch: firstMatch)
        } else {
            appendProduct(start, textEnd, chain: chain, firstMatch: firstMatch)
        }
    }

    @inline(__always)
    private mutating func appendRule(_ start: Int, _ textEnd: Int, chain: Int, firstMatch: Int) {
        let target = draft.target.word == .none ? draft.target.plain : finishTarget()
        if !draft.target.chain.isEmpty {
            builder.addJump(to: draft.target.chain, isGoto: draft.target.isGoto, line: line)
        }
        builder.append(
            Rule(
                firstMatch: UInt32(truncatingIfNeeded: firstMatch),
                matchCount: UInt16(truncatingIfNeeded: builder.out.matches.count &- firstMatch), target: target,
                line: line, text: ruleText(start, textEnd), comment: draft.comment),
            to: chain)
    }

    /// One rule for each pair of a source and a destination, as `-s a,b -d c,d` is loaded.
    private mutating func appendProduct(_ start: Int, _ textEnd: Int, chain: Int, firstMatch: Int) {
        let common = Array(builder.out.matches[firstMatch...])
        builder.out.matches.removeLast(common.count)
        let sources: [MaskedAddress?] = draft.sources.isEmpty ? [nil] : draft.sources
        let destinations: [MaskedAddress?] = draft.destinations.isEmpty ? [nil] : draft.destinations
        for source in sources {
            for destination in destinations {
                let first = builder.out.matches.count
                if let source { addAddress(source, isSource: true, negated: false) }
                if let destination { addAddress(destination, isSource: false, negated: false) }
                builder.out.matches += common
                appendRule(start, textEnd, chain: chain, firstMatch: first)
            }
        }
    }

    /// The rule's words; a listing's row stands for its translation.
    @inline(__always)
    private func ruleText(_ start: Int, _ end: Int) -> TextRange {
        if start >= self.end, let row = listingRow { return row }
        return ByteText.Slice(start: start, end: end).range
    }

    // MARK: Options

    @inline(__always)
    private mutating func readOptions(from start: Int) -> Int {
        var position = start
        while true {
            position = text.skipBlanks(position)
            let byte = text[position]
            if byte == UInt8(ascii: "-") {
                if !draft.isNegated { draft.optionStart = position }
                let wordEnd = text.wordEnd(from: position)
                position =
                    wordEnd &- position == 2 ? readShort(position, wordEnd) : readLong(position, wordEnd)
                draft.isNegated = false
            } else if byte == ByteText.newline {
                if draft.isNegated { complain(draft.optionStart, position, "nothing stands behind !") }
                return position
            } else if byte == UInt8(ascii: "!"), text[position &+ 1] <= 32 {
                if !draft.isNegated { draft.optionStart = position }
                draft.isNegated.toggle()
                position &+= 1
            } else {
                position = readStray(position)
            }
        }
    }

    /// A word that no option takes: the value of an option that is kept as text, or an error.
    private mutating func readStray(_ start: Int) -> Int {
        let value = value(at: start)
        if draft.isNegated { draft.isNegated = false }
        if draft.module.isText, draft.entry >= 0 {
            extendGroup(to: value.next)
        } else if draft.target.word != .none, draft.module == .none {
            draft.target.end = value.next
            if !draft.target.word.isText { draft.target.isUnmodelled = true }
        } else {
            complain(start, value.next, "`\(text.string(value.slice))` belongs to no option")
        }
        return value.next
    }

    @inline(__always)
    private mutating func readShort(_ start: Int, _ wordEnd: Int) -> Int {
        switch text[start &+ 1] {
        case UInt8(ascii: "m"):
            return readModule(wordEnd)
        case UInt8(ascii: "j"):
            return readTarget(wordEnd, isGoto: false)
        case UInt8(ascii: "s"):
            return readAddress(wordEnd, isSource: true)
        case UInt8(ascii: "d"):
            return readAddress(wordEnd, isSource: false)
        case UInt8(ascii: "p"):
            return readProtocol(wordEnd)
        default:
            return readRareShort(start, wordEnd)
        }
    }

    @inline(never)
    private mutating func readRareShort(_ start: Int, _ wordEnd: Int) -> Int {
        switch text[start &+ 1] {
        case UInt8(ascii: "i"): return readInterface(wordEnd, isInput: true)
        case UInt8(ascii: "o"): return readInterface(wordEnd, isInput: false)
        case UInt8(ascii: "g"): return readTarget(wordEnd, isGoto: true)
        case UInt8(ascii: "f"):
            add(.fragment)
            return wordEnd
        case UInt8(ascii: "c"):
            let packets = value(at: wordEnd)
            return text.find(UInt8(ascii: ","), packets.slice.start, packets.slice.end) != nil
                ? packets.next : value(at: packets.next).next
        case UInt8(ascii: "t"): return value(at: wordEnd).next
        case UInt8(ascii: "4"), UInt8(ascii: "6"):
            draft.isIPv6Only = text[start &+ 1] == UInt8(ascii: "6")
            return wordEnd
        case UInt8(ascii: "w"), UInt8(ascii: "v"), UInt8(ascii: "n"): return wordEnd
        default: return readUnknownOption(start, wordEnd)
        }
    }

    @inline(__always)
    private mutating func readLong(_ start: Int, _ wordEnd: Int) -> Int {
        // "--commen", the option that most rules have.
        if text.word(at: start) == 0x6E65_6D6D_6F63_2D2D, wordEnd &- start == 9 { return readComment(wordEnd) }
        if draft.target.word != .none, draft.module == .none { return readTargetOption(start, wordEnd) }
        let option = MatchOption(rawValue: matchOptions.value(text, start, wordEnd)) ?? .none
        if option == .none, draft.target.word != .none, targetOptions.value(text, start, wordEnd) != 0 {
            return readTargetOption(start, wordEnd)
        }
        return readMatchOption(option, start, wordEnd)
    }

    // MARK: Values

    struct Value {
        var slice: ByteText.Slice
        /// Where the words behind it begin.
        var next: Int
    }

    /// The word behind `offset`, or what stands between quotes; `! value` of old versions negates the option.
    @inline(__always)
    mutating func value(at offset: Int) -> Value {
        var start = text.skipBlanks(offset)
        if text[start] == UInt8(ascii: "!"), text[start &+ 1] <= 32, text[start &+ 1] != ByteText.newline {
            draft.isNegated.toggle()
            start = text.skipBlanks(start &+ 1)
        }
        return plainValue(at: start)
    }

    @inline(__always)
    func plainValue(at start: Int) -> Value {
        let byte = text[start]
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            if let close = text.closingQuote(byte, from: start &+ 1) {
                return Value(slice: .init(start: start &+ 1, end: close), next: close &+ 1)
            }
        }
        let end = text.wordEnd(from: start)
        return Value(slice: .init(start: start, end: end), next: end)
    }

    // MARK: What could not be read

    /// Keeps the rule, with a match that says nothing, and notes the place; once for a rule.
    @inline(never)
    mutating func complain(_ start: Int, _ end: Int, _ reason: String) {
        addUnmodelled(start, end)
        guard !draft.isReported else { return }
        draft.isReported = true
        if let row = listingRow {
            builder.fail(line, Int(row.offset), Int(row.offset) + Int(row.length), reason, isKept: true)
        } else {
            builder.fail(line, draft.ruleStart, text.lineEnd(from: start), reason, isKept: true)
        }
    }

    mutating func addUnmodelled(_ start: Int, _ end: Int) {
        builder.out.unmodelled.append(ByteText.Slice(start: start, end: end).range)
        builder.out.matches.append(Match(.unmodelled(PoolIndex(builder.out.unmodelled.count - 1))))
    }

    /// An option of no module known: it takes the words up to the next option.
    @inline(never)
    mutating func readUnknownOption(_ start: Int, _ wordEnd: Int) -> Int {
        let begin = draft.isNegated ? draft.optionStart : start
        var next = wordEnd
        while true {
            let position = text.skipBlanks(next)
            let byte = text[position]
            if byte == ByteText.newline || startsOption(position) { break }
            next = plainValue(at: position).next
        }
        if draft.module.isText, draft.entry >= 0 {
            extendGroup(to: next)
            noteLimit(start, wordEnd)
            noteHeader(next)
        } else if draft.target.word != .none, draft.module == .none {
            draft.target.end = next
            if !draft.target.word.isText { draft.target.isUnmodelled = true }
        } else {
            addUnmodelled(begin, next)
        }
        return next
    }

    /// Which side of its limit `hashlimit`, `connlimit` or `quota` matches.
    private mutating func noteLimit(_ start: Int, _ wordEnd: Int) {
        guard draft.module == .hashlimit || draft.module == .connlimit || draft.module == .quota else { return }
        guard draft.entry < builder.out.states.count else { return }
        switch text.string(start, wordEnd) {
        case "--hashlimit-above", "--connlimit-above":
            builder.out.states[draft.entry].matchesBelowLimit = draft.isNegated
        case "--hashlimit-upto", "--hashlimit", "--connlimit-upto", "--quota":
            builder.out.states[draft.entry].matchesBelowLimit = !draft.isNegated
        default: break
        }
    }

    /// Makes `ipv6header` unknown where it can hold for a packet without extension headers.
    private mutating func noteHeader(_ end: Int) {
        guard draft.module == .extensionHeader, let last = builder.out.matches.indices.last else { return }
        let group = text.string(draft.groupStart, end)
        guard group.contains("ipv6header"), group.contains("!") || group.contains("no") || group.contains("prot"),
            case .extensionHeader(let index) = builder.out.matches[last].test
        else { return }
        builder.out.matches[last].test = .unmodelled(index)
    }

    /// Whether `-x`, `--word` or a `!` before one begins at `offset`; a negative number or `->` does not.
    func startsOption(_ offset: Int) -> Bool {
        var position = offset
        if text[position] == UInt8(ascii: "!"), text[position &+ 1] <= 32 {
            position = text.skipBlanks(position &+ 1)
        }
        guard text[position] == UInt8(ascii: "-") else { return false }
        let next = text[position &+ 1]
        return next == UInt8(ascii: "-") ? text[position &+ 2] | 0x20 &- 97 < 26 : next | 0x20 &- 97 < 26
    }
}
