import Glibc

/// How a command ended.
package enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signaled(let number): "signal \(number)"
        }
    }
}

/// What a command wrote, and how it ended.
package struct CommandResult: Sendable {
    package var words: [String]
    package var status: ExitStatus
    package var standardOutput: [UInt8]
    package var standardError: [UInt8]
    package var duration: Duration

    package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    package var errorText: String { String(decoding: standardError, as: UTF8.self) }

    /// Standard output, if the exit code is 0.
    @discardableResult
    package func output() throws(SystemError) -> String {
        guard status == .exited(0) else {
            throw .command(words, status: status.description, message: errorText + outputText)
        }
        return outputText
    }
}

/// A program to run, with what it reads.
///
/// It runs in the network namespace of the thread that calls ``run()``; `NetworkNamespace.run` chooses one. It is in a
/// process group of its own, which is killed when the time is over.
package struct Command: Sendable {
    package var words: [String]
    package var input: [UInt8]
    package var timeout: Duration
    /// Added to this process's environment.
    package var environment: [String: String]

    /// The first word is a path, or a name that `PATH` or `/usr/sbin` knows.
    package init(
        _ words: [String], input: String = "", timeout: Duration = .seconds(60), environment: [String: String] = [:]
    ) {
        self.words = words
        self.input = Array(input.utf8)
        self.timeout = timeout
        self.environment = environment
    }

    /// Runs it to its end.
    ///
    /// An exit code other than 0 is a result, not an error.
    package func run() throws(SystemError) -> CommandResult {
        var child = try ChildProcess(self)
        return try child.finish(self)
    }

    /// The program's path; nil if there is none of that name.
    package static func path(of name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = (getenv("PATH").map { String(cString: $0) } ?? "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin"
        for folder in folders.split(separator: ":") where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        return nil
    }
}
