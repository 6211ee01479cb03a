package import ClewBundle
import Yams

/// Turns YAML into JSON whose values stand on the same lines, so that one set of readers serves both.
package enum YAMLText {
    /// The JSON texts of all documents, one after the other, and the documents that are no YAML.
    package static func json(from bytes: [UInt8], artifact: ArtifactID) -> (json: [UInt8], unread: [UnreadLine]) {
        var writer = JSONWriter(limit: max(1 << 20, bytes.count.multipliedReportingOverflow(by: 8).partialValue))
        var unread: [UnreadLine] = []
        for document in documents(bytes) {
            let text = String(decoding: bytes[document.range], as: UTF8.self)
            let source = SourceLine(artifact, line: UInt32(clamping: document.line))
            guard !YAMLAliases.standAsKeys(in: bytes[document.range]) else {
                unread.append(
                    UnreadLine(source, text: firstLine(text), reason: "not read: an alias or a collection is a key"))
                continue
            }
            do {
                // Between two marks may be nothing.
                guard let node = try Yams.compose(yaml: text, .basic), node.scalar?.string != "" else { continue }
                let length = writer.bytes.count
                writer.firstLine = document.line
                writer.write(node, depth: 0)
                if let reason = writer.problem {
                    writer.problem = nil
                    writer.cut(to: length)
                    unread.append(UnreadLine(source, text: firstLine(text), reason: reason))
                }
            } catch {
                let place = Self.place(of: error)
                let line = document.line + max(0, place.line - 1)
                unread.append(
                    UnreadLine(
                        SourceLine(artifact, line: UInt32(clamping: line)), text: Self.line(place.line, of: text),
                        reason: "not YAML: \(place.reason)"))
            }
        }
        return (writer.bytes, unread)
    }

    /// Gives notes that were made of the JSON the line of the YAML as their text.
    static func quote(_ bytes: [UInt8], in unread: [UnreadLine]) -> [UnreadLine] {
        guard !unread.isEmpty else { return [] }
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        return unread.map { note in
            let index = Int(note.source.line) - 1
            guard lines.indices.contains(index) else { return note }
            let text = String(decoding: lines[index].prefix(500).drop { $0 <= 0x20 }, as: UTF8.self)
            return UnreadLine(note.source, text: text, reason: note.reason)
        }
    }

    private struct Document {
        var range: Range<Int>
        /// The line of its first byte, counted from 1.
        var line: Int
    }

    /// Parts a text at its `---` lines, so that an error in one document leaves the others.
    private static func documents(_ bytes: [UInt8]) -> [Document] {
        var documents: [Document] = []
        var start = 0
        var startLine = 1
        var line = 1
        var i = 0
        while i < bytes.count {
            let isMark =
                i + 3 <= bytes.count && bytes[i..<i + 3].allSatisfy { $0 == UInt8(ascii: "-") }
                && (i + 3 == bytes.count || bytes[i + 3] <= 0x20)
            if isMark, i > start {
                documents.append(Document(range: start..<i, line: startLine))
                start = i
                startLine = line
            }
            i = (bytes[i...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
            line += 1
        }
        documents.append(Document(range: start..<bytes.count, line: startLine))
        return documents
    }

    private static func place(of error: any Error) -> (reason: String, line: Int) {
        guard let error = error as? YamlError else { return ("\(error)", 1) }
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return (problem, mark.line)
        case .reader(let problem, _, _, _): return (problem, 1)
        case .duplicatedKeysInMapping(let keys, let context):
            return ("the key \(keys.first ?? "") is there twice", context.mark.line)
        default: return ("\(error)", 1)
        }
    }

    private static func firstLine(_ text: String) -> String {
        text.split(separator: "\n").first { $0 != "---" }.map(String.init) ?? ""
    }

    private static func line(_ number: Int, of text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.indices.contains(number - 1) ? String(lines[number - 1]) : ""
    }
}

/// Writes nodes as JSON, each on the line where it stands in the YAML.
private struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// The line of the document's first byte.
    var firstLine = 1
    /// Why the document was given up.
    var problem: String?
    /// The line that is being written.
    private var line = 1
    /// Aliases can make a short text long beyond measure.
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Takes back all bytes behind `count`.
    mutating func cut(to count: Int) {
        line -= bytes[count...].count { $0 == 0x0A }
        bytes.removeSubrange(count...)
    }

    mutating func write(_ node: Yams.Node, depth: Int) {
        guard problem == nil else { return }
        guard depth < JSONReader.depthLimit else { return problem = "nested too deeply" }
        guard bytes.count < limit else { return problem = "its aliases expand to more than \(limit) bytes" }
        moveDown(to: node.mark?.line)
        switch node {
        case .scalar(let scalar): write(scalar)
        case .sequence(let sequence):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in sequence.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(element, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "]"))
        case .mapping(let mapping):
            bytes.append(UInt8(ascii: "{"))
            var keys = Set(mapping.keys.compactMap(\.scalar?.string))
            var isFirst = true
            write(mapping, depth: depth, isFirst: &isFirst)
            writeMerged(mapping, depth: depth, isFirst: &isFirst, keys: &keys)
            bytes.append(UInt8(ascii: "}"))
        case .alias: bytes += Array("null".utf8)
        }
    }

    /// Writes the members of a mapping without its merge key (`<<`).
    private mutating func write(_ mapping: Yams.Node.Mapping, depth: Int, isFirst: inout Bool) {
        for (key, value) in mapping {
            guard case .scalar(let name) = key, name.string != "<<" else { continue }
            write(name, value, depth: depth, isFirst: &isFirst)
        }
    }

    /// Writes what a mapping takes over from others, as far as it has no key of that name itself.
    private mutating func writeMerged(
        _ mapping: Yams.Node.Mapping, depth: Int, isFirst: inout Bool, keys: inout Set<String>
    ) {
        guard depth < JSONReader.depthLimit, problem == nil, let merged = mapping["<<"] else { return }
        let others = merged.mapping.map { [$0] } ?? merged.sequence?.compactMap(\.mapping) ?? []
        for other in others {
            for (key, value) in other {
                guard case .scalar(let name) = key, name.string != "<<" else { continue }
                guard keys.insert(name.string).inserted else { continue }
                write(name, value, depth: depth, isFirst: &isFirst)
            }
            writeMerged(other, depth: depth + 1, isFirst: &isFirst, keys: &keys)
        }
    }

    private mutating func write(_ name: Yams.Node.Scalar, _ value: Yams.Node, depth: Int, isFirst: inout Bool) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        moveDown(to: name.mark?.line)
        write(string: name.string)
        bytes.append(UInt8(ascii: ":"))
        write(value, depth: depth + 1)
    }

    /// Adds newlines up to the line of a node; an alias stands above and gets none.
    private mutating func moveDown(to target: Int?) {
        guard let target else { return }
        let line = firstLine + target - 1
        guard line > self.line else { return }
        bytes += Array(repeating: 0x0A, count: line - self.line)
        self.line = line
    }

    /// The core schema, as far as Kubernetes uses it: null, booleans, whole numbers; the rest is text.
    private mutating func write(_ scalar: Yams.Node.Scalar) {
        guard scalar.style == .plain || scalar.style == .any else { return write(string: scalar.string) }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": bytes += Array("null".utf8)
        case "true", "True", "TRUE": bytes += Array("true".utf8)
        case "false", "False", "FALSE": bytes += Array("false".utf8)
        case let text where Int64(text).map { String($0) == text } ?? false: bytes += Array(text.utf8)
        default: write(string: scalar.string)
        }
    }

    private mutating func write(string: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes += Array("\\u00".utf8)
                for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? digit &+ 48 : digit &+ 87) }
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
