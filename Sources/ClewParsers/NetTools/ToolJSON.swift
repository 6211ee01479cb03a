import ClewBundle

/// A value of a tool's JSON.
enum ToolJSONValue {
    case object([(key: String, value: ToolJSONValue)])
    case array([ToolJSONValue])
    case string(String)
    case number(JSONNumber)
    case bool(Bool)
    case null
}

extension ToolJSONValue {
    /// The first value of a key: `ip route` repeats `dst` and `src` for encapsulations, behind the route's own.
    subscript(_ key: String) -> ToolJSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    var string: String? {
        switch self {
        case .string(let text): text
        case .number(.integer(let number)): String(number)
        case .number(.unsigned(let number)): String(number)
        default: nil
        }
    }

    /// A number, also where the tool prints it as a string, in decimal or behind `0x`.
    var number: UInt32? {
        switch self {
        case .number(.integer(let number)): UInt32(exactly: number)
        case .string(let text): RouteNames.number(text)
        default: nil
        }
    }

    /// `true`, 1 and `"on"` alike; the tools changed their mind about several keys.
    var flag: Bool? {
        switch self {
        case .bool(let value): value
        case .number(.integer(let number)): number != 0
        case .string(let text): text == "on" ? true : text == "off" ? false : nil
        default: nil
        }
    }

    var elements: [ToolJSONValue] {
        guard case .array(let values) = self else { return [] }
        return values
    }

    var isEmpty: Bool {
        switch self {
        case .object(let members): members.isEmpty
        case .array(let values): values.isEmpty
        default: false
        }
    }
}

/// An object of a list, and where it begins.
struct ToolJSONEntry {
    let value: ToolJSONValue
    let source: SourceLine
    let range: Range<Int>
}

/// Reads what `ip -json` and `bridge -json` print: arrays of objects, one or several after each other.
enum ToolJSON {
    /// Whether an artifact is JSON: `{`, or `[` with an object or nothing in it; `[root@node1 ~]#` is a prompt.
    static func isJSON(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        rest = rest.drop { $0 <= 32 }
        guard let first = rest.first else { return false }
        if first == UInt8(ascii: "{") { return true }
        guard first == UInt8(ascii: "[") else { return false }
        let second = rest.dropFirst().first { $0 > 32 }
        return second == nil || second == UInt8(ascii: "{") || second == UInt8(ascii: "]")
    }

    /// Calls `body` for every object; it answers with a reason if it cannot use the object.
    static func read(
        _ bytes: [UInt8], artifact: ArtifactID, _ body: (ToolJSONEntry) -> String?
    ) -> (unread: [UnreadLine], lines: Int) {
        var reader = JSONReader(bytes)
        var counter = LineCounter(bytes)
        var unread: [UnreadLine] = []
        func note(_ range: Range<Int>, _ source: SourceLine, _ reason: String) {
            let shown = range.lowerBound..<min(range.upperBound, range.lowerBound + 400)
            unread.append(UnreadLine(source, text: String(decoding: bytes[shown], as: UTF8.self), reason: reason))
        }
        func entry() throws(JSONError) {
            let kind = reader.peek()
            let start = reader.offset
            guard kind == .object else {
                try reader.skipValue()
                note(
                    start..<reader.offset, SourceLine(artifact, line: counter.line(atOffset: start)),
                    "expected an object")
                return
            }
            let value = try Self.value(&reader, depth: 0)
            guard !value.isEmpty else { return }
            let source = SourceLine(artifact, line: counter.line(atOffset: start))
            let range = start..<reader.offset
            if let reason = body(ToolJSONEntry(value: value, source: source, range: range)) {
                note(range, source, reason)
            }
        }
        var start = reader.offset
        do throws(JSONError) {
            while !reader.isAtEnd() {
                start = reader.offset
                if reader.peek() == .array {
                    try reader.beginArray()
                    while try reader.nextElement() {
                        _ = reader.peek()
                        start = reader.offset
                        try entry()
                    }
                } else {
                    try entry()
                }
            }
        } catch {
            let line = counter.line(atOffset: error.offset)
            note(min(start, bytes.count)..<bytes.count, SourceLine(artifact, line: line), error.description)
        }
        return (unread, LineCounter.lines(in: bytes))
    }

    /// Values deeper than the tools nest them are left out.
    private static let depthLimit = 12

    private static func value(_ reader: inout JSONReader, depth: Int) throws(JSONError) -> ToolJSONValue {
        let kind = reader.peek()
        guard depth < depthLimit else {
            try reader.skipValue()
            return .null
        }
        switch kind {
        case .object:
            var members: [(key: String, value: ToolJSONValue)] = []
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let name = try reader.string(of: key)
                members.append((name, try value(&reader, depth: depth + 1)))
            }
            return .object(members)
        case .array:
            var values: [ToolJSONValue] = []
            try reader.beginArray()
            while try reader.nextElement() { values.append(try value(&reader, depth: depth + 1)) }
            return .array(values)
        case .string: return .string(try reader.string())
        case .number: return .number(try reader.number())
        case .bool: return .bool(try reader.bool())
        case .null, .end, .other:
            guard try reader.null() else {
                throw JSONError(kind == .end ? .unexpectedEnd : .expected("a value"), at: reader.offset)
            }
            return .null
        }
    }
}
