package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads `ipset save` and `ipset list` (man ipset).
package enum IpsetParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[IPSet]> {
        var reader = IpsetReader(artifact)
        var lines = 0
        for line in TextLines(bytes) {
            lines += 1
            reader.read(line)
        }
        reader.endSet()
        return ParsedFile(reader.sets, unread: reader.unread, lines: lines)
    }
}

/// Builds sets line by line, in either of the two forms.
struct IpsetReader {
    private let artifact: ArtifactID
    private(set) var sets: [IPSet] = []
    private(set) var unread: [UnreadLine] = []
    private var indices: [String: Int] = [:]
    private var headers: [IpsetHeader?] = []

    /// The set an `ipset list` block describes while it is read.
    private struct Block {
        var name: String
        var line: TextLine
        var type = ""
        var options: [String] = []
        var expected: Int?
        /// Its place in ``sets``, from `Members:` on.
        var index: Int?
        var memberLines = 0
    }
    private var block: Block?

    init(_ artifact: ArtifactID) { self.artifact = artifact }

    mutating func read(_ line: TextLine) {
        let words = Self.words(line)
        guard let first = words.first, !first.hasPrefix("#") else { return }
        switch first {
        case "create", "-N", "--create", "add", "-A", "--add":
            endSet()
            guard words.count >= 3 else {
                unread.append(line.unread(artifact, because: "ends before its \(first == "add" ? "entry" : "type")"))
                if first != "create", words.count == 2, let index = indices[words[1]] { sets[index].isComplete = false }
                return
            }
            if first == "create" || first == "-N" || first == "--create" {
                create(words[1], type: words[2], options: Array(words[3...]), line)
            } else if let index = indices[words[1]] {
                add(words[2], options: words[3...], to: index, line)
            } else {
                unread.append(line.unread(artifact, because: "adds to a set that was not created before"))
            }
        case "COMMIT": break
        case "Name:" where words.count == 2:
            endSet()
            block = Block(name: words[1], line: line)
        default: readListLine(words, line)
        }
    }

    /// Ends the set of an `ipset list` block.
    ///
    /// Without members (`ipset list -t`) the set is known to be incomplete.
    mutating func endSet() {
        guard let ended = block else { return }
        block = nil
        let index = ended.index ?? createBlock(ended)
        if ended.index == nil || (ended.memberLines == 0 && (ended.expected ?? 0) > 0) {
            sets[index].isComplete = false
        }
    }

    private mutating func createBlock(_ block: Block) -> Int {
        create(block.name, type: block.type, options: block.options, block.line)
        return sets.count - 1
    }

    private mutating func readListLine(_ words: [String], _ line: TextLine) {
        guard var current = block else {
            unread.append(line.unread(artifact, because: "neither ipset save nor ipset list prints this"))
            return
        }
        if let index = current.index {
            current.memberLines += 1
            block = current
            add(words[0], options: words[1...], to: index, line)
            return
        }
        switch words[0] {
        case "Type:": current.type = words.count > 1 ? words[1] : ""
        case "Header:": current.options = Array(words[1...])
        case "Members:": current.index = createBlock(current)
        case "Number" where words.count == 4: current.expected = Int(words[3])
        case "Revision:", "Size", "References:", "Default": break
        default: unread.append(line.unread(artifact, because: "not a line of ipset list's header"))
        }
        block = current
    }

    private mutating func create(_ name: String, type: String, options: [String], _ line: TextLine) {
        var set = IPSet(name: name, type: type, family: nil, source: line.source(artifact))
        indices[name] = sets.count
        switch IpsetHeader.parse(type: type, options: options) {
        case .success(let header):
            set.family = header.hasFamily ? header.family : nil
            set.hasTimeout = header.hasTimeout
            set.isMasked = header.netmask != nil
            set.isComplete = header.isExact
            if let reason = header.inexactBecause { unread.append(line.unread(artifact, because: reason)) }
            headers.append(header)
        case .failure(let error):
            set.isComplete = false
            unread.append(line.unread(artifact, because: error.reason))
            headers.append(nil)
        }
        sets.append(set)
    }

    private mutating func add(_ entry: String, options: ArraySlice<String>, to index: Int, _ line: TextLine) {
        // A set whose type is not known was reported at its creation.
        guard let header = headers[index] else { return }
        let result = header.entry(entry, options: options, source: line.source(artifact))
        switch result {
        case .success(let entry): sets[index].entries.append(entry)
        case .failure(let error):
            sets[index].isComplete = false
            unread.append(line.unread(artifact, because: error.reason))
        }
    }

    /// The words of a line; a quoted comment is one word.
    private static func words(_ line: TextLine) -> [String] {
        guard line.bytes.contains(UInt8(ascii: "\"")) else { return line.words }
        var words: [String] = []
        var word: [UInt8] = []
        var isQuoted = false
        var isStarted = false
        for byte in line.bytes {
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
                isStarted = true
            } else if !isQuoted, byte == 0x20 || byte == 0x09 {
                if isStarted { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
                isStarted = false
            } else {
                word.append(byte)
                isStarted = true
            }
        }
        if isStarted { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
