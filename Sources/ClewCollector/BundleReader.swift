package import ClewBundle

/// Reads what was collected: a folder, an archive, a file, or standard input.
///
/// What a file is, its first bytes say, not its name. An archive is read as a stream and never unpacked to disk.
package enum BundleReader {
    /// Reads a folder, a `.tar`, `.tar.gz` or `.tar.zst` archive, or a single file; `-` is standard input.
    package static func read(
        path: String, limits: BundleLimits = .default
    ) throws(BundleReadError) -> SupportBundle {
        do throws(BundleReadError.Reason) {
            if path != "-", try FileStatus(ofPath: path, followingLink: true).kind == .folder {
                var assembly = BundleAssembly(limits: limits)
                try FolderReader(root: path, limits: limits).read(into: &assembly)
                return try assembly.bundle(named: path, folder: folderName(ofPath: path))
            }
            let name = path == "-" ? "stdin" : path.split(separator: "/").last.map(String.init) ?? path
            var sink = ArchiveSink(path: path, fileName: name, limits: limits)
            try decode(try open(path), limits: limits, into: &sink)
            return try sink.bundle()
        } catch {
            throw BundleReadError(path: path, reason: error)
        }
    }

    /// Reads one file, packed or not, to the artifact `artifactPath`; it may be empty, and `-` is standard input.
    package static func readFile(
        path: String, as artifactPath: String, limits: BundleLimits = .default
    ) throws(BundleReadError) -> SupportBundle {
        do throws(BundleReadError.Reason) {
            var sink = FileSink(limits: limits)
            try decode(try open(path), limits: limits, into: &sink)
            return SupportBundle(name: path, artifacts: [Artifact(path: artifactPath, bytes: sink.bytes)])
        } catch {
            throw BundleReadError(path: path, reason: error)
        }
    }

    /// Reads a folder, archive or file that is to be joined to a bundle: its artifacts lie below `added/NAME/`, or are
    /// `added/NAME` where it is a single file.
    package static func readAddition(
        path: String, limits: BundleLimits = .default
    ) throws(BundleReadError) -> SupportBundle {
        let bundle = try read(path: path, limits: limits)
        let isFolderOrArchive = bundle.folder != nil || bundle.artifacts.count > 1
        let prefix = isFolderOrArchive ? "added/\(bundle.folder ?? "stdin")/" : "added/"
        return SupportBundle(
            name: path,
            artifacts: bundle.artifacts.map {
                Artifact(path: prefix + $0.path, bytes: $0.bytes, origin: $0.origin)
            },
            problems: bundle.problems.map { BundleProblem(path: prefix + $0.path, reason: $0.reason) },
            folder: bundle.folder)
    }

    private static func open(_ path: String) throws(BundleReadError.Reason) -> DescriptorStream {
        let stream = try path == "-" ? DescriptorStream(standardInput: ()) : DescriptorStream(openingPath: path)
        guard stream.status.kind != .folder else { throw .system("is a directory, where a file is needed") }
        return stream
    }

    /// Unpacks a file if it is packed, and hands the stream to the sink.
    private static func decode<Sink: DecodedSink>(
        _ file: consuming DescriptorStream, limits: BundleLimits, into sink: inout Sink
    ) throws(BundleReadError.Reason) {
        let size = file.status.size
        var stream = PeekableStream(file)
        let head = try stream.peek(6)
        // A guess at what packed data unpacks to.
        let unpackedSize = min(size, 1 << 20) * 8
        if head.starts(with: gzipMagic) {
            let budget = InflationGuard(
                maxBytes: limits.maxTotalBytes, maxRatio: limits.maxGzipRatio, grace: limits.ratioGrace)
            try sink.take(GzipStream(stream, budget: budget), expected: unpackedSize)
        } else if hasZstdMagic(head) {
            let budget = InflationGuard(
                maxBytes: limits.maxTotalBytes, maxRatio: limits.maxZstdRatio, grace: limits.ratioGrace)
            try sink.take(ZstdStream(stream, budget: budget), expected: unpackedSize)
        } else if let format = foreignFormat(head) {
            throw .unknownFormat("\(format), which is not read; pack a bundle as .tar.gz or .tar.zst")
        } else {
            // One byte more than the file is said to have: its absence is the end.
            try sink.take(stream, expected: size + 1)
        }
    }

    private static func foreignFormat(_ head: [UInt8]) -> String? {
        if head.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a]) { return "xz data" }
        if head.starts(with: Array("BZh".utf8)) { return "bzip2 data" }
        if head.starts(with: [0x50, 0x4b, 3, 4]) { return "a zip archive" }
        if head.starts(with: [0x37, 0x7a, 0xbc, 0xaf]) { return "a 7z archive" }
        return nil
    }
}
