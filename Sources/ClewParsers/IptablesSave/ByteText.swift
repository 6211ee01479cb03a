import ClewSnapshot

/// Bytes read by offset, where every read outside them yields a newline.
///
/// The one place of the iptables parser that touches a pointer: each load is checked here, so that no offset, however
/// wrong, reads foreign memory, and scanning loops end at the text's end as they do at a line's.
struct ByteText {
    private let base: UnsafeRawPointer?
    let count: Int

    static let newline: UInt8 = 10

    init(_ bytes: UnsafeRawBufferPointer) {
        base = bytes.baseAddress
        count = bytes.count
    }

    @inline(__always)
    subscript(offset: Int) -> UInt8 {
        guard let base, UInt(bitPattern: offset) < UInt(bitPattern: count) else { return Self.newline }
        return base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Eight bytes, the first in the low bits.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        guard let base, offset >= 0, offset <= count &- 8 else { return slowWord(at: offset) }
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(never)
    private func slowWord(at offset: Int) -> UInt64 {
        var result: UInt64 = 0
        for i in 0..<8 { result |= UInt64(self[offset &+ i]) << UInt64(8 * i) }
        return result
    }

    /// The first `length` (at most 8) of the bytes at `offset`; the others are zero.
    @inline(__always)
    func word(at offset: Int, length: Int) -> UInt64 {
        if length <= 0 { return 0 }
        let word = word(at: offset)
        return length >= 8 ? word : word & (~0 >> UInt64(64 &- 8 &* length))
    }

    /// Where a word that begins at `offset` ends: at the next blank or control byte.
    @inline(__always)
    func wordEnd(from offset: Int) -> Int {
        var position = offset
        while position < count {
            let word = word(at: position)
            let found = (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
            if found != 0 { return position &+ found.trailingZeroBitCount / 8 }
            position &+= 8
        }
        return max(offset, count)
    }

    /// Behind the blanks at `offset`; a newline is none.
    @inline(__always)
    func skipBlanks(_ offset: Int) -> Int {
        var position = offset
        while true {
            let byte = self[position]
            guard byte <= 32, byte != Self.newline else { return position }
            position &+= 1
        }
    }

    /// Where the line that holds `offset` ends: at its newline, or at the end of the text.
    func lineEnd(from offset: Int) -> Int {
        var position = offset
        while position < count {
            let word = word(at: position) ^ 0x0A0A_0A0A_0A0A_0A0A
            let found = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if found != 0 { return min(position &+ found.trailingZeroBitCount / 8, count) }
            position &+= 8
        }
        return max(offset, count)
    }

    /// The offset of the next `quote` that no backslash escapes, or `nil` if the line ends before.
    @inline(__always)
    func closingQuote(_ quote: UInt8, from offset: Int) -> Int? {
        let pattern = UInt64(quote) &* 0x0101_0101_0101_0101
        var position = offset
        while position < count {
            let word = word(at: position)
            let a = word ^ pattern
            let b = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let c = word ^ 0x0A0A_0A0A_0A0A_0A0A
            var found = (a &- 0x0101_0101_0101_0101) & ~a
            found |= (b &- 0x0101_0101_0101_0101) & ~b
            found |= (c &- 0x0101_0101_0101_0101) & ~c
            found &= 0x8080_8080_8080_8080
            guard found != 0 else {
                position &+= 8
                continue
            }
            position &+= found.trailingZeroBitCount / 8
            let byte = self[position]
            if byte == quote { return position < count ? position : nil }
            if byte == Self.newline { return nil }
            position &+= 2
        }
        return nil
    }

    /// Whether the bytes at two places are the same.
    @inline(__always)
    func equal(_ a: Int, _ b: Int, length: Int) -> Bool {
        var done = 0
        while done &+ 8 <= length {
            if word(at: a &+ done) != word(at: b &+ done) { return false }
            done &+= 8
        }
        return word(at: a &+ done, length: length &- done) == word(at: b &+ done, length: length &- done)
    }

    func string(_ start: Int, _ end: Int) -> String {
        let start = min(max(start, 0), count)
        let end = min(max(end, start), count)
        guard let base else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: base + start, count: end - start), as: UTF8.self)
    }

    func string(_ slice: Slice) -> String { string(slice.start, slice.end) }

    /// A run of bytes: a word, or what stands between quotes.
    struct Slice: Equatable {
        var start: Int
        var end: Int

        var count: Int { end &- start }
        var isEmpty: Bool { end <= start }
        var range: TextRange {
            TextRange(
                offset: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: max(0, end - start)))
        }
    }
}
