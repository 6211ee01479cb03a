package import ClewDataplane
import ClewNet
import ClewSnapshot
import Glibc

/// What the kernel did with a connection, beside what Clew says of it.
package struct FlowComparison: Sendable {
    package enum Agreement: String, Sendable, Hashable, CaseIterable { case agree, unknown, disagree }

    package var flow: ProbeFlow
    package var tries: [ProbeResult]
    package var trace: Trace
    package private(set) var agreement: Agreement
    /// The first try that no branch allows; nil where there is none.
    package private(set) var strange: ProbeResult?
    /// Why they disagree; empty where they do not.
    package private(set) var complaints: [String]

    /// `followsLots` is false where one try decides what the next does, as session affinity does.
    package init(_ flow: ProbeFlow, _ tries: [ProbeResult], _ trace: Trace, followsLots: Bool = true) {
        self.flow = flow
        self.tries = tries
        self.trace = trace
        agreement = .agree
        complaints = []
        var used = Set<Int>()
        for result in tries { judge(result, &used) }
        if followsLots, complaints.isEmpty { demandEveryBranch(used) }
        if !complaints.isEmpty { agreement = .disagree }
    }

    private var failing: [Int] { trace.branches.indices.filter { trace.branches[$0].outcome == .fails } }

    private mutating func judge(_ result: ProbeResult, _ used: inout Set<Int>) {
        var reasons: [String] = []
        for (index, branch) in trace.branches.enumerated() where branch.outcome != .unknown {
            let judgement = BranchJudgement(branch, result)
            guard let complaint = judgement.complaint else {
                // Branches that fail alike cannot be told apart by their end.
                used.formUnion(branch.outcome == .works ? [index] : failing)
                // Who had to ask again lost the first request, and the second had its own chance.
                if result.askedTwice { used.formUnion(failing) }
                return
            }
            reasons.append(complaint)
        }
        if trace.branches.contains(where: { $0.outcome == .unknown }) || trace.branches.isEmpty {
            agreement = .unknown
            return
        }
        strange = strange ?? result
        let observed = "observed \(result.outcome)" + (result.answer.map { " by \($0.place) \($0.local)" } ?? "")
        let text = "\(observed); Clew: \(reasons.joined(separator: " / "))"
        if !complaints.contains(text) { complaints.append(text) }
    }

    /// A branch that chance would have hit by now, all but once in a million, is not there.
    private mutating func demandEveryBranch(_ used: Set<Int>) {
        for (index, branch) in trace.branches.enumerated() where !used.contains(index) && branch.outcome != .unknown {
            let missed = pow(1 - branch.probability.value, Double(tries.count))
            if missed < 1e-6, !tries.isEmpty {
                complaints.append(
                    "in \(tries.count) tries no one went the way that has p = \(branch.probability.value): \(branch.reason)"
                )
            }
        }
    }
}

/// Whether one try can have gone one way.
private struct BranchJudgement {
    /// Why not; nil if it can.
    private(set) var complaint: String?

    init(_ branch: TraceBranch, _ result: ProbeResult) {
        complaint = branch.outcome == .works ? Self.works(branch, result) : Self.fails(branch, result)
    }

    private static func works(_ branch: TraceBranch, _ result: ProbeResult) -> String? {
        guard result.outcome == .answered, let answer = result.answer else {
            return "works\(branch.deliveredTo.map { " by \($0.address)" } ?? "")"
        }
        if let receiver = branch.deliveredTo, receiver.address != answer.local {
            return "works by \(receiver.address)"
        }
        if let pod = branch.deliveredTo?.pod, answer.place != "pod/\(pod)" { return "works by pod \(pod)" }
        let source = branch.snat ?? result.client?.address
        if let source, source != answer.peer.address {
            return "the server sees \(source), and it saw \(answer.peer.address)"
        }
        return nil
    }

    private static func fails(_ branch: TraceBranch, _ result: ProbeResult) -> String? {
        if result.outcome == .answered { return "fails: \(branch.reason)" }
        if !symptoms(branch, result) {
            return
                "fails otherwise: \(branch.disposition.rawValue)\(branch.sign.map { ", client: \($0.rawValue)" } ?? ""), \(branch.reason)"
        }
        return reach(branch, result)
    }

    /// Whether a client can see this outcome of that end.
    private static func symptoms(_ branch: TraceBranch, _ result: ProbeResult) -> Bool {
        if let sign = branch.sign {
            return switch (sign, result.outcome) {
            case (.refused, .refused): true
            // What comes while `connect` is under way is only noted, until the next SYN, a second later, has it again.
            case (.unreachable, .unreachable), (.unreachable, .timedOut): true
            case (.nothing, .timedOut): true
            default: false
            }
        }
        return switch (branch.disposition, result.outcome) {
        case (_, .answered): false
        // The refusal was sent, and is lost or not recognised on its way back.
        case (.rejected, .timedOut): wasRefused(branch, result)
        case (.rejected, _): true
        case (.dropped, .refused), (.dropped, .reset): false
        case (.dropped, _): true
        case (.noRoute, .refused), (.noRoute, .reset): false
        case (.noRoute, _), (.looped, _), (.leavesSnapshot, _), (.indeterminate, _): true
        // The first packet arrived, so that it is the answer that is lost or strange.
        case (.delivered, _): true
        }
    }

    /// Whether a refusal was sent, or the request got to the pod that has nobody to take it.
    private static func wasRefused(_ branch: TraceBranch, _ result: ProbeResult) -> Bool {
        result.sightings.contains { sighting in
            sighting.kind == .reset || sighting.kind == .icmp
                || sighting.kind.isRequest && sighting.place == "pod/\(branch.hops.last?.namespace ?? "")"
        }
    }

    /// Whether the request was seen in the pods it is said to reach, and in no other.
    private static func reach(_ branch: TraceBranch, _ result: ProbeResult) -> String? {
        guard !result.sightings.isEmpty else { return nil }
        let said = Set(branch.hops.map(\.namespace).filter { $0.contains("/") }.map { "pod/\($0)" })
        let seen = Set(
            result.firstTry.filter { $0.kind.isRequest && !$0.isOutgoing && $0.place.hasPrefix("pod/") }.map(\.place))
        let client = result.flow.from.description
        if let extra = seen.subtracting(said).sorted().first { return "fails before \(extra), which saw the request" }
        if branch.disposition == .delivered, let pod = branch.deliveredTo?.pod, "pod/\(pod)" != client || seen.isEmpty,
            !seen.contains("pod/\(pod)")
        {
            return "arrives at pod/\(pod), which saw nothing; last seen \(result.farthest ?? "nowhere")"
        }
        return nil
    }
}
