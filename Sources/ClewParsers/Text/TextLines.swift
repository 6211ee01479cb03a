import ClewBundle

/// A line of a text without its line end (`\n` or `\r\n`).
struct TextLine {
    /// Counts from 1.
    let number: UInt32
    let bytes: ArraySlice<UInt8>

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The words, parted by runs of spaces and tabs.
    var words: [String] {
        bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.map { String(decoding: $0, as: UTF8.self) }
    }

    var isBlank: Bool { bytes.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } }

    func source(_ artifact: ArtifactID) -> SourceLine { SourceLine(artifact, line: number) }

    func unread(_ artifact: ArtifactID, because reason: String) -> UnreadLine {
        UnreadLine(source(artifact), text: text, reason: reason)
    }
}

/// The lines of a text; what stands behind the last line end is a line unless it is empty.
struct TextLines: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var offset = 0
    private var number: UInt32 = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> TextLine? {
        guard offset < bytes.count else { return nil }
        let rest = bytes[offset...]
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        var last = end
        if last > offset, bytes[last - 1] == UInt8(ascii: "\r") { last -= 1 }
        number &+= 1
        defer { offset = end + 1 }
        return TextLine(number: number, bytes: bytes[offset..<last])
    }
}

extension StringProtocol {
    /// The text without spaces, tabs and line ends at both ends.
    var trimmed: String {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
        guard let first = firstIndex(where: { !blank($0) }), let last = lastIndex(where: { !blank($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}

extension FixedWidthInteger {
    /// Reads `100`, or `0x64` in hexadecimal.
    init?(decimalOrHex text: some StringProtocol) {
        if text.hasPrefix("0x") || text.hasPrefix("0X") {
            self.init(text.dropFirst(2), radix: 16)
        } else {
            self.init(text, radix: 10)
        }
    }
}
