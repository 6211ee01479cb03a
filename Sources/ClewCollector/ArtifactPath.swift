/// The place of a file in a bundle: relative, without empty parts and dots.
struct ArtifactPath {
    let text: String
    /// A part of it begins with a dot: version control, an editor, the Finder; nothing that was collected.
    let isHidden: Bool

    /// Cleans an archive's entry name; what points out of the bundle is refused.
    init(archiveEntry name: String) throws(BundleReadError.Reason) {
        guard !name.hasPrefix("/") else { throw .escapes(entry: name, because: "has an absolute path") }
        let parts = name.split(separator: "/").filter { $0 != "." }
        guard !parts.contains("..") else {
            throw .escapes(entry: name, because: "would lie outside of the bundle")
        }
        guard !name.utf8.contains(0) else { throw .escapes(entry: name, because: "has a zero byte in its name") }
        text = parts.joined(separator: "/")
        isHidden = parts.contains { $0.hasPrefix(".") }
    }

    /// Folders that have a meaning in a bundle, and so are never taken for a wrapping around it.
    private static let layoutFolders: Set<Substring> = ["nodes", "cluster", "netns", "proc-xt_recent", "added"]

    /// How many leading folders hold everything, as an archive of `my-bundle/…` has them.
    static func wrappingFolders(of paths: [String]) -> [Substring] {
        guard var common = paths.first?.split(separator: "/").dropLast().prefix(while: { !layoutFolders.contains($0) })
        else { return [] }
        for path in paths.dropFirst() where !common.isEmpty {
            let parts = path.split(separator: "/").dropLast()
            common = common.prefix(zip(common, parts).prefix { $0 == $1 }.count)
        }
        return Array(common)
    }
}
