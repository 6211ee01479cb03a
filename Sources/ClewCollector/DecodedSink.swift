import ClewBundle

/// Takes unpacked data in; generic over the stream, so that the bytes go straight to where they stay.
protocol DecodedSink {
    /// `expected` is how many bytes will probably come.
    mutating func take<Source: ByteStream & ~Copyable>(
        _ source: consuming Source, expected: Int
    ) throws(BundleReadError.Reason)
}

/// Takes an archive, or a single text file, as a bundle.
struct ArchiveSink: DecodedSink {
    private let path: String
    private let fileName: String
    private let limits: BundleLimits
    private var assembly: BundleAssembly
    private var isArchive = false

    /// `path` is what the user named; `fileName` is the name that a single file gets in its bundle.
    init(path: String, fileName: String, limits: BundleLimits) {
        self.path = path
        self.fileName = fileName
        self.limits = limits
        assembly = BundleAssembly(limits: limits)
    }

    mutating func take<Source: ByteStream & ~Copyable>(
        _ source: consuming Source, expected: Int
    ) throws(BundleReadError.Reason) {
        var stream = PeekableStream(source)
        isArchive = isTarArchive(try stream.peek(TarHeader.blockSize))
        guard !isArchive else {
            var reader = TarReader(stream, limits: limits)
            return try reader.read(into: &assembly)
        }
        let bytes = try gatherText(&stream, expected: expected, limits: limits, mayBeEmpty: false)
        // Named without the ending here: the data is unpacked already.
        try assembly.add(path: fileName.withoutEnding([".gz", ".zst"]), bytes: bytes)
    }

    consuming func bundle() throws(BundleReadError.Reason) -> SupportBundle {
        let stem = fileName.withoutEnding([".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"])
        return try assembly.bundle(named: path, folder: isArchive && path != "-" ? stem : nil)
    }
}

/// Takes a single text file.
struct FileSink: DecodedSink {
    private let limits: BundleLimits
    private(set) var bytes: [UInt8] = []

    init(limits: BundleLimits) { self.limits = limits }

    mutating func take<Source: ByteStream & ~Copyable>(
        _ source: consuming Source, expected: Int
    ) throws(BundleReadError.Reason) {
        var stream = source
        bytes = try gatherText(&stream, expected: expected, limits: limits, mayBeEmpty: true)
    }
}

/// Reads all of a stream; what is not text is refused, since no command that is collected prints anything else.
private func gatherText<Source: ByteStream & ~Copyable>(
    _ stream: inout Source, expected: Int, limits: BundleLimits, mayBeEmpty: Bool
) throws(BundleReadError.Reason) -> [UInt8] {
    let bytes = try stream.gather(atMost: limits.maxFileBytes + 1, expected: expected)
    guard bytes.count <= limits.maxFileBytes else {
        throw .tooLarge("refused: larger than \(readableSize(limits.maxFileBytes))")
    }
    guard mayBeEmpty || !bytes.isEmpty else { throw .empty("is empty") }
    switch textKind(of: bytes) {
    case .text: return bytes
    case .utf16: throw .unknownFormat("UTF-16 text; save it as UTF-8")
    case .binary: throw .unknownFormat("neither a folder, a tar archive (plain, gzip or zstd) nor text")
    }
}

extension String {
    /// The text without the first of the endings that it has, unless nothing would be left.
    fileprivate func withoutEnding(_ endings: [String]) -> String {
        for ending in endings where hasSuffix(ending) && count > ending.count {
            return String(dropLast(ending.count))
        }
        return self
    }
}
