import ClewNet
import ClewSnapshot

/// The options of the rule itself: addresses, interfaces, protocol, modules, comments.
extension SaveReader {
    @inline(__always)
    mutating func add(_ test: MatchTest) {
        builder.out.matches.append(Match(test, negated: draft.isNegated))
    }

    // MARK: Addresses

    @inline(__always)
    mutating func readAddress(_ wordEnd: Int, isSource: Bool) -> Int {
        var value = value(at: wordEnd)
        if text[value.slice.start] == UInt8(ascii: "!") {
            draft.isNegated.toggle()
            value.slice.start &+= 1
        }
        if family == .ipv4, let (address, mask) = text.maskedIPv4(value.slice.start, value.slice.end) {
            if mask != 0 || draft.isNegated {
                add(isSource ? .source4(value: address, mask: mask) : .destination4(value: address, mask: mask))
            }
            return value.next
        }
        readRareAddress(value, isSource: isSource)
        return value.next
    }

    @inline(never)
    private mutating func readRareAddress(_ value: Value, isSource: Bool) {
        if text.find(UInt8(ascii: ","), value.slice.start, value.slice.end) != nil, !draft.isNegated {
            var addresses: [MaskedAddress] = []
            var start = value.slice.start
            while start <= value.slice.end, addresses.count < 1024 {
                let comma = text.find(UInt8(ascii: ","), start, value.slice.end) ?? value.slice.end
                guard let address = text.maskedAddress(start, comma), address.value.family == family else { break }
                addresses.append(address)
                start = comma + 1
            }
            let others = isSource ? draft.destinations.count : draft.sources.count
            if start > value.slice.end, addresses.count * max(1, others) <= 65536 {
                if isSource { draft.sources = addresses } else { draft.destinations = addresses }
                return
            }
        } else if let address = text.maskedAddress(value.slice.start, value.slice.end) {
            guard address.value.family != family else {
                return addAddress(address, isSource: isSource, negated: draft.isNegated)
            }
            let reason = "an address of the other family: \(text.string(value.slice))"
            return complain(draft.optionStart, value.next, reason)
        }
        complain(draft.optionStart, value.next, "`\(text.string(value.slice))` is not an address")
    }

    mutating func addAddress(_ address: MaskedAddress, isSource: Bool, negated: Bool) {
        guard !address.mask.isZero || negated else { return }
        let test: MatchTest
        if address.value.family == .ipv4 {
            let (value, mask) = (address.value.v4, address.mask.v4)
            test = isSource ? .source4(value: value, mask: mask) : .destination4(value: value, mask: mask)
        } else {
            let index = PoolIndex<MaskedAddress>(builder.out.maskedAddresses.count)
            builder.out.maskedAddresses.append(address)
            test = isSource ? .source(index) : .destination(index)
        }
        builder.out.matches.append(Match(test, negated: negated))
    }

    // MARK: Interfaces and protocols

    mutating func interfacePattern(_ slice: ByteText.Slice) -> InterfacePattern {
        let isPrefix = !slice.isEmpty && text[slice.end &- 1] == UInt8(ascii: "+")
        let name = text.string(slice.start, isPrefix ? slice.end &- 1 : slice.end)
        return InterfacePattern(name: builder.intern(name), isPrefix: isPrefix)
    }

    mutating func readInterface(_ wordEnd: Int, isInput: Bool) -> Int {
        var value = value(at: wordEnd)
        if text[value.slice.start] == UInt8(ascii: "!") {
            draft.isNegated.toggle()
            value.slice.start &+= 1
        }
        guard !value.slice.isEmpty, value.slice.count < 256 else {
            complain(draft.optionStart, value.next, "an interface without a name")
            return value.next
        }
        let pattern = interfacePattern(value.slice)
        if pattern.isPrefix, builder.out.name(pattern.name).isEmpty, !draft.isNegated { return value.next }
        add(isInput ? .inputInterface(pattern) : .outputInterface(pattern))
        return value.next
    }

    @inline(__always)
    mutating func readProtocol(_ wordEnd: Int) -> Int {
        let start = wordEnd &+ 1
        // "tcp " and "udp ".
        let word = text.word(at: start, length: 4)
        if text[wordEnd] == 32, word == 0x2070_6374 || word == 0x2070_6475 {
            add(.ipProtocol(word == 0x2070_6374 ? .tcp : .udp))
            return start &+ 3
        }
        return readRareProtocol(wordEnd)
    }

    @inline(never)
    private mutating func readRareProtocol(_ wordEnd: Int) -> Int {
        var value = value(at: wordEnd)
        if text[value.slice.start] == UInt8(ascii: "!") {
            draft.isNegated.toggle()
            value.slice.start &+= 1
        }
        guard value.slice.count < 32 else {
            complain(draft.optionStart, value.next, "a protocol's name is shorter")
            return value.next
        }
        let name = text.string(value.slice).lowercased()
        if name == "all" || name == "any" || name == "ip" || name == "0" {
            if draft.isNegated { complain(draft.optionStart, value.next, "`! -p all` matches nothing") }
        } else if let found = text.ipProtocol(value.slice.start, value.slice.end) {
            add(.ipProtocol(found))
        } else {
            complain(draft.optionStart, value.next, "`\(name)` is not a protocol")
        }
        return value.next
    }

    // MARK: Modules

    @inline(__always)
    mutating func readModule(_ wordEnd: Int) -> Int {
        let start = text.skipBlanks(wordEnd)
        let end = text.wordEnd(from: start)
        draft.groupStart = draft.optionStart
        draft.groupMatch = builder.out.matches.count
        draft.entry = -1
        let word = text.word(at: start, length: end &- start)
        if word == 0x74_6E65_6D6D_6F63, end &- start == 7 {
            draft.module = .comment
        } else if (word == 0x70_6374 || word == 0x70_6475) && end &- start == 3 {
            draft.module = .transport
        } else {
            return readOtherModule(start, end)
        }
        return end
    }

    private mutating func readOtherModule(_ start: Int, _ end: Int) -> Int {
        guard end > start else {
            complain(draft.groupStart, end, "-m without a name")
            return end
        }
        let module = MatchModule(rawValue: modules.value(text, start, end)) ?? .none
        draft.module = module == .none ? .generic : module
        draft.loaded |= 1 << UInt64(draft.module.rawValue)
        if draft.module.isText { openGroup(to: end) }
        if draft.module == .reversePath {
            add(.reversePath([]))
            draft.entry = builder.out.matches.count &- 1
        }
        return end
    }

    /// Begins a match whose options are kept as text.
    private mutating func openGroup(to end: Int) {
        let range = ByteText.Slice(start: draft.groupStart, end: end).range
        let kind: StatefulMatch.Kind
        switch draft.module {
        case .limit: kind = .limit
        case .hashlimit: kind = .hashlimit
        case .connlimit: kind = .connlimit
        case .quota: kind = .quota
        default:
            draft.entry = builder.out.unmodelled.count
            builder.out.unmodelled.append(range)
            let index = PoolIndex<TextRange>(draft.entry)
            let test: MatchTest =
                switch draft.module {
                case .nfacct: .always(index)
                case .extensionHeader: .extensionHeader(index)
                default: .unmodelled(index)
                }
            builder.out.matches.append(Match(test))
            return
        }
        draft.entry = builder.out.states.count
        builder.out.states.append(StatefulMatch(kind: kind, text: range))
        builder.out.matches.append(Match(.stateful(PoolIndex(draft.entry))))
    }

    /// Counts everything up to `end` to the text of the module being read.
    mutating func extendGroup(to end: Int) {
        guard draft.entry >= 0 else { return }
        let range = ByteText.Slice(start: draft.groupStart, end: end).range
        switch draft.module {
        case .limit, .hashlimit, .connlimit, .quota, .recent:
            if draft.entry < builder.out.states.count { builder.out.states[draft.entry].text = range }
        case .generic, .nfacct, .extensionHeader:
            if draft.entry < builder.out.unmodelled.count { builder.out.unmodelled[draft.entry] = range }
        default: break
        }
    }

    // MARK: Comments

    @inline(__always)
    mutating func readComment(_ wordEnd: Int) -> Int {
        let value = value(at: wordEnd)
        var next = value.next
        var slice = value.slice
        let isQuoted = slice.start > 0 && next > slice.end
        if !isQuoted {
            // Without quotes a comment may still have several words.
            while true {
                let position = text.skipBlanks(next)
                if text[position] == ByteText.newline || startsOption(position) { break }
                next = text.wordEnd(from: position)
                slice.end = next
            }
            if text[slice.start] == UInt8(ascii: "\""), slice.start == value.slice.start {
                complain(draft.optionStart, next, "a comment whose quotes do not end")
            }
        }
        if draft.comment.isEmpty { draft.comment = slice.range }
        return next
    }
}
