import ClewParsers

/// A whole JSON text as a value, read with nothing but the strict calls of ``JSONReader``.
enum JSONTree: Equatable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    case number(JSONNumber)
    case bool(Bool)
    case null

    init(_ bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try Self.value(&reader)
        guard reader.isAtEnd() else { throw JSONError(.expected("the end"), at: reader.offset) }
    }

    init(_ text: String) throws(JSONError) { try self.init(Array(text.utf8)) }

    private static func value(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
        switch reader.peek() {
        case .object:
            var members: [String: JSONTree] = [:]
            try reader.beginObject()
            while let key = try reader.nextKey() { members[try reader.string(of: key)] = try value(&reader) }
            return .object(members)
        case .array:
            var elements: [JSONTree] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try value(&reader)) }
            return .array(elements)
        case .string: return .string(try reader.string())
        case .number: return .number(try reader.number())
        case .bool: return .bool(try reader.bool())
        case .null:
            _ = try reader.null()
            return .null
        case .end: throw JSONError(.unexpectedEnd, at: reader.offset)
        case .other: throw JSONError(.expected("a value"), at: reader.offset)
        }
    }
}

/// Whether nothing but blanks is left to read.
func isAtEnd(_ reader: JSONReader) -> Bool {
    var reader = reader
    return reader.isAtEnd()
}
