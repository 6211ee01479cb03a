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
    var pool = StringPool()
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
        beginObject(at: mark.offset)
        let type: TypeMeta
        do throws(JSONError) {
            guard reader.peek() == .object else { throw JSONError(.expected("an object"), at: reader.offset) }
            type = try self.type(within: list)
        } catch {
            return try giveUp(error, from: mark)
        }
        if type.kind.map(isList) ?? false { return try items(of: type) }
        count += 1
        do throws(JSONError) { try object(of: type) } catch { try giveUp(error, from: mark) }
    }

    /// Notes an object that could not be read, and skips it.
    private mutating func giveUp(_ error: JSONError, from mark: JSONMark) throws(BrokenDocument) {
        // Counting brackets may still lead to the end of the object; if not, the document ends here.
        reader.rewind(to: mark)
        do throws(JSONError) { try reader.skipValue() } catch _ { throw BrokenDocument(error: error) }
        note("object not read: \(error)", at: error.offset)
    }

    private func isList(_ kind: String) -> Bool { kind.hasSuffix("List") }

    /// Reads the items of a list; the position is at its brace.
    private mutating func items(of list: TypeMeta) throws(BrokenDocument) {
        var list = list
        var hasItems = false
        do throws(JSONError) { try reader.beginObject() } catch { throw BrokenDocument(error: error) }
        while true {
            let isItems: Bool
            do throws(JSONError) {
                guard let key = try reader.nextKey() else { break }
                let isNamedItems = reader.isEqual(key, "items")
                hasItems = hasItems || isNamedItems
                isItems = isNamedItems && reader.peek() == .array
                if isItems {
                    if list.kind == "List", try !firstElementHasKind() { list = try typeBehindItems(list) }
                } else {
                    try reader.skipValue()
                }
            } catch {
                throw BrokenDocument(error: error)
            }
            if isItems { try elements(of: elementType(of: list)) }
        }
        if !hasItems, let kind = list.kind, kind != "List" {
            // No list, but an object of a kind such as `AllowList`.
            count += 1
            found.otherKinds[kind, default: 0] += 1
        }
    }

    /// What the items of a `ServiceList` are; those of a `List` say it themselves.
    private func elementType(of list: TypeMeta) -> TypeMeta {
        guard let kind = list.kind, kind != "List" else { return TypeMeta() }
        return TypeMeta(kind: String(kind.dropLast(4)), apiVersion: list.apiVersion)
    }

    private mutating func firstElementHasKind() throws(JSONError) -> Bool {
        let mark = reader.mark
        defer { reader.rewind(to: mark) }
        try reader.beginArray()
        guard try reader.nextElement(), reader.peek() == .object else { return true }
        return try type(within: TypeMeta()).kind != nil
    }

    /// Kind and API of a list that names them behind its items; the position is before the items.
    private mutating func typeBehindItems(_ list: TypeMeta) throws(JSONError) -> TypeMeta {
        let mark = reader.mark
        defer { reader.rewind(to: mark) }
        try reader.skipValue()
        var type = TypeMeta(kind: nil, apiVersion: list.apiVersion)
        while let key = try reader.nextKey() {
            if reader.isEqual(key, "kind") {
                type.kind = try reader.stringOrNull()
            } else if reader.isEqual(key, "apiVersion") {
                type.apiVersion = try reader.stringOrNull()
            } else {
                try reader.skipValue()
            }
        }
        return type.kind.map(isList) ?? false ? type : list
    }

    /// Kind and API of the object at the position, read ahead where its list does not say.
    private mutating func type(within list: TypeMeta) throws(JSONError) -> TypeMeta {
        if list.kind != nil { return list }
        let mark = reader.mark
        defer { reader.rewind(to: mark) }
        var type = TypeMeta()
        try reader.beginObject()
        do throws(JSONError) {
            try readAhead(&type)
        } catch {
            // What is wrong behind the kind is found where it is read.
            guard type.kind != nil else { throw error }
        }
        return type
    }

    /// Reads kind and API, and stops where nothing more can be learned.
    private mutating func readAhead(_ type: inout TypeMeta) throws(JSONError) {
        while type.kind == nil || type.apiVersion == nil, let key = try reader.nextKey() {
            if reader.isEqual(key, "kind") {
                type.kind = try reader.stringOrNull()
            } else if reader.isEqual(key, "apiVersion") {
                type.apiVersion = try reader.stringOrNull()
            } else if reader.isEqual(key, "addressType"), type.kind == nil {
                // kubectl sorts keys: here an EndpointSlice's kind would come only behind all its endpoints. No other
                // kind of the API has this field; the slice's reader looks at the kind again.
                type.kind = "EndpointSlice"
                return
            } else if reader.isEqual(key, "items"), reader.peek() == .array, type.kind.map(isList) ?? true {
                // Nor is a list read twice to find its kind; `items(of:)` looks for it where it is needed.
                type.kind = type.kind ?? "List"
                return
            } else {
                try reader.skipValue()
            }
        }
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

    /// Makes the object at an offset the one that places and problems belong to.
    mutating func beginObject(at offset: Int) {
        begin = offset
        problems.removeAll(keepingCapacity: true)
    }

    /// Lines of the text; cheap behind the last object.
    mutating func lineCount() -> Int {
        let bytes = reader.bytes
        let last = Int(lines.line(atOffset: bytes.count))
        return bytes.last == nil || bytes.last == 0x0A ? last - 1 : last
    }

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
    mutating func note(_ reason: String, at offset: Int) {
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
