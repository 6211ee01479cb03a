import ClewNet
import ClewSnapshot

extension NftBuilder {
    /// The pieces of a rule, at least one; what stands behind a final verdict never runs and is left out.
    mutating func parts(_ rule: NftRule, in chain: ChainID) -> [NftPart] {
        let table = ruleSet.chains[Int(chain.rawValue)].table
        var parts: [NftPart] = []
        var open = NftPart()
        var transparent: String?
        var tproxy: Int?
        for statement in rule.statements {
            switch statement {
            case .match(let left, let operation, let right):
                addMatch(left, operation, right, in: table, line: rule.line, to: &open.matches)
            case .limit(let limit):
                open.matches.append(stateful(limit, in: table))
            case .unmodelledMatch(let text):
                open.matches.append(Match(.unmodelled(unmodelled(text))))
            case .alwaysMatch(let text):
                open.matches.append(Match(.always(unmodelled(text))))
            case .transparent(let text):
                transparent = transparent ?? text
            case .verdict(.continue):
                transparent = transparent ?? "continue"
            default:
                if let last = parts.last, let rest = remainder(behind: last.target, statement) {
                    if let rest { parts.append(NftPart(target: rest)) }
                    return parts
                }
                if let tproxy, merge(statement, intoTProxy: tproxy) { continue }
                open.target = target(statement, in: table, line: rule.line, matches: &open.matches)
                if case .tproxy(let index) = open.target { tproxy = Int(index.rawValue) } else { tproxy = nil }
                let isFinal = endsRule(open.target)
                parts.append(open)
                if isFinal { return parts }
                open = NftPart()
            }
        }
        if parts.isEmpty {
            if let transparent { open.target = .transparent(unmodelled(transparent)) }
            parts.append(open)
        }
        return parts
    }

    /// What follows a verdict map in its rule, where `nil` inside is nothing at all; `nil` for any other action.
    ///
    /// A map without the element ends the rule (`nft_lookup_eval` sets `NFT_BREAK`), so that only a `continue` leads to
    /// the next statement, which our look-up does not tell from a missing element.
    private mutating func remainder(behind target: Target, _ statement: NftStatement) -> Target?? {
        guard case .verdictMap(let index) = target else { return nil }
        switch ruleSet.nft[Int(index.rawValue)] {
        case .verdictMap(_, masks: _, let set), .numberVerdictMap(modulus: _, offset: _, isRandom: _, let set):
            if !mayContinue(set) { return .some(nil) }
            return .some(.unmodelled(unmodelled(statement.description)))
        case .compare, .lookup, .natMap, .numberNATMap, .dynamicUpdate: return nil
        }
    }

    /// Whether a map may hold the verdict `continue`; only of an anonymous one all elements are known already.
    private func mayContinue(_ set: Int) -> Bool {
        let map = ruleSet.nftSets[set]
        guard map.name.isEmpty, map.isComplete else { return true }
        return (map.elements.map(\.data) + [map.catchAll]).contains { data in
            switch data {
            case .continue?, .unmodelled?, .values?: true
            case .accept?, .drop?, .return?, .jump?, .goto?, nil: false
            }
        }
    }

    private func endsRule(_ target: Target) -> Bool {
        switch target {
        case .accept, .drop, .return, .jump, .goto, .reject, .dnat4, .nat, .masquerade, .queue: return true
        case .verdictMap(let index):
            switch ruleSet.nft[Int(index.rawValue)] {
            // NAT decides, and a map without the element ends the rule (`nft_lookup_eval`).
            case .natMap, .numberNATMap: return true
            case .verdictMap, .numberVerdictMap, .dynamicUpdate, .compare, .lookup: return false
            }
        case .none, .mark, .connmark, .notrack, .conntrackAssign, .tproxy, .tcpMSS, .timeToLive, .tos, .set,
            .transparent, .unmodelled:
            return false
        }
    }

    private mutating func stateful(_ limit: NftLimit, in table: TableID) -> Match {
        var below = limit.matchesBelow
        if let object = limit.object { below = self.limit(limit.kind, object, in: table) }
        guard let below else { return Match(.unmodelled(unmodelled(limit.text))) }
        let kind: StatefulMatch.Kind
        switch limit.kind {
        case .limit: kind = .limit
        case .quota: kind = .quota
        case .connections: kind = .connlimit
        case .other: kind = .other
        }
        var match = StatefulMatch(kind: kind, text: text(limit.text))
        match.matchesBelowLimit = below
        ruleSet.states.append(match)
        return Match(.stateful(PoolIndex(ruleSet.states.count - 1)))
    }

    private mutating func target(
        _ statement: NftStatement, in table: TableID, line: UInt32, matches: inout [Match]
    ) -> Target {
        switch statement {
        case .verdict(let verdict):
            switch verdict {
            case .accept: return .accept
            case .drop: return .drop
            case .return: return .return
            case .continue: return .none
            case .jump(let name): return .jump(chain(name, in: table, line: line))
            case .goto(let name): return .goto(chain(name, in: table, line: line))
            }
        case .verdictMap(let key, let data):
            if let target = verdictMap(key, data, in: table, line: line, matches: &matches) { return target }
        case .assign(let key, let value):
            if let target = assign(key, value, in: table, matches: &matches) { return target }
        case .nat(let nat):
            if let target = self.nat(nat, in: table, line: line, matches: &matches) { return target }
        case .reject(let type, let code):
            if let target = reject(type, code, in: table, matches: &matches) { return target }
        case .tproxy(let family, let address, let port):
            if let target = tproxy(family, address, port, in: table, matches: &matches) { return target }
        case .notrack: return .notrack
        case .conntrackAssign(let text): return .conntrackAssign(unmodelled(text))
        case .update(let name, let conditions, _):
            let set = set(name, in: table, line: line)
            ruleSet.nftSets[set].isDynamic = true
            for condition in conditions { matches.append(stateful(condition, in: table)) }
            return .verdictMap(pool(.dynamicUpdate(set: set)))
        case .queue(let text): return .queue(unmodelled(text))
        case .match, .limit, .unmodelledMatch, .alwaysMatch, .transparent, .unmodelled: break
        }
        return .unmodelled(unmodelled(statement.description))
    }

    // MARK: Verdict maps

    private mutating func verdictMap(
        _ key: NftNode, _ data: NftNode, in table: TableID, line: UInt32, matches: inout [Match]
    ) -> Target? {
        if case .numgen(let isRandom, let modulus, let offset) = key {
            guard modulus > 0, let set = mapSet(data, [.number], [.verdict], in: table, line: line) else { return nil }
            return .verdictMap(
                pool(.numberVerdictMap(modulus: modulus, offset: offset, isRandom: isRandom, set: set)))
        }
        guard let fields = fields(key, in: table, dependencies: &matches), let loads = fields.loads,
            let set = mapSet(data, fields.types, [.verdict], in: table, line: line)
        else { return nil }
        return .verdictMap(pool(.verdictMap(loads, masks: fields.masks, set: set)))
    }

    private mutating func mapSet(
        _ data: NftNode, _ key: [NftDatatype], _ value: [NftDatatype], in table: TableID, line: UInt32
    ) -> Int? {
        switch data {
        case .setName(let name): set(name, in: table, line: line)
        case .set(let items): anonymousSet(in: table, key: key, data: value, items, line: line)
        default: nil
        }
    }

    // MARK: NAT

    private mutating func nat(
        _ nat: NftNAT, in table: TableID, line: UInt32, matches: inout [Match]
    ) -> Target? {
        guard !nat.isPrefix, !nat.flags.contains("netmap") else { return nil }
        let kind: NATTarget.Kind
        switch nat.kind {
        case .dnat: kind = .destination
        case .snat: kind = .source
        case .masquerade: kind = .masquerade
        case .redirect: kind = .redirect
        }
        if let family = Self.addressFamily(nat.family) { addFamily(family, in: table, to: &matches) }
        if case .map(let key, let data)? = nat.address {
            guard nat.port == nil else { return nil }
            if case .numgen(let isRandom, let modulus, let offset) = key {
                guard modulus > 0, let set = mapSet(data, [.number], [], in: table, line: line) else { return nil }
                return .verdictMap(
                    pool(.numberNATMap(kind, modulus: modulus, offset: offset, isRandom: isRandom, set: set)))
            }
            guard let fields = fields(key, in: table, dependencies: &matches), let loads = fields.loads,
                fields.masks.allSatisfy({ $0 == nil }),
                let set = mapSet(data, fields.types, [], in: table, line: line)
            else { return nil }
            return .verdictMap(pool(.natMap(kind, loads, set: set)))
        }
        var target = NATTarget(kind: kind)
        if let address = nat.address {
            guard let range = addresses(address) else { return nil }
            target.addresses = range
            addFamily(range.first.family, in: table, to: &matches)
        }
        if let port = nat.port {
            guard let range = NftDatatype.port.range(port), case .number(let first) = range.first,
                case .number(let last) = range.last, let first = UInt16(exactly: first),
                let last = UInt16(exactly: last)
            else { return nil }
            target.ports = PortRange(first, last)
        }
        return self.target(target, flags: nat.flags)
    }

    private mutating func target(_ nat: NATTarget, flags: [String]) -> Target {
        var nat = nat
        nat.isRandom = flags.contains("random")
        nat.isFullyRandom = flags.contains("fully-random")
        nat.isPersistent = flags.contains("persistent")
        if nat.kind == .masquerade, nat.ports == nil, !nat.choosesPort { return .masquerade }
        if nat.kind == .destination, flags.isEmpty, let addresses = nat.addresses, addresses.first == addresses.last,
            addresses.first.family == .ipv4, nat.ports.map({ $0.first == $0.last && $0.first != 0 }) ?? true
        {
            return .dnat4(address: addresses.first.v4, port: nat.ports?.first ?? 0)
        }
        ruleSet.natTargets.append(nat)
        return .nat(PoolIndex(ruleSet.natTargets.count - 1))
    }

    private func addresses(_ node: NftNode) -> AddressRange? {
        for type in [NftDatatype.ipv4, .ipv6] {
            if let range = type.range(node), case .address(let first) = range.first,
                case .address(let last) = range.last
            {
                return AddressRange(first, last)
            }
        }
        return nil
    }

    private static func addressFamily(_ word: String) -> AddressFamily? {
        switch word {
        case "ip": .ipv4
        case "ip6": .ipv6
        default: nil
        }
    }

    // MARK: Proxy and reject

    private mutating func tproxy(
        _ family: String, _ address: NftNode?, _ port: NftNode?, in table: TableID, matches: inout [Match]
    ) -> Target? {
        if let family = Self.addressFamily(family) { addFamily(family, in: table, to: &matches) }
        var host: IPAddress?
        if let address {
            guard let range = addresses(address), range.first == range.last else { return nil }
            host = range.first
            addFamily(range.first.family, in: table, to: &matches)
        }
        var number: UInt16 = 0
        if let port {
            guard let value = NftDatatype.port.constant(port), let value = UInt16(exactly: value) else { return nil }
            number = value
        }
        ruleSet.tproxyTargets.append(TProxyTarget(address: host, port: number, markValue: 0, markMask: 0))
        return .tproxy(PoolIndex(ruleSet.tproxyTargets.count - 1))
    }

    /// `tproxy to :1 meta mark set 2 accept`: our target ends the rule as `xt_TPROXY` does, and sets the mark itself.
    private mutating func merge(_ statement: NftStatement, intoTProxy index: Int) -> Bool {
        switch statement {
        case .assign("meta mark", let value):
            guard let change = BitChange(value), change.source != .connmark else { return false }
            ruleSet.tproxyTargets[index].markValue = change.xor
            ruleSet.tproxyTargets[index].markMask = change.source == .none ? .max : ~change.keep
            return true
        case .verdict(.accept): return true
        default: return false
        }
    }

    private mutating func reject(
        _ type: String, _ code: String, in table: TableID, matches: inout [Match]
    ) -> Target? {
        switch type {
        case "": return .reject(.portUnreachable)
        case "tcp reset":
            let match = Match(.ipProtocol(.tcp))
            if !matches.contains(match) { matches.append(match) }
            return .reject(.tcpReset)
        case "icmp":
            addFamily(.ipv4, in: table, to: &matches)
            switch code {
            case "net-unreachable", "0": return .reject(.netUnreachable)
            case "host-unreachable", "1": return .reject(.hostUnreachable)
            case "prot-unreachable", "2": return .reject(.protocolUnreachable)
            case "port-unreachable", "3": return .reject(.portUnreachable)
            case "net-prohibited", "9": return .reject(.netProhibited)
            case "host-prohibited", "10": return .reject(.hostProhibited)
            case "admin-prohibited", "13": return .reject(.adminProhibited)
            default: return nil
            }
        case "icmpv6":
            addFamily(.ipv6, in: table, to: &matches)
            switch code {
            case "no-route", "0": return .reject(.noRoute)
            case "admin-prohibited", "1": return .reject(.adminProhibited)
            case "addr-unreachable", "3": return .reject(.addressUnreachable)
            case "port-unreachable", "4": return .reject(.portUnreachable)
            case "policy-fail", "5": return .reject(.policyFail)
            case "reject-route", "6": return .reject(.rejectRoute)
            default: return nil
            }
        case "icmpx":
            switch code {
            case "no-route", "0": return .reject(.netUnreachable)
            case "port-unreachable", "1": return .reject(.portUnreachable)
            case "host-unreachable", "2": return .reject(.hostUnreachable)
            case "admin-prohibited", "3": return .reject(.adminProhibited)
            default: return nil
            }
        default: return nil
        }
    }
}
