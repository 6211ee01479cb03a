import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
package import ClewSnapshot

/// Writes findings as JSON, schema `clew.check/v1` (`docs/check-json.md`).
package struct CheckJSON: Sendable {
    package static let schema = "clew.check/v1"

    private let words: CheckWords
    private let missing: MissingNodes

    package init(_ snapshot: ClusterSnapshot) {
        words = CheckWords(snapshot)
        missing = MissingNodes(snapshot)
    }

    /// One object, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        let members: [(String, JSONValue)] = [
            ("schema", .string(Self.schema)),
            ("bundle", .string(report.bundle)),
            ("collected", .optional(report.collected)),
            ("summary", summary(report)),
            ("asked", .array(report.asked.map(asked))),
            ("findings", .array(report.entries.map(entry))),
            ("normal", .array(report.normal.map(entry))),
            (
                "untold",
                .array(
                    report.reasons.map { reason in
                        .object(
                            [
                                ("text", .string(reason.note.text)), ("node", .optional(reason.note.node)),
                                ("connections", .number(reason.connections)),
                            ] + place(reason.note.source))
                    })
            ),
        ]
        return JSONValue.object(members + missing.members).text + "\n"
    }

    private func summary(_ report: CheckReport) -> JSONValue {
        .object([
            ("errors", .number(report.count(.error))),
            ("warnings", .number(report.count(.warning))),
            ("notices", .number(report.count(.notice))),
            ("known", .optional(report.known)),
            ("gone", .optional(report.gone)),
            ("nodes", .number(report.nodes)),
            ("services", .number(report.services)),
            ("connections", .number(report.walked)),
            ("planned", .number(report.sample?.planned ?? report.walked)),
            ("failing", .number(report.failing)),
            ("untold", .number(report.untold)),
            ("complete", .bool(!report.isIncomplete)),
        ])
    }

    private func asked(_ asked: AskedConnection) -> JSONValue {
        let summary = TraceSummary(asked.trace)
        return .object([
            ("flow", Self.flow(asked.trace.flow)),
            ("verdict", .string(asked.trace.verdict.rawValue)),
            ("summary", .string(summary.text)),
            ("expected", .string(asked.expectation == .works ? "works" : "refused")),
            ("decided_by", decision(summary.branch?.decidedBy)),
        ])
    }

    private func entry(_ entry: CheckReport.Entry) -> JSONValue {
        .object([("id", .string(entry.id))] + finding(entry.finding))
    }

    private func finding(_ finding: Finding) -> [(String, JSONValue)] {
        [
            ("code", .string(finding.check.code)),
            ("name", .string(finding.check.name)),
            ("group", .string(finding.check.group.rawValue)),
            ("severity", .string(finding.severity.rawValue)),
            ("confidence", .string(finding.confidence.rawValue)),
            (
                "subject",
                .object([
                    ("kind", .string(finding.subject.kind)), ("name", .string(finding.subject.name)),
                    ("text", .string(finding.subject.description)),
                ])
            ),
            ("message", .string(finding.message)),
            ("cause", .optional(finding.cause)),
            ("evidence", .array(finding.evidence.map(evidence))),
            ("affected", finding.affected.map(affected) ?? .null),
            ("fixes", .array(finding.fixes.map(fix))),
            ("consequences", .array(finding.consequences.map { .object(self.finding($0)) })),
        ]
    }

    private func evidence(_ evidence: Evidence) -> JSONValue {
        let (text, source) = words.text(evidence)
        var members: [(String, JSONValue)]
        switch evidence {
        case .line(let node, _, _): members = [("kind", .string("line")), ("node", .optional(node))]
        case .field(let object, let path, let value, _):
            members = [
                ("kind", .string("field")), ("object", .string(object)), ("path", .string(path)),
                ("value", .string(value)),
            ]
        case .absent(let place, let what, _):
            members = [("kind", .string("absent")), ("place", .string(place)), ("what", .string(what))]
        case .trace(let connection):
            members = [("kind", .string("connection")), ("connection", Self.traced(connection))]
        case .computed: members = [("kind", .string("computed"))]
        }
        members.append(("text", .string(text)))
        return .object(members + place(source))
    }

    private func place(_ source: SourceLine?) -> [(String, JSONValue)] {
        guard let source, !source.isEdited else { return [("file", .null), ("line", .null)] }
        return [
            ("file", .string(words.path(source))),
            ("line", source.line == 0 ? .null : .number(Int(source.line))),
        ]
    }

    private func decision(_ decision: Decision?) -> JSONValue {
        guard let decision else { return .null }
        return .object(
            [("node", .optional(decision.node)), ("text", .string(decision.text))] + place(decision.source))
    }

    private func affected(_ affected: AffectedConnections) -> JSONValue {
        .object([
            ("connections", .number(affected.count)),
            ("of", .number(affected.total)),
            ("example", affected.example.map(Self.traced) ?? .null),
        ])
    }

    private func fix(_ fix: Fix) -> JSONValue {
        let proof = ProofWords(fix.proof)
        return .object([
            ("title", .string(fix.title)),
            ("proof", .string(proof.status)),
            ("because", .optional(proof.because)),
            ("change", proof.change.map(Self.change) ?? .null),
            (
                "commands",
                .array(
                    fix.commands.map { command in
                        let node: String? = if case .node(let name) = command.place { name } else { nil }
                        return .object([
                            ("node", .optional(node)), ("run", .string(command.command)),
                            ("persist", .optional(command.persist)), ("undo", .optional(command.undo)),
                        ])
                    })
            ),
        ])
    }

    /// What a change does to the connections that were walked: numbers, and the first of each kind.
    static func change(_ change: SurveyChange) -> JSONValue {
        .object([
            ("walked", .number(change.walked)),
            ("repaired", .number(change.repaired.count)),
            ("broken", .array(change.broken.prefix(20).map(traced))),
            ("still_failing", .array(change.stillFailing.prefix(20).map(traced))),
        ])
    }

    static func traced(_ connection: TracedConnection) -> JSONValue {
        .object([
            ("flow", flow(connection.flow)),
            ("verdict", .string(connection.verdict.rawValue)),
            ("reason", .string(connection.reason)),
            ("failing_percent", .real((connection.failingPercent * 100).rounded() / 100)),
        ])
    }

    static func flow(_ flow: Flow) -> JSONValue {
        .object([
            ("from", .string(flow.fromText)),
            ("to", .string(flow.toText)),
            ("protocol", .string(FlowTransport(flow.ipProtocol)?.rawValue ?? "\(flow.ipProtocol)")),
            ("destination", .string(flow.destination.description)),
            ("destination_port", flow.ipProtocol.hasPorts ? .number(Int(flow.destinationPort)) : .null),
        ])
    }
}
