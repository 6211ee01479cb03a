package import ClewBundle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a bundle as an archive.
package enum BundleWriter {
    /// What was written.
    package struct Report: Sendable, Hashable {
        package var files = 0
        /// Bytes of all files.
        package var bytes = 0
        /// Files whose bytes are in the archive once, as another file's.
        package var repeatedFiles = 0
        package var repeatedBytes = 0
        /// Bytes of the archive; `nil` on standard output.
        package var packedBytes: Int?

        /// One line: `113 files, 3.1 MiB (1.2 MiB of it repeated), 210 KiB packed`.
        package var description: String {
            let repeated = repeatedBytes > 0 ? " (\(readableSize(repeatedBytes)) of it repeated)" : ""
            let packed = packedBytes.map { ", \(readableSize($0)) packed" } ?? ""
            return "\(files) \(files == 1 ? "file" : "files"), \(readableSize(bytes))\(repeated)\(packed)"
        }
    }

    /// Writes the archive to a file that appears when it is whole, or to standard output (`-`).
    ///
    /// `time` is in seconds since 1970.
    package static func write(
        _ bundle: SupportBundle, to path: String, packing: Packing, replacing: Bool, time: Int
    ) throws(WriteError) -> Report {
        guard let packer = Packer(packing) else { throw WriteError("cannot pack: no memory") }
        if path == "-" {
            return try write(bundle, packer, time: time) { (bytes) throws(WriteError) in
                guard writeAll(bytes, to: STDOUT_FILENO) else { throw .system("cannot write standard output") }
            }
        }
        var file = try OutputFile(path: path)
        var report = try write(bundle, packer, time: time) { (bytes) throws(WriteError) in try file.write(bytes) }
        report.packedBytes = file.size
        try file.publish(replacing: replacing)
        return report
    }

    private static func write(
        _ bundle: SupportBundle, _ packer: borrowing Packer, time: Int,
        into sink: (ArraySlice<UInt8>) throws(WriteError) -> Void
    ) throws(WriteError) -> Report {
        let tar = TarWriter(time: time)
        var report = Report()
        var pathOfBytes: [[UInt8]: String] = [:]
        for artifact in bundle.artifacts {
            report.files += 1
            report.bytes += artifact.bytes.count
            // Short ones take a block either way.
            if artifact.bytes.count > TarHeader.blockSize {
                if let earlier = pathOfBytes[artifact.bytes] {
                    report.repeatedFiles += 1
                    report.repeatedBytes += artifact.bytes.count
                    try packer.pack(tar.link(path: artifact.path, to: earlier), isLast: false, into: sink)
                    continue
                }
                pathOfBytes[artifact.bytes] = artifact.path
            }
            let header = tar.header(path: artifact.path, size: artifact.bytes.count)
            try packer.pack(header, isLast: false, into: sink)
            try packer.pack(artifact.bytes, isLast: false, into: sink)
            try packer.pack(TarWriter.padding(behind: artifact.bytes.count), isLast: false, into: sink)
        }
        try packer.pack(TarWriter.end, isLast: true, into: sink)
        return report
    }
}
