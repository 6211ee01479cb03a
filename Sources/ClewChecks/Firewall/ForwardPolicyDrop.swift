import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Forwarded pod traffic meets no rule that accepts it, and the policy is DROP.
package struct ForwardPolicyDrop: Check {
    package static let metadata = CheckMetadata(
        code: "FW001", name: "forward-policy-drop", group: .firewall, severity: .error,
        finds: "The FORWARD chain's policy is DROP, and no rule before its end accepts pods' traffic.",
        matters: "Pods of the node reach nothing beyond it and are not reached; connections time out.",
        confirm: ["iptables -S FORWARD", "iptables-legacy -S FORWARD"],
        fix:
            "Accept the pods' networks in FORWARD, best by the CNI's own option; do not open the policy for everything.",
        sources: ["https://docs.docker.com/engine/network/packet-filtering-firewalls", "iptables(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost { group in
            guard case .policy(_, "FORWARD") = group.decision?.cause else { return false }
            return true
        }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            Finding(
                Self.metadata, on: .node(node), .proven, message: "drops pods' traffic by the policy of FORWARD",
                cause: "no rule accepts it before the end of the chain", evidence: groups.map(\.evidence),
                fixes: fixes(node, groups, context), explains: groups.map(\.id))
        }
    }

    private func fixes(_ node: String, _ groups: [LostConnections], _ context: CheckContext) -> [Fix] {
        let artifacts = Set(groups.compactMap { $0.decision?.source?.artifact }).sorted()
        let accept = Remedies.acceptPods(on: node, in: artifacts, context)
        guard !accept.edits.isEmpty else { return [] }
        return [Fix("accept the pods' networks in FORWARD on \(node)", edits: accept.edits, commands: accept.commands)]
    }
}
