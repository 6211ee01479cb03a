import ClewBundle
import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Tells a rule that hides pods behind their node wherever they send, from those of network plugins.
enum ManualSNAT {
    /// Whether a rule of POSTROUTING gives everything from pods' networks another source, also to other pods.
    static func hides(_ rule: Rule, _ rules: RuleSet, _ context: CheckContext) -> Bool {
        switch rule.target {
        case .masquerade: break
        case .nat(let pool):
            let target = rules.natTargets[Int(pool.rawValue)]
            guard target.kind == .source || target.kind == .masquerade else { return false }
        default: return false
        }
        // Plugins and docker say who they are, or spare their own networks.
        guard rules.string(rule.comment).isEmpty else { return false }
        var source: IPPrefix?
        for match in rules.matches(of: rule) {
            guard !match.isNegated else { return false }
            switch match.test {
            case .source4(let value, let mask):
                source = IPPrefix(IPAddress(v4: value), length: UInt8(mask.nonzeroBitCount))
            case .source(let pool):
                let masked = rules.maskedAddresses[Int(pool.rawValue)]
                source = masked.prefixLength.flatMap { IPPrefix(masked.value, length: UInt8($0)) }
            default: return false
            }
        }
        guard let source else { return false }
        let pods = context.snapshot.objects.nodes.flatMap(\.podCIDRs)
        return pods.contains { $0.address.family == source.address.family && source.contains($0.address) }
    }
}

/// Where a rule stands.
enum ClewSource {
    static func line(_ rules: RuleSet, _ rule: Rule) -> SourceLine { SourceLine(rules.artifact, line: rule.line) }
}
