import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// kube-proxy's idea of which addresses are pods' is wrong.
package struct ClusterCIDRWrong: Check {
    package static let metadata = CheckMetadata(
        code: "KPX010", name: "cluster-cidr-wrong", group: .kubeProxy, severity: .error,
        finds: "kube-proxy takes pods of the cluster for strangers: they are not in the networks it knows as pods'.",
        matters: "Pods lose their address on the way to Services, and traffic policies treat them as outsiders.",
        confirm: [
            "kubectl -n kube-system get configmap kube-proxy -o yaml | grep clusterCIDR",
            "kubectl get nodes -o jsonpath='{..podCIDRs}'",
        ],
        fix: "Set clusterCIDR, or detectLocalMode, to what the network plugin uses, and restart kube-proxy.",
        sources: ["kubernetes pkg/proxy/util/localdetector.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        // One setting of all nodes is one fault.
        var groups: [(prefixes: [IPPrefix], nodes: [String], pods: [Pod], source: SourceLine?)] = []
        for node in context.snapshot.nodes {
            guard let proxy = context.proxies[node.name], case .sources(let prefixes) = proxy.parameters.localDetection
            else { continue }
            let strangers = Self.strangers(to: prefixes, on: node.name, context)
            guard !strangers.isEmpty else { continue }
            if let known = groups.firstIndex(where: { $0.prefixes == prefixes }) {
                groups[known].nodes.append(node.name)
            } else {
                let source = proxy.findings.first { $0.name == "local traffic detection" }?.source
                groups.append((prefixes, [node.name], strangers, source))
            }
        }
        return groups.map { group in
            let networks = group.prefixes.map(\.description).joined(separator: ", ")
            let pod = group.pods[0]
            let lost = context.lost { Self.isLost($0, as: group.prefixes, on: group.nodes, context) }
            return Finding(
                Self.metadata, on: group.nodes.count == 1 ? .node(group.nodes[0]) : .cluster, .proven,
                severity: lost.isEmpty ? .warning : .error,
                message: "kube-proxy knows \(networks) as the pods' networks, and pod \(pod.name) is "
                    + "\(pod.addresses.first.map(\.description) ?? "elsewhere")",
                evidence: [
                    .computed("local traffic is told by source prefixes \(networks)", group.source),
                    .field(
                        object: "Pod \(pod.name)", path: "status.podIP",
                        value: pod.addresses.first.map(\.description) ?? "", pod.source),
                ],
                fixes: ClusterCIDRFix.fixes(group.nodes, context), explains: lost.map(\.id))
        }
    }

    /// Whether kube-proxy's rules drop connections of pods that pass for strangers.
    private static func isLost(
        _ group: LostConnections, as prefixes: [IPPrefix], on nodes: [String], _ context: CheckContext
    ) -> Bool {
        guard case .rule(_, let chain) = group.decision?.cause, chain.hasPrefix("KUBE-"),
            !PolicyDrops.isPolicy(chain: chain)
        else { return false }
        return group.connections.allSatisfy { index in
            guard case .pod(let node, let address, _) = context.survey.connections[index].flow.origin else {
                return false
            }
            return nodes.contains(node) && !prefixes.contains { $0.contains(address) }
        }
    }

    /// Pods of a node whose address is in none of the networks of its family.
    private static func strangers(to prefixes: [IPPrefix], on node: String, _ context: CheckContext) -> [Pod] {
        context.snapshot.objects.pods.filter { pod in
            pod.nodeName == node && !pod.usesHostNetwork && !pod.hasEnded
                && pod.addresses.contains { address in
                    let own = prefixes.filter { $0.family == address.family }
                    return !own.isEmpty && !own.contains { $0.contains(address) }
                }
        }
    }
}

/// What kube-proxy should be told of the pods' networks.
enum ClusterCIDRFix {
    static func fixes(_ nodes: [String], _ context: CheckContext) -> [Fix] {
        let edits: [SnapshotEdit] = nodes.compactMap { name in
            guard var parameters = context.proxies[name]?.parameters, parameters.mode != .nftables,
                let own = context.snapshot.objects.nodes.first(where: { $0.name == parameters.nodeName }),
                !own.podCIDRs.isEmpty
            else { return nil }
            parameters.localDetection = .sources(own.podCIDRs)
            return .rewriteProxyRules(node: name, parameters)
        }
        return told(nodes, edits) + [byHand(edits, context)].compactMap(\.self)
    }

    /// What such a kube-proxy would write, on all nodes.
    private static func byHand(_ edits: [SnapshotEdit], _ context: CheckContext) -> Fix? {
        var commands: [FixCommand] = []
        var title = ""
        for case .rewriteProxyRules(let node, let parameters) in edits {
            guard let fix = HandWrittenRules.fix(on: node, parameters, context) else { return nil }
            commands += fix.commands
            title = fix.title
        }
        return commands.isEmpty ? nil : Fix(title, edits: edits, commands: commands)
    }

    private static func told(_ nodes: [String], _ edits: [SnapshotEdit]) -> [Fix] {
        [
            Fix(
                "have kube-proxy tell pods by their node's podCIDR", edits: edits.count == nodes.count ? edits : [],
                commands: [
                    FixCommand(
                        .workstation,
                        "kubectl -n kube-system get configmap kube-proxy -o yaml "
                            + "| sed 's/detectLocalMode: .*/detectLocalMode: NodeCIDR/' | kubectl apply -f -",
                        undo: "kubectl -n kube-system get configmap kube-proxy -o yaml "
                            + "| sed 's/detectLocalMode: .*/detectLocalMode: \"\"/' | kubectl apply -f -"),
                    FixCommand(
                        .workstation, "kubectl -n kube-system rollout restart daemonset kube-proxy",
                        undo: "kubectl -n kube-system rollout restart daemonset kube-proxy"),
                ])
        ]
    }
}

/// NodePorts answer at some of a node's addresses only.
package struct NodePortAddressFilter: Check {
    package static let metadata = CheckMetadata(
        code: "KPX018", name: "nodeport-address-filter", group: .kubeProxy, severity: .notice,
        finds: "kube-proxy serves NodePorts at some of the node's addresses only, as it was told.",
        matters: "A NodePort works at one address of the node and times out at another.",
        confirm: ["kubectl -n kube-system get configmap kube-proxy -o yaml | grep -A3 nodePortAddresses"],
        fix: "Add the networks in question to nodePortAddresses, and restart kube-proxy.",
        sources: ["kubernetes pkg/proxy/util/nodeport_addresses.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        guard context.snapshot.objects.services.contains(where: { $0.ports.contains { $0.nodePort != nil } }) else {
            return []
        }
        return context.snapshot.nodes.compactMap { node in
            guard let configuration = node.proxyConfiguration, !configuration.nodePortAddresses.isEmpty else {
                return nil
            }
            let words = configuration.nodePortAddresses.joined(separator: ", ")
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "serves NodePorts at \(words) only",
                evidence: [
                    .field(
                        object: "KubeProxyConfiguration", path: "nodePortAddresses", value: words,
                        configuration.source)
                ])
        }
    }
}

/// What the ConfigMap says is not what kube-proxy does.
package struct ConfigNotApplied: Check {
    package static let metadata = CheckMetadata(
        code: "KPX024", name: "config-not-applied", group: .kubeProxy, severity: .warning,
        finds: "A node's kube-proxy works otherwise than its ConfigMap says, or the ConfigMap names no mode there is.",
        matters: "The setting that somebody relies on does nothing: kube-proxy reads it at its start only.",
        confirm: ["kubectl -n kube-system get configmap kube-proxy -o yaml", "curl -s localhost:10249/proxyMode"],
        fix: "Restart kube-proxy everywhere: kubectl -n kube-system rollout restart daemonset kube-proxy.",
        sources: ["kubernetes cmd/kube-proxy/app/server.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        guard let wanted = context.snapshot.proxyConfigMap else { return [] }
        let modes = ["", "iptables", "ipvs", "nftables", "kernelspace"]
        if let mode = wanted.mode, !modes.contains(mode), mode != "userspace" {
            return [
                Finding(
                    Self.metadata, on: .other("ConfigMap kube-system/kube-proxy"), .proven,
                    message: "asks for a mode that kube-proxy does not know: '\(mode)'",
                    evidence: [Self.field("mode", mode, wanted.source)])
            ]
        }
        return context.snapshot.nodes.compactMap { node in
            let differences = Self.differences(wanted, node)
            guard let first = differences.first else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "runs kube-proxy with \(first.path) \(first.is), and its ConfigMap says \(first.says)",
                cause: "kube-proxy was not restarted, or could not do what it was asked for and fell back",
                evidence: differences.flatMap { difference in
                    [
                        Self.field(difference.path, difference.says, wanted.source),
                        .computed("\(node.name): \(difference.path) \(difference.is)", difference.source),
                    ]
                },
                fixes: [
                    Fix(
                        "have every kube-proxy read its configuration anew",
                        commands: [
                            FixCommand(.workstation, "kubectl -n kube-system rollout restart daemonset kube-proxy")
                        ])
                ])
        }
    }

    private static func field(_ path: String, _ value: String, _ source: SourceLine) -> Evidence {
        .field(object: "ConfigMap kube-system/kube-proxy", path: "config.conf: \(path)", value: value, source)
    }

    private struct Setting {
        var path: String
        var says: String
        var `is`: String
        var source: SourceLine?
    }

    private static func differences(_ wanted: KubeProxyConfiguration, _ node: NodeSnapshot) -> [Setting] {
        var result: [Setting] = []
        func mode(_ text: String?) -> String { text.map { $0.isEmpty ? "iptables" : $0 } ?? "iptables" }
        let live = node.proxyConfiguration.flatMap { $0.source.artifact == wanted.source.artifact ? nil : $0 }
        if let own = node.proxyMode, mode(own) != mode(wanted.mode) {
            result.append(Setting(path: "mode", says: mode(wanted.mode), is: mode(own), source: live?.source))
        }
        guard let live else { return result }
        if live.clusterCIDRs != wanted.clusterCIDRs {
            func text(_ prefixes: [IPPrefix]) -> String {
                prefixes.isEmpty ? "(none)" : prefixes.map(\.description).joined(separator: ",")
            }
            result.append(
                Setting(
                    path: "clusterCIDR", says: text(wanted.clusterCIDRs), is: text(live.clusterCIDRs),
                    source: live.source))
        }
        if let says = wanted.masqueradeAll, let own = live.masqueradeAll, says != own {
            result.append(Setting(path: "masqueradeAll", says: "\(says)", is: "\(own)", source: live.source))
        }
        return result
    }
}

/// Everything sent to a ClusterIP loses its source.
package struct MasqueradeAll: Check {
    package static let metadata = CheckMetadata(
        code: "KPX029", name: "masquerade-all", group: .kubeProxy, severity: .notice,
        finds: "kube-proxy masquerades everything that is sent to a ClusterIP, as it was told.",
        matters: "Pods see nodes as their clients; network policies that name pods do not hold for Services.",
        confirm: ["kubectl -n kube-system get configmap kube-proxy -o yaml | grep masqueradeAll"],
        fix: "Set masqueradeAll to false, and clusterCIDR or detectLocalMode to what the network plugin uses.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, masqueradeAll"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let proxy = context.proxies[node.name], proxy.parameters.masqueradeAll else { return nil }
            let source = proxy.findings.first { $0.name == "masqueradeAll" }?.source
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "masquerades everything sent to a ClusterIP",
                evidence: [.computed("masqueradeAll is true", source)])
        }
    }
}
