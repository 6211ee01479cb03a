import ClewBundle
import ClewNet
import ClewSnapshot

extension ClassDomain {
    mutating func act(
        _ target: Target, of rule: RuleID, in rules: CompiledRules, on state: inout PacketClass
    ) -> TargetEffect<PacketClass> {
        let set = rules.ruleSet
        switch target {
        case .mark(let value, let mask):
            state.mark = (state.mark & ~mask) ^ value
            return .goOn
        case .connmark(let pool):
            connmark(set.connmarkTargets[Int(pool.rawValue)], &state)
            return .goOn
        case .dnat4(let address, let port):
            return translateDestination(
                IPAddress(v4: address), port == 0 ? nil : port, rule, rules, state)
        case .nat(let pool): return translate(set.natTargets[Int(pool.rawValue)], rule, rules, &state)
        case .masquerade: return translate(NATTarget(kind: .masquerade), rule, rules, &state)
        case .notrack:
            if state.conntrackState.isEmpty {
                state.conntrackState = .untracked
                state.hasEntry = false
            }
            return .goOn
        case .timeToLive(let change, let value):
            switch change {
            case .set: state.ttl = value
            case .increment: state.ttl = UInt8(clamping: Int(state.ttl) + Int(value))
            case .decrement: state.ttl = UInt8(clamping: Int(state.ttl) - Int(value))
            }
            return .goOn
        case .tos(let value, let mask):
            state.tos = (state.tos & ~mask) ^ value
            return .goOn
        case .set:
            state.changesSets = true
            return .goOn
        case .verdictMap(let pool): return actOnMap(set.nft[Int(pool.rawValue)], rule, rules, state)
        case .conntrackAssign(let pool):
            let text = set.string(set.unmodelled[Int(pool.rawValue)])
            if text.contains("zone") { doubt(rule, rules, "conntrack zones are not modelled: \(text)", &state) }
            return .goOn
        case .tproxy:
            doubt(rule, rules, "TPROXY hands the packet to a local program", &state)
            return .end(.unknown)
        case .queue:
            doubt(rule, rules, "a program behind the queue decides", &state)
            return .end(.unknown)
        case .unmodelled(let pool):
            doubt(rule, rules, "target not modelled: \(set.string(set.unmodelled[Int(pool.rawValue)]))", &state)
            return .end(.unknown)
        case .none, .accept, .drop, .return, .jump, .goto, .reject, .transparent, .tcpMSS: return .goOn
        }
    }

    private func connmark(_ target: ConnmarkTarget, _ state: inout PacketClass) {
        guard state.hasEntry else { return }
        switch target {
        case .set(let value, let mask): state.connectionMark = (state.connectionMark & ~mask) ^ value
        case .save(let ctMask, let markMask):
            state.connectionMark = (state.connectionMark & ~ctMask) ^ (state.mark & markMask)
        case .restore(let ctMask, let markMask):
            state.mark = (state.mark & ~markMask) ^ (state.connectionMark & ctMask)
        }
    }

    // MARK: - Translation

    mutating func translate(
        _ target: NATTarget, _ rule: RuleID, _ rules: CompiledRules, _ state: inout PacketClass
    ) -> TargetEffect<PacketClass> {
        guard state.hasEntry else { return .end(.accept) }
        switch target.kind {
        case .destination, .redirect: return destination(target, rule, rules, &state)
        case .masquerade:
            state.sourceChange = .masquerade
            state.sourceSettled = true
            let address = masqueradeAddress(state)
            state.translatesSource = target.choosesPort || address.map { sets.single(state.source) != $0.bits } ?? true
            return .end(.accept)
        case .source:
            state.sourceSettled = true
            guard let range = target.addresses else { return .end(.accept) }
            if range.first != range.last {
                doubt(
                    rule, rules,
                    "SNAT to \(range.first)-\(range.last): which address a connection gets is not modelled", &state)
            }
            state.sourceChange = .to(range.first)
            state.translatesSource =
                target.choosesPort || target.ports != nil || sets.single(state.source) != range.first.bits
            return .end(.accept)
        case .netmap:
            doubt(rule, rules, "NETMAP is not modelled for classes of packets", &state)
            return .end(.unknown)
        }
    }

    private mutating func destination(
        _ target: NATTarget, _ rule: RuleID, _ rules: CompiledRules, _ state: inout PacketClass
    ) -> TargetEffect<PacketClass> {
        var address: IPAddress?
        if target.kind == .redirect {
            guard let own = walk.redirectAddress(representative(state)) else {
                doubt(rule, rules, "the address REDIRECT leads to is not known", &state)
                return .end(.unknown)
            }
            address = own
        } else if let range = target.addresses {
            address = range.first
            if range.first != range.last {
                doubt(
                    rule, rules,
                    "DNAT to \(range.first)-\(range.last): which address a connection gets is not modelled", &state)
            }
        }
        var port: UInt16?
        if let ports = target.ports, state.ipProtocol.hasPorts {
            if let base = target.basePort {
                guard let own = sets.single(state.destinationPort) else {
                    doubt(rule, rules, "a range of ports is shifted, which is not modelled for many ports", &state)
                    return .end(.unknown)
                }
                port = ports.shifted(UInt16(truncatingIfNeeded: own), from: base)
            } else if ports.first == ports.last {
                port = ports.first
            } else {
                return intoRange(ports, address, state)
            }
        }
        return translateDestination(address, port, rule, rules, state)
    }

    /// A port inside the range is kept, another one becomes the first.
    private mutating func intoRange(
        _ ports: PortRange, _ address: IPAddress?, _ state: PacketClass
    ) -> TargetEffect<PacketClass> {
        let halves = sets.split(state.destinationPort, by: ValueRange(ports))
        var parts: [(state: PacketClass, decision: MapDecision?)] = []
        for (values, port) in [(halves.inside, nil), (halves.outside, Optional(ports.first))] where !values.isEmpty {
            var own = state
            own.destinationPort = values
            parts += settled(address, port, own)
        }
        return .parts(parts)
    }

    /// `nf_nat_setup_info`.
    mutating func translateDestination(
        _ address: IPAddress?, _ port: UInt16?, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> TargetEffect<PacketClass> {
        guard state.hasEntry else { return .end(.accept) }
        return .parts(settled(address, state.ipProtocol.hasPorts ? port : nil, state))
    }

    /// Packets that already go where they are sent to are not translated, which `--ctstate DNAT` can tell.
    private mutating func settled(
        _ address: IPAddress?, _ port: UInt16?, _ state: PacketClass
    ) -> [(state: PacketClass, decision: MapDecision?)] {
        var state = state
        state.destinationSettled = true
        var result: [(state: PacketClass, decision: MapDecision?)] = []
        var equal = state
        if let address {
            let halves = sets.split(state.destination, by: ValueRange(address.bits))
            equal.destination = halves.inside
            var other = state
            other.destination = halves.outside
            if !halves.outside.isEmpty { result.append((changed(address, port, other), .end(.accept))) }
            if halves.inside.isEmpty { return result }
        }
        if let port {
            let halves = sets.split(equal.destinationPort, by: ValueRange(UInt128(port)))
            var other = equal
            other.destinationPort = halves.outside
            if !halves.outside.isEmpty { result.append((changed(address, port, other), .end(.accept))) }
            equal.destinationPort = halves.inside
            if halves.inside.isEmpty { return result }
        }
        return result + [(equal, .end(.accept))]
    }

    private mutating func changed(_ address: IPAddress?, _ port: UInt16?, _ state: PacketClass) -> PacketClass {
        var state = state
        state.translatesDestination = true
        if let address { state.pendingDestination = sets.set(address.bits) }
        if let port { state.pendingDestinationPort = sets.set(UInt128(port)) }
        return state
    }
}
