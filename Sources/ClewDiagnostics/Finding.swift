package import ClewBundle
package import ClewDataplane
import ClewNet
package import ClewSnapshot

/// What a finding is about.
package enum Subject: Sendable, Hashable, Comparable {
    case cluster
    case node(String)
    case service(NamespacedName)
    case servicePort(NamespacedName, port: String)
    case pod(NamespacedName)
    /// Any other object, or a part of a node: `ConfigMap kube-system/kube-proxy`, `cni0 on worker-a`.
    case other(String)

    package static func < (a: Self, b: Self) -> Bool { a.description < b.description }
}

extension Subject: CustomStringConvertible {
    /// As commands take it: `node/worker-a`, `svc/shop/api:http`.
    package var description: String {
        switch self {
        case .cluster: "cluster"
        case .node(let name): "node/\(name)"
        case .service(let name): "svc/\(name)"
        case .servicePort(let name, let port): "svc/\(name):\(port)"
        case .pod(let name): "pod/\(name)"
        case .other(let text): text
        }
    }
}

/// What a finding stands on.
package enum Evidence: Sendable, Hashable {
    /// A line that was read.
    case line(node: String?, SourceLine, text: String)
    /// A field of an object.
    case field(object: String, path: String, value: String, SourceLine?)
    /// Where something was looked for and is not.
    case absent(place: String, what: String, SourceLine?)
    /// A connection, walked.
    case trace(TracedConnection)
    /// A number that was worked out: `conntrack: 262144 of 262144 entries`.
    case computed(String, SourceLine?)
}

/// One connection and what became of it, small enough to be kept.
package struct TracedConnection: Sendable, Hashable {
    package var flow: Flow
    package var verdict: TraceVerdict
    /// Why, of the first branch that fails; else why it cannot be told; else of the first branch.
    package var reason: String
    package var decidedBy: Decision?
    /// Of the branches that fail, in percent of all; 0 to 100.
    package var failingPercent: Double

    package init(_ trace: Trace) {
        flow = trace.flow
        verdict = trace.verdict
        let shown = trace.branches.first { $0.outcome == .fails } ?? trace.branches.first
        let isUndecided = trace.verdict == .unknown && shown?.outcome != .fails
        reason = (isUndecided ? trace.unknowns.first?.text : nil) ?? shown?.reason ?? ""
        decidedBy = shown?.decidedBy
        failingPercent = trace.branches.filter { $0.outcome == .fails }.reduce(0) { $0 + $1.probability.value * 100 }
    }
}

/// The connections a fault breaks, as far as they were walked.
package struct AffectedConnections: Sendable, Hashable {
    package var count: Int
    /// Of how many that were walked.
    package var total: Int
    package var example: TracedConnection?

    package init(count: Int, of total: Int, example: TracedConnection?) {
        self.count = count
        self.total = total
        self.example = example
    }
}

/// One fault of one subject.
package struct Finding: Sendable {
    package var check: CheckMetadata
    package var severity: Severity
    package var confidence: Confidence
    package var subject: Subject
    /// Further nodes of which the same is said, in the order of names.
    package var alsoOn: [String] = []
    /// One sentence: lower case, no period, the subject first, and no "may" where it is proven.
    package var message: String
    /// Why it is so, one sentence; `nil` where the message says it.
    package var cause: String?
    package var evidence: [Evidence]
    package var affected: AffectedConnections?
    /// Best first.
    package var fixes: [Fix]
    /// The failures of the survey that it explains (``LostConnections/id``).
    package var explains: [Int]
    /// Connections of the survey that the API itself asks to refuse, and does because of this.
    package var refuses: [Int] = []
    /// Findings that are there because of this one.
    package var consequences: [Finding]

    package init(
        _ check: CheckMetadata, on subject: Subject, _ confidence: Confidence, severity: Severity? = nil,
        message: String, cause: String? = nil, evidence: [Evidence] = [], fixes: [Fix] = [], explains: [Int] = []
    ) {
        self.check = check
        self.severity = severity ?? check.severity
        self.confidence = confidence
        self.subject = subject
        self.message = message
        self.cause = cause
        self.evidence = evidence
        self.fixes = fixes
        self.explains = explains
        consequences = []
    }
}
