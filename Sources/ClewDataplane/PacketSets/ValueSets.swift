package import ClewNet

/// A set of values of one header field, by its number in a ``ValueSets``; equal sets have equal numbers.
package struct SetID: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let empty = SetID(rawValue: 0)
    package var isEmpty: Bool { rawValue == 0 }
}

/// A closed range of values; an address is its 32 or 128 bits.
package struct ValueRange: Sendable, Hashable, BitwiseCopyable {
    package var first: UInt128
    package var last: UInt128

    package init(_ first: UInt128, _ last: UInt128) {
        self.first = first
        self.last = last
    }

    package init(_ value: UInt128) { self.init(value, value) }
    package init(_ range: PortRange) { self.init(UInt128(range.first), UInt128(range.last)) }
}

extension IPAddress {
    /// The address as a number.
    package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// The address of a family with these bits.
    package init(bits: UInt128, _ family: AddressFamily) {
        switch family {
        case .ipv4: self.init(v4: UInt32(truncatingIfNeeded: bits))
        case .ipv6:
            self.init(v6High: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
        }
    }
}

extension IPPrefix {
    /// All its addresses.
    package var values: ValueRange { ValueRange(network.address.bits, last.bits) }
}

/// All sets of values that a walk has met: sorted, disjoint ranges, each set stored once.
///
/// Sets are numbers, so that a class of packets is a few words that are copied and compared without counting references.
package struct ValueSets: Sendable {
    /// Set `n` is `ranges[starts[n] ..< starts[n + 1]]`.
    private var starts: [UInt32] = [0, 0]
    private var ranges: [ValueRange] = []
    /// Open addressing: a set's number plus one; 0 is free.
    private var slots: [UInt32] = Array(repeating: 0, count: 1024)
    private var pairs: [UInt64: UInt64] = [:]
    private var scratch: [ValueRange] = []
    private var rest: [ValueRange] = []

    package init() {}

    package var count: Int { starts.count - 1 }

    /// The ranges of a set, in ascending order, with gaps between them.
    package func ranges(of set: SetID) -> ArraySlice<ValueRange> {
        ranges[Int(starts[Int(set.rawValue)])..<Int(starts[Int(set.rawValue) + 1])]
    }

    /// The only value of a set; `nil` if it has more.
    package func single(_ set: SetID) -> UInt128? {
        let start = starts[Int(set.rawValue)]
        guard starts[Int(set.rawValue) + 1] == start + 1 else { return nil }
        let range = ranges[Int(start)]
        return range.first == range.last ? range.first : nil
    }

    /// The least value of a set.
    package func first(_ set: SetID) -> UInt128? { ranges(of: set).first?.first }

    package func contains(_ set: SetID, _ value: UInt128) -> Bool {
        let own = ranges(of: set)
        if own.count < 8 { return own.contains { $0.first <= value && value <= $0.last } }
        var (low, high) = (own.startIndex, own.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if own[middle].last < value { low = middle + 1 } else { high = middle }
        }
        return low < own.endIndex && own[low].first <= value
    }

    // MARK: - Making sets

    package mutating func set(_ range: ValueRange) -> SetID {
        guard range.first <= range.last else { return .empty }
        return withScratch { $0.append(range) }
    }

    package mutating func set(_ value: UInt128) -> SetID { set(ValueRange(value)) }

    /// The set of all values in any of the ranges, which may overlap and stand in any order.
    package mutating func set(union parts: [ValueRange]) -> SetID {
        let sorted = parts.filter { $0.first <= $0.last }.sorted { $0.first < $1.first }
        return withScratch { result in
            for range in sorted { Self.append(range, to: &result) }
        }
    }

    private mutating func withScratch(_ fill: (inout [ValueRange]) -> Void) -> SetID {
        scratch.removeAll(keepingCapacity: true)
        fill(&scratch)
        return internScratch()
    }

    /// Appends a range that begins no earlier than the last one; joins them where they touch.
    private static func append(_ range: ValueRange, to list: inout [ValueRange]) {
        if let last = list.last, range.first <= last.last || last.last + 1 == range.first {
            list[list.count - 1].last = max(last.last, range.last)
        } else {
            list.append(range)
        }
    }

    private mutating func internScratch() -> SetID {
        if scratch.isEmpty { return .empty }
        let hash = Self.hash(scratch)
        let mask = UInt64(slots.count - 1)
        var slot = hash & mask
        while slots[Int(slot)] != 0 {
            let number = slots[Int(slot)] - 1
            if equalsScratch(number) { return SetID(rawValue: number) }
            slot = (slot + 1) & mask
        }
        let number = UInt32(starts.count - 1)
        ranges.append(contentsOf: scratch)
        starts.append(UInt32(ranges.count))
        slots[Int(slot)] = number + 1
        if starts.count * 2 > slots.count { grow() }
        return SetID(rawValue: number)
    }

    private func equalsScratch(_ number: UInt32) -> Bool {
        let start = Int(starts[Int(number)])
        guard Int(starts[Int(number) + 1]) - start == scratch.count else { return false }
        for index in scratch.indices where ranges[start + index] != scratch[index] { return false }
        return true
    }

    private static func hash(_ ranges: some Sequence<ValueRange>) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for range in ranges {
            hash = mix(mix(hash, range.first), range.last)
        }
        return hash ^ hash >> 32
    }

    private static func mix(_ hash: UInt64, _ value: UInt128) -> UInt64 {
        let low = UInt64(truncatingIfNeeded: value)
        let high = UInt64(truncatingIfNeeded: value >> 64)
        let mixed = hash ^ low ^ (high &* 0x9E37_79B9)
        return (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        let mask = UInt64(slots.count - 1)
        for number in 1..<UInt32(starts.count - 1) {
            var slot = Self.hash(ranges(of: SetID(rawValue: number))) & mask
            while slots[Int(slot)] != 0 { slot = (slot + 1) & mask }
            slots[Int(slot)] = number + 1
        }
    }
}

extension ValueSets {
    // MARK: - Parting sets

    /// Parts a set by one range.
    package mutating func split(_ set: SetID, by range: ValueRange) -> (inside: SetID, outside: SetID) {
        let start = Int(starts[Int(set.rawValue)])
        let end = Int(starts[Int(set.rawValue) + 1])
        guard end > start, range.first <= range.last else { return (.empty, set) }
        if ranges[start].first >= range.first, ranges[end - 1].last <= range.last { return (set, .empty) }
        if ranges[end - 1].last < range.first || ranges[start].first > range.last { return (.empty, set) }
        scratch.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        for index in start..<end { part(ranges[index], by: range) }
        return internParts(of: set)
    }

    /// One range's part inside of `cut` to `scratch`, the parts outside to `rest`.
    private mutating func part(_ own: ValueRange, by cut: ValueRange) {
        guard own.first <= cut.last, cut.first <= own.last else {
            rest.append(own)
            return
        }
        if own.first < cut.first { rest.append(ValueRange(own.first, cut.first - 1)) }
        scratch.append(ValueRange(max(own.first, cut.first), min(own.last, cut.last)))
        if cut.last < own.last { rest.append(ValueRange(cut.last + 1, own.last)) }
    }

    private mutating func internParts(of set: SetID) -> (inside: SetID, outside: SetID) {
        if scratch.isEmpty { return (.empty, set) }
        if rest.isEmpty { return (set, .empty) }
        let inside = internScratch()
        swap(&scratch, &rest)
        let outside = internScratch()
        return (inside, outside)
    }

    /// Parts a set by another one.
    package mutating func split(_ set: SetID, by other: SetID) -> (inside: SetID, outside: SetID) {
        if set == other { return (set, .empty) }
        if set.isEmpty || other.isEmpty { return (.empty, set) }
        let key = UInt64(set.rawValue) << 32 | UInt64(other.rawValue)
        if let known = pairs[key] {
            return (
                SetID(rawValue: UInt32(truncatingIfNeeded: known >> 32)),
                SetID(rawValue: UInt32(truncatingIfNeeded: known))
            )
        }
        partScratch(set, other)
        let result = internParts(of: set)
        pairs[key] = UInt64(result.inside.rawValue) << 32 | UInt64(result.outside.rawValue)
        return result
    }

    private mutating func partScratch(_ set: SetID, _ other: SetID) {
        scratch.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        let (own, cuts) = (ranges(of: set), ranges(of: other))
        var next = cuts.startIndex
        for range in own {
            var first = range.first
            var isUsedUp = false
            while next < cuts.endIndex, cuts[next].last < first { next += 1 }
            var cut = next
            while cut < cuts.endIndex, cuts[cut].first <= range.last {
                if first < cuts[cut].first { rest.append(ValueRange(first, cuts[cut].first - 1)) }
                let last = min(range.last, cuts[cut].last)
                scratch.append(ValueRange(max(first, cuts[cut].first), last))
                if last == range.last {
                    isUsedUp = true
                    break
                }
                first = last + 1
                cut += 1
            }
            if !isUsedUp { rest.append(ValueRange(first, range.last)) }
        }
    }

    package mutating func intersection(_ a: SetID, _ b: SetID) -> SetID { split(a, by: b).inside }
    package mutating func subtracting(_ a: SetID, _ b: SetID) -> SetID { split(a, by: b).outside }

    package mutating func union(_ a: SetID, _ b: SetID) -> SetID {
        if a == b || b.isEmpty { return a }
        if a.isEmpty { return b }
        return set(union: Array(ranges(of: a)) + Array(ranges(of: b)))
    }

    /// Whether two sets have a value in common.
    package func intersects(_ a: SetID, _ b: SetID) -> Bool {
        if a.isEmpty || b.isEmpty { return false }
        if a == b { return true }
        let (left, right) = (ranges(of: a), ranges(of: b))
        var (i, j) = (left.startIndex, right.startIndex)
        while i < left.endIndex, j < right.endIndex {
            if left[i].last < right[j].first {
                i += 1
            } else if right[j].last < left[i].first {
                j += 1
            } else {
                return true
            }
        }
        return false
    }
}
