package import ClewNet

/// Calico's shape: a route a pod, no bridge, and the nodes' prefixes told by BGP.
///
/// Between nodes pods' packets go as they are, or with IP in IP by way of `tunl0` (`ipipMode: Always`).
package struct RoutedNetwork: LabNetwork {
    private let isTunnelled: Bool

    package init(isTunnelled: Bool = false) { self.isTunnelled = isTunnelled }

    package var name: String { isTunnelled ? "ipip" : "routed" }
    package var summary: String {
        "a /32 route to each pod's cali* device, other nodes' pods "
            + (isTunnelled ? "through tunl0 (IP in IP)" : "by BGP routes")
    }
    package let families: [AddressFamily] = [.ipv4]
    package var podMTU: Int { isTunnelled ? 1480 : 1500 }
    package let isBridged = false
    package var overlay: String? { isTunnelled ? "tunl0" : nil }
    package var podsAreRoutable: Bool { !isTunnelled }
    package var backend: RuleBackend? { isTunnelled ? .legacy : nil }

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
        if let own = node.plan.podPrefix(.ipv4) {
            lines.append("route add blackhole \(own) proto bird")
            // The device is there as soon as the module is.
            if isTunnelled {
                lines += ["link set tunl0 mtu 1480 up", "addr add \(IPPrefix(host: own.address)) dev tunl0"]
            }
        }
        for other in lab.plan.nodes where other != node.plan {
            guard let far = other.podPrefix(.ipv4), let gateway = other.address(.ipv4) else { continue }
            lines.append(
                "route add \(far) via \(gateway) "
                    + (isTunnelled ? "dev tunl0 onlink proto bird" : "dev eth0 proto bird"))
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

    package func sets(for node: NodePlan, _ plan: ClusterPlan) -> [String] {
        CalicoRules.sets + (isTunnelled ? CalicoRules.hosts(plan.nodes) : [])
    }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        CalicoRules.text(for: plan.pods(on: node.name), isTunnelled: isTunnelled)
    }
}
