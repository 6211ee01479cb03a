/// A small, repeatable source of random choices (SplitMix64): the same seed makes the same rules and packets.
package struct FuzzRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// 0 ..< `bound`; 0 where `bound` is not positive.
    mutating func below(_ bound: Int) -> Int { bound > 0 ? Int.random(in: 0..<bound, using: &self) : 0 }

    mutating func chance(_ share: Int, of whole: Int) -> Bool { below(whole) < share }

    /// An element; the fallback where there is none.
    mutating func pick<Value>(_ values: [Value], else fallback: Value) -> Value {
        values.isEmpty ? fallback : values[below(values.count)]
    }

    mutating func pick(_ values: String...) -> String { pick(values, else: "") }

    /// Some of the values, at least one, in their order.
    mutating func some<Value>(_ values: [Value], most: Int) -> [Value] {
        guard !values.isEmpty else { return [] }
        let count = 1 + below(min(most, values.count))
        return values.indices.shuffled(using: &self).prefix(count).sorted().map { values[$0] }
    }

    /// An index, by weight.
    mutating func weighted(_ weights: [Int]) -> Int {
        var rest = below(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            if rest < weight { return index }
            rest -= weight
        }
        return 0
    }
}
