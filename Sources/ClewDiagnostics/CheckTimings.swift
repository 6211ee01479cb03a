/// What took the time of a check, stage by stage.
package struct CheckTimings: Sendable {
    package struct Stage: Sendable {
        package var name: String
        package var duration: Duration
        /// What was done in it: `20000 connections`.
        package var detail: String
    }

    /// In the order in which they ended.
    package private(set) var stages: [Stage] = []
    private let now: @Sendable () -> Duration

    /// `now` is a clock that only goes forward; here is none.
    package init(now: @escaping @Sendable () -> Duration) { self.now = now }

    /// Takes no times.
    package static var none: CheckTimings { CheckTimings(now: { .zero }) }

    /// Does a stage's work.
    package mutating func measure<Result, Failure>(
        _ name: String, _ work: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = now()
        let result = try work()
        stages.append(Stage(name: name, duration: now() - start, detail: ""))
        return result
    }

    /// Says of the last stage what was done in it.
    package mutating func explain(_ detail: String) {
        if let last = stages.indices.last { stages[last].detail = detail }
    }
}
