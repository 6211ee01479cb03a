import ClewNet
import ClewSnapshot

extension NftBuilder {
    /// Reads elements by the set's types; one that cannot be read leaves the set incomplete.
    mutating func addElements(_ items: [NftItem], to index: Int) {
        let types = setTypes[index]
        let table = ruleSet.nftSets[index].table
        let isNamed = !ruleSet.nftSets[index].name.isEmpty
        ruleSet.nftSets[index].elements.reserveCapacity(ruleSet.nftSets[index].elements.count + items.count)
        for item in items {
            // A value without data in a map, or data in a set of one dimension, was not understood.
            if isNamed, item.data != nil, types.data.isEmpty {
                markBroken(set: index)
                continue
            }
            let data =
                item.data.map { self.data($0, types.data, table: table, line: item.line) }
                ?? (types.data.isEmpty ? nil : .unmodelled("an element without data"))
            guard let key = item.key else {
                ruleSet.nftSets[index].catchAll = data ?? .unmodelled("*")
                // A set's own catch-all matches everything: no element says so.
                if data == nil { ruleSet.nftSets[index].isComplete = false }
                continue
            }
            guard let ranges = self.key(key, types.key) else {
                markBroken(set: index)
                continue
            }
            ruleSet.nftSets[index].elements.append(NftElement(key: ranges, data: data, line: item.line))
        }
    }

    private func key(_ node: NftNode, _ types: [NftDatatype]) -> [NftRange]? {
        guard case .concat(let parts) = node else {
            return types.count == 1 ? types[0].range(node).map { [$0] } : nil
        }
        guard parts.count == types.count else { return nil }
        var ranges: [NftRange] = []
        ranges.reserveCapacity(parts.count)
        for (part, type) in zip(parts, types) {
            guard let range = type.range(part) else { return nil }
            ranges.append(range)
        }
        return ranges
    }

    private mutating func data(
        _ node: NftNode, _ types: [NftDatatype], table: TableID, line: UInt32
    ) -> NftData {
        if case .verdict(let verdict) = node {
            switch verdict {
            case .accept: return .accept
            case .drop: return .drop
            case .return: return .return
            case .continue: return .continue
            case .jump(let name): return .jump(chain(name, in: table, line: line))
            case .goto(let name): return .goto(chain(name, in: table, line: line))
            }
        }
        let parts: [NftNode] = if case .concat(let parts) = node { parts } else { [node] }
        var values: [NftValue] = []
        for (i, part) in parts.enumerated() {
            guard case .word(let word) = part, let value = Self.value(word, i < types.count ? types[i] : nil) else {
                return .unmodelled(node.description)
            }
            values.append(value)
        }
        return .values(values)
    }

    /// The data of an anonymous map has no declared type: only addresses and numbers can be told apart.
    private static func value(_ word: String, _ type: NftDatatype?) -> NftValue? {
        if let type { return type.value(word) }
        if let address = IPAddress(word) { return .address(address) }
        return NftDatatype.number(word).map(NftValue.number)
    }
}
