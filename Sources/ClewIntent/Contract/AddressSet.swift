package import ClewNet

/// Any set of addresses of one family, as sorted ranges that neither overlap nor touch.
package struct AddressSet: Sendable, Hashable {
    package let family: AddressFamily
    /// Address bits, lowest first.
    package private(set) var ranges: [ClosedRange<UInt128>]

    private init(_ family: AddressFamily, sorted ranges: [ClosedRange<UInt128>]) {
        self.family = family
        self.ranges = ranges
    }

    package static func empty(_ family: AddressFamily) -> AddressSet { AddressSet(family, sorted: []) }

    package static func all(_ family: AddressFamily) -> AddressSet {
        AddressSet(family, sorted: [0...Self.bits(IPPrefix.all(family).last)])
    }

    /// The prefixes of a family; those of the other are left out.
    package init(_ prefixes: some Sequence<IPPrefix>, _ family: AddressFamily) {
        let ranges = prefixes.filter { $0.family == family }.map {
            Self.bits($0.network.address)...Self.bits($0.last)
        }
        self.init(family, sorted: Self.joined(ranges))
    }

    /// Single addresses of a family; those of the other are left out.
    package init(_ addresses: some Sequence<IPAddress>, _ family: AddressFamily) {
        self.init(addresses.map { IPPrefix(host: $0) }, family)
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package var first: IPAddress? { ranges.first.map { Self.address($0.lowerBound, family) } }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.family == family else { return false }
        let bits = Self.bits(address)
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < bits { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(bits)
    }

    package func isSubset(of other: AddressSet) -> Bool { subtracting(other).isEmpty }

    package func union(_ other: AddressSet) -> AddressSet {
        AddressSet(family, sorted: Self.joined(ranges + other.ranges))
    }

    package func subtracting(_ other: AddressSet) -> AddressSet { intersection(other.complement) }

    package func intersection(_ other: AddressSet) -> AddressSet {
        var result: [ClosedRange<UInt128>] = []
        var (i, j) = (0, 0)
        while i < ranges.count, j < other.ranges.count {
            let (a, b) = (ranges[i], other.ranges[j])
            let low = max(a.lowerBound, b.lowerBound)
            let high = min(a.upperBound, b.upperBound)
            if low <= high { result.append(low...high) }
            if a.upperBound < b.upperBound { i += 1 } else { j += 1 }
        }
        return AddressSet(family, sorted: result)
    }

    /// Every other address of the family.
    package var complement: AddressSet {
        let last = Self.bits(IPPrefix.all(family).last)
        var result: [ClosedRange<UInt128>] = []
        var next: UInt128 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            if range.upperBound == last { return AddressSet(family, sorted: result) }
            next = range.upperBound + 1
        }
        result.append(next...last)
        return AddressSet(family, sorted: result)
    }

    /// The addresses one by one, in order.
    package func addresses(atMost count: Int) -> [IPAddress] {
        var result: [IPAddress] = []
        for range in ranges {
            for bits in range {
                guard result.count < count else { return result }
                result.append(Self.address(bits, family))
            }
        }
        return result
    }

    /// The fewest prefixes that hold exactly these addresses, in order.
    package var prefixes: [IPPrefix] {
        var result: [IPPrefix] = []
        for range in ranges {
            var next = range.lowerBound
            while true {
                let span = Self.largestBlock(at: next, within: range.upperBound, family)
                if let prefix = IPPrefix(Self.address(next, family), length: family.width - span) {
                    result.append(prefix)
                }
                let end = next + (span == 128 ? UInt128.max : (UInt128(1) << UInt128(span)) - 1)
                if end >= range.upperBound { break }
                next = end + 1
            }
        }
        return result
    }

    /// The bits of the host part of the largest prefix that begins at an address and ends by another.
    private static func largestBlock(at first: UInt128, within last: UInt128, _ family: AddressFamily) -> UInt8 {
        var span = UInt8(min(first == 0 ? 128 : first.trailingZeroBitCount, Int(family.width)))
        while span > 0 {
            let size = span == 128 ? UInt128.max : (UInt128(1) << UInt128(span)) - 1
            let (end, over) = first.addingReportingOverflow(size)
            if !over, end <= last { break }
            span -= 1
        }
        return span
    }

    private static func joined(_ ranges: [ClosedRange<UInt128>]) -> [ClosedRange<UInt128>] {
        var result: [ClosedRange<UInt128>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }

    private static func bits(_ address: IPAddress) -> UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }

    private static func address(_ bits: UInt128, _ family: AddressFamily) -> IPAddress {
        family == .ipv4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: bits))
            : IPAddress(v6High: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}

extension AddressSet: CustomStringConvertible {
    package var description: String { prefixes.map(\.description).joined(separator: ",") }
}

extension AddressSet {
    /// All addresses of ranges of bits, in any order.
    package init(ranges: [ClosedRange<UInt128>], _ family: AddressFamily) {
        self.init(family, sorted: Self.joined(ranges))
    }
}
