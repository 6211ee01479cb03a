/// Tells API objects from other JSON and YAML.
enum ObjectSniffer {
    /// Whether the text is an object with a `kind`, or several.
    static func holdsObjects(_ bytes: [UInt8], isJSON: Bool) -> Bool {
        isJSON ? hasKindInJSON(bytes) : hasKindInYAML(bytes)
    }

    /// Whether a value at the top, or in an array at the top, has a `kind` and an `apiVersion`; other JSON has kinds too.
    private static func hasKindInJSON(_ bytes: [UInt8]) -> Bool {
        var reader = JSONReader(bytes)
        var found = false
        do throws(JSONError) {
            try reader.forEachObject { (reader) throws(JSONError) in
                if found { return try reader.skipValue() }
                var (hasKind, hasVersion) = (false, false)
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    if reader.isEqual(key, "kind"), reader.peek() == .string { hasKind = true }
                    if reader.isEqual(key, "apiVersion") { hasVersion = true }
                    try reader.skipValue()
                }
                found = hasKind && hasVersion
            }
        } catch {
            // A file cut off in its middle still holds objects, if it looks like a list of them.
            return found || looksCutOff(bytes)
        }
        return found
    }

    /// Whether the beginning names an API version, as kubectl's output does in its first keys.
    private static func looksCutOff(_ bytes: [UInt8]) -> Bool {
        String(decoding: bytes.prefix(512), as: UTF8.self).contains("\"apiVersion\"")
    }

    /// Whether a line begins with `kind:`, and one with `apiVersion:`.
    private static func hasKindInYAML(_ bytes: [UInt8]) -> Bool {
        var (hasKind, hasVersion) = (false, false)
        var isAtStart = true
        for index in bytes.indices {
            if isAtStart {
                // Kubectl prints the items of a list without indentation, behind a dash.
                let rest = bytes[index...].starts(with: "- ".utf8) ? bytes[index...].dropFirst(2) : bytes[index...]
                hasKind = hasKind || rest.starts(with: "kind:".utf8)
                hasVersion = hasVersion || rest.starts(with: "apiVersion:".utf8)
                if hasKind, hasVersion { return true }
            }
            isAtStart = bytes[index] == UInt8(ascii: "\n")
        }
        return false
    }
}
