/// How much a bundle may hold before the reader refuses it.
///
/// A bundle is kept in memory as a whole, so the limits are what protects the machine from an archive that is broken
/// or made to harm. The defaults leave room for some hundred nodes with 30 MB of rules each.
package struct BundleLimits: Sendable, Hashable {
    /// Files, folders and links together; beyond it the bundle is refused.
    package var maxEntries: Int = 200_000
    /// Bytes of one file, unpacked; a larger file is left out, and a problem of the bundle.
    package var maxFileBytes: Int = 1 << 30
    /// Bytes of everything, unpacked, what is left out included; beyond it the bundle is refused.
    package var maxTotalBytes: Int = 4 << 30
    /// Unpacked bytes per packed byte in gzip data.
    ///
    /// Rule dumps and API objects pack to a tenth or a thirtieth; deflate ends at 1032, which only a bomb comes near.
    package var maxGzipRatio: Int = 200
    /// Unpacked bytes per packed byte in zstd data.
    ///
    /// Nodes of one cluster hold almost equal rules, and a large window finds the copies: hundreds are honest. A run of
    /// zeros reaches 30,000.
    package var maxZstdRatio: Int = 5_000
    /// Unpacked bytes that are let through before a ratio counts, since a short file may pack well by chance.
    package var ratioGrace: Int = 64 << 20
    /// Folders inside of folders; what lies deeper is left out.
    package var maxDepth: Int = 64

    package init() {}

    package static let `default` = BundleLimits()
}

/// A size as a person reads it: `1 GiB`, `64 MiB`, `700 bytes`.
func readableSize(_ bytes: Int) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << shift {
        let tenths = ((bytes >> (shift - 7)) * 10) >> 7
        return tenths % 10 == 0 || tenths >= 100 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(bytes) bytes"
}
