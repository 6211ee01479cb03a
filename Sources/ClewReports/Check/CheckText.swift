import ClewDataplane
package import ClewDiagnostics
package import ClewSnapshot

/// Findings for a terminal: what, where, proof, fix; worst first.
package struct CheckText: Sendable {
    /// Lines that a finding may take where not everything is asked for.
    static let lineLimit = 11

    private let style: TextStyle
    /// All evidence, all fixes and all consequences, not only the first of each.
    private let isVerbose: Bool
    private let words: CheckWords
    private let snapshot: ClusterSnapshot
    /// What stands for the bundle in commands that are named.
    private let bundle: String

    package init(_ snapshot: ClusterSnapshot, style: TextStyle, isVerbose: Bool, bundle: String = "BUNDLE") {
        self.snapshot = snapshot
        self.style = style
        self.isVerbose = isVerbose
        self.bundle = bundle
        words = CheckWords(snapshot)
    }

    /// The whole report, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        var lines = report.asked.flatMap(asked)
        lines += summary(report)
        for entry in report.entries {
            lines.append("")
            lines += text(entry)
        }
        if !report.normal.isEmpty {
            lines += ["", style.paint("Looks alarming, and is normal", .heading)]
            lines += report.normal.flatMap(normal)
        }
        lines += untold(report)
        lines += hint(report)
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - Head

    private func asked(_ asked: AskedConnection) -> [String] {
        let summary = TraceSummary(asked.trace)
        let role: TextStyle.Role =
            switch asked.trace.verdict {
            case .works: .good
            case .fails, .partly: .bad
            case .unknown: .unsure
            }
        let flow = asked.trace.flow
        var lines = style.fitted(
            "\(flow.fromText) \(style.arrow) \(flow.toText) \(summary.text)",
            place: words.place(summary.branch?.decidedBy?.source), first: "", rest: "  ", role: role)
        if asked.expectation == .refused, asked.trace.verdict != .works {
            let service = asked.service.map { "svc/\($0)" } ?? "the Service"
            lines += style.fitted(
                "the API itself asks for the refusal: \(service) has no endpoint that this sender may use",
                place: nil, first: "  ", rest: "    ")
        }
        return lines
    }

    private func summary(_ report: CheckReport) -> [String] {
        let counts = Severity.allCases.reversed().compactMap { severity -> String? in
            let count = report.count(severity)
            return count == 0 ? nil : "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }
        let isBad = report.entries.contains { $0.finding.severity > .notice }
        let new = report.known == nil ? "" : "new "
        let nothing = report.known == nil ? "nothing found" : "nothing new"
        let head = counts.isEmpty ? nothing : new + counts.joined(separator: ", ")
        let text = head.prefix(1).uppercased() + head.dropFirst() + ": " + connections(report)
        let end = text.firstIndex(of: ":") ?? text.endIndex
        var lines = style.fitted(text, place: nil, first: "", rest: "  ")
        if let first = lines.first, first.hasPrefix(String(text[..<end])) {
            let role: TextStyle.Role = isBad ? .bad : report.isIncomplete ? .unsure : .good
            lines[0] = style.paint(String(text[..<end]), role) + first.dropFirst(text[..<end].count)
        }
        if let sample = report.sample {
            lines += style.fitted("\(sample)", place: nil, first: "  ", rest: "  ", role: .faint)
        }
        if let known = report.known {
            lines += style.fitted(
                "\(known) known before \(known == 1 ? "is" : "are") left out, \(report.gone ?? 0) "
                    + "of before \(report.gone == 1 ? "is" : "are") gone",
                place: nil, first: "  ", rest: "  ", role: .faint)
        }
        return lines
    }

    private func connections(_ report: CheckReport) -> String {
        guard report.walked > 0 else { return "no connection could be walked" }
        guard report.asked.isEmpty else {
            let what = report.asked.count == 1 ? "this connection" : "these connections"
            return report.entries.isEmpty ? "nothing that breaks \(what)" : "what can break \(what)"
        }
        let untold = report.untold > 0 ? "; \(report.untold) cannot be told" : ""
        guard report.failing > 0 else {
            let rest = untold.isEmpty ? "" : " that can be told"
            return "all \(CheckWords.connections(report.walked))\(rest) end as the API asks\(untold)"
        }
        return
            "\(report.failing) of \(CheckWords.connections(report.walked)) fail though the API asks for them\(untold)"
    }

    // MARK: - A finding

    private func text(_ entry: CheckReport.Entry) -> [String] {
        let full = lines(entry, evidence: isVerbose ? .max : 2, commands: .max, isShort: !isVerbose)
        guard !isVerbose, full.count > Self.lineLimit else { return full }
        for (evidence, commands) in [(1, 3), (1, 2), (1, 1), (1, 0)] {
            let lines = lines(entry, evidence: evidence, commands: commands, isShort: true)
            if lines.count <= Self.lineLimit { return lines }
        }
        return lines(entry, evidence: 1, commands: 0, isShort: true)
    }

    private func lines(_ entry: CheckReport.Entry, evidence: Int, commands: Int, isShort: Bool) -> [String] {
        let finding = entry.finding
        let role: TextStyle.Role =
            switch finding.severity {
            case .error: .bad
            case .warning: .unsure
            case .notice: .heading
            }
        let limit = isShort ? style.width * 9 / 4 : .max
        func short(_ text: String) -> String { RuleText.shortened(text, to: limit, style.ellipsis) }
        var lines = style.fitted(
            short("\(finding.severity.rawValue)[\(finding.check.code)] \(CheckWords.title(finding))"), place: nil,
            first: "", rest: "  ", role: role)
        if let cause = finding.cause {
            lines += style.fitted(short("because \(cause)"), place: nil, first: "  ", rest: "    ")
        }
        if let affected = finding.affected, affected.count > 0 {
            lines += style.fitted(short(CheckWords.text(affected)), place: nil, first: "  ", rest: "    ")
        }
        for piece in finding.evidence.prefix(evidence) {
            let (text, source) = words.text(piece)
            lines += style.fitted(short(text), place: words.place(source), first: "  ", rest: "    ")
        }
        if finding.evidence.count > evidence {
            lines += faint("\(finding.evidence.count - evidence) more lines of evidence: --verbose")
        }
        for fix in isShort ? Array(finding.fixes.prefix(1)) : finding.fixes {
            lines += text(fix, commands, short, entry)
        }
        if isShort, finding.fixes.count > 1 {
            lines += faint(
                "\(finding.fixes.count - 1) more way\(finding.fixes.count == 2 ? "" : "s") to mend it: --verbose")
        }
        return lines + consequences(finding.consequences)
    }

    private func text(
        _ fix: Fix, _ commands: Int, _ short: (String) -> String, _ entry: CheckReport.Entry
    ) -> [String] {
        let proof = ProofWords(fix.proof)
        let role: TextStyle.Role =
            switch fix.proof {
            case .proven: .good
            case .partly, .notProven: .unsure
            case .adviceOnly, .notTried: .faint
            }
        var lines = style.fitted(
            short("fix (\(proof.text)): \(fix.title)"), place: nil, first: "  ", rest: "    ", role: role)
        for command in fix.commands.prefix(commands) {
            lines += style.fitted(
                command.command, place: CheckWords.place(command.place), first: "    $ ", rest: "      ")
        }
        let left = fix.commands.count - commands
        if commands < fix.commands.count {
            let object = "\(entry.finding.check.code):\(entry.finding.subject)"
            lines += faint(
                "\(left) \(commands == 0 ? "" : "more ")command\(left == 1 ? "" : "s"): clew fix \(bundle) \(object)")
        }
        return lines
    }

    private func faint(_ text: String) -> [String] {
        style.fitted(text, place: nil, first: "    ", rest: "    ", role: .faint)
    }

    private func consequences(_ findings: [Finding]) -> [String] {
        guard !findings.isEmpty else { return [] }
        guard isVerbose else {
            let codes = Set(findings.map(\.check.code)).sorted().joined(separator: ", ")
            return style.fitted("also explains \(codes)", place: nil, first: "  ", rest: "    ", role: .faint)
        }
        return findings.flatMap {
            style.fitted(
                "also explains \($0.check.code): \(CheckWords.title($0))", place: nil, first: "  ", rest: "    ",
                role: .faint)
        }
    }

    // MARK: - Foot

    private func normal(_ entry: CheckReport.Entry) -> [String] {
        var lines = style.fitted(
            "\(entry.finding.check.code) \(CheckWords.title(entry.finding))", place: nil, first: "  ", rest: "    ")
        if let cause = entry.finding.cause {
            lines += style.fitted("because \(cause)", place: nil, first: "    ", rest: "      ")
        }
        for piece in entry.finding.evidence.prefix(isVerbose ? .max : 1) {
            let (text, source) = words.text(piece)
            lines += style.fitted(text, place: words.place(source), first: "    ", rest: "      ")
        }
        return lines
    }

    private func untold(_ report: CheckReport) -> [String] {
        guard report.untold > 0, !report.reasons.isEmpty else { return [] }
        let limit = isVerbose ? Int.max : 3
        var lines = ["", style.paint("Cannot be told", .heading)]
        for reason in report.reasons.prefix(limit) {
            let node = reason.note.node.map { "\($0): " } ?? ""
            lines += style.fitted(
                "\(node)\(reason.note.text) (\(CheckWords.connections(reason.connections)))",
                place: words.place(reason.note.source), first: "  ", rest: "    ")
        }
        if report.reasons.count > limit {
            lines += style.fitted(
                "\(report.reasons.count - limit) more reasons: --verbose", place: nil, first: "  ", rest: "    ",
                role: .faint)
        }
        return lines
    }

    /// The commands that go on from here, for the first finding.
    private func hint(_ report: CheckReport) -> [String] {
        guard let first = report.entries.first, !isVerbose else { return [] }
        let code = first.finding.check.code
        let fix = first.finding.fixes.isEmpty ? "" : "; clew fix \(bundle) \(code) prints its fix as a script"
        return [""]
            + style.fitted(
                "clew explain \(code) says more\(fix)", place: nil, first: "", rest: "  ", role: .faint)
    }
}
