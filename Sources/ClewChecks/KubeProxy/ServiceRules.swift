import ClewCompare
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
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
        let faults = context.proxyFaults(.entryMissing).map { fault in
            ProxyFinding.make(
                Self.metadata, fault, context,
                message: "has no rules for \(ProxyFinding.list(fault.services))",
                cause: "kube-proxy on the node has not written them, or something took them away")
        }
        return faults + Self.untranslated(in: context)
    }

    /// Where the rules could not be compared, the walk still shows packets that nobody translates.
    private static func untranslated(in context: CheckContext) -> [Finding] {
        let lost = context.lost { group in
            guard group.decision?.cause == .untranslated, let node = group.node else { return false }
            return context.proxyMode(node) != .ipvs && context.comparisons[node]?.notCompared != nil
        }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            let names = Set(groups.flatMap(\.connections).compactMap { context.survey.connections[$0].service })
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "has no rules for \(ProxyFinding.list(names.sorted()))",
                evidence: groups.prefix(3).map { .computed($0.reason, nil) },
                fixes: Remedies.rewriteFixes(on: node, context), explains: groups.map(\.id))
        }
    }
}

/// The chain that chooses among a Service's endpoints does not choose as it should.
package struct LoadBalancingChainWrong: Check {
    package static let metadata = CheckMetadata(
        code: "KPX005", name: "lb-chain-wrong", group: .kubeProxy, severity: .error,
        finds: "The chain of a Service lacks endpoints, is empty, or gives them unequal shares.",
        matters: "Some endpoints get no connections, or a share of the connections is lost.",
        confirm: ["iptables-save -t nat | grep KUBE-SVC-HASH"],
        fix: "Restart kube-proxy on the node: it writes the chain anew.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, writeServiceToEndpointRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.chainWrong).map { fault in
            let kinds = fault.causes.flatMap(\.kinds)
            let losesNothing = fault.explains.isEmpty && !kinds.contains(.missingEntry)
            let what =
                kinds.contains(.missingEntry)
                ? "sends nothing of \(ProxyFinding.list(fault.services)) to an endpoint"
                : kinds.contains(.missingEndpoint)
                    ? "leaves endpoints of \(ProxyFinding.list(fault.services)) out"
                    : kinds.contains(.affinity)
                        ? "does not keep clients of \(ProxyFinding.list(fault.services)) at their endpoint as asked"
                        : "gives the endpoints of \(ProxyFinding.list(fault.services)) unequal shares"
            return ProxyFinding.make(
                Self.metadata, fault, context, severity: losesNothing ? .warning : .error, message: what,
                cause: "the chain was half written, or edited by hand")
        }
    }
}

/// A rule sends a share of a Service's connections to an address that is none of its endpoints.
package struct DNATToDeadEndpoint: Check {
    package static let metadata = CheckMetadata(
        code: "KPX006", name: "dnat-to-dead-endpoint", group: .kubeProxy, severity: .error,
        finds: "A node's rules send connections of a Service to an address that is not among its endpoints.",
        matters: "A fixed share of the connections times out, or reaches a pod of somebody else.",
        confirm: [
            "iptables-save -t nat | grep -- '--to-destination ADDRESS'", "kubectl get endpointslices -A -o wide",
        ],
        fix: "See why kube-proxy on the node does not hear of the endpoints; restart it.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.deadEndpoint).map { fault in
            let dead = Set(fault.causes.compactMap(\.example.endpoint)).sorted().map(\.description)
            return ProxyFinding.make(
                Self.metadata, fault, context,
                message: "sends connections of \(ProxyFinding.list(fault.services)) to "
                    + "\(dead.prefix(3).joined(separator: ", ")), which is none of its endpoints",
                cause: "the rule is of a time when it was one")
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
        var faults = context.proxyFaults(.staleReject).map { fault in
            ProxyFinding.make(
                Self.metadata, fault, context,
                message: "refuses \(ProxyFinding.list(fault.services)) by a rule of kube-proxy, "
                    + "though the API lists endpoints")
        }
        let known = Set(ProxyFinding.explained(in: context))
        let others = context.lost { group in
            guard case .rule(_, let chain) = group.decision?.cause else { return false }
            return chain.hasPrefix("KUBE-") && !PolicyDrops.isPolicy(chain: chain) && !known.contains(group.id)
                // What conntrack knows no connection of is lost by the way it came, for whatever Service.
                && group.decision?.text.contains("--ctstate INVALID") != true
        }.filter { group in
            // A node whose comparison has already shown it is told of once.
            guard let node = group.node, let told = faults.firstIndex(where: { $0.subject == .node(node) }) else {
                return true
            }
            faults[told].explains.append(group.id)
            return false
        }
        return faults
            + others.map { group in
                Finding(
                    Self.metadata, on: group.place, .proven,
                    message: "refuses a Service by a rule of kube-proxy, though the API lists endpoints for it",
                    evidence: [group.evidence],
                    fixes: group.node.map { Remedies.rewriteFixes(on: $0, context) } ?? [], explains: [group.id])
            }
    }
}

/// A node's rules are those of an earlier time: kube-proxy does not hear of changes any more.
package struct KubeProxyStale: Check {
    package static let metadata = CheckMetadata(
        code: "KPX002", name: "kube-proxy-stale-node", group: .kubeProxy, severity: .error,
        finds: "Several of a node's Service rules are not what the API asks for: kube-proxy there is not up to date.",
        matters: "Services work from one node and fail from another, and the more changes the worse it gets.",
        confirm: [
            "curl -s localhost:10249/metrics | grep sync_proxy_rules_last",
            "kubectl -n kube-system logs KUBE-PROXY-POD",
        ],
        fix: "Restart kube-proxy on the node, and repair its way to the API server.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.staleNode).map { fault in
            let stale = Set(fault.causes.flatMap(\.staleNames)).sorted()
            let isOnlyStale = fault.causes.allSatisfy { $0.kinds == [.staleEntry] || $0.kinds == [.notRejected] }
            let what =
                fault.services.isEmpty
                ? "still serves \(stale.isEmpty ? "addresses that no Service has" : stale.joined(separator: ", "))"
                : "has outdated rules for \(ProxyFinding.list(fault.services))"
            return ProxyFinding.make(
                Self.metadata, fault, context, severity: isOnlyStale ? .warning : .error, message: what,
                cause: "kube-proxy on the node has not followed the API's changes")
        }
    }
}
