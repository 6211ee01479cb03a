#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that is to be run: its words, and what it reads.
package struct ProgramCall: Sendable {
    /// The program, looked for in `PATH`, and its arguments.
    package var words: [String]
    package var input: [UInt8]

    package init(_ words: [String], input: [UInt8] = []) {
        self.words = words
        self.input = input
    }
}

/// How a program ended.
package enum ProgramEnd: Sendable, Hashable {
    case exited(Int)
    case killed(signal: Int)
    /// It could not be started at all.
    case notStarted(String)
    /// It was stopped, since its time was over.
    case timedOut
}

/// A program that runs, with its output going to files without names.
///
/// No pipe connects it with this process: neither can make the other wait, and neither is hurt when the other dies.
struct ChildProcess: Sendable {
    private let pid: pid_t
    let output: SpoolFile
    private let errors: SpoolFile
    private let started: ContinuousClock.Instant
    private(set) var end: ProgramEnd?
    private var stoppedAt: ContinuousClock.Instant?
    private(set) var duration: Duration = .zero

    /// Starts it, with `inSession` in one of its own, out of reach of the terminal's signals.
    init(_ call: ProgramCall, inSession: Bool = false) throws(WriteError) {
        let input = try SpoolFile(call.input)
        output = try SpoolFile()
        errors = try SpoolFile()
        started = .now
        var pid: pid_t = 0
        let code = spawn(
            call.words, descriptors: [input.descriptor, output.descriptor, errors.descriptor], inSession: inSession,
            pid: &pid)
        self.pid = pid
        if code != 0 {
            let program = call.words.first ?? ""
            end = .notStarted(
                code == ENOENT ? "\(program): not found" : "\(program): \(String(cString: strerror(code)))")
        }
    }

    /// Looks whether it has ended.
    mutating func update() {
        guard end == nil else { return }
        var status: CInt = 0
        let found = waitpid(pid, &status, WNOHANG)
        guard found != 0 else {
            // What does not heed the request to end is ended.
            if let stoppedAt, stoppedAt + .seconds(2) < .now { _ = signalProcess(pid, SIGKILL) }
            return
        }
        duration = .now - started
        if stoppedAt != nil {
            end = .timedOut
        } else if found < 0 {
            end = .killed(signal: 0)
        } else {
            end = status & 0x7f == 0 ? .exited(Int(status >> 8) & 0xff) : .killed(signal: Int(status & 0x7f))
        }
    }

    /// Asks it to end; two seconds later ``update()`` sees to it.
    mutating func stop() {
        guard end == nil, stoppedAt == nil else { return }
        stoppedAt = .now
        _ = signalProcess(pid, SIGTERM)
    }

    /// Ends it at once.
    mutating func endNow() {
        guard end == nil else { return }
        _ = signalProcess(pid, SIGKILL)
        var status: CInt = 0
        waitpid(pid, &status, 0)
        end = .killed(signal: Int(SIGKILL))
    }

    /// The beginning of what it said on standard error.
    var errorText: String { String(decoding: errors.bytes(limit: 1 << 14), as: UTF8.self) }
}

private func signalProcess(_ pid: pid_t, _ signal: CInt) -> CInt { kill(pid, signal) }

// POSIX_SPAWN_SETSID, which not every header shows.
#if canImport(Darwin)
    private let newSession: CInt = 0x0400
#else
    private let newSession: CInt = 0x80
#endif

/// Starts a program with these descriptors as its first ones; returns 0 or an error number.
///
/// Signals are as a shell would give them: a thread of this process may have blocked them, and some shells then wait
/// for ever.
func spawn(_ words: [String], descriptors: [CInt], inSession: Bool, pid: inout pid_t) -> CInt {
    #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
    #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in descriptors.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, descriptor, CInt(number))
    }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGALRM] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = CInt(POSIX_SPAWN_SETSIGMASK) | CInt(POSIX_SPAWN_SETSIGDEF) | (inSession ? newSession : 0)
    posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    arguments.append(nil)
    guard let program = words.first else { return ENOENT }
    return posix_spawnp(&pid, program, &actions, &attributes, arguments, environ)
}

/// Signals that ask this process to end, held back while it has to clean up behind itself.
package struct HeldSignals: ~Copyable {
    private var before = sigset_t()
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    package init() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in Self.signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, &before)
    }

    /// Lets them act: one that came ends the process here.
    deinit {
        var set = before
        pthread_sigmask(SIG_SETMASK, &set, nil)
    }

    /// Whether one of them came.
    package var hasCome: Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return Self.signals.contains { sigismember(&pending, $0) == 1 }
    }
}
