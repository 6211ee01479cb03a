package import ClewBundle
package import ClewSnapshot

/// Reads kernel parameters: `sysctl -a`, and what reading files below `/proc/sys` prints.
///
/// Understood are `key = value` and `key: value`, keys parted by dots or slashes, with `/proc/sys/` before them or not
/// (`grep -r . /proc/sys/net`), and headings followed by the value (`tail -n +1`: `==> path <==`; a prompt with
/// `cat path`). Keys come out as procps prints them: parted by dots, a dot inside an interface's name as a slash.
package enum SysctlParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[String: Sysctl]> {
        var result = ParsedFile<[String: Sysctl]>([:], lines: 0)
        var pendingKey: String?
        for line in TextLines(bytes) {
            result.lines += 1
            if line.isBlank { continue }
            let text = line.text
            if let key = heading(text) {
                pendingKey = key
            } else if let (key, value) = pair(text) {
                take(key, value, line, artifact, &result)
                pendingKey = nil
            } else if let key = pendingKey {
                take(key, text.trimmed, line, artifact, &result)
                pendingKey = nil
            } else if !isRemark(text) {
                var unread = line.unread(artifact, because: "not a kernel parameter and its value")
                unread.mayDecide = mayBeParameter(text)
                result.unread.append(unread)
            }
        }
        judge(bytes, artifact, &result)
        return result
    }

    private static func take(
        _ key: String, _ value: String, _ line: TextLine, _ artifact: ArtifactID,
        _ result: inout ParsedFile<[String: Sysctl]>
    ) {
        var reason: String?
        if SysctlKeys.isNumber(key), Int(value) == nil {
            reason = "the value is not a number"
        } else {
            result.value[key] = Sysctl(value, source: line.source(artifact))
            if let meant = SysctlKeys.almost(key) { reason = "no key of the kernel, but almost \(meant)" }
        }
        guard let reason else { return }
        var unread = line.unread(artifact, because: reason)
        unread.mayDecide = true
        result.unread.append(unread)
    }

    /// Whether a line that is no pair may have been one.
    private static func mayBeParameter(_ text: String) -> Bool {
        if TextDamage.isDamaged(text) || text.utf8.contains(UInt8(ascii: "=")) { return true }
        return ["net.", "net/", "/proc/sys", "bridge", "forward", "ipv4", "ipv6", "_filter"].contains {
            text.firstRange(of: $0) != nil
        }
    }

    /// Weighs the file as a whole: one that is mostly something else, or ends within a line.
    private static func judge(
        _ bytes: [UInt8], _ artifact: ArtifactID, _ result: inout ParsedFile<[String: Sysctl]>
    ) {
        if result.unread.count > result.value.count {
            for index in result.unread.indices { result.unread[index].mayDecide = true }
        }
        // What `sysctl -a` prints ends with a line end; the few lines that somebody typed need not.
        if result.value.count > 20, bytes.last != UInt8(ascii: "\n") {
            result.unread.append(
                UnreadLine(
                    SourceLine(artifact, line: UInt32(truncatingIfNeeded: result.lines)), text: "",
                    reason: "the text ends within a line: it may be cut off", mayDecide: true))
        }
    }

    /// The key in the form procps prints (`net.ipv4.conf.eth0/100.rp_filter`), or `nil` if it is none.
    ///
    /// As for sysctl(8), the first separator tells which of dot and slash parts the names.
    package static func canonicalKey(_ written: some StringProtocol) -> String? {
        var key = Substring(written)
        if key.hasPrefix("/proc/sys/") { key = key.dropFirst("/proc/sys/".count) }
        guard let separator = key.utf8.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }),
            key.utf8.first != separator, key.utf8.last != separator,
            key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        guard separator == UInt8(ascii: "/") else { return String(key) }
        return String(
            decoding: key.utf8.map { byte -> UInt8 in
                switch byte {
                case UInt8(ascii: "/"): UInt8(ascii: ".")
                case UInt8(ascii: "."): UInt8(ascii: "/")
                default: byte
                }
            }, as: UTF8.self)
    }

    /// Splits at the first `=` or `:` behind the key.
    ///
    /// Spaces may stand around it, but not within the key.
    private static func pair(_ text: String) -> (key: String, value: String)? {
        let start = text.utf8.firstIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } ?? text.startIndex
        let rest = text[start...]
        guard
            let end = rest.utf8.firstIndex(where: { [0x20, 0x09, UInt8(ascii: "="), UInt8(ascii: ":")].contains($0) }),
            let key = canonicalKey(rest[..<end]),
            let sign = rest[end...].utf8.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }),
            rest.utf8[sign] == UInt8(ascii: "=") || rest.utf8[sign] == UInt8(ascii: ":")
        else { return nil }
        // `cat: /proc/sys/…: Permission denied` and the like are no pairs: their first word is no key.
        return (key, rest[rest.utf8.index(after: sign)...].trimmed)
    }

    /// The key of `==> /proc/sys/net/ipv4/ip_forward <==`, or of a prompt that ends in `cat /proc/sys/…`.
    private static func heading(_ text: String) -> String? {
        let words = text.split { $0 == " " || $0 == "\t" }
        if words.count == 3, words[0] == "==>", words[2] == "<==" { return canonicalKey(words[1]) }
        if words.count >= 2, words[words.count - 2] == "cat", words[words.count - 1].hasPrefix("/proc/sys/") {
            return canonicalKey(words[words.count - 1])
        }
        return nil
    }

    /// What the tools say beside the values: errors of keys that may not be read, comments, files being applied.
    private static func isRemark(_ text: String) -> Bool {
        let text = text.trimmed
        return ["sysctl:", "cat:", "grep:", "tail:", "find:", "head:", "#", ";", "* Applying "].contains {
            text.hasPrefix($0)
        }
    }
}
