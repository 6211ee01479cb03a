import ClewBundle
import ClewNet

/// Builds the network of a ``FuzzLab``, changes its settings, and collects what `ip` and its like say of it.
struct FuzzLayout {
    let network: FuzzNetwork
    init(_ network: FuzzNetwork) { self.network = network }

    private var length: Int { network.family == .ipv4 ? 32 : 128 }
    private var bridgeLength: Int { network.family == .ipv4 ? 29 : 125 }
    private var linkLength: Int { network.family == .ipv4 ? 30 : 126 }
    private var everywhere: String { network.family == .ipv4 ? "0.0.0.0/0" : "::/0" }
    private var noDAD: String { network.family == .ipv4 ? "" : " nodad" }

    func build(_ node: NetworkNamespace, _ peers: [String: NetworkNamespace]) throws(SystemError) {
        for namespace in [node] + peers.values { try Self.quiet(namespace) }
        try node.ip(devices(peers))
        for peer in FuzzNetwork.peers {
            guard let namespace = peers[peer.name] else { continue }
            try namespace.ip(own(peer))
            try namespace.run("nft", "-f", "-", input: Self.silence)
        }
        try node.ip(addresses())
        let flag = network.family == .ipv4 ? "-4" : "-6"
        try node.run("ip", flag, "rule", "add", "pref", "100", "fwmark", "0x40/0x40", "lookup", "100")
        for peer in FuzzNetwork.peers where peer.bridge != nil {
            try node.run("bridge", "fdb", "replace", "\(peer.mac)", "dev", peer.device, "master", "static")
        }
        try node.setSysctls([
            ("net/ipv4/icmp_ratelimit", "0"), ("net/ipv4/icmp_ratemask", "0"),
            ("net/ipv4/conf/all/send_redirects", "0"),
            ("net/ipv6/icmp/ratelimit", "0"), ("net/ipv6/auto_flowlabels", "0"),
        ])
        for device in FuzzNetwork.macs.keys where device != "p1" && device != "p2" {
            try node.setSysctl("net/ipv4/conf/\(device)/send_redirects", "0")
        }
        try node.run("nft", "-f", "-", input: Self.observer(network.family))
        try apply(FuzzSettings(), node)
    }

    /// No addresses but those that are given, and no packets that nobody asked for.
    static func quiet(_ namespace: NetworkNamespace) throws(SystemError) {
        try namespace.setSysctls([
            ("net/ipv6/conf/default/addr_gen_mode", "1"), ("net/ipv6/conf/all/addr_gen_mode", "1"),
            ("net/ipv6/conf/default/accept_dad", "0"), ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/router_solicitations", "0"), ("net/ipv6/conf/default/accept_ra", "0"),
            ("net/ipv4/conf/default/rp_filter", "0"), ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/ip_forward", "0"), ("net/ipv6/conf/all/forwarding", "0"),
        ])
    }

    private func devices(_ peers: [String: NetworkNamespace]) -> [String] {
        var lines = ["link set lo up", "link add br0 address \(FuzzNetwork.mac(0x0101)) type bridge mcast_snooping 0"]
        for peer in FuzzNetwork.peers {
            let mac = FuzzNetwork.macs[peer.device].map { " address \($0)" } ?? ""
            let path = peers[peer.name]?.path ?? ""
            lines.append(
                "link add \(peer.device)\(mac) type veth peer name \(peer.ownDevice) address \(peer.mac) netns \(path)")
            if let bridge = peer.bridge { lines.append("link set \(peer.device) master \(bridge)") }
        }
        return lines + (["br0"] + FuzzNetwork.peers.map(\.device)).map { "link set \($0) up" }
    }

    private func own(_ peer: FuzzNetwork.Peer) -> [String] {
        var lines = ["link set lo up", "link set \(peer.ownDevice) up"]
        let own = network.addresses(ofPod: peer.name)
        guard peer.isPod else { return lines }
        let mask = peer.bridge == nil ? length : bridgeLength
        for address in own { lines.append("addr add \(address)/\(mask) dev \(peer.ownDevice)\(noDAD)") }
        let gateway = peer.bridge == nil ? network.calif1 : network.br0
        lines.append("route add \(everywhere) via \(gateway) dev \(peer.ownDevice) onlink")
        return lines
    }

    /// The node's addresses, routes, a policy rule by mark, and neighbours that need not be asked for.
    private func addresses() -> [String] {
        var lines = [
            "addr add \(network.eth0)/\(linkLength) dev eth0\(noDAD)",
            "addr add \(network.eth1)/\(linkLength) dev eth1\(noDAD)",
            "addr add \(network.br0)/\(bridgeLength) dev br0\(noDAD)",
            "addr add \(network.calif1)/\(length) dev calif1\(noDAD)",
            "addr add \(network.service)/\(length) dev lo",
            "route add \(everywhere) via \(network.gateways[0]) dev eth0",
            "route add \(network.family == .ipv4 ? "172.20.0.0/16" : "2001:db8:b::/48") via \(network.gateways[1]) dev eth1",
            "route add \(everywhere) via \(network.gateways[1]) dev eth1 table 100",
        ]
        for address in network.addresses(ofPod: "c1") { lines.append("route add \(address) dev calif1") }
        for peer in FuzzNetwork.peers {
            let device = peer.bridge ?? peer.device
            let own = peer.isPod ? network.addresses(ofPod: peer.name) : [network.gateways[peer.name == "x0" ? 0 : 1]]
            for address in own {
                lines.append("neigh replace \(address) lladdr \(peer.mac) dev \(device) nud permanent")
            }
        }
        return lines
    }

    /// Peers only watch: their kernels answer nothing.
    static let silence = """
        table inet silence {
          chain every { type filter hook prerouting priority -500; policy drop; }
        }

        """

    /// In the order of the hooks; INT_MAX is behind the confirmation of the connection, as it was there first.
    static func observer(_ family: AddressFamily) -> String {
        """
        table \(family == .ipv4 ? "ip" : "ip6") watch {
          chain enters { type filter hook prerouting priority -500; meta nftrace set 1; }
          chain leaves { type filter hook output priority -500; meta nftrace set 1; log prefix "OUT" group 0; }
          chain arrives { type filter hook input priority 2147483647; log prefix "LOCAL" group 0; drop; }
        }

        """
    }

    // MARK: - Settings

    private static let perDevice = ["eth0", "eth1", "br0", "calif1", "lo"]

    func apply(_ settings: FuzzSettings, _ node: NetworkNamespace) throws(SystemError) {
        func flag(_ value: Bool) -> String { value ? "1" : "0" }
        var values: [(key: String, value: String)] = [
            ("net/ipv4/ip_forward", flag(settings.forwards)), ("net/ipv6/conf/all/forwarding", flag(settings.forwards)),
            ("net/ipv4/conf/all/rp_filter", "\(settings.reversePathFilter)"),
            ("net/ipv4/conf/all/route_localnet", flag(settings.routesLocalnet)),
            ("net/ipv4/conf/all/src_valid_mark", flag(settings.validatesMark)),
            ("net/bridge/bridge-nf-call-iptables", flag(settings.bridgeCallsIptables)),
            ("net/bridge/bridge-nf-call-ip6tables", flag(settings.bridgeCallsIptables)),
        ]
        for device in Self.perDevice {
            values.append(("net/ipv4/conf/\(device)/rp_filter", "0"))
            values.append(("net/ipv4/conf/\(device)/accept_local", "0"))
        }
        try node.setSysctls(values)
        try node.ip(
            FuzzNetwork.ports.map { "link set \($0) type bridge_slave hairpin \(settings.hairpin ? "on" : "off")" })
    }

    // MARK: - What a collector would find

    /// The files of the node and its pods, but for the rules.
    func collect(_ node: NetworkNamespace, _ peers: [String: NetworkNamespace]) throws(SystemError) -> [Artifact] {
        var artifacts = try Self.collect(node, "nodes/\(FuzzNetwork.node)/")
        for peer in FuzzNetwork.peers where peer.isPod {
            guard let namespace = peers[peer.name] else { continue }
            let folder = "nodes/\(FuzzNetwork.node)/netns/\(peer.name)/"
            artifacts += try Self.collect(namespace, folder)
            artifacts.append(Artifact(path: folder + "pod.txt", bytes: Array("lab/\(peer.name)".utf8)))
        }
        return artifacts
    }

    static func collect(
        _ namespace: NetworkNamespace, _ folder: String, sysctls: [String] = Self.sysctls
    ) throws(SystemError) -> [Artifact] {
        let commands: [(String, [String])] = [
            ("ip-addr.json", ["ip", "-j", "addr"]), ("ip-link.json", ["ip", "-j", "-d", "link"]),
            ("ip-route.json", ["ip", "-j", "route", "show", "table", "all"]),
            ("ip-6-route.json", ["ip", "-j", "-6", "route", "show", "table", "all"]),
            ("ip-rule.json", ["ip", "-j", "rule"]), ("ip-6-rule.json", ["ip", "-j", "-6", "rule"]),
            ("ip-neigh.json", ["ip", "-j", "neigh"]), ("bridge-link.json", ["bridge", "-j", "-d", "link"]),
            ("bridge-fdb.json", ["bridge", "-j", "fdb"]),
        ]
        return try namespace.perform { () throws(SystemError) -> [Artifact] in
            var artifacts: [Artifact] = []
            for (name, words) in commands {
                let result = try Command(words).run()
                _ = try result.output()
                artifacts.append(Artifact(path: folder + name, bytes: result.standardOutput))
            }
            let lines = sysctls.compactMap { key in Sysctl.read(key).map { "\(key) = \($0)\n" } }
            artifacts.append(Artifact(path: folder + "sysctl.txt", bytes: Array(lines.joined().utf8)))
            return artifacts
        }
    }

    private static let sysctls: [String] =
        [
            "net.bridge.bridge-nf-call-ip6tables", "net.bridge.bridge-nf-call-iptables", "net.ipv4.ip_forward",
            "net.ipv6.conf.all.forwarding",
        ]
        + (["all", "default"] + perDevice).flatMap { device in
            ["accept_local", "forwarding", "proxy_arp", "route_localnet", "rp_filter", "src_valid_mark"].map {
                "net.ipv4.conf.\(device).\($0)"
            }
        }
}
