import ClewBundle
import ClewNet
import ClewSnapshot

extension PacketWalk {
    mutating func act(
        _ target: Target, of rule: RuleID, in rules: CompiledRules, on state: inout WalkState
    ) -> TargetEffect<WalkState> {
        let set = rules.ruleSet
        switch target {
        case .mark(let value, let mask):
            state.packet.mark = (state.packet.mark & ~mask) ^ value
            return .goOn
        case .connmark(let pool):
            connmark(set.connmarkTargets[Int(pool.rawValue)], &state)
            return .goOn
        case .dnat4(let address, let port):
            let to = IPAddress(v4: address)
            return translate(
                NATTarget(
                    kind: .destination, addresses: AddressRange(to, to), ports: port == 0 ? nil : PortRange(port)),
                rule, rules, &state)
        case .nat(let pool): return translate(set.natTargets[Int(pool.rawValue)], rule, rules, &state)
        case .masquerade: return translate(NATTarget(kind: .masquerade), rule, rules, &state)
        case .notrack:
            // Not where the packet belongs to an entry already (`xt_CT.c`: "Previously seen (loopback)? Ignore"). What
            // conntrack found invalid on its way out belongs to none.
            if state.conntrackState.isEmpty || state.conntrackState == .invalid, !state.hasTemplate {
                state.conntrackState = .untracked
                state.hasConnection = false
            }
            return .goOn
        case .tcpMSS(let size):
            if state.segment > 0, state.packet.tcpFlags & Packet.syn != 0 {
                state.segment = min(state.segment, size > 0 ? size : clampedSegment(state))
            }
            // `tcpmss_mangle_packet` adds the option to a SYN that has none and no data.
            let longest: UInt16 = state.packet.family == .ipv4 ? 80 : 100
            if state.packet.length <= longest { state.packet.hasKnownLength = false }
            return .goOn
        case .set(let pool):
            change(set.setTargets[Int(pool.rawValue)], &state, rules)
            return .goOn
        case .timeToLive(let change, let value):
            switch change {
            case .set: state.packet.ttl = value
            case .increment: state.packet.ttl = UInt8(clamping: Int(state.packet.ttl) + Int(value))
            case .decrement: state.packet.ttl = UInt8(clamping: Int(state.packet.ttl) - Int(value))
            }
            return .goOn
        case .tos(let value, let mask):
            state.packet.tos = (state.packet.tos & ~mask) ^ value
            return .goOn
        case .verdictMap(let pool): return actOnMap(set.nft[Int(pool.rawValue)], rule, rules, &state)
        case .conntrackAssign(let pool):
            let text = set.string(set.unmodelled[Int(pool.rawValue)])
            if text.contains("zone") {
                doubt("conntrack zones are not modelled: \(text)", source: line(rule, rules), &state)
            }
            // The packet bears the rule's template from here to conntrack.
            if state.conntrackState.isEmpty { state.hasTemplate = true }
            return .goOn
        case .tproxy:
            doubt("TPROXY hands the packet to a local program", source: line(rule, rules), &state)
            return .end(.unknown)
        case .queue:
            doubt("a program behind the queue decides", source: line(rule, rules), &state)
            return .end(.unknown)
        case .unmodelled(let pool):
            doubt(
                "target not modelled: \(set.string(set.unmodelled[Int(pool.rawValue)]))", source: line(rule, rules),
                &state)
            return .end(.unknown)
        case .none, .accept, .drop, .return, .jump, .goto, .reject, .transparent: return .goOn
        }
    }

    /// `--clamp-mss-to-pmtu`: what the links allow by which the packet leaves, and by which it came.
    private func clampedSegment(_ state: WalkState) -> UInt16 {
        let links = [state.packet.output, state.packet.input].compactMap { namespace.link($0)?.mtu }.filter { $0 > 0 }
        guard let least = links.min() else { return state.segment }
        let header: UInt32 = state.packet.family == .ipv4 ? 40 : 60
        return UInt16(clamping: least > header ? least - header : 1)
    }

    private func line(_ rule: RuleID, _ rules: CompiledRules) -> SourceLine {
        SourceLine(rules.ruleSet.artifact, line: rules.rule(rule).line)
    }

    private mutating func connmark(_ target: ConnmarkTarget, _ state: inout WalkState) {
        guard state.hasConnection else { return }
        switch target {
        case .set(let value, let mask):
            state.connection.mark = (state.connection.mark & ~mask) ^ value
        case .save(let ctMask, let markMask):
            state.connection.mark =
                (state.connection.mark & ~ctMask) ^ (state.packet.mark & markMask)
        case .restore(let ctMask, let markMask):
            state.packet.mark = (state.packet.mark & ~markMask) ^ (state.connection.mark & ctMask)
            log(.marked(state.packet.mark), &state)
        }
    }

    /// `nf_nat_setup_info`: the entry's reply tuple becomes what answers to the translated packet carry.
    mutating func translate(
        _ target: NATTarget, _ rule: RuleID, _ rules: CompiledRules, _ state: inout WalkState
    ) -> TargetEffect<WalkState> {
        guard state.hasConnection else { return .end(.accept) }
        var wanted = state.connection.reply.reversed
        switch target.kind {
        case .destination, .redirect: return translateDestination(target, &wanted, rule, rules, &state)
        case .source, .masquerade: return translateSource(target, &wanted, rule, rules, &state)
        case .netmap:
            guard let network = target.addresses?.first, let length = target.netmapLength else { return .end(.unknown) }
            let mask = IPAddress.mask(length, network.family)
            if state.connection.destinationSettled {
                wanted.source = (network & mask) | (wanted.source & ~mask)
                settleSource(wanted, &state)
            } else {
                wanted.destination = (network & mask) | (wanted.destination & ~mask)
                settleDestination(wanted, &state)
            }
            return .end(.accept)
        }
    }

    private mutating func translateDestination(
        _ target: NATTarget, _ wanted: inout ConntrackTuple, _ rule: RuleID, _ rules: CompiledRules,
        _ state: inout WalkState
    ) -> TargetEffect<WalkState> {
        if target.kind == .redirect {
            guard let own = redirectAddress(state) else {
                doubt("the address REDIRECT leads to is not known", source: line(rule, rules), &state)
                return .end(.unknown)
            }
            wanted.destination = own
        } else if let range = target.addresses {
            wanted.destination = range.first
            if range.first != range.last {
                doubt(
                    "DNAT to \(range.first)-\(range.last): which address a connection gets is not modelled",
                    source: line(rule, rules),
                    &state)
            }
        }
        if let ports = target.ports, wanted.ipProtocol.hasPorts {
            if let base = target.basePort {
                wanted.destinationPort = ports.shifted(wanted.destinationPort, from: base)
            } else if !ports.contains(wanted.destinationPort) {
                wanted.destinationPort = ports.first
            }
        }
        settleDestination(wanted, &state)
        return .end(.accept)
    }

    /// `nf_nat_redirect.c`: the first address of the link the packet came in by; for local packets 127.0.0.1 or ::1.
    func redirectAddress(_ state: WalkState) -> IPAddress? {
        let family = state.packet.family
        guard state.packet.input != .none else {
            return family == .ipv4 ? IPAddress(v4: 127, 0, 0, 1) : IPAddress(v6High: 0, low: 1)
        }
        let link = namespace.link(state.packet.input)
        return link?.addresses.first {
            $0.address.family == family && (family == .ipv4 || !$0.address.address.isLinkLocal)
        }?
        .address.address
    }

    private mutating func translateSource(
        _ target: NATTarget, _ wanted: inout ConntrackTuple, _ rule: RuleID, _ rules: CompiledRules,
        _ state: inout WalkState
    ) -> TargetEffect<WalkState> {
        if target.kind == .masquerade {
            guard let address = masqueradeAddress(state) else {
                doubt("the address MASQUERADE takes is not known", source: line(rule, rules), &state)
                if state.outer.isEmpty { state.wasMasqueraded = true }
                settleSource(wanted, &state)
                return .end(.accept)
            }
            wanted.source = address
            state.connection.masqueradeLink = state.packet.output
            // An outer packet of a tunnel may be masqueraded too; that does not touch the connection.
            if state.outer.isEmpty { state.wasMasqueraded = true }
        } else if let range = target.addresses {
            wanted.source = range.first
            if range.first != range.last {
                doubt(
                    "SNAT to \(range.first)-\(range.last): which address a connection gets is not modelled",
                    source: line(rule, rules),
                    &state)
            }
        }
        if let ports = target.ports, wanted.ipProtocol.hasPorts, !ports.contains(wanted.sourcePort) {
            wanted.sourcePort = ports.first
            if ports.first != ports.last {
                assume(
                    "of the source ports \(ports.first)-\(ports.last) the connection gets \(ports.first)",
                    source: line(rule, rules), &state)
            }
        }
        settleSource(wanted, &state)
        // The port that was drawn is not known, but that it changed is: of tens of thousands it is hardly the same.
        if target.choosesPort, wanted.ipProtocol.hasPorts || wanted.ipProtocol == .icmp || wanted.ipProtocol == .icmpv6
        {
            state.connection.translatesSource = true
        }
        return .end(.accept)
    }

    private mutating func settleDestination(_ wanted: ConntrackTuple, _ state: inout WalkState) {
        let changed = wanted != state.connection.reply.reversed
        state.connection.reply = wanted.reversed
        state.connection.destinationSettled = true
        state.connection.translatesDestination = changed
    }

    private mutating func settleSource(_ wanted: ConntrackTuple, _ state: inout WalkState) {
        let changed = wanted != state.connection.reply.reversed
        state.connection.reply = wanted.reversed
        state.connection.sourceSettled = true
        state.connection.translatesSource = changed
    }

    /// `nf_nat_masquerade.c`: what the kernel selects on the outgoing link, towards the next hop, in IPv6 the destination.
    func masqueradeAddress(_ state: WalkState) -> IPAddress? {
        guard let link = namespace.link(state.packet.output) else { return nil }
        let destination = state.packet.destination
        let towards = destination.family == .ipv4 ? state.nextHop ?? destination : destination
        return namespace.selectSource(on: link, towards: towards, scope: .universe)
    }
}
