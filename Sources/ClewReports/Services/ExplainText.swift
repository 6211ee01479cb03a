import ClewBundle
package import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
package import ClewSnapshot

/// One Service on one node: intent and data plane side by side, sender by sender.
package struct ExplainText: Sendable {
    private let snapshot: ClusterSnapshot
    private let style: TextStyle

    package init(_ snapshot: ClusterSnapshot, style: TextStyle) {
        self.snapshot = snapshot
        self.style = style
    }

    /// The report, ended by a newline.
    package func text(
        _ service: NamespacedName, on node: String, _ explained: ExplainedService
    ) -> String {
        let entries = explained.entries
        let wrong = entries.flatMap(\.classes).count { !$0.isInOrder }
        let all = entries.flatMap(\.classes).count
        let answer: String
        if !explained.unreadFiles.isEmpty {
            answer = style.paint("cannot be told", .unsure)
        } else if wrong == 0 {
            answer = style.paint("in order", .good) + " for all \(all) classes of senders"
        } else {
            answer = style.paint("\(wrong) of \(all) classes of senders differ", .bad)
        }
        var lines = ["\(style.paint(service.description, .heading)) on \(node): \(answer)"]
        for note in explained.unreadFiles {
            lines += style.fitted(
                "\(style.question) cannot tell, because of this line: \(note.text)",
                place: note.source.map(snapshot.describe), first: "  ", rest: "    ", role: .unsure)
        }
        for entry in entries {
            lines.append("")
            lines.append(style.paint("\(entry.destination) of \(entry.service)", .heading))
            for explained in entry.classes { lines += text(explained) }
        }
        if !explained.healthChecks.isEmpty { lines.append("") }
        for check in explained.healthChecks {
            let isGone = check.isListening == false
            lines += style.fitted(
                "\(isGone ? style.cross : " ") \(check)", place: nil, first: "  ", rest: "      ",
                role: isGone ? .bad : .faint)
        }
        lines.append("")
        let words = explained.parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        lines += style.fitted("kube-proxy: \(words)", place: nil, first: "", rest: "  ", role: .faint)
        return lines.map { $0 + "\n" }.joined()
    }

    private func text(_ explained: ExplainedClass) -> [String] {
        let mark = explained.isInOrder ? style.tick : explained.differences.isEmpty ? style.question : style.cross
        let role: TextStyle.Role = explained.isInOrder ? .good : explained.differences.isEmpty ? .unsure : .bad
        var lines = ["\(style.paint(mark, role)) from \(explained.source)"]
        lines += style.fitted(
            "asked: \(DifferenceWords.expected(explained.expected))", place: nil, first: "    ", rest: "      ")
        for reason in explained.reasons {
            lines += style.fitted(
                reason.description, place: reason.source.map(snapshot.describe), first: "      ", rest: "        ",
                role: .faint)
        }
        lines += ways(explained)
        for difference in explained.differences {
            lines += style.fitted(
                "differs: \(DifferenceWords.sentence(difference))", place: snapshot.describe(difference.cause.source),
                first: "    ", rest: "      ", role: .bad)
        }
        for undecided in explained.undecided {
            lines += style.fitted(
                "cannot tell, because of this line: \(undecided.note.text)",
                place: undecided.note.source.map(snapshot.describe), first: "    ", rest: "      ", role: .unsure)
        }
        return lines
    }

    /// The lines that all ways share once, then each way with its own.
    private func ways(_ explained: ExplainedClass) -> [String] {
        let common = Set(explained.found.first?.steps ?? []).intersection(
            explained.found.dropFirst().reduce(Set(explained.found.first?.steps ?? [])) {
                $0.intersection($1.steps)
            })
        var lines: [String] = []
        for way in explained.found {
            let chance = way.share.probability.isOne ? "" : "p = \(TraceSummary.decimal(way.share.probability)) "
            lines += style.fitted(
                "found: \(chance)\(DifferenceWords.found(way.share.outcome))", place: nil, first: "    ",
                rest: "      ")
            let own = explained.found.count > 1 ? way.steps.filter { !common.contains($0) } : way.steps
            lines += Self.telling(way.steps).filter(own.contains).flatMap(line)
        }
        guard explained.found.count > 1, !common.isEmpty else { return lines }
        lines += style.fitted("all by way of", place: nil, first: "    ", rest: "      ")
        return lines + Self.telling(explained.found.first?.steps ?? []).filter(common.contains).flatMap(line)
    }

    /// Without the jumps of filter tables into chains in which nothing matched.
    private static func telling(_ steps: [ClassStep]) -> [ClassStep] {
        steps.enumerated().filter { index, step in
            guard step.table != "nat", index + 1 < steps.count, case .rule = step.kind else { return true }
            return RuleText(step.text).effect != .jumps || steps[index + 1].depth > step.depth
        }.map(\.element)
    }

    private func line(_ step: ClassStep) -> [String] {
        style.fitted(
            RuleText(step.text).text, place: snapshot.describe(step.source), first: "      ", rest: "        ",
            role: .faint)
    }
}
