/// What has to be done to get one thing: a node's archive, or a list of objects.
package struct NodeTask: Sendable {
    /// One program of it.
    package struct Stage: Sendable {
        package var call: ProgramCall
        /// What it does, for messages: `starting the pod`.
        package var purpose: String

        package init(_ purpose: String, _ call: ProgramCall) {
            self.purpose = purpose
            self.call = call
        }
    }

    /// The node, or what else it is called in messages.
    package var name: String
    /// One after the other; the last one's output is the result.
    package var stages: [Stage]
    /// Afterwards, in any case, as soon as the first stage was begun.
    package var cleanup: [Stage]
    /// For all stages and attempts together.
    package var timeout: Duration
    /// How often it is tried at most.
    package var attempts: Int

    package init(
        name: String, stages: [Stage], cleanup: [Stage] = [], timeout: Duration, attempts: Int = 1
    ) {
        self.name = name
        self.stages = stages
        self.cleanup = cleanup
        self.timeout = timeout
        self.attempts = attempts
    }
}

/// What became of a task.
package struct NodeOutcome: Sendable {
    package enum Result: Sendable {
        /// The output is in a work file of the supervisor's.
        case done(bytes: Int)
        /// One line.
        case failed(String)
    }

    package var name: String
    package var result: Result
    package var duration: Duration
    let output: SpoolFile?
    /// How the last program ended, and what it said.
    package var end: ProgramEnd?
    package var errorText: String

    /// What the task printed, at most `limit` bytes.
    package func bytes(limit: Int = 1 << 30) -> [UInt8] { output?.bytes(limit: limit) ?? [] }

    /// A path at which the output can be read.
    package var outputPath: String? { output?.path }
}
