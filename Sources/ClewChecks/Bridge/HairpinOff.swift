import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// A pod that a Service sends to itself is not reached, since its bridge port lets nothing back out.
package struct HairpinOff: Check {
    package static let metadata = CheckMetadata(
        code: "BR005", name: "hairpin-off", group: .bridge, severity: .warning,
        finds: "A bridge port with hairpin mode off leads to a pod that is an endpoint of a Service it uses.",
        matters:
            "The pod reaches its own Service only when another endpoint is chosen: one of N connections times out.",
        confirm: ["bridge -d link show dev PORT | grep hairpin"],
        fix: "Set hairpinMode in the CNI configuration; for pods that run, turn it on for their ports.",
        sources: ["linux net/bridge/br_forward.c, should_deliver()", "https://www.cni.dev/plugins/current/main/bridge"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost { $0.decision?.cause == .hairpinOff }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            let ports = Set(groups.compactMap { $0.decision?.text.split(separator: ":").first.map(String.init) })
                .sorted()
            let fix = Fix(
                "let frames back out of \(ports.joined(separator: ", ")) on \(node)",
                edits: ports.map { .setHairpin(node: node, port: $0, isOn: true) },
                commands: ports.map { port in
                    FixCommand(
                        .node(node), "bridge link set dev \(port) hairpin on",
                        persist: "set \"hairpinMode\": true in the bridge plugin's file in /etc/cni/net.d",
                        undo: "bridge link set dev \(port) hairpin off")
                })
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "does not let pods reach themselves by a Service",
                cause: "a bridge sends no frame back out of the port it came by, unless hairpin mode is on",
                evidence: groups.map(\.evidence), fixes: [fix], explains: groups.map(\.id))
        }
    }
}
