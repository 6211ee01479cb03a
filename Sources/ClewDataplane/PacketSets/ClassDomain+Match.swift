import ClewNet
import ClewSnapshot

extension ClassDomain {
    /// The index answers for one destination or for ranges of them, and one protocol and port.
    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, of rules: CompiledRules, for state: PacketClass
    ) -> UInt32 {
        guard rules.isIndexed(chain) else { return candidates.lowerBound }
        let port = sets.single(state.destinationPort).map { UInt16(truncatingIfNeeded: $0) }
        if let port, let destination = sets.single(state.destination) {
            return rules.firstCandidate(
                candidates, in: chain, destination: IPAddress(bits: destination, family), ipProtocol: state.ipProtocol,
                port: port)
        }
        return rules.firstCandidate(
            candidates, in: chain, destinations: sets.ranges(of: state.destination), ipProtocol: state.ipProtocol,
            port: port)
    }

    mutating func split(
        _ state: inout PacketClass, by match: Match, of rule: RuleID, in rules: CompiledRules
    ) -> MatchSplit<PacketClass> {
        let set = rules.ruleSet
        switch match.test {
        case .source4(let value, let mask): return masked(.source, value, mask, match, rule, rules, state)
        case .destination4(let value, let mask): return masked(.destination, value, mask, match, rule, rules, state)
        case .source(let pool):
            return masked(.source, set.maskedAddresses[Int(pool.rawValue)], match, rule, rules, state)
        case .destination(let pool):
            return masked(.destination, set.maskedAddresses[Int(pool.rawValue)], match, rule, rules, state)
        case .sourceRange(let pool): return inside(.source, set.addressRanges[Int(pool.rawValue)], match, state)
        case .destinationRange(let pool):
            return inside(.destination, set.addressRanges[Int(pool.rawValue)], match, state)
        case .sourcePort(let range): return ports(.sourcePort, range, match, state)
        case .destinationPort(let range): return ports(.destinationPort, range, match, state)
        case .multiport(let side, let pool): return multiport(side, set.portLists[Int(pool.rawValue)], match, state)
        case .mark(let value, let mask): return answer(state.mark & mask == value, match)
        case .ipProtocol(let number): return answer(state.ipProtocol == number, match)
        case .random(let threshold):
            let share = min(UInt64(threshold), 1 << 31)
            return chance(match.isNegated ? (1 << 31) - share : share, of: 1 << 31, state)
        case .nth(let every, _):
            let whole = UInt64(max(every, 1))
            return chance(match.isNegated ? whole - 1 : 1, of: whole, state)
        case .stateful(let pool):
            return stateful(set.states[Int(pool.rawValue)], match, rule, rules, &state)
        case .conntrackState(let wanted): return conntrackState(wanted, match, state)
        case .conntrackAddress, .conntrackPort, .conntrackStatus, .conntrackProtocol, .conntrackDirection, .connmark:
            return conntrack(match, rule, rules, state)
        case .addressType(let pool):
            return addressType(set.addressTypes[Int(pool.rawValue)], match, rule, rules, state)
        case .reversePath(let options): return reversePath(options, match, rule, rules, state)
        case .set(let pool): return inSet(set.setReferences[Int(pool.rawValue)], match, rule, rules, state)
        case .nft(let pool): return nft(set.nft[Int(pool.rawValue)], match, rule, rules, state)
        default: return constant(match, rule, rules, state)
        }
    }

    // MARK: - Answers

    func answer(_ holds: Bool, _ match: Match) -> MatchSplit<PacketClass> { holds != match.isNegated ? .all : .none }

    /// Parts the class by the values of one field for which the test holds, the negation not counted.
    func parted(
        _ field: ClassField, _ halves: (inside: SetID, outside: SetID), _ match: Match, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        if halves.inside.isEmpty { return answer(false, match) }
        if halves.outside.isEmpty { return answer(true, match) }
        var (inside, outside) = (state, state)
        inside[field] = halves.inside
        outside[field] = halves.outside
        return match.isNegated
            ? .parts(matching: outside, other: inside) : .parts(matching: inside, other: outside)
    }

    /// Asks about one packet in place of all: for tests that look at nothing that is a set.
    private mutating func constant(
        _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        let single = representative(state)
        switch match.isNegated ? !walk.test(match.test, single, rules) : walk.test(match.test, single, rules) {
        case .yes: return .all
        case .no: return .none
        case .unknown: return unknown(match, rule, rules, state)
        }
    }

    mutating func unknown(
        _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        let number = note(rule, rules) { $0.walk.whyUnknown(match.test, $0.representative(state), rules) }
        return fork(state, .unknown, note: number)
    }

    /// A packet of the class: the least of every set.
    func representative(_ state: PacketClass) -> WalkState {
        func address(_ set: SetID) -> IPAddress { IPAddress(bits: sets.first(set) ?? 0, family) }
        func port(_ set: SetID) -> UInt16 { UInt16(truncatingIfNeeded: sets.first(set) ?? 0) }
        var packet = Packet(
            opening: ConntrackTuple(
                source: address(state.source), destination: address(state.destination), ipProtocol: state.ipProtocol,
                sourcePort: port(state.sourcePort), destinationPort: port(state.destinationPort)))
        packet.mark = state.mark
        packet.ttl = state.ttl
        packet.tos = state.tos
        packet.input = state.input
        packet.output = state.output
        packet.hasUnknownInput = state.hasUnknownInput
        packet.hasUnknownOutput = state.hasUnknownOutput
        packet.hasBridgeInfo = state.hasBridgeInfo
        var single = WalkState(packet: packet)
        single.conntrackState = state.conntrackState
        if state.isVirtual {
            single.isVirtual = true
            single.virtualConnections = [
                IPVSConnection(
                    namespace: namespace.index, client: SocketAddress(packet.source, packet.sourcePort),
                    virtual: SocketAddress(address(state.originalDestination), port(state.originalDestinationPort)),
                    real: SocketAddress(packet.destination, packet.destinationPort), ipProtocol: packet.ipProtocol)
            ]
        }
        if state.hasEntry {
            var connection = Connection(namespace: namespace.index, opening: packet.tuple)
            connection.mark = state.connectionMark
            connection.isConfirmed = state.isConfirmed
            connection.translatesDestination = state.translatesDestination
            connection.translatesSource = state.translatesSource
            single.connection = connection
            single.hasConnection = true
        }
        return single
    }

    // MARK: - Addresses and ports

    private mutating func masked(
        _ field: ClassField, _ value: UInt32, _ mask: UInt32, _ match: Match, _ rule: RuleID, _ rules: CompiledRules,
        _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard family == .ipv4 else { return answer(false, match) }
        let host = ~mask
        // A mask of leading ones leaves one range.
        if host & (host &+ 1) == 0 {
            let range = ValueRange(UInt128(value), UInt128(value | host))
            return parted(field, sets.split(state[field], by: range), match, state)
        }
        return masked(
            field, MaskedAddress(IPAddress(v4: value), mask: IPAddress(v4: mask)), match, rule, rules, state)
    }

    private mutating func masked(
        _ field: ClassField, _ masked: MaskedAddress, _ match: Match, _ rule: RuleID, _ rules: CompiledRules,
        _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard masked.value.family == family else { return answer(false, match) }
        if let length = masked.prefixLength, let prefix = IPPrefix(masked.value, length: length) {
            return parted(field, sets.split(state[field], by: prefix.values), match, state)
        }
        if let single = sets.single(state[field]) {
            return answer(masked.contains(IPAddress(bits: single, family)), match)
        }
        guard let ranges = Self.ranges(of: masked) else { return unknown(match, rule, rules, state) }
        let allowed = sets.set(union: ranges)
        return parted(field, sets.split(state[field], by: allowed), match, state)
    }

    /// The ranges of a mask with gaps; `nil` where there are too many.
    private static func ranges(of masked: MaskedAddress) -> [ValueRange]? {
        let all = AddressAtoms.last(masked.value.family)
        let free = ~masked.mask.bits & all
        let low = UInt128(1) << UInt128((~free).trailingZeroBitCount) - 1
        let gaps = free & ~low
        guard gaps.nonzeroBitCount <= 12 else { return nil }
        var result: [ValueRange] = []
        // Every combination of the free bits above the lowest run.
        var combination: UInt128 = 0
        repeat {
            let first = masked.value.bits | combination
            result.append(ValueRange(first, first | low))
            combination = (combination &- gaps) & gaps
        } while combination != 0
        return result
    }

    private mutating func inside(
        _ field: ClassField, _ range: AddressRange, _ match: Match, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard range.first.family == family else { return answer(false, match) }
        return parted(
            field, sets.split(state[field], by: ValueRange(range.first.bits, range.last.bits)), match, state)
    }

    private mutating func ports(
        _ field: ClassField, _ range: PortRange, _ match: Match, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard state.ipProtocol.hasPorts else { return answer(false, match) }
        return parted(field, sets.split(state[field], by: ValueRange(range)), match, state)
    }

    private mutating func multiport(
        _ side: MultiportSide, _ list: PortList, _ match: Match, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard state.ipProtocol.hasPorts else { return answer(false, match) }
        let allowed = sets.set(union: list.ranges.map { ValueRange($0) })
        switch side {
        case .source: return parted(.sourcePort, sets.split(state.sourcePort, by: allowed), match, state)
        case .destination: return parted(.destinationPort, sets.split(state.destinationPort, by: allowed), match, state)
        case .either:
            let source = sets.split(state.sourcePort, by: allowed)
            let destination = sets.split(state.destinationPort, by: allowed)
            if source.inside.isEmpty { return parted(.destinationPort, destination, match, state) }
            if source.outside.isEmpty || destination.outside.isEmpty { return answer(true, match) }
            var parts: [(state: PacketClass, matches: Bool)] = []
            var own = state
            own.sourcePort = source.inside
            parts.append((own, !match.isNegated))
            own.sourcePort = source.outside
            for (ports, holds) in [(destination.inside, true), (destination.outside, false)] where !ports.isEmpty {
                own.destinationPort = ports
                parts.append((own, holds != match.isNegated))
            }
            return .several(parts)
        }
    }

    // MARK: - Conntrack

    private func conntrackState(_ wanted: ConntrackStates, _ match: Match, _ state: PacketClass) -> MatchSplit<
        PacketClass
    > {
        var own: ConntrackStates = state.conntrackState.isEmpty ? .invalid : state.conntrackState
        if state.translatesSource { own.insert(.snat) }
        if state.translatesDestination { own.insert(.dnat) }
        return answer(!own.isDisjoint(with: wanted), match)
    }

    private mutating func conntrack(
        _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard state.hasEntry else {
            return walk.withoutEntry(match, representative(state)) ?? false ? .all : .none
        }
        switch match.test {
        case .connmark(let value, let mask): return answer(state.connectionMark & mask == value, match)
        case .conntrackProtocol(let number): return answer(state.ipProtocol == number, match)
        case .conntrackAddress(let field, let pool):
            let wanted = rules.ruleSet.maskedAddresses[Int(pool.rawValue)]
            guard let own = Self.field(of: field, state) else { return unknown(match, rule, rules, state) }
            return masked(own, wanted, match, rule, rules, state)
        case .conntrackPort(let field, let range):
            guard let own = Self.portField(of: field, state) else { return unknown(match, rule, rules, state) }
            return parted(own, sets.split(state[own], by: ValueRange(range)), match, state)
        default: return constant(match, rule, rules, state)
        }
    }

    /// The field that holds an address of the entry; `nil` where the entry is ahead of the packets.
    private static func field(of field: ConntrackField, _ state: PacketClass) -> ClassField? {
        switch field {
        case .originalSource: .sentSource
        case .originalDestination: .sentDestination
        // The reply comes from where the packets go, once what the entry says is done.
        case .replySource: state.pendingDestination.isEmpty ? .destination : nil
        case .replyDestination: state.sourceChange == .none ? .source : nil
        }
    }

    private static func portField(of field: ConntrackField, _ state: PacketClass) -> ClassField? {
        switch field {
        case .originalSource: .sentSourcePort
        case .originalDestination: .sentDestinationPort
        case .replySource: state.pendingDestinationPort.isEmpty ? .destinationPort : nil
        case .replyDestination: state.sourceChange == .none ? .sourcePort : nil
        }
    }

    // MARK: - State

    /// What earlier packets decide: both ways, by name, since either can be.
    private mutating func stateful(
        _ stateful: StatefulMatch, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: inout PacketClass
    ) -> MatchSplit<PacketClass> {
        let set = ruleSetIndex(rules)
        switch stateful.kind {
        case .recent:
            let list = stateful.listName ?? NameID(rawValue: .max)
            if stateful.recentAction == .set {
                log(.remembered(set, list), &state)
                return answer(true, match)
            }
            // What a rule on the way has remembered is known.
            if (stateful.hitCount ?? 1) <= 1, remembers(state.path, set, list) { return answer(true, match) }
            let number = note(rule, rules) { _ in
                "whether the client is on the recent list \(stateful.listName.map { rules.ruleSet.name($0) } ?? "DEFAULT")"
            }
            return turned(
                fork(state, .recent, note: number, list: list, seconds: stateful.seconds ?? 0, ruleSet: set), match)
        case .limit, .quota, .hashlimit, .connlimit:
            let number = note(rule, rules) { _ in "whether the limit of this rule is exhausted" }
            // Taken is the way within the limit.
            let fork = fork(state, .limit, note: number)
            return stateful.matchesBelowLimit == match.isNegated ? swapped(fork) : fork
        case .other:
            let number = note(rule, rules) { _ in "depends on earlier packets" }
            return fork(state, .unknown, note: number)
        }
    }

    private func remembers(_ path: Int32, _ set: RuleSetIndex, _ list: NameID) -> Bool {
        events(to: path).contains { event in
            if case .remembered(set, list) = event { true } else { false }
        }
    }

    private func turned(_ split: MatchSplit<PacketClass>, _ match: Match) -> MatchSplit<PacketClass> {
        match.isNegated ? swapped(split) : split
    }

    private func swapped(_ split: MatchSplit<PacketClass>) -> MatchSplit<PacketClass> {
        guard case .fork(let matching, let other) = split else { return split }
        return .fork(matching: other, other: matching)
    }
}
