/// The findings of all checks, folded under their causes and ranked, their fixes tried.
package struct CheckRun: Sendable {
    /// Worst first.
    package private(set) var findings: [Finding]
    /// Connections walked, and how many of those that should work do not.
    package let walked: Int
    package let failing: Int

    /// Runs checks, in the order of the catalogue.
    package init(_ checks: [any Check], in context: CheckContext) {
        walked = context.survey.connections.count
        failing = context.survey.failing
        var found: [Finding] = []
        for check in checks {
            found += check.findings(in: context).map { Self.counted($0, in: context.survey) }
        }
        found += UnexplainedLoss.findings(beside: found, in: context).map { Self.counted($0, in: context.survey) }
        let folded = CauseOrder.folded(found)
        let prover = FixProver(context)
        findings = folded.map { finding in
            var finding = finding
            for index in finding.fixes.indices {
                finding.fixes[index].proof = prover.proof(of: finding.fixes[index], for: finding)
            }
            return finding
        }
        findings.sort(by: Self.isWorse)
    }

    private static func counted(_ finding: Finding, in survey: ConnectionSurvey) -> Finding {
        guard !finding.explains.isEmpty, finding.affected == nil else { return finding }
        var finding = finding
        let broken = Set(finding.explains.flatMap { survey.lost[$0].connections }).sorted()
        finding.affected = AffectedConnections(
            count: broken.count, of: survey.connections.count, example: broken.first.flatMap { survey.troubled[$0] })
        return finding
    }

    private static func isWorse(_ a: Finding, _ b: Finding) -> Bool {
        if a.severity != b.severity { return a.severity > b.severity }
        if a.confidence != b.confidence { return a.confidence > b.confidence }
        let (first, second) = (a.affected?.count ?? 0, b.affected?.count ?? 0)
        if first != second { return first > second }
        return a.check.code == b.check.code ? a.subject < b.subject : a.check.code < b.check.code
    }
}

/// Which faults bring others about: what a cause explains is told under it.
enum CauseOrder {
    /// Findings that explain the same lost connections are one: the first in the order of blame keeps the others.
    ///
    /// A finding is folded only where everything it explains is explained by the cause, so that two faults at once are
    /// both told.
    static func folded(_ findings: [Finding]) -> [Finding] {
        var roots: [Finding] = []
        let ordered = findings.enumerated().sorted { a, b in
            let (first, second) = (rank(a.element), rank(b.element))
            return first == second ? a.offset < b.offset : first < second
        }.map(\.element)
        for finding in ordered {
            let own = Set(finding.explains)
            let cause = roots.firstIndex { root in
                !own.isEmpty && root.check.code != finding.check.code && own.isSubset(of: Set(root.explains))
            }
            if let cause {
                roots[cause].consequences.append(finding)
            } else {
                roots.append(finding)
            }
        }
        return roots
    }

    /// Lower is nearer to the root: what makes a node's network what it is goes before what is seen of it.
    private static func rank(_ finding: Finding) -> Int {
        switch finding.check.group {
        case .kernel: 0
        case .bridge: 1
        case .firewall: 2
        case .flannel, .calico: 3
        case .routing: 4
        case .conntrack: 5
        case .kubeProxy, .ipvs: 6
        case .objects: 7
        case .walk: 8
        case .normal: 9
        }
    }
}
