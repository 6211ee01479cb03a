import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// A NodePort does not answer at 127.0.0.1.
package struct LocalhostNodePort: Check {
    package static let metadata = CheckMetadata(
        code: "KPX019", name: "localhost-nodeport", group: .kubeProxy, severity: .warning,
        finds: "kube-proxy serves NodePorts at 127.0.0.1 too, and the kernel does not route what comes from there.",
        matters: "NodePorts time out at 127.0.0.1; at the node's other addresses they answer.",
        confirm: ["sysctl net.ipv4.conf.all.route_localnet"],
        fix: "Use the node's address; or set route_localnet to 1, which opens 127.0.0.1 to neighbours on the link.",
        sources: ["linux net/ipv4/route.c, ip_route_input_slow()", "kubernetes issue 90259"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let hasNodePorts = context.snapshot.objects.services.contains { $0.ports.contains { $0.nodePort != nil } }
        guard hasNodePorts else { return [] }
        return context.snapshot.nodes.compactMap { node in
            let key = "net.ipv4.conf.all.route_localnet"
            guard let proxy = context.proxies[node.name]?.parameters, proxy.mode == .iptables,
                proxy.localhostNodePorts, proxy.nodePortAddresses.isEmpty, context.hasProxyRules(node),
                let sysctl = node.host.sysctls[key], sysctl.value == "0",
                !Self.isSetForLoopback(node)
            else { return nil }
            let lost = context.lost { $0.decision?.cause == .routeLocalnet && $0.node == node.name }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "does not serve NodePorts at 127.0.0.1",
                evidence: [.line(node: node.name, sysctl.source, text: "\(key) = 0")],
                fixes: [
                    Fix(
                        "route 127.0.0.0/8 on \(node.name), knowing that kube-proxy's KUBE-FIREWALL has to guard it",
                        edits: [.setSysctl(.host(node: node.name), key: key, value: "1")],
                        commands: [Remedies.sysctl(key, "1", on: node.name, was: "0")])
                ], explains: lost.map(\.id))
        }
    }

    private static func isSetForLoopback(_ node: NodeSnapshot) -> Bool {
        node.host.sysctls.contains { $0.key.hasSuffix(".route_localnet") && $0.value.value == "1" }
    }
}

/// Source ports of masqueraded connections are given out in order.
package struct MasqueradeNotRandom: Check {
    package static let metadata = CheckMetadata(
        code: "KPX020", name: "masquerade-not-random", group: .kubeProxy, severity: .notice,
        finds: "kube-proxy's MASQUERADE rule lacks --random-fully.",
        matters: "Two connections at once may want the same port; one of them is lost, and repeated after a second.",
        confirm: ["iptables -t nat -S KUBE-POSTROUTING", "conntrack -S | grep -o 'insert_failed=[0-9]*'"],
        fix: "Use iptables 1.6.2 or later and kube-proxy 1.16 or later.",
        sources: ["linux net/netfilter/nf_nat_core.c", "kubernetes pkg/proxy/iptables/proxier.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            // Where nothing was lost by it, it does not matter.
            guard let (rules, rule) = Self.plainMasquerade(node),
                let failed = node.records.conntrackCounters.last, let count = failed.values["insert_failed"], count > 0
            else { return nil }
            let growth = ConntrackCounters.growth(of: "insert_failed", on: node) ?? 0
            return Finding(
                Self.metadata, on: .node(node.name), growth > 0 ? .likely : .possible,
                severity: growth > 0 ? .warning : .notice, message: "masquerades without choosing ports at random",
                evidence: [
                    .line(node: node.name, ClewSource.line(rules, rule), text: rules.string(rule.text)),
                    .computed(
                        growth > 0 ? "insert_failed grew by \(growth)" : "insert_failed is \(count)", failed.source),
                ])
        }
    }

    private static func plainMasquerade(_ node: NodeSnapshot) -> (RuleSet, Rule)? {
        for rules in node.host.ruleSets where rules.backend != .native {
            for chain in rules.chains where rules.string(chain.name) == "KUBE-POSTROUTING" {
                let last = rules.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)].last
                if let last, case .masquerade = last.target { return (rules, last) }
            }
        }
        return nil
    }
}

/// Another program's rules set the bit by which kube-proxy marks what to masquerade.
package struct MarkBitConflict: Check {
    package static let metadata = CheckMetadata(
        code: "KPX021", name: "mark-bit-conflict", group: .kubeProxy, severity: .warning,
        finds: "A rule that is not kube-proxy's sets the mark by which kube-proxy asks for masquerade.",
        matters: "Connections that have nothing to do with Services lose their source address, or are let through.",
        confirm: ["iptables-save | grep -E 'MARK|CONNMARK'"],
        fix: "Give the other program another mark, or kube-proxy another masqueradeBit.",
        sources: ["https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard context.hasProxyRules(node), let mark = context.proxies[node.name]?.parameters.masqueradeMark.rawValue
            else { return nil }
            let found = node.host.ruleSets.flatMap { rules in
                Self.marking(rules, mark).map { Evidence.line(node: node.name, $0.0, text: $0.1) }
            }
            guard !found.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "sets kube-proxy's mark 0x\(String(mark, radix: 16)) by a rule of another program",
                evidence: Array(found.prefix(3)))
        }
    }

    private static func marking(_ rules: RuleSet, _ mark: UInt32) -> [(SourceLine, String)] {
        rules.chains.flatMap { chain -> [(SourceLine, String)] in
            guard !rules.string(chain.name).hasPrefix("KUBE-"),
                rules.tables[Int(chain.table.rawValue)].name != "kube-proxy"
            else { return [] }
            return rules.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)].compactMap { rule in
                guard case .mark(let value, let mask) = rule.target, value & mask & mark != 0 else { return nil }
                return (ClewSource.line(rules, rule), rules.string(rule.text))
            }
        }
    }
}
