import ClewDataplane
package import ClewDiagnostics
package import ClewSnapshot

/// Writes findings as Markdown, for tickets and chats.
package struct CheckMarkdown: Sendable {
    private let words: CheckWords

    package init(_ snapshot: ClusterSnapshot) { words = CheckWords(snapshot) }

    /// The document, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        var lines = ["# Clew: \(MarkupText.markdown(report.bundle))", ""]
        for asked in report.asked {
            let flow = asked.trace.flow
            lines += [
                "**\(MarkupText.markdown("\(flow.fromText) → \(flow.toText)"))**: "
                    + MarkupText.markdown(TraceSummary(asked.trace).text), "",
            ]
        }
        let counts =
            "\(report.count(.error)) errors, \(report.count(.warning)) warnings, \(report.count(.notice)) notices"
        let untold = report.untold > 0 ? ", \(report.untold) cannot be told" : ""
        lines.append(
            "\(counts). \(CheckWords.connections(report.walked)) walked, \(report.failing) fail though the API asks "
                + "for them\(untold).")
        if let collected = report.collected { lines += ["", "Collected \(MarkupText.markdown(collected))."] }
        if let known = report.known { lines += ["", "\(known) known before left out, \(report.gone ?? 0) gone."] }
        if !report.entries.isEmpty {
            lines += ["", "| | finding | breaks | fix |", "| --- | --- | --- | --- |"]
            lines += report.entries.map(row)
        }
        for entry in report.entries { lines += section(entry) }
        if !report.normal.isEmpty {
            lines += ["", "## Looks alarming, and is normal", ""]
            lines += report.normal.map {
                "- \($0.finding.check.code) \(MarkupText.markdown(CheckWords.title($0.finding)))"
            }
        }
        if report.untold > 0 {
            lines += ["", "## Cannot be told", ""]
            lines += report.reasons.map { reason in
                let node = reason.note.node.map { "\($0): " } ?? ""
                return
                    "- \(MarkupText.markdown(node + reason.note.text)) (\(CheckWords.connections(reason.connections)))"
                    + (words.place(reason.note.source).map { " \(MarkupText.code($0))" } ?? "")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func row(_ entry: CheckReport.Entry) -> String {
        let finding = entry.finding
        let affected = finding.affected.map { "\($0.count) of \($0.total)" } ?? ""
        let proof = finding.fixes.first.map { ProofWords($0.proof).status.replacing("_", with: " ") } ?? ""
        return "| \(finding.severity.rawValue) | **\(finding.check.code)** "
            + "\(MarkupText.markdown(CheckWords.title(finding))) | \(affected) | \(proof) |"
    }

    private func section(_ entry: CheckReport.Entry) -> [String] {
        let finding = entry.finding
        var lines = ["", "## \(finding.check.code) \(MarkupText.markdown(CheckWords.title(finding)))", ""]
        if let cause = finding.cause { lines += ["Because \(MarkupText.markdown(cause)).", ""] }
        if let affected = finding.affected, affected.count > 0 {
            lines += ["It \(MarkupText.markdown(CheckWords.text(affected))).", ""]
        }
        for piece in finding.evidence {
            let (text, source) = words.text(piece)
            lines.append("- \(MarkupText.code(text))" + (words.place(source).map { " (\($0))" } ?? ""))
        }
        for fix in finding.fixes {
            lines += [
                "", "**Fix** (\(MarkupText.markdown(ProofWords(fix.proof).text))): \(MarkupText.markdown(fix.title))",
            ]
            lines += ["", "```sh"]
            for command in fix.commands {
                lines.append("# \(CheckWords.place(command.place) ?? "where kubectl works")")
                lines.append(command.command)
            }
            lines.append("```")
        }
        if !finding.consequences.isEmpty {
            lines += ["", "Also explains:", ""]
            lines += finding.consequences.map { "- \($0.check.code) \(MarkupText.markdown(CheckWords.title($0)))" }
        }
        return lines
    }
}

extension String {
    fileprivate func replacing(_ character: Character, with other: Character) -> String {
        String(map { $0 == character ? other : $0 })
    }
}
