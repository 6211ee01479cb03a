/// What the fix of one finding mends is no second cause.
///
/// A finding that has no proven fix of its own or the same as another that breaks more, and all of whose lost connections
/// work again by the fix of that other one, is told under it.
enum RepairedTogether {
    static func folded(_ findings: [Finding], in survey: ConnectionSurvey) -> [Finding] {
        var findings = findings
        var index = 0
        while index < findings.count {
            let own = findings[index]
            let broken = Set(own.explains.flatMap { survey.lost[$0].connections })
            guard !broken.isEmpty,
                let cause = findings.indices.first(where: { other in
                    other != index && findings[other].severity >= own.severity
                        && (!own.hasProvenFix || findings[other].isMendedAlike(own))
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

    /// Whether the same commands mend another finding, which breaks less.
    fileprivate func isMendedAlike(_ other: Finding) -> Bool {
        guard let first = fixes.first, first.commands == other.fixes.first?.commands else { return false }
        return (affected?.count ?? 0) > (other.affected?.count ?? 0)
    }

    /// The connections of the survey that its fixes make work, be it not all of those it breaks.
    fileprivate var repairs: [Set<Int>] {
        fixes.compactMap { fix -> Set<Int>? in
            // What follows from an edit of objects is worked out as if kube-proxy began anew: that mends too much.
            guard fix.edits.allSatisfy({ $0.place != nil }) else { return nil }
            switch fix.proof {
            case .proven(let change), .partly(let change, _): return change.repairedNumbers
            case .notProven, .adviceOnly, .notTried: return nil
            }
        }
    }
}
