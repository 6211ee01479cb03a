import ClewBundle

/// Says of which unread lines the loss may change where packets go.
///
/// Rule dumps and kernel parameters tell it themselves, as their parsers know what stands around a line.
enum UnreadWeight {
    /// The lines, marked; `read` is the number of values that the file gave.
    static func judge(_ unread: [UnreadLine], of kind: ArtifactFormat.Kind, read: Int) -> [UnreadLine] {
        guard !unread.isEmpty else { return [] }
        let isMostlyUnread = unread.count > read
        return unread.map { line in
            var line = line
            line.mayDecide = line.mayDecide || decides(line.text, kind, isMostlyUnread)
            return line
        }
    }

    private static func decides(_ text: String, _ kind: ArtifactFormat.Kind, _ isMostlyUnread: Bool) -> Bool {
        switch kind {
        case .rules: true
        case .routes: isMostlyUnread || has(["dev", "via", "default", "nexthop", "table", "local", "blackhole"], text)
        case .addresses, .links: isMostlyUnread || has(["inet", "inet6", "link/ether", "mtu"], text)
        case .ipset, .ipvsadmSave, .ipvsadmList, .ebtables: isMostlyUnread || !RuleProse.isProse(text)
        default: false
        }
    }

    /// A note on a list of rules or routes that ends within its last line, unless that line is surely whole.
    static func cut(_ bytes: [UInt8], of kind: ArtifactFormat.Kind, artifact: ArtifactID, lines: Int) -> [UnreadLine] {
        guard bytes.last != UInt8(ascii: "\n"), bytes.first != UInt8(ascii: "["), bytes.first != UInt8(ascii: "{")
        else { return [] }
        switch kind {
        case .rules:
            let last = bytes.split { $0 == 10 || $0 == 32 || $0 == 9 }.last.map { String(decoding: $0, as: UTF8.self) }
            if last == "main" || last == "default" { return [] }
        // The few lines that somebody typed need not end with a line end.
        case .routes where lines > 10: break
        default: return []
        }
        return [
            UnreadLine(
                SourceLine(artifact, line: UInt32(truncatingIfNeeded: lines)), text: "",
                reason: "the text ends within a line: it may be cut off", mayDecide: true)
        ]
    }

    private static func has(_ words: Set<Substring>, _ text: String) -> Bool {
        TextDamage.isDamaged(text) || text.split { $0 == " " || $0 == "\t" }.contains { words.contains($0) }
    }

    /// Whether a command that failed behind its first lines leaves what packets meet unknown.
    static func isNeededWhole(_ kind: ArtifactFormat.Kind) -> Bool {
        switch kind {
        case .iptables, .nft, .ipset, .routes, .rules: true
        default: false
        }
    }

    /// Whether bytes that no tool prints cast doubt on a line that could be read.
    static func isDecisive(_ kind: ArtifactFormat.Kind) -> Bool {
        switch kind {
        case .iptables, .nft, .ipset, .routes, .rules, .sysctls, .addresses, .links, .ipvsadmSave, .ipvsadmList: true
        default: false
        }
    }
}
