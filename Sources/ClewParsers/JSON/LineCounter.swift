/// Turns offsets of a text into line numbers.
///
/// Keeps the last answer, so that ascending queries together read the text once, eight bytes at a time.
package struct LineCounter: Sendable {
    private let bytes: [UInt8]
    private var offset = 0
    private var line: UInt32 = 1

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The line that holds the byte at `target`, counted from 1; an offset behind the end is in the last line.
    package mutating func line(atOffset target: Int) -> UInt32 {
        let target = max(0, min(target, bytes.count))
        if target < offset {
            offset = 0
            line = 1
        }
        line &+= Self.newlines(in: bytes, from: offset, to: target)
        offset = target
        return line
    }

    /// The number of lines of a text: a last line without a newline counts.
    package static func lines(in bytes: [UInt8]) -> Int {
        let newlines = Int(newlines(in: bytes, from: 0, to: bytes.count))
        return bytes.last == nil || bytes.last == 10 ? newlines : newlines + 1
    }

    private static func newlines(in bytes: [UInt8], from start: Int, to end: Int) -> UInt32 {
        bytes.withUnsafeBytes { buffer in
            let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
            var count: UInt64 = 0
            var i = start
            while i &+ 8 <= end {
                // Each byte of `sums` counts the newlines of its column, so it takes at most 255 words.
                let stop = min(end &- 8, i &+ 8 &* 254)
                var sums: UInt64 = 0
                while i <= stop {
                    let x = buffer.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
                    sums &+= ~(((x & low) &+ low) | x | low) &>> 7
                    i &+= 8
                }
                let pairs = (sums & 0x00FF_00FF_00FF_00FF) &+ ((sums &>> 8) & 0x00FF_00FF_00FF_00FF)
                count &+= (pairs &* 0x0001_0001_0001_0001) &>> 48
            }
            while i < end {
                if buffer[i] == 10 { count &+= 1 }
                i &+= 1
            }
            return UInt32(truncatingIfNeeded: count)
        }
    }
}
