/// An exact probability: a ratio of two whole numbers of any size, in lowest terms.
///
/// A chain of `statistic` rules multiplies denominators of 2³¹; ten endpoints need more bits than any machine word. Powers
/// of two in the denominator are therefore only counted.
package struct Fraction: Sendable, Hashable {
    /// Least significant limb first, without leading zeros; odd, unless there is no power of two to share.
    private var numerator: Natural
    /// The denominator's odd part.
    private var odd: Natural
    /// How many factors of two the denominator has besides.
    private var shift: Int

    package static let one = Fraction(1, 1)
    package static let zero = Fraction(0, 1)

    /// A denominator of zero counts as one.
    package init(_ numerator: UInt64, _ denominator: UInt64) {
        let denominator = max(denominator, 1)
        let divisor = max(Self.gcd(numerator, denominator), 1)
        let (a, b) = (numerator / divisor, denominator / divisor)
        self.numerator = Natural(a)
        shift = b.trailingZeroBitCount
        odd = Natural(b >> UInt64(shift))
    }

    private init(reducing numerator: Natural, _ odd: Natural, shift: Int) {
        guard !numerator.isZero else {
            self = .zero
            return
        }
        let common = min(numerator.trailingZeroBitCount, shift)
        self.numerator = numerator.shifted(right: common)
        self.odd = odd
        self.shift = shift - common
        if odd.isOne { return }
        let divisor = Natural.commonDivisor(self.numerator, odd)
        guard !divisor.isOne else { return }
        self.numerator = self.numerator.divided(by: divisor)
        self.odd = odd.divided(by: divisor)
    }

    package static func * (a: Fraction, b: Fraction) -> Fraction {
        Fraction(reducing: a.numerator * b.numerator, a.odd * b.odd, shift: a.shift + b.shift)
    }

    package static func + (a: Fraction, b: Fraction) -> Fraction {
        let (left, right, odd) = aligned(a, b)
        return Fraction(reducing: left + right, odd, shift: max(a.shift, b.shift))
    }

    /// What is left of `a`; zero where `b` is more.
    package static func - (a: Fraction, b: Fraction) -> Fraction {
        let (left, right, odd) = aligned(a, b)
        return left < right ? .zero : Fraction(reducing: left - right, odd, shift: max(a.shift, b.shift))
    }

    /// Both numerators over one denominator, and its odd part.
    private static func aligned(_ a: Fraction, _ b: Fraction) -> (Natural, Natural, Natural) {
        let shift = max(a.shift, b.shift)
        let (left, right) = (a.numerator.shifted(left: shift - a.shift), b.numerator.shifted(left: shift - b.shift))
        if a.odd == b.odd { return (left, right, a.odd) }
        return (left * b.odd, right * a.odd, a.odd * b.odd)
    }

    private static func gcd(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// The nearest `Double`, within a few units of the last place; zero below the least one.
    package var value: Double {
        let (a, up) = numerator.leading
        let (b, down) = odd.leading
        let power = up - down - shift
        // In two steps, since 2 to that power alone may be no number.
        return a / b * Self.powerOfTwo(power / 2) * Self.powerOfTwo(power - power / 2)
    }

    private static func powerOfTwo(_ exponent: Int) -> Double {
        guard exponent > -1023 else { return 0 }
        return Double(sign: .plus, exponent: min(exponent, 1023), significand: 1)
    }

    package var isOne: Bool { shift == 0 && numerator == odd }
    package var isZero: Bool { numerator.isZero }

    /// How many bits the denominator takes.
    package var bitWidth: Int { odd.bitWidth + shift }
}

extension Fraction: Comparable {
    package static func < (a: Fraction, b: Fraction) -> Bool {
        if a.isZero || b.isZero { return a.isZero && !b.isZero }
        // The position of the leading bit, to within one, decides for most.
        let left = a.numerator.bitWidth - a.odd.bitWidth - a.shift
        let right = b.numerator.bitWidth - b.odd.bitWidth - b.shift
        if abs(left - right) > 1 { return left < right }
        let (x, y, _) = aligned(a, b)
        return x < y
    }
}

extension Fraction: CustomStringConvertible {
    /// `715827883/2147483648`.
    package var description: String { "\(numerator)/\(odd.shifted(left: shift))" }
}
