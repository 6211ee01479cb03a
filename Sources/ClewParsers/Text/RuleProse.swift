import ClewBundle

/// Tells what people write around a pasted dump from lines of it that are damaged.
enum RuleProse {
    /// Whether an unread line outside of any table is most likely prose: a sentence, or a rule drawn with dashes.
    ///
    /// A damaged line is short, begins as a rule or a chain does, or has bytes that no text has. Taking one for the other
    /// costs certainty, the reverse costs a wrong answer: so in doubt it is no prose.
    static func isProse(_ line: String) -> Bool {
        let text = line.trimmed
        guard let first = text.utf8.first, !TextDamage.isDamaged(text) else { return text.isEmpty }
        let fence = text.utf8.allSatisfy { "-=~`*_#".utf8.contains($0) }
        if fence, text.utf8.count > 2 { return true }
        if "-:*[{}".utf8.contains(first) { return false }
        let words = text.split { $0 == " " || $0 == "\t" }
        if words.contains(where: { $0.hasPrefix("-") && $0.utf8.count > 1 }) { return false }
        let syntax: Set<Substring> = [
            "table", "chain", "hook", "policy", "accept", "drop", "jump", "goto", "dnat", "snat", "ACCEPT", "DROP",
        ]
        return words.count > 2 && !words.contains(where: syntax.contains)
    }
}

/// Finds bytes that no tool prints: control characters, and what is not UTF-8.
enum TextDamage {
    /// Whether a text that was decoded with repairs has such bytes.
    static func isDamaged(_ text: some StringProtocol) -> Bool {
        text.unicodeScalars.contains { isControl($0.value) || $0 == "\u{FFFD}" }
    }

    private static func isControl(_ value: UInt32) -> Bool {
        (value < 0x20 && value != 9 && value != 10 && value != 13) || value == 0x7F
    }

    /// The lines of a text with such bytes, those aside that are known to be unread.
    static func lines(_ bytes: [UInt8], artifact: ArtifactID, besides known: [UnreadLine]) -> [UnreadLine] {
        guard hasSuspects(bytes) else { return [] }
        let known = Set(known.map(\.source.line))
        var result: [UnreadLine] = []
        for line in TextLines(bytes) where !known.contains(line.number) && hasSuspects(line.bytes) {
            guard isDamaged(line.text) else { continue }
            var unread = line.unread(artifact, because: "bytes that no tool prints: the line is damaged")
            unread.mayDecide = true
            result.append(unread)
            // A file that is no text at all has as many as it has lines.
            if result.count == 1000 { break }
        }
        return result
    }

    /// Whether there are bytes beyond printable ASCII and blanks.
    private static func hasSuspects(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        bytes.withContiguousStorageIfAvailable { buffer in
            var found: UInt8 = 0
            for byte in buffer {
                // Without branches, so that many bytes are looked at in one step.
                let isLow: UInt8 = byte < 0x20 ? 1 : 0
                let isBlank: UInt8 = byte == 9 || byte == 10 || byte == 13 ? 1 : 0
                let isHigh: UInt8 = byte >= 0x7F ? 1 : 0
                found |= isHigh | (isLow & ~isBlank)
            }
            return found != 0
        } ?? true
    }
}
