import ClewBundle
import ClewDataplane
package import ClewDiagnostics
package import ClewSnapshot

/// Findings for a terminal: what, where, proof, fix; worst first.
package struct CheckText: Sendable {
    private let snapshot: ClusterSnapshot
    private let style: TextStyle
    /// All evidence, all fixes and all consequences, not only the first of each.
    private let isVerbose: Bool

    package init(_ snapshot: ClusterSnapshot, style: TextStyle, isVerbose: Bool) {
        self.snapshot = snapshot
        self.style = style
        self.isVerbose = isVerbose
    }

    /// The whole report, ended by a newline.
    package func text(_ run: CheckRun, _ findings: [Finding]) -> String {
        var lines = summary(run, findings)
        for finding in findings {
            lines.append("")
            lines += text(finding)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func summary(_ run: CheckRun, _ findings: [Finding]) -> [String] {
        let errors = findings.count { $0.severity == .error }
        let warnings = findings.count { $0.severity == .warning }
        let notices = findings.count - errors - warnings
        let counts = [(errors, "error"), (warnings, "warning"), (notices, "notice")].filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        let head =
            counts.isEmpty ? style.paint("Nothing found", .good) : style.paint(counts.joined(separator: ", "), .bad)
        let walked =
            run.failing == 0
            ? "all \(run.walked) connections that were walked do what the API asks for, or cannot be told"
            : "\(run.failing) of \(run.walked) connections that were walked fail though the API asks for them"
        return style.fitted("\(head): \(walked)", place: nil, first: "", rest: "  ")
    }

    private func text(_ finding: Finding) -> [String] {
        let role: TextStyle.Role =
            switch finding.severity {
            case .error: .bad
            case .warning: .unsure
            case .notice: .heading
            }
        var head = "\(finding.severity.rawValue)[\(finding.check.code)] \(finding.subject) \(finding.message)"
        if finding.confidence != .proven { head += " (\(finding.confidence.rawValue))" }
        var lines = style.fitted(head, place: nil, first: "", rest: "  ", role: role)
        if let cause = finding.cause {
            lines += style.fitted("because \(cause)", place: nil, first: "  ", rest: "    ")
        }
        if let affected = finding.affected, affected.count > 0 { lines += text(affected) }
        for evidence in finding.evidence.prefix(isVerbose ? .max : 2) { lines += text(evidence) }
        for fix in finding.fixes.prefix(isVerbose ? .max : 1) { lines += text(fix) }
        if !finding.consequences.isEmpty { lines += consequences(finding.consequences) }
        return lines
    }

    private func text(_ affected: AffectedConnections) -> [String] {
        var text = "breaks \(affected.count) of \(affected.total) connections"
        if let example = affected.example {
            text += ", such as \(example.flow.fromText) \(style.arrow) \(example.flow.toText)"
        }
        return style.fitted(text, place: nil, first: "  ", rest: "    ")
    }

    private func text(_ evidence: Evidence) -> [String] {
        switch evidence {
        case .line(_, let source, let text): return cited(text, source)
        case .field(let object, let path, let value, let source): return cited("\(object): \(path) = \(value)", source)
        case .absent(let place, let what, let source): return cited("\(place): \(what) is not there", source)
        case .trace(let connection):
            return cited(
                "\(connection.flow.fromText) \(style.arrow) \(connection.flow.toText): \(connection.reason)",
                connection.decidedBy?.source)
        case .computed(let text, let source): return cited(text, source)
        }
    }

    private func cited(_ text: String, _ source: SourceLine?) -> [String] {
        let place = source.flatMap { $0.isEdited ? nil : snapshot.describe($0) }
        return style.fitted(text, place: place, first: "  ", rest: "    ")
    }

    private func text(_ fix: Fix) -> [String] {
        let proof: String
        let role: TextStyle.Role
        switch fix.proof {
        case .proven(let change): (proof, role) = ("proven: \(change.repaired.count) connections work again", .good)
        case .partly(let change, let why):
            (proof, role) = ("partly: \(change.repaired.count) work again; \(why)", .unsure)
        case .notProven(_, let why): (proof, role) = ("not proven: \(why)", .unsure)
        case .adviceOnly: (proof, role) = ("advice", .faint)
        case .notTried: (proof, role) = ("not simulated", .faint)
        }
        var lines = style.fitted("fix (\(proof)): \(fix.title)", place: nil, first: "  ", rest: "    ", role: role)
        for command in fix.commands {
            let place: String
            switch command.place {
            case .node(let name): place = "on \(name)"
            case .workstation: place = ""
            }
            lines += style.fitted(command.command, place: place.isEmpty ? nil : place, first: "    $ ", rest: "      ")
        }
        return lines
    }

    private func consequences(_ findings: [Finding]) -> [String] {
        guard isVerbose else {
            let codes = Set(findings.map(\.check.code)).sorted().joined(separator: ", ")
            return style.fitted("also explains \(codes)", place: nil, first: "  ", rest: "    ", role: .faint)
        }
        return findings.flatMap {
            style.fitted(
                "also explains \($0.check.code): \($0.subject) \($0.message)", place: nil, first: "  ", rest: "    ",
                role: .faint)
        }
    }
}
