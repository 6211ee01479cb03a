import ClewNet
import ClewSnapshot

extension NftBuilder {
    /// What a selector loads; the addresses of conntrack tuples may leave their family to the table.
    func column(_ selector: String, in table: TableID) -> NftColumn? {
        if let column = NftColumn.named(selector) { return column }
        guard selector.hasPrefix("ct original ") || selector.hasPrefix("ct reply ") else { return nil }
        let words = selector.split(separator: " ")
        guard words.count == 3 else { return nil }
        switch family(of: table) {
        case .ipv4: return NftColumn.named("ct \(words[1]) ip \(words[2])")
        case .ipv6: return NftColumn.named("ct \(words[1]) ip6 \(words[2])")
        case .inet, .bridge, .arp, .netdev: return nil
        }
    }

    /// Adds the matches on family and protocol without which nf_tables does not load a field.
    func addDependency(_ column: NftColumn, in table: TableID, to matches: inout [Match]) {
        if let family = column.family { addFamily(family, in: table, to: &matches) }
        if let transport = column.transport {
            let match = Match(.ipProtocol(transport))
            if !matches.contains(match) { matches.append(match) }
        }
    }

    func addFamily(_ wanted: AddressFamily, in table: TableID, to matches: inout [Match]) {
        switch (family(of: table), wanted) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): return
        case (.ipv4, _), (.ipv6, _), (.inet, _), (.bridge, _), (.arp, _), (.netdev, _): break
        }
        let match = Match(.family(wanted))
        if !matches.contains(match) { matches.append(match) }
    }

    /// Adds what a comparison asks for; what has no model becomes `unmodelled` with its text.
    mutating func addMatch(
        _ left: NftNode, _ operation: NftOperator, _ right: NftNode, in table: TableID, line: UInt32,
        to matches: inout [Match]
    ) {
        var added = matches
        if let match = match(left, operation, right, in: table, line: line, dependencies: &added) {
            matches = added
            matches.append(match)
        } else {
            let text = NftStatement.match(left, operation, right).description
            matches.append(Match(.unmodelled(unmodelled(text))))
        }
    }

    private mutating func match(
        _ left: NftNode, _ operation: NftOperator, _ right: NftNode, in table: TableID, line: UInt32,
        dependencies: inout [Match]
    ) -> Match? {
        if case .numgen(let isRandom, let modulus, let offset) = left {
            return numgen(isRandom, modulus, offset, operation, right)
        }
        if case .selector(let selector) = left, let match = special(selector, operation, right) { return match }
        if case .binary(.and, .selector("ip frag-off"), let mask) = left {
            let match = fragment(mask, operation, right)
            if match != nil { addFamily(.ipv4, in: table, to: &dependencies) }
            return match
        }
        guard let fields = fields(left, in: table, dependencies: &dependencies) else { return nil }
        switch right {
        case .setName(let name):
            guard let negated = operation.equality, let keys = fields.loads else { return nil }
            let set = set(name, in: table, line: line)
            return Match(.nft(pool(.lookup(keys, masks: fields.masks, set: set))), negated: negated)
        case .set(let items):
            if fields.columns.count == 1, items.count == 1, items[0].data == nil, let key = items[0].key,
                operation == .implicit || operation == .equal || operation == .notEqual
            {
                let plain = operation == .implicit ? .equal : operation
                return compare(fields, plain, key)
            }
            return anonymous(fields, operation, items, in: table, line: line)
        default:
            if fields.columns.count == 1 { return compare(fields, operation, right) }
            return anonymous(
                fields, operation, [NftItem(key: right, data: nil, line: line)], in: table, line: line)
        }
    }

    /// The fields of a key, with their masks.
    struct Fields {
        var columns: [NftColumn] = []
        var masks: [UInt64?] = []
        /// Of the only field, an IPv6 mask.
        var addressMask: IPAddress?
        /// All fields, `nil` when one of them has none that a look-up could name.
        var loads: [NftField]? {
            var loads: [NftField] = []
            for column in columns {
                guard let field = column.field else { return nil }
                loads.append(field)
            }
            return addressMask?.family == .ipv6 || !isComparable ? nil : loads
        }
        /// The kernel keeps more bits of a connection's status than ours, so that only some can be told.
        var isComparable: Bool {
            zip(columns, masks).allSatisfy { column, mask in
                column.field != .conntrackStatus || (mask ?? .max) & ~NftBuilder.knownStatusBits == 0
            }
        }
        var types: [NftDatatype] { columns.map(\.type) }
    }

    func fields(_ node: NftNode, in table: TableID, dependencies: inout [Match]) -> Fields? {
        let parts: [NftNode] = if case .concat(let parts) = node { parts } else { [node] }
        var fields = Fields()
        for part in parts {
            var selector = part
            var mask: NftNode?
            if case .binary(.and, let inner, let value) = part { (selector, mask) = (inner, value) }
            guard case .selector(let name) = selector, let column = column(name, in: table) else { return nil }
            fields.columns.append(column)
            addDependency(column, in: table, to: &dependencies)
            guard let mask else {
                fields.masks.append(nil)
                continue
            }
            if case .word(let word) = mask, case .address(let address)? = column.type.value(word) {
                guard parts.count == 1 || address.family == .ipv4 else { return nil }
                fields.addressMask = address
                fields.masks.append(UInt64(address.v4))
            } else if let number = column.type.constant(mask) {
                fields.masks.append(number)
            } else {
                return nil
            }
        }
        return fields
    }

    private mutating func anonymous(
        _ fields: Fields, _ operation: NftOperator, _ items: [NftItem], in table: TableID, line: UInt32
    ) -> Match? {
        guard let negated = operation.equality, items.allSatisfy({ $0.data == nil }) else { return nil }
        if fields.columns.count == 1, fields.masks[0] == nil {
            if let match = unionMatch(fields.columns[0], items) {
                return Match(match.test, negated: match.isNegated != negated)
            }
        }
        guard let loads = fields.loads else { return nil }
        let set = anonymousSet(in: table, key: fields.types, data: [], items, line: line)
        return Match(.nft(pool(.lookup(loads, masks: fields.masks, set: set))), negated: negated)
    }

    /// A set of ports, states or address types as the one match that iptables has for it.
    private mutating func unionMatch(_ column: NftColumn, _ items: [NftItem]) -> Match? {
        switch column.field {
        case .sourcePort?, .destinationPort?:
            var ranges: [PortRange] = []
            for item in items {
                guard let key = item.key, let (range, _) = ports(column.type, .equal, key) else { return nil }
                ranges.append(range)
            }
            ruleSet.portLists.append(PortList(ranges))
            let side: MultiportSide = column.field == .sourcePort ? .source : .destination
            return Match(.multiport(side, PoolIndex(ruleSet.portLists.count - 1)))
        case .conntrackState?, .sourceAddressType?, .destinationAddressType?, .destinationAddressTypeOnInput?:
            var bits: UInt64 = 0
            for item in items {
                guard let key = item.key, let value = column.type.constant(key), value.nonzeroBitCount == 1 else {
                    return nil
                }
                bits |= value
            }
            if column.field == .conntrackState { return anyBit(column, bits).map { Match($0) } }
            return addressType(column.field, bits, negated: false)
        default: return nil
        }
    }

    // MARK: One field

    /// A field and a value.
    private mutating func compare(_ fields: Fields, _ operation: NftOperator, _ right: NftNode) -> Match? {
        let column = fields.columns[0]
        let mask = fields.masks[0]
        if column.type.isBitmask {
            if let match = bits(column, mask, operation, right) { return match }
        } else if operation == .lacks {
            return nil
        } else if let match = simple(fields, operation, right) {
            return match
        }
        guard let field = column.field, fields.isComparable, let comparison = operation.comparison,
            fields.addressMask == nil,
            column.type != .interface, let range = column.type.range(right)
        else { return nil }
        return Match(.nft(pool(.compare(field, mask: mask, comparison, range))))
    }

    private mutating func simple(_ fields: Fields, _ operation: NftOperator, _ right: NftNode) -> Match? {
        let column = fields.columns[0]
        if let addresses = address(fields, operation, right) { return addresses }
        switch column.field {
        case .sourcePort?, .destinationPort?, .packetLength?:
            guard fields.masks[0] == nil, let (range, negated) = ports(column.type, operation, right) else {
                return nil
            }
            switch column.field {
            case .sourcePort?: return Match(.sourcePort(range), negated: negated)
            case .destinationPort?: return Match(.destinationPort(range), negated: negated)
            default: return Match(.length(range), negated: negated)
            }
        case .inputInterface?, .outputInterface?:
            guard let negated = operation.equality, case .word(let word) = right, fields.masks[0] == nil,
                let pattern = interface(word)
            else { return nil }
            return Match(
                column.field == .inputInterface ? .inputInterface(pattern) : .outputInterface(pattern), negated: negated
            )
        case .timeToLive?:
            guard fields.masks[0] == nil, let comparison = operation.comparison, case .word = right,
                let value = column.type.constant(right), let byte = UInt8(exactly: value)
            else { return nil }
            return Match(.timeToLive(comparison, byte))
        default: break
        }
        guard let negated = operation.equality, case .word = right, let value = column.type.constant(right) else {
            return nil
        }
        return number(column, fields.masks[0], value, negated)
    }

    /// A field and one number.
    private mutating func number(_ column: NftColumn, _ mask: UInt64?, _ value: UInt64, _ negated: Bool) -> Match? {
        switch column.field {
        case .mark?, .conntrackMark?:
            guard let value = UInt32(exactly: value), let mask = UInt32(exactly: mask ?? 0xFFFF_FFFF) else {
                return nil
            }
            return Match(
                column.field == .mark ? .mark(value: value, mask: mask) : .connmark(value: value, mask: mask),
                negated: negated)
        default: break
        }
        guard mask == nil, let byte = UInt8(exactly: min(value, 256)) else { return nil }
        switch column.field {
        case .ipProtocol?: return Match(.ipProtocol(IPProtocol(rawValue: byte)), negated: negated)
        case .family?: return AddressFamily(rawValue: byte).map { Match(.family($0), negated: negated) }
        case .dscp?: return byte < 64 ? Match(.dscp(byte), negated: negated) : nil
        case .icmpType?:
            // 255 would be any type.
            return byte < 255 ? Match(.icmp(type: byte, firstCode: 0, lastCode: 255), negated: negated) : nil
        case .conntrackDirection?:
            return byte < 2 ? Match(.conntrackDirection(isReply: byte == 1), negated: negated) : nil
        case .sourceAddressType?, .destinationAddressType?, .destinationAddressTypeOnInput?:
            return addressType(column.field, value, negated: negated)
        default: return nil
        }
    }

    private mutating func address(_ fields: Fields, _ operation: NftOperator, _ right: NftNode) -> Match? {
        let column = fields.columns[0]
        guard let negated = operation.equality, let field = column.field, column.type == .ipv4 || column.type == .ipv6,
            let range = column.type.range(right), case .address(let first) = range.first,
            case .address(let last) = range.last
        else { return nil }
        var masked: MaskedAddress?
        switch right {
        case .word:
            let mask = fields.addressMask ?? .ones(first.family)
            // A value with bits beside its mask is never equal.
            masked = first & mask == first ? MaskedAddress(first, mask: mask) : nil
        case .prefix(_, let length) where fields.addressMask == nil:
            masked = IPPrefix(first, length: length).map { MaskedAddress($0) }
        case .range where fields.addressMask == nil:
            guard field == .sourceAddress || field == .destinationAddress else { return nil }
            ruleSet.addressRanges.append(AddressRange(first, last))
            let index = PoolIndex<AddressRange>(ruleSet.addressRanges.count - 1)
            return Match(field == .sourceAddress ? .sourceRange(index) : .destinationRange(index), negated: negated)
        default: return nil
        }
        guard let masked else { return nil }
        return test(field, masked).map { Match($0, negated: negated) }
    }

    private mutating func test(_ field: NftField, _ masked: MaskedAddress) -> MatchTest? {
        if masked.value.family == .ipv4 {
            if field == .sourceAddress { return .source4(value: masked.value.v4, mask: masked.mask.v4) }
            if field == .destinationAddress { return .destination4(value: masked.value.v4, mask: masked.mask.v4) }
        }
        ruleSet.maskedAddresses.append(masked)
        let index = PoolIndex<MaskedAddress>(ruleSet.maskedAddresses.count - 1)
        switch field {
        case .sourceAddress: return .source(index)
        case .destinationAddress: return .destination(index)
        case .conntrackOriginalSource: return .conntrackAddress(.originalSource, index)
        case .conntrackOriginalDestination: return .conntrackAddress(.originalDestination, index)
        case .conntrackReplySource: return .conntrackAddress(.replySource, index)
        case .conntrackReplyDestination: return .conntrackAddress(.replyDestination, index)
        default: return nil
        }
    }

    /// A comparison of 16-bit numbers as a range.
    private func ports(_ type: NftDatatype, _ operation: NftOperator, _ right: NftNode) -> (PortRange, Bool)? {
        guard let range = type.range(right), case .number(let first) = range.first, case .number(let last) = range.last,
            let first = UInt16(exactly: first), let last = UInt16(exactly: last)
        else { return nil }
        switch operation {
        case .implicit, .equal: return (PortRange(first, last), false)
        case .notEqual: return (PortRange(first, last), true)
        case .less: return first > 0 ? (PortRange(0, first - 1), false) : nil
        case .lessOrEqual: return (PortRange(0, first), false)
        case .greater: return first < .max ? (PortRange(first + 1, .max), false) : nil
        case .greaterOrEqual: return (PortRange(first, .max), false)
        case .lacks: return nil
        }
    }

    private mutating func interface(_ word: String) -> InterfacePattern? {
        if word.hasSuffix("\\*") {
            return InterfacePattern(name: name(String(word.dropLast(2)) + "*"), isPrefix: false)
        }
        if word.hasSuffix("*") { return InterfacePattern(name: name(String(word.dropLast())), isPrefix: true) }
        // An index: which interface has it is not said here.
        guard !word.isEmpty, !word.allSatisfy(\.isNumber) else { return nil }
        return InterfacePattern(name: name(word), isPrefix: false)
    }

    private mutating func addressType(_ field: NftField?, _ bits: UInt64, negated: Bool) -> Match? {
        guard let bits = UInt16(exactly: bits), let field else { return nil }
        var match = AddressTypeMatch()
        switch field {
        case .sourceAddressType: (match.source, match.sourceNegated) = (AddressTypes(rawValue: bits), negated)
        case .destinationAddressType, .destinationAddressTypeOnInput:
            (match.destination, match.destinationNegated) = (AddressTypes(rawValue: bits), negated)
            match.limitToInputInterface = field == .destinationAddressTypeOnInput
        default: return nil
        }
        ruleSet.addressTypes.append(match)
        return Match(.addressType(PoolIndex(ruleSet.addressTypes.count - 1)))
    }
}

extension IPAddress {
    /// All bits set.
    fileprivate static func ones(_ family: AddressFamily) -> IPAddress { .mask(family.width, family) }
}

extension NftOperator {
    /// Whether a test for equality is negated; `nil` for another comparison.
    var equality: Bool? {
        switch self {
        case .implicit, .equal: false
        case .notEqual: true
        case .lacks, .less, .lessOrEqual, .greater, .greaterOrEqual: nil
        }
    }

    var comparison: Comparison? {
        switch self {
        case .implicit, .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .lacks: nil
        }
    }
}
