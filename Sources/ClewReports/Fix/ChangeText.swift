import ClewDataplane
package import ClewDiagnostics
package import ClewSnapshot

/// What a change does to the connections that were walked, for a terminal.
package struct ChangeText: Sendable {
    private let style: TextStyle
    private let words: CheckWords
    private let isVerbose: Bool

    /// The snapshot is the one from before: what an edit has set has no line.
    package init(_ snapshot: ClusterSnapshot, style: TextStyle, isVerbose: Bool) {
        self.style = style
        self.isVerbose = isVerbose
        words = CheckWords(snapshot)
    }

    /// Before and after, then the connections that change, by kind; ended by a newline.
    package func text(_ study: ChangeStudy, heading: String) -> String {
        let lines = style.fitted(heading, place: nil, first: "", rest: "  ", role: .heading) + body(study)
        return lines.map { $0 + "\n" }.joined()
    }

    /// Advice that does harm: what is promised, what it would do here.
    package func text(_ harmful: HarmfulFixStudy) -> String {
        let fix = harmful.fix
        var lines = [style.paint(fix.name, .heading)]
        lines += style.fitted("$ \(fix.command)", place: nil, first: "  ", rest: "    ")
        lines += style.fitted("promise: \(fix.promise)", place: nil, first: "  ", rest: "    ")
        lines += style.fitted("why not: \(fix.harm)", place: nil, first: "  ", rest: "    ", role: .bad)
        if let study = harmful.study {
            lines.append("  " + style.paint("here it would:", .heading))
            lines += (study.changes.isEmpty ? ["change no connection that was walked"] : summary(study))
                .flatMap { style.fitted($0, place: nil, first: "    ", rest: "      ") }
            for kind in ChangedConnection.Kind.allCases where kind != .repaired && kind != .other {
                lines += study.of(kind).prefix(isVerbose ? .max : 2).flatMap { self.line($0, indent: "      ") }
            }
        } else {
            let why = harmful.problem ?? "it changes nothing that this bundle shows"
            lines += style.fitted("not simulated: \(why)", place: nil, first: "  ", rest: "    ", role: .faint)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func body(_ study: ChangeStudy) -> [String] {
        var lines = [
            "  before  \(state(study.failingBefore, study.untoldBefore, study.walked))",
            "  after   \(state(study.failingAfter, study.untoldAfter, study.walked))",
        ]
        if study.changes.isEmpty { lines += ["", "No connection that was walked changes."] }
        for kind in ChangedConnection.Kind.allCases {
            let changed = study.of(kind)
            guard !changed.isEmpty else { continue }
            let limit = isVerbose ? Int.max : 5
            lines += ["", style.paint("\(changed.count) \(Self.title(kind, changed.count))", Self.role(kind))]
            for one in changed.prefix(limit) { lines += line(one, indent: "  ") }
            if changed.count > limit {
                lines.append("  " + style.paint("\(changed.count - limit) more: --verbose", .faint))
            }
        }
        return lines
    }

    private func state(_ failing: Int, _ untold: Int, _ walked: Int) -> String {
        let rest = untold > 0 ? ", \(untold) cannot be told" : ""
        return "\(failing) of \(CheckWords.connections(walked)) fail though the API asks for them\(rest)"
    }

    private func summary(_ study: ChangeStudy) -> [String] {
        ChangedConnection.Kind.allCases.compactMap { kind in
            let count = study.of(kind).count
            return count == 0 ? nil : "\(count) \(Self.title(kind, count))"
        }
    }

    private func line(_ change: ChangedConnection, indent: String) -> [String] {
        let rest = indent + "  "
        var lines = style.fitted(
            "\(change.flow.fromText) \(style.arrow) \(change.flow.toText)", place: nil, first: indent, rest: rest)
        switch change.kind {
        case .disguised:
            lines += style.fitted(
                "comes from \(Self.senders(change.after)), not from \(Self.senders(change.before))", place: nil,
                first: rest, rest: rest)
        case .redirected:
            lines += style.fitted(
                "goes to \(change.after.receivers.joined(separator: ", ")), "
                    + "not to \(change.before.receivers.joined(separator: ", "))", place: nil, first: rest, rest: rest)
        case .breaks, .doubtful, .repaired, .opened, .other:
            lines += outcome("was", change.before, rest) + outcome("is", change.after, rest)
        }
        return lines
    }

    private func outcome(_ label: String, _ outcome: ConnectionOutcome, _ indent: String) -> [String] {
        let word =
            switch outcome.verdict {
            case .works: "works"
            case .fails: "fails"
            case .partly: "fails for some"
            case .unknown: "cannot be told"
            }
        let why = outcome.verdict == .works || outcome.reason.isEmpty ? "" : ": \(outcome.reason)"
        return style.fitted(
            "\(label) \(word)\(why)", place: outcome.verdict == .works ? nil : words.place(outcome.decidedBy?.source),
            first: indent, rest: indent + "  ")
    }

    private static func senders(_ outcome: ConnectionOutcome) -> String {
        outcome.sources.map { $0.isEmpty ? "the sender itself" : $0 }.joined(separator: ", ")
    }

    static func title(_ kind: ChangedConnection.Kind, _ count: Int) -> String {
        let s = count == 1 ? "s" : ""
        switch kind {
        case .breaks: return "work\(count == 1 ? "s" : "") now and would not"
        case .doubtful: return "work\(s) now and could not be told any more"
        case .repaired: return "fail\(s) now and would work"
        case .opened: return "\(count == 1 ? "is" : "are") refused or lost now and would be let through"
        case .disguised: return "would hide the sender from the receiver, or show another"
        case .redirected: return "would arrive elsewhere"
        case .other: return "would fail in another way"
        }
    }

    private static func role(_ kind: ChangedConnection.Kind) -> TextStyle.Role {
        switch kind {
        case .breaks: .bad
        case .repaired: .good
        case .doubtful, .opened, .disguised, .redirected, .other: .unsure
        }
    }
}
