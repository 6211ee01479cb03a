/// Finds documents that Yams would take for ever to read.
///
/// It compares the keys of a mapping in full. Where a key is an alias, or a collection that holds aliases, nested
/// anchors make that comparison grow exponentially ("billion laughs"). Nothing that Kubernetes prints has such keys.
enum YAMLAliases {
    /// Whether a text with aliases has something that may be an alias or a collection as a key.
    ///
    /// Looks at the bytes alone, so a block of prose may be taken for one, if the document has aliases at all.
    static func standAsKeys(in text: ArraySlice<UInt8>) -> Bool {
        text.withUnsafeBufferPointer { buffer in
            var hasAnchor = false
            var hasAlias = false
            var hasKey = false
            for i in buffer.indices {
                switch buffer[i] {
                case UInt8(ascii: "&") where beginsToken(buffer, i):
                    if endOfName(buffer, i + 1) > i + 1 { hasAnchor = true }
                case UInt8(ascii: "*") where beginsToken(buffer, i):
                    let end = endOfName(buffer, i + 1)
                    guard end > i + 1 else { break }
                    hasAlias = true
                    if isColon(buffer, after: end) { hasKey = true }
                case UInt8(ascii: "?") where beginsToken(buffer, i):
                    if i + 1 == buffer.count || buffer[i + 1] <= 0x20 { hasKey = true }
                case UInt8(ascii: "]"), UInt8(ascii: "}"):
                    if isColon(buffer, after: i + 1) { hasKey = true }
                default: break
                }
                if hasAnchor, hasAlias, hasKey { return true }
            }
            return false
        }
    }

    private static func beginsToken(_ buffer: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        guard index > 0 else { return true }
        switch buffer[index - 1] {
        case 0...0x20, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"): return true
        default: return false
        }
    }

    /// Behind the letters, digits, `_` and `-` of an alias's name.
    private static func endOfName(_ buffer: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var i = start
        while i < buffer.count {
            switch buffer[i] {
            case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "-"), 0x80...0xFF: i += 1
            default: return i
            }
        }
        return i
    }

    private static func isColon(_ buffer: UnsafeBufferPointer<UInt8>, after start: Int) -> Bool {
        var i = start
        while i < buffer.count, buffer[i] == 0x20 || buffer[i] == 0x09 { i += 1 }
        return i < buffer.count && buffer[i] == UInt8(ascii: ":")
    }
}
