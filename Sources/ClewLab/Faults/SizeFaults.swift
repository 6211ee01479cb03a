import ClewNet
import Glibc

extension FaultCatalogue {
    /// What only large packets meet, or many connections.
    static let sizeFaults: [Fault] = [
        Fault(
            "mtu-black-hole", rows: ["CLEW-RTE009", "CLEW-RTE011", "CLEW-FW012"],
            symptom:
                "connections to pods of other nodes are made and then hang: pods send packets that are larger than "
                + "what lies between the nodes, and the ICMP errors that tell them so are dropped",
            client: [.hangs], mustSay: ["carries 1280"], example: ("pod/shop/web-0", "svc/shop/api-b"), size: 4000,
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try lab.narrow(node)
                    try lab.eachFamily { family throws(SystemError) in
                        let error =
                            family == .ipv4
                            ? "-p icmp -m icmp --icmp-type fragmentation-needed"
                            : "-p ipv6-icmp -m icmp6 --icmpv6-type packet-too-big"
                        try lab.change("filter", on: node.name, family, ["-I OUTPUT 1 \(error) -j DROP"])
                    }
                }
            })
    ]

    /// What needs a kernel of the lab's own: its limit is one for all namespaces.
    static let tableFaults: [Fault] = [
        Fault(
            "conntrack-full", rows: ["CLEW-CT001"],
            symptom: "new connections through worker-a time out, those that are there go on; the kernel's log says "
                + "\"nf_conntrack: table full, dropping packet\"",
            client: [.timesOut], mustSay: ["conntrack table of worker-a is full"],
            example: ("pod/shop/web-0", "svc/shop/api-b"), in: { $0.overlay == "tunl0" && $0.proxyMode == .iptables },
            apply: { lab throws(SystemError) in
                guard let worker = lab.node("worker-a") else { return }
                let most = try HostLimits.lowerConntrackMaximum()
                let own = try worker.namespace.sysctl("net/netfilter/nf_conntrack_count").flatMap { Int($0) } ?? 0
                try worker.namespace.perform { () throws(SystemError) in
                    // TCP connections long since made: no room is made of them (`early_drop`).
                    try ConntrackFill.add(max(most - own, 0))
                }
            })
    ]
}

extension Lab {
    /// What a node's narrowed device carries, in bytes: the least that IPv6 allows, and less than any pod's.
    private static var narrowMTU: Int { 1280 }

    /// Lets the device towards other nodes carry less than pods believe.
    fileprivate func narrow(_ node: LabNode) throws(SystemError) {
        var devices = [network.overlay ?? "eth0"]
        if network.overlay == "flannel.1" { devices = plan.families.map(VXLANNetwork.device) }
        try node.namespace.ip(devices.map { "link set \($0) mtu \(Self.narrowMTU)" })
    }
}
