/// A word of a tool's text output, and where it stands.
///
/// The tools of this folder and `ip` print words with keywords, so a list of words is enough to read them, whether the
/// lines are whole or a web page has joined them.
struct Word {
    enum Role {
        case text
        /// Part of a shell prompt, as in `root@node1:~#`.
        case prompt
        /// The name of a tool at the start of a line: an echoed command without its prompt.
        case command
    }

    let text: String
    /// Counts from 1.
    let line: UInt32
    /// Bytes from the start of the artifact.
    let range: Range<Int>
    let startsLine: Bool
    /// Blanks stand before the first word of the line.
    let isIndented: Bool
    var role = Role.text

    /// A remark somebody added to the output: `# …`, `// …`, `<---- …`.
    var startsRemark: Bool {
        text.hasPrefix("#") || text.hasPrefix("//") || text.hasPrefix("<-") || text.hasPrefix("<<")
            || text.hasPrefix("<=")
    }

    /// The number of `12:`, with which `ip` begins a device or a rule.
    var ordinal: UInt32? { text.hasSuffix(":") ? UInt32(text.dropLast()) : nil }
}

/// Splits an artifact into words and marks shell prompts.
struct WordSplitter {
    private let bytes: [UInt8]
    private(set) var words: [Word] = []
    private(set) var lines = 0
    private var lineStart = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        split()
    }

    private mutating func split() {
        words.reserveCapacity(bytes.count / 7)
        var index = 0
        var firstOfLine = words.count
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\n"):
                markPrompts(from: firstOfLine)
                lines += 1
                index += 1
                lineStart = index
                firstOfLine = words.count
            case 27: index = endOfEscape(index)
            case let byte where Self.isBlank(byte): index += 1
            default:
                let end = endOfWord(index)
                let starts = words.count == firstOfLine
                words.append(
                    Word(
                        text: String(decoding: bytes[index..<end], as: UTF8.self),
                        line: UInt32(truncatingIfNeeded: lines + 1), range: index..<end, startsLine: starts,
                        isIndented: starts && index > lineStart))
                index = end
            }
        }
        markPrompts(from: firstOfLine)
        if lineStart < bytes.count { lines += 1 }
    }

    /// A backslash is what `ip -oneline` prints for a line break.
    private static func isBlank(_ byte: UInt8) -> Bool { byte <= 32 || byte == UInt8(ascii: "\\") || byte == 127 }

    private func endOfWord(_ start: Int) -> Int {
        var end = start
        while end < bytes.count, !Self.isBlank(bytes[end]) { end += 1 }
        return end
    }

    /// `ESC [ … m`, with which `ip -color` paints.
    private func endOfEscape(_ start: Int) -> Int {
        var end = start + 1
        guard end < bytes.count, bytes[end] == UInt8(ascii: "[") else { return end }
        end += 1
        while end < bytes.count, bytes[end] < 64, bytes[end] >= 32 { end += 1 }
        return end < bytes.count && bytes[end] >= 64 ? end + 1 : end
    }

    private static let tools: Set<String> = [
        "ip", "route", "arp", "ifconfig", "bridge", "netstat", "sudo", "nsenter", "kubectl", "docker", "crictl",
    ]

    /// Whether a line is an echoed command; `bridge` is a kind of device, too.
    private func isCommand(_ first: Int) -> Bool {
        guard !words[first].isIndented, Self.tools.contains(words[first].text) else { return false }
        guard words[first].text == "bridge", first + 1 < words.count else { return true }
        let next = words[first + 1].text
        return next.hasPrefix("-") || ["fdb", "link", "vlan", "mdb", "vni", "monitor"].contains(next)
    }

    /// Marks the prompts of one line: `root@a:~#` and `[root@a ~]#` anywhere, `$`, `/ #`, `sh-4.2#` at its start.
    private mutating func markPrompts(from first: Int) {
        guard first < words.count else { return }
        if isCommand(first) {
            words[first].role = .command
            return
        }
        if let end = promptAtStart(first) {
            for index in first...end { words[index].role = .prompt }
        }
        for index in first..<words.count where words[index].role == .text {
            if let end = promptWithHost(index) {
                for part in index...end { words[part].role = .prompt }
            }
        }
    }

    private static func endsPrompt(_ text: String) -> Bool { text.hasSuffix("#") || text.hasSuffix("$") }

    private func promptAtStart(_ first: Int) -> Int? {
        let text = words[first].text
        if Self.endsPrompt(text) { return first }
        guard first + 1 < words.count else { return nil }
        let isPlace = text.hasPrefix("/") || text.hasPrefix("~") || text.hasPrefix("(")
        guard isPlace else { return nil }
        return (first + 1..<min(first + 4, words.count)).first { Self.endsPrompt(words[$0].text) }
    }

    private func promptWithHost(_ index: Int) -> Int? {
        let text = words[index].text
        guard text.utf8.contains(UInt8(ascii: "@")) else { return nil }
        if Self.endsPrompt(text) { return index }
        guard text.hasPrefix("[") else { return nil }
        return (index + 1..<min(index + 4, max(words.count, index + 1))).first {
            words[$0].text.hasSuffix("]#") || words[$0].text.hasSuffix("]$")
        }
    }
}
