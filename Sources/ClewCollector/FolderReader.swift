/// Reads a folder and what is below it into an assembly; links are never followed.
struct FolderReader {
    private let root: String
    private let limits: BundleLimits

    init(root: String, limits: BundleLimits) {
        self.root = root
        self.limits = limits
    }

    /// Reads everything.
    ///
    /// Only the root's own failure is an error; what else cannot be read is a problem.
    func read(into assembly: inout BundleAssembly) throws(BundleReadError.Reason) {
        var waiting = try read(folder: "", depth: 0, into: &assembly)
        while let next = waiting.popLast() {
            guard next.depth <= limits.maxDepth else {
                assembly.leftOut(next.path, "lies more than \(limits.maxDepth) folders deep")
                continue
            }
            let entries: [Waiting]
            do throws(BundleReadError.Reason) {
                entries = try read(folder: next.path, depth: next.depth, into: &assembly)
            } catch {
                if case .tooLarge = error { throw error }
                assembly.leftOut(next.path, "cannot be read: \(error)")
                continue
            }
            waiting += entries
        }
    }

    private struct Waiting {
        let path: String
        let depth: Int
    }

    /// Reads the files of one folder, and returns the folders in it, the last one first.
    private func read(
        folder: String, depth: Int, into assembly: inout BundleAssembly
    ) throws(BundleReadError.Reason) -> [Waiting] {
        var folders: [Waiting] = []
        for entry in try folderEntries(of: absolute(folder), limit: limits.maxEntries) {
            if entry.shownName.hasPrefix(".") { continue }
            try assembly.countEntry()
            let path = folder.isEmpty ? entry.shownName : folder + "/" + entry.shownName
            guard entry.name != nil else {
                assembly.leftOut(path, "its name is not UTF-8")
                continue
            }
            do throws(BundleReadError.Reason) {
                switch try FileStatus(ofPath: absolute(path), followingLink: false).kind {
                case .file: try readFile(path, into: &assembly)
                case .folder: folders.append(Waiting(path: path, depth: depth + 1))
                case .symbolicLink: assembly.leftOut(path, "a symbolic link, which is not followed")
                case .pipe: assembly.leftOut(path, "a named pipe")
                case .socket: assembly.leftOut(path, "a socket")
                case .characterDevice, .blockDevice: assembly.leftOut(path, "a device")
                case .other: assembly.leftOut(path, "neither a file nor a folder")
                }
            } catch {
                if case .tooLarge = error { throw error }
                assembly.leftOut(path, "cannot be read: \(error)")
            }
        }
        return folders.reversed()
    }

    private func readFile(_ path: String, into assembly: inout BundleAssembly) throws(BundleReadError.Reason) {
        let file = try DescriptorStream.inFolder(absolute(path))
        let size = file.status.size
        var stream = PeekableStream(file)
        if try stream.peek(2) == gzipMagic {
            return try assembly.add(path: path, gzip: stream, packedSize: size)
        }
        let tooLarge = "more than the limit of \(readableSize(limits.maxFileBytes))"
        guard size <= limits.maxFileBytes else {
            return assembly.leftOut(path, "\(readableSize(size)), \(tooLarge)")
        }
        // One byte more than the file is said to have: its absence is the end, and a file that grows is read on.
        let bytes = try stream.gather(atMost: limits.maxFileBytes + 1, expected: size + 1)
        guard bytes.count <= limits.maxFileBytes else { return assembly.leftOut(path, tooLarge) }
        try assembly.add(path: path, bytes: bytes)
    }

    private func absolute(_ path: String) -> String {
        path.isEmpty ? root : root.hasSuffix("/") ? root + path : root + "/" + path
    }
}
