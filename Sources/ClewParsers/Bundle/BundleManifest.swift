package import ClewBundle
package import ClewSnapshot

/// `bundle.json`: what the collector says of a bundle.
///
/// Every field is optional, and so is the file.
package struct BundleManifest: Sendable {
    /// The newest format this version knows.
    package static let knownFormat = 1

    package var formatVersion: Int?
    /// When it was collected, as written (RFC 3339).
    package var collected: String?
    package var tool: String?
    /// By path relative to the manifest.
    package var artifacts: [String: ArtifactOrigin] = [:]
    /// The pod of a namespace's folder, by path relative to the manifest.
    package var namespaces: [String: NamespacedName] = [:]
    /// What could not be collected.
    package var missing: [MissingPart] = []
    /// Of a redacted bundle: what became of the addresses that stand for the world outside.
    package var outside: [String] = []
    package init() {}

    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<BundleManifest> {
        var result = ParsedFile(BundleManifest(), lines: LineCounter.lines(in: bytes))
        var reader = JSONReader(bytes)
        do throws(JSONError) {
            try result.value.read(&reader)
        } catch {
            var lines = LineCounter(bytes)
            let source = SourceLine(artifact, line: lines.line(atOffset: error.offset))
            result.unread.append(UnreadLine(source, text: "", reason: "damaged manifest: \(error)"))
        }
        if let version = result.value.formatVersion, version > knownFormat {
            let reason = "format version \(version) is newer than \(knownFormat): parts may be misread"
            result.unread.append(UnreadLine(SourceLine(artifact, line: 0), text: "", reason: reason))
        }
        return result
    }

    private mutating func read(_ reader: inout JSONReader) throws(JSONError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch try reader.string(of: key) {
            case "formatVersion": formatVersion = try Self.integer(&reader)
            case "collected": collected = try Self.text(&reader)
            case "tool": tool = try Self.text(&reader)
            case "artifacts":
                guard reader.peek() == .object else { return try reader.skipValue() }
                try reader.beginObject()
                while let path = try reader.nextKey() {
                    let path = try reader.string(of: path)
                    artifacts[path] = try Self.origin(&reader)
                }
            case "namespaces":
                guard reader.peek() == .object else { return try reader.skipValue() }
                try reader.beginObject()
                while let path = try reader.nextKey() {
                    let path = try reader.string(of: path)
                    namespaces[path] = try Self.pod(&reader)
                }
            case "missing": try readMissing(&reader)
            case "outside": try readOutside(&reader)
            default: try reader.skipValue()
            }
        }
    }

    private mutating func readOutside(_ reader: inout JSONReader) throws(JSONError) {
        guard reader.peek() == .array else { return try reader.skipValue() }
        try reader.beginArray()
        while try reader.nextElement() {
            if let address = try Self.text(&reader) { outside.append(address) }
        }
    }

    private mutating func readMissing(_ reader: inout JSONReader) throws(JSONError) {
        guard reader.peek() == .array else { return try reader.skipValue() }
        try reader.beginArray()
        while try reader.nextElement() {
            guard reader.peek() == .object else {
                try reader.skipValue()
                continue
            }
            var part = MissingPart(what: "", reason: "")
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if reader.isEqual(key, "what") {
                    part.what = try Self.text(&reader) ?? ""
                } else if reader.isEqual(key, "reason") {
                    part.reason = try Self.text(&reader) ?? ""
                } else {
                    try reader.skipValue()
                }
            }
            if !part.what.isEmpty { missing.append(part) }
        }
    }

    private static func origin(_ reader: inout JSONReader) throws(JSONError) -> ArtifactOrigin {
        var origin = ArtifactOrigin()
        guard reader.peek() == .object else {
            try reader.skipValue()
            return origin
        }
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch try reader.string(of: key) {
            case "command": origin.command = try text(&reader)
            case "exitCode": origin.exitCode = try integer(&reader)
            case "stderr": origin.standardError = try text(&reader)
            case "seconds":
                if reader.peek() == .number { origin.seconds = try reader.double() } else { try reader.skipValue() }
            default: try reader.skipValue()
            }
        }
        return origin
    }

    /// `{"pod": "NAMESPACE/NAME"}`.
    private static func pod(_ reader: inout JSONReader) throws(JSONError) -> NamespacedName? {
        guard reader.peek() == .object else {
            try reader.skipValue()
            return nil
        }
        var name: NamespacedName?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "pod") {
                name = try text(&reader).flatMap { NamespacedName(slashed: $0) }
            } else {
                try reader.skipValue()
            }
        }
        return name
    }

    private static func text(_ reader: inout JSONReader) throws(JSONError) -> String? {
        guard reader.peek() == .string else {
            try reader.skipValue()
            return nil
        }
        return try reader.string()
    }

    private static func integer(_ reader: inout JSONReader) throws(JSONError) -> Int? {
        guard reader.peek() == .number else {
            try reader.skipValue()
            return nil
        }
        switch try reader.number() {
        case .integer(let value): return Int(exactly: value)
        case .unsigned, .double: return nil
        }
    }
}

extension NamespacedName {
    /// Reads `NAMESPACE/NAME`.
    init?(slashed text: String) {
        let parts = text.trimmed.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        self.init(String(parts[0]), String(parts[1]))
    }
}
