/// Everything that was collected from a cluster: raw bytes, and what the manifest says of how they came to be.
///
/// A bundle holds no parsed value (see `docs/bundle.md` for the layout); every run parses anew.
package struct SupportBundle: Sendable {
    /// What the user named: a path, or `-`.
    package let name: String
    /// Sorted by path, so that equal input gives equal identifiers.
    package private(set) var artifacts: [Artifact]
    /// What the reader left out, and why: links, entries over the limits, damaged files.
    package private(set) var problems: [BundleProblem]
    /// The name of the folder that holds the artifacts, which names the node where the bundle is one node's files.
    ///
    /// Of an archive: the folder that wraps all of its entries (and is no part of their paths), else the archive's name
    /// without its ending. `nil` for standard input.
    package let folder: String?

    package init(name: String, artifacts: [Artifact], problems: [BundleProblem] = [], folder: String? = nil) {
        self.name = name
        self.folder = folder
        self.artifacts = artifacts.sorted { $0.path < $1.path }
        self.problems = problems
    }

    package subscript(_ id: ArtifactID) -> Artifact? {
        Int(id.rawValue) < artifacts.count ? artifacts[Int(id.rawValue)] : nil
    }

    /// Joins further artifacts (`--add`); a path that is already there gets a number behind its name.
    package mutating func add(_ other: SupportBundle) {
        var taken = Set(artifacts.map(\.path))
        for var artifact in other.artifacts {
            let path = artifact.path
            var number = 2
            while !taken.insert(artifact.path).inserted {
                artifact.path = path + "~\(number)"
                number += 1
            }
            artifacts.append(artifact)
        }
        artifacts.sort { $0.path < $1.path }
        problems += other.problems
    }
}

/// One collected file.
package struct Artifact: Sendable {
    /// Relative to the bundle, parted by `/`, without a `.gz` ending: `nodes/worker-a/iptables-save.txt`.
    package var path: String
    /// The bytes, unpacked.
    package var bytes: [UInt8]
    package var origin: ArtifactOrigin?

    package init(path: String, bytes: [UInt8], origin: ArtifactOrigin? = nil) {
        self.path = path
        self.bytes = bytes
        self.origin = origin
    }

    /// The part of the path behind the last `/`.
    package var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// What the manifest (`bundle.json`) says of one artifact.
package struct ArtifactOrigin: Sendable, Hashable {
    package var command: String?
    package var exitCode: Int?
    package var standardError: String?
    package var seconds: Double?

    package init(command: String? = nil, exitCode: Int? = nil, standardError: String? = nil, seconds: Double? = nil) {
        self.command = command
        self.exitCode = exitCode
        self.standardError = standardError
        self.seconds = seconds
    }
}

/// Something of a bundle that was left out.
package struct BundleProblem: Sendable, Hashable {
    package let path: String
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}
