import ClewDataplane
import ClewSnapshot

/// Simulates fixes: makes their edits on a copy, walks the survey's connections again, and says what changed.
package struct FixProver: Sendable {
    private let snapshot: ClusterSnapshot
    private let dataplane: Dataplane
    private let before: ConnectionSurvey

    /// On more nodes an edit by which nothing can be repaired is not walked: nearly every connection would be.
    private static let mostNodesInVain = 8
    private static let nothingBroken = "no connection that was walked is broken by it, so none can be repaired"

    package init(_ context: CheckContext) {
        snapshot = context.snapshot
        dataplane = context.dataplane
        before = context.survey
    }

    /// What the edits of a fix do to the connections that a finding breaks, and to all others.
    package func proof(of fix: Fix, for finding: Finding) -> FixProof {
        guard !fix.edits.isEmpty else { return fix.proof }
        let broken = Set(finding.explains.flatMap { before.lost[$0].connections } + finding.refuses)
        if broken.isEmpty, Set(fix.edits.compactMap { $0.place?.node }).count > Self.mostNodesInVain {
            return .notProven(nil, because: Self.nothingBroken)
        }
        let edited: ClusterSnapshot
        do throws(EditError) {
            edited = try snapshot.applying(fix.edits)
        } catch {
            return .notProven(nil, because: error.message)
        }
        return verdict(before.change(to: walked(edited, fix.edits).survey, hopedFor: broken), hopedFor: broken.count)
    }

    /// The edited cluster and the survey's connections in it; what the edits cannot have changed is not walked again.
    func walked(_ edited: ClusterSnapshot, _ edits: [SnapshotEdit]) -> (dataplane: Dataplane, survey: ConnectionSurvey)
    {
        let places = edits.compactMap(\.place)
        guard places.count == edits.count else {
            let other = Dataplane(compiling: edited)
            return (other, ConnectionSurvey(before.connections, through: other))
        }
        let (other, changed) = dataplane.edited(to: edited, in: places.map { ($0.node, $0.pod) })
        return (other, ConnectionSurvey(before, through: other, changed: changed))
    }

    private func verdict(_ change: SurveyChange, hopedFor count: Int) -> FixProof {
        if let worse = change.broken.first {
            let end = worse.verdict == .unknown ? "whether it still would cannot be told" : "would not"
            return .notProven(
                change,
                because: "\(worse.flow.fromText) → \(worse.flow.toText) works now and \(end): \(worse.reason)")
        }
        guard count > 0 else {
            if let first = change.repaired.first {
                return .partly(
                    change,
                    because: "\(first.flow.fromText) → \(first.flow.toText) works, of which it could not be told "
                        + "whether it did before: \(first.reason)")
            }
            return .notProven(change, because: Self.nothingBroken)
        }
        // What fails for certain says more than what cannot be told.
        guard let rest = change.stillFailing.first(where: { $0.verdict != .unknown }) ?? change.stillFailing.first
        else { return .proven(change) }
        let connection = "\(rest.flow.fromText) → \(rest.flow.toText)"
        let why =
            rest.verdict == .unknown
            ? "whether \(connection) works then cannot be told: \(rest.reason)"
            : "\(connection) still does not work: \(rest.reason)"
        return change.repaired.isEmpty ? .notProven(change, because: why) : .partly(change, because: why)
    }
}
