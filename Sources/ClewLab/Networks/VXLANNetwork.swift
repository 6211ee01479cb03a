package import ClewNet

/// flannel's `vxlan` backend: `flannel.1`, VNI 1, UDP port 8472, permanent entries instead of learning.
package struct VXLANNetwork: LabNetwork {
    package let families: [AddressFamily]
    package init(families: [AddressFamily]) { self.families = families }

    package var name: String { isDualStack ? "bridge-vxlan-dual" : "bridge-vxlan" }
    package var summary: String {
        "cni0 on each node, pods of other nodes through flannel.1 (VXLAN)" + (isDualStack ? ", IPv4 and IPv6" : "")
    }
    package var podMTU: Int { isDualStack ? 1430 : 1450 }
    package let isBridged = true
    package let overlay: String? = "flannel.1"
    package let podsAreRoutable = false

    /// flannel calls the device for IPv6 `flannel-v6.1`.
    static func device(_ family: AddressFamily) -> String { family == .ipv4 ? "flannel.1" : "flannel-v6.1" }

    /// The address of a node's VXLAN device, which other nodes know from the API.
    static func mac(_ node: NodePlan, _ family: AddressFamily) -> String {
        "\(family == .ipv4 ? "ee:00:00:00:00" : "ee:06:00:00:00"):0\(node.number)"
    }

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        try PodBridge(name: "cni0", podMTU: podMTU).wire(node, in: lab)
        for family in families { try wire(node, family, lab) }
    }

    private func wire(_ node: LabNode, _ family: AddressFamily, _ lab: Lab) throws(SystemError) {
        guard let own = node.plan.address(family), let prefix = node.plan.podPrefix(family) else { return }
        let device = Self.device(family)
        let mtu = family == .ipv4 ? 1450 : 1430
        var lines = [
            "link add \(device) address \(Self.mac(node.plan, family)) mtu \(mtu) type vxlan id 1 local \(own) dev eth0 "
                + "dstport 8472 nolearning",
            "addr add \(IPPrefix(host: prefix.address)) dev \(device)\(family == .ipv4 ? "" : " nodad")",
            "link set \(device) up",
        ]
        var entries: [String] = []
        for other in lab.plan.nodes where other != node.plan {
            guard let far = other.podPrefix(family), let end = other.address(family) else { continue }
            let mac = Self.mac(other, family)
            lines.append("route add \(far.network) via \(far.address) dev \(device) onlink")
            lines.append("neigh add \(far.address) lladdr \(mac) dev \(device) nud permanent")
            entries.append("fdb append \(mac) dev \(device) dst \(end) self permanent")
        }
        try node.namespace.ip(lines)
        try node.namespace.run("bridge", "-batch", "-", input: entries.joined(separator: "\n") + "\n")
    }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        FlannelRules.text(for: node, family)
    }
}
