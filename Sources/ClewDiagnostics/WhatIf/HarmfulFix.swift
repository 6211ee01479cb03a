package import ClewSnapshot

/// Advice that circulates, mends something, and breaks or opens more: never proposed, only shown on request.
package struct HarmfulFix: Sendable {
    /// `forward-accept`.
    package var name: String
    /// The command as it is passed around.
    package var command: String
    /// Why people are told to do it.
    package var promise: String
    /// Why not: one or two sentences.
    package var harm: String
    /// The codes of findings it is advised for.
    package var codes: [String]
    /// What it changes in a snapshot; empty where it changes nothing there, or cannot be simulated.
    package var edits: @Sendable (ClusterSnapshot) -> [SnapshotEdit]

    package init(
        _ name: String, command: String, promise: String, harm: String, codes: [String],
        edits: @escaping @Sendable (ClusterSnapshot) -> [SnapshotEdit]
    ) {
        self.name = name
        self.command = command
        self.promise = promise
        self.harm = harm
        self.codes = codes
        self.edits = edits
    }
}

/// A harmful fix, tried on a bundle.
package struct HarmfulFixStudy: Sendable {
    package var fix: HarmfulFix
    /// `nil`: it would change nothing that the bundle shows, or cannot be simulated.
    package var study: ChangeStudy?
    /// Why it could not be tried.
    package var problem: String?

    package init(_ fix: HarmfulFix, study: ChangeStudy?, problem: String? = nil) {
        self.fix = fix
        self.study = study
        self.problem = problem
    }
}
