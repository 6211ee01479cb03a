import ClewNet
import ClewSnapshot

/// Comparisons of flags, and of what has no field.
extension NftBuilder {
    /// seen-reply, confirmed, snat, dnat: the `IPS_*` bits of which a traced connection's value is known.
    static let knownStatusBits: UInt64 = 58

    /// `ct state a,b`, `tcp flags & (x | y) == x`: nf_tables compares the whole value, or asks for any common bit.
    mutating func bits(_ column: NftColumn, _ mask: UInt64?, _ operation: NftOperator, _ right: NftNode) -> Match? {
        guard let value = column.type.constant(right) else { return nil }
        if operation == .implicit, mask == nil, case .binary = right, column.field != .tcpFlags {
            // A listing prints `== new,related` this way, but as a command it asks for any of both.
            return Match(.unmodelled(unmodelled("\(column.type) \(right)")))
        }
        if let mask {
            // `& mask != 0` and, for one bit, `& mask == mask` ask for a common bit.
            if let negated = operation.equality, value == 0 || value == mask && mask.nonzeroBitCount == 1,
                let test = anyBit(column, mask)
            {
                return anyBitMatch(test, negated: negated != (value == 0))
            }
            if let negated = operation.equality, column.field == .tcpFlags, let mask = UInt8(exactly: mask),
                let value = UInt8(exactly: value)
            {
                return Match(.tcpFlags(mask: mask, compare: value), negated: negated)
            }
            return nil
        }
        switch operation {
        case .implicit: return anyBit(column, value).map { anyBitMatch($0, negated: false) }
        case .lacks: return anyBit(column, value).map { anyBitMatch($0, negated: true) }
        case .equal, .notEqual:
            if column.field == .tcpFlags, let value = UInt8(exactly: value) {
                return Match(.tcpFlags(mask: 255, compare: value), negated: operation == .notEqual)
            }
            // A packet has one state, so that a comparison with one is a test for its bit.
            guard column.field == .conntrackState, value.nonzeroBitCount == 1 else { return nil }
            return anyBit(column, value).map { anyBitMatch($0, negated: operation == .notEqual) }
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return nil
        }
    }

    /// ``anyBit(_:_:)`` as a match: `tcpFlags` with nothing to compare holds where no bit is set.
    private func anyBitMatch(_ test: MatchTest, negated: Bool) -> Match {
        if case .tcpFlags(_, compare: 0) = test { return Match(test, negated: !negated) }
        return Match(test, negated: negated)
    }

    /// A test for any of the bits; for more than one TCP flag it is the opposite one (see ``anyBitMatch(_:negated:)``).
    mutating func anyBit(_ column: NftColumn, _ bits: UInt64) -> MatchTest? {
        guard bits != 0 else { return nil }
        switch column.field {
        case .conntrackState?:
            return UInt8(exactly: bits).map { .conntrackState(ConntrackStates(rawValue: $0)) }
        case .conntrackStatus?:
            let nat = bits & 48
            if nat == bits {
                var states: ConntrackStates = []
                if nat & 16 != 0 { states.insert(.snat) }
                if nat & 32 != 0 { states.insert(.dnat) }
                return .conntrackState(states)
            }
            if bits < 16, let bits = UInt8(exactly: bits) { return .conntrackStatus(ConntrackStatus(rawValue: bits)) }
            guard bits & ~Self.knownStatusBits == 0 else { return nil }
            return .nft(pool(.compare(.conntrackStatus, mask: bits, .notEqual, NftRange(.number(0)))))
        case .tcpFlags?:
            guard let bits = UInt8(exactly: bits) else { return nil }
            return .tcpFlags(mask: bits, compare: bits.nonzeroBitCount == 1 ? bits : 0)
        default: return nil
        }
    }

    /// Selectors without a field.
    mutating func special(_ selector: String, _ operation: NftOperator, _ right: NftNode) -> Match? {
        guard let negated = operation.equality else { return nil }
        switch selector {
        case "meta pkttype":
            // The fourth type, otherhost, never gets as far as the IP hooks.
            if case .set(let items) = right, items.count == 2,
                Set(items.map(\.key)) == [.word("broadcast"), .word("multicast")]
            {
                return Match(.packetType(.unicast), negated: !negated)
            }
            guard case .word(let word) = right else { return nil }
            switch word {
            case "host", "unicast": return Match(.packetType(.unicast), negated: negated)
            case "broadcast": return Match(.packetType(.broadcast), negated: negated)
            case "multicast": return Match(.packetType(.multicast), negated: negated)
            default: return nil
            }
        case "ct protocol", "ct original protocol":
            guard case .word(let word) = right, let number = IPProtocol(name: word) else { return nil }
            return Match(.conntrackProtocol(number), negated: negated)
        case "ct original proto-src": return conntrackPort(.originalSource, right, negated)
        case "ct original proto-dst": return conntrackPort(.originalDestination, right, negated)
        case "ct reply proto-src": return conntrackPort(.replySource, right, negated)
        case "ct reply proto-dst": return conntrackPort(.replyDestination, right, negated)
        case "ether saddr":
            guard case .word(let word) = right, let address = MACAddress(word) else { return nil }
            ruleSet.macs.append(address)
            return Match(.sourceMAC(PoolIndex(ruleSet.macs.count - 1)), negated: negated)
        case "fib saddr . iif oif", "fib saddr oif", "fib saddr . mark . iif oif", "fib saddr . mark oif":
            return reversePath(selector, right, negated)
        default: return nil
        }
    }

    /// `ip frag-off & 0x1fff != 0` is iptables' `-f`.
    func fragment(_ mask: NftNode, _ operation: NftOperator, _ right: NftNode) -> Match? {
        guard let negated = operation.equality, NftDatatype.number.constant(mask) == 0x1FFF,
            NftDatatype.number.constant(right) == 0
        else { return nil }
        return Match(.fragment, negated: !negated)
    }

    /// `fib saddr . iif oif missing` is `-m rpfilter --invert` (`nft_fib_ipv4.c`).
    private func reversePath(_ selector: String, _ right: NftNode, _ negated: Bool) -> Match? {
        let asksForMissing: Bool
        switch right {
        case .presence(let exists): asksForMissing = !exists
        case .word("0"): asksForMissing = true
        default: return nil
        }
        var options: ReversePathOptions = []
        if !selector.contains("iif") { options.insert(.loose) }
        if selector.contains("mark") { options.insert(.validMark) }
        if asksForMissing { options.insert(.invert) }
        return Match(.reversePath(options), negated: negated)
    }

    private func conntrackPort(_ field: ConntrackField, _ right: NftNode, _ negated: Bool) -> Match? {
        guard let range = NftDatatype.port.range(right), case .number(let first) = range.first,
            case .number(let last) = range.last, let first = UInt16(exactly: first), let last = UInt16(exactly: last)
        else { return nil }
        return Match(.conntrackPort(field, PortRange(first, last)), negated: negated)
    }

    /// `numgen random mod 10 < 3`: as `-m statistic`, whose threshold is rounded to 1 / 2³¹.
    func numgen(
        _ isRandom: Bool, _ modulus: UInt32, _ offset: UInt32, _ operation: NftOperator, _ right: NftNode
    ) -> Match? {
        guard modulus > 0, let range = NftDatatype.number.range(right), case .number(let first) = range.first,
            case .number(let last) = range.last, first <= last
        else { return nil }
        let start = UInt64(offset)
        let end = start + UInt64(modulus)
        func count(_ low: UInt64, _ high: UInt64) -> UInt64 {
            let (low, high) = (max(low, start), min(high, end))
            return low < high ? high - low : 0
        }
        let hits: UInt64
        switch operation {
        case .implicit, .equal: hits = count(first, last == .max ? last : last + 1)
        case .notEqual: hits = UInt64(modulus) - count(first, last == .max ? last : last + 1)
        case .less: hits = count(0, first)
        case .lessOrEqual: hits = count(0, first == .max ? first : first + 1)
        case .greater: hits = count(first == .max ? first : first + 1, .max)
        case .greaterOrEqual: hits = count(first, .max)
        case .lacks: return nil
        }
        guard hits > 0, hits < UInt64(modulus) else { return nil }
        if isRandom {
            let threshold = ((hits << 31) + UInt64(modulus) / 2) / UInt64(modulus)
            return Match(.random(threshold: UInt32(truncatingIfNeeded: max(1, threshold))))
        }
        guard operation == .implicit || operation == .equal, first == last else { return nil }
        return Match(.nth(every: modulus, first: UInt32(truncatingIfNeeded: first - start)))
    }
}
