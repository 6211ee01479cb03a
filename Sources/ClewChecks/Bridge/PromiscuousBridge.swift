import ClewBundle
package import ClewDiagnostics
import ClewSnapshot

/// kubenet's bridge is promiscuous, and nothing drops the second copy of what it hands to the node.
package struct PromiscuousBridge: Check {
    package static let metadata = CheckMetadata(
        code: "BR017", name: "promiscuous-dedup", group: .bridge, severity: .warning,
        finds: "kubenet's bridge cbr0 is promiscuous, and ebtables holds none of the rules that drop second copies.",
        matters: "What a pod sends to the node's own addresses arrives twice, and is answered or reset twice.",
        confirm: ["ip link show cbr0", "ebtables -t filter -L KUBE-DEDUP"],
        fix: "Run kubelet with --hairpin-mode=hairpin-veth, or replace kubenet by a CNI plugin.",
        sources: [
            "kubernetes 1.23 pkg/kubelet/dockershim/network/kubenet/kubenet_linux.go, syncEbtablesDedupRules()",
            "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard node.host.lookedForEbtables, !node.host.unmodelled.contains(where: { $0.kind == .ebtables }),
                let bridge = node.host.link(named: "cbr0"), bridge.kind == .bridge, bridge.isPromiscuous
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .possible,
                message: "has a promiscuous cbr0, and no rule of ebtables that drops second copies",
                cause: "kubenet writes the chain KUBE-DEDUP beside a promiscuous bridge",
                evidence: [
                    .line(node: node.name, bridge.source, text: "cbr0: PROMISC"),
                    .absent(place: "ebtables-save of \(node.name)", what: "a rule", nil),
                ],
                fixes: [
                    Fix(
                        "let hairpin mode do what the promiscuous bridge is for",
                        commands: [
                            FixCommand(
                                .node(node.name), "grep -rn hairpin /var/lib/kubelet/ /etc/systemd/system/ || true")
                        ])
                ])
        }
    }
}
