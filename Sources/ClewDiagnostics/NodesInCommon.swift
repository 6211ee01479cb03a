/// Findings that say the same of several nodes, told once.
///
/// A connection crosses several nodes: with one of them mended it still fails at the next, so that only the fix of all
/// can be proven; and fifty nodes with one fault are one thing to know.
enum NodesInCommon {
    static func merged(_ findings: [Finding]) -> [Finding] {
        var result: [Finding] = []
        var places: [String: Int] = [:]
        for finding in findings {
            guard case .node(let name) = finding.subject else {
                result.append(finding)
                continue
            }
            let key = "\(finding.severity.rawValue) \(finding.confidence.rawValue) \(finding.message)"
            if let index = places[key] {
                result[index] = joined(result[index], finding, name)
            } else {
                places[key] = result.count
                result.append(finding)
            }
        }
        return result.map(named)
    }

    /// The nodes stand in ``Finding/alsoOn``; evidence of each, and one fix for all.
    private static func joined(_ first: Finding, _ other: Finding, _ name: String) -> Finding {
        var first = first
        if first.subject != .node(name), !first.alsoOn.contains(name) { first.alsoOn.append(name) }
        first.evidence += other.evidence.prefix(2)
        first.explains = Array(Set(first.explains + other.explains)).sorted()
        for (index, fix) in other.fixes.enumerated() {
            guard index < first.fixes.count else {
                first.fixes.append(fix)
                continue
            }
            // The same commands are the same edits: one fix may repair several nodes already.
            let new = fix.commands.filter { !first.fixes[index].commands.contains($0) }
            guard !new.isEmpty else { continue }
            var edits = first.fixes[index].edits
            // What can be simulated on one node only proves nothing for all.
            edits = edits.isEmpty || fix.edits.isEmpty ? [] : edits + fix.edits
            var joined = Fix(first.fixes[index].title, edits: edits, commands: first.fixes[index].commands + new)
            joined.title = first.fixes[index].title
            first.fixes[index] = joined
        }
        return first
    }

    private static func named(_ finding: Finding) -> Finding {
        guard !finding.alsoOn.isEmpty else { return finding }
        var finding = finding
        let others = finding.alsoOn
        let shown = others.prefix(3).joined(separator: ", ")
        finding.message += "; so do \(shown)" + (others.count > 3 ? " and \(others.count - 3) nodes more" : "")
        for index in finding.fixes.indices where finding.fixes[index].commands.count > 1 {
            finding.fixes[index].title +=
                ", and likewise on the other \(others.count == 1 ? "node" : "\(others.count) nodes")"
        }
        return finding
    }
}
