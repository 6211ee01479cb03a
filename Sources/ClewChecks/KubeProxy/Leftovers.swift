import ClewBundle
import ClewCompare
package import ClewDiagnostics
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewSnapshot

/// Both of iptables' backends hold kube-proxy's rules.
package struct TwoRuleSets: Check {
    package static let metadata = CheckMetadata(
        code: "KPX013", name: "two-rule-sets-legacy-and-nft", group: .kubeProxy, severity: .error,
        finds: "Rules of kube-proxy that lead to endpoints stand in iptables-legacy and in iptables-nft.",
        matters: "The kernel runs both: the stale ones may send connections to pods that are gone, or drop them.",
        confirm: ["iptables-legacy-save -t nat | grep -c KUBE-SEP", "iptables-nft-save -t nat | grep -c KUBE-SEP"],
        fix: "Let all programs of the node use one backend, and clear kube-proxy's chains in the other, or reboot.",
        sources: ["https://wiki.nftables.org/wiki-nftables/index.php/Legacy_xtables_tools"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let pair = RuleSetPair(node), !pair.isHarmless else { return nil }
            let faults = context.proxyFaults(.twoRuleSets).filter { $0.node == node.name }
            let name = pair.stale.backend == .legacy ? "iptables-legacy" : "iptables-nft"
            return Finding(
                Self.metadata, on: .node(node.name), faults.isEmpty ? .likely : faults[0].confidence,
                severity: faults.isEmpty ? .warning : .error,
                message: "has rules of kube-proxy in both iptables-legacy and iptables-nft",
                cause: "those of \(name) are left over: kube-proxy keeps the others up to date",
                evidence: [pair.live, pair.stale].map {
                    .computed("rules of kube-proxy", SourceLine($0.artifact, line: 0))
                },
                fixes: [
                    Fix(
                        "clear kube-proxy's rules of \(name) on \(node.name)",
                        edits: [.removeProxyRules(node: node.name, pair.stale.backend)],
                        commands: [
                            FixCommand(
                                .node(node.name),
                                "\(name)-save | grep -vE 'KUBE-(SVC|SEP|EXT|SVL|XLB|FW|SERVICES|EXTERNAL-SERVICES|NODEPORTS"
                                    + "|POSTROUTING|MARK-MASQ|FORWARD|PROXY-FIREWALL)' | \(name)-restore",
                                persist: "set one backend for all: update-alternatives --set iptables …",
                                undo: "restore the dump that the bundle holds with \(name)-restore")
                        ])
                ], explains: faults.flatMap(\.explains))
        }
    }
}

/// Rules of a mode that kube-proxy had before.
package struct ModeSwitchLeftovers: Check {
    package static let metadata = CheckMetadata(
        code: "KPX014", name: "mode-switch-leftovers", group: .kubeProxy, severity: .warning,
        finds: "A node holds Service rules of a mode that its kube-proxy is not in.",
        matters: "They follow no change, and send connections to pods that are gone.",
        confirm: ["curl -s localhost:10249/proxyMode", "ipvsadm -ln", "iptables-save -t nat | grep -c KUBE-SEP"],
        fix: "Cordon the node, run kube-proxy --cleanup with the same image, or reboot it; then restart kube-proxy.",
        sources: ["kubernetes cmd/kube-proxy, --cleanup"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            // Without its own word, the rules say which mode it is in: then nothing is left over.
            guard let mode = node.proxyMode.flatMap(ProxyMode.init(rawValue:)) else { return nil }
            let evidence = Self.leftovers(on: node, mode)
            guard !evidence.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "runs kube-proxy in \(mode.rawValue) mode, and still has rules of another", evidence: evidence,
                fixes: [
                    Fix(
                        "clean up while kube-proxy does not run",
                        commands: [
                            FixCommand(
                                .workstation, "kubectl cordon \(node.name)", undo: "kubectl uncordon \(node.name)"),
                            FixCommand(.node(node.name), "kube-proxy --cleanup"),
                            Remedies.restartKubeProxy(on: node.name),
                        ])
                ])
        }
    }

    private static func leftovers(on node: NodeSnapshot, _ mode: ProxyMode) -> [Evidence] {
        var evidence: [Evidence] = []
        if mode != .iptables {
            for rules in node.host.ruleSets where rules.backend != .native {
                guard
                    let chain = rules.chains.first(where: {
                        rules.string($0.name).hasPrefix("KUBE-SEP-") && $0.ruleCount > 0
                    })
                else { continue }
                evidence.append(
                    .line(
                        node: node.name, SourceLine(rules.artifact, line: chain.line),
                        text: "chain \(rules.string(chain.name))"))
            }
        }
        if mode != .ipvs {
            if let server = node.host.virtualServers?.first {
                let address = server.address.map { SocketAddress($0, server.port).description } ?? "a mark"
                evidence.append(.line(node: node.name, server.source, text: "virtual server \(address)"))
            }
            if let link = node.host.link(named: IPVSProgram.device), let address = link.addresses.first {
                evidence.append(.line(node: node.name, address.source, text: "\(address.address) on \(link.name)"))
            }
        }
        if mode != .nftables {
            for rules in node.host.ruleSets where rules.backend == .native {
                guard let table = rules.tables.first(where: { $0.name == "kube-proxy" }) else { continue }
                evidence.append(
                    .line(node: node.name, SourceLine(rules.artifact, line: table.line), text: "table kube-proxy"))
            }
        }
        return evidence
    }
}

/// kube-proxy passes every connection through a process of its own.
package struct UserspaceProxy: Check {
    package static let metadata = CheckMetadata(
        code: "KPX025", name: "userspace-proxy", group: .kubeProxy, severity: .warning,
        finds: "kube-proxy runs in userspace mode, which was removed in 1.26.",
        matters: "Services are slow, clients' addresses are lost, and an upgrade ends it.",
        confirm: ["iptables-save -t nat | grep KUBE-PORTALS"],
        fix: "Set kube-proxy's mode to iptables, ipvs or nftables.",
        sources: ["kubernetes 1.25 pkg/proxy/userspace"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            var evidence: [Evidence] = []
            for rules in node.host.ruleSets {
                for chain in rules.chains where rules.string(chain.name).hasPrefix("KUBE-PORTALS-") {
                    evidence.append(
                        .line(
                            node: node.name, SourceLine(rules.artifact, line: chain.line),
                            text: "chain \(rules.string(chain.name))"))
                }
            }
            guard !evidence.isEmpty || node.proxyMode == "userspace" else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), node.proxyMode == "userspace" ? .proven : .likely,
                message: "runs kube-proxy in userspace mode",
                evidence: Array(evidence.prefix(2)))
        }
    }
}
