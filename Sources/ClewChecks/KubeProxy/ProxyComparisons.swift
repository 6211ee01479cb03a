import ClewCompare
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewSnapshot
import Dispatch

/// What the API asks of each node against what is there; worked out once for all checks.
struct ProxyComparisons: Sendable {
    var byNode: [String: NodeComparison]
}

/// What each node's kube-proxy works with.
struct ProxyParametersByNode: Sendable {
    var byNode: [String: InferredParameters]
}

extension CheckContext {
    var comparisons: [String: NodeComparison] {
        work.value(ProxyComparisons.self) {
            // An edit of other nodes leaves what a node's rules mean.
            let known = earlier?.work.known(ProxyComparisons.self)?.byNode ?? [:]
            let nodes = snapshot.nodes.filter { node in
                known[node.name] == nil || earlier?.editedNodes.contains(node.name) == true
            }
            let compared = Self.compared(dataplane, nodes)
            return ProxyComparisons(byNode: known.merging(compared) { _, new in new })
        }.byNode
    }

    private static func compared(_ dataplane: Dataplane, _ nodes: [NodeSnapshot]) -> [String: NodeComparison] {
        guard !nodes.isEmpty else { return [:] }
        let comparison = ServicesComparison(dataplane)
        let results = [NodeComparison](unsafeUninitializedCapacity: nodes.count) { buffer, count in
            nonisolated(unsafe) let results = buffer
            for index in nodes.indices { results.initializeElement(at: index, to: NodeComparison(node: "")) }
            DispatchQueue.concurrentPerform(iterations: nodes.count) { index in
                results[index] = comparison.compare(nodes[index])
            }
            count = nodes.count
        }
        return Dictionary(results.map { ($0.node, $0) }) { first, _ in first }
    }

    var proxies: [String: InferredParameters] {
        work.value(ProxyParametersByNode.self) {
            let found = snapshot.nodes.map { node in
                let others = snapshot.nodes.filter { $0.name != node.name }
                return (node.name, InferredParameters(of: node, in: snapshot.objects, otherNodes: others))
            }
            return ProxyParametersByNode(byNode: Dictionary(found) { first, _ in first })
        }.byNode
    }

    /// The mode of a node's kube-proxy, as far as the bundle tells.
    func proxyMode(_ node: String) -> ProxyMode { proxies[node]?.parameters.mode ?? .iptables }

    /// Whether anything on the node is kube-proxy's.
    func hasProxyRules(_ node: NodeSnapshot) -> Bool { node.hasProxyRules }
}

extension Remedies {
    /// Restarts kube-proxy, so that it writes all its rules anew; simulated where Clew knows how it writes them.
    static func rewriteRules(on node: String, _ context: CheckContext, title: String? = nil) -> Fix {
        let parameters = context.proxies[node]?.parameters
        let edits: [SnapshotEdit] =
            parameters.flatMap { $0.mode == .nftables ? nil : [.rewriteProxyRules(node: node, $0)] } ?? []
        return Fix(
            title ?? "have kube-proxy on \(node) write its rules anew", edits: edits,
            commands: [restartKubeProxy(on: node)])
    }
}
