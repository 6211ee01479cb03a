import Glibc

/// Kernel parameters of the calling thread's network namespace.
package enum Sysctl {
    /// Both spellings are understood; with slashes a device's name may hold dots.
    static func path(_ key: String) -> String {
        "/proc/sys/" + (key.contains("/") ? key : String(key.map { $0 == "." ? "/" : $0 }))
    }

    package static func write(_ key: String, _ value: String) throws(SystemError) {
        let descriptor = open(path(key), O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path(key)) }
        defer { close(descriptor) }
        let bytes = Array(value.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw .last("\(path(key)) = \(value)") }
    }

    package static func read(_ key: String) -> String? {
        let descriptor = open(path(key), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
