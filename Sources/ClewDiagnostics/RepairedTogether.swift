/// What the fix of one finding mends is no second cause.
///
/// A finding that has no proven fix of its own, and all of whose lost connections work again by the fix of another, is
/// told under that one.
enum RepairedTogether {
    static func folded(_ findings: [Finding], in survey: ConnectionSurvey) -> [Finding] {
        var findings = findings
        var index = 0
        while index < findings.count {
            let own = findings[index]
            let broken = Set(own.explains.flatMap { survey.lost[$0].connections })
            guard !broken.isEmpty, !own.hasProvenFix,
                let cause = findings.indices.first(where: { other in
                    other != index && findings[other].severity >= own.severity
                        && findings[other].repairs.contains { broken.isSubset(of: $0) }
                })
            else {
                index += 1
                continue
            }
            findings[cause].consequences.append(own)
            findings.remove(at: index)
        }
        return findings
    }
}

extension Finding {
    var hasProvenFix: Bool { fixes.contains { if case .proven = $0.proof { true } else { false } } }

    /// The connections of the survey that its proven fixes make work.
    fileprivate var repairs: [Set<Int>] {
        fixes.compactMap { fix -> Set<Int>? in
            // What follows from an edit of objects is worked out as if kube-proxy began anew: that mends too much.
            guard fix.edits.allSatisfy({ $0.place != nil }), case .proven(let change) = fix.proof else { return nil }
            return change.repairedNumbers
        }
    }
}
