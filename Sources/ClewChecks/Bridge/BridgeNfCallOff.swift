import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// Bridged answers pass conntrack by, though the module that would show them to it is there.
package struct BridgeNfCallOff: Check {
    package static let metadata = CheckMetadata(
        code: "BR001", name: "bridge-nf-call-iptables-off", group: .bridge, severity: .error,
        finds: "Frames between pods of one node are bridged past iptables, and answers of Services with them.",
        matters: "A pod reaches a Service on every other node, but not where the endpoint is beside it: it times out.",
        confirm: ["sysctl net.bridge.bridge-nf-call-iptables", "conntrack -L -d CLUSTER-IP"],
        fix: "Set net.bridge.bridge-nf-call-iptables to 1, and keep it so over a reboot.",
        sources: ["linux net/bridge/br_netfilter_hooks.c", "https://kubernetes.io/docs/setup/production-environment"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BridgedPast.findings(Self.metadata, in: context, isModuleLoaded: true, isIPv6: false)
    }
}

/// The module `br_netfilter` is not loaded.
package struct BrNetfilterNotLoaded: Check {
    package static let metadata = CheckMetadata(
        code: "BR002", name: "br-netfilter-not-loaded", group: .bridge, severity: .error,
        finds: "The node has no br_netfilter, and answers of Services are bridged past conntrack.",
        matters: "A pod reaches a Service on every other node, but not where the endpoint is beside it: it times out.",
        confirm: ["lsmod | grep br_netfilter", "sysctl net.bridge.bridge-nf-call-iptables"],
        fix: "Load br_netfilter, also at boot, and set net.bridge.bridge-nf-call-iptables to 1.",
        sources: ["linux net/bridge/br_netfilter_hooks.c", "https://kubernetes.io/docs/setup/production-environment"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BridgedPast.findings(Self.metadata, in: context, isModuleLoaded: false, isIPv6: nil)
    }
}

/// The same as ``BridgeNfCallOff`` for IPv6, which has a key of its own.
package struct BridgeNfCall6Off: Check {
    package static let metadata = CheckMetadata(
        code: "BR003", name: "bridge-nf-call-ip6tables-off", group: .bridge, severity: .error,
        finds: "IPv6 frames between pods of one node are bridged past ip6tables, and answers of Services with them.",
        matters: "IPv6 connections to a Service time out where the endpoint is on the client's node.",
        confirm: ["sysctl net.bridge.bridge-nf-call-ip6tables"],
        fix: "Set net.bridge.bridge-nf-call-ip6tables to 1, and keep it so over a reboot.",
        sources: ["linux net/bridge/br_netfilter_hooks.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        BridgedPast.findings(Self.metadata, in: context, isModuleLoaded: true, isIPv6: true)
    }
}

/// What the three have in common.
private enum BridgedPast {
    static func findings(
        _ metadata: CheckMetadata, in context: CheckContext, isModuleLoaded: Bool, isIPv6: Bool?
    ) -> [Finding] {
        let lost = context.lost { group in
            guard case .skipsConntrack(isModuleLoaded) = group.decision?.cause else { return false }
            let isOther = group.decision?.text.contains("ip6tables") ?? false
            return isIPv6 == nil || isIPv6 == isOther
        }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            let keys = Set(groups.map { key(of: $0) }).sorted()
            return Finding(
                metadata, on: .node(node), .proven,
                message: isModuleLoaded
                    ? "bridges answers of Services past conntrack" : "has no br_netfilter: answers pass conntrack by",
                cause: "the answer reaches the client with the pod's address, which it never wrote to",
                evidence: groups.map(\.evidence), fixes: [fix(keys, node, context, isModuleLoaded: isModuleLoaded)],
                explains: groups.map(\.id))
        }
    }

    private static func key(of group: LostConnections) -> String {
        group.decision?.text.split(separator: " ").first.map(String.init) ?? "net.bridge.bridge-nf-call-iptables"
    }

    private static func fix(_ keys: [String], _ node: String, _ context: CheckContext, isModuleLoaded: Bool) -> Fix {
        let state = context.snapshot.node(named: node)?.host.sysctls ?? [:]
        var commands: [FixCommand] = []
        if !isModuleLoaded {
            commands.append(
                FixCommand(
                    .node(node), "modprobe br_netfilter",
                    persist: "echo br_netfilter > /etc/modules-load.d/k8s.conf", undo: "modprobe -r br_netfilter"))
        }
        commands += keys.map { Remedies.sysctl($0, "1", on: node, was: state[$0]?.value) }
        return Fix(
            "show bridged traffic to iptables on \(node)",
            edits: keys.map { .setSysctl(.host(node: node), key: $0, value: "1") }, commands: commands)
    }
}
