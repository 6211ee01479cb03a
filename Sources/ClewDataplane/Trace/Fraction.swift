/// An exact probability: a ratio of two whole numbers of any size, in lowest terms.
///
/// A chain of `statistic` rules multiplies denominators of 2³¹; ten endpoints need more bits than any machine word.
package struct Fraction: Sendable, Hashable {
    /// Least significant limb first, without leading zeros.
    private var numerator: [UInt32]
    private var denominator: [UInt32]

    package static let one = Fraction(1, 1)
    package static let zero = Fraction(0, 1)

    /// A denominator of zero counts as one.
    package init(_ numerator: UInt64, _ denominator: UInt64) {
        var (a, b) = (numerator, max(denominator, 1))
        let divisor = max(Self.gcd(a, b), 1)
        (a, b) = (a / divisor, b / divisor)
        self.numerator = Self.limbs(a)
        self.denominator = Self.limbs(b)
    }

    private init(reducing numerator: [UInt32], _ denominator: [UInt32]) {
        let shift = min(Self.trailingZeros(numerator), Self.trailingZeros(denominator))
        self.numerator = Self.shiftedRight(numerator, shift)
        self.denominator = Self.shiftedRight(denominator, shift)
        guard !self.numerator.isEmpty else {
            self.denominator = [1]
            return
        }
        reduceOddPart()
    }

    package static func * (a: Fraction, b: Fraction) -> Fraction {
        Fraction(reducing: product(a.numerator, b.numerator), product(a.denominator, b.denominator))
    }

    package static func + (a: Fraction, b: Fraction) -> Fraction {
        let left = product(a.numerator, b.denominator)
        let right = product(b.numerator, a.denominator)
        return Fraction(reducing: sum(left, right), product(a.denominator, b.denominator))
    }

    /// The nearest `Double`, within a few units of the last place.
    package var value: Double {
        let shift = max(0, max(Self.bitWidth(numerator), Self.bitWidth(denominator)) - 1000)
        let a = Self.double(Self.shiftedRight(numerator, shift))
        let b = Self.double(Self.shiftedRight(denominator, shift))
        return b == 0 ? 0 : a / b
    }

    package var isOne: Bool { numerator == denominator }
    package var isZero: Bool { numerator.isEmpty }
}

extension Fraction: Comparable {
    package static func < (a: Fraction, b: Fraction) -> Bool {
        let left = product(a.numerator, b.denominator)
        let right = product(b.numerator, a.denominator)
        if left.count != right.count { return left.count < right.count }
        for i in left.indices.reversed() where left[i] != right[i] { return left[i] < right[i] }
        return false
    }
}

extension Fraction: CustomStringConvertible {
    /// `715827883/2147483648`.
    package var description: String { "\(Self.decimal(numerator))/\(Self.decimal(denominator))" }
}

extension Fraction {
    private static func gcd(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    private static func limbs(_ value: UInt64) -> [UInt32] {
        trimmed([UInt32(truncatingIfNeeded: value), UInt32(value >> 32)])
    }

    private static func trimmed(_ limbs: [UInt32]) -> [UInt32] {
        var limbs = limbs
        while limbs.last == 0 { limbs.removeLast() }
        return limbs
    }

    private static func product(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        guard !a.isEmpty, !b.isEmpty else { return [] }
        var result = [UInt32](repeating: 0, count: a.count + b.count)
        for i in a.indices {
            var carry: UInt64 = 0
            for j in b.indices {
                let value = UInt64(a[i]) * UInt64(b[j]) + UInt64(result[i + j]) + carry
                result[i + j] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            result[i + b.count] = UInt32(carry)
        }
        return trimmed(result)
    }

    private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var carry: UInt64 = 0
        for i in 0..<max(a.count, b.count) {
            let value = UInt64(i < a.count ? a[i] : 0) + UInt64(i < b.count ? b[i] : 0) + carry
            result.append(UInt32(truncatingIfNeeded: value))
            carry = value >> 32
        }
        if carry > 0 { result.append(UInt32(carry)) }
        return trimmed(result)
    }

    private static func trailingZeros(_ limbs: [UInt32]) -> Int {
        guard let first = limbs.firstIndex(where: { $0 != 0 }) else { return .max }
        return first * 32 + limbs[first].trailingZeroBitCount
    }

    private static func bitWidth(_ limbs: [UInt32]) -> Int {
        limbs.isEmpty ? 0 : limbs.count * 32 - limbs[limbs.count - 1].leadingZeroBitCount
    }

    private static func shiftedRight(_ limbs: [UInt32], _ count: Int) -> [UInt32] {
        let words = count / 32
        let bits = UInt32(count % 32)
        guard words < limbs.count else { return [] }
        var result = Array(limbs[words...])
        if bits > 0 {
            for i in result.indices {
                let next = i + 1 < result.count ? result[i + 1] : 0
                result[i] = result[i] >> bits | next << (32 - bits)
            }
        }
        return trimmed(result)
    }

    /// Divides in place by a word; returns the remainder.
    private static func divide(_ limbs: inout [UInt32], by divisor: UInt32) -> UInt32 {
        var remainder: UInt64 = 0
        for i in limbs.indices.reversed() {
            let value = remainder << 32 | UInt64(limbs[i])
            limbs[i] = UInt32(value / UInt64(divisor))
            remainder = value % UInt64(divisor)
        }
        limbs = trimmed(limbs)
        return UInt32(remainder)
    }

    private static func double(_ limbs: [UInt32]) -> Double {
        limbs.reversed().reduce(0) { $0 * 4_294_967_296 + Double($1) }
    }

    private static func decimal(_ limbs: [UInt32]) -> String {
        var rest = limbs
        var groups: [String] = []
        while !rest.isEmpty { groups.append(String(divide(&rest, by: 1_000_000_000))) }
        guard let last = groups.popLast() else { return "0" }
        return last + groups.reversed().map { String(repeating: "0", count: 9 - $0.count) + $0 }.joined()
    }

    /// Denominators are powers of two times small numbers (equal-cost routes, IPVS weights): divide those out.
    private mutating func reduceOddPart() {
        for prime: UInt32 in [3, 5, 7, 11, 13, 17, 19, 23, 29, 31] {
            while true {
                var (a, b) = (numerator, denominator)
                guard Self.divide(&a, by: prime) == 0, Self.divide(&b, by: prime) == 0 else { break }
                (numerator, denominator) = (a, b)
            }
        }
    }
}
