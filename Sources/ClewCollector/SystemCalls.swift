#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What `stat(2)` says of a path.
struct FileStatus {
    enum Kind {
        case file, folder, symbolicLink, pipe, socket, characterDevice, blockDevice, other
    }

    let kind: Kind
    /// Bytes; 0 for what has no size, such as a pipe or a file of `/proc`.
    let size: Int

    private init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .symbolicLink
            case S_IFIFO: .pipe
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            default: .other
            }
        size = Int(clamping: status.st_size)
    }

    init(ofPath path: String, followingLink: Bool) throws(BundleReadError.Reason) {
        var status = stat()
        guard (followingLink ? stat(path, &status) : lstat(path, &status)) == 0 else { throw .system(errno: errno) }
        self.init(status)
    }

    init(ofDescriptor descriptor: CInt) throws(BundleReadError.Reason) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno: errno) }
        self.init(status)
    }
}

/// An open file, pipe or device, closed with the end of the value.
struct DescriptorStream: ~Copyable, ByteStream {
    private let descriptor: CInt
    private let isOwned: Bool
    let status: FileStatus

    /// Opens what the user named: a regular file, or a pipe that the shell made (`<(…)`).
    ///
    /// A named pipe may wait for ever for somebody who writes, and a device may never end.
    init(openingPath path: String) throws(BundleReadError.Reason) {
        try Self.checkKind(FileStatus(ofPath: path, followingLink: true).kind, path)
        // What takes the file's place in the meantime is read, but does not make this wait.
        try self.init(path: path, flags: O_RDONLY | O_CLOEXEC | (Self.isShellPipe(path) ? 0 : O_NONBLOCK))
    }

    private static func isShellPipe(_ path: String) -> Bool {
        ["/dev/fd/", "/dev/stdin", "/proc/self/fd/"].contains { path.hasPrefix($0) }
    }

    private static func checkKind(_ kind: FileStatus.Kind, _ path: String) throws(BundleReadError.Reason) {
        let what: String
        switch kind {
        case .file, .folder: return
        case .pipe where isShellPipe(path): return
        case .pipe: what = "a named pipe"
        case .socket: what = "a socket"
        case .characterDevice, .blockDevice: what = "a device"
        case .symbolicLink, .other: what = "something else"
        }
        throw .system("is \(what), where a file, a folder or '-' (standard input) is needed")
    }

    /// Opens a file of a folder.
    ///
    /// A link that took its place in the meantime is an error, and a pipe no wait.
    static func inFolder(_ path: String) throws(BundleReadError.Reason) -> DescriptorStream {
        let stream = try DescriptorStream(path: path, flags: O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard stream.status.kind == .file else { throw .system("not a regular file") }
        return stream
    }

    private init(path: String, flags: CInt) throws(BundleReadError.Reason) {
        let opened = open(path, flags)
        guard opened >= 0 else { throw .system(errno: errno) }
        do throws(BundleReadError.Reason) {
            status = try FileStatus(ofDescriptor: opened)
        } catch {
            close(opened)
            throw error
        }
        descriptor = opened
        isOwned = true
    }

    /// Reads standard input, and leaves it open.
    init(standardInput: Void) throws(BundleReadError.Reason) {
        descriptor = STDIN_FILENO
        isOwned = false
        status = try FileStatus(ofDescriptor: STDIN_FILENO)
    }

    deinit {
        if isOwned { close(descriptor) }
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        while true {
            // Linux moves at most 2 GiB - 4 KiB with one call.
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, base, min(buffer.count, 1 << 30))
            #elseif canImport(Musl)
                let count = Musl.read(descriptor, base, min(buffer.count, 1 << 30))
            #else
                let count = Darwin.read(descriptor, base, min(buffer.count, 1 << 30))
            #endif
            if count >= 0 { return count }
            guard errno == EINTR else { throw .system(errno: errno) }
        }
    }
}

/// A name in a folder, or `nil` where it is not UTF-8.
struct FolderEntry {
    let name: String?
    /// For messages: the name with what is not UTF-8 replaced.
    let shownName: String
}

/// The names in a folder without `.` and `..`, sorted; at most `limit` of them and one more.
func folderEntries(of path: String, limit: Int) throws(BundleReadError.Reason) -> [FolderEntry] {
    guard let folder = opendir(path) else { throw .system(errno: errno) }
    defer { closedir(folder) }
    var entries: [FolderEntry] = []
    while entries.count <= limit {
        errno = 0
        guard let entry = readdir(folder) else {
            guard errno == 0 else { throw .system(errno: errno) }
            break
        }
        let (name, shown) = withUnsafePointer(to: &entry.pointee.d_name) { field in
            field.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: field.pointee)) {
                (String(validatingCString: $0), String(cString: $0))
            }
        }
        if shown != "." && shown != ".." { entries.append(FolderEntry(name: name, shownName: shown)) }
    }
    return entries.sorted { $0.shownName < $1.shownName }
}

/// The last part of a folder's real path, so that `.` and links have a name too.
func folderName(ofPath path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved).split(separator: "/").last.map(String.init)
}

extension BundleReadError.Reason {
    /// The words for an error number.
    static func system(errno code: CInt) -> Self {
        switch code {
        case ENOENT: .system("no such file or directory")
        case EACCES, EPERM: .system("permission denied")
        case EISDIR: .system("is a directory")
        case ENOTDIR: .system("a part of the path is not a directory")
        case ELOOP: .system("too many symbolic links")
        case ENAMETOOLONG: .system("the path is too long")
        case EIO: .system("input/output error")
        case EMFILE, ENFILE: .system("too many open files")
        case EBADF: .system("is not open")
        default: .system(strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)")
        }
    }
}
