/// The first words of a device: `5: eth0@if4: <BROADCAST,UP>`.
struct LinkHeader {
    var index: UInt32
    var name: String
    /// What stands behind the `@`.
    var lower: String?
    /// Of the form `<A,B>`; `nil` where they are left out, as by `ip -oneline addr` and in shortened documents.
    var flags: [String]?
    /// Where the attributes begin.
    var end: Int
}

extension WordReader {
    /// The header that begins at a word.
    func linkHeader(at position: Int) -> LinkHeader? {
        guard let first = word(position), first.role == .text, let index = first.ordinal,
            let second = neighbor(of: position)
        else { return nil }
        var flagsAt = position + 2
        // Old versions of `bridge link` print `5: veth0 state UP @eth0: <…>`.
        while flagsAt < position + 6, let word = word(flagsAt), !word.startsLine, !word.text.hasPrefix("<") {
            flagsAt += 1
        }
        let name = second.text.hasSuffix(":") ? String(second.text.dropLast()) : second.text
        guard !name.isEmpty else { return nil }
        let parts = name.split(separator: "@", maxSplits: 1).map(String.init)
        var header = LinkHeader(
            index: index, name: parts.first ?? name, lower: parts.count == 2 ? parts[1] : nil, flags: nil,
            end: position + 2)
        if let word = word(flagsAt), !word.startsLine, Self.isFlags(word.text),
            second.text.hasSuffix(":") ? flagsAt == position + 2 : true
        {
            header.flags = word.text.dropFirst().dropLast().split(separator: ",").map(String.init)
            header.end = flagsAt + 1
            return header
        }
        if second.text.hasSuffix(":") { return first.startsLine ? header : nil }
        let third = neighbor(of: position + 1)?.text
        return first.startsLine && (third == "inet" || third == "inet6") ? header : nil
    }

    private static func isFlags(_ text: String) -> Bool {
        text.hasPrefix("<") && text.hasSuffix(">")
            && text.utf8.dropFirst().dropLast().allSatisfy {
                $0 == 44 || $0 == 45 || $0 == 95 || 48...57 ~= $0 || 65...90 ~= $0
            }
    }
}
