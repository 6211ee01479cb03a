/// A function of bytes that cannot be told without its key: SipHash-2-4 (Aumasson and Bernstein, 2012).
struct KeyedHash: Sendable {
    private let k0: UInt64
    private let k1: UInt64

    /// `key`: its first 16 bytes count; a shorter one is filled up with zeros.
    init(key: [UInt8]) {
        let bytes = key.prefix(16) + [UInt8](repeating: 0, count: max(16 - key.count, 0))
        k0 = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        k1 = bytes.suffix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Of words of 64 bits, as their bytes from the lowest on.
    func callAsFunction(_ words: UInt64...) -> UInt64 {
        var state = State(k0, k1)
        for word in words { state.take(word) }
        return state.finish(length: words.count * 8, rest: 0)
    }

    /// Of a text, and of a number that tells uses apart.
    func callAsFunction(_ text: some StringProtocol, _ number: UInt64 = 0) -> UInt64 {
        var state = State(k0, k1)
        state.take(number)
        var word: UInt64 = 0
        var length = 8
        for byte in text.utf8 {
            word |= UInt64(byte) << UInt64(8 * (length & 7))
            length += 1
            if length & 7 == 0 {
                state.take(word)
                word = 0
            }
        }
        return state.finish(length: length, rest: word)
    }

    private struct State {
        private var v0, v1, v2, v3: UInt64

        init(_ k0: UInt64, _ k1: UInt64) {
            v0 = 0x736f_6d65_7073_6575 ^ k0
            v1 = 0x646f_7261_6e64_6f6d ^ k1
            v2 = 0x6c79_6765_6e65_7261 ^ k0
            v3 = 0x7465_6462_7974_6573 ^ k1
        }

        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish(length: Int, rest: UInt64) -> UInt64 {
            take(UInt64(truncatingIfNeeded: length) << 56 | rest)
            v2 ^= 0xff
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 = v0 &+ v1
            v1 = Self.rotated(v1, 13) ^ v0
            v0 = Self.rotated(v0, 32)
            v2 = v2 &+ v3
            v3 = Self.rotated(v3, 16) ^ v2
            v0 = v0 &+ v3
            v3 = Self.rotated(v3, 21) ^ v0
            v2 = v2 &+ v1
            v1 = Self.rotated(v1, 17) ^ v2
            v2 = Self.rotated(v2, 32)
        }

        private static func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
    }
}
