/// The findings of all checks, folded under their causes and ranked, their fixes tried.
package struct CheckRun: Sendable {
    /// Worst first.
    package private(set) var findings: [Finding]
    /// What looks alarming and is normal (group OK), by code: told only when it is asked for.
    package let normal: [Finding]
    /// Connections walked, and how many of those that should work do not.
    package let walked: Int
    package let failing: Int

    /// Runs checks, in the order of the catalogue; what a filter does not ask for is left out before fixes are tried.
    package init(_ checks: [any Check], in context: CheckContext, asking filter: FindingFilter = FindingFilter()) {
        var timings = CheckTimings.none
        self.init(checks, in: context, asking: filter, timings: &timings)
    }

    /// The same, with the time that each part of it took.
    package init(
        _ checks: [any Check], in context: CheckContext, asking filter: FindingFilter, timings: inout CheckTimings
    ) {
        walked = context.survey.connections.count
        failing = context.survey.failing
        var found: [Finding] = timings.measure("looking for causes") {
            checks.flatMap { check in
                NodesInCommon.merged(check.findings(in: context)).map { Self.counted($0, in: context.survey) }
            }
        }
        timings.explain("\(checks.count) checks")
        normal = found.filter { $0.check.group == .normal }
        found.removeAll { $0.check.group == .normal }
        found += UnexplainedLoss.findings(beside: found, in: context).map { Self.counted($0, in: context.survey) }
        let folded = filter.kept(CauseOrder.folded(found), in: context)
        let prover = FixProver(context)
        findings = timings.measure("trying fixes") {
            let tried = folded.map { finding in
                var finding = finding
                for index in finding.fixes.indices {
                    finding.fixes[index].proof = prover.proof(of: finding.fixes[index], for: finding)
                }
                return finding
            }
            let joined = RepairedTogether.joined(tried, in: context.survey, prover)
            let all = HiddenCauses(checks, context, prover).added(to: joined)
            return RepairedTogether.folded(filter.kept(all, in: context), in: context.survey)
        }
        timings.explain("\(folded.reduce(0) { $0 + $1.fixes.count { !$0.edits.isEmpty } }) fixes")
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
        // What the API itself asks to refuse counts where nothing is broken.
        let (first, second) = (a.affected?.count ?? a.refuses.count, b.affected?.count ?? b.refuses.count)
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
                guard root.check.code != finding.check.code else { return false }
                // What is said of the cluster is said of each node.
                let isOneSubject =
                    root.subject == finding.subject || [root.subject, finding.subject].contains(.cluster)
                if isOneSubject, blamed[root.check.code]?.contains(finding.check.code) ?? false {
                    return true
                }
                return !own.isEmpty && own.isSubset(of: Set(root.explains))
            }
            if let cause {
                roots[cause].consequences.append(finding)
            } else {
                roots.append(finding)
            }
        }
        return roots
    }

    /// What a fault brings about on the same node, whether or not lost connections show it.
    private static let blamed: [String: Set<String>] = [
        "KPX001": ["KPX002", "KPX003", "KPX004", "KPX005", "KPX006", "KPX009", "IPV002", "IPV003", "IPV004", "IPV005"],
        "KPX013": ["KPX002", "KPX004", "KPX005", "KPX006", "KPX009"],
        "KPX002": ["KPX004", "KPX005", "KPX006", "KPX009"],
        "FLN010": ["FLN001", "FLN002"],
        // An address plan in which Services pass for pods.
        "RTE005": ["KPX010", "IPV013"],
        // A virtual server of a Service that is gone, and its address.
        "IPV006": ["IPV011"],
        // A ClusterIP that the node does not have is one that it has no route to.
        "IPV005": ["RTE001"],
        "CT001": ["CT004", "CT005", "CT006"],
    ]

    /// Checks that are nearer to the root, or farther from it, than others of their group.
    private static let ranks: [String: Int] = [
        // A device that is down takes routes and neighbours with it.
        "RTE028": -30, "BR008": -20, "RTE016": -20, "BR006": -20, "BR022": -20, "RTE021": -20,
        // A wrong address plan or a foreign network is behind what is seen of single routes.
        "RTE005": -10, "RTE004": -10, "RTE008": -10, "RTE006": -10, "CAL008": -10,
        // Named programs go before the bare rule they wrote.
        "FW002": 15, "FW003": 15, "FW007": 16, "RTE012": 17, "BR019": 25,
        "RTE030": 35, "RTE002": 36, "RTE018": 45,
        // What kube-proxy is told and whether it runs goes before the rules it writes.
        "KPX001": 55, "KPX010": 57, "KPX013": 56, "IPV013": 57, "IPV014": 57, "KPX002": 58, "IPV005": 38, "FLN010": 29,
    ]

    /// Lower is nearer to the root: what makes a node's network what it is goes before what is seen of it.
    private static func rank(_ finding: Finding) -> Int {
        if let rank = ranks[finding.check.code] { return rank }
        return switch finding.check.group {
        case .kernel: 0
        case .bridge: 10
        case .firewall: 20
        case .policy: 28
        case .flannel, .calico: 30
        case .routing: 40
        case .conntrack: 50
        case .kubeProxy, .ipvs: 60
        case .objects: 70
        case .controlPlane: 75
        case .walk: 80
        case .normal: 90
        }
    }
}
