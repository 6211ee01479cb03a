import ClewNet
import ClewSnapshot

/// One row of `iptables -L`: columns, then the phrases of its matches and its target.
struct ListingRow {
    let words: ListingWords
    private let columns: ListingColumns
    /// The options so far, without `-A CHAIN`.
    private(set) var line = ""
    /// The target's options.
    var targetOptions = ""
    var matches = ""
    var target = ""
    var isGoto = false
    var isNegated = false
    /// Where the row begins without its counters.
    private(set) var firstWord = 0
    /// The word being read.
    var index = 0

    init(_ words: ListingWords, _ columns: ListingColumns) {
        self.words = words
        self.columns = columns
    }

    /// Reads the row; false if it is none.
    mutating func read() -> Bool {
        guard words.count >= 3, readColumns() else { return false }
        while index < words.count {
            let before = index
            readPhrase()
            if index <= before { index = before + 1 }
        }
        line += matches
        if !target.isEmpty { line += (isGoto ? " -g " : " -j ") + target + targetOptions }
        return true
    }

    // MARK: Columns

    private mutating func readColumns() -> Bool {
        guard let protocolIndex = findProtocol() else { return false }
        var name = words[protocolIndex]
        index = protocolIndex + 1
        if name.hasSuffix("--"), name.count > 2 {
            name.removeLast(2)
        } else if ["--", "-f", "!f", "-", "+f"].contains(words[index]) {
            if words[index] == "-f" { matches += " -f" }
            if words[index] == "!f" { matches += " ! -f" }
            index += 1
        }
        addNegatable("-p", name, unless: ["all", "0", "any"])
        let hasInterfaces = columns.isKnown ? columns.hasInterfaces : !Self.isAddress(words[index])
        if hasInterfaces {
            addNegatable("-i", words[index], unless: ["*", "any"])
            addNegatable("-o", words[index + 1], unless: ["*", "any"])
            index += 2
        } else {
            // Without -v a listing hides the interfaces: the rule may ask for some.
            matches += " --listed \"without -v: interfaces are not shown\""
        }
        guard index + 1 < words.count else { return false }
        let everything = ["0.0.0.0/0", "anywhere", "::/0", "default"]
        addNegatable("-s", words[index], unless: everything)
        addNegatable("-d", words[index + 1], unless: everything)
        index += 2
        return true
    }

    /// The column of the protocol, with the target and the counters before it read.
    private mutating func findProtocol() -> Int? {
        var start = 0
        let counters = (columns.hasNumber ? 1 : 0) + (columns.hasCounters ? 2 : 0)
        while start < words.count, start < (columns.isKnown ? counters : 3), ListingTranslation.isNumber(words[start]) {
            start += 1
        }
        if columns.isKnown, start < counters { return nil }
        firstWord = start
        for candidate in [start + 1, start] {
            guard Self.isProtocol(words[candidate]) else { continue }
            let next = words[candidate + 1]
            let isSure =
                ["--", "-f", "!f"].contains(next) || words[candidate].hasSuffix("--") || Self.isAddress(next)
                || Self.isAddress(words[candidate + 2]) || next == "*" || next == "any"
            guard isSure else { continue }
            if candidate > start {
                guard let name = words.plain(start) else { return nil }
                target = name
            }
            return candidate
        }
        return nil
    }

    private static func isProtocol(_ word: String) -> Bool {
        var name = Substring(word)
        if name.first == "!" { name = name.dropFirst() }
        if name.hasSuffix("--") { name = name.dropLast(2) }
        return name == "all" || name == "any" || IPProtocol(name: String(name)) != nil
    }

    private static func isAddress(_ word: String) -> Bool {
        word == "anywhere" || word == "default" || word.contains(".") && word.contains { $0.isNumber }
            || word.contains("::")
            || word.contains(":") && word.contains("/")
    }

    private mutating func addNegatable(_ option: String, _ value: String, unless: [String]) {
        var value = Substring(value)
        let isNegated = value.first == "!"
        if isNegated { value = value.dropFirst() }
        guard isNegated || !unless.contains(String(value)) else { return }
        line += (isNegated ? " ! " : " ") + option + " " + quoted(String(value))
    }

    // MARK: Words

    /// A word for the line; one that could be mistaken stands between quotes.
    func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && !word.hasPrefix("-") && !word.contains { "\"'\\!".contains($0) }
        if isPlain { return word }
        return "\"" + word.replacing("\\").replacing("\"") + "\""
    }

    /// The word at `index` plus `ahead`.
    func word(_ ahead: Int = 0) -> String { words[index + ahead] }

    /// Takes the next word.
    mutating func take() -> String {
        index += 1
        return words[index - 1]
    }

    /// Takes a value that may have `!` before it or in front, and writes the option with it.
    mutating func option(_ module: String, _ name: String, _ value: String? = nil) {
        var value = value ?? take()
        if value == "!" {
            isNegated = true
            value = take()
        } else if value.hasPrefix("!"), value.count > 1 {
            isNegated = true
            value.removeFirst()
        }
        if !module.isEmpty { matches += " -m " + module }
        matches += (isNegated ? " ! " : " ") + name
        if !value.isEmpty { matches += " " + quoted(value) }
        isNegated = false
    }

    /// Writes a phrase that is not understood as an option that nobody knows.
    mutating func unknown(upTo end: Int) {
        matches += (isNegated ? " !" : "") + " --listed \"\(words.escaped(index, end))\""
        isNegated = false
        index = end
    }
}

extension String {
    /// The string with a backslash before each of that character.
    fileprivate func replacing(_ character: Character) -> String {
        var result = ""
        for current in self {
            if current == character { result.append("\\") }
            result.append(current)
        }
        return result
    }
}
