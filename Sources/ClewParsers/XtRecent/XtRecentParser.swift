package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads a list of `-m recent`: a file of `/proc/net/xt_recent` (`net/netfilter/xt_recent.c`, `recent_seq_show`).
///
///     src=10.0.0.1 ttl: 63 last_seen: 4295021734 oldest_pkt: 2 4295021700, 4295021734
package enum XtRecentParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[RecentEntry]> {
        var result = ParsedFile<[RecentEntry]>([], lines: 0)
        for line in TextLines(bytes) {
            result.lines += 1
            if line.isBlank { continue }
            let words = line.words
            guard let first = words.first, first.hasPrefix("src="), let address = IPAddress(String(first.dropFirst(4)))
            else {
                result.unread.append(line.unread(artifact, because: "no entry of a recent list: src=ADDRESS expected"))
                continue
            }
            // The word behind `oldest_pkt:` is an index; the time stamps follow it, one per packet remembered.
            var hits: UInt32 = 1
            if let label = words.firstIndex(of: "oldest_pkt:"), label + 2 < words.count {
                hits = UInt32(truncatingIfNeeded: words.count - label - 2)
            }
            result.value.append(RecentEntry(address: address, hits: hits, source: line.source(artifact)))
        }
        return result
    }
}
