import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Another program has flushed or restored the rules.
package struct RulesFlushed: Check {
    package static let metadata = CheckMetadata(
        code: "FW006", name: "rules-flushed-or-restored", group: .firewall, severity: .warning,
        finds:
            "Chains are gone that kube-proxy, the kubelet or the portmap plugin wrote, and others of them are there.",
        matters:
            "kube-proxy writes its rules again within seconds; ports of pods on the host stay dead until the pods are made anew.",
        confirm: ["iptables-save | grep -E 'CANARY|CNI-HOSTPORT'", "journalctl -u firewalld -u iptables"],
        fix: "Stop what reloads the firewall, take KUBE-* out of its saved file, and delete pods with host ports.",
        sources: [
            "https://github.com/containernetworking/plugins/issues/512",
            "kubernetes pkg/util/iptables/iptables.go, Monitor()",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { hostPorts($0, context) ?? canary($0, context) }
    }

    /// Pods with ports on the host, whose rules nobody writes a second time.
    private func hostPorts(_ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        let pods = context.pods(on: node.name).filter { $0.containerPorts.contains { $0.hostPort != nil } }
        guard let pod = pods.first, let file = node.cni.first(where: { $0.plugins.contains { $0.mapsPorts } }),
            let ruleSet = node.host.ruleSets.first(where: { $0.backend != .native && $0.hasChain(["KUBE-"]) }),
            !node.host.ruleSets.contains(where: { $0.hasChain(["CNI-HOSTPORT", "CNI-DN-", "cni_hostport"]) })
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: "lost the rules for ports of \(pods.count) pod\(pods.count == 1 ? "" : "s") on the host",
            cause: "the portmap plugin writes them once, when a pod is made",
            evidence: [
                .absent(
                    place: "the rules of \(node.name)", what: "CNI-HOSTPORT-DNAT", SourceLine(ruleSet.artifact, line: 0)
                ),
                .field(
                    object: "Pod \(pod.name)", path: "spec.containers[].ports[].hostPort",
                    value: pod.containerPorts.compactMap(\.hostPort).map(String.init).joined(separator: ", "),
                    pod.source),
                .computed("\(file.file): portmap", file.source),
            ],
            fixes: [
                Fix(
                    "have the pods made anew",
                    commands: pods.map {
                        FixCommand(.workstation, "kubectl -n \($0.name.namespace) delete pod \($0.name.name)")
                    })
            ])
    }

    /// The chain by which kube-proxy sees that its rules were flushed.
    private func canary(_ node: NodeSnapshot, _ context: CheckContext) -> Finding? {
        guard node.host.ruleSets.contains(where: { $0.hasChain(["KUBE-SERVICES"]) }),
            let ruleSet = node.host.ruleSets.first(where: { $0.hasChain(["KUBE-SERVICES"]) && $0.backend != .native }),
            !node.host.ruleSets.contains(where: { $0.hasChain(["KUBE-PROXY-CANARY"]) }),
            context.clusterNodes.contains(where: { other in
                other.name != node.name && other.host.ruleSets.contains { $0.hasChain(["KUBE-PROXY-CANARY"]) }
            })
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .likely, severity: .notice,
            message: "has kube-proxy's rules without its canary: they were flushed, or restored from a file",
            evidence: [
                .absent(
                    place: "the rules of \(node.name)", what: "KUBE-PROXY-CANARY", SourceLine(ruleSet.artifact, line: 0)
                )
            ],
            fixes: [Fix("have kube-proxy write its rules anew", commands: [Remedies.restartKubeProxy(on: node.name)])])
    }
}
