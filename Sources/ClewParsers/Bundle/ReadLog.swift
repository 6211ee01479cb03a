import ClewBundle
import ClewSnapshot

/// What became of each artifact.
struct ReadLog {
    struct Entry {
        var format: String
        var status: InventoryEntry.Status
        var lines: Int
        var unread: Int
        /// Whose file it is.
        var node: String?
    }

    private(set) var entries: [ArtifactID: Entry] = [:]
    private(set) var unread: [UnreadLine] = []

    mutating func note(
        _ id: ArtifactID, _ format: String, _ status: InventoryEntry.Status, lines: Int, unread: [UnreadLine]
    ) {
        entries[id] = Entry(format: format, status: status, lines: lines, unread: unread.count)
        self.unread += unread
    }

    /// Notes a file that is listed, but not read.
    mutating func keep(_ id: ArtifactID, _ format: String) {
        note(id, format, .kept, lines: 0, unread: [])
    }

    /// Adds lines of artifacts that are noted already.
    mutating func add(_ lines: [UnreadLine]) {
        for line in lines { entries[line.source.artifact]?.unread += 1 }
        unread += lines
    }

    /// Takes over what became of the files of a node.
    mutating func add(_ other: ReadLog, of node: String) {
        for (id, entry) in other.entries {
            entries[id] = entry
            entries[id]?.node = node
        }
        unread += other.unread
    }
}

/// The artifacts of a bundle with what the manifest says of them.
struct ArtifactSource {
    private let artifacts: [Artifact]
    private var origins: [ArtifactID: ArtifactOrigin] = [:]
    /// What manifests say of files that are not there, by path; the identifiers follow those of the artifacts.
    private(set) var absent: [(path: String, origin: ArtifactOrigin)] = []
    private var absentByFolder: [String: [Int]] = [:]

    init(_ artifacts: [Artifact]) {
        self.artifacts = artifacts
        for (index, artifact) in artifacts.enumerated() {
            origins[ArtifactID(rawValue: UInt32(truncatingIfNeeded: index))] = artifact.origin
        }
    }

    /// Takes over what a manifest says of the files below its folder, where the reader has not said it.
    mutating func apply(_ manifest: BundleManifest, in folder: String) {
        let prefix = folder.isEmpty ? "" : folder + "/"
        var there: Set<String> = []
        for (index, artifact) in artifacts.enumerated() where artifact.path.hasPrefix(prefix) {
            let id = ArtifactID(rawValue: UInt32(truncatingIfNeeded: index))
            let path = String(artifact.path.dropFirst(prefix.count))
            there.formUnion([path, path + ".gz"])
            // The manifest may name a file as it was written, packed.
            if let origin = manifest.artifacts[path] ?? manifest.artifacts[path + ".gz"], origins[id] == nil {
                origins[id] = origin
            }
        }
        for (path, origin) in manifest.artifacts.sorted(by: { $0.key < $1.key }) where !there.contains(path) {
            let parts = (prefix + path).split(separator: "/")
            absentByFolder[parts.dropLast().joined(separator: "/"), default: []].append(absent.count)
            absent.append((parts.joined(separator: "/"), origin))
        }
    }

    /// Files that a manifest names and that are not there, directly in a folder.
    func absent(in folder: String) -> [(id: ArtifactID, path: String, origin: ArtifactOrigin)] {
        (absentByFolder[folder] ?? []).map { index in
            let id = ArtifactID(rawValue: UInt32(truncatingIfNeeded: artifacts.count + index))
            return (id, absent[index].path, absent[index].origin)
        }
    }

    func path(_ id: ArtifactID) -> String {
        let number = Int(id.rawValue)
        if number < artifacts.count { return artifacts[number].path }
        return number - artifacts.count < absent.count ? absent[number - artifacts.count].path : "?"
    }

    func bytes(_ id: ArtifactID) -> [UInt8] {
        Int(id.rawValue) < artifacts.count ? artifacts[Int(id.rawValue)].bytes : []
    }

    func fileName(_ id: ArtifactID) -> String {
        Int(id.rawValue) < artifacts.count ? artifacts[Int(id.rawValue)].fileName : "?"
    }

    func origin(_ id: ArtifactID) -> ArtifactOrigin? { origins[id] }

    /// Whether the file holds nothing but blanks.
    func isEmpty(_ id: ArtifactID) -> Bool { firstByte(id) == nil }

    /// Whether the file begins as JSON of the tools does; an `[0:0] -A …` of `iptables-save -c` does not come first.
    func isJSON(_ id: ArtifactID) -> Bool {
        firstByte(id) == UInt8(ascii: "{") || firstByte(id) == UInt8(ascii: "[")
    }

    func title(_ format: ArtifactFormat, _ id: ArtifactID) -> String {
        isJSON(id) ? format.title + " (JSON)" : format.title
    }

    private func firstByte(_ id: ArtifactID) -> UInt8? {
        bytes(id).first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    }
}
