/// What a terminal was sent, as `script` records it, without what only a terminal understands.
enum TerminalText {
    private static let escape: UInt8 = 0x1B

    /// The text without colours, movements of the cursor and carriage returns, in UTF-8 without a mark of its encoding;
    /// as it is where there is none of these.
    static func plain(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return plain(Array(bytes.dropFirst(3))) }
        // What PowerShell writes to files.
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            let low = bytes[0] == 0xFF ? 0 : 1
            var units: [UInt16] = []
            for index in stride(from: 2, to: bytes.count - 1, by: 2) {
                let high = UInt16(bytes[index + 1 - low])
                units.append(high << 8 | UInt16(bytes[index + low]))
            }
            return plain(Array(String(decoding: units, as: UTF16.self).utf8))
        }
        guard bytes.contains(escape) || bytes.contains(0x0D) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case escape: index = end(ofSequenceAt: index, in: bytes)
            case 0x0D, 0x07: index += 1
            case 0x08:
                // What was typed wrong and taken back.
                if let last = result.last, last != 0x0A { result.removeLast() }
                index += 1
            case let byte:
                result.append(byte)
                index += 1
            }
        }
        return result
    }

    /// The place behind a sequence of ECMA-48: `ESC [ … letter`, `ESC ] … BEL`, or two bytes.
    private static func end(ofSequenceAt start: Int, in bytes: [UInt8]) -> Int {
        guard start + 1 < bytes.count else { return bytes.count }
        var index = start + 2
        switch bytes[start + 1] {
        case UInt8(ascii: "["):
            while index < bytes.count, !(0x40...0x7E).contains(bytes[index]), bytes[index] != 0x0A { index += 1 }
            return min(index + 1, bytes.count)
        case UInt8(ascii: "]"):
            while index < bytes.count, bytes[index] != 0x07, bytes[index] != 0x0A {
                if bytes[index] == escape { return min(index + 2, bytes.count) }
                index += 1
            }
            return min(index + 1, bytes.count)
        default: return index
        }
    }
}
