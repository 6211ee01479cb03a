import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A rule keeps packets of Services from being tracked, so that nothing translates them.
package struct NoTrackRule: Check {
    package static let metadata = CheckMetadata(
        code: "CT013", name: "notrack-vs-policy", group: .conntrack, severity: .error,
        finds: "A NOTRACK rule of the raw table takes connections that the API asks for out of connection tracking.",
        matters: "Untracked packets are never translated, and their answers are of no established connection.",
        confirm: ["iptables -t raw -S", "iptables -t raw -vnL"],
        fix: "Let the rule spare the Services' range; a node-local DNS cache needs it for its own addresses alone.",
        sources: ["linux net/netfilter/nf_nat_core.c, nf_nat_inet_fn()", "kubernetes issue 98758"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.flatMap { node in
            node.host.ruleSets.flatMap { rules in
                rules.rules.compactMap { rule -> Finding? in
                    guard rule.target == .notrack else { return nil }
                    return finding(SourceLine(rules.artifact, line: rule.line), rules.string(rule.text), node, context)
                }
            }
        }
    }

    private func finding(_ source: SourceLine, _ text: String, _ node: NodeSnapshot, _ context: CheckContext)
        -> Finding?
    {
        let explained = context.lossProbes.filter {
            $0.sources.contains(source) && !$0.isTranslated && !$0.isLostToOthers
        }.map(\.group)
        guard !explained.isEmpty else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: "does not track connections that have to be translated",
            cause: "of \(text)", evidence: [.line(node: node.name, source, text: text)],
            fixes: [Remedies.deleteRule(source, on: node.name, context)].compactMap(\.self),
            explains: explained.map(\.id))
    }
}
