import ClewBundle
import ClewDataplane
import ClewSnapshot

/// Causes behind causes: a packet that one fault drops does not get to where another would drop it.
///
/// Where a fix mends only a part, the checks look at the cluster as it is with the fix made, and what they find there
/// is told too; the fix of both is tried.
struct HiddenCauses {
    /// Each costs a survey.
    private static let most = 2

    private let checks: [any Check]
    private let context: CheckContext
    private let prover: FixProver

    init(_ checks: [any Check], _ context: CheckContext, _ prover: FixProver) {
        self.checks = checks
        self.context = context
        self.prover = prover
    }

    /// The findings, with those that only a fix of one of them brings to light.
    func added(to findings: [Finding]) -> [Finding] {
        var result = findings
        // What other findings lose is no secret.
        let decisions = Set(context.survey.lost.compactMap(\.decision))
        let partly = findings.indices.filter { index in
            !findings[index].hasProvenFix && findings[index].severity > .notice
                && findings[index].partialFix.map { $0.leaves(anotherThan: decisions) } ?? false
        }
        for index in partly.prefix(Self.most) {
            guard let fix = findings[index].partialFix, let after = prover.context(with: fix, context) else { continue }
            let left = Set(findings[index].explains.flatMap { context.survey.lost[$0].connections })
            let known = Set(result.map(\.check.code))
            let behind = CauseOrder.folded(
                checks.flatMap { NodesInCommon.merged($0.findings(in: after)) }
                    .filter { $0.check.group != .normal && !$0.explains.isEmpty }
            ).filter { finding in
                !known.contains(finding.check.code)
                    && finding.explains.contains { !left.isDisjoint(with: after.survey.lost[$0].connections) }
            }
            let first = result.count
            for finding in behind { add(finding, behind: index, fix, after, &result) }
            if behind.count > 1 { tryAll(fix, result[first...].map(\.self), &result[index]) }
        }
        return result
    }

    /// The fix with those of everything that it brings to light.
    private func tryAll(_ fix: Fix, _ behind: [Finding], _ finding: inout Finding) {
        guard !finding.hasProvenFix, !fix.edits.isEmpty else { return }
        var all = fix
        for own in behind.compactMap({ $0.fixes.first { !$0.edits.isEmpty } }) {
            all.title += "; then \(own.title)"
            all.edits += own.edits
            all.commands += own.commands.filter { !all.commands.contains($0) }
        }
        all.proof = prover.proof(of: all, for: finding)
        if case .proven = all.proof { finding.fixes.insert(all, at: 0) }
    }

    private func add(
        _ found: Finding, behind index: Int, _ fix: Fix, _ after: CheckContext, _ result: inout [Finding]
    ) {
        var found = found
        let numbers = Set(found.explains.flatMap { after.survey.lost[$0].connections })
        found.affected = AffectedConnections(
            count: numbers.count, of: after.survey.connections.count,
            example: numbers.min().flatMap { after.survey.troubled[$0] })
        found.message += ", which shows once \(result[index].check.code) is mended"
        // Lines of rules have moved by the fix.
        found.evidence = found.evidence.map { piece in
            guard case .line(_, let source, let text) = piece, isRule(source.artifact) else { return piece }
            return .computed(text, nil)
        }
        found.explains = []
        for number in found.fixes.indices {
            let own = found.fixes[number]
            guard !own.edits.isEmpty, !fix.edits.isEmpty else { continue }
            var both = Fix(
                "\(fix.title); then \(own.title)", edits: fix.edits + own.edits, commands: fix.commands + own.commands)
            both.proof = prover.proof(of: both, for: result[index])
            if case .proven = both.proof {
                result[index].fixes.insert(both, at: 0)
                found.fixes = [both]
                break
            }
        }
        result.append(found)
    }

    private func isRule(_ artifact: ArtifactID) -> Bool {
        context.snapshot.nodes.contains { $0.host.ruleSets.contains { $0.artifact == artifact } }
    }
}

extension Fix {
    /// Whether something fails with it that failed by none of these decisions before.
    fileprivate func leaves(anotherThan known: Set<Decision>) -> Bool {
        let change: SurveyChange? =
            switch proof {
            case .proven(let change), .partly(let change, _): change
            case .notProven(let change, _): change
            case .adviceOnly, .notTried: nil
            }
        return (change?.stillFailing ?? []).contains { connection in
            connection.verdict != .unknown && connection.decidedBy.map { !known.contains($0) } ?? true
        }
    }
}

extension FixProver {
    /// The cluster as it is with a fix made; `nil` where it cannot be made.
    func context(with fix: Fix, _ before: CheckContext) -> CheckContext? {
        guard let edited = try? before.snapshot.applying(fix.edits) else { return nil }
        let (dataplane, survey) = walked(edited, fix.edits)
        let places = fix.edits.compactMap(\.place)
        guard places.count == fix.edits.count else {
            return CheckContext(dataplane, contracts: before.contracts, survey: survey)
        }
        return CheckContext(dataplane, survey: survey, after: before, editing: Set(places.map(\.node)))
    }
}
