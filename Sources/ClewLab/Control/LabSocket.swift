import CLinux
import Glibc

/// The door to a lab that runs in the background: an abstract UNIX socket, which vanishes with the lab.
package enum LabSocket {
    private static let prefix = "clew-lab/"

    /// The names of the labs that run in this network namespace, sorted.
    package static func running() -> [String] {
        guard let file = fopen("/proc/net/unix", "r") else { return [] }
        defer { fclose(file) }
        var names = Set<String>()
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, CInt(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let last = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).last,
                last.hasPrefix("@" + prefix)
            else { continue }
            names.insert(String(last.dropFirst(prefix.utf8.count + 1)))
        }
        return names.sorted()
    }

    /// Opens the door of a lab to be; another lab of that name is an error.
    package static func listen(_ name: String) throws(SystemError) -> CInt {
        guard !name.isEmpty, name.utf8.count < 80, !name.contains(where: \.isWhitespace) else {
            throw .unusable("'\(name)' is no name for a lab")
        }
        let socket = clew_listen_abstract(prefix + name)
        guard socket >= 0 else {
            throw errno == EADDRINUSE ? .unusable("a lab named '\(name)' is running") : .last("lab '\(name)'")
        }
        return socket
    }

    /// What a lab answers to words: its status and text; and the process that holds it.
    package static func ask(_ name: String, _ words: [String]) throws(SystemError) -> (
        status: Int32, text: String, holder: Int32
    ) {
        let socket = clew_connect_abstract(prefix + name)
        guard socket >= 0 else {
            let others = running()
            let hint = others.isEmpty ? "none is; see 'clew-lab up'" : "running: \(others.joined(separator: ", "))"
            throw .unusable("no lab named '\(name)' is running (\(hint))")
        }
        defer { close(socket) }
        let holder = clew_peer(socket)
        try write(Array(words.joined(separator: "\0").utf8), to: socket)
        shutdown(socket, CInt(SHUT_WR))
        let answer = try readAll(socket)
        guard let end = answer.firstIndex(of: UInt8(ascii: "\n")),
            let status = Int32(String(decoding: answer[..<end], as: UTF8.self))
        else { throw .unusable("the lab '\(name)' ended without an answer") }
        return (status, String(decoding: answer[(end + 1)...], as: UTF8.self), holder)
    }

    /// Reads to the end, or to a byte that is not part of the result.
    static func readAll(_ descriptor: CInt, until last: UInt8? = nil) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("the lab's socket") }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            if let last, let end = bytes.firstIndex(of: last) { return Array(bytes[..<end]) }
        }
    }

    static func write(_ bytes: [UInt8], to descriptor: CInt) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("the lab's socket") }
            sent += count
        }
    }
}
