import ClewNet
import ClewSnapshot

/// The options of match modules.
extension SaveReader {
    @inline(__always)
    mutating func readMatchOption(_ option: MatchOption, _ start: Int, _ wordEnd: Int) -> Int {
        switch option {
        case .destinationPort where !draft.module.isText, .sourcePort where !draft.module.isText:
            return readPort(wordEnd, isSource: option == .sourcePort)
        case .probability where draft.module == .statistic: return readProbability(wordEnd)
        case .mode where draft.module == .statistic: return value(at: wordEnd).next
        default: return readOtherOption(option, start, wordEnd)
        }
    }

    @inline(never)
    private mutating func readOtherOption(_ option: MatchOption, _ start: Int, _ wordEnd: Int) -> Int {
        let owner = option.owner
        if draft.module.isText, draft.entry >= 0, !leavesText(option, owner, start, wordEnd) {
            return readUnknownOption(start, wordEnd)
        }
        if let owner, owner != draft.module, !isSpokenBy(draft.module, option) {
            draft.module = owner
            draft.entry = -1
            draft.groupStart = draft.optionStart
            draft.groupMatch = builder.out.matches.count
        }
        switch option {
        case .none: return readUnknownOption(start, wordEnd)
        case .source: return readAddress(wordEnd, isSource: true)
        case .destination: return readAddress(wordEnd, isSource: false)
        case .protocolName: return readProtocol(wordEnd)
        case .inputInterface: return readInterface(wordEnd, isInput: true)
        case .outputInterface: return readInterface(wordEnd, isInput: false)
        case .jump: return readTarget(wordEnd, isGoto: false)
        case .goto: return readTarget(wordEnd, isGoto: true)
        case .matchModule: return readModule(wordEnd)
        case .table, .append: return value(at: wordEnd).next
        case .counters: return value(at: value(at: wordEnd).next).next
        case .comment: return readComment(wordEnd)
        case .fragment:
            add(.fragment)
            return wordEnd
        case .ipv4Only, .ipv6Only:
            draft.isIPv6Only = option == .ipv6Only
            return wordEnd
        case .sourcePort, .destinationPort: return readPort(wordEnd, isSource: option == .sourcePort)
        case .syn:
            add(.tcpFlags(mask: 0x17, compare: 0x02))
            return wordEnd
        case .tcpFlags: return readTCPFlags(wordEnd)
        case .limitInterfaceIn, .limitInterfaceOut, .sourceType, .destinationType:
            return readAddressType(option, wordEnd)
        case .matchSet, .returnNoMatch, .updateCounters, .setCounter: return readSet(option, wordEnd)
        case .mode, .probability, .every, .packet: return readStatistic(option, wordEnd)
        case .recentSet where draft.module == .set: return readSet(.matchSet, wordEnd)
        case .recentSet, .recentCheck, .recentUpdate, .recentRemove, .seconds, .hitCount, .reap, .recentTTL,
            .recentName, .recentMask, .recentSource, .recentDestination:
            return readRecent(option, wordEnd)
        case .physdevIn, .physdevOut, .physdevIsIn, .physdevIsOut, .physdevIsBridged:
            return readPhysdev(option, wordEnd)
        case .virtual, .virtualProtocol, .virtualAddress, .virtualPort, .virtualDirection, .virtualMethod,
            .virtualControlPort:
            return readVirtual(option, wordEnd)
        case .loose, .validMark, .acceptLocal, .invert: return readReversePath(option, wordEnd)
        default: return readOneValue(option, wordEnd)
        }
    }

    /// Whether an option ends the text of a module that keeps its options as text.
    private func leavesText(_ option: MatchOption, _ owner: MatchModule?, _ start: Int, _ wordEnd: Int) -> Bool {
        switch owner {
        case .comment, .transport, .icmp, .icmpv6: return true
        case .some(let owner): return draft.loaded & (1 << UInt64(owner.rawValue)) != 0
        // `-m policy` has a --proto of its own.
        case nil: return option != .none && !(option == .protocolName && wordEnd - start == 7)
        }
    }

    /// Options that two modules have under one name.
    private func isSpokenBy(_ module: MatchModule, _ option: MatchOption) -> Bool {
        option == .mark && module == .connmark || option == .recentSet && module == .set
    }

    /// Options with one value and one match.
    private mutating func readOneValue(_ option: MatchOption, _ wordEnd: Int) -> Int {
        var value = value(at: wordEnd)
        if text[value.slice.start] == UInt8(ascii: "!"), value.slice.count > 1 {
            draft.isNegated.toggle()
            value.slice.start += 1
        }
        if let test = test(of: option, value.slice) {
            builder.out.matches.append(Match(test, negated: draft.isNegated))
            if draft.module == .conntrack { noteStateBeside() }
        } else {
            complain(draft.optionStart, value.next, "`\(text.string(value.slice))` cannot be read")
        }
        return value.next
    }

    /// Marks the options of one `-m conntrack` that asks for the state, too.
    private mutating func noteStateBeside() {
        let group = draft.groupMatch..<builder.out.matches.count
        guard group.count > 1 else { return }
        let asksState = group.contains {
            if case .conntrackState = builder.out.matches[$0].test { true } else { false }
        }
        guard asksState else { return }
        for index in group { builder.out.matches[index].isBesideState = true }
    }

    private mutating func test(of option: MatchOption, _ slice: ByteText.Slice) -> MatchTest? {
        let (start, end) = (slice.start, slice.end)
        switch option {
        case .tcpOption: return text.byte(start, end).map { .tcpOption($0) }
        case .icmpType: return ICMPNames.icmp(text, start, end)
        case .icmpv6Type: return ICMPNames.icmpv6(text, start, end)
        case .sourcePorts: return portList(slice).map { .multiport(.source, $0) }
        case .destinationPorts: return portList(slice).map { .multiport(.destination, $0) }
        case .eitherPorts: return portList(slice).map { .multiport(.either, $0) }
        case .mark:
            guard let mark = text.masked(start, end) else { return nil }
            return draft.module == .connmark
                ? .connmark(value: mark.value, mask: mark.mask) : .mark(value: mark.value, mask: mark.mask)
        case .sourceRange, .destinationRange:
            guard let range = text.addressRange(start, end) else { return nil }
            builder.out.addressRanges.append(range)
            let index = PoolIndex<AddressRange>(builder.out.addressRanges.count - 1)
            return option == .sourceRange ? .sourceRange(index) : .destinationRange(index)
        case .macSource:
            guard slice.count < 18, let mac = MACAddress(text.string(slice)) else { return nil }
            builder.out.macs.append(mac)
            return .sourceMAC(PoolIndex(builder.out.macs.count - 1))
        case .length: return text.portRange(start, end).map { .length($0) }
        case .packetType:
            switch text.string(slice).lowercased() {
            case "unicast", "host": return .packetType(.unicast)
            case "broadcast": return .packetType(.broadcast)
            case "multicast": return .packetType(.multicast)
            default: return nil
            }
        case .mss: return text.portRange(start, end).map { .tcpMSS($0) }
        case .ttlEqual: return text.byte(start, end).map { .timeToLive(.equal, $0) }
        case .ttlLess: return text.byte(start, end).map { .timeToLive(.less, $0) }
        case .ttlGreater: return text.byte(start, end).map { .timeToLive(.greater, $0) }
        case .dscp: return text.number(start, end, max: 63).map { .dscp(UInt8($0)) }
        case .dscpClass: return DSCPClasses.value(text.string(slice)).map { .dscp($0) }
        case .tos: return TOSNames.masked(text, start, end).map { .tos(value: $0.value, mask: $0.mask) }
        default: return conntrackTest(option, slice)
        }
    }

    private mutating func conntrackTest(_ option: MatchOption, _ slice: ByteText.Slice) -> MatchTest? {
        let (start, end) = (slice.start, slice.end)
        switch option {
        case .state: return FlagNames.conntrackStates(text, start, end).map { .conntrackState($0) }
        case .conntrackStatus: return FlagNames.conntrackStatus(text, start, end).map { .conntrackStatus($0) }
        case .conntrackProtocol: return text.ipProtocol(start, end).map { .conntrackProtocol($0) }
        case .originalSource: return conntrackAddress(.originalSource, slice)
        case .originalDestination: return conntrackAddress(.originalDestination, slice)
        case .replySource: return conntrackAddress(.replySource, slice)
        case .replyDestination: return conntrackAddress(.replyDestination, slice)
        case .originalSourcePort: return text.portRange(start, end).map { .conntrackPort(.originalSource, $0) }
        case .originalDestinationPort:
            return text.portRange(start, end).map { .conntrackPort(.originalDestination, $0) }
        case .replySourcePort: return text.portRange(start, end).map { .conntrackPort(.replySource, $0) }
        case .replyDestinationPort: return text.portRange(start, end).map { .conntrackPort(.replyDestination, $0) }
        case .conntrackDirection:
            switch text.string(slice).uppercased() {
            case "ORIGINAL": return .conntrackDirection(isReply: false)
            case "REPLY": return .conntrackDirection(isReply: true)
            default: return nil
            }
        default: return nil
        }
    }

    private mutating func conntrackAddress(_ field: ConntrackField, _ slice: ByteText.Slice) -> MatchTest? {
        guard let address = text.maskedAddress(slice.start, slice.end), address.value.family == family else {
            return nil
        }
        builder.out.maskedAddresses.append(address)
        return .conntrackAddress(field, PoolIndex(builder.out.maskedAddresses.count - 1))
    }

    // MARK: Ports

    @inline(__always)
    private mutating func readPort(_ wordEnd: Int, isSource: Bool) -> Int {
        var value = value(at: wordEnd)
        if text[value.slice.start] == UInt8(ascii: "!") {
            draft.isNegated.toggle()
            value.slice.start &+= 1
        }
        guard let range = text.portRange(value.slice.start, value.slice.end) else {
            complain(draft.optionStart, value.next, "`\(text.string(value.slice))` is not a port")
            return value.next
        }
        if range.first == 0, range.last == 65535, !draft.isNegated { return value.next }
        builder.out.matches.append(
            Match(isSource ? .sourcePort(range) : .destinationPort(range), negated: draft.isNegated))
        return value.next
    }

    private mutating func portList(_ slice: ByteText.Slice) -> PoolIndex<PortList>? {
        var ranges: [PortRange] = []
        var start = slice.start
        while start <= slice.end, ranges.count < 16 {
            let comma = text.find(UInt8(ascii: ","), start, slice.end) ?? slice.end
            guard let range = text.portRange(start, comma) else { return nil }
            ranges.append(range)
            start = comma + 1
        }
        guard start > slice.end else { return nil }
        builder.out.portLists.append(PortList(ranges))
        return PoolIndex(builder.out.portLists.count - 1)
    }

    private mutating func readTCPFlags(_ wordEnd: Int) -> Int {
        let mask = value(at: wordEnd)
        let compare = value(at: mask.next)
        if let maskBits = FlagNames.tcpFlags(text, mask.slice.start, mask.slice.end),
            let compareBits = FlagNames.tcpFlags(text, compare.slice.start, compare.slice.end)
        {
            add(.tcpFlags(mask: maskBits, compare: compareBits))
        } else {
            complain(draft.optionStart, compare.next, "TCP flags that are not known")
        }
        return compare.next
    }

    // MARK: Random and counted

    @inline(__always)
    private mutating func readProbability(_ wordEnd: Int) -> Int {
        let value = value(at: wordEnd)
        guard let threshold = text.probability(value.slice.start, value.slice.end) else {
            complain(draft.optionStart, value.next, "`\(text.string(value.slice))` is not a probability")
            return value.next
        }
        builder.out.matches.append(Match(.random(threshold: threshold), negated: draft.isNegated))
        return value.next
    }

    private mutating func readStatistic(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if option == .probability { return readProbability(wordEnd) }
        let value = value(at: wordEnd)
        if option == .mode { return value.next }
        guard let number = text.u32(value.slice.start, value.slice.end) else {
            complain(draft.optionStart, value.next, "`\(text.string(value.slice))` is not a number")
            return value.next
        }
        if option == .every, number > 0 {
            add(.nth(every: number, first: 0))
            draft.entry = builder.out.matches.count - 1
        } else if option == .packet, draft.entry >= 0, draft.entry < builder.out.matches.count,
            case .nth(let every, _) = builder.out.matches[draft.entry].test
        {
            builder.out.matches[draft.entry].test = .nth(every: every, first: number)
        } else {
            complain(draft.optionStart, value.next, "--packet needs --every before it")
        }
        return value.next
    }
}
