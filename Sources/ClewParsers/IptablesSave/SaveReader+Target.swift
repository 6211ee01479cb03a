import ClewNet
import ClewSnapshot

/// `-j`, `-g` and the options of targets.
extension SaveReader {
    @inline(__always)
    mutating func readTarget(_ wordEnd: Int, isGoto: Bool) -> Int {
        let start = text.skipBlanks(wordEnd)
        let end = text.wordEnd(from: start)
        draft.module = .none
        draft.entry = -1
        guard end > start, end &- start < 256 else {
            complain(draft.optionStart, end, "-j without a target")
            draft.target.word = .none
            draft.target.chain.end = draft.target.chain.start
            draft.target.plain = textTarget(start: draft.optionStart, end: end) { .unmodelled($0) }
            return end
        }
        let found = isGoto ? 0 : targets.value(text, start, end)
        if found == 0 {
            draft.target.chain = ByteText.Slice(start: start, end: end)
            draft.target.isGoto = isGoto
            draft.target.word = .none
            return end
        }
        beginTarget(TargetWord(rawValue: found) ?? .none, end)
        return end
    }

    private static let blankTarget = TargetDraft()

    private mutating func beginTarget(_ word: TargetWord, _ end: Int) {
        draft.target.word = .none
        draft.target.chain.end = draft.target.chain.start
        switch word {
        case .accept: draft.target.plain = .accept
        case .drop: draft.target.plain = .drop
        case .return: draft.target.plain = .return
        case .notrack: draft.target.plain = .notrack
        case .dnat, .snat, .masquerade, .redirect, .netmap, .reject, .mark, .connmark, .ct, .tproxy, .tcpMSS, .ttl,
            .tos, .dscp, .set, .transparent, .nfqueue, .queue, .unmodelled, .none:
            draft.target = Self.blankTarget
            if draft.setTarget != nil { draft.setTarget = nil }
            draft.target.word = word
            draft.target.start = draft.optionStart
            draft.target.end = end
            switch word {
            case .snat: draft.target.nat.kind = .source
            case .masquerade: draft.target.nat.kind = .masquerade
            case .redirect: draft.target.nat.kind = .redirect
            case .netmap: draft.target.nat.kind = .netmap
            case .connmark:
                draft.target.mask = .max
                draft.target.secondMask = .max
            default: break
            }
        }
    }

    // MARK: Options

    mutating func readTargetOption(_ start: Int, _ wordEnd: Int) -> Int {
        if draft.target.word == .dnat, let end = readPlainDNAT(start, wordEnd) { return end }
        let option = TargetOption(rawValue: targetOptions.value(text, start, wordEnd)) ?? .none
        if draft.target.word.isText { return readUnknownOption(start, wordEnd) }
        let next: Int
        switch option {
        case .none: return readUnknownOption(start, wordEnd)
        case .random, .fullyRandom, .persistent, .saveMark, .restoreMark, .notrack, .clampMSS, .exist:
            readFlag(option)
            next = wordEnd
        case .addSet, .deleteSet, .mapSet:
            let name = value(at: wordEnd)
            let directions = value(at: name.next)
            next = directions.next
            if let reference = setReference(name, directions) {
                let action: SetTarget.Action = option == .addSet ? .add : option == .deleteSet ? .delete : .map
                if draft.setTarget != nil { draft.target.isUnmodelled = true }
                draft.setTarget = SetTarget(action: action, set: reference)
            } else {
                targetComplain(start, next)
            }
        default:
            let value = value(at: wordEnd)
            next = value.next
            if draft.isNegated || !readTargetValue(option, value.slice) { targetComplain(start, next) }
        }
        draft.target.end = next
        return next
    }

    /// `--to-destination 10.0.0.1:80` at the end of the line, as nearly every DNAT rule has it.
    @inline(__always)
    private mutating func readPlainDNAT(_ start: Int, _ wordEnd: Int) -> Int? {
        // "--to-des"
        guard family == .ipv4, wordEnd &- start == 16, text.word(at: start) == 0x7365_642D_6F74_2D2D, !draft.isNegated,
            !draft.target.hasNATAddress
        else { return nil }
        let end = text.wordEnd(from: wordEnd &+ 1)
        guard text[wordEnd] == 32, text[end] == ByteText.newline else { return nil }
        let colon = text.find(UInt8(ascii: ":"), wordEnd &+ 1, end) ?? end
        guard let address = text.ipv4(wordEnd &+ 1, colon) else { return nil }
        var port: UInt16 = 0
        if colon < end {
            guard let number = text.port(colon &+ 1, end), number != 0 else { return nil }
            port = number
        }
        draft.target.word = .none
        draft.target.plain = .dnat4(address: address, port: port)
        return end
    }

    private mutating func targetComplain(_ start: Int, _ end: Int) {
        draft.target.isUnmodelled = true
        guard !draft.isReported else { return }
        draft.isReported = true
        let reason = "`\(text.string(start, end))` cannot be read"
        if let row = listingRow {
            builder.fail(line, Int(row.offset), Int(row.offset) + Int(row.length), reason, isKept: true)
        } else {
            builder.fail(line, draft.ruleStart, text.lineEnd(from: start), reason, isKept: true)
        }
    }

    private mutating func readFlag(_ option: TargetOption) {
        switch option {
        case .random: draft.target.nat.isRandom = true
        case .fullyRandom: draft.target.nat.isFullyRandom = true
        case .persistent: draft.target.nat.isPersistent = true
        case .saveMark: draft.target.markAction = .save
        case .restoreMark: draft.target.markAction = .restore
        case .notrack: draft.target.hasValue = true
        case .clampMSS: (draft.target.port, draft.target.hasValue) = (0, true)
        default: break
        }
        if option == .saveMark || option == .restoreMark { draft.target.hasValue = true }
    }

    private mutating func readTargetValue(_ option: TargetOption, _ slice: ByteText.Slice) -> Bool {
        let (start, end) = (slice.start, slice.end)
        switch option {
        case .toDestination, .toSource: return readNATAddress(slice)
        case .to:
            if draft.target.word != .netmap { return readNATAddress(slice) }
            guard let network = text.maskedAddress(start, end), network.value.family == family,
                let length = network.prefixLength
            else { return false }
            draft.target.nat.addresses = AddressRange(network.value, network.value | ~network.mask)
            draft.target.nat.netmapLength = length
        case .toPorts:
            guard let ports = text.portRange(start, end, separator: UInt8(ascii: "-")) else { return false }
            draft.target.nat.ports = ports
        case .rejectWith:
            guard let type = RejectNames.type(text.string(slice), family) else { return false }
            draft.target.reject = type
        case .onPort:
            guard let port = text.portOrService(start, end) else { return false }
            (draft.target.port, draft.target.hasValue) = (port, true)
        case .onAddress:
            guard let address = text.address(start, end), address.family == family else { return false }
            draft.target.tproxyAddress = address
        case .tproxyMark:
            guard let mark = text.masked(start, end) else { return false }
            (draft.target.value, draft.target.mask) = (mark.value, mark.mask)
        case .setMSS:
            guard let size = text.number(start, end, max: 65535) else { return false }
            (draft.target.port, draft.target.hasValue) = (UInt16(size), true)
        case .ttlSet, .ttlIncrement, .ttlDecrement:
            guard let number = text.byte(start, end) else { return false }
            draft.target.ttlChange = option == .ttlSet ? .set : option == .ttlIncrement ? .increment : .decrement
            (draft.target.value, draft.target.hasValue) = (UInt32(number), true)
        case .otherSetOption:
            draft.target.isUnmodelled = draft.target.isUnmodelled || draft.setTarget?.action == .map
        case .mask, .nfMask, .ctMask: return readMask(option, slice)
        default: return readTOS(option, slice) || readMark(option, slice)
        }
        return true
    }

    private mutating func readMask(_ option: TargetOption, _ slice: ByteText.Slice) -> Bool {
        guard let mask = text.u32(slice.start, slice.end) else { return false }
        if option != .nfMask { draft.target.mask = mask }
        if option != .ctMask { draft.target.secondMask = mask }
        return true
    }

    /// The ways to write `mark = (mark & ~mask) ^ value` (`extensions/libxt_MARK.c`).
    private mutating func readMark(_ option: TargetOption, _ slice: ByteText.Slice) -> Bool {
        guard let (value, mask) = text.masked(slice.start, slice.end) else { return false }
        switch option {
        case .setXmark: (draft.target.value, draft.target.mask) = (value, mask)
        case .setMark: (draft.target.value, draft.target.mask) = (value, value | mask)
        case .andMark: (draft.target.value, draft.target.mask) = (0, ~value)
        case .orMark: (draft.target.value, draft.target.mask) = (value, value)
        case .xorMark: (draft.target.value, draft.target.mask) = (value, 0)
        default: return false
        }
        draft.target.markAction = .set
        draft.target.hasValue = true
        return true
    }

    /// The ways to write `tos = (tos & ~mask) ^ value` (`extensions/libxt_TOS.c`); DSCP is its upper six bits.
    private mutating func readTOS(_ option: TargetOption, _ slice: ByteText.Slice) -> Bool {
        let change: (UInt8, UInt8)
        switch option {
        case .setTOS:
            guard let (value, mask) = TOSNames.masked(text, slice.start, slice.end) else { return false }
            change = (value, mask)
        case .andTOS, .orTOS, .xorTOS:
            guard let value = text.byte(slice.start, slice.end) else { return false }
            change = option == .andTOS ? (0, ~value) : option == .orTOS ? (value, value) : (value, 0)
        case .setDSCP:
            guard let value = text.number(slice.start, slice.end, max: 63) else { return false }
            change = (UInt8(value) << 2, 0xFC)
        case .setDSCPClass:
            guard let value = DSCPClasses.value(text.string(slice)) else { return false }
            change = (value << 2, 0xFC)
        default: return false
        }
        (draft.target.value, draft.target.mask) = (UInt32(change.0), UInt32(change.1))
        draft.target.hasValue = true
        return true
    }

    // MARK: NAT

    /// `10.0.0.1`, `10.0.0.1:80`, `10.0.0.1-10.0.0.9:1000-2000/1500`, `:80`, `[fd00::1]:80`.
    private mutating func readNATAddress(_ slice: ByteText.Slice) -> Bool {
        // The second one of `--to-source a --to-source b` (before 2.6.11) is one too many.
        guard !draft.target.hasNATAddress else { return false }
        draft.target.hasNATAddress = true
        var addressEnd = slice.end
        var addressStart = slice.start
        var portStart: Int?
        if text[slice.start] == UInt8(ascii: "["), let close = text.find(UInt8(ascii: "]"), slice.start, slice.end) {
            addressStart += 1
            addressEnd = close
            if close + 1 < slice.end {
                guard text[close + 1] == UInt8(ascii: ":") else { return false }
                portStart = close + 2
            }
        } else if let colon = text.find(UInt8(ascii: ":"), slice.start, slice.end),
            // More than one colon: an IPv6 address such as ::1 (`libxt_NAT.c`).
            family == .ipv4
                || (colon == slice.start && text.find(UInt8(ascii: ":"), colon + 1, slice.end) == nil)
        {
            addressEnd = colon
            portStart = colon + 1
        }
        if addressEnd > addressStart {
            // `[a]-[b]` is how some versions print a range of IPv6 addresses.
            guard let range = text.addressRange(addressStart, addressEnd), range.first.family == family else {
                return false
            }
            draft.target.nat.addresses = range
        }
        guard let portStart else { return true }
        let slash = text.find(UInt8(ascii: "/"), portStart, slice.end)
        guard let ports = text.portRange(portStart, slash ?? slice.end, separator: UInt8(ascii: "-")) else {
            return false
        }
        draft.target.nat.ports = ports
        if let slash {
            guard let base = text.portOrService(slash + 1, slice.end) else { return false }
            draft.target.nat.basePort = base
        }
        return true
    }

    // MARK: The target of the rule

    mutating func textTarget(start: Int, end: Int, _ make: (PoolIndex<TextRange>) -> Target) -> Target {
        builder.out.unmodelled.append(ByteText.Slice(start: start, end: end).range)
        return make(PoolIndex(builder.out.unmodelled.count - 1))
    }

    mutating func finishTarget() -> Target {
        let target = draft.target
        if !target.isUnmodelled {
            switch target.word {
            case .dnat, .snat, .masquerade, .redirect, .netmap: if let nat = natTarget() { return nat }
            case .reject: return .reject(target.reject)
            case .mark where target.hasValue: return .mark(value: target.value, mask: target.mask)
            case .connmark where target.hasValue: return connmarkTarget()
            case .tproxy where target.hasValue:
                builder.out.tproxyTargets.append(
                    TProxyTarget(
                        address: target.tproxyAddress, port: target.port, markValue: target.value,
                        markMask: target.mask))
                return .tproxy(PoolIndex(builder.out.tproxyTargets.count - 1))
            case .tcpMSS where target.hasValue: return .tcpMSS(target.port)
            case .ttl where target.hasValue:
                return .timeToLive(target.ttlChange, UInt8(truncatingIfNeeded: target.value))
            case .tos where target.hasValue, .dscp where target.hasValue:
                return .tos(
                    value: UInt8(truncatingIfNeeded: target.value), mask: UInt8(truncatingIfNeeded: target.mask))
            case .set:
                if let set = draft.setTarget {
                    builder.out.setTargets.append(set)
                    return .set(PoolIndex(builder.out.setTargets.count - 1))
                }
            default: break
            }
        }
        return textTarget(start: target.start, end: target.end) { index in
            switch target.word {
            case .ct: target.hasValue && !target.isUnmodelled ? .notrack : .conntrackAssign(index)
            case .transparent: .transparent(index)
            case .nfqueue, .queue: .queue(index)
            default: .unmodelled(index)
            }
        }
    }

    private mutating func natTarget() -> Target? {
        let nat = draft.target.nat
        switch nat.kind {
        case .destination, .source:
            guard nat.addresses != nil || nat.ports != nil else { return nil }
            if nat.kind == .destination, family == .ipv4, let addresses = nat.addresses,
                addresses.first == addresses.last, nat.basePort == nil, !nat.isRandom, !nat.isPersistent,
                !nat.isFullyRandom
            {
                guard let ports = nat.ports else { return .dnat4(address: addresses.first.v4, port: 0) }
                if ports.first == ports.last, ports.first != 0 {
                    return .dnat4(address: addresses.first.v4, port: ports.first)
                }
            }
        case .masquerade: if nat.ports == nil, !nat.choosesPort { return .masquerade }
        case .redirect: break
        case .netmap: guard nat.addresses != nil else { return nil }
        }
        builder.out.natTargets.append(nat)
        return .nat(PoolIndex(builder.out.natTargets.count - 1))
    }

    private mutating func connmarkTarget() -> Target {
        let target = draft.target
        let connmark: ConnmarkTarget =
            switch target.markAction {
            case .set: .set(value: target.value, mask: target.mask)
            case .save: .save(ctMask: target.mask, markMask: target.secondMask)
            case .restore: .restore(ctMask: target.mask, markMask: target.secondMask)
            }
        builder.out.connmarkTargets.append(connmark)
        return .connmark(PoolIndex(builder.out.connmarkTargets.count - 1))
    }
}

/// What `--reject-with` calls the answers (`extensions/libipt_REJECT.c`, `libip6t_REJECT.c`).
enum RejectNames {
    static func type(_ name: String, _ family: AddressFamily) -> RejectType? {
        family == .ipv4 ? ipv4[name] : ipv6[name]
    }

    private static let ipv4: [String: RejectType] = [
        "icmp-net-unreachable": .netUnreachable, "net-unreach": .netUnreachable,
        "icmp-host-unreachable": .hostUnreachable, "host-unreach": .hostUnreachable,
        "icmp-proto-unreachable": .protocolUnreachable, "proto-unreach": .protocolUnreachable,
        "icmp-port-unreachable": .portUnreachable, "port-unreach": .portUnreachable,
        "icmp-net-prohibited": .netProhibited, "net-prohib": .netProhibited,
        "icmp-host-prohibited": .hostProhibited, "host-prohib": .hostProhibited,
        "icmp-admin-prohibited": .adminProhibited, "admin-prohib": .adminProhibited, "tcp-reset": .tcpReset,
        "tcp-rst": .tcpReset,
    ]

    private static let ipv6: [String: RejectType] = [
        "icmp6-no-route": .noRoute, "no-route": .noRoute, "icmp6-adm-prohibited": .adminProhibited,
        "adm-prohibited": .adminProhibited, "icmp6-addr-unreachable": .addressUnreachable,
        "addr-unreach": .addressUnreachable, "icmp6-port-unreachable": .portUnreachable,
        "port-unreach": .portUnreachable, "icmp6-policy-fail": .policyFail, "policy-fail": .policyFail,
        "icmp6-reject-route": .rejectRoute, "reject-route": .rejectRoute, "tcp-reset": .tcpReset,
    ]
}
