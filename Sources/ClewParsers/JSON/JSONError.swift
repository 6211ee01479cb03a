/// Why a JSON text could not be read, and where.
package struct JSONError: Error, Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        /// The text ends inside a value.
        case unexpectedEnd
        /// Another byte than the grammar asks for; the payload says what was expected.
        case expected(String)
        /// More than ``JSONReader/depthLimit`` open objects and arrays.
        case tooDeep
        /// A byte below 0x20 inside a string, where JSON wants an escape.
        case controlCharacter
        /// A backslash with something behind it that is no JSON escape.
        case invalidEscape
        case invalidNumber
        /// A number that the asked-for type cannot hold.
        case outOfRange
    }

    package let reason: Reason
    /// Bytes from the start of the text.
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// Whether the text may be well-formed JSON and only holds another kind of value than was asked for.
    package var isMismatch: Bool {
        switch reason {
        case .expected, .outOfRange: true
        case .unexpectedEnd, .tooDeep, .controlCharacter, .invalidEscape, .invalidNumber: false
        }
    }
}

extension JSONError: CustomStringConvertible {
    /// The reason in words, without the place.
    package var description: String {
        switch reason {
        case .unexpectedEnd: "the text ends inside a JSON value"
        case .expected(let what): "expected \(what)"
        case .tooDeep: "more than \(JSONReader.depthLimit) nested objects and arrays"
        case .controlCharacter: "control character inside a JSON string"
        case .invalidEscape: "invalid escape in a JSON string"
        case .invalidNumber: "invalid JSON number"
        case .outOfRange: "number out of range"
        }
    }
}
