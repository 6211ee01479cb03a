import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Advice that is found everywhere and does more harm than good.
package enum HarmfulFixes {
    package static let all: [HarmfulFix] = [forwardAccept, flushForward, blanketSNAT, deleteReject, handWrittenSubnet]

    private static let forwardAccept = HarmfulFix(
        "forward-accept", command: "iptables -P FORWARD ACCEPT",
        promise: "pods reach each other again where Docker or a hardening guide set the policy to DROP",
        harm: "The node then forwards for anybody: every host beside it reaches pods, past whatever was to hold it. "
            + "Docker sets DROP again when it restarts.",
        codes: ["FW001", "FW004", "FW008"]
    ) { snapshot in
        chains("FORWARD", of: snapshot).filter { !$0.accepts }.map {
            .setPolicy($0.table, chain: "FORWARD", accepts: true)
        }
    }

    private static let flushForward = HarmfulFix(
        "flush-forward", command: "iptables -F FORWARD",
        promise: "the rule that drops is gone, whichever it was",
        harm: "The rules that let Services and pods through are gone with it, and what protected them. kube-proxy and "
            + "the CNI bring back their own only, seconds to minutes later.",
        codes: ["FW001", "FW004", "FW008", "KPX009"]
    ) { snapshot in
        chains("FORWARD", of: snapshot).flatMap { chain in
            chain.lines.map { .deleteRule(node: chain.table.node, $0) }
        }
    }

    private static let blanketSNAT = HarmfulFix(
        "blanket-snat", command: "iptables -t nat -I POSTROUTING 1 -s POD-CIDR -j MASQUERADE",
        promise: "answers come back, since every packet of a pod carries its node's address",
        harm: "No receiver sees who calls: NetworkPolicies that name pods, logs and source ranges stop to work, "
            + "cluster-wide. Connections to other pods use up the node's ports.",
        codes: ["IPV013", "KPX010", "KPX026", "RTE001"]
    ) { snapshot in
        snapshot.nodes.flatMap { node -> [SnapshotEdit] in
            let ranges = snapshot.objects.nodes.first { $0.name == node.name }?.podCIDRs ?? []
            return ranges.filter { $0.family == .ipv4 }.map { range in
                .insertRule(
                    EditedTable(node: node.name, table: "nat"), chain: "POSTROUTING", at: 1,
                    rule: "-s \(range) -j MASQUERADE")
            }
        }
    }

    private static let deleteReject = HarmfulFix(
        "delete-reject", command: "iptables -D KUBE-EXTERNAL-SERVICES 1  (or KUBE-SERVICES)",
        promise: "the Service is not refused any more",
        harm: "The rule says that no endpoint is there: without it the connection times out instead of being refused. "
            + "Which rule is the first changes all the time, and kube-proxy writes it again at its next sync.",
        codes: ["OBJ001", "OBJ002", "OBJ003", "KPX009"]
    ) { snapshot in
        ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"].flatMap { chains($0, of: snapshot) }.flatMap { chain in
            chain.lines.prefix(1).map { .deleteRule(node: chain.table.node, $0) }
        }
    }

    private static let handWrittenSubnet = HarmfulFix(
        "hand-written-subnet-env", command: "cat > /run/flannel/subnet.env",
        promise: "the pods' sandboxes are made again",
        harm: "The file is only the messenger: flanneld has no lease. One written by hand names a range that another "
            + "node may have, or gets, and both nodes then lose each other's pods.",
        codes: ["FLN002"]
    ) { _ in [] }

    private struct FoundChain {
        var table: EditedTable
        var accepts: Bool
        var lines: [SourceLine]
    }

    /// The chains of that name in the filter tables that iptables prints.
    private static func chains(_ name: String, of snapshot: ClusterSnapshot) -> [FoundChain] {
        var result: [FoundChain] = []
        for node in snapshot.nodes {
            for ruleSet in node.host.ruleSets where ruleSet.backend != .native {
                for chain in ruleSet.chains where ruleSet.string(chain.name) == name {
                    let table = ruleSet.tables[Int(chain.table.rawValue)]
                    guard table.name == "filter" else { continue }
                    let rules = ruleSet.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)]
                    result.append(
                        FoundChain(
                            table: EditedTable(
                                node: node.name, family: table.family, table: "filter", backend: ruleSet.backend),
                            accepts: chain.base?.policyAccepts ?? true,
                            lines: rules.map { SourceLine(ruleSet.artifact, line: $0.line) }))
                }
            }
        }
        return result
    }
}
