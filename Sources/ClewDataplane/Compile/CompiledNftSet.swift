import ClewNet
package import ClewSnapshot

/// An nft set or map laid out for look-ups.
package struct CompiledNftSet: Sendable {
    package let set: NftSet
    /// Elements whose every field is one value.
    private let exact: [[NftValue]: Int]
    private let ranges: [Int]

    package init(_ set: NftSet) {
        self.set = set
        var exact: [[NftValue]: Int] = [:]
        var ranges: [Int] = []
        for (number, element) in set.elements.enumerated() {
            if element.key.allSatisfy({ $0.first == $0.last }) {
                exact[element.key.map(\.first)] = number
            } else {
                ranges.append(number)
            }
        }
        self.exact = exact
        self.ranges = ranges
    }

    /// The element a key falls in; `catchAll` is the caller's affair.
    package func element(_ key: [NftValue]) -> NftElement? {
        if let hit = exact[key] { return set.elements[hit] }
        for number in ranges {
            let element = set.elements[number]
            if element.key.count == key.count, zip(element.key, key).allSatisfy({ $0.contains($1) }) { return element }
        }
        return nil
    }
}

extension NftRange {
    package func contains(_ value: NftValue) -> Bool {
        switch (first, last, value) {
        case (.number(let low), .number(let high), .number(let value)): low <= value && value <= high
        case (.address(let low), .address(let high), .address(let value)):
            low.family == value.family && low <= value && value <= high
        case (.name(let low), _, .name(let value)):
            low.hasSuffix("*") ? value.hasPrefix(low.dropLast()) : low == value
        default: false
        }
    }
}
