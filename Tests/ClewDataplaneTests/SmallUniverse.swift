import ClewNet
import ClewSnapshot

@testable import ClewDataplane

/// Every packet with 13 bits of header, and a second domain of the rule interpreter over sets of them.
///
/// The domain shares nothing with the one of single packets but the interpreter: a match is answered by a look at which
/// values of one field it allows, never by looking at a packet.
enum SmallUniverse {
    enum Field: Int, CaseIterable {
        case source, destination, ipProtocol, sourcePort, destinationPort, mark, input
    }

    static let sources = (0..<4).map { IPAddress(v4: 10, 0, 0, UInt8($0)) }
    static let destinations = (0..<8).map { IPAddress(v4: 10, 1, 0, UInt8($0)) }
    static let protocols: [IPProtocol] = [.tcp, .udp]
    static let sourcePorts: [UInt16] = [1000, 1001]
    static let destinationPorts: [UInt16] = [80, 81, 443, 8080]
    static let marks: [UInt32] = [0, 1, 0x4000, 0x4001]
    static let links = ["eth0", "cni0"]
    static let counts = [4, 8, 2, 2, 4, 4, 2]
    static let size = counts.reduce(1, *)

    static func value(_ field: Field, of id: Int) -> Int {
        var rest = id
        for (number, count) in counts.enumerated() {
            if number == field.rawValue { return rest % count }
            rest /= count
        }
        return 0
    }

    static func packet(_ id: Int) -> Packet {
        var packet = Packet(
            opening: ConntrackTuple(
                source: sources[value(.source, of: id)], destination: destinations[value(.destination, of: id)],
                ipProtocol: protocols[value(.ipProtocol, of: id)], sourcePort: sourcePorts[value(.sourcePort, of: id)],
                destinationPort: destinationPorts[value(.destinationPort, of: id)]))
        packet.mark = marks[value(.mark, of: id)]
        packet.input = LinkIndex(rawValue: Int32(value(.input, of: id)))
        return packet
    }

    /// For each field and value the packets that have it.
    static let having: [[PacketSet]] = Field.allCases.map { field in
        (0..<counts[field.rawValue]).map { value in
            var set = PacketSet()
            for id in 0..<size where SmallUniverse.value(field, of: id) == value { set.insert(id) }
            return set
        }
    }
}

/// A set of packets of the small universe, a bit each.
struct PacketSet: Hashable {
    var words = [UInt64](repeating: 0, count: SmallUniverse.size / 64)

    static let all: PacketSet = {
        var set = PacketSet()
        for index in set.words.indices { set.words[index] = .max }
        return set
    }()

    mutating func insert(_ id: Int) { words[id / 64] |= 1 << UInt64(id % 64) }
    func contains(_ id: Int) -> Bool { words[id / 64] >> UInt64(id % 64) & 1 == 1 }
    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    func intersection(_ other: PacketSet) -> PacketSet {
        var result = self
        for index in words.indices { result.words[index] &= other.words[index] }
        return result
    }
    func subtracting(_ other: PacketSet) -> PacketSet {
        var result = self
        for index in words.indices { result.words[index] &= ~other.words[index] }
        return result
    }
    func union(_ other: PacketSet) -> PacketSet {
        var result = self
        for index in words.indices { result.words[index] |= other.words[index] }
        return result
    }
}

/// Packets that went the same way, and what was done to all of them: the mark, and the destination.
struct PacketSetState {
    var packets: PacketSet
    /// `mark = (original & keptMark) ^ flippedMark`.
    var keptMark: UInt32 = .max
    var flippedMark: UInt32 = 0
    var destination: IPAddress?
    var destinationPort: UInt16?
    var pending: (IPAddress, UInt16)?
    var isTracked = false
    var isSettled = false

    func final(_ id: Int) -> Packet {
        var packet = SmallUniverse.packet(id)
        packet.mark = (packet.mark & keptMark) ^ flippedMark
        packet.destination = destination ?? packet.destination
        packet.destinationPort = destinationPort ?? packet.destinationPort
        return packet
    }
}

/// The domain of packet sets.
struct PacketSetDomain: PacketDomain {
    typealias State = PacketSetState

    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, of rules: CompiledRules, for state: PacketSetState
    ) -> UInt32 {
        // The index answers for one destination, protocol and port: use it where the set has but one.
        guard let address = state.destination ?? single(.destination, state).map({ SmallUniverse.destinations[$0] }),
            let number = single(.ipProtocol, state),
            let port = state.destinationPort
                ?? single(.destinationPort, state).map({ SmallUniverse.destinationPorts[$0] })
        else { return candidates.lowerBound }
        return rules.firstCandidate(
            candidates, in: chain, destination: address, ipProtocol: SmallUniverse.protocols[number], port: port)
    }

    private func single(_ field: SmallUniverse.Field, _ state: PacketSetState) -> Int? {
        let values = SmallUniverse.having[field.rawValue].indices.filter {
            !state.packets.intersection(SmallUniverse.having[field.rawValue][$0]).isEmpty
        }
        return values.count == 1 ? values[0] : nil
    }

    mutating func split(
        _ state: inout PacketSetState, by match: Match, of rule: RuleID, in rules: CompiledRules
    ) -> MatchSplit<PacketSetState> {
        if case .random(let threshold) = match.test {
            let never = threshold == 0
            let always = threshold >= 1 << 31
            if never || always { return always != match.isNegated ? .all : .none }
            return .fork(matching: state, other: state)
        }
        if case .unmodelled = match.test { return .fork(matching: state, other: state) }
        var allowed = packets(match.test, state, rules)
        if match.isNegated { allowed = PacketSet.all.subtracting(allowed) }
        let inside = state.packets.intersection(allowed)
        let outside = state.packets.subtracting(allowed)
        if inside.isEmpty { return .none }
        if outside.isEmpty { return .all }
        var (matching, other) = (state, state)
        matching.packets = inside
        other.packets = outside
        return .parts(matching: matching, other: other)
    }

    private func having<T>(_ field: SmallUniverse.Field, _ values: [T], where holds: (T) -> Bool) -> PacketSet {
        values.indices.filter { holds(values[$0]) }.reduce(PacketSet()) {
            $0.union(SmallUniverse.having[field.rawValue][$1])
        }
    }

    private func constant(_ holds: Bool) -> PacketSet { holds ? .all : PacketSet() }

    private func packets(_ test: MatchTest, _ state: PacketSetState, _ rules: CompiledRules) -> PacketSet {
        switch test {
        case .source4(let value, let mask):
            return having(.source, SmallUniverse.sources) { $0.v4 & mask == value }
        case .destination4(let value, let mask):
            if let own = state.destination { return constant(own.v4 & mask == value) }
            return having(.destination, SmallUniverse.destinations) { $0.v4 & mask == value }
        case .ipProtocol(let number): return having(.ipProtocol, SmallUniverse.protocols) { $0 == number }
        case .sourcePort(let range): return having(.sourcePort, SmallUniverse.sourcePorts) { range.contains($0) }
        case .destinationPort(let range):
            if let own = state.destinationPort { return constant(range.contains(own)) }
            return having(.destinationPort, SmallUniverse.destinationPorts) { range.contains($0) }
        case .multiport(.destination, let pool):
            let list = rules.ruleSet.portLists[Int(pool.rawValue)]
            if let own = state.destinationPort { return constant(list.contains(own)) }
            return having(.destinationPort, SmallUniverse.destinationPorts) { list.contains($0) }
        case .mark(let value, let mask):
            return having(.mark, SmallUniverse.marks) { (($0 & state.keptMark) ^ state.flippedMark) & mask == value }
        case .inputInterface(let pattern):
            let name = rules.ruleSet.name(pattern.name)
            return having(.input, SmallUniverse.links) { pattern.isPrefix ? $0.hasPrefix(name) : $0 == name }
        case .conntrackState(let states):
            let own: ConntrackStates = state.isTracked ? .new : .invalid
            return constant(!own.isDisjoint(with: states))
        default: return PacketSet()
        }
    }

    mutating func matched(
        _ rule: RuleID, in chain: ChainID, depth: Int, skipped: UInt32, of rules: CompiledRules,
        _ state: inout PacketSetState
    ) {}
    mutating func policyApplied(
        _ accepts: Bool, of chain: ChainID, in rules: CompiledRules, _ state: inout PacketSetState
    ) {}
    mutating func lostTrack(
        _ reason: LostTrack, at rule: RuleID, of rules: CompiledRules, _ state: inout PacketSetState
    ) {}

    mutating func act(
        _ target: Target, of rule: RuleID, in rules: CompiledRules, on state: inout PacketSetState
    ) -> TargetEffect<PacketSetState> {
        switch target {
        case .mark(let value, let mask):
            state.keptMark &= ~mask
            state.flippedMark = (state.flippedMark & ~mask) ^ value
            return .goOn
        case .dnat4(let address, let port):
            state.pending = (IPAddress(v4: address), port)
            state.isSettled = true
            return .end(.accept)
        default: return .end(.unknown)
        }
    }

    mutating func lookUpConnection(_ hook: Hook, _ state: inout PacketSetState) { state.isTracked = true }
    func needsTranslation(_ hook: Hook, _ state: PacketSetState) -> Bool { state.isTracked && !state.isSettled }
    mutating func settleWithoutTranslation(_ hook: Hook, _ state: inout PacketSetState) { state.isSettled = true }

    mutating func rewrite(_ hook: Hook, _ state: inout PacketSetState) {
        guard let (address, port) = state.pending else { return }
        state.destination = address
        if port != 0 { state.destinationPort = port }
        state.pending = nil
    }
}
