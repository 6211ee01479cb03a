/// What a file without a known format looks like.
enum TextKind {
    case text, utf16, binary
}

/// Judges by the first 64 KiB: text has no zero byte, and few bytes that are neither UTF-8 nor usual control characters.
///
/// A rule's comment may hold any byte, so a tenth of them is let pass; of random bytes half are none of text's.
func textKind(of bytes: [UInt8]) -> TextKind {
    let head = bytes.prefix(1 << 16)
    if head.starts(with: [0xff, 0xfe]) || head.starts(with: [0xfe, 0xff]) { return .utf16 }
    var foreign = 0
    // Bytes of a UTF-8 sequence that are still to come.
    var following = 0
    for byte in head {
        switch byte {
        case 0: return .binary
        case 0x80..<0xc0 where following > 0: following -= 1
        default:
            if following > 0 { foreign += 1 }
            following = 0
            switch byte {
            case 0x09...0x0d, 0x1b, 0x20...0x7e: break
            case 0xc2..<0xe0: following = 1
            case 0xe0..<0xf0: following = 2
            case 0xf0..<0xf5: following = 3
            default: foreign += 1
            }
        }
    }
    return foreign * 10 > head.count ? .binary : .text
}
