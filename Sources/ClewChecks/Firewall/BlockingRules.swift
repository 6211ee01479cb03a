import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// A rule that is neither kube-proxy's nor a network plugin's loses connections that the API asks for.
package struct DropRule: Check {
    package static let metadata = CheckMetadata(
        code: "FW008", name: "drop-rule-counting", group: .firewall, severity: .error,
        finds: "A rule of nobody's network plugin drops connections that the API asks for.",
        matters: "They time out, however right kube-proxy's rules are.",
        confirm: ["iptables-save -c | grep -E 'DROP|REJECT'"],
        fix: "Find who wrote the rule, and let it spare the cluster's traffic.",
        sources: ["iptables(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { !$0.rejects && !$0.isInput && !$0.isOutput }
    }
}

/// A REJECT stands before the rules that would accept the traffic.
package struct RejectBeforeKube: Check {
    package static let metadata = CheckMetadata(
        code: "FW004", name: "reject-host-prohibited-before-kube", group: .firewall, severity: .error,
        finds: "A REJECT rule stands before the rules that would accept the cluster's traffic.",
        matters: "Clients see \"no route to host\" or \"connection refused\" though routing is right.",
        confirm: ["iptables -S FORWARD", "iptables -S INPUT"],
        fix: "Move the rule behind those of kube-proxy and the network plugin, or accept the pods' networks before it.",
        sources: ["iptables-extensions(8), REJECT"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { $0.rejects && !$0.isOutput }
    }
}

/// INPUT drops what the node itself has to get: a tunnel's packets, a NodePort of a host's pod.
package struct InputBlocksClusterPort: Check {
    package static let metadata = CheckMetadata(
        code: "FW005", name: "input-blocks-cluster-port", group: .firewall, severity: .error,
        finds: "The node's INPUT chain drops traffic that the cluster needs.",
        matters: "Tunnels, NodePorts of pods in the host network and health checks of the node time out.",
        confirm: ["iptables -S INPUT"],
        fix: "Accept the port from the other nodes.",
        sources: ["https://kubernetes.io/docs/reference/networking/ports-and-protocols"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { !$0.rejects && $0.isInput }
    }
}

/// OUTPUT drops what the host sends.
package struct OutputBlock: Check {
    package static let metadata = CheckMetadata(
        code: "FW009", name: "output-or-owner-block", group: .firewall, severity: .error,
        finds: "The node's OUTPUT chain loses connections of the host's own processes.",
        matters: "kubelet, probes and pods in the host network do not reach Services or pods, while other pods do.",
        confirm: ["iptables -S OUTPUT"],
        fix: "Accept the cluster's networks in OUTPUT.",
        sources: ["iptables(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { $0.isOutput }
    }
}

/// A rule or policy that loses connections, seen as what kind it is.
private struct BlockingRule {
    let group: LostConnections
    let chain: String

    init?(_ group: LostConnections) {
        switch group.decision?.cause {
        case .rule(_, let chain):
            // Rules of kube-proxy and of network policies are meant: other checks judge them.
            guard !["KUBE-", "cali-", "CILIUM_", "cni-", "CNI-"].contains(where: chain.hasPrefix) else { return nil }
            self.chain = chain
        case .policy(_, let chain):
            guard chain != "FORWARD" else { return nil }
            self.chain = chain
        default: return nil
        }
        self.group = group
    }

    var rejects: Bool { group.disposition == .rejected }
    private var hook: Hook? { group.lastStep?.hook }
    var isInput: Bool { hook == .input || chain == "INPUT" }
    var isOutput: Bool { hook == .output || chain == "OUTPUT" }

    static func findings(
        _ metadata: CheckMetadata, in context: CheckContext, where isMeant: (BlockingRule) -> Bool
    ) -> [Finding] {
        let found = context.survey.lost.compactMap(BlockingRule.init).filter(isMeant)
        return found.indices.compactMap { index in
            // Requests and answers that one rule loses are one finding.
            let same = found.filter { $0.group.decision == found[index].group.decision }
            guard same.first?.group.id == found[index].group.id else { return nil }
            return found[index].finding(metadata, explaining: same.map(\.group.id))
        }
    }

    private func finding(_ metadata: CheckMetadata, explaining lost: [Int]) -> Finding {
        var fixes: [Fix] = []
        if let node = group.node, let source = group.decision?.source, let text = group.decision?.text,
            text.hasPrefix("-A ")
        {
            let rule = text.dropFirst(3)
            fixes.append(
                Fix(
                    "take the rule away, once it is known who wrote it and what for",
                    edits: [.deleteRule(node: node, source)],
                    commands: [
                        FixCommand(
                            .node(node), "iptables -D \(rule)", persist: "change it where it is written",
                            undo: "iptables -I \(rule)")
                    ]))
        }
        return Finding(
            metadata, on: group.place, .proven,
            message: "\(rejects ? "rejects" : "drops") the cluster's connections in chain \(chain)",
            evidence: [group.evidence], fixes: fixes, explains: lost)
    }
}
