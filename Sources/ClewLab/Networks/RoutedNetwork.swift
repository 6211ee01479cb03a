package import ClewNet

/// Calico's shape without encapsulation: a route a pod, no bridge, and the nodes' prefixes told by BGP.
package struct RoutedNetwork: LabNetwork {
    package init() {}

    package let name = "routed"
    package let summary = "a /32 route to each pod's cali* device, other nodes' pods by BGP routes"
    package let families: [AddressFamily] = [.ipv4]
    package let podMTU = 1500
    package let isBridged = false
    package let overlay: String? = nil
    package let podsAreRoutable = true

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        let mtu = lab.plan.podMTU ?? podMTU
        var lines: [String] = []
        var keys: [(key: String, value: String)] = []
        for pod in lab.pods(on: node) {
            let device = pod.deviceOnNode(prefix: "cali")
            guard let address = pod.plan.address(.ipv4) else { continue }
            lines += [
                "link add \(device) mtu \(mtu) type veth peer name eth0 netns \(pod.namespace.path) mtu \(mtu)",
                "link set \(device) address ee:ee:ee:ee:ee:ee up", "route add \(address) dev \(device) scope link",
            ]
            // felix, `configureInterface` (`endpoint_mgr.go`).
            keys += [
                ("net/ipv4/conf/\(device)/rp_filter", "1"), ("net/ipv4/conf/\(device)/route_localnet", "1"),
                ("net/ipv4/conf/\(device)/proxy_arp", "1"), ("net/ipv4/neigh/\(device)/proxy_delay", "0"),
                ("net/ipv4/conf/\(device)/forwarding", "1"),
            ]
        }
        if let own = node.plan.podPrefix(.ipv4) { lines.append("route add blackhole \(own) proto bird") }
        for other in lab.plan.nodes where other != node.plan {
            guard let far = other.podPrefix(.ipv4), let gateway = other.address(.ipv4) else { continue }
            lines.append("route add \(far) via \(gateway) dev eth0 proto bird")
        }
        try node.namespace.ip(lines)
        try node.namespace.setSysctls(keys)
        for pod in lab.pods(on: node) { try connect(pod) }
    }

    private func connect(_ pod: LabPod) throws(SystemError) {
        guard let address = pod.plan.address(.ipv4) else { return }
        try pod.namespace.ip([
            "addr add \(address)/32 dev eth0", "link set eth0 up", "route add 169.254.1.1 dev eth0 scope link",
            "route add default via 169.254.1.1 dev eth0",
        ])
    }

    package func sets(for node: NodePlan, _ plan: ClusterPlan) -> [String] { CalicoRules.sets }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        CalicoRules.text(for: plan.pods(on: node.name))
    }
}
