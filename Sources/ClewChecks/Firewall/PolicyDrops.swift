import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A network policy, as its agent has written it into the node's rules, lets senders of Services not through.
package struct PolicyDrops: Check {
    package static let metadata = CheckMetadata(
        code: "POL001", name: "default-deny-ingress", group: .policy, severity: .warning,
        finds: "The chain of a network policy drops connections to Services or between pods.",
        matters: "Pods that the policy does not name time out, wherever they run; it may be meant.",
        confirm: ["kubectl get networkpolicies -A", "iptables-save -c | grep -E 'KUBE-POD-FW|cali-tw|cali-pi'"],
        fix: "If it is not meant, let a NetworkPolicy that selects the pod name the senders; the rules follow it.",
        sources: [
            "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
            "https://github.com/cloudnativelabs/kube-router, pkg/controllers/netpol",
        ])

    package init() {}

    /// Beginnings of the chains of kube-router, Calico, Cilium and Weave that hold policies.
    private static let chains = [
        "KUBE-POD-FW-", "KUBE-NWPLCY-", "KUBE-ROUTER-", "cali-tw-", "cali-fw-", "cali-pi-", "cali-po-", "cali-pri-",
        "CILIUM_", "WEAVE-NPC",
    ]

    static func isPolicy(chain: String) -> Bool { chains.contains(where: chain.hasPrefix) }

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { group in
            guard case .rule(_, let chain) = group.decision?.cause else { return false }
            return Self.isPolicy(chain: chain)
        }.map { node, groups in
            Finding(
                Self.metadata, on: .node(node), .proven, message: "drops connections to its pods as a policy orders",
                cause: "the senders are none of those that the policy names",
                evidence: groups.prefix(4).map(\.evidence), fixes: fixes(node, groups, context),
                explains: groups.map(\.id))
        }
    }

    private func fixes(_ node: String, _ groups: [LostConnections], _ context: CheckContext) -> [Fix] {
        var fixes: [Fix] = []
        if let fix = admit(node, groups, context) { fixes.append(fix) }
        fixes.append(
            Fix(
                "name the senders in a NetworkPolicy, if they are meant to get through",
                commands: [FixCommand(.workstation, "kubectl get networkpolicies -A -o yaml")]))
        return fixes
    }

    /// Puts the senders into the set that the rule asks, until the policy names them.
    private func admit(_ node: String, _ groups: [LostConnections], _ context: CheckContext) -> Fix? {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for group in groups {
            let words = (group.decision?.text ?? "").split(separator: " ").map(String.init)
            guard let index = words.firstIndex(of: "--match-set"), index + 2 < words.count,
                words[index + 2] == "src", index > 0, words[index - 1] == "!"
            else { return nil }
            let set = words[index + 1]
            for sender in senders(group, context) {
                let command = "ipset add -exist \(set) \(sender)"
                guard !commands.contains(where: { $0.command == command }) else { continue }
                edits.append(.addSetEntry(node: node, set: set, sender))
                commands.append(
                    FixCommand(
                        .node(node), command,
                        persist: "name the senders in the NetworkPolicy: its agent writes the set",
                        undo: "ipset del -exist \(set) \(sender)"))
            }
        }
        guard !edits.isEmpty else { return nil }
        return Fix("if it is not meant: let the senders through", edits: edits, commands: commands)
    }

    /// The sources of the lost packets, as the rule sees them.
    private func senders(_ group: LostConnections, _ context: CheckContext) -> [IPAddress] {
        let found = group.connections.prefix(200).flatMap { index -> [IPAddress] in
            context.dataplane.trace(context.survey.connections[index].flow).branches
                .filter { $0.outcome == .fails && $0.decidedBy == group.decision }
                .compactMap { $0.hops.last?.steps.last?.tuple.source }
        }
        return Set(found).sorted()
    }
}
