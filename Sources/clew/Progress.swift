import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a long run is at, on one line of the terminal's standard error; nothing where that is no terminal.
///
/// A class, since the timer that writes the line and the run that changes it share it.
final class Progress: @unchecked Sendable {
    private let queue = DispatchQueue(label: "clew.progress")
    private var timer: (any DispatchSourceTimer)?
    private var stage: String
    private var seconds = 0
    private var isShown = false

    /// Says nothing within the first second.
    init(_ stage: String) {
        self.stage = stage
        guard isatty(STDERR_FILENO) == 1 else { return }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { [weak self] in self?.tick() }
        timer.resume()
        self.timer = timer
    }

    func enter(_ stage: String) {
        queue.sync { self.stage = stage }
    }

    /// Takes the line away.
    func end() {
        queue.sync {
            timer?.cancel()
            timer = nil
            if isShown { Output.errorBytes("\r\u{1B}[K") }
            isShown = false
        }
    }

    private func tick() {
        seconds += 1
        guard timer != nil else { return }
        isShown = true
        Output.errorBytes("\r\u{1B}[K\(stage) … \(seconds) s")
    }
}
