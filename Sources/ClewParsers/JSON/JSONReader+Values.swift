/// A number of a JSON text in the narrowest type that holds it.
package enum JSONNumber: Sendable, Hashable {
    case integer(Int64)
    /// Above `Int64.max`.
    case unsigned(UInt64)
    /// With a fraction or an exponent, or beyond 64 bits.
    case double(Double)
}

extension JSONReader {
    // MARK: Strings

    /// Reads a string, with its escapes resolved.
    package mutating func string() throws(JSONError) -> String {
        try string(of: text())
    }

    /// Reads a string, or `null` as `nil`.
    package mutating func stringOrNull() throws(JSONError) -> String? {
        try null() ? nil : string()
    }

    /// Steps over a string and says where it is, for comparison without making a `String`.
    package mutating func text() throws(JSONError) -> JSONText {
        skipBlanks()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] == UInt8(ascii: "\"") else { throw JSONError(.expected("a string"), at: position) }
        return try scanString()
    }

    /// A key or string of this reader, with its escapes resolved.
    package func string(of text: JSONText) throws(JSONError) -> String {
        guard text.isEscaped else { return decode(text.start, text.start &+ text.length) }
        return try unescape(text)
    }

    /// Reads a string of which a text has few different ones.
    mutating func string(from pool: inout StringPool) throws(JSONError) -> String {
        let text = try text()
        guard !text.isEscaped else { return try string(of: text) }
        return bytes.withUnsafeBufferPointer { buffer in
            pool.string(UnsafeBufferPointer(rebasing: buffer[text.start..<text.start &+ text.length]))
        }
    }

    /// Whether a key or string is `literal`.
    ///
    /// Compares bytes: a text spelled with escapes equals nothing, unless it is unescaped first.
    @inline(__always)
    package func isEqual(_ text: JSONText, _ literal: StaticString) -> Bool {
        guard text.length == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { letters in
            bytes.withUnsafeBufferPointer { buffer in
                guard text.start &+ text.length <= buffer.count else { return false }
                for i in 0..<letters.count where buffer[text.start &+ i] != letters[i] { return false }
                return true
            }
        }
    }

    /// The bytes between the quotes as they stand in the text, escapes included.
    @inline(__always)
    func rawBytes(of text: JSONText) -> ArraySlice<UInt8> {
        bytes[text.start..<text.start &+ text.length]
    }

    @inline(__always)
    private func decode(_ start: Int, _ end: Int) -> String {
        bytes.withUnsafeBufferPointer { buffer in
            guard start < end, end <= buffer.count else { return "" }
            return String(decoding: UnsafeBufferPointer(rebasing: buffer[start..<end]), as: UTF8.self)
        }
    }

    private func unescape(_ text: JSONText) throws(JSONError) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.length)
        var i = text.start
        let end = text.start &+ text.length
        while i < end {
            let byte = bytes[i]
            guard byte == UInt8(ascii: "\\") else {
                out.append(byte)
                i &+= 1
                continue
            }
            guard i &+ 1 < end else { throw JSONError(.invalidEscape, at: i) }
            switch bytes[i &+ 1] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(bytes[i &+ 1])
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "u"):
                let escape = try unicodeEscape(at: i, end: end)
                out.append(contentsOf: String(Character(escape.scalar)).utf8)
                i = escape.next
                continue
            default: throw JSONError(.invalidEscape, at: i)
            }
            i &+= 2
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The scalar of `\uXXXX` or of a surrogate pair; U+FFFD for half a pair.
    private func unicodeEscape(at start: Int, end: Int) throws(JSONError) -> (scalar: Unicode.Scalar, next: Int) {
        let unit = try hexDigits(at: start &+ 2, end: end)
        let next = start &+ 6
        if let scalar = Unicode.Scalar(UInt32(unit)) { return (scalar, next) }
        if unit < 0xDC00, next &+ 1 < end, bytes[next] == UInt8(ascii: "\\"), bytes[next &+ 1] == UInt8(ascii: "u") {
            let low = try hexDigits(at: next &+ 2, end: end)
            if 0xDC00...0xDFFF ~= low {
                let value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
                return (Unicode.Scalar(value) ?? "\u{FFFD}", next &+ 6)
            }
        }
        return ("\u{FFFD}", next)
    }

    private func hexDigits(at start: Int, end: Int) throws(JSONError) -> UInt16 {
        guard start &+ 4 <= end else { throw JSONError(.invalidEscape, at: start &- 2) }
        var value: UInt16 = 0
        for i in start..<start &+ 4 {
            let digit: UInt8
            switch bytes[i] {
            case 48...57: digit = bytes[i] &- 48
            case 65...70: digit = bytes[i] &- 55
            case 97...102: digit = bytes[i] &- 87
            default: throw JSONError(.invalidEscape, at: start &- 2)
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    // MARK: Words

    package mutating func bool() throws(JSONError) -> Bool {
        skipBlanks()
        if word("true") { return true }
        if word("false") { return false }
        throw JSONError(position < bytes.count ? .expected("true or false") : .unexpectedEnd, at: position)
    }

    /// Reads `null` if it comes next, and says whether it did.
    @inline(__always)
    package mutating func null() throws(JSONError) -> Bool {
        skipBlanks()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "n") else { return false }
        guard word("null") else { throw JSONError(.expected("null"), at: position) }
        return true
    }

    private mutating func word(_ literal: StaticString) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard position &+ length <= bytes.count,
            isEqual(JSONText(start: position, length: length, isEscaped: false), literal)
        else { return false }
        position &+= length
        return true
    }

    // MARK: Numbers

    /// Reads a number without fraction and exponent.
    package mutating func int64() throws(JSONError) -> Int64 {
        let number = try scanNumber()
        guard number.isInteger else { throw JSONError(.expected("an integer"), at: number.start) }
        guard let magnitude = number.magnitude else { throw JSONError(.outOfRange, at: number.start) }
        if number.isNegative {
            guard magnitude <= UInt64(Int64.max) + 1 else { throw JSONError(.outOfRange, at: number.start) }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        guard let value = Int64(exactly: magnitude) else { throw JSONError(.outOfRange, at: number.start) }
        return value
    }

    /// Reads a number without fraction, exponent and sign; `-0` is 0.
    package mutating func uint64() throws(JSONError) -> UInt64 {
        let number = try scanNumber()
        guard number.isInteger else { throw JSONError(.expected("an integer"), at: number.start) }
        guard let magnitude = number.magnitude, !number.isNegative || magnitude == 0 else {
            throw JSONError(.outOfRange, at: number.start)
        }
        return magnitude
    }

    /// Reads any number; one beyond the range of `Double` is an error, not infinity.
    package mutating func double() throws(JSONError) -> Double {
        let number = try scanNumber()
        return try double(of: number)
    }

    /// Reads any number in the narrowest type that holds it.
    package mutating func number() throws(JSONError) -> JSONNumber {
        let number = try scanNumber()
        if number.isInteger, let magnitude = number.magnitude {
            if !number.isNegative {
                return Int64(exactly: magnitude).map(JSONNumber.integer) ?? .unsigned(magnitude)
            }
            if magnitude <= UInt64(Int64.max) + 1 { return .integer(Int64(truncatingIfNeeded: 0 &- magnitude)) }
        }
        return .double(try double(of: number))
    }

    private func double(of number: ScannedNumber) throws(JSONError) -> Double {
        guard let value = Double(decode(number.start, position)), value.isFinite else {
            throw JSONError(.outOfRange, at: number.start)
        }
        return value
    }

    private struct ScannedNumber {
        var start: Int
        var isNegative: Bool
        var isInteger: Bool
        /// Of the digits before the fraction; `nil` beyond 64 bits.
        var magnitude: UInt64?
    }

    /// Steps over `-?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?`.
    private mutating func scanNumber() throws(JSONError) -> ScannedNumber {
        skipBlanks()
        let start = position
        guard start < bytes.count else { throw JSONError(.unexpectedEnd, at: start) }
        var i = start
        let isNegative = bytes[i] == UInt8(ascii: "-")
        if isNegative { i &+= 1 }
        var magnitude: UInt64? = 0
        let digits = i
        while let digit = digit(at: i) {
            magnitude = magnitude.flatMap { value in
                let (product, over) = value.multipliedReportingOverflow(by: 10)
                let (sum, over2) = product.addingReportingOverflow(UInt64(digit))
                return over || over2 ? nil : sum
            }
            i &+= 1
        }
        guard i > digits else { throw JSONError(isNegative ? .invalidNumber : .expected("a number"), at: start) }
        if bytes[digits] == UInt8(ascii: "0"), i > digits &+ 1 { throw JSONError(.invalidNumber, at: start) }
        var isInteger = true
        if i < bytes.count, bytes[i] == UInt8(ascii: ".") {
            isInteger = false
            i = try endOfDigits(from: i &+ 1, numberAt: start)
        }
        if i < bytes.count, bytes[i] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            i &+= 1
            if i < bytes.count, bytes[i] == UInt8(ascii: "+") || bytes[i] == UInt8(ascii: "-") { i &+= 1 }
            i = try endOfDigits(from: i, numberAt: start)
        }
        position = i
        return ScannedNumber(start: start, isNegative: isNegative, isInteger: isInteger, magnitude: magnitude)
    }

    @inline(__always)
    private func digit(at index: Int) -> UInt8? {
        guard index < bytes.count, bytes[index] &- 48 < 10 else { return nil }
        return bytes[index] &- 48
    }

    private func endOfDigits(from start: Int, numberAt number: Int) throws(JSONError) -> Int {
        var i = start
        while digit(at: i) != nil { i &+= 1 }
        guard i > start else { throw JSONError(.invalidNumber, at: number) }
        return i
    }
}
