import ClewNet

/// A token of nft's text form.
struct NftToken: Sendable, BitwiseCopyable {
    enum Kind: UInt8, Sendable { case word, quoted, symbol, newline, end }
    var kind: Kind
    /// The bytes of a word, or what stands between the quotes.
    var start: Int
    var end: Int
    /// Where the token ends: behind a closing quote.
    var next: Int
    /// Of a symbol: its first byte; `==` and its like have the second byte above it.
    var symbol: UInt16 = 0
    var line: UInt32
}

/// Cuts nft's text form into tokens (`src/scanner.l`).
///
/// Unlike nft's own scanner it has no states: a word is whatever holds no blank and no punctuation of the grammar, so
/// that `10.0.0.0/8`, `80-90`, `3h2m` and `service-ABC-ns/name/tcp/p` are one word each.
struct NftLexer: Sendable {
    let bytes: [UInt8]
    private(set) var position = 0
    private(set) var line: UInt32 = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> NftToken {
        skipBlanks()
        guard position < bytes.count else {
            return NftToken(kind: .end, start: bytes.count, end: bytes.count, next: bytes.count, line: line)
        }
        let start = position
        let byte = bytes[start]
        if byte == UInt8(ascii: "\n") {
            position += 1
            line &+= 1
            return NftToken(kind: .newline, start: start, end: start, next: position, line: line &- 1)
        }
        if byte == UInt8(ascii: "\"") { return quoted() }
        let wordEnd = endOfWord(from: start)
        if wordEnd > start, !isLonePunctuation(start, wordEnd) {
            position = wordEnd
            return NftToken(kind: .word, start: start, end: wordEnd, next: wordEnd, line: line)
        }
        return symbol()
    }

    /// Blanks, comments, and newlines behind a backslash.
    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0D, 0x0B, 0x0C, 0: position += 1
            case UInt8(ascii: "#"):
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
            case UInt8(ascii: "\\"):
                guard position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\n") else { return }
                position += 2
                line &+= 1
            default: return
            }
        }
    }

    private mutating func quoted() -> NftToken {
        let start = position + 1
        let first = line
        var i = start
        while i < bytes.count, bytes[i] != UInt8(ascii: "\"") {
            // A quote that is never closed ends with its line, or it would swallow the rest.
            if bytes[i] == UInt8(ascii: "\n") {
                position = i
                return NftToken(kind: .quoted, start: start, end: i, next: i, line: first)
            }
            i += 1
        }
        position = min(i + 1, bytes.count)
        return NftToken(kind: .quoted, start: start, end: i, next: position, line: first)
    }

    private mutating func symbol() -> NftToken {
        let start = position
        let byte = bytes[start]
        var symbol = UInt16(byte)
        position += 1
        if position < bytes.count {
            switch (byte, bytes[position]) {
            case (UInt8(ascii: "="), UInt8(ascii: "=")), (UInt8(ascii: "!"), UInt8(ascii: "=")),
                (UInt8(ascii: "<"), UInt8(ascii: "=")), (UInt8(ascii: ">"), UInt8(ascii: "=")),
                (UInt8(ascii: "<"), UInt8(ascii: "<")), (UInt8(ascii: ">"), UInt8(ascii: ">")):
                symbol |= UInt16(bytes[position]) << 8
                position += 1
            default: break
            }
        }
        return NftToken(kind: .symbol, start: start, end: position, next: position, symbol: symbol, line: line)
    }

    /// `.`, `-`, `+` and `/` by themselves are operators.
    private func isLonePunctuation(_ start: Int, _ end: Int) -> Bool {
        guard end == start + 1 else { return false }
        switch bytes[start] {
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "/"): return true
        default: return false
        }
    }

    private func endOfWord(from start: Int) -> Int {
        var i = start
        var isSegmentStart = true
        while i < bytes.count {
            if isSegmentStart, let end = endOfColonAddress(from: i) {
                i = end
                isSegmentStart = false
                continue
            }
            guard Self.isWordByte(bytes[i]) else { break }
            if bytes[i] == UInt8(ascii: "\\"), i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "\n") { break }
            isSegmentStart = bytes[i] == UInt8(ascii: "-")
            i += 1
        }
        return i
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 0x80...0xFF: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "*"),
            UInt8(ascii: "+"), UInt8(ascii: "%"), UInt8(ascii: "$"), UInt8(ascii: "\\"), UInt8(ascii: "~"),
            UInt8(ascii: "?"):
            true
        default: false
        }
    }

    /// Where an IPv6 or an Ethernet address ends that begins there; their colons belong to the word.
    private func endOfColonAddress(from start: Int) -> Int? {
        var i = start
        var colons = 0
        while i < bytes.count, i - start < 46 {
            if bytes[i] == UInt8(ascii: ":") {
                colons += 1
            } else if hexDigit(bytes[i]) == nil, bytes[i] != UInt8(ascii: ".") || colons == 0 {
                break
            }
            i += 1
        }
        guard colons >= 2, IPAddress(utf8: bytes[start..<i]) != nil || colons == 5 && i - start <= 17 else {
            return nil
        }
        return i
    }
}
