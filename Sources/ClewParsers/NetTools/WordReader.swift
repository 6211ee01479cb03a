import ClewBundle

/// A place in a list of words, with the notes of what was not read.
struct WordReader {
    let artifact: ArtifactID
    let words: [Word]
    let lines: Int
    /// Of the current word; at most the number of words.
    var index = 0 {
        didSet { if index > words.count { index = words.count } }
    }
    private(set) var unread: [UnreadLine] = []
    private let bytes: [UInt8]
    private var run: (words: Range<Int>, reason: String)?

    init(_ bytes: [UInt8], artifact: ArtifactID) {
        let splitter = WordSplitter(bytes)
        self.bytes = bytes
        self.artifact = artifact
        words = splitter.words
        lines = splitter.lines
    }

    var current: Word? { index < words.count ? words[index] : nil }

    func word(_ position: Int) -> Word? { position < words.count ? words[position] : nil }

    /// The word that follows on the same line, prompts excluded.
    func neighbor(of position: Int) -> Word? {
        guard position + 1 < words.count else { return nil }
        let next = words[position + 1]
        return next.startsLine || next.role != .text ? nil : next
    }

    func source(_ word: Word) -> SourceLine { SourceLine(artifact, line: word.line) }

    /// Moves past the current word and returns the next one's text as its value; `nil` where the line ends or a prompt
    /// stands there.
    mutating func value() -> String? {
        index += 1
        return optionalValue()
    }

    /// Moves past the current word and returns its text; `nil`, without a move, where it begins a line or a prompt.
    mutating func optionalValue() -> String? {
        guard let word = current, word.role == .text, !word.startsLine else { return nil }
        index += 1
        return word.text
    }

    /// The words of a range, parted by single spaces.
    func text(_ range: Range<Int>) -> String { words[range].lazy.map(\.text).joined(separator: " ") }
}

// MARK: - What is not read

extension WordReader {
    /// Notes the current word as unread and moves past it; neighbours on a line become one note.
    mutating func skipUnread(_ reason: @autoclosure () -> String) {
        note(index..<index + 1, reason())
        index += 1
    }

    /// Notes the rest of the line as unread and moves to the next line or prompt.
    mutating func skipLineUnread(_ reason: @autoclosure () -> String) {
        let start = index
        index += 1
        while let word = current, !word.startsLine, word.role == .text { index += 1 }
        note(start..<index, reason())
    }

    /// Notes a range of words as unread, a note per line.
    mutating func note(_ range: Range<Int>, _ reason: String) {
        var start = range.lowerBound
        while start < min(range.upperBound, words.count) {
            var end = start + 1
            while end < min(range.upperBound, words.count), words[end].line == words[start].line { end += 1 }
            if let last = run, last.words.upperBound == start, words[last.words.lowerBound].line == words[start].line {
                run = (last.words.lowerBound..<end, last.reason)
            } else {
                flush()
                run = (start..<end, reason)
            }
            start = end
        }
    }

    private mutating func flush() {
        guard let run else { return }
        self.run = nil
        let first = words[run.words.lowerBound]
        let last = words[run.words.upperBound - 1]
        unread.append(
            UnreadLine(
                source(first), text: lineText(first.range.lowerBound..<last.range.upperBound), reason: run.reason))
    }

    /// The whole line where it is short, else the unread part alone.
    private func lineText(_ range: Range<Int>) -> String {
        var start = range.lowerBound
        while start > 0, range.lowerBound - start <= 400, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        var end = range.upperBound
        while end < bytes.count, end - start <= 400, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        let whole = end - start <= 400
        let shown = whole ? start..<end : range.lowerBound..<min(range.upperBound, range.lowerBound + 400)
        return String(decoding: bytes[shown], as: UTF8.self)
    }

    /// The notes in the order of the artifact.
    mutating func finish() -> [UnreadLine] {
        flush()
        return unread
    }
}

// MARK: - Prompts, commands and remarks

extension WordReader {
    var atCommand: Bool { current.map { $0.role != .text } ?? false }

    /// Moves past a prompt and the command behind it; stops where the line ends, or where an entry begins on the line.
    ///
    /// - Returns: the words of the command.
    mutating func skipCommand(isEntry: (WordReader, Int) -> Bool) -> [String] {
        while let word = current, word.role == .prompt { index += 1 }
        var command: [String] = []
        while let word = current, word.role != .prompt {
            if word.startsLine, word.role == .text || !command.isEmpty { break }
            if isEntry(self, index) { break }
            command.append(word.text)
            index += 1
        }
        return command
    }

    /// Moves past a remark: to the end of the line, to a prompt, or to an entry on the same line.
    mutating func skipRemark(isEntry: (WordReader, Int) -> Bool) {
        index += 1
        while let word = current, !word.startsLine, word.role == .text, !isEntry(self, index) { index += 1 }
    }

    /// Notes everything up to the next prompt, or of one line only, as unread.
    mutating func skipOutput(wholeCommand: Bool, _ reason: String) {
        let start = index
        while let word = current, word.role == .text, wholeCommand || !word.startsLine {
            index += 1
        }
        note(start..<index, reason)
    }
}
