package import ClewDiagnostics
package import ClewSnapshot

/// Writes findings as JUnit XML, for CI: a suite for each group of checks, a case for each check or finding.
///
/// It holds to the common part of the two schemas that readers use (Jenkins' `junit-10.xsd` and Apache Ant's).
package struct CheckJUnit: Sendable {
    private let words: CheckWords
    private let checks: [CheckMetadata]

    /// `checks` are those that were run: each that found nothing is a case that passes.
    package init(_ snapshot: ClusterSnapshot, checks: [CheckMetadata]) {
        words = CheckWords(snapshot)
        self.checks = checks
    }

    /// The document, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        var suites: [String] = []
        var (tests, failures) = (0, 0)
        for group in CheckGroup.allCases {
            let cases = checks.filter { $0.group == group }.flatMap { check in
                self.cases(check, report.entries.filter { $0.finding.check.code == check.code })
            }
            guard !cases.isEmpty else { continue }
            let failed = cases.count(where: \.isFailure)
            tests += cases.count
            failures += failed
            suites.append(
                "  <testsuite name=\"clew \(group.rawValue)\" tests=\"\(cases.count)\" failures=\"\(failed)\" "
                    + "errors=\"0\" skipped=\"0\" time=\"0\">\n\(cases.map(\.text).joined())  </testsuite>\n")
        }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + "<testsuites name=\"clew check\" tests=\"\(tests)\" failures=\"\(failures)\" errors=\"0\" time=\"0\">\n"
            + suites.joined() + "</testsuites>\n"
    }

    private struct Case {
        var text: String
        var isFailure: Bool
    }

    private func cases(_ check: CheckMetadata, _ entries: [CheckReport.Entry]) -> [Case] {
        let name = "\(check.code) \(check.name)"
        guard !entries.isEmpty else {
            return [Case(text: "    \(open(check, name))/>\n", isFailure: false)]
        }
        return entries.map { entry in
            let finding = entry.finding
            let head = "    \(open(check, "\(name): \(finding.subject)"))>\n"
            let body = MarkupText.xml(details(entry))
            let isFailure = finding.severity > .notice
            let inner =
                isFailure
                ? "      <failure message=\"\(MarkupText.xml(CheckWords.title(finding)))\" "
                    + "type=\"\(finding.severity.rawValue)\">\(body)</failure>\n"
                : "      <system-out>\(body)</system-out>\n"
            return Case(text: head + inner + "    </testcase>\n", isFailure: isFailure)
        }
    }

    private func open(_ check: CheckMetadata, _ name: String) -> String {
        "<testcase classname=\"clew.\(check.group.rawValue)\" name=\"\(MarkupText.xml(name))\" time=\"0\""
    }

    private func details(_ entry: CheckReport.Entry) -> String {
        let finding = entry.finding
        var lines = ["\(finding.severity.rawValue)[\(finding.check.code)] \(CheckWords.title(finding))"]
        if let cause = finding.cause { lines.append("because \(cause)") }
        if let affected = finding.affected, affected.count > 0 { lines.append(CheckWords.text(affected)) }
        for piece in finding.evidence {
            let (text, source) = words.text(piece)
            lines.append(words.place(source).map { "\($0): \(text)" } ?? text)
        }
        for fix in finding.fixes {
            lines.append("fix (\(ProofWords(fix.proof).text)): \(fix.title)")
            for command in fix.commands {
                lines.append("  \(CheckWords.place(command.place) ?? "kubectl")$ \(command.command)")
            }
        }
        lines.append("id: \(entry.id)")
        return lines.joined(separator: "\n")
    }
}
