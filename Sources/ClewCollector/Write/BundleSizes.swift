package import ClewBundle

/// How large a bundle is, and what makes it so.
package enum BundleSizes {
    /// A line for all of it, one for each node and the rest, and the largest files where these are large.
    package static func lines(of bundle: SupportBundle) -> [String] {
        var groups: [String: (files: Int, bytes: Int)] = [:]
        var seen: Set<[UInt8]> = []
        var (total, repeated) = (0, 0)
        for artifact in bundle.artifacts {
            let group = BundleParts.nodeName(of: artifact.path).map { "node \($0)" } ?? "all else"
            groups[group, default: (0, 0)].files += 1
            groups[group, default: (0, 0)].bytes += artifact.bytes.count
            total += artifact.bytes.count
            if !artifact.bytes.isEmpty, !seen.insert(artifact.bytes).inserted { repeated += artifact.bytes.count }
        }
        let once = repeated > 0 ? ", \(readableSize(repeated)) of it in files that repeat others" : ""
        let files = counted(bundle.artifacts.count)
        var lines = ["", "size: \(readableSize(total)) in \(files)\(once)"]
        for (group, size) in groups.sorted(by: { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }).prefix(12) {
            lines.append("  \(group): \(readableSize(size.bytes)) in \(counted(size.files))")
        }
        if groups.count > 12 { lines.append("  and \(groups.count - 12) smaller ones") }
        let largest = bundle.artifacts.sorted { ($1.bytes.count, $0.path) < ($0.bytes.count, $1.path) }
        for artifact in largest.prefix(3) where artifact.bytes.count > 1 << 20 {
            lines.append("  \(artifact.path): \(readableSize(artifact.bytes.count))")
        }
        return lines
    }

    private static func counted(_ files: Int) -> String { "\(files) \(files == 1 ? "file" : "files")" }
}
