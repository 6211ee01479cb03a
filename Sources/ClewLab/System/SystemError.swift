import Glibc

/// Something the operating system, or a command, refused.
package enum SystemError: Error, Sendable, CustomStringConvertible {
    /// A system call, what it was about, and its `errno`.
    case call(String, errno: CInt)
    /// A command that ended other than with exit code 0; its words and what it wrote to standard error.
    case command([String], status: String, message: String)
    /// A command that had not ended when its time was over.
    case timeout([String])
    /// Something else that cannot be, in words.
    case unusable(String)

    package var description: String {
        switch self {
        case .call(let what, let code): "\(what): \(String(cString: strerror(code)))"
        case .command(let words, let status, let message):
            "\(words.joined(separator: " ")): \(status)\(message.isEmpty ? "" : ": \(message)")"
        case .timeout(let words): "\(words.joined(separator: " ")): no end within its time"
        case .unusable(let text): text
        }
    }

    /// The error of the system call that failed last on this thread.
    package static func last(_ what: String) -> SystemError { .call(what, errno: errno) }
}
