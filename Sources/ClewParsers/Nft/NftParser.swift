package import ClewBundle
import ClewSnapshot

/// Reads what `nft list ruleset` prints, as text or as JSON (`-j`).
///
/// nft(8), libnftables-json(5); tried with nft 1.0.6's own output for each statement. What nft can say and the model
/// cannot is unmodelled, so that its effect is unknown; unread is only what is not nft.
package enum NftParser {
    /// Parses a dump; which form it has is told by its first byte.
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedRuleSet {
        // Places in the text are 32 bits wide, and the text grows while rules are read from JSON.
        guard bytes.count < 1 << 30 else {
            var builder = NftBuilder([], artifact: artifact)
            builder.unread(line: 0, "", "a dump of 1 GiB or more is not read")
            return builder.finish(lines: 0)
        }
        let first = bytes.first { $0 > 0x20 && $0 != 0xEF && $0 != 0xBB && $0 != 0xBF }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            return NftJSONParser(bytes, artifact: artifact).parse()
        }
        return NftTextParser(bytes, artifact: artifact).parse()
    }
}
