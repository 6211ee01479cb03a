import ClewNet
import ClewSnapshot

extension PacketWalk {
    /// The value nf_tables loads for a field; `nil` where the packet has none, so that the expression breaks off.
    func value(_ field: NftField, _ state: WalkState) -> NftValue? {
        let packet = state.packet
        let connection = state.hasConnection ? state.connection : nil
        func port(_ port: UInt16) -> NftValue? { packet.ipProtocol.hasPorts ? .number(UInt64(port)) : nil }
        switch field {
        case .family: return .number(UInt64(packet.family.rawValue))
        case .ipProtocol: return .number(UInt64(packet.ipProtocol.rawValue))
        case .sourceAddress: return .address(packet.source)
        case .destinationAddress: return .address(packet.destination)
        case .sourcePort: return port(packet.sourcePort)
        case .destinationPort: return port(packet.destinationPort)
        case .inputInterface: return .name(namespace.link(packet.input)?.name ?? "")
        case .outputInterface: return .name(namespace.link(packet.output)?.name ?? "")
        case .mark: return .number(UInt64(packet.mark))
        case .packetLength: return .number(UInt64(packet.length))
        case .timeToLive: return .number(UInt64(packet.ttl))
        case .dscp: return .number(UInt64(packet.tos >> 2))
        case .tcpFlags: return packet.ipProtocol == .tcp ? .number(UInt64(packet.tcpFlags)) : nil
        case .icmpType, .icmpCode:
            guard packet.ipProtocol == .icmp || packet.ipProtocol == .icmpv6 else { return nil }
            return .number(UInt64(field == .icmpType ? packet.destinationPort >> 8 : packet.destinationPort & 255))
        case .sourceAddressType: return type(packet.source)
        case .destinationAddressType: return type(packet.destination)
        case .destinationAddressTypeOnInput:
            return namespace.router.addressType(packet.destination, onLink: namespace.link(packet.input)?.name)
                .map { .number(UInt64($0.rawValue)) }
        case .conntrackState:
            let own: ConntrackStates = state.conntrackState.isEmpty ? .invalid : state.conntrackState
            return .number(UInt64(own.rawValue))
        default: return connection.flatMap { conntrackValue(field, $0, state) }
        }
    }

    private func type(_ address: IPAddress) -> NftValue? {
        namespace.router.addressType(address).map { .number(UInt64($0.rawValue)) }
    }

    private func conntrackValue(_ field: NftField, _ connection: Connection, _ state: WalkState) -> NftValue? {
        switch field {
        case .conntrackMark: return .number(UInt64(connection.mark))
        case .conntrackDirection: return .number(state.isReplyDirection ? 1 : 0)
        case .conntrackStatus:
            var bits: UInt64 = 0
            if connection.seenReply { bits |= 2 }
            if connection.isConfirmed { bits |= 8 }
            if connection.translatesSource { bits |= 16 }
            if connection.translatesDestination { bits |= 32 }
            return .number(bits)
        case .conntrackOriginalSource: return .address(connection.original.source)
        case .conntrackOriginalDestination: return .address(connection.original.destination)
        case .conntrackOriginalSourcePort: return .number(UInt64(connection.original.sourcePort))
        case .conntrackOriginalDestinationPort: return .number(UInt64(connection.original.destinationPort))
        case .conntrackReplySource: return .address(connection.reply.source)
        case .conntrackReplyDestination: return .address(connection.reply.destination)
        default: return nil
        }
    }

    /// The key of a look-up; `nil` where a field has no value.
    private func key(_ fields: [NftField], _ masks: [UInt64?], _ state: WalkState) -> [NftValue]? {
        var key: [NftValue] = []
        for (number, field) in fields.enumerated() {
            guard var value = value(field, state) else { return nil }
            if number < masks.count, let mask = masks[number] { value = Self.masked(value, mask) }
            key.append(value)
        }
        return key
    }

    static func masked(_ value: NftValue, _ mask: UInt64) -> NftValue {
        switch value {
        case .number(let number): .number(number & mask)
        case .address(let address) where address.family == .ipv4:
            .address(IPAddress(v4: address.v4 & UInt32(truncatingIfNeeded: mask)))
        default: value
        }
    }

    /// Whether there is nothing a test could look at: no connection (`xt_connmark.c`, `xt_conntrack.c`), or a field
    /// that the packet does not have, which ends an nft rule.
    func lacksOperand(_ test: MatchTest, _ state: WalkState, _ rules: CompiledRules) -> Bool {
        switch test {
        case .connmark, .conntrackStatus, .conntrackProtocol, .conntrackAddress, .conntrackPort, .conntrackDirection:
            return !state.hasConnection
        case .nft(let pool):
            guard case .lookup(let fields, let masks, _) = rules.ruleSet.nft[Int(pool.rawValue)] else { return false }
            return key(fields, masks, state) == nil && !fields.map { missing($0, state) }.contains(.unknown)
        default: return false
        }
    }

    /// The name of the set a look-up asks, where traffic changes it.
    func dynamicSet(_ test: MatchTest, _ rules: CompiledRules) -> String? {
        guard case .nft(let pool) = test, case .lookup(_, _, let number) = rules.ruleSet.nft[Int(pool.rawValue)],
            number < rules.nftSets.count, rules.nftSets[number].set.isDynamic
        else { return nil }
        return rules.nftSets[number].set.name
    }

    func nft(_ expression: NftExpression, _ state: WalkState, _ rules: CompiledRules) -> Ternary {
        switch expression {
        case .compare(let field, let mask, let comparison, let range):
            if field == .packetLength { return .unknown }
            guard var value = value(field, state) else { return missing(field, state) }
            if let mask { value = Self.masked(value, mask) }
            return Self.compare(value, comparison, range)
        case .lookup(let fields, let masks, let number):
            guard number < rules.nftSets.count, let key = key(fields, masks, state) else {
                return fields.map { missing($0, state) }.contains(.unknown) ? .unknown : .no
            }
            let set = rules.nftSets[number]
            if set.element(key) != nil || set.set.catchAll != nil { return .yes }
            return set.set.isComplete ? .no : .unknown
        default: return .unknown
        }
    }

    /// A field without a value breaks the rule off, unless it only is that the routes were not collected.
    private func missing(_ field: NftField, _ state: WalkState) -> Ternary {
        switch field {
        case .sourceAddressType, .destinationAddressType, .destinationAddressTypeOnInput:
            namespace.router.isKnown(state.packet.family) ? .no : .unknown
        case .randomNumber, .incrementalNumber: .unknown
        default: .no
        }
    }

    private static func compare(_ value: NftValue, _ comparison: Comparison, _ range: NftRange) -> Ternary {
        switch comparison {
        case .equal: return Ternary(range.contains(value))
        case .notEqual: return Ternary(!range.contains(value))
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            switch (value, range.first) {
            case (.number(let a), .number(let b)): return Ternary(compare(a, comparison, b))
            case (.address(let a), .address(let b)): return Ternary(compare(a, comparison, b))
            default: return .unknown
            }
        }
    }

    // MARK: - Maps

    mutating func actOnMap(
        _ expression: NftExpression, _ rule: RuleID, _ rules: CompiledRules, _ state: inout WalkState
    ) -> TargetEffect<WalkState> {
        switch expression {
        case .verdictMap(let fields, let masks, let number):
            guard number < rules.nftSets.count else { return .goOn }
            guard let key = key(fields, masks, state) else { return .goOn }
            let set = rules.nftSets[number]
            guard let data = found(key, set, &state) else { return .goOn }
            return .parts([(state, decision(data, &state))])
        case .numberVerdictMap(let modulus, let offset, _, let number):
            guard number < rules.nftSets.count, modulus > 0 else { return .end(.unknown) }
            let set = rules.nftSets[number]
            return parts(state, modulus, offset, set, rule, rules) { walk, key, own in
                walk.found([key], set, &own).flatMap { walk.decision($0, &own) }
            }
        case .natMap(let kind, let fields, let number):
            guard number < rules.nftSets.count, let key = key(fields, [], state) else { return .goOn }
            let set = rules.nftSets[number]
            guard let data = found(key, set, &state) else { return .goOn }
            return translate(kind, data, rule, rules, &state)
        case .numberNATMap(let kind, let modulus, let offset, _, let number):
            guard number < rules.nftSets.count, modulus > 0 else { return .end(.unknown) }
            let set = rules.nftSets[number]
            return parts(state, modulus, offset, set, rule, rules) { walk, key, own in
                guard let data = walk.found([key], set, &own),
                    case .end(let verdict) = walk.translate(kind, data, rule, rules, &own)
                else { return nil }
                return .end(verdict)
            }
        case .dynamicUpdate, .compare, .lookup: return .goOn
        }
    }

    /// More ways out of one map than that are not told apart.
    private static var mostParts: Int { 4_096 }

    /// `numgen … mod N map`: a part for each element, with its share of the numbers, and one for those without.
    private mutating func parts(
        _ state: WalkState, _ modulus: UInt32, _ offset: UInt32, _ set: CompiledNftSet, _ rule: RuleID,
        _ rules: CompiledRules, decide: (inout PacketWalk, NftValue, inout WalkState) -> MapDecision?
    ) -> TargetEffect<WalkState> {
        let numbers = UInt64(offset)...UInt64(offset) + UInt64(modulus) - 1
        var parts: [(state: WalkState, decision: MapDecision?)] = []
        var left = UInt64(modulus)
        for share in set.shares(of: numbers) {
            var own = state
            if parts.count >= Self.mostParts {
                part(left, of: UInt64(modulus), &own)
                lostTrack(.tooMuch, at: rule, of: rules, &own)
                parts.append((own, .end(.unknown)))
                break
            }
            if share.count < UInt64(modulus) { part(share.count, of: UInt64(modulus), &own) }
            left -= min(left, share.count)
            let decision = decide(&self, .number(share.first), &own)
            parts.append((own, decision))
        }
        return .parts(parts)
    }

    /// What a map yields; `nil` where it has no such element, and, where that is not sure, with a doubt.
    private mutating func found(_ key: [NftValue], _ set: CompiledNftSet, _ state: inout WalkState) -> NftData? {
        if let data = set.element(key)?.data ?? set.set.catchAll { return data }
        if set.set.isComplete { return nil }
        let text = "an element of the map \(set.set.name) could not be read"
        doubt(text, &state)
        return .unmodelled(text)
    }

    private mutating func decision(_ data: NftData, _ state: inout WalkState) -> MapDecision? {
        switch data {
        case .accept: return .end(.accept)
        case .drop: return .end(.drop)
        case .return: return .return
        case .continue: return nil
        case .jump(let chain): return .jump(chain)
        case .goto(let chain): return .goto(chain)
        case .values: return nil
        case .unmodelled(let text):
            doubt("not modelled: \(text)", &state)
            return .end(.unknown)
        }
    }

    private mutating func translate(
        _ kind: NATTarget.Kind, _ data: NftData, _ rule: RuleID, _ rules: CompiledRules, _ state: inout WalkState
    ) -> TargetEffect<WalkState> {
        guard case .values(let values) = data, case .address(let address)? = values.first else {
            doubt("what the map yields is not modelled: \(data)", &state)
            return .end(.unknown)
        }
        var target = NATTarget(kind: kind, addresses: AddressRange(address, address))
        if values.count > 1, case .number(let port) = values[1] {
            target.ports = PortRange(UInt16(truncatingIfNeeded: port))
        }
        return translate(target, rule, rules, &state)
    }
}
