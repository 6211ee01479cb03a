import ClewNet
import ClewSnapshot

/// One field at a time: `null` is the same as absent, and a value of the wrong kind is noted, skipped and absent.
///
/// What these throw is a syntax error: it ends the object.
extension ObjectReader {
    mutating func problem(_ path: StaticString, _ reason: String, at offset: Int) {
        problems.append(FieldProblem(path: path.description, offset: offset, reason: reason))
    }

    /// Opens an object; `false` if there is none to read.
    @inline(__always)
    mutating func beginObject(_ path: StaticString) throws(JSONError) -> Bool {
        if try isAbsent(.object, path, "expected an object") { return false }
        try reader.beginObject()
        return true
    }

    /// Opens an array; `false` if there is none to read.
    @inline(__always)
    mutating func beginArray(_ path: StaticString) throws(JSONError) -> Bool {
        if try isAbsent(.array, path, "expected an array") { return false }
        try reader.beginArray()
        return true
    }

    @inline(__always)
    mutating func string(_ path: StaticString) throws(JSONError) -> String? {
        if try isAbsent(.string, path, "expected a string") { return nil }
        return try reader.string()
    }

    /// A string that many objects share, such as the name of a node.
    mutating func repeatedString(_ path: StaticString) throws(JSONError) -> String? {
        if try isAbsent(.string, path, "expected a string") { return nil }
        return try reader.string(from: &pool)
    }

    @inline(__always)
    mutating func flag(_ path: StaticString) throws(JSONError) -> Bool? {
        if try isAbsent(.bool, path, "expected true or false") { return nil }
        return try reader.bool()
    }

    /// A number up to `limit`.
    mutating func number(_ path: StaticString, upTo limit: UInt64) throws(JSONError) -> UInt64? {
        if try isAbsent(.number, path, "expected a number") { return nil }
        let offset = reader.offset
        let number = try reader.number()
        if case .integer(let value) = number, value >= 0, UInt64(value) <= limit { return UInt64(value) }
        problem(path, "expected a whole number from 0 to \(limit)", at: offset)
        return nil
    }

    mutating func port(_ path: StaticString) throws(JSONError) -> UInt16? {
        try number(path, upTo: 65535).map { UInt16(truncatingIfNeeded: $0) }
    }

    /// An IP address; an empty string is none.
    mutating func address(_ path: StaticString) throws(JSONError) -> IPAddress? {
        if try isAbsent(.string, path, "expected a string") { return nil }
        let text = try reader.text()
        if let address = try address(of: text) { return address }
        if text.length > 0 { problem(path, "not an IP address", at: text.start) }
        return nil
    }

    mutating func addresses(_ path: StaticString) throws(JSONError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            if let address = try address(path) { addresses.append(address) }
        }
        return addresses
    }

    mutating func prefix(_ path: StaticString) throws(JSONError) -> IPPrefix? {
        let offset = reader.offset
        guard let text = try string(path), !text.isEmpty else { return nil }
        if let prefix = IPPrefix(text) { return prefix }
        problem(path, "not a prefix", at: offset)
        return nil
    }

    mutating func strings(_ path: StaticString) throws(JSONError) -> [String] {
        var strings: [String] = []
        guard try beginArray(path) else { return [] }
        while try reader.nextElement() {
            if let text = try string(path) { strings.append(text) }
        }
        return strings
    }

    /// Labels, annotations, data: keys and string values.
    mutating func dictionary(_ path: StaticString) throws(JSONError) -> [String: String] {
        var members: [String: String] = [:]
        guard try beginObject(path) else { return [:] }
        while let key = try reader.nextKey() {
            // A copy of the whole object, which nobody asks for.
            if reader.isEqual(key, "kubectl.kubernetes.io/last-applied-configuration") {
                try reader.skipValue()
            } else if let value = try string(path) {
                members[try reader.string(of: key)] = value
            }
        }
        return members
    }

    /// `TCP`, `UDP`, `SCTP`; absent is TCP, as the API defaults it.
    mutating func ipProtocol(_ path: StaticString) throws(JSONError) -> IPProtocol? {
        if try isAbsent(.string, path, "expected a string") { return .tcp }
        let text = try reader.text()
        if reader.isEqual(text, "TCP") || text.length == 0 { return .tcp }
        if reader.isEqual(text, "UDP") { return .udp }
        if reader.isEqual(text, "SCTP") { return .sctp }
        problem(path, "not a protocol", at: text.start)
        return nil
    }

    /// Steps over `null` or a value of another kind, which is noted.
    @inline(__always)
    private mutating func isAbsent(
        _ kind: JSONKind, _ path: StaticString, _ reason: StaticString
    ) throws(JSONError) -> Bool {
        let next = reader.peek()
        if next == kind { return false }
        if next == .null, try reader.null() { return true }
        problem(path, reason.description, at: reader.offset)
        try reader.skipValue()
        return true
    }

    /// Reads dotted decimal here, in the module of the loop, and leaves the rest to `ClewNet`.
    private func address(of text: JSONText) throws(JSONError) -> IPAddress? {
        if let four = reader.dottedDecimal(text) { return IPAddress(v4: four) }
        return IPAddress(try reader.string(of: text))
    }
}

extension JSONReader {
    /// The IPv4 address that a string is; `nil` for anything else.
    fileprivate func dottedDecimal(_ text: JSONText) -> UInt32? {
        guard (7...15).contains(text.length) else { return nil }
        return bytes.withUnsafeBufferPointer { buffer in
            var result: UInt32 = 0
            var part: UInt32 = 0
            var digits = 0
            var dots = 0
            for i in text.start..<text.start &+ text.length {
                let byte = buffer[i]
                if byte == UInt8(ascii: ".") {
                    guard digits > 0 else { return nil }
                    result = result << 8 | part
                    part = 0
                    digits = 0
                    dots &+= 1
                } else {
                    guard byte &- 48 < 10, digits < 3 else { return nil }
                    part = part &* 10 &+ UInt32(byte &- 48)
                    guard part < 256 else { return nil }
                    digits &+= 1
                }
            }
            return dots == 3 && digits > 0 ? result << 8 | part : nil
        }
    }
}
