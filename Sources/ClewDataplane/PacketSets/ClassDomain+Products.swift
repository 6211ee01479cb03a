import ClewNet
import ClewSnapshot

/// A product of ranges, one for each field that is a set, and what it stands for.
struct ClassProduct {
    var fields: [(field: ClassField, range: ValueRange)]
    var value: Int
}

extension ClassDomain {
    /// Parts a class by products: each packet goes to the first one that holds it, or to `nil`.
    mutating func sift(_ state: PacketClass, _ products: [ClassProduct]) -> [(state: PacketClass, value: Int?)] {
        var result: [(state: PacketClass, value: Int?)] = []
        var remaining = [state]
        for product in products {
            guard !remaining.isEmpty else { break }
            var next: [PacketClass] = []
            for own in remaining {
                if let inside = take(product, from: own, rest: &next) { result.append((inside, product.value)) }
            }
            remaining = next
        }
        return result + remaining.map { ($0, nil) }
    }

    /// The part of a class inside a product; what is outside is added to `rest`.
    private mutating func take(
        _ product: ClassProduct, from state: PacketClass, rest: inout [PacketClass]
    ) -> PacketClass? {
        let before = rest.count
        var own = state
        for (field, range) in product.fields {
            let halves = sets.split(own[field], by: range)
            if halves.inside.isEmpty {
                // Nothing of it is inside after all: keep it whole.
                rest.removeSubrange(before...)
                rest.append(state)
                return nil
            }
            if !halves.outside.isEmpty {
                var outside = own
                outside[field] = halves.outside
                rest.append(outside)
            }
            own[field] = halves.inside
        }
        return own
    }

    /// The parts of a class as a match's answer.
    func several(
        _ parts: [(state: PacketClass, value: Int?)], _ match: Match, holds: (Int?) -> Bool
    ) -> MatchSplit<PacketClass> {
        let answers = parts.map { (state: $0.state, matches: holds($0.value) != match.isNegated) }
        if answers.allSatisfy(\.matches) { return .all }
        if !answers.contains(where: \.matches) { return .none }
        return .several(answers)
    }
}

// MARK: - ipsets

/// The entries of an ipset by the only address of their first part.
struct IPSetClassIndex {
    var byAddress: [IPAddress: [Int]] = [:]
    /// Entries whose first part is more than one address.
    var others: [Int] = []
    var hasNoMatch = false

    init(_ set: IPSet) {
        for (number, entry) in set.entries.enumerated() {
            if entry.noMatch { hasNoMatch = true }
            if case .addresses(let range)? = entry.parts.first, range.first == range.last {
                byAddress[range.first, default: []].append(number)
            } else {
                others.append(number)
            }
        }
    }
}

extension ClassDomain {
    /// `xt_set.c`: exact where the set's dimensions are addresses and ports; else one packet must stand for all.
    mutating func inSet(
        _ reference: SetReference, _ match: Match, _ rule: RuleID, _ rules: CompiledRules, _ state: PacketClass
    ) -> MatchSplit<PacketClass> {
        if state.changesSets { return unknown(match, rule, rules, state) }
        let name = Int(reference.name.rawValue)
        let fields = Set([ClassField.source, .destination, .sourcePort, .destinationPort])
        let open = fields.filter { sets.single(state[$0]) == nil }
        let set = name < rules.sets.count ? rules.sets[name]?.set : nil
        let asked = Self.fields(of: reference, set)
        guard !asked.isDisjoint(with: open), let set else {
            let single = representative(state)
            switch match.isNegated ? !walk.inSet(reference, single, rules) : walk.inSet(reference, single, rules) {
            case .yes: return .all
            case .no: return .none
            case .unknown: return unknown(match, rule, rules, state)
            }
        }
        if let own = set.family, own != family { return answer(false, match) }
        if set.type.contains("port"), !state.ipProtocol.hasPorts { return answer(false, match) }
        let isPlain =
            set.isComplete && !reference.returnNoMatch && !reference.comparesCounters && !set.type.contains("mac")
            && set.type != "list:set"
        let index = setIndices[set.name] ?? IPSetClassIndex(set)
        setIndices[set.name] = index
        guard isPlain, !index.hasNoMatch else { return unknown(match, rule, rules, state) }
        let products = candidates(set, index, reference, state).compactMap {
            product(set.entries[$0], reference, state, number: $0)
        }
        return several(sift(state, products), match) { $0 != nil }
    }

    private static func fields(of reference: SetReference, _ set: IPSet?) -> Set<ClassField> {
        var result: Set<ClassField> = []
        let kinds = (set?.type.split(separator: ":").last ?? "").split(separator: ",")
        for (number, usesSource) in reference.usesSource.enumerated() {
            let isPort = number < kinds.count && kinds[number] == "port"
            if isPort {
                result.insert(usesSource ? .sourcePort : .destinationPort)
            } else {
                result.insert(usesSource ? .source : .destination)
            }
        }
        return result
    }

    /// The entries that can hold for a class: by address, where its first dimension has but one.
    private func candidates(
        _ set: IPSet, _ index: IPSetClassIndex, _ reference: SetReference, _ state: PacketClass
    ) -> [Int] {
        let first = reference.usesSource.first == true ? state.source : state.destination
        guard let single = sets.single(first) else { return Array(set.entries.indices) }
        return ((index.byAddress[IPAddress(bits: single, family)] ?? []) + index.others).sorted()
    }

    /// `nil`: the entry holds for no packet of the class.
    private func product(
        _ entry: IPSetEntry, _ reference: SetReference, _ state: PacketClass, number: Int
    ) -> ClassProduct? {
        var fields: [(field: ClassField, range: ValueRange)] = []
        for (dimension, part) in entry.parts.enumerated() {
            let usesSource = dimension < reference.usesSource.count ? reference.usesSource[dimension] : nil
            switch part {
            case .addresses(let range):
                guard let usesSource, range.first.family == family else { return nil }
                fields.append(
                    (usesSource ? .source : .destination, ValueRange(range.first.bits, range.last.bits)))
            case .port(let wanted, let ports):
                guard let usesSource, wanted.map({ $0 == state.ipProtocol }) ?? true else { return nil }
                fields.append((usesSource ? .sourcePort : .destinationPort, ValueRange(ports)))
            case .mark(let value): if value != state.mark { return nil }
            case .interface(let name, let isPhysical):
                guard let usesSource, !isPhysical else { return nil }
                if namespace.link(usesSource ? state.input : state.output)?.name != name { return nil }
            case .mac, .set: return nil
            }
        }
        return ClassProduct(fields: fields, value: number)
    }
}
