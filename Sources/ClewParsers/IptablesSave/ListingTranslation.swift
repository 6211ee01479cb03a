import ClewNet
import ClewSnapshot

/// What `iptables -L` printed, said again in the words of `iptables-save`.
///
/// A listing is for people: it has columns, and each module prints its own phrase behind them (the `print` functions
/// of `extensions/libxt_*.c`). Each row becomes a line that the one parser of rules reads; the rule it makes keeps the
/// row as its text.
struct ListingTranslation {
    struct Row {
        enum Kind { case chain, columns, rule }
        var kind: Kind
        var lineStart: Int
        var lineEnd: Int
        /// The row without its counters.
        var source: TextRange
        /// Where its translation begins in the artifact's bytes and ``text``, taken together.
        var translation: Int
    }

    /// The translations, behind a newline that ends the artifact's last line.
    private(set) var text: [UInt8] = []
    private(set) var rows: [Row] = []

    static let none = ListingTranslation()
    private init() {}

    var isEmpty: Bool { rows.isEmpty }

    /// Translates every listing in an artifact.
    init(_ bytes: [UInt8]) {
        text = [ByteText.newline]
        var chain: String?
        var columns = ListingColumns()
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: ByteText.newline) ?? bytes.count
            defer { start = end + 1 }
            let words = ListingWords(bytes, start, end)
            guard let first = words.first else { continue }
            if first == "Chain", words.count >= 3, words[2].hasPrefix("("), let name = words.plain(1) {
                chain = name
                columns = ListingColumns()
                add(.chain, ":\(name) \(Self.policy(words)) [0:0]", start, end, from: words.offsets[0], bytes)
            } else if chain != nil, words.contains("target"), words.contains("source") {
                columns = ListingColumns(words)
                add(.columns, "", start, end, from: words.offsets[0], bytes)
            } else if let name = chain {
                var row = ListingRow(words, columns)
                if row.read() {
                    add(.rule, "-A \(name)" + row.line, start, end, from: words.offsets[row.firstWord], bytes)
                } else if !columns.isKnown || words.count < 4 || !Self.isNumber(first) {
                    chain = nil
                }
            }
        }
    }

    private static func policy(_ words: ListingWords) -> String {
        guard words[2] == "(policy", words.count > 3 else { return "-" }
        return words[3].hasPrefix("DROP") ? "DROP" : words[3].hasPrefix("ACCEPT") ? "ACCEPT" : "-"
    }

    private mutating func add(
        _ kind: Row.Kind, _ line: String, _ start: Int, _ end: Int, from: Int, _ bytes: [UInt8]
    ) {
        var sourceEnd = end
        while sourceEnd > from, bytes[sourceEnd - 1] <= 32 { sourceEnd -= 1 }
        rows.append(
            Row(
                kind: kind, lineStart: start, lineEnd: end,
                source: ByteText.Slice(start: from, end: sourceEnd).range, translation: bytes.count + text.count))
        text += line.utf8
        text.append(ByteText.newline)
    }

    /// A counter: `123`, `104K`.
    static func isNumber(_ word: String) -> Bool {
        var digits = Substring(word)
        if let last = digits.last, "KMGTP".contains(last) { digits = digits.dropLast() }
        return !digits.isEmpty && digits.utf8.allSatisfy { $0 &- 48 < 10 }
    }
}

/// The words of one line, with their places.
struct ListingWords {
    private(set) var words: [String] = []
    private(set) var offsets: [Int] = []
    private(set) var ends: [Int] = []
    private let bytes: [UInt8]

    init(_ bytes: [UInt8], _ start: Int, _ end: Int) {
        self.bytes = bytes
        var position = start
        while position < end, words.count < 400 {
            while position < end, bytes[position] <= 32 { position += 1 }
            let wordStart = position
            while position < end, bytes[position] > 32 { position += 1 }
            guard position > wordStart else { break }
            words.append(String(decoding: bytes[wordStart..<position], as: UTF8.self))
            offsets.append(wordStart)
            ends.append(position)
        }
    }

    var count: Int { words.count }
    var first: String? { words.first }
    subscript(index: Int) -> String { index >= 0 && index < words.count ? words[index] : "" }
    func contains(_ word: String) -> Bool { words.contains(word) }

    /// A word that stands for itself, without quotes.
    func plain(_ index: Int) -> String? {
        let word = self[index]
        return word.isEmpty || word.contains { "\"'\\!".contains($0) } || word.hasPrefix("-") ? nil : word
    }

    /// The text from one word to before another, as it stands, for a place between quotes.
    func escaped(_ from: Int, _ to: Int) -> String {
        guard from >= 0, from < to, to <= words.count else { return "" }
        var result = ""
        for scalar in String(decoding: bytes[offsets[from]..<ends[to - 1]], as: UTF8.self).unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result.unicodeScalars.append("\\") }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}

/// Which columns a listing has, by its head line.
struct ListingColumns {
    var isKnown = false
    var hasNumber = false
    var hasCounters = false
    var hasInterfaces = false

    init() {}

    init(_ words: ListingWords) {
        isKnown = true
        hasNumber = words.contains("num")
        hasCounters = words.contains("pkts")
        hasInterfaces = words.contains("in") && words.contains("out")
    }
}

extension SaveReader {
    /// Reads a row of a listing in its translation; the result is the offset of the next line.
    mutating func readListing(_ row: ListingTranslation.Row) -> Int {
        switch row.kind {
        case .columns: break
        case .chain:
            let name = row.translation + 1
            let end = text.wordEnd(from: name)
            ensureTable()
            if builder.isDeclared(name, end) {
                builder.openTable("filter", family: family, line: line, isImplicit: true)
            }
            _ = readChain(row.translation)
        case .rule:
            listingRow = row.source
            _ = readCommand(row.translation)
            listingRow = nil
        }
        return row.lineEnd + 1
    }
}
