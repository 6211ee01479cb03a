/// What a node of a ``ClusterBundle`` prints besides its rules: flannel's VXLAN device, a bridge, and a veth for each pod.
struct NodeFiles {
    private let cluster: ClusterBundle
    private let node: Int
    private let fault: ClusterBundle.Fault?

    init(_ cluster: ClusterBundle, _ node: Int) {
        self.cluster = cluster
        self.node = node
        fault = cluster.isFaulty ? ClusterBundle.Fault(rawValue: node) : nil
    }

    /// By file name.
    var all: [(name: String, text: String)] {
        [
            ("ip-addr.txt", addresses()), ("ip-link.txt", links()), ("ip-route.txt", routes()),
            (
                "ip-rule.txt",
                "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
            ),
            ("ip-neigh.txt", neighbors()), ("bridge-fdb.txt", forwarding()), ("sysctl.txt", sysctls()),
        ]
    }

    private var pods: Range<Int> { 0..<cluster.podCount(on: node) }
    private func veth(_ slot: Int) -> String { "veth" + Self.hex(0x1000_0000 + node << 16 + slot, digits: 8) }
    private func ip(_ slot: Int) -> String { "10.244.\(node).\(slot + 2)" }
    private func podMAC(_ slot: Int) -> String {
        "0a:58:0a:f4:\(Self.hex(node, digits: 2)):\(Self.hex(slot + 2, digits: 2))"
    }
    private func vethMAC(_ slot: Int) -> String {
        "ee:ee:0a:f4:\(Self.hex(node, digits: 2)):\(Self.hex(slot + 2, digits: 2))"
    }
    private static func tunnelMAC(_ node: Int) -> String { "f2:00:00:00:00:\(hex(node, digits: 2))" }
    private static func nodeMAC(_ node: Int) -> String { "52:54:00:00:32:\(hex(node + 1, digits: 2))" }
    private var bridgeMAC: String { "ee:ee:0a:f4:\(Self.hex(node, digits: 2)):01" }

    private static func hex(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private func addresses() -> String {
        var text = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
                inet 127.0.0.1/8 scope host lo
                   valid_lft forever preferred_lft forever
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
                link/ether \(Self.nodeMAC(node)) brd ff:ff:ff:ff:ff:ff
                inet \(ClusterBundle.nodeIP(node))/24 brd 192.168.50.255 scope global eth0
                   valid_lft forever preferred_lft forever
            3: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default
                link/ether \(Self.tunnelMAC(node)) brd ff:ff:ff:ff:ff:ff
                inet 10.244.\(node).0/32 scope global flannel.1
                   valid_lft forever preferred_lft forever
            4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000
                link/ether \(bridgeMAC) brd ff:ff:ff:ff:ff:ff
                inet 10.244.\(node).1/24 brd 10.244.\(node).255 scope global cni0
                   valid_lft forever preferred_lft forever

            """
        for slot in pods {
            text += """
                \(slot + 5): \(veth(slot))@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP group default
                    link/ether \(vethMAC(slot)) brd ff:ff:ff:ff:ff:ff link-netnsid \(slot)

                """
        }
        return text
    }

    private func links() -> String {
        let sizes = "numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535"
        var text = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0 minmtu 0 maxmtu 0 addrgenmode eui64 \(sizes)
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
                link/ether \(Self.nodeMAC(node)) brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 addrgenmode eui64 \(sizes)
            3: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default
                link/ether \(Self.tunnelMAC(node)) brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535
                vxlan id 1 local \(ClusterBundle.nodeIP(node)) dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64 \(sizes)
            4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP mode DEFAULT group default qlen 1000
                link/ether \(bridgeMAC) brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535
                bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 stp_state 0 priority 32768 vlan_filtering 0 nf_call_iptables 0 nf_call_ip6tables 0 nf_call_arptables 0 addrgenmode eui64 \(sizes)

            """
        for slot in pods {
            text += """
                \(slot + 5): \(veth(slot))@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP mode DEFAULT group default
                    link/ether \(vethMAC(slot)) brd ff:ff:ff:ff:ff:ff link-netnsid \(slot) promiscuity 1 minmtu 68 maxmtu 65535
                    veth
                    bridge_slave state forwarding priority 32 cost 2 hairpin on guard off root_block off fastleave off learning on flood on port_id 0x8001 port_no 0x1 isolated off addrgenmode eui64 \(sizes)

                """
        }
        return text
    }

    private func routes() -> String {
        var text = "default via 192.168.50.254 dev eth0 proto static\n"
        for other in 0..<cluster.nodes where other != node {
            if fault == .routeMissing, other == 0 { continue }
            text += "10.244.\(other).0/24 via 10.244.\(other).0 dev flannel.1 onlink\n"
        }
        let own = ClusterBundle.nodeIP(node)
        return text + """
            10.244.\(node).0/24 dev cni0 proto kernel scope link src 10.244.\(node).1
            192.168.50.0/24 dev eth0 proto kernel scope link src \(own)
            local 10.244.\(node).0 dev flannel.1 table local proto kernel scope host src 10.244.\(node).0
            local 10.244.\(node).1 dev cni0 table local proto kernel scope host src 10.244.\(node).1
            broadcast 10.244.\(node).255 dev cni0 table local proto kernel scope link src 10.244.\(node).1
            local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
            local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1
            broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1
            local \(own) dev eth0 table local proto kernel scope host src \(own)
            broadcast 192.168.50.255 dev eth0 table local proto kernel scope link src \(own)

            """
    }

    private func neighbors() -> String {
        var text = "192.168.50.254 dev eth0 lladdr 52:54:00:00:32:fe REACHABLE\n"
        for other in 0..<cluster.nodes where other != node {
            text += "10.244.\(other).0 dev flannel.1 lladdr \(Self.tunnelMAC(other)) PERMANENT\n"
            text += "\(ClusterBundle.nodeIP(other)) dev eth0 lladdr \(Self.nodeMAC(other)) REACHABLE\n"
        }
        for slot in pods { text += "\(ip(slot)) dev cni0 lladdr \(podMAC(slot)) REACHABLE\n" }
        return text
    }

    private func forwarding() -> String {
        var text = "33:33:00:00:00:01 dev eth0 self permanent\n\(bridgeMAC) dev cni0 master cni0 permanent\n"
        for other in 0..<cluster.nodes where other != node {
            text += "\(Self.tunnelMAC(other)) dev flannel.1 dst \(ClusterBundle.nodeIP(other)) self permanent\n"
        }
        for slot in pods {
            text +=
                "\(podMAC(slot)) dev \(veth(slot)) master cni0\n\(vethMAC(slot)) dev \(veth(slot)) master cni0 permanent\n"
        }
        return text
    }

    private func sysctls() -> String {
        let forwarding = fault == .forwardingOff ? 0 : 1
        var lines = [
            "net.bridge.bridge-nf-call-iptables = \(fault == .bridgeNetfilterOff ? 0 : 1)",
            "net.bridge.bridge-nf-call-ip6tables = 1", "net.bridge.bridge-nf-call-arptables = 1",
            "net.bridge.bridge-nf-filter-vlan-tagged = 0", "net.ipv4.ip_forward = \(forwarding)",
            "net.ipv4.ip_local_port_range = 32768\t60999", "net.netfilter.nf_conntrack_max = 262144",
            "net.netfilter.nf_conntrack_count = 1200", "net.ipv4.vs.conntrack = 1",
        ]
        for device in ["all", "default", "lo", "eth0", "flannel.1", "cni0"] + pods.map(veth) {
            for (key, value) in [
                ("accept_local", 0), ("arp_announce", 0), ("arp_filter", 0), ("arp_ignore", 0),
                ("forwarding", forwarding), ("log_martians", 0), ("proxy_arp", 0), ("route_localnet", 0),
                ("rp_filter", 0), ("send_redirects", 1), ("src_valid_mark", 0),
            ] {
                // A dot of the name is a slash here (`sysctl -a`).
                lines.append("net.ipv4.conf.\(device.split(separator: ".").joined(separator: "/")).\(key) = \(value)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
