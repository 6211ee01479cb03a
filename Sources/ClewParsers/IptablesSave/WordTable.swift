/// A fixed set of words of at most 24 bytes, each with a small number: looked up by three 8-byte words.
struct WordTable: Sendable {
    private struct Entry: Sendable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var value: UInt8 = 0
    }

    private var entries: [Entry]
    private let mask: Int

    /// Makes a table; a word that stands twice keeps its first number.
    init(_ words: [(String, UInt8)]) {
        var capacity = 64
        while capacity < words.count * 4 { capacity *= 2 }
        entries = Array(repeating: Entry(), count: capacity)
        mask = capacity - 1
        for (word, value) in words where !word.isEmpty && word.utf8.count <= 24 {
            var key: (UInt64, UInt64, UInt64) = (0, 0, 0)
            for (i, byte) in word.utf8.enumerated() {
                let bits = UInt64(byte) << UInt64(8 * (i % 8))
                switch i / 8 {
                case 0: key.0 |= bits
                case 1: key.1 |= bits
                default: key.2 |= bits
                }
            }
            var slot = Self.hash(key.0, key.1, key.2) & mask
            while entries[slot].first != 0 {
                if entries[slot].first == key.0, entries[slot].second == key.1, entries[slot].third == key.2 { break }
                slot = (slot + 1) & mask
            }
            guard entries[slot].first == 0 else { continue }
            entries[slot] = Entry(first: key.0, second: key.1, third: key.2, value: value)
        }
    }

    @inline(__always)
    private static func hash(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> Int {
        let mixed = (a ^ b &* 0x9E37_79B9_7F4A_7C15 ^ c &* 0xC2B2_AE3D_27D4_EB4F) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: mixed >> 40)
    }

    /// The number of the word at `start ..< end`, or 0.
    @inline(__always)
    func value(_ text: ByteText, _ start: Int, _ end: Int) -> UInt8 {
        let length = end &- start
        guard length > 0, length <= 24 else { return 0 }
        let first = text.word(at: start, length: length)
        let second = text.word(at: start &+ 8, length: length &- 8)
        let third = text.word(at: start &+ 16, length: length &- 16)
        var slot = Self.hash(first, second, third) & mask
        while true {
            let entry = entries[slot]
            if entry.first == first, entry.second == second, entry.third == third { return entry.value }
            if entry.first == 0 { return 0 }
            slot = (slot &+ 1) & mask
        }
    }
}
