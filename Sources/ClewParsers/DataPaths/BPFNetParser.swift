package import ClewBundle
package import ClewSnapshot

/// Reads `bpftool -j net` and `bpftool -j cgroup tree`: BPF programs that see packets.
package enum BPFNetParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[UnmodelledDataPath]> {
        var result = ParsedFile<[UnmodelledDataPath]>([], lines: LineCounter.lines(in: bytes))
        var reader = JSONReader(bytes)
        var lines = LineCounter(bytes)
        do throws(JSONError) {
            // Both commands may stand in one file, one text behind the other.
            while !reader.isAtEnd() {
                try reader.forEachObject { (reader) throws(JSONError) in
                    try reader.forEachKey { (reader, key) throws(JSONError) in
                        guard let kind = kind(key) else { return try reader.skipValue() }
                        try reader.forEachObject { (reader) throws(JSONError) in
                            let line = lines.line(atOffset: reader.offset)
                            result.value.append(
                                try attachment(kind, &reader, SourceLine(artifact, line: line)))
                        }
                    }
                }
            }
        } catch {
            let line = lines.line(atOffset: error.offset)
            result.unread.append(
                UnreadLine(SourceLine(artifact, line: line), text: "", reason: "not JSON of bpftool net: \(error)"))
        }
        return result
    }

    /// The lists of attachments.
    ///
    /// A flow dissector only chooses the hash of a packet, not its way.
    private static func kind(_ key: String) -> UnmodelledDataPath.Kind? {
        switch key {
        case "xdp": .xdp
        case "tc": .tc
        case "netfilter": .netfilter
        case "programs", "cgroup_programs": .cgroup
        default: nil
        }
    }

    private static func attachment(
        _ kind: UnmodelledDataPath.Kind, _ reader: inout JSONReader, _ source: SourceLine
    ) throws(JSONError) -> UnmodelledDataPath {
        var device: String?
        var details: [String] = []
        try reader.forEachKey { (reader, key) throws(JSONError) in
            switch key {
            case "devname": device = try reader.string()
            case "kind", "name", "mode", "attach_type", "hook", "pf":
                guard reader.peek() == .string else { return try reader.skipValue() }
                details.append(try reader.string())
            default: try reader.skipValue()
            }
        }
        let text = (["BPF program"] + details).joined(separator: " ")
        return UnmodelledDataPath(kind: kind, device: device, text: text, source: source)
    }
}

extension JSONReader {
    /// Reads an object, or an array of objects, by calling `body` at the start of each.
    ///
    /// Steps over anything else.
    mutating func forEachObject(
        _ body: (inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        switch peek() {
        case .object: try body(&self)
        case .array:
            try beginArray()
            while try nextElement() {
                if peek() == .object { try body(&self) } else { try skipValue() }
            }
        case .string, .number, .bool, .null: try skipValue()
        case .end: throw JSONError(.unexpectedEnd, at: offset)
        case .other: throw JSONError(.expected("a JSON value"), at: offset)
        }
    }

    /// Reads an object by calling `body` at each value; the body has to read or skip it.
    mutating func forEachKey(
        _ body: (inout JSONReader, String) throws(JSONError) -> Void
    ) throws(JSONError) {
        try beginObject()
        while let key = try nextKey() { try body(&self, try string(of: key)) }
    }
}
