import Foundation

/// Processor time and memory of this process and of others.
enum Measure {
    /// Processor seconds of this process so far, user and system.
    static func processorTime() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// The least processor time of several runs, in seconds.
    static func best(of runs: Int, _ work: () -> Void) -> Double {
        (0..<runs).map { _ in
            let start = processorTime()
            work()
            return processorTime() - start
        }.min() ?? 0
    }

    /// What a command took: processor seconds, seconds from its start to its end, peak memory in bytes.
    struct Usage {
        var status: Int32
        var seconds: Double
        var elapsed: Double
        var peak: Int
    }

    /// Runs a command with a file as its standard input.
    static func run(_ command: [String], input: String? = nil) -> Usage? {
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input { posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0) }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var process: pid_t = 0
        let start = ContinuousClock.now
        guard posix_spawnp(&process, command[0], &actions, nil, &arguments, environ) == 0 else { return nil }
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(process, &status, 0, &usage) == process else { return nil }
        let elapsed = start.duration(to: .now).components
        return Usage(
            status: status, seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            elapsed: Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18, peak: usage.ru_maxrss * 1024)
    }
}
