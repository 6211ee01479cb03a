import ClewSnapshot

/// Finds chains by table and name.
///
/// A rule names a chain anywhere in a dump of a hundred thousand, so that a look-up costs what it misses in the cache.
/// An entry therefore holds the name itself, up to the 25 bytes of `KUBE-SEP-…`, and is one line of it.
struct ChainTable {
    struct Key {
        fileprivate var first: UInt64
        fileprivate var second: UInt64
        fileprivate var third: UInt64
        /// The number of the chain and one (32 bits), the table (16), the name's length (8) and its 25th byte (8).
        fileprivate var last: UInt64
        fileprivate var hash: UInt64
    }

    private struct Entry {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var last: UInt64 = 0
    }

    private var entries: [Entry]
    private var count = 0
    private static let inlineLength = 25
    private static let numberMask: UInt64 = 0xFFFF_FFFF

    init(estimate: Int) {
        var capacity = 64
        while capacity < estimate { capacity *= 2 }
        entries = Array(repeating: Entry(), count: capacity)
    }

    @inline(__always)
    static func key(_ text: ByteText, _ start: Int, _ length: Int, table: UInt16) -> Key {
        let first = text.word(at: start, length: length)
        let second = text.word(at: start &+ 8, length: length &- 8)
        let third = text.word(at: start &+ 16, length: length &- 16)
        var last = UInt64(table) << 32 | UInt64(truncatingIfNeeded: length & 0xFF) << 48
        if length > 24 { last |= UInt64(text[start &+ 24]) << 56 }
        var hash = (first ^ last) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32 ^ second) &* 0xD6E8_FEB8_6659_FD93
        hash = (hash ^ hash >> 32 ^ third) &* 0xC2B2_AE3D_27D4_EB4F
        var done = inlineLength
        while done < length {
            hash = (hash ^ hash >> 32 ^ text.word(at: start &+ done, length: length &- done)) &* 0xD6E8_FEB8_6659_FD93
            done &+= 8
        }
        return Key(first: first, second: second, third: third, last: last, hash: hash ^ hash >> 32)
    }

    /// The slot of a chain, or the empty one where it belongs.
    @inline(__always)
    private func slot(of key: Key, _ isRest: (Int) -> Bool) -> Int {
        var slot = Int(truncatingIfNeeded: key.hash) & (entries.count &- 1)
        while true {
            let entry = entries[slot]
            if entry.last & Self.numberMask == 0 { return slot }
            if entry.second == key.second, entry.third == key.third, entry.first == key.first,
                entry.last & ~Self.numberMask == key.last, isRest(Self.number(entry))
            {
                return slot
            }
            slot = (slot &+ 1) & (entries.count &- 1)
        }
    }

    @inline(__always)
    private static func number(_ entry: Entry) -> Int { Int(truncatingIfNeeded: entry.last & numberMask) &- 1 }

    /// The chain's number; `isSame` compares names that are longer than what an entry holds.
    @inline(__always)
    func find(_ key: Key, length: Int, isSame: (Int) -> Bool) -> Int? {
        let slot = length > Self.inlineLength ? slot(of: key, isSame) : slot(of: key) { _ in true }
        let number = Self.number(entries[slot])
        return number < 0 ? nil : number
    }

    /// Enters a chain that is not there; its number is the count of those before.
    @inline(__always)
    mutating func insert(_ key: Key) {
        count &+= 1
        var slot = Int(truncatingIfNeeded: key.hash) & (entries.count &- 1)
        while entries[slot].last & Self.numberMask != 0 { slot = (slot &+ 1) & (entries.count &- 1) }
        entries[slot] = Entry(
            first: key.first, second: key.second, third: key.third,
            last: key.last | UInt64(UInt32(truncatingIfNeeded: count)))
    }

    /// Whether three quarters are taken.
    var isFull: Bool { count &* 4 >= entries.count &* 3 }

    /// Doubles the table; `key` says each chain's key again.
    mutating func grow(_ key: (Int) -> Key) {
        let chains = count
        count = 0
        entries = Array(repeating: Entry(), count: entries.count * 2)
        for number in 0..<chains { insert(key(number)) }
    }
}
