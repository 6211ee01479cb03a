import ClewNet

/// Makes what every network stands on: sysctls, loopbacks, the nodes' `eth0`, the switch, the router and the world.
struct GroundBuilder {
    let lab: Lab

    private var families: [AddressFamily] { lab.plan.families }
    private var hasIPv6: Bool { families.contains(.ipv6) }

    func build() throws(SystemError) {
        for (place, namespace) in lab.places {
            try namespace.setSysctls(sysctls(place))
            // Before Linux 6.10 it was one for all namespaces, and not theirs to set.
            for key in ["net/ipv4/icmp_msgs_per_sec", "net/ipv4/icmp_msgs_burst"]
            where try namespace.sysctl(key) != nil {
                try namespace.setSysctl(key, "100000")
            }
            try namespace.ip(["link set lo up"])
        }
        var router = [
            "link add br-lan type bridge", "link set br-lan up",
            "link add wan type veth peer name eth0 netns \(lab.outside.path)", "link set wan up",
        ]
        for node in lab.nodes {
            router.append("link add lan\(node.plan.number) type veth peer name eth0 netns \(node.namespace.path)")
            router.append("link set lan\(node.plan.number) master br-lan up")
        }
        for family in families {
            router.append(address(Addressing.router(family), "br-lan"))
            router.append(address(Addressing.outerRouter(family), "wan"))
        }
        try lab.router.ip(router)
        for node in lab.nodes {
            try node.namespace.ip(families.flatMap { hostLines(node, $0) })
        }
        try lab.router.ip(families.flatMap(routerRoutes))
        try lab.outside.ip(families.flatMap(outsideLines))
    }

    private func address(_ address: IPAddress, _ device: String) -> String {
        let length = Addressing.network(of: address).length
        return "addr add \(address)/\(length)\(address.family == .ipv4 ? " brd +" : " nodad") dev \(device)"
    }

    private func hostLines(_ node: LabNode, _ family: AddressFamily) -> [String] {
        guard let own = node.plan.address(family) else { return [] }
        return [
            address(own, "eth0"), "link set eth0 up",
            "route add default via \(Addressing.router(family)) dev eth0",
        ]
    }

    /// What a load balancer and an upstream router would know.
    private func routerRoutes(_ family: AddressFamily) -> [String] {
        var lines = [
            "route add \(Addressing.network(of: Addressing.loadBalancer(0, family))) via \(Addressing.node(1, family))",
            "route add \(Addressing.network(of: Addressing.external(0, family))) via \(Addressing.node(2, family))",
        ]
        guard lab.network.podsAreRoutable else { return lines }
        for node in lab.plan.nodes {
            guard let prefix = node.podPrefix(family), let gateway = node.address(family) else { continue }
            lines.append("route add \(prefix.network) via \(gateway) proto bird")
        }
        return lines
    }

    private func outsideLines(_ family: AddressFamily) -> [String] {
        Lab.outsideNumbers.map { address(Addressing.outside($0, family), "eth0") } + [
            "link set eth0 up", "route add default via \(Addressing.outerRouter(family)) dev eth0",
        ]
    }

    /// Every value that decides something: a new namespace has copies of the host's.
    private func sysctls(_ place: LabPlace) -> [(key: String, value: String)] {
        let forwards: Bool
        let isNode: Bool
        switch place {
        case .node: (forwards, isNode) = (true, true)
        case .router: (forwards, isNode) = (true, false)
        case .pod, .outside: (forwards, isNode) = (false, false)
        }
        var values: [(key: String, value: String)] = [("net/ipv4/ip_forward", forwards ? "1" : "0")]
        for device in ["all", "default", "lo"] {
            for (key, value) in [
                ("rp_filter", "0"), ("accept_local", "0"), ("route_localnet", "0"), ("proxy_arp", "0"),
                ("arp_ignore", "0"), ("arp_announce", "0"), ("arp_filter", "0"), ("send_redirects", "1"),
                ("accept_redirects", "1"), ("secure_redirects", "1"), ("src_valid_mark", "0"), ("log_martians", "0"),
                ("accept_source_route", "0"),
            ] {
                values.append(("net/ipv4/conf/\(device)/\(key)", value))
            }
            values.append(("net/ipv6/conf/\(device)/disable_ipv6", hasIPv6 ? "0" : "1"))
            for (key, value) in [("accept_dad", "0"), ("accept_ra", "0"), ("router_solicitations", "0")] {
                values.append(("net/ipv6/conf/\(device)/\(key)", value))
            }
        }
        values += [
            ("net/ipv6/conf/all/forwarding", forwards ? "1" : "0"), ("net/ipv4/icmp_ratelimit", "0"),
            ("net/ipv6/icmp/ratelimit", "0"),
            ("net/ipv4/tcp_mtu_probing", "0"), ("net/ipv4/tcp_ecn", "2"),
            ("net/ipv4/ip_local_port_range", "32768 60999"), ("net/netfilter/nf_conntrack_tcp_be_liberal", "0"),
            ("net/bridge/bridge-nf-call-iptables", isNode ? "1" : "0"),
            ("net/bridge/bridge-nf-call-ip6tables", isNode ? "1" : "0"),
            ("net/bridge/bridge-nf-call-arptables", isNode ? "1" : "0"),
        ]
        // kube-proxy in iptables mode sets it itself.
        if isNode, lab.network.proxyMode == .iptables { values.append(("net/ipv4/conf/all/route_localnet", "1")) }
        return values
    }
}
