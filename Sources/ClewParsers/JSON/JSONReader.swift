/// What the next value of a JSON text is, told by its first byte.
package enum JSONKind: Sendable, Hashable {
    case object, array, string, number, bool, null
    /// The end of the text.
    case end
    /// A byte that begins no value; also a closing bracket.
    case other
}

/// A string of a JSON text as it stands there: where it is, not yet unescaped.
///
/// Only of use with the reader that made it.
package struct JSONText: Sendable, BitwiseCopyable {
    /// The first byte behind the opening quote.
    package let start: Int
    /// Bytes up to the closing quote.
    package let length: Int
    package let isEscaped: Bool
}

/// A place to come back to with ``JSONReader/rewind(to:)``.
package struct JSONMark: Sendable, BitwiseCopyable {
    fileprivate let position: Int
    fileprivate let depth: Int
    fileprivate let isAtStart: Bool

    /// Bytes from the start of the text.
    package var offset: Int { position }
}

/// A pull parser of JSON (RFC 8259) over bytes: the caller asks for what it expects next.
///
/// ```swift
/// var reader = JSONReader(bytes)
/// try reader.beginObject()
/// while let key = try reader.nextKey() {
///     if reader.isEqual(key, "name") { name = try reader.string() } else { try reader.skipValue() }
/// }
/// ```
/// Every key has to be followed by exactly one read or skip of its value, and every `beginObject` and `beginArray`
/// by `nextKey` or `nextElement` until it says that there is no more. A caller that breaks this gets errors, no trap.
///
/// The grammar is strict, but invalid UTF-8 and lone surrogates become U+FFFD (as Go's `encoding/json` does), a
/// leading byte order mark is skipped, and ``skipValue()`` looks less closely than a read. The last of equal keys is
/// not singled out: the caller sees each.
///
/// A `struct` over an array with checked accesses: no input reads outside of it. Concrete on purpose, as generic code
/// is not specialised across modules.
package struct JSONReader: Sendable {
    /// How deep objects and arrays may nest, in what is read and in what is skipped.
    package static let depthLimit = 512

    let bytes: [UInt8]
    var position: Int
    private var depth = 0
    /// Whether the last thing read was an opening bracket, so that no comma is due.
    private var isAtStart = false

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    /// Where the next byte is read: bytes from the start of the text.
    package var offset: Int { position }

    package var mark: JSONMark { JSONMark(position: position, depth: depth, isAtStart: isAtStart) }

    /// Goes back to a place, to read what is there another way or to skip it.
    package mutating func rewind(to mark: JSONMark) {
        position = mark.position
        depth = mark.depth
        isAtStart = mark.isAtStart
    }

    /// Goes on at `offset` as if a new text began there.
    package mutating func restart(at offset: Int) {
        position = max(0, min(offset, bytes.count))
        depth = 0
        isAtStart = false
    }

    /// Whether nothing but blanks follows.
    package mutating func isAtEnd() -> Bool {
        skipBlanks()
        return position >= bytes.count
    }

    /// What comes next; reads blanks only.
    package mutating func peek() -> JSONKind {
        skipBlanks()
        guard position < bytes.count else { return .end }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), 48...57: return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: return .other
        }
    }

    // MARK: Objects and arrays

    package mutating func beginObject() throws(JSONError) {
        try open(UInt8(ascii: "{"), "an object")
    }

    package mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), "an array")
    }

    /// The next key of the innermost object, up to its colon; `nil` behind the last, with the `}` read.
    package mutating func nextKey() throws(JSONError) -> JSONText? {
        guard try advance(to: UInt8(ascii: "}"), "',' or '}'") else { return nil }
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] == UInt8(ascii: "\"") else { throw JSONError(.expected("a key"), at: position) }
        let key = try scanString()
        skipBlanks()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] == UInt8(ascii: ":") else { throw JSONError(.expected("':'"), at: position) }
        position &+= 1
        return key
    }

    /// Whether the innermost array has another element, which is then to be read; if not, its `]` is read.
    package mutating func nextElement() throws(JSONError) -> Bool {
        guard try advance(to: UInt8(ascii: "]"), "',' or ']'") else { return false }
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] != UInt8(ascii: "]") else { throw JSONError(.expected("a value"), at: position) }
        return true
    }

    private mutating func open(_ bracket: UInt8, _ what: String) throws(JSONError) {
        skipBlanks()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] == bracket else { throw JSONError(.expected(what), at: position) }
        guard depth < Self.depthLimit else { throw JSONError(.tooDeep, at: position) }
        depth &+= 1
        isAtStart = true
        position &+= 1
    }

    /// Steps over the comma to the next member, or over the closing bracket.
    @inline(__always)
    private mutating func advance(to bracket: UInt8, _ expected: StaticString) throws(JSONError) -> Bool {
        skipBlanks()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        let byte = bytes[position]
        if byte == bracket {
            position &+= 1
            depth &-= 1
            isAtStart = false
            return false
        }
        if isAtStart {
            isAtStart = false
            return true
        }
        guard byte == UInt8(ascii: ",") else { throw JSONError(.expected(expected.description), at: position) }
        position &+= 1
        skipBlanks()
        return true
    }

    // MARK: Blanks and strings

    @inline(__always)
    mutating func skipBlanks() {
        if position < bytes.count, bytes[position] > 0x20 { return }
        position = Self.endOfBlanks(bytes, from: position)
    }

    private static func endOfBlanks(_ bytes: [UInt8], from start: Int) -> Int {
        bytes.withUnsafeBytes { buffer in
            var i = start
            let end = buffer.count
            while i < end {
                // Indentation: eight spaces at a time.
                while i &+ 8 <= end,
                    buffer.loadUnaligned(fromByteOffset: i, as: UInt64.self) == 0x2020_2020_2020_2020
                {
                    i &+= 8
                }
                guard i < end else { break }
                switch buffer[i] {
                case 0x20, 0x0A, 0x0D, 0x09: i &+= 1
                default: return i
                }
            }
            return end
        }
    }

    /// Steps over a string; the position is at its opening quote.
    mutating func scanString() throws(JSONError) -> JSONText {
        let start = position &+ 1
        let end = Self.endOfString(bytes, from: start)
        guard end.index < bytes.count else { throw JSONError(.unexpectedEnd, at: start &- 1) }
        guard bytes[end.index] == UInt8(ascii: "\"") else { throw JSONError(.controlCharacter, at: end.index) }
        position = end.index &+ 1
        return JSONText(start: start, length: end.index &- start, isEscaped: end.isEscaped)
    }

    /// The closing quote or the first control character from `start` on; the end of the text if there is neither.
    @inline(__always)
    private static func endOfString(_ bytes: [UInt8], from start: Int) -> (index: Int, isEscaped: Bool) {
        bytes.withUnsafeBytes { endOfString($0, from: start) }
    }

    @inline(__always)
    fileprivate static func endOfString(
        _ buffer: UnsafeRawBufferPointer, from start: Int
    ) -> (index: Int, isEscaped: Bool) {
        let end = buffer.count
        let ones: UInt64 = 0x0101_0101_0101_0101
        var isEscaped = false
        var i = start
        while i &+ 8 <= end {
            let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The lowest set bit is exact: a borrow only reaches bytes above a true hit.
            let hits =
                ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word)
                & (ones &* 0x80)
            if hits == 0 {
                i &+= 8
                continue
            }
            i &+= hits.trailingZeroBitCount &>> 3
            guard buffer[i] == 0x5C else { return (i, isEscaped) }
            isEscaped = true
            i &+= 2
        }
        while i < end {
            let byte = buffer[i]
            if byte == 0x22 || byte < 0x20 { return (i, isEscaped) }
            if byte == 0x5C {
                isEscaped = true
                i &+= 1
            }
            i &+= 1
        }
        return (end, isEscaped)
    }

    // MARK: Skipping

    /// Steps over the next value, whatever it is.
    ///
    /// Faster than reading, as it checks less. It checks that strings end and hold no control characters, that there
    /// are as many closing brackets as opening ones, and the depth. It does not check that a bracket is closed by one
    /// of its own kind, commas and colons, numbers and words (`[1e,,x}` passes), escapes, and UTF-8.
    package mutating func skipValue() throws(JSONError) {
        skipBlanks()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        switch bytes[position] {
        case UInt8(ascii: "\""):
            _ = try scanString()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            try skipContainer()
        default:
            guard !Self.endsWord(bytes[position]) else { throw JSONError(.expected("a value"), at: position) }
            while position < bytes.count, !Self.endsWord(bytes[position]) { position &+= 1 }
        }
    }

    private mutating func skipContainer() throws(JSONError) {
        let start = position
        let limit = Self.depthLimit &- depth
        let end = bytes.withUnsafeBytes { buffer -> Result<Int, JSONError> in
            let count = buffer.count
            var open = 0
            var i = start
            while i < count {
                switch buffer[i] {
                case UInt8(ascii: "\""):
                    let string = endOfStringInContainer(buffer, from: i &+ 1)
                    guard string < count else { return .failure(JSONError(.unexpectedEnd, at: i)) }
                    guard buffer[string] == 0x22 else { return .failure(JSONError(.controlCharacter, at: string)) }
                    i = string &+ 1
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    guard open < limit else { return .failure(JSONError(.tooDeep, at: i)) }
                    open &+= 1
                    i &+= 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    open &-= 1
                    i &+= 1
                    if open == 0 { return .success(i) }
                case 0x0A, 0x20:
                    i &+= 1
                    while i &+ 8 <= count,
                        buffer.loadUnaligned(fromByteOffset: i, as: UInt64.self) == 0x2020_2020_2020_2020
                    {
                        i &+= 8
                    }
                default:
                    i &+= 1
                }
            }
            return .failure(JSONError(.unexpectedEnd, at: start))
        }
        position = try end.get()
    }

    @inline(__always)
    private func endOfStringInContainer(_ buffer: UnsafeRawBufferPointer, from start: Int) -> Int {
        Self.endOfString(buffer, from: start).index
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: "\""),
            UInt8(ascii: "{"), UInt8(ascii: "["), 0...0x20:
            true
        default: false
        }
    }
}
