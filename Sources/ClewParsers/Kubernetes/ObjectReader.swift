import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the documents of one text and gathers their objects.
///
/// The kinds are extensions in files of their own. All of it stays in this module, so that the byte loops are
/// specialised.
struct ObjectReader {
    var reader: JSONReader
    let artifact: ArtifactID
    var found = KubernetesObjects()
    var unread: [UnreadLine] = []
    var count = 0
    private var lines: LineCounter
    /// Of the object being read; written to ``unread`` when its name is known.
    var problems: [FieldProblem] = []
    /// Where the object being read begins.
    private var begin = 0
    /// Broken documents so far: each makes the reader look for the next one, which must not take for ever.
    private var broken = 0

    /// What is wrong with a field of the object being read.
    struct FieldProblem {
        var path: String
        var offset: Int
        var reason: String
    }

    /// Kind and API of an object, as the object or its list says.
    struct TypeMeta {
        var kind: String?
        var apiVersion: String?
    }

    /// Where a value's reading went wrong, and how far the document was understood.
    private struct BrokenDocument: Error {
        var error: JSONError
    }

    init(_ bytes: [UInt8], artifact: ArtifactID) {
        reader = JSONReader(bytes)
        lines = LineCounter(bytes)
        self.artifact = artifact
    }

    // MARK: Documents

    /// Reads every document of the text.
    mutating func readDocuments() {
        while !reader.isAtEnd(), broken < 100 {
            let start = reader.mark
            do throws(BrokenDocument) {
                switch reader.peek() {
                case .object: try item(of: TypeMeta())
                case .array: try elements(of: TypeMeta())
                default: throw BrokenDocument(error: JSONError(.expected("a JSON object"), at: start.offset))
                }
            } catch {
                broken += 1
                note(error.error.description, at: error.error.offset)
                goToNextDocument(from: max(error.error.offset, start.offset + 1))
            }
        }
        if !reader.isAtEnd() { note("too many broken documents; the rest is not read", at: reader.offset) }
    }

    /// Looks for a line that begins with a brace, as each document of kubectl does.
    private mutating func goToNextDocument(from offset: Int) {
        let bytes = reader.bytes
        var i = max(offset, 1)
        while i < bytes.count, !(bytes[i] == UInt8(ascii: "{") && bytes[i - 1] == 0x0A) { i += 1 }
        reader.restart(at: i)
    }

    private mutating func elements(of list: TypeMeta) throws(BrokenDocument) {
        do throws(JSONError) { try reader.beginArray() } catch { throw BrokenDocument(error: error) }
        while true {
            do throws(JSONError) {
                guard try reader.nextElement() else { return }
            } catch {
                throw BrokenDocument(error: error)
            }
            try item(of: list)
        }
    }

    /// Reads the next value as an object; one that is no object is noted and skipped.
    private mutating func item(of list: TypeMeta) throws(BrokenDocument) {
        let mark = reader.mark
        begin = mark.offset
        problems.removeAll(keepingCapacity: true)
        do throws(JSONError) {
            guard reader.peek() == .object else { throw JSONError(.expected("an object"), at: reader.offset) }
            let type = try type(within: list)
            if isList(type) {
                do { try items(of: type, from: mark) } catch let e { throw e.error }
                return
            }
            count += 1
            try object(of: type)
        } catch {
            // A bracket count may still lead to the end of the object; if not, the document ends here.
            reader.rewind(to: mark)
            do throws(JSONError) { try reader.skipValue() } catch _ { throw BrokenDocument(error: error) }
            note("object not read: \(error)", at: error.offset)
        }
    }

    private func isList(_ type: TypeMeta) -> Bool {
        guard let kind = type.kind else { return false }
        return kind.hasSuffix("List")
    }

    /// Reads the items of a list; the position is at its brace.
    private mutating func items(of list: TypeMeta, from mark: JSONMark) throws(BrokenDocument) {
        var inner = TypeMeta()
        if let kind = list.kind, kind != "List" {
            inner = TypeMeta(kind: String(kind.dropLast(4)), apiVersion: list.apiVersion)
        }
        do throws(JSONError) { try reader.beginObject() } catch { throw BrokenDocument(error: error) }
        while true {
            let isItems: Bool
            do throws(JSONError) {
                guard let key = try reader.nextKey() else { return }
                isItems = reader.isEqual(key, "items") && reader.peek() == .array
                if !isItems { try reader.skipValue() }
            } catch {
                throw BrokenDocument(error: error)
            }
            if isItems { try elements(of: inner) }
        }
    }

    /// Kind and API of the object at the position, read ahead where its list does not say.
    private mutating func type(within list: TypeMeta) throws(JSONError) -> TypeMeta {
        if list.kind != nil { return list }
        let mark = reader.mark
        defer { reader.rewind(to: mark) }
        var type = TypeMeta()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "kind") {
                type.kind = try reader.stringOrNull()
            } else if reader.isEqual(key, "apiVersion") {
                type.apiVersion = try reader.stringOrNull()
            } else if reader.isEqual(key, "addressType"), type.kind == nil {
                // kubectl sorts keys: here an EndpointSlice's kind would come only behind all its endpoints. No other
                // kind of the API has this field; the slice's reader looks at the kind again.
                return TypeMeta(kind: "EndpointSlice", apiVersion: type.apiVersion)
            } else {
                try reader.skipValue()
            }
            if type.kind != nil, type.apiVersion != nil { break }
        }
        return type
    }

    private mutating func object(of type: TypeMeta) throws(JSONError) {
        guard let kind = type.kind else {
            throw JSONError(.expected("an object with a kind"), at: begin)
        }
        let api = type.apiVersion ?? ""
        switch kind {
        case "Service" where isCore(api): try service()
        case "EndpointSlice" where api.isEmpty || api == "v1" || api.hasPrefix("discovery.k8s.io/"): try endpointSlice()
        case "Endpoints" where isCore(api): try endpoints()
        case "Pod" where isCore(api): try pod()
        case "Node" where isCore(api): try node()
        case "Namespace" where isCore(api): try namespace()
        case "ConfigMap" where isCore(api): try configMap()
        default: try other(kind)
        }
    }

    /// Whether it is not a kind of the same name in another API, as Knative has a `Service`.
    private func isCore(_ apiVersion: String) -> Bool { apiVersion.isEmpty || apiVersion == "v1" }

    mutating func other(_ kind: String) throws(JSONError) {
        try reader.skipValue()
        found.otherKinds[kind, default: 0] += 1
    }

    // MARK: What was not read

    /// The line where the object being read begins.
    mutating func source() -> SourceLine { SourceLine(artifact, line: lines.line(atOffset: begin)) }

    /// Writes the problems of an object that was read.
    mutating func flush(_ kind: StaticString, _ name: NamespacedName) {
        guard !problems.isEmpty else { return }
        for problem in problems {
            note("\(kind) \(name): \(problem.path): \(problem.reason)", at: problem.offset)
        }
        problems.removeAll(keepingCapacity: true)
    }

    /// Notes a reason with the line at an offset as its text.
    private mutating func note(_ reason: String, at offset: Int) {
        let bytes = reader.bytes
        let place = max(0, min(offset, bytes.count))
        // A compact list is one long line: then the text begins shortly before the place.
        var start = place
        while start > 0, place - start < 120, bytes[start - 1] != 0x0A { start -= 1 }
        var end = place
        while end < bytes.count, end - start < 400, bytes[end] != 0x0A { end += 1 }
        let line = bytes[start..<end].drop { $0 <= 0x20 }
        let source = SourceLine(artifact, line: lines.line(atOffset: place))
        unread.append(UnreadLine(source, text: String(decoding: line, as: UTF8.self), reason: reason))
    }
}
