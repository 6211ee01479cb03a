import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// A node has no route to a pod, to a Service's address, or back to the client.
package struct RouteMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE001", name: "route-to-podcidr-missing", group: .routing, severity: .error,
        finds: "A node has no route to where a connection or its answer has to go.",
        matters: "Connections fail at once with \"no route to host\" or \"network is unreachable\", or time out.",
        confirm: ["ip route get ADDRESS"],
        fix: "Have the network plugin write the route again: its agent on the node is not running or is refused.",
        sources: ["linux net/ipv4/route.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lost { $0.decision?.cause == .noRoute }.map { group in
            Finding(
                Self.metadata, on: group.place, .proven, message: group.reason,
                evidence: [
                    .absent(
                        place: "the routes of \(group.node ?? "the node")", what: "one to it", group.decision?.source)
                ], explains: [group.id])
        }
    }
}

/// A route of a node swallows or refuses what should go to a pod elsewhere.
package struct BlackholeRoute: Check {
    package static let metadata = CheckMetadata(
        code: "RTE029", name: "blackhole-on-wrong-node", group: .routing, severity: .error,
        finds:
            "A blackhole, unreachable or prohibit route, or such a policy rule, covers the address of a running pod.",
        matters: "Nothing from that node reaches the pod; no counter of a firewall moves.",
        confirm: ["ip route show type blackhole", "ip route get ADDRESS"],
        fix: "Release the address block that the node holds wrongly, or delete the route.",
        sources: ["ip-route(8)"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.lost { $0.decision?.cause == .refusingRoute }.map { group in
            var fixes: [Fix] = []
            if let node = group.node,
                let route = context.snapshot.node(named: node)?.host.routes?.first(where: {
                    $0.source == group.decision?.source && $0.text == group.decision?.text
                })
            {
                fixes.append(
                    Fix(
                        "delete the route on \(node)", edits: [.deleteRoute(.host(node: node), route)],
                        commands: [
                            FixCommand(.node(node), "ip route del \(route.text)", undo: "ip route add \(route.text)")
                        ]))
            }
            return Finding(
                Self.metadata, on: group.place, .proven, message: group.reason, evidence: [group.evidence],
                fixes: fixes, explains: [group.id])
        }
    }
}

/// A tunnel device does not know where the other node is.
package struct TunnelEntryMissing: Check {
    package static let metadata = CheckMetadata(
        code: "RTE017", name: "vtep-fdb-or-arp-missing", group: .routing, severity: .error,
        finds: "A tunnel device lacks the neighbour or forwarding entry of another node.",
        matters: "Pods of the two nodes do not reach each other.",
        confirm: ["ip neigh show dev DEVICE", "bridge fdb show dev DEVICE"],
        fix: "Restart the network plugin's agent on the node, which writes both.",
        sources: ["linux drivers/net/vxlan", "https://github.com/flannel-io/flannel, backend/vxlan"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost {
            [LossCause.noNeighbor, .noForwardingEntry, .noTunnelDevice].contains($0.decision?.cause)
        }
        return lost.map { group in
            Finding(
                Self.metadata, on: group.place, .proven, message: group.reason, evidence: [group.evidence],
                fixes: [
                    Fix(
                        "have the agent write its entries again",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n kube-flannel delete pod -l app=flannel "
                                    + "--field-selector spec.nodeName=\(group.node ?? "NODE")")
                        ])
                ], explains: [group.id])
        }
    }
}
