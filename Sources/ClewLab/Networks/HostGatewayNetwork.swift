package import ClewNet

/// flannel's `host-gw` backend: a bridge a node, and a route to each other node's pods by way of that node.
package struct HostGatewayNetwork: LabNetwork {
    package let families: [AddressFamily]
    package init(families: [AddressFamily]) { self.families = families }

    package var name: String { isDualStack ? "bridge-hostgw-dual" : "bridge-hostgw" }
    package var summary: String {
        "cni0 on each node, pods of other nodes by way of their node" + (isDualStack ? ", IPv4 and IPv6" : "")
    }
    package let podMTU = 1500
    package let isBridged = true
    package let overlay: String? = nil
    package let podsAreRoutable = false

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        try PodBridge(name: "cni0", podMTU: podMTU).wire(node, in: lab)
        var lines: [String] = []
        for other in lab.plan.nodes where other != node.plan {
            for prefix in other.podPrefixes {
                guard let gateway = other.address(prefix.family) else { continue }
                lines.append(
                    "route add \(prefix.network) via \(gateway) dev eth0")
            }
        }
        try node.namespace.ip(lines)
    }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        FlannelRules.text(for: node, family)
    }
}
