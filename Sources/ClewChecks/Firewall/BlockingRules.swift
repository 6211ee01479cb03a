import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A rule that is neither kube-proxy's nor a network plugin's loses connections that the API asks for.
package struct DropRule: Check {
    package static let metadata = CheckMetadata(
        code: "FW008", name: "drop-rule-counting", group: .firewall, severity: .error,
        finds: "A rule of nobody's network plugin drops connections that the API asks for.",
        matters: "They time out, however right kube-proxy's rules are.",
        confirm: ["iptables-save -c | grep -E 'DROP|REJECT'"],
        fix: "Find who wrote the rule, and let it spare the cluster's traffic.",
        sources: ["iptables(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { !$0.rejects && !$0.isInput && !$0.isOutput }
    }
}

/// A REJECT stands before the rules that would accept the traffic.
package struct RejectBeforeKube: Check {
    package static let metadata = CheckMetadata(
        code: "FW004", name: "reject-host-prohibited-before-kube", group: .firewall, severity: .error,
        finds: "A REJECT rule stands before the rules that would accept the cluster's traffic.",
        matters: "Clients see \"no route to host\" or \"connection refused\" though routing is right.",
        confirm: ["iptables -S FORWARD", "iptables -S INPUT"],
        fix: "Move the rule behind those of kube-proxy and the network plugin, or accept the pods' networks before it.",
        sources: ["iptables-extensions(8), REJECT"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { $0.rejects && !$0.isOutput }
    }
}

/// INPUT drops what the node itself has to get: kubelet, a NodePort of a host's pod.
package struct InputBlocksClusterPort: Check {
    package static let metadata = CheckMetadata(
        code: "FW005", name: "input-blocks-cluster-port", group: .firewall, severity: .error,
        finds: "The node's INPUT chain drops traffic that the cluster needs.",
        matters: "Logs and exec, NodePorts of pods in the host network, or health checks of the node time out.",
        confirm: ["iptables -S INPUT"],
        fix: "Accept the port from the other nodes.",
        sources: ["https://kubernetes.io/docs/reference/networking/ports-and-protocols"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { !$0.rejects && $0.isInput }
    }
}

/// OUTPUT drops what the host sends.
package struct OutputBlock: Check {
    package static let metadata = CheckMetadata(
        code: "FW009", name: "output-or-owner-block", group: .firewall, severity: .error,
        finds: "The node's OUTPUT chain loses connections of the host's own processes.",
        matters: "kubelet, probes and pods in the host network do not reach Services or pods, while other pods do.",
        confirm: ["iptables -S OUTPUT"],
        fix: "Accept the cluster's networks in OUTPUT.",
        sources: ["iptables(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BlockingRule.findings(Self.metadata, in: context) { $0.isOutput }
    }
}

/// firewalld's zones do not know the pods.
package struct FirewalldActive: Check {
    package static let metadata = CheckMetadata(
        code: "FW002", name: "firewalld-active", group: .firewall, severity: .error,
        finds: "Chains of firewalld drop or reject the cluster's connections.",
        matters: "Pods see \"no route to host\" for Services, DNS and the API server.",
        confirm: ["firewall-cmd --get-active-zones", "nft list table inet firewalld"],
        fix: "Make the pods' networks sources of the trusted zone, or disable firewalld, as k3s and RKE2 advise.",
        sources: ["https://docs.k3s.io/installation/requirements", "https://github.com/coredns/coredns/issues/4714"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { Self.isFirewalld($0, context) }.map { node, groups in
            let state = context.snapshot.node(named: node)?.unitState("firewalld")
            var evidence = groups.map(\.evidence)
            if let state, state.state == "active" {
                evidence.append(.line(node: node, state.source, text: "firewalld \(state.state)"))
            }
            let networks = (context.acceptedPodNetworks(.ipv4) + context.acceptedPodNetworks(.ipv6)).map {
                "--add-source=\($0)"
            }
            let sources = networks.joined(separator: " ")
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "loses the cluster's connections in firewalld's chains",
                cause: "no zone of firewalld that accepts has the pods' networks", evidence: evidence,
                fixes: [
                    Fix(
                        "trust the pods' networks",
                        commands: [
                            FixCommand(
                                .node(node),
                                "firewall-cmd --permanent --zone=trusted \(sources) && firewall-cmd --reload",
                                undo:
                                    "firewall-cmd --permanent --zone=trusted \(sources.replacing("--add-", with: "--remove-")) && firewall-cmd --reload"
                            ), Remedies.restartKubeProxy(on: node),
                        ])
                ], explains: groups.map(\.id))
        }
    }

    /// By the names that firewalld gives its chains and its table.
    private static func isFirewalld(_ group: LostConnections, _ context: CheckContext) -> Bool {
        let (table, chain): (String, String)
        switch group.decision?.cause {
        case .rule(let table_, let chain_), .policy(let table_, let chain_): (table, chain) = (table_, chain_)
        default: return false
        }
        if table.contains("firewalld") { return true }
        if [
            "IN_", "FWD_", "FWDI_", "FWDO_", "INPUT_ZONES", "FORWARD_IN_ZONES", "FORWARD_OUT_ZONES", "FORWARD_POLICIES",
        ]
        .contains(where: { chain.hasPrefix($0) }) {
            return true
        }
        // The last rules of INPUT and FORWARD are firewalld's own where its zones stand before them.
        guard ["INPUT", "FORWARD"].contains(chain), group.disposition == .rejected, let node = group.node,
            let artifact = group.decision?.source?.artifact
        else { return false }
        return context.snapshot.node(named: node)?.host.ruleSets.first { $0.artifact == artifact }?
            .hasChain(["INPUT_ZONES", "FORWARD_IN_ZONES"]) ?? false
    }
}

/// Rules that the tool at hand does not show drop what the others accept.
package struct LegacyOnlyDrop: Check {
    package static let metadata = CheckMetadata(
        code: "FW007", name: "legacy-only-drop", group: .firewall, severity: .error,
        finds: "Rules of the other backend than kube-proxy's drop the cluster's connections.",
        matters: "iptables -S looks fully open, and packets are lost: the kernel asks both rule sets.",
        confirm: ["iptables-legacy-save", "iptables-nft-save", "nft list ruleset"],
        fix: "Take away what was left in the other backend, or accept the pods' networks there too.",
        sources: ["https://github.com/kubernetes/kubernetes/issues/71305", "linux net/netfilter/core.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lostByNode { Self.isOfOtherBackend($0, context) }.map { node, groups in
            let artifacts = Set(groups.compactMap { $0.decision?.source?.artifact }).sorted()
            let accept = Remedies.acceptPods(on: node, in: artifacts, context)
            let backend = context.snapshot.node(named: node)?.host.ruleSets.first { artifacts.contains($0.artifact) }?
                .backend
            let name = backend == .legacy ? "iptables-legacy" : backend == .nft ? "iptables-nft" : "nft"
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "drops the cluster's connections by rules that only \(name) shows",
                cause: "kube-proxy writes to the other backend; a packet has to pass both",
                evidence: groups.map(\.evidence),
                fixes: accept.edits.isEmpty
                    ? [] : [Fix("accept the pods' networks there too", edits: accept.edits, commands: accept.commands)],
                explains: groups.map(\.id))
        }
    }

    private static func isOfOtherBackend(_ group: LostConnections, _ context: CheckContext) -> Bool {
        switch group.decision?.cause {
        case .rule(_, let chain), .policy(_, let chain): if chain.hasPrefix("KUBE-") { return false }
        default: return false
        }
        guard let node = group.node, let artifact = group.decision?.source?.artifact,
            let host = context.snapshot.node(named: node)?.host,
            let ruleSet = host.ruleSets.first(where: { $0.artifact == artifact }), !ruleSet.hasChain(["KUBE-"]),
            ruleSet.backend != .native
        else { return false }
        let family = ruleSet.tables.first?.family
        return host.ruleSets.contains {
            $0.backend != ruleSet.backend && $0.tables.first?.family == family && $0.hasChain(["KUBE-"])
        }
    }
}

/// A rule or policy that loses connections, seen as what kind it is.
private struct BlockingRule {
    let group: LostConnections
    let chain: String

    init?(_ group: LostConnections, _ context: CheckContext) {
        // What wraps pods' packets is judged with the overlay.
        guard !group.isOfTunnel(context) else { return nil }
        switch group.decision?.cause {
        case .rule(let table, let chain):
            guard table != "kube-proxy" else { return nil }
            // Rules of kube-proxy and of network policies are meant: other checks judge them.
            guard !["KUBE-", "cali-", "CILIUM_", "cni-", "CNI-"].contains(where: chain.hasPrefix) else { return nil }
            self.chain = chain
        case .policy(_, let chain):
            guard chain != "FORWARD" else { return nil }
            self.chain = chain
        default: return nil
        }
        self.group = group
    }

    var rejects: Bool { group.disposition == .rejected }
    private var hook: Hook? { group.lastStep?.hook }
    var isInput: Bool { hook == .input || chain == "INPUT" }
    var isOutput: Bool { hook == .output || chain == "OUTPUT" }

    static func findings(
        _ metadata: CheckMetadata, in context: CheckContext, where isMeant: (BlockingRule) -> Bool
    ) -> [Finding] {
        let found = context.survey.lost.compactMap { BlockingRule($0, context) }.filter(isMeant)
        return found.indices.compactMap { index in
            // Requests and answers that one rule loses are one finding.
            let same = found.filter { $0.group.decision == found[index].group.decision }
            guard same.first?.group.id == found[index].group.id else { return nil }
            return found[index].finding(metadata, explaining: same.map(\.group), context)
        }
    }

    private func finding(_ metadata: CheckMetadata, explaining lost: [LostConnections], _ context: CheckContext)
        -> Finding
    {
        var fixes: [Fix] = []
        if let node = group.node, let source = group.decision?.source {
            let accept = accept(lost, node, context)
            let delete = Remedies.deleteRule(source, on: node, context)
            // In INPUT a port is let in; elsewhere whoever wrote the rule has to say what it is for.
            fixes = isInput ? [accept, delete].compactMap(\.self) : [delete, accept].compactMap(\.self)
        }
        return Finding(
            metadata, on: group.place, .proven,
            message: "\(rejects ? "rejects" : "drops") the cluster's connections in chain \(chain)",
            cause: group.decision.map { "of \($0.text)" }, evidence: [group.evidence], fixes: fixes,
            explains: lost.map(\.id))
    }

    /// Rules before the one that drops, for what the lost packets are.
    private func accept(_ lost: [LostConnections], _ node: String, _ context: CheckContext) -> Fix? {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        var seen: Set<String> = []
        for group in lost {
            guard let (table, base) = group.basePlace, let artifact = group.decision?.source?.artifact,
                let ruleSet = context.snapshot.node(named: node)?.host.ruleSets.first(where: { $0.artifact == artifact }
                ),
                ruleSet.backend != .native, let tuple = group.lastStep?.tuple
            else { continue }
            let family: TableFamily = tuple.source.family == .ipv6 ? .ipv6 : .ipv4
            var rules: [String] = []
            if base == "INPUT", tuple.ipProtocol.hasPorts {
                let word = tuple.ipProtocol.description
                let source = context.nodeNetwork(of: tuple.source, on: node)
                rules = ["-s \(source) -p \(word) -m \(word) --dport \(tuple.destinationPort) -j ACCEPT"]
            } else if base != "INPUT" {
                rules = context.acceptedPodNetworks(tuple.source.family).flatMap {
                    ["-s \($0) -j ACCEPT", "-d \($0) -j ACCEPT"]
                }
            }
            for rule in rules where seen.insert("\(artifact.rawValue) \(base) \(rule)").inserted {
                edits.append(
                    .insertRule(
                        EditedTable(node: node, family: family, table: table, backend: ruleSet.backend), chain: base,
                        at: 1, rule: rule))
                commands.append(
                    Remedies.insertRule(rule, chain: base, table: table, on: node, tool: ruleSet.tool(family)))
            }
        }
        guard !edits.isEmpty else { return nil }
        return Fix("accept the cluster's traffic before it", edits: edits, commands: commands)
    }
}
