package import ClewNet

/// flannel's `udp` backend on docker's bridge: a TUN device whose packets a daemon carries in UDP datagrams.
package struct UDPTunnelNetwork: LabNetwork {
    package init() {}

    package let name = "bridge-udp"
    package let summary = "docker0 on each node, pods of other nodes through flannel0 (TUN, UDP port 8285)"
    package let families: [AddressFamily] = [.ipv4]
    package let podMTU = 1472
    package let isBridged = true
    package let overlay: String? = "flannel0"
    package let podsAreRoutable = false

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        try PodBridge(name: "docker0", podMTU: podMTU).wire(node, in: lab)
        guard let own = node.plan.podPrefix(.ipv4), let address = node.plan.address(.ipv4) else { return }
        var table: [TunnelForwarder.Route] = []
        for other in lab.plan.nodes where other != node.plan {
            guard let prefix = other.podPrefix(.ipv4), let end = other.address(.ipv4) else { continue }
            table.append(TunnelForwarder.Route(prefix: prefix, end: end))
        }
        let forwarder = try TunnelForwarder(
            device: "flannel0", own: address, port: 8285, routes: table, in: node.namespace)
        lab.keep(forwarder)
        // flanneld gives the device the whole network, so that the kernel itself adds the route (`udp_amd64.go`).
        try node.namespace.ip([
            "addr add \(own.address)/16 dev flannel0", "link set flannel0 mtu 1472 up",
        ])
    }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        DockerRules.text(for: node) + FlannelRules.text(for: node, family)
    }
}

/// docker's rules for its default bridge (`libnetwork/drivers/bridge/setup_ip_tables_linux.go`), `--ip-masq=false`.
enum DockerRules {
    static func text(for node: NodePlan) -> [String] {
        [
            "*filter", ":DOCKER - [0:0]", ":DOCKER-ISOLATION-STAGE-1 - [0:0]", ":DOCKER-ISOLATION-STAGE-2 - [0:0]",
            ":DOCKER-USER - [0:0]", "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
            "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A FORWARD -o docker0 -j DOCKER", "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
            "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
            "-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2",
            "-A DOCKER-ISOLATION-STAGE-1 -j RETURN", "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP",
            "-A DOCKER-ISOLATION-STAGE-2 -j RETURN", "-A DOCKER-USER -j RETURN", "COMMIT", "*nat", ":DOCKER - [0:0]",
            "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
            "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER", "-A DOCKER -i docker0 -j RETURN",
            "COMMIT",
        ]
    }
}
