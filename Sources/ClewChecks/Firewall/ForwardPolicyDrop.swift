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
        guard let state = context.snapshot.node(named: node)?.host else { return [] }
        let assigned = Set(context.snapshot.objects.nodes.flatMap(\.podCIDRs))
        let ranges = (assigned.isEmpty ? Self.routedRanges(state, groups, context) : assigned)
            .sorted { $0.description < $1.description }
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for artifact in Set(groups.compactMap { $0.decision?.source?.artifact }).sorted() {
            guard let ruleSet = state.ruleSets.first(where: { $0.artifact == artifact }),
                let family = ruleSet.tables.first?.family
            else { continue }
            let table = EditedTable(node: node, family: family, table: "filter", backend: ruleSet.backend)
            for range in ranges where (range.family == .ipv6) == (family == .ipv6) {
                for direction in ["-s", "-d"] {
                    let rule = "\(direction) \(range) -j ACCEPT"
                    edits.append(.insertRule(table, chain: "FORWARD", at: 1, rule: rule))
                    commands.append(
                        Remedies.insertRule(
                            rule, chain: "FORWARD", table: "filter", on: node, isIPv6: family == .ipv6))
                }
            }
        }
        guard !edits.isEmpty else { return [] }
        return [Fix("accept the pods' networks in FORWARD on \(node)", edits: edits, commands: commands)]
    }

    /// Where the API gives nodes no ranges: the node's routes that pods at the ends of lost connections lie in.
    private static func routedRanges(
        _ state: NamespaceSnapshot, _ groups: [LostConnections], _ context: CheckContext
    ) -> Set<IPPrefix> {
        let pods = Set(context.snapshot.objects.pods.filter { !$0.usesHostNetwork }.flatMap(\.addresses))
        let ends = Set(
            groups.flatMap(\.connections).flatMap { index -> [IPAddress] in
                let flow = context.survey.connections[index].flow
                guard case .pod(_, let address, _) = flow.origin else { return [flow.destination] }
                return [address, flow.destination]
            })
        let networks = (state.routes ?? []).map(\.destination).filter {
            $0.length > 0 && $0.length < ($0.family == .ipv4 ? 32 : 128)
        }
        return Set(
            ends.intersection(pods).compactMap { end in
                networks.filter { $0.contains(end) }.max { $0.length < $1.length }
            })
    }
}
