/// Strings that a text repeats, each made once.
///
/// A thousand endpoints name the same few nodes: this spares the allocation and the memory. It remembers one string
/// for each of 1,024 hash values, so it never grows, and a text of many names only loses the saving.
struct StringPool {
    private var strings = [String](repeating: "", count: 1024)

    /// The string of some bytes; short ones are not looked up, as Swift stores them without allocation.
    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        guard bytes.count > 15 else { return String(decoding: bytes, as: UTF8.self) }
        let slot = Int(truncatingIfNeeded: Self.hash(bytes) & 1023)
        if Self.isEqual(strings[slot], bytes) { return strings[slot] }
        let string = String(decoding: bytes, as: UTF8.self)
        strings[slot] = string
        return string
    }

    /// Of the length, the first and the last sixteen bytes: what names differ in.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let raw = UnsafeRawBufferPointer(bytes)
        let count = raw.count
        var hash = UInt64(truncatingIfNeeded: count)
        mix(&hash, raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        mix(&hash, raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        mix(&hash, raw.loadUnaligned(fromByteOffset: count &- 16, as: UInt64.self))
        mix(&hash, raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        return hash
    }

    @inline(__always)
    private static func mix(_ hash: inout UInt64, _ word: UInt64) {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash &>> 32
    }

    private static func isEqual(_ string: String, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard string.utf8.count == bytes.count else { return false }
        return string.utf8.withContiguousStorageIfAvailable { letters in
            for i in 0..<bytes.count where letters[i] != bytes[i] { return false }
            return true
        } ?? false
    }
}
