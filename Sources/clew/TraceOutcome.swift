import ClewDataplane

/// The worst of what was found, which is what the process exits with.
struct TraceOutcome {
    private var hasInvalid = false
    private var hasFailure = false
    private var hasUnknown = false

    mutating func add(_ trace: Trace) {
        switch trace.verdict {
        case .works: break
        case .fails, .partly: hasFailure = true
        case .unknown: hasUnknown = true
        }
        for branch in trace.branches {
            switch branch.outcome {
            case .works: break
            case .fails: hasFailure = true
            case .unknown: hasUnknown = true
            }
        }
    }

    /// A line of `--flows` that could not be traced.
    mutating func addInvalid() { hasInvalid = true }

    var exitCode: Int32 { hasInvalid ? CommandFailure.exitCode : hasFailure ? 1 : hasUnknown ? 3 : 0 }
}
