#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs tasks, several at once, each within its time, and cleans up behind each.
package struct Supervisor: ~Copyable {
    /// What a caller may show while tasks run.
    package enum Event: Sendable {
        case ended(NodeOutcome)
        /// What runs, and what has come so far.
        case progress(running: [String], waiting: Int, bytes: Int)
    }

    private let parallelism: Int
    /// A task's output beyond this many bytes stops it.
    private let maxOutput: Int
    private var jobs: [Job] = []
    private var isInterrupted = false

    package init(parallelism: Int, maxOutput: Int = 1 << 30) {
        self.parallelism = max(parallelism, 1)
        self.maxOutput = maxOutput
    }

    /// Runs all tasks; `nil` if a signal came: then all is stopped and cleaned up.
    package mutating func run(
        _ tasks: [NodeTask], signals: borrowing HeldSignals, report: (Event) -> Void
    ) -> [NodeOutcome]? {
        jobs = tasks.map { Job($0) }
        while true {
            if !isInterrupted, signals.hasCome {
                isInterrupted = true
                for index in jobs.indices { jobs[index].interrupt() }
            }
            var free = parallelism - jobs.count(where: \.isRunning)
            for index in jobs.indices where free > 0 && jobs[index].isWaiting && !isInterrupted {
                jobs[index].begin()
                free -= 1
            }
            for index in jobs.indices where jobs[index].isRunning {
                jobs[index].step(maxOutput: maxOutput)
                if let outcome = jobs[index].outcome, !isInterrupted { report(.ended(outcome)) }
            }
            if !jobs.contains(where: { $0.isRunning || ($0.isWaiting && !isInterrupted) }) { break }
            report(
                .progress(
                    running: jobs.filter(\.isRunning).map(\.task.name), waiting: jobs.count(where: \.isWaiting),
                    bytes: jobs.reduce(0) { $0 + $1.bytes }))
            usleep(20_000)
        }
        return isInterrupted ? nil : jobs.compactMap(\.outcome)
    }
}

/// A task on its way.
private struct Job {
    enum Phase {
        case waiting
        case stage(Int)
        /// Before the next attempt.
        case pause(until: ContinuousClock.Instant)
        case cleanup(Int)
        case ended
    }

    let task: NodeTask
    private var phase = Phase.waiting
    private var child: ChildProcess?
    private var attempt = 0
    private var started: ContinuousClock.Instant = .now
    private var cleanupDeadline: ContinuousClock.Instant = .now
    private var result: NodeOutcome.Result?
    private var output: SpoolFile?
    private var end: ProgramEnd?
    private var errorText = ""
    private var duration: Duration = .zero

    init(_ task: NodeTask) { self.task = task }

    var isWaiting: Bool { if case .waiting = phase { true } else { false } }

    var isRunning: Bool {
        switch phase {
        case .waiting, .ended: false
        case .stage, .pause, .cleanup: true
        }
    }

    /// Bytes that have come.
    var bytes: Int {
        if case .stage(let index) = phase, index == task.stages.count - 1 { return child?.output.size ?? 0 }
        return output?.size ?? 0
    }

    var outcome: NodeOutcome? {
        guard case .ended = phase, let result else { return nil }
        return NodeOutcome(
            name: task.name, result: result, duration: duration, output: output, end: end, errorText: errorText)
    }

    mutating func begin() {
        started = .now
        start(.stage(0))
    }

    /// Stops what runs; what was begun is still cleaned up.
    mutating func interrupt() {
        switch phase {
        case .waiting, .ended, .cleanup: return
        case .stage, .pause:
            child?.endNow()
            finish(.failed("interrupted"))
        }
    }

    private mutating func start(_ next: Phase) {
        let stages: [NodeTask.Stage]
        let index: Int
        switch next {
        case .stage(let number): (stages, index) = (task.stages, number)
        case .cleanup(let number): (stages, index) = (task.cleanup, number)
        case .waiting, .pause, .ended: return
        }
        guard index < stages.count else {
            child = nil
            phase = .ended
            return
        }
        phase = next
        do throws(WriteError) {
            // Cleaning up must not be ended by the key that ended the rest.
            child = try ChildProcess(stages[index].call, inSession: stages.count == task.cleanup.count && isCleanup)
        } catch {
            child = nil
            isCleanup ? start(.cleanup(index + 1)) : finish(.failed("\(error)"))
        }
    }

    private var isCleanup: Bool { if case .cleanup = phase { true } else { false } }

    /// Ends the stages with this result.
    private mutating func finish(_ result: NodeOutcome.Result) {
        self.result = result
        duration = .now - started
        cleanupDeadline = .now + .seconds(20)
        start(.cleanup(0))
    }

    mutating func step(maxOutput: Int) {
        child?.update()
        switch phase {
        case .waiting, .ended: return
        case .pause(let until): if until <= .now { start(.stage(0)) }
        case .cleanup(let index):
            if cleanupDeadline < .now { child?.stop() }
            if child?.end != nil || child == nil { start(.cleanup(index + 1)) }
        case .stage(let index):
            guard let running = child else { return finish(.failed("was not started")) }
            guard let end = running.end else {
                if started + task.timeout < .now || running.output.size > maxOutput { child?.stop() }
                return
            }
            self.end = end
            errorText = running.errorText
            stageEnded(index, running, end)
        }
    }

    private mutating func stageEnded(_ index: Int, _ running: ChildProcess, _ end: ProgramEnd) {
        let stage = task.stages[index]
        if end == .exited(0) {
            guard index == task.stages.count - 1 else { return start(.stage(index + 1)) }
            output = running.output
            return finish(.done(bytes: running.output.size))
        }
        let reason = Self.reason(end, running, stage, timeout: task.timeout)
        attempt += 1
        // One that was not started will not be at the second time either.
        let isFinal = if case .notStarted = end { true } else { end == .timedOut }
        let next = ContinuousClock.now + .seconds(attempt)
        guard !isFinal, attempt < task.attempts, next < started + task.timeout else {
            return finish(.failed(attempt > 1 ? "\(reason) (\(attempt) attempts)" : reason))
        }
        phase = .pause(until: next)
        child = nil
    }

    /// Why a stage failed, in one line: what the program said last, else how it ended.
    private static func reason(
        _ end: ProgramEnd, _ child: ChildProcess, _ stage: NodeTask.Stage, timeout: Duration
    ) -> String {
        let lines = child.errorText.split(whereSeparator: \.isNewline).map { String($0.prefix(300)) }
        let said = lines.last { !$0.allSatisfy(\.isWhitespace) }
        switch end {
        case .timedOut:
            let seconds = timeout.components.seconds
            return "\(stage.purpose): no answer within \(seconds) s" + (said.map { " (\($0))" } ?? "")
        case .notStarted(let why): return why
        case .exited(let code): return "\(stage.purpose): " + (said ?? "ended with exit code \(code)")
        case .killed(let signal): return "\(stage.purpose): " + (said ?? "was ended by signal \(signal)")
        }
    }
}
