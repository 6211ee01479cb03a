import ClewBundle
import ClewDataplane
import ClewIntent
package import ClewDiagnostics
package import ClewSnapshot

/// Writes what a change does as JSON, schema `clew.what-if/v1` (`docs/what-if.md`).
package struct ChangeJSON: Sendable {
    package static let schema = "clew.what-if/v1"

    private let words: CheckWords
    private let missing: MissingNodes

    package init(_ snapshot: ClusterSnapshot) {
        words = CheckWords(snapshot)
        missing = MissingNodes(snapshot)
    }

    /// One object, ended by a newline; `edits` are the changes as they were written.
    package func text(_ study: ChangeStudy, edits: [String]) -> String {
        let members: [(String, JSONValue)] = [
            ("schema", .string(Self.schema)),
            ("edits", .array(edits.map { .string($0) })),
            ("connections", .number(study.walked)),
            ("before", state(study.failingBefore, study.untoldBefore)),
            ("after", state(study.failingAfter, study.untoldAfter)),
            ("changes", .array(study.changes.map(change))),
        ]
        return JSONValue.object(members + missing.members).text + "\n"
    }

    private func state(_ failing: Int, _ untold: Int) -> JSONValue {
        .object([("failing", .number(failing)), ("untold", .number(untold))])
    }

    private func change(_ change: ChangedConnection) -> JSONValue {
        .object([
            ("kind", .string(change.kind.rawValue)),
            ("flow", CheckJSON.flow(change.flow)),
            ("service", .optional(change.service?.description)),
            ("before", outcome(change.before)),
            ("after", outcome(change.after)),
        ])
    }

    private func outcome(_ outcome: ConnectionOutcome) -> JSONValue {
        let source = outcome.decidedBy?.source.flatMap { $0.isEdited ? nil : $0 }
        return .object([
            ("verdict", .string(outcome.verdict.rawValue)),
            ("reason", .string(outcome.reason)),
            ("node", .optional(outcome.decidedBy?.node)),
            ("decided_by", .optional(outcome.decidedBy?.text)),
            ("file", .optional(source.map(words.path))),
            ("line", .optional(source.flatMap { $0.line == 0 ? nil : Int($0.line) })),
            ("seen_from", .array(outcome.sources.map { $0.isEmpty ? .null : .string($0) })),
            ("delivered_to", .array(outcome.receivers.map { .string($0) })),
        ])
    }
}
