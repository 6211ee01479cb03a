package import ClewDiagnostics
import ClewSnapshot

/// Nobody writes Service rules on a node.
package struct KubeProxyNotRunning: Check {
    package static let metadata = CheckMetadata(
        code: "KPX001", name: "kube-proxy-not-running", group: .kubeProxy, severity: .error,
        finds: "Other nodes run a kube-proxy pod, and this node runs none, or none that is ready.",
        matters: "Services do not work from the node, or follow no change any more; pods' own addresses do work.",
        confirm: ["kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide"],
        fix: "Read why the pod is missing or not ready: its log, the node's taints, the DaemonSet's selector.",
        sources: ["https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        let proxies = objects.pods.filter { $0.labels["k8s-app"] == "kube-proxy" && !$0.hasEnded }
        guard !proxies.isEmpty else { return [] }
        return objects.nodes.filter { $0.isReady ?? true }.compactMap { node in
            let own = proxies.filter { $0.nodeName == node.name }
            guard !own.contains(where: { $0.isReady ?? true }) else { return nil }
            let collected = context.snapshot.node(named: node.name)
            let hasRules = collected.map(context.hasProxyRules) ?? false
            let evidence: Evidence =
                own.first.map { pod in
                    .field(
                        object: "Pod \(pod.name)", path: "status.conditions[Ready].status", value: "False", pod.source)
                } ?? .absent(place: "pods of \(node.name)", what: "one labelled k8s-app=kube-proxy", node.source)
            return Finding(
                Self.metadata, on: .node(node.name), .proven, severity: hasRules ? .warning : .error,
                message: own.isEmpty ? "runs no kube-proxy" : "runs a kube-proxy that is not ready",
                cause: hasRules ? "its rules are those of the time when it ran" : nil, evidence: [evidence],
                fixes: [
                    Fix(
                        "see why it does not run",
                        commands: [
                            FixCommand(
                                .workstation,
                                own.first.map { "kubectl -n \($0.name.namespace) describe pod \($0.name.name)" }
                                    ?? "kubectl -n kube-system describe daemonset kube-proxy")
                        ])
                ],
                explains: hasRules
                    ? []
                    : context.proxyFaults(.entryMissing)
                        .filter { $0.node == node.name }.flatMap(\.explains))
        }
    }
}
