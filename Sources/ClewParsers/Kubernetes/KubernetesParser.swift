package import ClewBundle
package import ClewSnapshot

/// The objects of one artifact and what could not be read of it.
package struct ParsedObjects: Sendable {
    /// Each kind sorted by name, each object once.
    package var objects: KubernetesObjects
    package var unread: [UnreadLine]
    /// Lines of the artifact.
    package var lines: Int
    /// Objects that were seen, those of unused kinds included.
    package var count: Int
}

/// Reads Kubernetes objects as kubectl prints them: Lists, typed lists, single objects, several in one text.
///
/// Of the kinds in ``KubernetesObjects`` it keeps the fields of the model and skips the rest, `managedFields` first
/// of all; other kinds are counted. A field that is not as its API says is left out and noted in `unread`, with the
/// object's name; an object without a name is noted and left out. A syntax error ends its document, but not the text.
package enum KubernetesParser {
    /// Parses JSON or YAML; `isYAML` tells which, though YAML that is JSON throughout is read as JSON.
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID, isYAML: Bool) -> ParsedObjects {
        var unread: [UnreadLine] = []
        var text = bytes
        let isConverted = isYAML && !looksLikeJSON(bytes)
        if isConverted {
            let converted = YAMLText.json(from: bytes, artifact: artifact)
            text = converted.json
            unread = converted.unread
        }
        var reader = ObjectReader(text, artifact: artifact)
        reader.readDocuments()
        reader.found.sort()
        unread += isConverted ? YAMLText.quote(bytes, in: reader.unread) : reader.unread
        unread.sort { $0.source < $1.source }
        let lines = isConverted ? LineCounter.lines(in: bytes) : reader.lineCount()
        return ParsedObjects(objects: reader.found, unread: unread, lines: lines, count: reader.count)
    }

    /// Whether the text begins with a brace and a quote, as block-style YAML cannot.
    private static func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
        var rest = bytes.prefix(4096).drop { $0 <= 0x20 }
        guard rest.popFirst() == UInt8(ascii: "{") else { return false }
        return rest.drop { $0 <= 0x20 }.first == UInt8(ascii: "\"")
    }
}
