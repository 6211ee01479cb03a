/// A JSON value as a tree: what `nft -j` prints for one object is small, and its keys come in any order.
indirect enum NftJSON: Sendable {
    case null
    case bool(Bool)
    /// As it is written.
    case number(String)
    case string(String)
    case array([NftJSON])
    case object([(key: String, value: NftJSON)])

    /// nft nests a dozen levels at most.
    private static let depthLimit = 48

    init(reading reader: inout JSONReader, depth: Int = 0) throws(JSONError) {
        switch reader.peek() {
        case .object:
            guard depth < Self.depthLimit else { throw JSONError(.tooDeep, at: reader.offset) }
            var members: [(key: String, value: NftJSON)] = []
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let name = try reader.string(of: key)
                members.append((name, try NftJSON(reading: &reader, depth: depth + 1)))
            }
            self = .object(members)
        case .array:
            guard depth < Self.depthLimit else { throw JSONError(.tooDeep, at: reader.offset) }
            var elements: [NftJSON] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try NftJSON(reading: &reader, depth: depth + 1)) }
            self = .array(elements)
        case .string: self = .string(try reader.string())
        case .number:
            switch try reader.number() {
            case .integer(let value): self = .number(String(value))
            case .unsigned(let value): self = .number(String(value))
            case .double(let value): self = .number(String(value))
            }
        case .bool: self = .bool(try reader.bool())
        case .null:
            _ = try reader.null()
            self = .null
        case .end: throw JSONError(.unexpectedEnd, at: reader.offset)
        case .other: throw JSONError(.expected("a value"), at: reader.offset)
        }
    }

    /// The value of a key; `nil` also when this is no object.
    subscript(_ key: String) -> NftJSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The member of an object that has only one.
    var only: (key: String, value: NftJSON)? {
        guard case .object(let members) = self, members.count == 1 else { return nil }
        return members[0]
    }

    var string: String? {
        guard case .string(let string) = self else { return nil }
        return string
    }

    /// A string, or a number as it is written.
    var word: String? {
        switch self {
        case .string(let word), .number(let word): word
        case .null, .bool, .array, .object: nil
        }
    }

    var int: Int? { word.flatMap { Int($0) } }
    var isTrue: Bool { if case .bool(true) = self { true } else { false } }

    /// The elements of an array; of anything else but `null` the value itself: nft leaves away brackets around one.
    var elements: [NftJSON] {
        switch self {
        case .array(let elements): elements
        case .null: []
        case .bool, .number, .string, .object: [self]
        }
    }

    var words: [String] { elements.compactMap(\.word) }
}

extension NftJSON: CustomStringConvertible {
    /// Compact JSON, for what is kept as text.
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let digits): digits
        case .string(let string): "\"\(string)\""
        case .array(let elements): "[" + elements.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        }
    }
}
