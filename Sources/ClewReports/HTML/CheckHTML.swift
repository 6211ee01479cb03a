import ClewBundle
package import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Writes findings as one HTML file that needs nothing else: no network, no fonts, hardly any script.
package struct CheckHTML: Sendable {
    /// Connections that are drawn of each finding; more are listed.
    static let drawingLimit = 6

    private let dataplane: Dataplane
    private let version: String
    private let words: CheckWords

    /// Connections are walked once more through the data plane, to draw their ways.
    package init(_ dataplane: Dataplane, version: String) {
        self.dataplane = dataplane
        self.version = version
        words = CheckWords(dataplane.snapshot)
    }

    /// The document, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        var body = header(report)
        for (index, asked) in report.asked.enumerated() { body += self.asked(asked, index) }
        if report.entries.isEmpty {
            let text = report.isIncomplete ? "Nothing was found; not everything can be told." : "Nothing was found."
            body += "<p class=\"calm\">\(text)</p>"
        } else {
            body += contents(report)
        }
        for (index, entry) in report.entries.enumerated() { body += finding(entry, index) }
        if !report.normal.isEmpty { body += normal(report.normal) }
        if report.untold > 0, !report.reasons.isEmpty { body += untold(report.reasons) }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="clew \(version)">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
            <title>Clew: \(MarkupText.xml(title(report)))</title>
            <style>\(CheckPageStyle.css)</style>
            </head>
            <body>
            <main>
            \(body)
            <footer>clew \(version) · <code>clew check \(MarkupText.xml(report.bundle)) -o html</code></footer>
            </main>
            <script>\(CheckPageStyle.script)</script>
            </body>
            </html>

            """
    }

    // MARK: - Head

    private func title(_ report: CheckReport) -> String {
        let errors = report.count(.error)
        return "\(errors) error\(errors == 1 ? "" : "s") in \(report.bundle)"
    }

    private func header(_ report: CheckReport) -> String {
        let worst = report.entries.first?.finding.severity
        let state = worst == .error ? "error" : worst == .warning ? "warning" : report.isIncomplete ? "warning" : "good"
        let sentence: String
        if report.walked == 0 {
            sentence = "No connection could be walked"
        } else if report.failing == 0 {
            sentence = "All \(CheckWords.connections(report.walked)) end as the API asks"
        } else {
            sentence =
                "\(report.failing) of \(CheckWords.connections(report.walked)) fail though the API asks for them"
        }
        var tiles = [
            tile(
                "\(report.count(.error))", "error\(report.count(.error) == 1 ? "" : "s")",
                report.count(.error) > 0 ? "error" : ""),
            tile(
                "\(report.count(.warning))", "warning\(report.count(.warning) == 1 ? "" : "s")",
                report.count(.warning) > 0 ? "warning" : ""),
            tile("\(report.count(.notice))", "notice\(report.count(.notice) == 1 ? "" : "s")", ""),
            tile("\(report.walked)", "connections walked", ""),
        ]
        if report.untold > 0 { tiles.append(tile("\(report.untold)", "cannot be told", "warning")) }
        if let known = report.known { tiles.append(tile("\(known)", "known before", "")) }
        let collected = report.collected.map { ", collected <time>\(MarkupText.xml($0))</time>" } ?? ""
        return """
            <header class="\(state)">
            <p class="brand">Clew <span>\(MarkupText.xml(report.bundle))\(collected)</span></p>
            <h1>\(sentence)</h1>
            <ul class="tiles">\(tiles.joined())</ul>
            </header>

            """
    }

    private func tile(_ number: String, _ label: String, _ kind: String) -> String {
        "<li class=\"\(kind)\"><b>\(number)</b> \(label)</li>"
    }

    private func contents(_ report: CheckReport) -> String {
        let rows = report.entries.enumerated().map { index, entry in
            let finding = entry.finding
            let proof = finding.fixes.first.map { ProofWords($0.proof).status.map { $0 == "_" ? " " : $0 } }.map {
                String($0)
            }
            let fix = proof.map { "<span class=\"proof\">fix \($0)</span>" } ?? ""
            return
                "<li><a href=\"#f\(index)\"><span class=\"badge \(finding.severity.rawValue)\">\(finding.severity.rawValue)</span> "
                + "<span class=\"code\">\(finding.check.code)</span> "
                + "<span class=\"what\">\(MarkupText.xml(CheckWords.title(finding)))</span>\(fix)</a></li>"
        }
        return "<nav aria-label=\"Findings\"><ol class=\"contents\">\(rows.joined())</ol></nav>\n"
    }

    // MARK: - Findings

    private func finding(_ entry: CheckReport.Entry, _ index: Int) -> String {
        let finding = entry.finding
        var body = ""
        if let cause = finding.cause { body += "<p class=\"cause\">Because \(MarkupText.xml(cause)).</p>" }
        if !finding.evidence.isEmpty { body += evidence(finding.evidence) }
        for fix in finding.fixes { body += self.fix(fix) }
        if !finding.consequences.isEmpty {
            let items = finding.consequences.map {
                "<li><span class=\"code\">\($0.check.code)</span> \(MarkupText.xml(CheckWords.title($0)))</li>"
            }
            body += "<h3>Also explained by it</h3><ul>\(items.joined())</ul>"
        }
        if !entry.broken.isEmpty { body += broken(entry, index) }
        return """
            <article id="f\(index)" class="\(finding.severity.rawValue)">
            <h2><span class="badge \(finding.severity.rawValue)">\(finding.severity.rawValue)</span> \
            <span class="code">\(finding.check.code)</span> \(MarkupText.xml(CheckWords.title(finding)))</h2>
            \(body)
            </article>

            """
    }

    private func evidence(_ pieces: [Evidence]) -> String {
        let items = pieces.prefix(40).map { piece in
            let (text, source) = words.text(piece)
            let place = words.place(source).map { " <span class=\"where\">\(MarkupText.xml($0))</span>" } ?? ""
            return "<li><code>\(MarkupText.xml(text))</code>\(place)</li>"
        }
        let rest = pieces.count > 40 ? "<li>and \(pieces.count - 40) more lines</li>" : ""
        return "<ul class=\"evidence\">\(items.joined())\(rest)</ul>"
    }

    private func fix(_ fix: Fix) -> String {
        let proof = ProofWords(fix.proof)
        let commands = fix.commands.map { command in
            let place = CheckWords.place(command.place) ?? "where kubectl works"
            var text =
                "<p class=\"where\">\(MarkupText.xml(place))</p><pre><code>\(MarkupText.xml(command.command))</code></pre>"
            var more = ""
            if let persist = command.persist {
                more += "<p>to last over a reboot</p><pre><code>\(MarkupText.xml(persist))</code></pre>"
            }
            if let undo = command.undo { more += "<p>to undo it</p><pre><code>\(MarkupText.xml(undo))</code></pre>" }
            if !more.isEmpty { text += "<details><summary>keep it, undo it</summary>\(more)</details>" }
            return text
        }
        return """
            <section class="fix \(proof.status)">
            <h3>Fix: \(MarkupText.xml(fix.title))</h3>
            <p class="proof">\(MarkupText.xml(proof.text))</p>
            \(commands.joined())
            </section>
            """
    }

    private func broken(_ entry: CheckReport.Entry, _ index: Int) -> String {
        var result =
            "<h3>\(entry.broken.count == 1 ? "The connection it breaks" : "The \(entry.broken.count) connections it breaks")</h3>"
        for (number, flow) in entry.broken.prefix(Self.drawingLimit).enumerated() {
            let trace = dataplane.trace(flow)
            result += connection(trace, prefix: "f\(index)c\(number)", isOpen: number == 0)
        }
        let rest = entry.broken.dropFirst(Self.drawingLimit)
        if !rest.isEmpty {
            let items = rest.prefix(200).map { "<li>\(MarkupText.xml("\($0.fromText) → \($0.toText)"))</li>" }
            let more = rest.count > 200 ? "<li>and \(rest.count - 200) more</li>" : ""
            result +=
                "<details><summary>\(rest.count) more connections</summary><ul class=\"list\">\(items.joined())\(more)</ul></details>"
        }
        return result
    }

    private func asked(_ asked: AskedConnection, _ index: Int) -> String {
        let refused =
            asked.expectation == .refused && asked.trace.verdict != .works
            ? "<p>The API itself asks for the refusal: no endpoint may be used by this sender.</p>" : ""
        return
            "<section class=\"asked\">\(refused)\(connection(asked.trace, prefix: "a\(index)", isOpen: true))</section>"
    }

    // MARK: - Connections

    private func connection(_ trace: Trace, prefix: String, isOpen: Bool) -> String {
        let summary = TraceSummary(trace)
        let branch = summary.branch ?? trace.branches.first
        let verdict = trace.verdict == .works ? "good" : trace.verdict == .unknown ? "warning" : "error"
        let title = "\(trace.flow.fromText) → \(trace.flow.toText)"
        var body = "<p class=\"verdict \(verdict)\">\(MarkupText.xml(summary.text))</p>"
        if let branch, !branch.hops.isEmpty {
            let map = PathMap(branch)
            var drawing = PathSVG(map, prefix: prefix, title: "The way of \(title)")
            body +=
                "<div class=\"way\"><figure>\(drawing.text())\(legend(map))</figure><div class=\"hops\">\(hops(branch, map, prefix))</div></div>"
        }
        return
            "<details class=\"connection\"\(isOpen ? " open" : "")><summary>\(MarkupText.xml(title))</summary>\(body)</details>"
    }

    private func legend(_ map: PathMap) -> String {
        var items = ["<span class=\"request\">request</span>"]
        if map.visits.contains(where: \.isReply) { items.append("<span class=\"reply\">answer</span>") }
        if map.visits.contains(where: \.isFault) {
            items.append(
                map.outcome == .unknown
                    ? "<span class=\"unsure\">cannot be told</span>" : "<span class=\"bad\">lost or spoiled here</span>"
            )
        }
        return "<figcaption>\(items.joined(separator: " ")) Tap or point at a hop for its rules.</figcaption>"
    }

    private func hops(_ branch: TraceBranch, _ map: PathMap, _ prefix: String) -> String {
        let builder = PathBuilder(dataplane.snapshot, TextStyle(width: 200), .decisive)
        let decided = [branch.decidedBy, branch.reply?.decidedBy].compactMap { $0 }
        return map.visits.enumerated().map { index, visit in
            let items = builder.items(of: visit.hop, decided)
            let kind = visit.isFault ? "fault" : visit.isReply ? "reply" : "request"
            var body = ""
            var title = ""
            for item in items {
                switch item {
                case .place(let name, let device, let folder):
                    title = MarkupText.xml(name) + (device.map { ", in by \(MarkupText.xml($0))" } ?? "")
                    if !folder.isEmpty { body += "<p class=\"where\">\(MarkupText.xml(folder))</p>" }
                case .hook(let text): body += "<p class=\"hook\">\(MarkupText.xml(text))</p>"
                case .step(let label, let text, let comment, let place, let change):
                    body += step(label, text, comment, place, change)
                case .change(let text): body += "<p class=\"change\">= \(MarkupText.xml(text))</p>"
                case .turn, .end: break
                }
            }
            if let fault = visit.events.last(where: { $0.kind == .fault }) {
                body += "<p class=\"lost\">✗ \(MarkupText.xml(fault.text))</p>"
            }
            return
                "<details id=\"\(prefix)h\(index)\" class=\"\(kind)\"\(visit.isFault ? " open" : "")><summary>\(title)</summary>\(body)</details>"
        }.joined()
    }

    private func step(_ label: String, _ text: String, _ comment: String?, _ place: String?, _ change: String?)
        -> String
    {
        let head = label.isEmpty ? "" : "<i>\(MarkupText.xml(label))</i> "
        let note = comment.map { " <span class=\"comment\"># \(MarkupText.xml($0))</span>" } ?? ""
        let line = place.map { " <span class=\"where\">\(MarkupText.xml($0))</span>" } ?? ""
        let after = change.map { "<p class=\"change\">= \(MarkupText.xml($0))</p>" } ?? ""
        return "<p class=\"step\">\(head)<code>\(MarkupText.xml(text))</code>\(note)\(line)</p>\(after)"
    }

    // MARK: - Foot

    private func normal(_ entries: [CheckReport.Entry]) -> String {
        let items = entries.map { entry in
            "<li><span class=\"code\">\(entry.finding.check.code)</span> \(MarkupText.xml(CheckWords.title(entry.finding)))</li>"
        }
        return "<section class=\"plain\"><h2>Looks alarming, and is normal</h2><ul>\(items.joined())</ul></section>\n"
    }

    private func untold(_ reasons: [CheckReport.Untold]) -> String {
        let items = reasons.prefix(50).map { reason in
            let node = reason.note.node.map { "\($0): " } ?? ""
            let place =
                words.place(reason.note.source).map { " <span class=\"where\">\(MarkupText.xml($0))</span>" } ?? ""
            return
                "<li>\(MarkupText.xml(node + reason.note.text)) (\(CheckWords.connections(reason.connections)))\(place)</li>"
        }
        return "<section class=\"plain\"><h2>Cannot be told</h2><ul>\(items.joined())</ul></section>\n"
    }
}
