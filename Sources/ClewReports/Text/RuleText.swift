/// A rule's line as a report shows it: what it does with a packet, and its text without the comment.
struct RuleText {
    /// What the words say the rule is for; a report needs no more than this.
    enum Effect {
        /// Ends the walk, changes the packet, or hands it on.
        case acts
        /// Sends the packet through another chain.
        case jumps
        case returns
        /// Counts, logs or remembers.
        case none
    }

    let effect: Effect
    /// Without `-m comment --comment …`.
    let text: String
    let comment: String?

    init(_ line: String) {
        var words = Self.words(line)
        var comment: String?
        if let i = words.firstIndex(of: "--comment"), i + 1 < words.count {
            comment = Self.unquoted(words[i + 1])
            let start = i >= 2 && words[i - 1] == "comment" && words[i - 2] == "-m" ? i - 2 : i
            words.removeSubrange(start...(i + 1))
        } else if words.count > 2, words[words.count - 2] == "comment", let last = words.last, last.hasPrefix("\"") {
            comment = Self.unquoted(last)
            words.removeLast(2)
        }
        self.comment = comment
        text = words.joined(separator: " ")
        effect = Self.effect(words)
    }

    private static func effect(_ words: [String]) -> Effect {
        if let i = words.firstIndex(where: { $0 == "-j" || $0 == "--jump" }), i + 1 < words.count {
            switch words[i + 1] {
            case "ACCEPT", "DROP", "REJECT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP", "MARK", "CONNMARK",
                "TPROXY", "NFQUEUE", "QUEUE", "NOTRACK", "CT", "TTL", "HL":
                return .acts
            case "RETURN": return .returns
            case "LOG", "NFLOG", "ULOG", "TRACE", "CHECKSUM", "AUDIT", "CLASSIFY", "SET", "TCPMSS", "TOS", "DSCP",
                "RATEEST", "LED", "IDLETIMER":
                return .none
            default: return .jumps
            }
        }
        if words.contains("-g") || words.contains("--goto") { return .jumps }
        if words.first?.hasPrefix("-") == true { return .none }
        let verbs: Set<String> = [
            "accept", "drop", "reject", "dnat", "snat", "masquerade", "redirect", "queue", "notrack", "tproxy",
        ]
        if words.contains(where: { verbs.contains($0) }) { return .acts }
        // A verdict map that holds no element for the packet does nothing.
        if words.contains(where: { $0 == "jump" || $0 == "goto" || $0 == "vmap" }) { return .jumps }
        return words.contains("return") ? .returns : .none
    }

    /// Parts a line at spaces outside quotes; a quoted part keeps its quotes.
    static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quoted = false
        var escaped = false
        for character in line {
            if character == " ", !quoted {
                if !word.isEmpty { words.append(word) }
                word = ""
                continue
            }
            word.append(character)
            if escaped {
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else if character == "\"" {
                quoted.toggle()
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    private static func unquoted(_ word: String) -> String {
        guard word.count >= 2, word.hasPrefix("\""), word.hasSuffix("\"") else { return word }
        return String(word.dropFirst().dropLast()).replacing("\\\"", with: "\"")
    }

    /// Shortens a text in its middle, where the least of its meaning is.
    static func shortened(_ text: String, to limit: Int, _ ellipsis: String) -> String {
        guard text.count > limit, limit > ellipsis.count + 4 else { return text }
        let kept = limit - ellipsis.count
        return text.prefix(kept - kept / 3) + ellipsis + text.suffix(kept / 3)
    }
}
