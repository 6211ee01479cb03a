import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// IPv6 is off on a node of a cluster that uses it.
package struct IPv6Off: Check {
    package static let metadata = CheckMetadata(
        code: "SYS010", name: "ipv6-disabled-or-not-forwarding", group: .kernel, severity: .error,
        finds: "The cluster has IPv6 addresses of pods or Services, and a node has IPv6 off, or does not forward it.",
        matters: "IPv6 connections by this node fail; those that try IPv6 first are slow.",
        confirm: ["sysctl net.ipv6.conf.all.disable_ipv6 net.ipv6.conf.all.forwarding"],
        fix: "Set disable_ipv6 to 0 and net.ipv6.conf.all.forwarding to 1, and keep them so over a reboot.",
        sources: [
            "linux Documentation/networking/ip-sysctl.rst, disable_ipv6",
            "https://kubernetes.io/docs/concepts/services-networking/dual-stack",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let usesIPv6 =
            context.snapshot.objects.nodes.contains { $0.podCIDRs.contains { $0.family == .ipv6 } }
            || context.survey.connections.contains { $0.flow.family == .ipv6 }
        guard usesIPv6 else { return [] }
        return context.clusterNodes.compactMap { node in
            let keys = ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6"]
            if let key = keys.first(where: { node.host.sysctls[$0]?.value == "1" }), key == keys[0] {
                return finding(node, key, "0", context) { $0.family == .ipv6 }
            }
            let forwarding = "net.ipv6.conf.all.forwarding"
            // Where neither family is forwarded, SYS001 says so of both.
            guard node.host.sysctls[forwarding]?.value == "0", node.host.sysctls["net.ipv4.ip_forward"]?.value != "0"
            else {
                return nil
            }
            return finding(node, forwarding, "1", context) { $0.family == .ipv6 }
        }
    }

    private func finding(
        _ node: NodeSnapshot, _ key: String, _ value: String, _ context: CheckContext, isMeant: (Flow) -> Bool
    ) -> Finding {
        let explained = context.lost { group in
            guard group.node == node.name, let first = group.connections.first,
                isMeant(context.survey.connections[first].flow)
            else { return false }
            switch group.decision?.cause {
            case .noRoute, .forwardingOff, .noAnswer: return true
            default: return false
            }
        }
        let setting = node.host.sysctls[key]
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: key.hasSuffix("forwarding") ? "does not forward IPv6" : "has IPv6 off",
            cause: "\(key) is \(setting?.value ?? "")",
            evidence: setting.map { [.line(node: node.name, $0.source, text: "\(key) = \($0.value)")] } ?? [],
            fixes: [
                Fix(
                    "turn IPv6 on", edits: [.setSysctl(.host(node: node.name), key: key, value: value)],
                    commands: [Remedies.sysctl(key, value, on: node.name, was: setting?.value)])
            ], explains: explained.map(\.id))
    }
}

/// Sockets were tuned where conntrack is full.
package struct TCPTuningMisconception: Check {
    package static let metadata = CheckMetadata(
        code: "SYS018", name: "tcp-tuning-misconception", group: .kernel, severity: .notice,
        finds: "tcp_fin_timeout or tcp_tw_reuse were changed, while conntrack's table is full of TIME_WAIT.",
        matters: "These settings are about the node's own sockets: conntrack keeps its entries as long as before.",
        confirm: [
            "conntrack -L -p tcp --state TIME_WAIT | wc -l", "sysctl net.netfilter.nf_conntrack_tcp_timeout_time_wait",
        ],
        fix: "Set net.netfilter.nf_conntrack_tcp_timeout_time_wait, or a larger nf_conntrack_max.",
        sources: [
            "linux net/netfilter/nf_conntrack_proto_tcp.c", "linux Documentation/networking/nf_conntrack-sysctl.rst",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let state = node.host.sysctls
            guard let changed = Self.tuned(state), let entries = node.host.conntrack,
                let limit = state["net.netfilter.nf_conntrack_max"].flatMap({ Int($0.value) }), limit > 0
            else { return nil }
            let waiting = entries.count { $0.state == "TIME_WAIT" }
            guard waiting * 2 > entries.count, entries.count * 10 >= limit * 8 else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "has \(changed.key) tuned, which does not shorten conntrack's TIME_WAIT",
                evidence: [
                    .line(node: node.name, changed.setting.source, text: "\(changed.key) = \(changed.setting.value)"),
                    .computed(
                        "\(waiting) of \(entries.count) conntrack entries are TIME_WAIT, \(limit) fit",
                        entries.first?.source),
                ],
                fixes: [
                    Fix(
                        "shorten TIME_WAIT in conntrack",
                        commands: [
                            Remedies.sysctl(
                                "net.netfilter.nf_conntrack_tcp_timeout_time_wait", "30", on: node.name,
                                was: state["net.netfilter.nf_conntrack_tcp_timeout_time_wait"]?.value)
                        ])
                ])
        }
    }
}

extension TCPTuningMisconception {
    /// The first of the settings that is not as the kernel has it.
    private static func tuned(_ state: [String: Sysctl]) -> (key: String, setting: Sysctl)? {
        for (key, usual) in [("net.ipv4.tcp_fin_timeout", "60"), ("net.ipv4.tcp_tw_reuse", "2")] {
            if let setting = state[key], setting.value != usual, setting.value != "0" { return (key, setting) }
        }
        return nil
    }
}

/// The module for containers' root file systems is not there.
package struct OverlayModuleMissing: Check {
    package static let metadata = CheckMetadata(
        code: "SYS019", name: "overlay-module-missing", group: .kernel, severity: .warning,
        finds: "The kernel has no overlay file system: neither loaded nor built in.",
        matters: "containerd starts no containers by its usual snapshotter, so no network plugin starts either.",
        confirm: ["lsmod | grep overlay", "grep overlay /proc/filesystems"],
        fix: "Load overlay now and at boot.",
        sources: ["https://kubernetes.io/docs/setup/production-environment/container-runtimes"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let modules = node.text("proc-modules"), let known = node.text("sys-module"),
                modules.lines(holding: ["overlay "]).isEmpty, !known.lines.contains(where: { $0.text == "overlay" }),
                node.text("modules-builtin")?.lines(holding: ["/overlay.ko"]).isEmpty ?? true
            else { return nil }
            let logged = node.logLines(holding: ["overlayfs is not supported", "overlay\": no such device"])
            return Finding(
                Self.metadata, on: .node(node.name), logged.isEmpty ? .possible : .proven,
                severity: logged.isEmpty ? .notice : .warning, message: "has no overlay file system",
                cause: logged.isEmpty ? "another snapshotter does without" : nil,
                evidence: [
                    .absent(
                        place: "the modules of \(node.name)", what: "overlay", SourceLine(modules.artifact, line: 0))
                ]
                    + logged.prefix(2).map { .line(node: node.name, $0.source, text: $0.text) },
                fixes: [
                    Fix(
                        "load it",
                        commands: [
                            FixCommand(
                                .node(node.name), "modprobe overlay",
                                persist: "echo overlay >> /etc/modules-load.d/k8s.conf", undo: "modprobe -r overlay")
                        ])
                ])
        }
    }
}
