import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// A node does not forward.
package struct IPForwardOff: Check {
    package static let metadata = CheckMetadata(
        code: "SYS001", name: "ip-forward-off", group: .kernel, severity: .error,
        finds: "A node's kernel does not forward packets.",
        matters: "Its pods reach nothing beyond their own bridge, and nothing from other nodes reaches them.",
        confirm: ["sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding"],
        fix: "Set net.ipv4.ip_forward (IPv6: net.ipv6.conf.all.forwarding) to 1, and keep it so over a reboot.",
        sources: ["linux net/ipv4/route.c, ip_route_input_slow()", "linux Documentation/networking/ip-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        Forwarding.findings(Self.metadata, in: context, ofAll: true)
    }
}

/// A node forwards, but not what comes in by one device.
package struct InterfaceForwardingOff: Check {
    package static let metadata = CheckMetadata(
        code: "SYS003", name: "iface-forwarding-off", group: .kernel, severity: .error,
        finds: "One device's forwarding is off, though the node forwards.",
        matters: "What comes in by that device is not forwarded: often the pods' bridge or the card to other nodes.",
        confirm: ["sysctl net.ipv4.conf.DEVICE.forwarding"],
        fix: "Set net.ipv4.conf.DEVICE.forwarding to 1, and find what sets it to 0.",
        sources: ["linux Documentation/networking/ip-sysctl.rst, conf/interface/forwarding"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        Forwarding.findings(Self.metadata, in: context, ofAll: false)
    }
}

private enum Forwarding {
    static func findings(_ metadata: CheckMetadata, in context: CheckContext, ofAll: Bool) -> [Finding] {
        let lost = context.lost { $0.decision?.cause == .forwardingOff }
        var result: [Finding] = []
        for (node, groups) in Dictionary(grouping: lost, by: { $0.node ?? "" }).sorted(by: { $0.key < $1.key }) {
            let state = context.snapshot.node(named: node)?.host.sysctls ?? [:]
            var byKey: [String: [LostConnections]] = [:]
            for group in groups {
                let isIPv6 = group.decision?.text.contains("net.ipv6") ?? false
                let all = isIPv6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward"
                let own = group.decision?.text.split(separator: " ").first.map(String.init) ?? all
                // Where the node does not forward at all, its devices follow.
                let key = state[all]?.value == "0" || own == "net.ipv4.conf.all.forwarding" ? all : own
                // IPv6 alone is SYS010's.
                if key == all, isIPv6, state["net.ipv4.ip_forward"]?.value != "0" { continue }
                if (key == all) == ofAll { byKey[key, default: []].append(group) }
            }
            for (key, groups) in byKey.sorted(by: { $0.key < $1.key }) {
                result.append(
                    Finding(
                        metadata, on: .node(node), .proven,
                        message: ofAll ? "does not forward packets" : "does not forward: \(key) is 0",
                        cause: "\(key) is 0", evidence: groups.map(\.evidence),
                        fixes: [
                            Fix(
                                "let \(node) forward", edits: [.setSysctl(.host(node: node), key: key, value: "1")],
                                commands: [Remedies.sysctl(key, "1", on: node, was: "0")])
                        ], explains: groups.map(\.id)))
            }
        }
        return result
    }
}
