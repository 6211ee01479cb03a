/// Whether a file that begins with these bytes is a tar archive, an empty one included.
func isTarArchive(_ head: [UInt8]) -> Bool {
    head.count == TarHeader.blockSize && (TarHeader(head) != nil || head.allSatisfy { $0 == 0 })
}

/// Reads the entries of a tar archive front to back into an assembly; nothing is written to disk.
struct TarReader<Source: ByteStream & ~Copyable>: ~Copyable {
    private var source: Source
    private let limits: BundleLimits
    /// What the extended headers say of the entry that follows them.
    private var pendingName: [UInt8]?
    private var pendingLink: [UInt8]?
    private var pendingSize: Int?
    private var pendingIsSparse = false
    /// For messages: the entry that was read last.
    private var last: String?

    /// The longest extended header that is taken in, bytes.
    private static var maxExtension: Int { 1 << 20 }

    init(_ source: consuming Source, limits: BundleLimits) {
        self.source = source
        self.limits = limits
    }

    /// Reads the whole archive.
    mutating func read(into assembly: inout BundleAssembly) throws(BundleReadError.Reason) {
        var block = try content(TarHeader.blockSize, at: place)
        while !block.allSatisfy({ $0 == 0 }) {
            guard let header = TarHeader(block) else {
                throw .damaged("no tar header with a valid checksum \(place)")
            }
            try take(header, into: &assembly)
            block = try content(TarHeader.blockSize, at: place)
        }
        if pendingName != nil || pendingSize != nil { throw .truncated(at: place) }
        try drain(into: &assembly)
    }

    private var place: String { last.map { "behind \(printable($0))" } ?? "at the start" }

    private var inside: String { "inside \(printable(last ?? "its first entry"))" }

    private mutating func take(
        _ header: TarHeader, into assembly: inout BundleAssembly
    ) throws(BundleReadError.Reason) {
        switch header.kind {
        case .gnuLongName:
            let name = try extensionBytes(header)
            pendingName = Array(name.prefix { $0 != 0 })
        case .gnuLongLink:
            let name = try extensionBytes(header)
            pendingLink = Array(name.prefix { $0 != 0 })
        case .globalPax:
            _ = try extensionBytes(header)
        case .pax:
            guard let records = PaxRecords(try extensionBytes(header)) else {
                throw .damaged("a pax header cannot be read, \(place)")
            }
            pendingName = records.path ?? pendingName
            pendingLink = records.linkPath ?? pendingLink
            pendingSize = records.size ?? pendingSize
            pendingIsSparse = records.isSparse
        case .file, .folder, .hardLink, .symbolicLink, .characterDevice, .blockDevice, .pipe, .gnuSparse,
            .information, .unknown:
            try takeEntry(header, into: &assembly)
            pendingName = nil
            pendingLink = nil
            pendingSize = nil
            pendingIsSparse = false
        }
    }

    private mutating func takeEntry(
        _ header: TarHeader, into assembly: inout BundleAssembly
    ) throws(BundleReadError.Reason) {
        let raw = pendingName ?? header.name
        let name = String(decoding: raw, as: UTF8.self)
        last = name
        // v7 knows no kind for folders, and marks them with a slash behind the name.
        let kind = header.kind == .file && raw.last == UInt8(ascii: "/") ? .folder : header.kind
        let size = header.hasContent ? pendingSize ?? header.size : 0
        try assembly.countEntry()
        if kind == .information { return try skipContent(size, in: &assembly) }
        let place = try ArtifactPath(archiveEntry: name)
        if header.hasMoreSparseBlocks { try skipSparseMap() }
        if kind == .hardLink, try takeRepeated(place, link: pendingLink ?? header.linkName, into: &assembly) { return }
        guard kind == .file, !place.isHidden, !pendingIsSparse else {
            if let why = reasonToLeaveOut(kind), !place.isHidden { assembly.leftOut(place.text, why) }
            return try skipContent(size, in: &assembly)
        }
        guard String(validating: raw, as: UTF8.self) != nil else {
            assembly.leftOut(place.text, "its name is not UTF-8")
            return try skipContent(size, in: &assembly)
        }
        guard !place.text.isEmpty else { throw .damaged("a file without a name, behind \(printable(name))") }
        guard size <= limits.maxFileBytes else {
            assembly.leftOut(
                place.text, "\(readableSize(size)), more than the limit of \(readableSize(limits.maxFileBytes))")
            return try skipContent(size, in: &assembly)
        }
        let bytes = try content(size, at: inside)
        try skipPadding(behind: size, at: inside)
        try assembly.add(path: place.text, bytes: bytes)
    }

    /// Takes a hard link to an earlier file of the archive for that file once more; false for any other.
    private func takeRepeated(
        _ place: ArtifactPath, link: [UInt8], into assembly: inout BundleAssembly
    ) throws(BundleReadError.Reason) -> Bool {
        guard !place.isHidden, !place.text.isEmpty,
            let target = try? ArtifactPath(archiveEntry: String(decoding: link, as: UTF8.self)),
            let bytes = assembly.bytes(at: target.text)
        else { return false }
        try assembly.add(path: place.text, bytes: bytes)
        return true
    }

    private func reasonToLeaveOut(_ kind: TarHeader.Kind) -> String? {
        switch kind {
        case .folder, .information, .gnuLongName, .gnuLongLink, .pax, .globalPax: nil
        case .file, .gnuSparse: "a sparse file, which is not read"
        case .hardLink: "a hard link, which is not followed"
        case .symbolicLink: "a symbolic link, which is not followed"
        case .characterDevice, .blockDevice: "a device"
        case .pipe: "a named pipe"
        case .unknown(let flag): "an entry of the unknown kind \(flag)"
        }
    }

    private mutating func extensionBytes(_ header: TarHeader) throws(BundleReadError.Reason) -> [UInt8] {
        guard header.size <= Self.maxExtension else {
            throw .damaged("a header of \(readableSize(header.size)), \(place)")
        }
        let bytes = try content(header.size, at: place)
        try skipPadding(behind: header.size, at: place)
        return bytes
    }

    private mutating func skipSparseMap() throws(BundleReadError.Reason) {
        // Byte 504 says whether one more block of the map follows.
        while try content(TarHeader.blockSize, at: inside)[504] != 0 {}
    }

    private mutating func content(_ size: Int, at place: String) throws(BundleReadError.Reason) -> [UInt8] {
        do throws(BundleReadError.Reason) {
            let bytes = try source.gather(atMost: size, expected: size)
            guard bytes.count == size else { throw .truncated(at: place) }
            return bytes
        } catch {
            if case .truncated = error { throw .truncated(at: place) }
            throw error
        }
    }

    private mutating func skipContent(
        _ size: Int, in assembly: inout BundleAssembly
    ) throws(BundleReadError.Reason) {
        try assembly.countBytes(size)
        do throws(BundleReadError.Reason) {
            guard try source.skip(size) == size else { throw .truncated(at: inside) }
        } catch {
            if case .truncated = error { throw .truncated(at: inside) }
            throw error
        }
        try skipPadding(behind: size, at: inside)
    }

    private mutating func skipPadding(behind size: Int, at place: String) throws(BundleReadError.Reason) {
        let rest = size % TarHeader.blockSize
        if rest > 0 { _ = try content(TarHeader.blockSize - rest, at: place) }
    }

    /// Reads behind the end mark, so that a packed archive's own checksum is looked at.
    private mutating func drain(into assembly: inout BundleAssembly) throws(BundleReadError.Reason) {
        var hasMore = false
        var left = limits.maxTotalBytes
        while left > 0 {
            let bytes: [UInt8]
            do throws(BundleReadError.Reason) {
                bytes = try source.gather(atMost: 1 << 16, expected: 1 << 16)
            } catch {
                if case .truncated = error { throw .truncated(at: place) }
                throw error
            }
            hasMore = hasMore || bytes.contains { $0 != 0 }
            left -= bytes.count
            if bytes.count < 1 << 16 { break }
        }
        if hasMore { assembly.leftOut(last ?? "", "the archive goes on behind its end mark; the rest is not read") }
    }
}
