import ClewNet
import ClewSnapshot

extension PacketWalk {
    /// Whether a test holds for the packet, without its negation.
    func test(_ test: MatchTest, _ state: WalkState, _ rules: CompiledRules) -> Ternary {
        let packet = state.packet
        let set = rules.ruleSet
        switch test {
        case .source4(let value, let mask):
            return Ternary(packet.source.family == .ipv4 && packet.source.v4 & mask == value)
        case .destination4(let value, let mask):
            return Ternary(packet.family == .ipv4 && packet.destination.v4 & mask == value)
        case .source(let pool): return Ternary(set.maskedAddresses[Int(pool.rawValue)].contains(packet.source))
        case .destination(let pool):
            return Ternary(set.maskedAddresses[Int(pool.rawValue)].contains(packet.destination))
        case .sourceRange(let pool): return Ternary(set.addressRanges[Int(pool.rawValue)].contains(packet.source))
        case .destinationRange(let pool):
            return Ternary(set.addressRanges[Int(pool.rawValue)].contains(packet.destination))
        case .inputInterface(let pattern):
            return packet.hasUnknownInput ? .unknown : link(packet.input, pattern, rules)
        case .outputInterface(let pattern):
            return packet.hasUnknownOutput ? .unknown : link(packet.output, pattern, rules)
        case .ipProtocol(let number): return Ternary(packet.ipProtocol == number)
        case .family(let family): return Ternary(packet.family == family)
        case .sourcePort(let range): return Ternary(packet.ipProtocol.hasPorts && range.contains(packet.sourcePort))
        case .destinationPort(let range):
            return Ternary(packet.ipProtocol.hasPorts && range.contains(packet.destinationPort))
        case .multiport(let side, let pool):
            return multiport(side, set.portLists[Int(pool.rawValue)], packet)
        case .tcpFlags(let mask, let compare):
            return Ternary(packet.ipProtocol == .tcp && packet.tcpFlags & mask == compare)
        case .tcpOption: return packet.ipProtocol == .tcp ? .unknown : .no
        case .icmp(let type, let first, let last): return icmp(type, first, last, packet)
        case .mark(let value, let mask): return Ternary(packet.mark & mask == value)
        case .connmark(let value, let mask):
            if state.bearsTemplate { return Ternary(value == 0) }
            return Ternary(state.hasConnection && state.connection.mark & mask == value)
        case .conntrackState, .conntrackStatus, .conntrackProtocol, .conntrackAddress, .conntrackPort,
            .conntrackDirection:
            return conntrack(test, state, set)
        case .addressType(let pool): return addressType(set.addressTypes[Int(pool.rawValue)], packet)
        case .set(let pool): return inSet(set.setReferences[Int(pool.rawValue)], state, rules)
        case .physicalDevice(let pool): return physicalDevice(set.physicalDevices[Int(pool.rawValue)], packet, rules)
        case .ipvs(let pool): return virtual(set.ipvsMatches[Int(pool.rawValue)], state)
        case .length(let range): return length(range, packet)
        case .packetType(let type): return Ternary(type == .unicast)
        case .reversePath(let options): return reversePath(options, packet)
        case .tcpMSS(let range):
            guard packet.ipProtocol == .tcp, packet.tcpFlags & Packet.syn != 0 else { return .no }
            return range == PortRange.all ? .yes : .unknown
        case .timeToLive(let comparison, let value): return Ternary(Self.compare(packet.ttl, comparison, value))
        case .dscp(let value): return Ternary(packet.tos >> 2 == value)
        case .tos(let value, let mask): return Ternary(packet.tos & mask == value)
        case .fragment, .extensionHeader: return .no
        case .always: return .yes
        case .nft(let pool): return nft(set.nft[Int(pool.rawValue)], state, rules)
        case .sourceMAC, .unmodelled, .random, .nth, .stateful: return .unknown
        }
    }

    /// Why a test is unknown, in words.
    func whyUnknown(_ test: MatchTest, _ state: WalkState, _ rules: CompiledRules) -> String {
        let set = rules.ruleSet
        switch test {
        case .unmodelled(let pool):
            return "match not modelled: \(set.string(set.unmodelled[Int(pool.rawValue)]))"
        case .set(let pool):
            let reference = set.setReferences[Int(pool.rawValue)]
            if state.changedSets.contains(set.name(reference.name)) {
                return "a rule has changed the ipset \(set.name(reference.name)) on the way"
            }
            if reference.comparesCounters { return "compares the counters of the ipset \(set.name(reference.name))" }
            return "the ipset \(set.name(reference.name)) was not collected in full"
        case .inputInterface, .outputInterface: return "the device the packet uses is not known"
        case .sourceMAC: return "the packet's Ethernet source address is not traced"
        case .addressType: return "the type of an address depends on routes that were not collected"
        case .physicalDevice: return "the bridge port of the packet is not known"
        case .tcpOption, .tcpMSS: return "depends on TCP options of the client"
        case .reversePath: return "depends on routes that were not collected"
        case .length: return "the length of the client's packets is not known"
        case .nft: return "an nft set that changes with the traffic or was not read in full"
        default: return "cannot be decided"
        }
    }

    private func link(_ link: LinkIndex, _ pattern: InterfacePattern, _ rules: CompiledRules) -> Ternary {
        if pattern.isPrefix, rules.ruleSet.name(pattern.name).isEmpty { return .yes }
        return Ternary(rules.matches(pattern, link: link.rawValue))
    }

    private func multiport(_ side: MultiportSide, _ list: PortList, _ packet: Packet) -> Ternary {
        guard packet.ipProtocol.hasPorts else { return .no }
        switch side {
        case .source: return Ternary(list.contains(packet.sourcePort))
        case .destination: return Ternary(list.contains(packet.destinationPort))
        case .either: return Ternary(list.contains(packet.sourcePort) || list.contains(packet.destinationPort))
        }
    }

    private func icmp(_ type: UInt8, _ first: UInt8, _ last: UInt8, _ packet: Packet) -> Ternary {
        guard packet.ipProtocol == .icmp || packet.ipProtocol == .icmpv6 else { return .no }
        if type == 255, packet.ipProtocol == .icmp { return .yes }
        let code = UInt8(truncatingIfNeeded: packet.destinationPort)
        return Ternary(packet.destinationPort >> 8 == UInt16(type) && first <= code && code <= last)
    }

    /// `xt_length.c`.
    ///
    /// What a client sends decides: only what holds for every opening packet is certain.
    private func length(_ range: PortRange, _ packet: Packet) -> Ternary {
        let possible = packet.possibleLengths
        if range.first <= possible.lowerBound, possible.upperBound <= range.last { return .yes }
        return possible.upperBound < range.first || range.last < possible.lowerBound ? .no : .unknown
    }

    static func compare<T: Comparable>(_ a: T, _ comparison: Comparison, _ b: T) -> Bool {
        switch comparison {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    /// What a match says of a packet without a conntrack entry, negated or not.
    ///
    /// `nil` where it asks no entry.
    /// `xt_connmark.c` and nft's `ct` say no. `xt_conntrack.c` does too, but where `--ctstate` is asked along with other
    /// properties by one `-m`, that one alone decides.
    func withoutEntry(_ match: Match, _ state: WalkState) -> Bool? {
        guard !state.hasConnection, !state.bearsTemplate else { return nil }
        switch match.test {
        case .connmark: return false
        case .conntrackStatus, .conntrackProtocol, .conntrackAddress, .conntrackPort, .conntrackDirection:
            return match.isBesideState
        default: return nil
        }
    }

    /// `xt_conntrack.c`: a packet without an entry is INVALID or UNTRACKED and has no other property.
    private func conntrack(_ test: MatchTest, _ state: WalkState, _ set: RuleSet) -> Ternary {
        let connection = state.hasConnection ? state.connection : nil
        if case .conntrackState(let wanted) = test {
            var own = state.conntrackState.isEmpty ? (state.bearsTemplate ? .new : .invalid) : state.conntrackState
            if let connection {
                if connection.translatesSource { own.insert(.snat) }
                if connection.translatesDestination { own.insert(.dnat) }
            }
            return Ternary(!own.isDisjoint(with: wanted))
        }
        guard let connection else { return state.bearsTemplate ? ofTemplate(test, state, set) : .no }
        switch test {
        case .conntrackStatus(let wanted):
            var own: ConntrackStatus = []
            if connection.seenReply { own.insert(.seenReply) }
            if connection.isConfirmed { own.insert(.confirmed) }
            // NONE is no bit (`libxt_conntrack.c`), so that it never matches.
            if !own.isDisjoint(with: wanted) { return .yes }
            // When a connection becomes assured is its protocol's affair, but never before an answer.
            return wanted.contains(.assured) && connection.seenReply ? .unknown : .no
        case .conntrackProtocol(let number): return Ternary(connection.original.ipProtocol == number)
        case .conntrackAddress(let field, let pool):
            let masked = set.maskedAddresses[Int(pool.rawValue)]
            switch field {
            case .originalSource: return Ternary(masked.contains(connection.original.source))
            case .originalDestination: return Ternary(masked.contains(connection.original.destination))
            case .replySource: return Ternary(masked.contains(connection.reply.source))
            case .replyDestination: return Ternary(masked.contains(connection.reply.destination))
            }
        case .conntrackPort(let field, let range):
            switch field {
            case .originalSource: return Ternary(range.contains(connection.original.sourcePort))
            case .originalDestination: return Ternary(range.contains(connection.original.destinationPort))
            case .replySource: return Ternary(range.contains(connection.reply.sourcePort))
            case .replyDestination: return Ternary(range.contains(connection.reply.destinationPort))
            }
        case .conntrackDirection(let isReply): return Ternary(isReply == state.isReplyDirection)
        default: return .unknown
        }
    }

    /// What a match finds in the entry that a CT rule gives a packet until conntrack sees it: all zero, and confirmed
    /// (`nf_ct_tmpl_alloc()`, `xt_ct_tg_check()`).
    private func ofTemplate(_ test: MatchTest, _ state: WalkState, _ set: RuleSet) -> Ternary {
        switch test {
        case .conntrackStatus(let wanted): Ternary(wanted.contains(.confirmed))
        case .conntrackProtocol(let number): Ternary(number.rawValue == 0)
        case .conntrackAddress(_, let pool):
            Ternary(set.maskedAddresses[Int(pool.rawValue)].contains(.zero(state.packet.family)))
        case .conntrackPort(_, let range): Ternary(range.contains(0))
        case .conntrackDirection(let isReply): Ternary(!isReply)
        default: .unknown
        }
    }

    /// `xt_addrtype.c`, revision 1.
    func addressType(_ match: AddressTypeMatch, _ packet: Packet) -> Ternary {
        let link =
            match.limitToInputInterface
            ? namespace.link(packet.input)?.name
            : match.limitToOutputInterface ? namespace.link(packet.output)?.name : nil
        func holds(_ wanted: AddressTypes?, _ negated: Bool, _ address: IPAddress) -> Ternary {
            guard let wanted else { return .yes }
            let answer = address.family == .ipv6 ? has6(wanted, address, link) : has4(wanted, address, link)
            return negated ? !answer : answer
        }
        let source = holds(match.source, match.sourceNegated, packet.source)
        let destination = holds(match.destination, match.destinationNegated, packet.destination)
        if source == .no || destination == .no { return .no }
        return source == .unknown || destination == .unknown ? .unknown : .yes
    }

    private func has4(_ wanted: AddressTypes, _ address: IPAddress, _ link: String?) -> Ternary {
        guard let type = namespace.router.addressType(address, onLink: link) else {
            return address.isLoopback ? Ternary(wanted.contains(.local)) : .unknown
        }
        return Ternary(wanted.contains(type))
    }

    /// `match_type6`.
    ///
    /// UNICAST, MULTICAST and UNSPEC are forms of the address, and an address of this node is UNICAST too; each that is
    /// wanted must hold. LOCAL, ANYCAST and UNREACHABLE come of a route, and one of them is enough.
    private func has6(_ wanted: AddressTypes, _ address: IPAddress, _ link: String?) -> Ternary {
        if wanted.contains(.multicast), !address.isMulticast { return .no }
        if wanted.contains(.unicast), address.isMulticast || address.isZero { return .no }
        if wanted.contains(.unspec), !address.isZero { return .no }
        let routed = wanted.intersection([.local, .anycast, .unreachable])
        if routed.isEmpty { return .yes }
        guard let type = namespace.router.addressType(address, onLink: link) else {
            return address.isLoopback ? Ternary(routed.contains(.local)) : .unknown
        }
        if type == .local || type == .anycast, routed.contains(type) { return .yes }
        guard routed.contains(.unreachable) else { return .no }
        var query = RouteQuery(destination: address)
        query.outputLink = link
        switch namespace.router.lookUp(query) {
        case .unknown: return .unknown
        case .none, .forbidden: return .yes
        case .found(let number):
            return switch namespace.router.routes[number].type {
            case .unreachable, .prohibit, .blackhole: .yes
            default: .no
            }
        }
    }

    /// `xt_physdev.c`: without bridge information only negated questions hold.
    private func physicalDevice(_ match: PhysicalDeviceMatch, _ packet: Packet, _ rules: CompiledRules) -> Ternary {
        guard packet.hasBridgeInfo else {
            let asksForOne =
                match.isBridged == true || match.isIn == true || match.isOut == true
                || (match.input != nil && !match.inputNegated) || (match.output != nil && !match.outputNegated)
            return Ternary(!asksForOne)
        }
        if let wanted = match.isBridged, wanted != packet.isBridged { return .no }
        if match.isIn == false { return .no }
        if let wanted = match.isOut, wanted != packet.isBridged { return .no }
        var answer = Ternary(true)
        if let pattern = match.input {
            if packet.bridgeInput == .none {
                answer = .unknown
            } else if rules.matches(pattern, link: packet.bridgeInput.rawValue) == match.inputNegated {
                return .no
            }
        }
        if let pattern = match.output {
            guard packet.isBridged else { return .no }
            if packet.bridgeOutput == .none {
                answer = .unknown
            } else if rules.matches(pattern, link: packet.bridgeOutput.rawValue) == match.outputNegated {
                return .no
            }
        }
        return answer
    }

    /// `ipt_rpfilter.c`: the source must be reached through the link the packet came in by.
    func reversePath(_ options: ReversePathOptions, _ packet: Packet) -> Ternary {
        let inverted = options.contains(.invert)
        guard let link = namespace.link(packet.input), !link.isLoopback else { return Ternary(!inverted) }
        if packet.source.isZero { return Ternary(!inverted) }
        var query = RouteQuery(destination: packet.source, source: packet.destination)
        query.mark = options.contains(.validMark) ? packet.mark : 0
        query.tos = packet.tos
        guard namespace.router.isKnown(packet.family) else { return .unknown }
        var passes = false
        if case .found(let number) = namespace.router.lookUp(query) {
            let route = namespace.router.routes[number]
            if route.type == .unicast || (route.type == .local && options.contains(.acceptLocal)) {
                passes = options.contains(.loose) || route.nextHops.contains { $0.device == link.name }
            }
        }
        return Ternary(passes != inverted)
    }
}
