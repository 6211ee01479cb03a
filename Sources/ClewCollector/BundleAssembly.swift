import ClewBundle

/// A bundle that is being read: counts against the limits, unpacks `.gz` files, and keeps what was left out.
struct BundleAssembly {
    private let limits: BundleLimits
    private var artifacts: [Artifact] = []
    private var problems: [BundleProblem] = []
    private var indexOfPath: [String: Int] = [:]
    private var entries = 0
    private var totalBytes = 0

    init(limits: BundleLimits) { self.limits = limits }

    /// Counts a file, folder or link, whether it is kept or not.
    mutating func countEntry() throws(BundleReadError.Reason) {
        entries += 1
        if entries > limits.maxEntries { throw .tooLarge("refused: more than \(limits.maxEntries) entries") }
    }

    mutating func leftOut(_ path: String, _ reason: String) {
        problems.append(BundleProblem(path: printable(path), reason: reason))
    }

    /// Adds a file; gzip data in it is unpacked, and its path loses the ending.
    mutating func add(path: String, bytes: consuming [UInt8]) throws(BundleReadError.Reason) {
        if bytes.starts(with: gzipMagic) {
            let packed = bytes.count
            return try add(path: path, gzip: MemoryStream(bytes), packedSize: packed)
        }
        try countBytes(bytes.count)
        if path.hasSuffix(".gz"), !bytes.isEmpty, textKind(of: bytes) != .text {
            return leftOut(path, "is named .gz and holds no gzip data")
        }
        keep(path: path, bytes: bytes)
    }

    /// Adds a file from its gzip data, where damage is a problem of this file alone.
    mutating func add<Source: ByteStream & ~Copyable>(
        path: String, gzip source: consuming Source, packedSize: Int
    ) throws(BundleReadError.Reason) {
        let budget = InflationGuard(
            maxBytes: limits.maxFileBytes, maxRatio: limits.maxGzipRatio, grace: limits.ratioGrace)
        var stream = try GzipStream(source, budget: budget)
        var unpacked: [UInt8]?
        do throws(BundleReadError.Reason) {
            // The stream itself ends with an error beyond the limit.
            unpacked = try stream.gather(atMost: .max, expected: min(packedSize, 1 << 20) * 8)
        } catch {
            switch error {
            case .truncated: leftOut(path, "its gzip data is cut off behind \(stream.unpacked) unpacked bytes")
            default: leftOut(path, "\(error)")
            }
        }
        // What was unpacked in vain counts too: many small bombs are one large one.
        try countBytes(stream.unpacked)
        if let unpacked { keep(path: path, bytes: unpacked) }
    }

    /// Counts bytes that were unpacked or read over, whether they are kept or not.
    mutating func countBytes(_ count: Int) throws(BundleReadError.Reason) {
        guard count <= limits.maxTotalBytes - totalBytes else {
            throw .tooLarge("refused: holds more than \(readableSize(limits.maxTotalBytes))")
        }
        totalBytes += count
    }

    /// The file that was added at a path.
    func bytes(at path: String) -> [UInt8]? { indexOfPath[path].map { artifacts[$0].bytes } }

    private mutating func keep(path: String, bytes: consuming [UInt8]) {
        var place = path
        if path.hasSuffix(".gz"), !path.hasSuffix("/.gz"), path.utf8.count > 3 { place.removeLast(3) }
        let artifact = Artifact(path: place, bytes: bytes)
        guard let index = indexOfPath[place] else {
            indexOfPath[place] = artifacts.count
            artifacts.append(artifact)
            return
        }
        leftOut(place, "is there twice; the later one counts")
        artifacts[index] = artifact
    }

    /// The bundle of all that was added, without the folders that wrap all of it.
    consuming func bundle(named name: String, folder: String?) throws(BundleReadError.Reason) -> SupportBundle {
        guard !artifacts.isEmpty else {
            let hint = problems.first.map { "; left out \($0.path): \($0.reason)" } ?? ""
            throw .empty("holds no files\(hint)")
        }
        let wrapping = ArtifactPath.wrappingFolders(of: artifacts.map(\.path))
        let prefix = wrapping.map { $0 + "/" }.joined()
        for index in artifacts.indices { artifacts[index].path.removeFirst(prefix.count) }
        let kept = problems.map {
            $0.path.hasPrefix(prefix)
                ? BundleProblem(path: String($0.path.dropFirst(prefix.count)), reason: $0.reason) : $0
        }
        return SupportBundle(
            name: name, artifacts: artifacts, problems: kept, folder: wrapping.last.map(String.init) ?? folder)
    }
}
