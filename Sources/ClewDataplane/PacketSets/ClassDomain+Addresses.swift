import ClewNet
import ClewSnapshot

extension ClassDomain {
    /// The addresses for which a question is answered yes, and those for which it cannot be told.
    ///
    /// One address of each atom is asked: within an atom all are routed alike.
    mutating func addresses(
        _ question: AddressQuestion, _ ask: (PacketWalk, IPAddress) -> Ternary
    ) -> (yes: SetID, unknown: SetID) {
        if let known = answers[question] { return known }
        var (yes, open): ([ValueRange], [ValueRange]) = ([], [])
        let walk = walk
        for atom in 0..<atoms.count {
            let range = atoms.range(atom)
            switch ask(walk, IPAddress(bits: range.first, family)) {
            case .yes: yes.append(range)
            case .no: break
            case .unknown: open.append(range)
            }
        }
        let result = (sets.set(union: yes), sets.set(union: open))
        answers[question] = result
        return result
    }

    /// Parts a class by a question about one field; where it cannot be told, both ways are taken.
    mutating func parted(
        _ field: ClassField, _ known: (yes: SetID, unknown: SetID), _ match: Match, _ rule: RuleID,
        _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        guard sets.intersects(state[field], known.unknown) else {
            return parted(field, sets.split(state[field], by: known.yes), match, state)
        }
        var parts: [(state: PacketClass, matches: Bool)] = []
        let open = sets.split(state[field], by: known.unknown)
        var own = state
        own[field] = open.inside
        switch unknown(match, rule, rules, own) {
        case .fork(let matching, let other): parts += [(matching, true), (other, false)]
        case .several(let doubtful): parts += doubtful
        default: break
        }
        let rest = sets.split(open.outside, by: known.yes)
        for (values, holds) in [(rest.inside, true), (rest.outside, false)] where !values.isEmpty {
            own[field] = values
            parts.append((own, holds != match.isNegated))
        }
        return .several(parts)
    }

    /// `xt_addrtype.c`: by source, destination or both.
    mutating func addressType(
        _ wanted: AddressTypeMatch, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        let link =
            wanted.limitToInputInterface ? state.input : wanted.limitToOutputInterface ? state.output : .none
        var ofSource = wanted
        ofSource.destination = nil
        var ofDestination = wanted
        ofDestination.source = nil
        let single = representative(state)
        if wanted.source == nil {
            let known = addresses(.addressType(ofDestination, link)) { walk, address in
                var packet = single.packet
                packet.destination = address
                return walk.addressType(ofDestination, packet)
            }
            return parted(.destination, known, match, rule, rules, state)
        }
        let sources = addresses(.addressType(ofSource, link)) { walk, address in
            var packet = single.packet
            packet.source = address
            return walk.addressType(ofSource, packet)
        }
        guard wanted.destination != nil else { return parted(.source, sources, match, rule, rules, state) }
        let destinations = addresses(.addressType(ofDestination, link)) { walk, address in
            var packet = single.packet
            packet.destination = address
            return walk.addressType(ofDestination, packet)
        }
        return both(sources, destinations, match, rule, rules, state)
    }

    /// Holds where both fields' questions are answered yes.
    private mutating func both(
        _ sources: (yes: SetID, unknown: SetID), _ destinations: (yes: SetID, unknown: SetID), _ match: Match,
        _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        if sets.intersects(state.source, sources.unknown) || sets.intersects(state.destination, destinations.unknown) {
            return unknown(match, rule, rules, state)
        }
        let source = sets.split(state.source, by: sources.yes)
        if source.inside.isEmpty { return answer(false, match) }
        let destination = sets.split(state.destination, by: destinations.yes)
        if destination.inside.isEmpty { return answer(false, match) }
        if source.outside.isEmpty { return parted(.destination, destination, match, state) }
        if destination.outside.isEmpty { return parted(.source, source, match, state) }
        var parts: [(state: PacketClass, matches: Bool)] = []
        var own = state
        own.source = source.outside
        parts.append((own, match.isNegated))
        own.source = source.inside
        own.destination = destination.inside
        parts.append((own, !match.isNegated))
        own.destination = destination.outside
        parts.append((own, match.isNegated))
        return .several(parts)
    }

    /// `ipt_rpfilter.c`: asks the routes for the way back to the source.
    mutating func reversePath(
        _ options: ReversePathOptions, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        var towards: UInt128 = 0
        if namespace.router.hasCustomRules {
            guard let single = sets.single(state.destination) else { return unknown(match, rule, rules, state) }
            towards = single
        }
        let single = representative(state)
        let question = AddressQuestion.reversePath(options, state.input, mark: state.mark, towards: towards)
        let known = addresses(question) { walk, address in
            var packet = single.packet
            packet.source = address
            return walk.reversePath(options, packet)
        }
        return parted(.source, known, match, rule, rules, state)
    }
}
