import ClewBundle

/// API objects in a text, whatever it is called.
enum ObjectText {
    enum Form: String {
        case json, yaml
    }

    /// The objects in a file: all of it where its name says what it is, else what `kubectl` printed into it.
    ///
    /// `others`: how many lines with text are something else.
    static func objects(in artifact: Artifact) -> (bytes: [UInt8], form: Form, others: Int)? {
        if let form = form(ofName: artifact.path) {
            return ForeignImport.isObject(artifact) ? (artifact.bytes, form, 0) : nil
        }
        return objects(in: TerminalText.plain(artifact.bytes))
    }

    /// The objects in what a command printed.
    static func objects(in bytes: [UInt8]) -> (bytes: [UInt8], form: Form, others: Int)? {
        let head = bytes.prefix(1 << 12).drop { $0 <= 0x20 }
        if head.first == UInt8(ascii: "{") {
            let (documents, others) = documents(in: bytes)
            return documents.isEmpty ? nil : (documents, .json, others)
        }
        let lines = String(decoding: head, as: UTF8.self).split(whereSeparator: \.isNewline).filter {
            !$0.hasPrefix("---") && !$0.hasPrefix("#")
        }
        guard let first = lines.first, first.hasPrefix("apiVersion:") || first.hasPrefix("kind:") else { return nil }
        let isKind = bytes.starts(with: "kind:".utf8) || hasLine("kind:", in: bytes)
        return isKind && hasLine("apiVersion:", in: bytes) ? (bytes, .yaml, 0) : nil
    }

    private static func form(ofName path: String) -> Form? {
        let name = path.lowercased()
        if name.hasSuffix(".json") { return .json }
        return name.hasSuffix(".yaml") || name.hasSuffix(".yml") ? .yaml : nil
    }

    private static func hasLine(_ start: String, in bytes: [UInt8]) -> Bool {
        if bytes.starts(with: start.utf8) { return true }
        let wanted = [0x0A] + Array(start.utf8)
        return bytes.indices.dropLast(wanted.count).contains { index in
            bytes[index] == 0x0A && bytes[index..<(index + wanted.count)].elementsEqual(wanted)
        }
    }

    /// The JSON objects of an API that begin at the start of a line; `kubectl cluster-info dump` prints logs between them.
    private static func documents(in bytes: [UInt8]) -> (bytes: [UInt8], others: Int) {
        var result: [UInt8] = []
        var others = 0
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let lineEnd = bytes[start...].firstIndex(of: 0x0A) ?? bytes.endIndex
            let line = bytes[start..<lineEnd]
            if line.first == UInt8(ascii: "{"), let end = end(ofObject: start, in: bytes),
                isOfAPI(bytes[start..<end])
            {
                result += bytes[start..<end] + [0x0A]
                start = end
            } else {
                if line.contains(where: { $0 > 0x20 }) { others += 1 }
                start = lineEnd + 1
            }
        }
        return (result, others)
    }

    private static func isOfAPI(_ text: ArraySlice<UInt8>) -> Bool {
        let ends =
            String(decoding: text.prefix(1 << 12), as: UTF8.self)
            + String(decoding: text.suffix(1 << 12), as: UTF8.self)
        return ends.contains("\"apiVersion\"") && ends.contains("\"kind\"")
    }

    /// The place behind the closing brace; `nil` if there is none.
    private static func end(ofObject start: Int, in bytes: [UInt8]) -> Int? {
        var depth = 0
        var index = start
        var isString = false
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\") where isString: index += 1
            case UInt8(ascii: "\""): isString.toggle()
            // A line of a log has no end in a string.
            case 0x0A where isString: return nil
            case UInt8(ascii: "{") where !isString: depth += 1
            case UInt8(ascii: "}") where !isString:
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
            index += 1
        }
        return nil
    }
}
