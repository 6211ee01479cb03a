import CLinux
import Glibc

/// A running command with its three pipes.
struct ChildProcess: ~Copyable {
    private let process: pid_t
    private var input: CInt
    private var output: CInt
    private var errors: CInt

    init(_ command: Command) throws(SystemError) {
        guard let name = command.words.first, let path = Command.path(of: name) else {
            throw .unusable("no program \(command.words.first ?? "")")
        }
        let (inRead, inWrite) = try Self.pipe()
        let (outRead, outWrite) = try Self.pipe()
        let (errRead, errWrite) = try Self.pipe()
        defer { for descriptor in [inRead, outWrite, errWrite] { close(descriptor) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inRead, 0)
        posix_spawn_file_actions_adddup2(&actions, outWrite, 1)
        posix_spawn_file_actions_adddup2(&actions, errWrite, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // SIGPIPE is ignored by this process, and must not be by its children.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        var started = pid_t()
        let code = Self.withStrings(command.words) { words in
            Self.withStrings(Self.environment(adding: command.environment)) { variables in
                posix_spawn(&started, path, &actions, &attributes, words, variables)
            }
        }
        guard code == 0 else {
            for descriptor in [inWrite, outRead, errRead] { close(descriptor) }
            throw .call(path, errno: code)
        }
        (process, input, output, errors) = (started, inWrite, outRead, errRead)
        _ = fcntl(inWrite, F_SETFL, O_NONBLOCK)
    }

    deinit { for descriptor in [input, output, errors] where descriptor >= 0 { close(descriptor) } }

    /// Feeds and empties the pipes until the command has ended, or kills it.
    mutating func finish(_ command: Command) throws(SystemError) -> CommandResult {
        let clock = ContinuousClock()
        let start = clock.now
        let deadline = start + command.timeout
        var result = CommandResult(
            words: command.words, status: .exited(0), standardOutput: [], standardError: [], duration: .zero)
        var written = 0
        while output >= 0 || errors >= 0 {
            let left = Int32(clamping: (deadline - clock.now).wholeMilliseconds)
            var sets = [
                pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
            ]
            guard left > 0, poll(&sets, 3, left) != 0 else { try stop(command) }
            if sets[0].revents != 0 { feed(command.input, &written) }
            if sets[1].revents != 0 { Self.drain(&output, &result.standardOutput) }
            if sets[2].revents != 0 { Self.drain(&errors, &result.standardError) }
        }
        var status: CInt = 0
        while waitpid(process, &status, WNOHANG) == 0 {
            guard clock.now < deadline else { try stop(command) }
            usleep(200)
        }
        result.duration = clock.now - start
        result.status = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signaled(status & 0x7f)
        return result
    }

    private func stop(_ command: Command) throws(SystemError) -> Never {
        kill(-process, SIGKILL)
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        throw .timeout(command.words)
    }

    private mutating func feed(_ bytes: [UInt8], _ written: inout Int) {
        let count = bytes.withUnsafeBytes { buffer in
            write(input, buffer.baseAddress.map { $0 + written }, buffer.count - written)
        }
        if count > 0 { written += count }
        if written == bytes.count || (count < 0 && errno != EAGAIN && errno != EINTR) {
            close(input)
            input = -1
        }
    }

    private static func drain(_ descriptor: inout CInt, _ bytes: inout [UInt8]) {
        let count = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { bytes += buffer[0..<count] }
            return count
        }
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) {
            close(descriptor)
            descriptor = -1
        }
    }

    private static func pipe() throws(SystemError) -> (CInt, CInt) {
        var ends: [CInt] = [-1, -1]
        guard clew_pipe(&ends) == 0 else { throw .last("pipe2") }
        return (ends[0], ends[1])
    }

    private static func environment(adding more: [String: String]) -> [String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let sign = text.firstIndex(of: "=") {
                variables[String(text[..<sign])] = String(text[text.index(after: sign)...])
            }
            next += 1
        }
        return variables.merging(more) { $1 }.map { "\($0)=\($1)" }
    }

    private static func withStrings<Value>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}

extension Duration {
    /// Rounded up, so that a rest of less than a millisecond is waited for too.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? Int64.max : product &+ (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }

    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
