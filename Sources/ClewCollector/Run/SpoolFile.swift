#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A work file without a name, so that it is gone when the process is, however it ends.
///
/// A class, since what runs and who reads its output share it, and its descriptor is closed once.
final class SpoolFile: Sendable {
    let descriptor: CInt

    init() throws(WriteError) {
        let folder = Self.folder
        var name = Array("\(folder)/.clew-XXXXXX".utf8CString)
        descriptor = name.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return -1 }
            let opened = mkstemp(base)
            if opened >= 0 { unlink(base) }
            return opened
        }
        guard descriptor >= 0 else { throw .system("cannot make a work file in \(folder) (TMPDIR names another)") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static var folder: String {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return named.isEmpty ? "/tmp" : named
    }

    /// A file that holds these bytes, at its start.
    convenience init(_ bytes: [UInt8]) throws(WriteError) {
        try self.init()
        guard writeAll(bytes[...], to: descriptor), lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .system("cannot write a work file in \(Self.folder) (TMPDIR names another)")
        }
    }

    deinit { close(descriptor) }

    /// A path by which it can be opened anew, from its start.
    var path: String { "/dev/fd/\(descriptor)" }

    var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(clamping: status.st_size) : 0
    }

    /// What it holds, at most `limit` bytes of it.
    func bytes(limit: Int) -> [UInt8] {
        let count = min(size, limit)
        var bytes = [UInt8](repeating: 0, count: count)
        var taken = 0
        while taken < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + taken }, count - taken, off_t(taken))
            }
            if got <= 0 { break }
            taken += got
        }
        return Array(bytes.prefix(taken))
    }
}
