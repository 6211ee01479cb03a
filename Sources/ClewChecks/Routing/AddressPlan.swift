import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// Two nodes have pods in the same range.
package struct NodePodCIDROverlap: Check {
    package static let metadata = CheckMetadata(
        code: "RTE003", name: "node-podcidr-overlap", group: .routing, severity: .error,
        finds: "The ranges of pods of two nodes overlap.",
        matters: "Packets for pods of one node go to the other; the same address may be given out twice.",
        confirm: ["kubectl get nodes -o custom-columns=NAME:.metadata.name,CIDR:.spec.podCIDRs"],
        fix: "Drain one of the nodes, delete its Node and its CNI state, and let it join again.",
        sources: ["kubernetes pkg/controller/nodeipam", "https://github.com/projectcalico/calico/issues/6486"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = context.snapshot.objects.nodes
        var result: [Finding] = []
        for (index, one) in nodes.enumerated() {
            for other in nodes[(index + 1)...] {
                for range in one.podCIDRs {
                    guard let same = other.podCIDRs.first(where: { $0.overlaps(range) }) else { continue }
                    result.append(
                        Finding(
                            Self.metadata, on: .node(one.name), .proven,
                            message: "has pods in \(range), which overlaps \(same) of \(other.name)",
                            cause: "both nodes give out these addresses, and routes lead to one of them only",
                            evidence: [
                                .field(
                                    object: "Node \(one.name)", path: "spec.podCIDRs", value: "\(range)", one.source),
                                .field(
                                    object: "Node \(other.name)", path: "spec.podCIDRs", value: "\(same)", other.source),
                            ],
                            fixes: [
                                Fix(
                                    "let one of the nodes join anew",
                                    commands: [
                                        FixCommand(
                                            .workstation,
                                            "kubectl drain \(other.name) --ignore-daemonsets --delete-emptydir-data"
                                                + " && kubectl delete node \(other.name)")
                                    ])
                            ]))
                }
            }
        }
        return result
    }
}

/// A node has no range of pods, though others have.
package struct NodePodCIDRMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE006", name: "node-podcidr-missing", group: .routing, severity: .warning,
        finds: "A Node has no spec.podCIDR, though other nodes have, and their network plugin needs one.",
        matters: "Pods of the node get no network: they hang in ContainerCreating, or the node is not ready.",
        confirm: ["kubectl get node NODE -o jsonpath='{.spec.podCIDRs}'"],
        fix: "Let the controller manager allocate ranges (--allocate-node-cidrs, a large enough --cluster-cidr).",
        sources: ["https://github.com/kubernetes/kubernetes/issues/76761", "kubernetes pkg/controller/nodeipam"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = context.snapshot.objects.nodes
        guard nodes.contains(where: { !$0.podCIDRs.isEmpty }) else { return [] }
        return nodes.compactMap { node in
            // Calico and others with an allocation of their own need none.
            guard node.podCIDRs.isEmpty, context.snapshot.node(named: node.name)?.hasCalico != true else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "has no range of pods",
                cause: "nobody has allocated spec.podCIDR, or the cluster's range is used up",
                evidence: [.absent(place: "Node \(node.name)", what: "spec.podCIDR", node.source)],
                fixes: [
                    Fix(
                        "see why the controller manager allocates none",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n kube-system logs -l component=kube-controller-manager --tail=200 | grep -i cidr"
                            )
                        ])
                ])
        }
    }
}

/// A node's pods are outside of what kube-proxy takes for the cluster's.
package struct PodCIDROutsideClusterCIDR: Check {
    package static let metadata = CheckMetadata(
        code: "RTE007", name: "podcidr-outside-cluster-cidr", group: .routing, severity: .warning,
        finds: "The range of one node's pods is outside of the cluster CIDR that kube-proxy was told.",
        matters: "Connections of these pods to Services are masqueraded: servers see a node, and policies miss.",
        confirm: ["kubectl -n kube-system get cm kube-proxy -o yaml | grep clusterCIDR"],
        fix: "Align the cluster CIDR of kube-proxy and the controller manager, or let the node join anew.",
        sources: ["kubernetes pkg/proxy/util/localdetector.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = context.snapshot.objects.nodes
        for node in context.snapshot.nodes {
            guard let configuration = node.proxyConfiguration,
                ["", "ClusterCIDR"].contains(configuration.detectLocalMode ?? ""),
                !configuration.clusterCIDRs.isEmpty
            else { continue }
            let strays = nodes.compactMap { object -> (Node, IPPrefix)? in
                object.podCIDRs.first { range in
                    configuration.clusterCIDRs.contains { $0.family == range.family }
                        && !configuration.clusterCIDRs.contains { $0.contains(range) }
                }.map { (object, $0) }
            }
            // Where every node is outside, the setting is wrong and not the node: KPX010.
            guard strays.count < nodes.count else { return [] }
            return strays.map { object, range in
                Finding(
                    Self.metadata, on: .node(object.name), .proven,
                    message: "has pods in \(range), outside of kube-proxy's cluster CIDR",
                    cause:
                        "kube-proxy on \(node.name) was told \(configuration.clusterCIDRs.map(\.description).joined(separator: ","))",
                    evidence: [
                        .field(object: "Node \(object.name)", path: "spec.podCIDRs", value: "\(range)", object.source),
                        .field(
                            object: "kube-proxy", path: "clusterCIDR",
                            value: configuration.clusterCIDRs.map(\.description).joined(separator: ","),
                            configuration.source),
                    ])
            }
        }
        return []
    }
}

/// The ranges of pods, Services and nodes overlap.
package struct CIDROverlap: Check {
    package static let metadata = CheckMetadata(
        code: "RTE005", name: "cidr-overlap", group: .routing, severity: .error,
        finds: "What kube-proxy takes for pods' addresses holds ClusterIPs, or addresses of clients outside.",
        matters:
            "Services answer only where the endpoint is on the client's node: what comes from such an address is not "
            + "masqueraded, and its answer is lost.",
        confirm: [
            "kubectl -n kube-system get cm kube-proxy -o yaml | grep clusterCIDR",
            "kubectl cluster-info dump | grep -E 'cluster-cidr|service-cluster-ip-range'",
        ],
        fix: "Give kube-proxy the pods' range alone, or move the Services to a range of their own (ServiceCIDR).",
        sources: ["https://github.com/kubernetes/kubernetes/issues/65158", "kubernetes pkg/proxy/ipvs/proxier.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node -> Finding? in
            let told = Self.localRanges(node.name, context)
            let services = context.snapshot.objects.services.flatMap(\.clusterIPs)
            let pods = context.snapshot.objects.nodes.flatMap(\.podCIDRs)
            let overlapped = told.first { range in services.contains { range.contains($0) } }
            let foreign = told.first { range in
                pods.contains { $0.family == range.family } && !pods.contains { $0.overlaps(range) }
            }
            guard let range = overlapped ?? foreign else { return nil }
            let explained = context.survey.lost.filter { Self.isExplained($0, by: range, node.name, context) }
            if overlapped == nil, explained.isEmpty { return nil }
            let source = node.proxyConfiguration?.source
            let value = told.map(\.description).joined(separator: ",")
            return Finding(
                Self.metadata, on: .node(node.name), .proven, severity: explained.isEmpty ? .warning : .error,
                message: overlapped != nil
                    ? "takes ClusterIPs for pods' addresses: \(range) holds \(services.first { range.contains($0) }?.description ?? "them")"
                    : "takes addresses outside of the cluster for pods': \(range)",
                cause: "kube-proxy masquerades nothing that comes from \(range)",
                evidence: [.field(object: "kube-proxy on \(node.name)", path: "clusterCIDR", value: value, source)]
                    + explained.prefix(2).map(\.evidence),
                fixes: Self.fixes(range, node.name, context), explains: explained.map(\.id))
        }
    }

    private static func localRanges(_ node: String, _ context: CheckContext) -> [IPPrefix] {
        guard case .sources(let ranges) = context.proxies[node]?.parameters.localDetection else { return [] }
        return Set(ranges).sorted()
    }

    /// A connection from inside of the range that is lost on its way back, or taken for forged.
    private static func isExplained(
        _ group: LostConnections, by range: IPPrefix, _ node: String, _ context: CheckContext
    ) -> Bool {
        switch group.decision?.cause {
        case .martian, .stranger, .noRoute, .reversePathFilter, .skipsConntrack, nil: break
        default: return false
        }
        guard let way = context.way(of: group) else { return false }
        let sources = way.hops.flatMap(\.steps).map(\.tuple).flatMap { [$0.source, $0.destination] }
        // The answer to a client outside need not come by the node that should have masqueraded the request.
        let origin = group.connections.first.map { context.survey.connections[$0].flow.origin }
        let isHere =
            if case .outside(_, let entry) = origin { entry == node } else { way.hops.contains { $0.node == node } }
        return isHere && sources.contains { range.contains($0) }
            && group.connections.contains { context.survey.connections[$0].service != nil }
    }

    /// kube-proxy's rules as they would be with the pods' range: what it writes once it is told.
    private static func fixes(_ range: IPPrefix, _ node: String, _ context: CheckContext) -> [Fix] {
        if context.proxyMode(node) == .iptables { return ClusterCIDRFix.fixes([node], context) }
        let pods = context.podNetworks(range.family).filter { $0 != range }
        guard let right = pods.first(where: { !$0.contains(range) }) ?? context.bridgedNetworks(range.family).first,
            let host = context.snapshot.node(named: node)?.host
        else { return [] }
        var edits: [SnapshotEdit] = []
        // Behind the deletions: a rule that is put in moves the lines of others.
        var insertions: [SnapshotEdit] = []
        for ruleSet in host.ruleSets where ruleSet.backend != .native {
            for rule in ruleSet.rules {
                let text = ruleSet.string(rule.text)
                guard text.hasPrefix("-A KUBE-"), text.contains("! -s \(range) "),
                    let place = ruleSet.place(ofLine: rule.line)
                else { continue }
                let wanted = text.dropFirst(3 + place.chain.count + 1)
                    .replacing("! -s \(range) ", with: "! -s \(right) ")
                edits.append(.deleteRule(node: node, SourceLine(ruleSet.artifact, line: rule.line)))
                insertions.append(
                    .insertRule(
                        EditedTable(
                            node: node, family: place.table.family, table: place.table.name, backend: ruleSet.backend),
                        chain: place.chain, at: 1, rule: String(wanted)))
            }
        }
        return [
            Fix(
                "tell kube-proxy the pods' range, \(right)", edits: edits + insertions,
                commands: [
                    FixCommand(
                        .workstation, "kubectl -n kube-system edit cm kube-proxy  # clusterCIDR: \(right)",
                        undo: "kubectl -n kube-system edit cm kube-proxy  # clusterCIDR: \(range)"),
                    Remedies.restartKubeProxy(on: node),
                ])
        ]
    }
}
