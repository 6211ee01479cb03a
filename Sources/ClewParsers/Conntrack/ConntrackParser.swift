package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads `conntrack -L`, with and without `-o extended`, and `/proc/net/nf_conntrack`.
///
/// The layout is that of `nf_conntrack_standalone.c` (`ct_seq_show`) and of libnetfilter_conntrack's
/// `snprintf_default.c`: an optional layer 3 name and number, the protocol's name and number, seconds to live unless
/// the flow is offloaded, a state for connection-oriented protocols, and two runs of `key=value`.
package enum ConntrackParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[ConntrackEntry]> {
        var result = ParsedFile<[ConntrackEntry]>([], lines: 0)
        // About 160 bytes a line; reserving spares the copies of growing.
        result.value.reserveCapacity(bytes.count / 160)
        let text = bytes.span
        var start = 0
        var number: UInt32 = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            number &+= 1
            result.lines += 1
            var line = ConntrackLine(SourceLine(artifact, line: number))
            switch line.read(text, start, end) {
            case .entry(let entry): result.value.append(entry)
            case .nothing: break
            case .unread(let reason):
                let content = String(decoding: bytes[start..<end], as: UTF8.self)
                result.unread.append(
                    UnreadLine(SourceLine(artifact, line: number), text: content.trimmed, reason: reason))
            }
            start = end + 1
        }
        return result
    }
}

/// What a line turned out to be.
enum ConntrackLineContent {
    case entry(ConntrackEntry)
    case nothing
    case unread(String)
}
