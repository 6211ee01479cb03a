#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Standard output, written in large pieces.
struct Output {
    /// The reader is gone: nothing more needs to be written.
    private(set) var isClosed = false
    private var pending: [UInt8] = []

    mutating func write(_ text: String) throws(CommandFailure) {
        pending += text.utf8
        if pending.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws(CommandFailure) {
        defer { pending.removeAll(keepingCapacity: true) }
        guard !isClosed else { return }
        switch Self.writeAll(pending, to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: isClosed = true
        case let code: throw CommandFailure("cannot write the output: \(String(cString: strerror(code)))")
        }
    }

    /// Writes one line to standard error.
    static func error(_ message: String) {
        var line = ""
        for scalar in message.unicodeScalars {
            // One line, and nothing that a terminal would obey, whatever a file or argument held.
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            line.unicodeScalars.append(isControl ? " " : scalar)
        }
        _ = writeAll(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes to standard error as it is, for a terminal.
    static func errorBytes(_ text: String) { _ = writeAll(Array(text.utf8), to: STDERR_FILENO) }

    /// Writes all bytes; returns 0 or `errno`.
    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var start = 0
            while start < buffer.count {
                let count = systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: buffer[start...]))
                if count > 0 {
                    start += count
                } else if count < 0, errno == EINTR || errno == EAGAIN {
                    continue
                } else {
                    return count < 0 ? errno : EIO
                }
            }
            return 0
        }
    }

    private static func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, buffer.baseAddress, buffer.count)
        #else
            Darwin.write(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }
}
