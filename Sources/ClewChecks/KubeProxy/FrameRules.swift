import ClewCompare
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewSnapshot

/// The jump from a base chain to kube-proxy's chains is gone.
package struct BaseJumpMissing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX007", name: "base-jump-missing", group: .kubeProxy, severity: .error,
        finds: "A base chain of the nat table does not lead to kube-proxy's chains, which are there.",
        matters: "Every Service is dead for what enters by that chain: pods, the node's own processes, or replies.",
        confirm: ["iptables -t nat -S PREROUTING", "iptables -t nat -S OUTPUT", "iptables -t nat -S POSTROUTING"],
        fix: "Restart kube-proxy, which puts the jump back, and find the tool that flushes the chain.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, iptablesJumpChains"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.jumpMissing).map { fault in
            ProxyFinding.make(
                Self.metadata, fault, context,
                message: "does not lead packets from \(fault.first.cause.place) to kube-proxy's rules",
                cause: "another program flushed or rewrote the chain")
        }
    }
}

/// Packets that are marked for masquerade keep their source.
package struct MasqueradeMissing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX008", name: "masquerade-missing", group: .kubeProxy, severity: .error,
        finds: "Connections that kube-proxy has to masquerade leave with their own source address.",
        matters: "Answers go past the node that translated the request: clients time out, NodePorts above all.",
        confirm: ["iptables -t nat -S KUBE-POSTROUTING", "conntrack -L -d CLUSTER-IP"],
        fix: "Restart kube-proxy, which writes KUBE-POSTROUTING and KUBE-MARK-MASQ anew.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.masqueradeMissing).map { fault in
            ProxyFinding.make(
                Self.metadata, fault, context, severity: fault.explains.isEmpty ? .warning : .error,
                message: "does not masquerade what has to come back through it",
                cause: "\(fault.first.cause.place): \(fault.first.cause.text)")
        }
    }
}

/// The rule that masquerades what an endpoint sends to itself is gone.
package struct HairpinMasqueradeMissing: Check {
    package static let metadata = CheckMetadata(
        code: "KPX017", name: "hairpin-masq-rule-missing", group: .kubeProxy, severity: .error,
        finds: "The chain of an endpoint does not mark packets from the endpoint itself for masquerade.",
        matters: "A pod cannot reach its own Service where the choice falls on itself, whatever the bridge does.",
        confirm: ["iptables -t nat -S KUBE-SEP-HASH"],
        fix: "Restart kube-proxy, which writes the chain anew.",
        sources: ["kubernetes pkg/proxy/iptables/proxier.go, writeServiceToEndpointRules()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.hairpinMissing).map { fault in
            ProxyFinding.make(
                Self.metadata, fault, context, severity: fault.explains.isEmpty ? .warning : .error,
                message: "does not masquerade what an endpoint of \(ProxyFinding.list(fault.services)) sends to itself",
                cause: "the pod takes packets from its own address for forged")
        }
    }
}

/// A rule of another program takes a Service's packets first.
package struct ForeignRuleShadowsService: Check {
    package static let metadata = CheckMetadata(
        code: "KPX023", name: "foreign-rule-shadows-service", group: .kubeProxy, severity: .error,
        finds: "A rule that is not kube-proxy's decides over a Service's packets before kube-proxy's rules do.",
        matters: "On this node the address or NodePort leads somewhere else, or nowhere.",
        confirm: ["iptables -t nat -S PREROUTING", "iptables -t nat -S OUTPUT"],
        fix: "Take the rule away by its exact words, or let the other program use another port.",
        sources: ["iptables-extensions(8), DNAT"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.proxyFaults(.foreignRule).map { fault in
            let cause = fault.first.cause
            return ProxyFinding.make(
                Self.metadata, fault, context,
                message: "takes packets of \(ProxyFinding.list(fault.services)) by a rule that is not kube-proxy's",
                cause: "of the rules of nat that match, the first decides",
                fixes: [Self.removal(of: cause, on: fault.node)].compactMap(\.self))
        }
    }

    /// Taking the rule away; `nil` where it is no line of iptables.
    static func removal(of cause: Cause, on node: String) -> Fix? {
        guard cause.text.hasPrefix("-A "), let table = cause.place.split(separator: " ").first else { return nil }
        let rule = cause.text.dropFirst(3)
        return Fix(
            "take the rule away, once it is known who wrote it and what for",
            edits: [.deleteRule(node: node, cause.source)],
            commands: [
                FixCommand(
                    .node(node), "iptables -t \(table) -D \(rule)", persist: "change it where it is written",
                    undo: "iptables -t \(table) -I \(rule)")
            ])
    }
}

/// A rule made by hand gives connections of pods the node's address.
package struct ManualNATWorkaround: Check {
    package static let metadata = CheckMetadata(
        code: "KPX026", name: "manual-nat-workaround", group: .kubeProxy, severity: .warning,
        finds: "A rule of POSTROUTING that is no network plugin's gives packets between pods another source.",
        matters: "Pods see a node as their client, and network policies that name pods do not hold.",
        confirm: ["iptables -t nat -S POSTROUTING"],
        fix: "Repair what the rule was to cover, such as overlapping networks, and delete it by its exact words.",
        sources: ["iptables-extensions(8), SNAT"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.flatMap { node in node.host.ruleSets.flatMap { findings(node, $0, context) } }
    }

    private func findings(_ node: NodeSnapshot, _ rules: RuleSet, _ context: CheckContext) -> [Finding] {
        var result: [Finding] = []
        for chain in rules.chains
        where chain.base?.hook == .postrouting && chain.base?.type == .nat && rules.backend != .native {
            for rule in rules.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)]
            where ManualSNAT.hides(rule, rules, context) {
                let text = rules.string(rule.text)
                let cause = Cause(
                    .line, source: ClewSource.line(rules, rule), place: "nat \(rules.string(chain.name))", text: text)
                result.append(
                    Finding(
                        Self.metadata, on: .node(node.name), .likely,
                        message: "gives packets between pods the node's address by a rule of nobody's plugin",
                        evidence: [.line(node: node.name, cause.source, text: text)],
                        fixes: [ForeignRuleShadowsService.removal(of: cause, on: node.name)].compactMap(\.self)))
            }
        }
        return result
    }
}
