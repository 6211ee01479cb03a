import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

extension CheckCatalogue {
    /// Checks of the control plane and the node's agents, sorted by code.
    static let controlPlane: [any Check] = [
        NodeNotReady(),
        KubeletNetworkSettings(),
    ]
}

/// A node is not ready.
package struct NodeNotReady: Check {
    package static let metadata = CheckMetadata(
        code: "CP007", name: "node-not-ready-or-networkunavailable", group: .controlPlane, severity: .warning,
        finds: "A Node's condition Ready is not True.",
        matters: "Its pods are taken out of Services, and evicted after some minutes.",
        confirm: ["kubectl describe node NODE", "journalctl -u kubelet"],
        fix: "Follow the condition's reason: kubelet, runtime, network plugin or route controller.",
        sources: ["https://kubernetes.io/docs/reference/node/node-status/#condition"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.nodes.filter { $0.isReady == false }.map { node in
            Finding(
                Self.metadata, on: .node(node.name), .proven, message: "is not ready",
                evidence: [
                    .field(
                        object: "Node \(node.name)", path: "status.conditions[Ready]", value: "not True", node.source)
                ],
                fixes: [
                    Fix("see why", commands: [FixCommand(.workstation, "kubectl describe node \(node.name)")])
                ])
        }
    }
}

/// The kubelet's own settings of hairpin mode and DNS do not fit the cluster.
package struct KubeletNetworkSettings: Check {
    package static let metadata = CheckMetadata(
        code: "CP009", name: "kubelet-hairpin-or-dns-config", group: .controlPlane, severity: .warning,
        finds: "The kubelet's clusterDNS is not the address of the cluster's DNS Service, or its hairpinMode is none.",
        matters:
            "Pods of this node resolve no names; with dockershim and kubenet, pods do not reach themselves by a Service.",
        confirm: ["grep -A2 -E 'clusterDNS|hairpinMode' /var/lib/kubelet/config.yaml"],
        fix: "Align /var/lib/kubelet/config.yaml with the other nodes, restart the kubelet, have pods made anew.",
        sources: [
            "https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1",
            "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let file = node.text("kubelet-config") else { return nil }
            return dns(node, file, context) ?? hairpin(node, file)
        }
    }

    private func dns(_ node: NodeSnapshot, _ file: NodeText, _ context: CheckContext) -> Finding? {
        let services = context.snapshot.objects.services.filter {
            $0.name.namespace == "kube-system" && ($0.labels["k8s-app"] == "kube-dns" || $0.name.name == "kube-dns")
        }
        guard let service = services.first, !service.clusterIPs.isEmpty else { return nil }
        let lines = file.lines
        guard let start = lines.firstIndex(where: { $0.text.hasPrefix("clusterDNS:") }) else { return nil }
        let entries = lines[(start + 1)...].prefix { $0.text.hasPrefix("-") }.compactMap { line in
            IPAddress(line.text.dropFirst().filter { !" \"'".contains($0) }).map { (address: $0, line: line) }
        }
        // A link-local address is the node's own cache's (NodeLocal DNSCache).
        guard let wrong = entries.first(where: { !service.clusterIPs.contains($0.address) && !$0.address.isLinkLocal }),
            !context.snapshot.objects.services.contains(where: { $0.clusterIPs.contains(wrong.address) })
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: "tells pods to ask \(wrong.address) for names, which is no Service",
            evidence: [
                .line(node: node.name, wrong.line.source, text: wrong.line.text),
                .field(
                    object: "Service \(service.name)", path: "spec.clusterIPs",
                    value: service.clusterIPs.map(\.description).joined(separator: ","), service.source),
            ],
            fixes: [
                Fix(
                    "tell pods the DNS Service's address",
                    commands: [
                        FixCommand(
                            .node(node.name),
                            "sed -i 's/\(wrong.address)/\(service.clusterIPs[0])/' /var/lib/kubelet/config.yaml && systemctl restart kubelet",
                            undo:
                                "sed -i 's/\(service.clusterIPs[0])/\(wrong.address)/' /var/lib/kubelet/config.yaml && systemctl restart kubelet"
                        )
                    ])
            ])
    }

    private func hairpin(_ node: NodeSnapshot, _ file: NodeText) -> Finding? {
        guard let line = file.lines(holding: ["hairpinMode: none"]).first else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .likely, severity: .notice,
            message: "has the kubelet's hairpinMode at none",
            cause: "only dockershim and kubenet go by it; with CRI runtimes the CNI configuration decides",
            evidence: [.line(node: node.name, line.source, text: line.text)])
    }
}
