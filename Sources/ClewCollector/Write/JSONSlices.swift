/// JSON text taken apart into the text of its members, without making values of them.
///
/// What is passed on stays as it was written.
enum JSONSlices {
    /// The members of an object with their values' text; `nil` where it is no well-formed object.
    static func members(_ text: ArraySlice<UInt8>) -> [(key: String, value: ArraySlice<UInt8>)]? {
        var cursor = Cursor(text)
        guard cursor.take(UInt8(ascii: "{")) else { return nil }
        var members: [(key: String, value: ArraySlice<UInt8>)] = []
        if cursor.take(UInt8(ascii: "}")) { return cursor.isAtEnd ? members : nil }
        while true {
            guard let key = cursor.string(), cursor.take(UInt8(ascii: ":")), let value = cursor.value() else {
                return nil
            }
            members.append((String(decoding: key.dropFirst().dropLast(), as: UTF8.self), value))
            if cursor.take(UInt8(ascii: ",")) { continue }
            return cursor.take(UInt8(ascii: "}")) && cursor.isAtEnd ? members : nil
        }
    }

    /// The text of an array's elements; `nil` where it is no well-formed array.
    static func elements(_ text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
        var cursor = Cursor(text)
        guard cursor.take(UInt8(ascii: "[")) else { return nil }
        var elements: [ArraySlice<UInt8>] = []
        if cursor.take(UInt8(ascii: "]")) { return cursor.isAtEnd ? elements : nil }
        while true {
            guard let value = cursor.value() else { return nil }
            elements.append(value)
            if cursor.take(UInt8(ascii: ",")) { continue }
            return cursor.take(UInt8(ascii: "]")) && cursor.isAtEnd ? elements : nil
        }
    }

    /// A text as a JSON string, with its quotes.
    static func string(_ text: String) -> [UInt8] {
        var result = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): result += Array("\\n".utf8)
            case UInt8(ascii: "\t"): result += Array("\\t".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                result += Array(("\\u00" + (digits.count == 1 ? "0" : "") + digits).utf8)
            default: result.append(byte)
            }
        }
        return result + [UInt8(ascii: "\"")]
    }
}

extension JSONSlices {
    private struct Cursor {
        private let text: ArraySlice<UInt8>
        private var place: Int

        init(_ text: ArraySlice<UInt8>) {
            self.text = text
            place = text.startIndex
        }

        private mutating func skipSpace() {
            while place < text.endIndex, [0x20, 0x09, 0x0a, 0x0d].contains(text[place]) { place += 1 }
        }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return place == text.endIndex
            }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard place < text.endIndex, text[place] == byte else { return false }
            place += 1
            return true
        }

        /// A string with its quotes.
        mutating func string() -> ArraySlice<UInt8>? {
            skipSpace()
            guard place < text.endIndex, text[place] == UInt8(ascii: "\"") else { return nil }
            let start = place
            place += 1
            while place < text.endIndex {
                switch text[place] {
                case UInt8(ascii: "\\"): place += 2
                case UInt8(ascii: "\""):
                    place += 1
                    return text[start..<place]
                default: place += 1
                }
            }
            return nil
        }

        /// Any value, as text.
        ///
        /// Nesting is counted, not walked, so that its depth costs nothing.
        mutating func value() -> ArraySlice<UInt8>? {
            skipSpace()
            let start = place
            var depth = 0
            while place < text.endIndex {
                switch text[place] {
                case UInt8(ascii: "\""): guard string() != nil else { return nil }
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    place += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return place > start ? trimmed(start) : nil }
                    depth -= 1
                    place += 1
                case UInt8(ascii: ",") where depth == 0: return place > start ? trimmed(start) : nil
                default: place += 1
                }
                if depth == 0, place > start, place <= text.endIndex, isClosing(text[place - 1]) {
                    return text[start..<place]
                }
            }
            return depth == 0 && place > start ? trimmed(start) : nil
        }

        private func isClosing(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
        }

        private func trimmed(_ start: Int) -> ArraySlice<UInt8> {
            var end = place
            while end > start, [0x20, 0x09, 0x0a, 0x0d].contains(text[end - 1]) { end -= 1 }
            return text[start..<end]
        }
    }
}
