package import ClewBundle

/// Takes Secrets out of API objects, and leaves every other byte as it is.
package enum SecretFilter {
    /// The text without its Secrets, and how many they were; `nil` where that cannot be told for sure.
    package static func filtered(_ bytes: [UInt8]) -> (bytes: [UInt8], count: Int)? {
        // Where a list is cut off, a Secret may have lost its kind.
        guard ["Secret", "data"].contains(where: { contains($0, in: bytes) }) else { return (bytes, 0) }
        let isJSON = bytes.first { $0 > 0x20 }.map { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") } ?? false
        if isJSON {
            var json = JSONSecrets()
            return json.filter(bytes) ? (json.output, json.count) : nil
        }
        return YAMLSecrets.filter(bytes)
    }

    /// A bundle whose files of API objects hold no Secrets, and a line for each file that lost some.
    package static func filtered(_ bundle: SupportBundle) -> (bundle: SupportBundle, leftOut: [String]) {
        var artifacts: [Artifact] = []
        var leftOut: [String] = []
        for var artifact in bundle.artifacts {
            guard ForeignImport.isObject(artifact) else {
                artifacts.append(artifact)
                continue
            }
            guard let result = filtered(artifact.bytes) else {
                leftOut.append("\(artifact.path): \(unreadable)")
                continue
            }
            artifact.bytes = result.bytes
            if result.count > 0 { leftOut.append("\(artifact.path): \(told(result.count))") }
            artifacts.append(artifact)
        }
        let clean = SupportBundle(
            name: bundle.name, artifacts: artifacts, problems: bundle.problems, folder: bundle.folder)
        return (clean, leftOut)
    }

    static let unreadable = "Secrets in it cannot be told from the rest; it is not taken"

    static func told(_ count: Int) -> String { count == 1 ? "1 Secret is not taken" : "\(count) Secrets are not taken" }

    private static func contains(_ word: String, in bytes: [UInt8]) -> Bool {
        let wanted = Array(word.utf8)
        guard let first = wanted.first, bytes.count >= wanted.count else { return false }
        return bytes.indices.dropLast(wanted.count - 1).contains { index in
            bytes[index] == first && bytes[index..<(index + wanted.count)].elementsEqual(wanted)
        }
    }
}

/// Secrets in JSON: objects of that kind with a body, wherever they are; a mere reference to one stays.
private struct JSONSecrets {
    private struct Container {
        let isObject: Bool
        /// Where it begins in the output, with the comma before it.
        let start: Int
        /// The key that is read, or was read last.
        var key: [UInt8] = []
        var expectsKey: Bool
        var kind: [UInt8]?
        var hasBody = false
        /// Where the comma before the next element is.
        var comma: Int?
        var skipsComma = false

        var isSecret: Bool { hasBody && (kind.map(JSONSecrets.isSecretKind) ?? false) }
        /// It was cut off, and may have become a Secret.
        var mayBeSecret: Bool { isSecret || (hasBody && kind == nil && hasData) }
        var hasData = false
    }

    private(set) var output: [UInt8] = []
    private(set) var count = 0
    private var open: [Container] = []

    /// False where the text is not well-formed; a text that is cut off is.
    mutating func filter(_ bytes: [UInt8]) -> Bool {
        output.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                guard let end = Self.end(ofString: index, in: bytes) else {
                    index = bytes.count
                    continue
                }
                takeString(bytes[(index + 1)..<(end - 1)])
                output += bytes[index..<end]
                index = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                begin(isObject: byte == UInt8(ascii: "{"))
                output.append(byte)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard let last = open.popLast(), last.isObject == (byte == UInt8(ascii: "}")) else { return false }
                output.append(byte)
                if last.isObject, last.isSecret { remove(last) }
            case UInt8(ascii: ","):
                guard let last = open.indices.last else { return false }
                open[last].expectsKey = open[last].isObject
                if open[last].skipsComma {
                    open[last].skipsComma = false
                } else {
                    open[last].comma = output.count
                    output.append(byte)
                }
            default: output.append(byte)
            }
            index += 1
        }
        if let cut = open.first(where: { $0.isObject && $0.mayBeSecret }) {
            output.removeSubrange(cut.start...)
            count += 1
        }
        return true
    }

    private mutating func begin(isObject: Bool) {
        let comma = open.last.flatMap { $0.isObject ? nil : $0.comma }
        open.append(Container(isObject: isObject, start: comma ?? output.count, expectsKey: isObject))
    }

    private mutating func takeString(_ text: ArraySlice<UInt8>) {
        guard let last = open.indices.last, open[last].isObject else { return }
        if open[last].expectsKey {
            open[last].expectsKey = false
            open[last].key = Array(text)
            if ["metadata", "data", "stringData", "items"].contains(where: { text.elementsEqual($0.utf8) }) {
                open[last].hasBody = true
            }
            if ["data", "stringData"].contains(where: { text.elementsEqual($0.utf8) }) { open[last].hasData = true }
        } else if open[last].key.elementsEqual("kind".utf8) {
            open[last].kind = Array(text)
        }
    }

    private mutating func remove(_ secret: Container) {
        count += 1
        output.removeSubrange(secret.start...)
        guard let last = open.indices.last else { return }
        if open[last].isObject {
            output += "null".utf8
        } else if open[last].comma == secret.start {
            open[last].comma = nil
            // The comma of the element before it, if that was there, is gone with it.
        } else {
            open[last].skipsComma = true
        }
    }

    static func isSecretKind(_ kind: [UInt8]) -> Bool {
        kind.elementsEqual("Secret".utf8) || kind.elementsEqual("SecretList".utf8)
    }

    /// The place behind the closing quote.
    private static func end(ofString start: Int, in bytes: [UInt8]) -> Int? {
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"): index += 2
            case UInt8(ascii: "\""): return index + 1
            default: index += 1
            }
        }
        return nil
    }
}

/// Secrets in YAML in block style, as kubectl prints it.
private enum YAMLSecrets {
    /// A line: how far its text is indented, and behind dashes.
    private struct Line {
        let text: ArraySlice<UInt8>
        /// Columns before the first character.
        let indentation: Int
        /// Columns before the first character that is no dash of a list.
        let column: Int
        /// Nothing, or a comment.
        let isBlank: Bool

        init(_ text: ArraySlice<UInt8>) {
            self.text = text
            let start = text.firstIndex { $0 != 0x20 } ?? text.endIndex
            var content = start
            while content < text.endIndex, text[content] == UInt8(ascii: "-"),
                content + 1 == text.endIndex || text[content + 1] == 0x20 || text[content + 1] == 0x0D
            {
                content = text[(content + 1)...].firstIndex { $0 != 0x20 } ?? text.endIndex
            }
            indentation = start - text.startIndex
            column = content - text.startIndex
            isBlank = text[start...].allSatisfy { $0 <= 0x20 } || text[start] == UInt8(ascii: "#")
        }

        var isDocumentEnd: Bool { text.starts(with: "---".utf8) || text.starts(with: "...".utf8) }

        /// The key and the value of a line `key: value`, without quotes.
        var pair: (key: Substring, value: Substring)? {
            guard column < text.count, text.count < 1 << 16 else { return nil }
            let content = Substring(String(decoding: text.dropFirst(column), as: UTF8.self))
            guard let colon = content.firstIndex(of: ":") else { return nil }
            let value = content[content.index(after: colon)...].split(separator: " #").first ?? ""
            return (Self.plain(content[..<colon]), Self.plain(value))
        }

        private static func plain(_ text: Substring) -> Substring {
            let words = text.split { $0.isWhitespace || "\"',".contains($0) }
            return words.count > 1 && words[0].hasPrefix("!") ? words[1] : words.first ?? ""
        }
    }

    static func filter(_ bytes: [UInt8]) -> (bytes: [UInt8], count: Int)? {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Line.init)
        var isTaken = [Bool](repeating: true, count: lines.count)
        var count = 0
        for (index, line) in lines.enumerated() where isTaken[index] {
            guard line.text.count < 200, line.text.contains(UInt8(ascii: "S")), let pair = line.pair,
                pair.key == "kind", pair.value == "Secret" || pair.value == "SecretList"
            else { continue }
            let range = extent(of: index, in: lines)
            // A reference to a Secret has a name, and no body.
            let hasBody = range.contains { place in
                guard lines[place].column == line.column, let key = lines[place].pair?.key else { return false }
                return ["metadata", "data", "stringData", "items"].contains(key)
            }
            guard hasBody else { continue }
            for place in range { isTaken[place] = false }
            count += 1
        }
        if let cut = extentCutOff(in: lines), isTaken[cut.lowerBound] {
            for place in cut { isTaken[place] = false }
            count += 1
        }
        let left = lines.indices.filter { isTaken[$0] }.map { lines[$0] }
        if left.contains(where: mayHoldSecret) { return nil }
        guard count > 0 else { return (bytes, 0) }
        return (Array(left.map(\.text).joined(separator: [0x0A])), count)
    }

    /// The map with data and without a kind at the end of a text that may be cut off.
    private static func extentCutOff(in lines: [Line]) -> ClosedRange<Int>? {
        guard let last = lines.lastIndex(where: { !$0.isBlank }),
            let data = lines.lastIndex(where: { line in
                line.text.count < 200 && ["data", "stringData"].contains(line.pair?.key ?? "")
            })
        else { return nil }
        let range = extent(of: data, in: lines)
        let hasKind = range.contains { place in
            guard lines[place].column == lines[data].column, let pair = lines[place].pair, pair.key == "kind" else {
                return false
            }
            // The last word may have been cut in two.
            return place != last || !"Secret".hasPrefix(pair.value)
        }
        return range.contains(last) && !hasKind ? range : nil
    }

    /// The lines of the map that a line is a pair of.
    private static func extent(of index: Int, in lines: [Line]) -> ClosedRange<Int> {
        let column = lines[index].column
        var start = index
        if lines[index].indentation == column {
            while start > 0 {
                let line = lines[start - 1]
                if line.isDocumentEnd || (!line.isBlank && line.column < column) { break }
                let isFirst = !line.isBlank && line.indentation < column && line.column == column
                if !line.isBlank, line.indentation < column, !isFirst { break }
                start -= 1
                if isFirst { break }
            }
        }
        var end = index
        while end + 1 < lines.count {
            let line = lines[end + 1]
            if line.isDocumentEnd || (!line.isBlank && line.indentation < column) { break }
            end += 1
        }
        return start...end
    }

    /// Objects in braces within YAML are not taken apart.
    private static func mayHoldSecret(_ line: Line) -> Bool {
        guard line.text.contains(UInt8(ascii: "{")), line.text.count < 1 << 20 else { return false }
        let text = String(decoding: line.text.filter { $0 > 0x20 && !"\"'".utf8.contains($0) }, as: UTF8.self)
        guard text.contains("kind:Secret,") || text.contains("kind:Secret}") || text.contains("kind:SecretList") else {
            return false
        }
        return text.contains("ata:") || !text.contains("}")
    }
}
