import ClewNet

/// A Linux bridge with the node's pods on it, as CNI's bridge plugin makes it for flannel.
struct PodBridge {
    /// `cni0`, `docker0`.
    var name: String
    var podMTU: Int

    /// Makes the bridge and plugs the node's pods in.
    func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        let mtu = lab.plan.podMTU ?? podMTU
        var lines = ["link add \(name) type bridge"]
        // A fixed address: else the bridge takes the lowest of its ports'.
        lines.append("link set \(name) address 0a:58:0a:f4:0\(node.plan.number):01 mtu \(mtu) up")
        for family in lab.plan.families {
            let gateway = Addressing.pod(1, onNode: node.plan.number, family)
            let length = Addressing.network(of: gateway).length
            let broadcast = family == .ipv4 ? " brd +" : " nodad"
            lines.append("addr add \(gateway)/\(length)\(broadcast) dev \(name)")
        }
        for pod in lab.pods(on: node) {
            let device = pod.deviceOnNode(prefix: "veth")
            lines.append(
                "link add \(device) mtu \(mtu) type veth peer name eth0 netns \(pod.namespace.path) mtu \(mtu)")
            lines.append("link set \(device) master \(name) up")
            if lab.plan.hairpin { lines.append("link set \(device) type bridge_slave hairpin on") }
        }
        try node.namespace.ip(lines)
        for pod in lab.pods(on: node) { try connect(pod, node, lab) }
    }

    private func connect(_ pod: LabPod, _ node: LabNode, _ lab: Lab) throws(SystemError) {
        var lines: [String] = []
        for address in pod.plan.addresses {
            let network = Addressing.network(of: address)
            let gateway = Addressing.pod(1, onNode: node.plan.number, address.family)
            lines.append(
                "addr add \(address)/\(network.length)\(address.family == .ipv4 ? " brd +" : " nodad") dev eth0")
            lines.append("link set eth0 up")
            lines.append("route add default via \(gateway)")
            // As flannel's plugin does: the whole cluster by way of the bridge.
            lines.append("route add \(Addressing.cluster(address.family)) via \(gateway)")
        }
        try pod.namespace.ip(lines)
    }
}
