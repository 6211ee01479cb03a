/// How kube-proxy spreads connections evenly with `-m statistic --mode random`.
package enum EqualShares {
    /// What the kernel compares a random number of 31 bits with, for each of `count` endpoints but the last.
    ///
    /// Rule i of n takes 1/(n − i) of what the rules before it left. kube-proxy writes ten digits (`%0.10f`,
    /// `proxier.go`, computeProbability), iptables rounds them to a multiple of 2⁻³¹ (`libxt_statistic.c`).
    package static func thresholds(_ count: Int) -> [UInt32] {
        guard count > 1 else { return [] }
        return (2...count).reversed().map { threshold(oneOf: $0) }
    }

    /// The kernel's number for 1/n; n = 1 is 2³¹.
    package static func threshold(oneOf n: Int) -> UInt32 {
        let written = (UInt128(20_000_000_000) / UInt128(max(n, 1)) + 1) / 2
        return UInt32(truncatingIfNeeded: (written * 0x1_0000_0000 / 10_000_000_000 + 1) / 2)
    }
}
