import ClewNet
import ClewSnapshot

extension ClassDomain {
    /// nft's own matches.
    mutating func nft(
        _ expression: NftExpression, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        switch expression {
        case .compare(let field, let mask, let comparison, let range):
            return compare(field, mask, comparison, range, match, rule, rules, state)
        case .lookup(let fields, let masks, let number):
            guard number < rules.nftSets.count else { return unknown(match, rule, rules, state) }
            let set = rules.nftSets[number].set
            if set.isDynamic { return remembered(set, number, match, rule, rules, state) }
            let (parts, isKnown) = find(fields, masks, number, rules, state)
            guard isKnown else { return unknown(match, rule, rules, state) }
            if parts.contains(where: { $0.value == nil }), !set.isComplete {
                return unknown(match, rule, rules, state)
            }
            // A field that the packets do not have ends the rule, negated or not.
            if parts.isEmpty { return .none }
            return several(parts, match) { $0 != nil || set.catchAll != nil }
        default: return unknown(match, rule, rules, state)
        }
    }

    private mutating func compare(
        _ field: NftField, _ mask: UInt64?, _ comparison: Comparison, _ range: NftRange, _ match: Match,
        _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        if let own = Self.field(field, state), mask == nil, let values = values(range, own),
            sets.single(state[own]) == nil
        {
            switch comparison {
            case .equal: return parted(own, sets.split(state[own], by: values), match, state)
            case .notEqual:
                return parted(
                    own, sets.split(state[own], by: values), Match(match.test, negated: !match.isNegated), state)
            default: return unknown(match, rule, rules, state)
            }
        }
        if let (own, isSource) = Self.typeField(field), sets.single(state[own]) == nil, mask == nil {
            let question = AddressQuestion.nftType(field, range, comparison, state.input)
            let single = representative(state)
            let expression = NftExpression.compare(field, mask: nil, comparison, range)
            let known = addresses(question) { walk, address in
                var walker = single
                if isSource { walker.packet.source = address } else { walker.packet.destination = address }
                return walk.nft(expression, walker, rules)
            }
            return parted(own, known, match, rule, rules, state)
        }
        if let own = Self.field(field, state), sets.single(state[own]) == nil {
            return unknown(match, rule, rules, state)
        }
        let answer = walk.nft(.compare(field, mask: mask, comparison, range), representative(state), rules)
        switch match.isNegated ? !answer : answer {
        case .yes: return .all
        case .no: return .none
        case .unknown: return unknown(match, rule, rules, state)
        }
    }

    private static func field(_ field: NftField, _ state: PacketClass) -> ClassField? {
        switch field {
        case .sourceAddress: .source
        case .destinationAddress: .destination
        case .sourcePort where state.ipProtocol.hasPorts: .sourcePort
        case .destinationPort where state.ipProtocol.hasPorts: .destinationPort
        case .conntrackOriginalSource where state.hasEntry: .sentSource
        case .conntrackOriginalDestination where state.hasEntry: .sentDestination
        default: nil
        }
    }

    private static func typeField(_ field: NftField) -> (field: ClassField, isSource: Bool)? {
        switch field {
        case .sourceAddressType: (.source, true)
        case .destinationAddressType, .destinationAddressTypeOnInput: (.destination, false)
        default: nil
        }
    }

    /// A range of an nft expression as values of a field; `nil` where it is of another kind.
    private func values(_ range: NftRange, _ field: ClassField) -> ValueRange? {
        switch (range.first, range.last) {
        case (.number(let first), .number(let last)): ValueRange(UInt128(first), UInt128(last))
        case (.address(let first), .address(let last)) where first.family == family:
            ValueRange(first.bits, last.bits)
        default: nil
        }
    }

    /// A set that traffic fills: session affinity, or a limit.
    private mutating func remembered(
        _ set: NftSet, _ number: Int, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        let note = note(rule, rules) { _ in "whether the client is in the set \(set.name)" }
        let split = fork(
            state, .recent, note: note, list: Self.list(ofSet: number), ruleSet: ruleSetIndex(rules))
        guard match.isNegated, case .fork(let matching, let other) = split else { return split }
        return .fork(matching: other, other: matching)
    }

    /// nft sets share the numbers of `recent` lists, from the other end.
    static func list(ofSet number: Int) -> NameID { NameID(rawValue: 0x8000_0000 | UInt32(truncatingIfNeeded: number)) }

    /// Parts a class by the elements its keys fall in, by number; not known where a key cannot be told.
    ///
    /// No parts at all: the packets lack a field.
    private mutating func find(
        _ fields: [NftField], _ masks: [UInt64?], _ number: Int, _ rules: CompiledRules, _ state: PacketClass
    ) -> (parts: [(state: PacketClass, value: Int?)], isKnown: Bool) {
        let single = representative(state)
        var open: [(position: Int, field: ClassField)] = []
        var known: [NftValue?] = []
        for (position, field) in fields.enumerated() {
            let own = Self.field(field, state) ?? Self.typeField(field)?.field
            if let own, sets.single(state[own]) == nil {
                let hasMask = position < masks.count && masks[position] != nil
                if hasMask || Self.field(field, state) == nil { return ([], false) }
                open.append((position, own))
                known.append(nil)
                continue
            }
            guard var value = walk.value(field, single) else {
                let isOpen = Self.typeField(field) != nil && !namespace.router.isKnown(family)
                return ([], !isOpen && field != .randomNumber && field != .incrementalNumber)
            }
            if position < masks.count, let mask = masks[position] { value = PacketWalk.masked(value, mask) }
            known.append(value)
        }
        let set = rules.nftSets[number]
        if open.isEmpty { return ([(state, set.number(known.compactMap(\.self)))], true) }
        var products: [ClassProduct] = []
        let place = ElementsByKey.Place(ruleSet: ruleSetIndex(rules), set: number, known: known.map { $0 != nil })
        let filed = elements[place] ?? ElementsByKey(set.set, place.known)
        if elements[place] == nil { elements[place] = filed }
        for number in filed.candidates(known) {
            let element = set.set.elements[number]
            guard zip(element.key, known).allSatisfy({ range, value in value.map { range.contains($0) } ?? true })
            else { continue }
            var own: [(field: ClassField, range: ValueRange)] = []
            for (position, field) in open {
                guard let range = values(element.key[position], field) else { break }
                own.append((field, range))
            }
            if own.count == open.count { products.append(ClassProduct(fields: own, value: number)) }
        }
        return (sift(state, products), true)
    }

    // MARK: - Maps

    mutating func actOnMap(
        _ expression: NftExpression, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> TargetEffect<PacketClass> {
        var state = state
        switch expression {
        case .verdictMap(let fields, let masks, let number):
            guard let parts = found(fields, masks, number, rule, rules, &state) else { return .end(.unknown) }
            return .parts(parts.map { decided($0.data, rule, rules, $0.state) })
        case .natMap(let kind, let fields, let number):
            guard let parts = found(fields, [], number, rule, rules, &state) else { return .end(.unknown) }
            return .parts(parts.flatMap { translated(kind, $0.data, rule, rules, $0.state) })
        case .numberVerdictMap(let modulus, let offset, _, let number):
            let parts = numbered(modulus, offset, number, rules, state)
            guard !parts.isEmpty else { return .end(.unknown) }
            return .parts(parts.map { decided($0.data, rule, rules, $0.state) })
        case .numberNATMap(let kind, let modulus, let offset, _, let number):
            let parts = numbered(modulus, offset, number, rules, state)
            guard !parts.isEmpty else { return .end(.unknown) }
            return .parts(parts.flatMap { translated(kind, $0.data, rule, rules, $0.state) })
        case .dynamicUpdate(let number):
            log(.remembered(ruleSetIndex(rules), Self.list(ofSet: number)), &state)
            return .parts([(state, nil)])
        case .compare, .lookup: return .goOn
        }
    }

    private mutating func found(
        _ fields: [NftField], _ masks: [UInt64?], _ number: Int, _ rule: RuleID, _ rules: CompiledRules,
        _ state: inout PacketClass
    ) -> [(state: PacketClass, data: NftData?)]? {
        guard number < rules.nftSets.count else { return [(state, nil)] }
        let set = rules.nftSets[number]
        let (parts, isKnown) = find(fields, masks, number, rules, state)
        guard isKnown else {
            doubt(rule, rules, "the map \(set.set.name) cannot be asked for all packets at once", &state)
            return nil
        }
        if parts.isEmpty { return [(state, nil)] }
        return parts.map { part in
            if let value = part.value { return (part.state, set.set.elements[value].data) }
            if let data = set.set.catchAll { return (part.state, data) }
            if set.set.isComplete { return (part.state, nil) }
            return (part.state, .unmodelled("an element of the map \(set.set.name) could not be read"))
        }
    }

    private mutating func numbered(
        _ modulus: UInt32, _ offset: UInt32, _ number: Int, _ rules: CompiledRules, _ state: PacketClass
    ) -> [(state: PacketClass, data: NftData?)] {
        guard number < rules.nftSets.count, modulus > 0, modulus <= 65_536 else { return [] }
        let set = rules.nftSets[number]
        return (0..<modulus).map { k in
            var own = state
            if modulus > 1 { take(1, of: UInt64(modulus), &own) }
            let element = set.element([.number(UInt64(k) + UInt64(offset))])
            return (own, element?.data ?? set.set.catchAll)
        }
    }

    private mutating func decided(
        _ data: NftData?, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> (state: PacketClass, decision: MapDecision?) {
        var state = state
        switch data {
        case nil, .continue?: return (state, nil)
        case .accept?: return (state, .end(.accept))
        case .drop?: return (state, .end(.drop))
        case .return?: return (state, .return)
        case .jump(let chain)?: return (state, .jump(chain))
        case .goto(let chain)?: return (state, .goto(chain))
        case .values?: return (state, nil)
        case .unmodelled(let text)?:
            doubt(rule, rules, "not modelled: \(text)", &state)
            return (state, .end(.unknown))
        }
    }

    private mutating func translated(
        _ kind: NATTarget.Kind, _ data: NftData?, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> [(state: PacketClass, decision: MapDecision?)] {
        var state = state
        guard let data else { return [(state, nil)] }
        guard case .values(let values) = data, case .address(let address)? = values.first else {
            doubt(rule, rules, "what the map yields is not modelled", &state)
            return [(state, .end(.unknown))]
        }
        var target = NATTarget(kind: kind, addresses: AddressRange(address, address))
        if values.count > 1, case .number(let port) = values[1] {
            target.ports = PortRange(UInt16(truncatingIfNeeded: port))
        }
        switch translate(target, rule, rules, &state) {
        case .parts(let parts): return parts
        case .end(let verdict): return [(state, .end(verdict))]
        case .goOn: return [(state, nil)]
        }
    }
}

/// The elements of a set by what they hold in the fields that a question knows, the other fields being open.
struct ElementsByKey {
    struct Place: Hashable {
        var ruleSet: RuleSetIndex
        var set: Int
        /// By field.
        var known: [Bool]
    }

    private var exact: [[NftValue]: [Int]] = [:]
    /// Elements with a range in one of those fields.
    private var wide: [Int] = []

    init(_ set: NftSet, _ known: [Bool]) {
        for (number, element) in set.elements.enumerated() where element.key.count == known.count {
            let ranges = zip(element.key, known).filter(\.1).map(\.0)
            if ranges.allSatisfy({ $0.first == $0.last }) {
                exact[ranges.map(\.first), default: []].append(number)
            } else {
                wide.append(number)
            }
        }
    }

    /// In the order of the set.
    func candidates(_ known: [NftValue?]) -> [Int] {
        let own = exact[known.compactMap(\.self)] ?? []
        return wide.isEmpty ? own : (own + wide).sorted()
    }
}
