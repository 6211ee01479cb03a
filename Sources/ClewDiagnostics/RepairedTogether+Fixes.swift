import ClewDataplane

extension RepairedTogether {
    /// Each costs a survey.
    private static let most = 4

    /// Gives findings whose fix mends a part only, since another finding breaks some of the same connections, the fix of
    /// both, where that is proven.
    static func joined(_ findings: [Finding], in survey: ConnectionSurvey, _ prover: FixProver) -> [Finding] {
        var result = findings
        let partly = findings.indices.filter { !findings[$0].hasProvenFix && findings[$0].partialFix != nil }
        for index in partly.prefix(most) {
            guard let own = findings[index].partialFix else { continue }
            let broken = broken(findings[index], survey)
            var others: [(code: String, fix: Fix)] = []
            for other in findings.indices
            where other != index && !broken.isDisjoint(with: self.broken(findings[other], survey)) {
                if let fix = findings[other].partialFix { others.append((findings[other].check.code, fix)) }
            }
            guard !others.isEmpty else { continue }
            var both = all(
                [own] + others.map(\.fix), "\(own.title); with the fix of \(others.map(\.code).joined(separator: ", "))"
            )
            both.proof = prover.proof(of: both, for: findings[index])
            if case .proven = both.proof { result[index].fixes.insert(both, at: 0) }
        }
        return result
    }

    private static func broken(_ finding: Finding, _ survey: ConnectionSurvey) -> Set<Int> {
        Set(finding.explains.flatMap { survey.lost[$0].connections })
    }

    private static func all(_ fixes: [Fix], _ title: String) -> Fix {
        let edits = fixes.flatMap(\.edits)
        // A rule is deleted by its line: before any other is put in.
        let deletions = edits.filter { if case .deleteRule = $0 { true } else { false } }
        let rest = edits.filter { if case .deleteRule = $0 { false } else { true } }
        var commands: [FixCommand] = []
        for command in fixes.flatMap(\.commands) where !commands.contains(command) { commands.append(command) }
        return Fix(title, edits: deletions + rest, commands: commands)
    }
}

extension Finding {
    /// The first fix that mends something and breaks nothing.
    var partialFix: Fix? {
        fixes.first { fix in
            guard !fix.edits.isEmpty else { return false }
            return switch fix.proof {
            case .proven, .partly: true
            case .notProven(let change, _): change.map { $0.broken.isEmpty && !$0.stillFailing.isEmpty } ?? false
            case .adviceOnly, .notTried: false
            }
        }
    }
}
