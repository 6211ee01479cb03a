#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that has no name until it is whole.
///
/// Where the file system can, it is nameless until ``publish(replacing:)``: a process that is killed leaves nothing.
/// Elsewhere it has a name that begins with a dot, and is removed unless the process itself is killed.
struct OutputFile: ~Copyable {
    let path: String
    private let descriptor: CInt
    private var temporaryName: String?
    private(set) var size = 0

    init(path: String) throws(WriteError) {
        self.path = path
        let folder = Self.folder(of: path)
        #if os(Linux)
            // O_TMPFILE: no importable macro.
            let nameless = open(folder, O_RDWR | O_CLOEXEC | O_DIRECTORY | 0o20_000_000, 0o666)
            if nameless >= 0 {
                descriptor = nameless
                return
            }
        #endif
        let name = "\(folder)/.\(Self.fileName(of: path)).\(getpid()).part"
        descriptor = open(name, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0o666)
        guard descriptor >= 0 else { throw .system("cannot write \(path)") }
        temporaryName = name
    }

    deinit {
        if let temporaryName { unlink(temporaryName) }
        close(descriptor)
    }

    mutating func write(_ bytes: ArraySlice<UInt8>) throws(WriteError) {
        guard writeAll(bytes, to: descriptor) else { throw .system("cannot write \(path)") }
        size += bytes.count
    }

    /// Gives the file its name, whole; what has that name already is only replaced if told to.
    mutating func publish(replacing: Bool) throws(WriteError) {
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .system("cannot write \(path)") }
        if let temporaryName {
            guard replacing || access(path, F_OK) != 0 else { throw WriteError("\(path) is there already") }
            guard rename(temporaryName, path) == 0 else { throw .system("cannot write \(path)") }
            self.temporaryName = nil
            return
        }
        if linkNameless(to: path) == 0 { return }
        guard errno == EEXIST, replacing else {
            if errno == EEXIST { throw WriteError("\(path) is there already") }
            throw .system("cannot write \(path)")
        }
        let name = "\(Self.folder(of: path))/.\(Self.fileName(of: path)).\(getpid()).part"
        guard linkNameless(to: name) == 0 else { throw .system("cannot write \(path)") }
        guard rename(name, path) == 0 else {
            let failure = WriteError.system("cannot write \(path)")
            unlink(name)
            throw failure
        }
    }

    private func linkNameless(to name: String) -> CInt {
        #if os(Linux)
            // AT_SYMLINK_FOLLOW, as linkat(2) shows for files made with O_TMPFILE.
            linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, name, 0x400)
        #else
            -1
        #endif
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func fileName(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }
}

extension WriteError {
    /// The system's reason for the last failure, behind what was tried.
    static func system(_ what: String) -> WriteError { WriteError("\(what): \(String(cString: strerror(errno)))") }
}

/// Writes all of the bytes; false, with `errno`, where that fails.
func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: CInt) -> Bool {
    bytes.withUnsafeBytes { buffer in
        var start = 0
        while start < buffer.count {
            let count = write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
            if count > 0 {
                start += count
            } else if count == 0 || errno != EINTR {
                return false
            }
        }
        return true
    }
}
