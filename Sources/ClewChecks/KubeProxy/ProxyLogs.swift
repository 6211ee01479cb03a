package import ClewDiagnostics
import ClewSnapshot

/// kube-proxy cannot write its rules.
package struct SyncFailing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX003", name: "sync-failing", group: .kubeProxy, severity: .error,
        finds: "kube-proxy's log or metrics say that the kernel refused its rules.",
        matters: "New Services and endpoints do not appear on the node.",
        confirm: [
            "kubectl -n kube-system logs KUBE-PROXY-POD | grep -iE 'failed|error'",
            "curl -s localhost:10249/metrics | grep restore_failures",
        ],
        fix: "Remove what the quoted line names, and restart kube-proxy.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let texts = [
            "failed to execute iptables-restore", "sync failed; retrying", "failed to ensure that",
            "failed to ensure chain",
            "iptables-restore failed", "failed to sync ipset", "failed to add ipvs service", "nftables sync failed",
        ]
        return context.snapshot.nodes.compactMap { node in
            let lines = LogLines.matching(texts, in: node, of: [.kubeProxy])
            let failures = node.records.proxyMetrics.map { metrics in
                metrics.values.filter {
                    $0.key.contains("restore_failures_total") || $0.key.contains("sync_failures_total")
                }
                .reduce(0) { $0 + $1.value }
            }
            guard !lines.isEmpty || (failures ?? 0) > 0 else { return nil }
            var evidence: [Evidence] = lines.suffix(3).map {
                .line(node: node.name, $0.source, text: String($0.text.prefix(300)))
            }
            if let failures, failures > 0 {
                evidence.append(.computed("\(Int(failures)) failures counted", node.records.proxyMetrics?.source))
            }
            // Once at the start, while another program holds the lock, is common and is made good.
            let isOften = lines.count + Int(min(failures ?? 0, 1000)) > 2
            return Finding(
                Self.metadata, on: .node(node.name), .likely, severity: isOften ? .error : .warning,
                message: "could not write kube-proxy's rules \(isOften ? "again and again" : "at least once")",
                evidence: evidence, fixes: [Remedies.restart(on: node.name)])
        }
    }
}

/// kube-proxy takes itself for another node.
package struct HostnameOverrideMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "KPX011", name: "hostname-override-mismatch", group: .kubeProxy, severity: .error,
        finds: "kube-proxy's name for its node is not the name of the Node object.",
        matters: "No endpoint counts as local: Services with traffic policy Local drop everything there.",
        confirm: ["kubectl get nodes -o name", "curl -s localhost:10249/configz | grep -o '\"hostnameOverride[^,]*'"],
        fix: "Give kube-proxy --hostname-override from the pod's spec.nodeName.",
        sources: ["kubernetes cmd/kube-proxy/app/server.go, getNodeIPs()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let names = Set(context.snapshot.objects.nodes.map(\.name))
        let told: [Finding] = context.snapshot.nodes.compactMap { node in
            guard let configuration = node.proxyConfiguration, let name = configuration.hostnameOverride,
                !name.isEmpty, !names.isEmpty, !names.contains(name)
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "runs a kube-proxy that takes its node for '\(name)', which is no Node",
                evidence: [
                    .field(
                        object: "KubeProxyConfiguration", path: "hostnameOverride", value: name, configuration.source)
                ],
                fixes: [Remedies.restart(on: node.name)])
        }
        let known = Set(told.map(\.subject))
        let texts = ["failed to retrieve node info", "invalid nodeip, initializing kube-proxy with 127.0.0.1"]
        return told
            + LogLines.findings(
                Self.metadata, of: texts, [.kubeProxy], in: context,
                message: { _ in "runs a kube-proxy that does not find its own Node" }
            ).filter { !known.contains($0.subject) }
    }
}

/// Other programs hold iptables' lock.
package struct XtablesLockContention: Check {
    package static let metadata = CheckMetadata(
        code: "KPX012", name: "xtables-lock-contention", group: .kubeProxy, severity: .warning,
        finds: "kube-proxy or another agent waited in vain for iptables' lock.",
        matters: "Rules follow changes late.",
        confirm: ["lsof /run/xtables.lock", "kubectl -n kube-system logs KUBE-PROXY-POD | grep -i lock"],
        fix: "Share /run/xtables.lock with the containers that run iptables, and run fewer of them.",
        sources: ["iptables(8), --wait"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let texts = [
            "holding the xtables lock", "stopped waiting after", "failed to acquire new iptables lock",
            "failed to acquire old iptables lock",
        ]
        return LogLines.findings(
            Self.metadata, of: texts, [.kubeProxy, .flannel, .services, .other], in: context,
            message: { "waited for iptables' lock in vain (\($0.counted("line")) of its logs)" })
    }
}

/// The kernel lacks a match or target that kube-proxy's rules use.
package struct XtModuleMissing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX015", name: "xt-module-missing", group: .kubeProxy, severity: .error,
        finds: "iptables told kube-proxy that the kernel has not what a rule needs.",
        matters: "None of the rules is written.",
        confirm: ["lsmod | grep xt_", "iptables -m comment -h"],
        fix: "Install the kernel's full set of modules, load the missing one, also at boot.",
        sources: ["iptables-extensions(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let texts = [
            "couldn't load match", "couldn't load target", "missing kernel module?",
            "no chain/target/match by that name",
        ]
        return LogLines.findings(
            Self.metadata, of: texts, [.kubeProxy], in: context,
            message: { _ in "lacks a kernel module that kube-proxy's rules need" })
    }
}

/// A program sits on a NodePort, in versions where kube-proxy opens it.
package struct NodePortOccupied: Check {
    package static let metadata = CheckMetadata(
        code: "KPX022", name: "nodeport-occupied", group: .kubeProxy, severity: .error,
        finds: "kube-proxy before 1.24 skipped a NodePort because another program had opened the port.",
        matters: "The NodePort is dead on this node.",
        confirm: ["ss -lntup | grep :NODEPORT"],
        fix: "Let the program use another port, and keep NodePorts out of the range of ephemeral ports.",
        sources: ["kubernetes 1.23 pkg/proxy/iptables/proxier.go, openPort"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        LogLines.findings(
            Self.metadata, of: ["skipping this nodeport", "can't open \"nodeport", "can't open port"], [.kubeProxy],
            in: context, message: { _ in "has a program of its own on a NodePort, which kube-proxy skipped" })
    }
}

/// The API server refuses kube-proxy.
package struct WatchRefused: Check {
    package static let metadata = CheckMetadata(
        code: "KPX028", name: "watch-rbac-or-auth", group: .kubeProxy, severity: .error,
        finds: "The API server refuses kube-proxy's requests for Services or EndpointSlices.",
        matters: "The node's rules follow no change.",
        confirm: ["kubectl auth can-i list endpointslices --as=system:serviceaccount:kube-system:kube-proxy"],
        fix: "Restore the ClusterRoleBinding to system:node-proxier, or renew kube-proxy's credentials.",
        sources: ["kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy, system:node-proxier"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let texts = ["is forbidden: user", "unauthorized", "x509: certificate"]
        return LogLines.findings(
            Self.metadata, of: texts, [.kubeProxy], in: context,
            message: { _ in "runs a kube-proxy whose requests the API server refuses" })
    }
}

extension Remedies {
    static func restart(on node: String) -> Fix {
        Fix("restart kube-proxy on \(node) once the cause is gone", commands: [restartKubeProxy(on: node)])
    }
}
