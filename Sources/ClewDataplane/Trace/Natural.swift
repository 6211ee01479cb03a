/// A whole number of any size, not negative.
struct Natural: Sendable, Hashable {
    /// Least significant first, without leading zeros.
    private var limbs: [UInt32]

    private init(limbs: [UInt32]) {
        self.limbs = limbs
        while self.limbs.last == 0 { self.limbs.removeLast() }
    }

    init(_ value: UInt64) { self.init(limbs: [UInt32(truncatingIfNeeded: value), UInt32(value >> 32)]) }

    var isZero: Bool { limbs.isEmpty }
    var isOne: Bool { limbs == [1] }
    var bitWidth: Int { limbs.last.map { limbs.count * 32 - $0.leadingZeroBitCount } ?? 0 }

    /// `Int.max` for zero.
    var trailingZeroBitCount: Int {
        guard let first = limbs.firstIndex(where: { $0 != 0 }) else { return .max }
        return first * 32 + limbs[first].trailingZeroBitCount
    }

    /// The number's first 96 bits, and the power of two they are to be multiplied by.
    var leading: (value: Double, exponent: Int) {
        let first = limbs.suffix(3)
        return (first.reversed().reduce(0) { $0 * 4_294_967_296 + Double($1) }, (limbs.count - first.count) * 32)
    }

    static func + (a: Natural, b: Natural) -> Natural {
        var result: [UInt32] = []
        result.reserveCapacity(max(a.limbs.count, b.limbs.count) + 1)
        var carry: UInt64 = 0
        for i in 0..<max(a.limbs.count, b.limbs.count) {
            let value =
                UInt64(i < a.limbs.count ? a.limbs[i] : 0) + UInt64(i < b.limbs.count ? b.limbs[i] : 0) + carry
            result.append(UInt32(truncatingIfNeeded: value))
            carry = value >> 32
        }
        if carry > 0 { result.append(UInt32(truncatingIfNeeded: carry)) }
        return Natural(limbs: result)
    }

    /// `b` is at most `a`.
    static func - (a: Natural, b: Natural) -> Natural {
        var result = a.limbs
        var borrow: UInt32 = 0
        for i in result.indices {
            let (first, under) = result[i].subtractingReportingOverflow(i < b.limbs.count ? b.limbs[i] : 0)
            let (second, again) = first.subtractingReportingOverflow(borrow)
            result[i] = second
            borrow = under || again ? 1 : 0
            if borrow == 0, i >= b.limbs.count { break }
        }
        return Natural(limbs: result)
    }

    static func * (a: Natural, b: Natural) -> Natural {
        if a.isZero || b.isOne { return a }
        if b.isZero || a.isOne { return b }
        var result = [UInt32](repeating: 0, count: a.limbs.count + b.limbs.count)
        for i in a.limbs.indices {
            var carry: UInt64 = 0
            for j in b.limbs.indices {
                let value = UInt64(a.limbs[i]) * UInt64(b.limbs[j]) + UInt64(result[i + j]) + carry
                result[i + j] = UInt32(truncatingIfNeeded: value)
                carry = value >> 32
            }
            result[i + b.limbs.count] = UInt32(truncatingIfNeeded: carry)
        }
        return Natural(limbs: result)
    }

    func shifted(right count: Int) -> Natural {
        let words = count / 32
        guard count > 0, words < limbs.count else { return count > 0 ? Natural(0) : self }
        let bits = UInt32(count % 32)
        var result = Array(limbs[words...])
        if bits > 0 {
            for i in result.indices {
                let next = i + 1 < result.count ? result[i + 1] : 0
                result[i] = result[i] >> bits | next << (32 - bits)
            }
        }
        return Natural(limbs: result)
    }

    func shifted(left count: Int) -> Natural {
        guard count > 0, !isZero else { return self }
        let bits = UInt32(count % 32)
        var result = [UInt32](repeating: 0, count: count / 32)
        result.reserveCapacity(result.count + limbs.count + 1)
        guard bits > 0 else { return Natural(limbs: result + limbs) }
        var carry: UInt32 = 0
        for limb in limbs {
            result.append(limb << bits | carry)
            carry = limb >> (32 - bits)
        }
        result.append(carry)
        return Natural(limbs: result)
    }

    /// Divides in place; returns the remainder.
    private mutating func divide(by divisor: UInt64) -> UInt64 {
        var remainder: UInt64 = 0
        for i in limbs.indices.reversed() {
            // The remainder is below the divisor, so that the quotient fits a limb.
            let (quotient, rest) = divisor.dividingFullWidth((remainder >> 32, remainder << 32 | UInt64(limbs[i])))
            limbs[i] = UInt32(truncatingIfNeeded: quotient)
            remainder = rest
        }
        self = Natural(limbs: limbs)
        return remainder
    }

    private var word: UInt64? {
        switch limbs.count {
        case 0: 0
        case 1: UInt64(limbs[0])
        case 2: UInt64(limbs[1]) << 32 | UInt64(limbs[0])
        default: nil
        }
    }

    /// The quotient by a number that divides it.
    func divided(by divisor: Natural) -> Natural {
        var (rest, result) = (self, Natural(0))
        if let word = divisor.word {
            _ = rest.divide(by: max(word, 1))
            return rest
        }
        while !(rest < divisor) {
            var shift = rest.bitWidth - divisor.bitWidth
            if rest < divisor.shifted(left: shift) { shift -= 1 }
            rest = rest - divisor.shifted(left: shift)
            result = result + Natural(1).shifted(left: shift)
        }
        return result
    }

    /// The greatest common divisor of a number and an odd one.
    ///
    /// Of very long ones only divisors up to 31 are found.
    static func commonDivisor(_ a: Natural, _ odd: Natural) -> Natural {
        if odd.isOne || a.isZero { return Natural(1) }
        var (x, y) = (a, odd)
        if let word = odd.word {
            var (p, q) = (word, x.divide(by: word))
            while q != 0 { (p, q) = (q, p % q) }
            return Natural(p)
        }
        guard a.limbs.count <= 128, odd.limbs.count <= 128 else { return smallDivisor(a, odd) }
        while !x.isZero {
            x = x.shifted(right: x.trailingZeroBitCount)
            if x < y { (x, y) = (y, x) }
            x = x - y
        }
        return y
    }

    private static func smallDivisor(_ a: Natural, _ b: Natural) -> Natural {
        var (a, b, result) = (a, b, Natural(1))
        for prime: UInt64 in [3, 5, 7, 11, 13, 17, 19, 23, 29, 31] {
            while true {
                var (x, y) = (a, b)
                guard x.divide(by: prime) == 0, y.divide(by: prime) == 0 else { break }
                (a, b) = (x, y)
                result = result * Natural(prime)
            }
        }
        return result
    }
}

extension Natural: Comparable {
    static func < (a: Natural, b: Natural) -> Bool {
        if a.limbs.count != b.limbs.count { return a.limbs.count < b.limbs.count }
        for i in a.limbs.indices.reversed() where a.limbs[i] != b.limbs[i] { return a.limbs[i] < b.limbs[i] }
        return false
    }
}

extension Natural: CustomStringConvertible {
    /// Decimal.
    var description: String {
        var rest = self
        var groups: [String] = []
        while !rest.isZero { groups.append(String(rest.divide(by: 1_000_000_000_000_000_000))) }
        guard let last = groups.popLast() else { return "0" }
        return last + groups.reversed().map { String(repeating: "0", count: 18 - $0.utf8.count) + $0 }.joined()
    }
}
