import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewSnapshot

/// A node has no rule for a Service that the API asks for.
package struct ServiceEntryMissing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX004", name: "service-entry-missing", group: .kubeProxy, severity: .error,
        finds: "A node has no rule for a Service's address: its packets leave untranslated.",
        matters: "The Service does not answer from that node; connections time out.",
        confirm: ["iptables-save -t nat | grep CLUSTER-IP", "curl -s localhost:10249/metrics | grep sync_proxy"],
        fix: "See why kube-proxy on the node does not write its rules; restart it.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost { $0.decision?.cause == .untranslated }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            let names = Set(groups.flatMap(\.connections).compactMap { context.survey.connections[$0].service })
            let shown = names.sorted().prefix(3).map(\.description).joined(separator: ", ")
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "has no rules for \(names.count) Service port\(names.count == 1 ? "" : "s"): \(shown)"
                    + (names.count > 3 ? ", …" : ""),
                evidence: groups.prefix(3).map { .computed($0.reason, nil) },
                fixes: [
                    Fix("have kube-proxy write its rules anew", commands: [Remedies.restartKubeProxy(on: node)])
                ], explains: groups.map(\.id))
        }
    }
}

/// kube-proxy's own rules still refuse a Service that has endpoints.
package struct StaleReject: Check {
    package static let metadata = CheckMetadata(
        code: "KPX009", name: "stale-reject-with-endpoints", group: .kubeProxy, severity: .error,
        finds: "A node's kube-proxy rules refuse a Service that has usable endpoints.",
        matters: "The Service is refused, or times out, from that node only.",
        confirm: ["iptables-save | grep -E 'has no (local )?endpoints'", "kubectl get endpointslices -n NAMESPACE"],
        fix: "See why kube-proxy on the node does not hear of the endpoints; restart it. Do not delete its rules.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lost { group in
            guard case .rule(_, let chain) = group.decision?.cause else { return false }
            return chain.hasPrefix("KUBE-")
        }.map { group in
            Finding(
                Self.metadata, on: group.place, .proven,
                message: "refuses a Service by a rule of kube-proxy, though the API lists endpoints for it",
                evidence: [group.evidence],
                fixes: group.node.map { node in
                    [Fix("have kube-proxy write its rules anew", commands: [Remedies.restartKubeProxy(on: node)])]
                } ?? [], explains: [group.id])
        }
    }
}
