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
    package func element(_ key: [NftValue]) -> NftElement? { number(key).map { set.elements[$0] } }

    /// The place of that element in the set.
    package func number(_ key: [NftValue]) -> Int? {
        if let hit = exact[key] { return hit }
        return ranges.first { number in
            let element = set.elements[number]
            return element.key.count == key.count && zip(element.key, key).allSatisfy { $0.contains($1) }
        }
    }

    /// How a range of numbers falls to the elements of a map: for each its first number and how many it has.
    ///
    /// What no element has comes last, as one.
    func shares(of numbers: ClosedRange<UInt64>) -> [(first: UInt64, count: UInt64)] {
        let ranges = set.elements.compactMap { element -> ClosedRange<UInt64>? in
            guard element.key.count == 1, case .number(let first) = element.key[0].first,
                case .number(let last) = element.key[0].last, first <= last, last >= numbers.lowerBound,
                first <= numbers.upperBound
            else { return nil }
            return max(first, numbers.lowerBound)...min(last, numbers.upperBound)
        }
        var result: [(first: UInt64, count: UInt64)] = []
        var next = numbers.lowerBound
        var rest: (first: UInt64, count: UInt64)?
        func leaveOut(upTo end: UInt64) {
            guard end > next else { return }
            rest = (rest?.first ?? next, (rest?.count ?? 0) + end - next)
        }
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound >= next {
            leaveOut(upTo: range.lowerBound)
            let first = max(next, range.lowerBound)
            result.append((first, range.upperBound - first + 1))
            next = range.upperBound + 1
        }
        leaveOut(upTo: numbers.upperBound + 1)
        if let rest { result.append(rest) }
        return result
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
