import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot

/// Builds a recorded node again, and says in what the copy differs.
struct RecordedLayout {
    let node: RecordedNode
    let ground: LabGround

    private var host: NamespaceSnapshot { node.host }

    func build(_ namespace: NetworkNamespace, _ peers: [String: NetworkNamespace]) throws(SystemError) {
        for one in [namespace] + peers.values { try FuzzLayout.quiet(one) }
        if !hasIPv6 { try namespace.setSysctls(["all", "default"].map { ("net/ipv6/conf/\($0)/disable_ipv6", "1") }) }
        try namespace.ip(devices(peers))
        for peer in ground.peers {
            guard let own = peers[peer.name] else { continue }
            try own.ip(["link set lo up", "link set \(peer.ownDevice) up"])
            try own.run("nft", "-f", "-", input: FuzzLayout.silence)
        }
        try namespace.setSysctls(try sysctls(namespace))
        try namespace.ip(addresses() + routes() + neighbours())
        for peer in ground.peers where peer.bridge != nil {
            try namespace.run("bridge", "fdb", "replace", "\(peer.mac)", "dev", peer.device, "master", "static")
        }
        try namespace.setSysctls([
            ("net/ipv4/icmp_ratelimit", "0"), ("net/ipv4/icmp_ratemask", "0"), ("net/ipv6/icmp/ratelimit", "0"),
            ("net/ipv6/auto_flowlabels", "0"), ("net/ipv4/conf/all/send_redirects", "0"),
        ])
        for device in ground.macs.keys { try namespace.setSysctl("net/ipv4/conf/\(device)/send_redirects", "0") }
        try namespace.run("nft", "-f", "-", input: FuzzLayout.observer(ground.family))
    }

    /// Whether the node had IPv6 at all; where it has, its loopback device has an address.
    private var hasIPv6: Bool {
        (host.links ?? []).contains { link in link.addresses.contains { $0.address.family == .ipv6 } }
    }

    private func devices(_ peers: [String: NetworkNamespace]) -> [String] {
        var lines = ["link set lo up"]
        let links = (host.links ?? []).filter { !$0.isLoopback }
        // In the order in which the node got them.
        for link in links.sorted(by: { $0.index < $1.index }) {
            if link.kind == .bridge {
                lines.append("link add \(link.name)\(index(link)) address \(mac(link)) type bridge mcast_snooping 0")
            } else if let peer = ground.peers.first(where: { $0.device == link.name }),
                let path = peers[peer.name]?.path
            {
                lines.append(
                    "link add \(link.name)\(index(link)) address \(mac(link)) type veth peer name \(peer.ownDevice) "
                        + "address \(peer.mac) netns \(path)")
            }
        }
        for peer in ground.peers {
            guard let link = host.link(named: peer.device), peers[peer.name] != nil, let bridge = peer.bridge else {
                continue
            }
            lines.append("link set \(link.name) master \(bridge)")
            if link.port?.hairpin == true { lines.append("link set \(link.name) type bridge_slave hairpin on") }
        }
        for link in links {
            if link.mtu > 0 { lines.append("link set \(link.name) mtu \(link.mtu)") }
            if link.isUp { lines.append("link set \(link.name) up") }
        }
        return lines
    }

    /// The devices' order decides which address a masqueraded packet gets that stays on the node
    /// (`inet_select_addr()` in `net/ipv4/devinet.c`).
    private func index(_ link: Link) -> String { link.index > 1 ? " index \(link.index)" : "" }

    private func mac(_ link: Link) -> MACAddress { ground.macs[link.name] ?? FuzzNetwork.mac(0x2000) }

    private func addresses() -> [String] {
        (host.links ?? []).flatMap { link in
            link.addresses.filter { !$0.isTentative && !(link.isLoopback && $0.address.address.isLoopback) }.map {
                own in
                let flags = own.address.family == .ipv6 ? " nodad" : ""
                return "addr add \(own.address) dev \(link.name) scope \(own.scope)\(flags)"
            }
        }
    }

    /// What the kernel does not make by itself.
    private func routes() -> [String] {
        (host.routes ?? []).compactMap { route in
            guard route.origin != "kernel", route.table != .local, !route.destination.address.isMulticast else {
                return nil
            }
            var words = ["route", "append"]
            if route.type != .unicast { words.append(route.type.rawValue) }
            words += ["\(route.destination)", "table", route.table.description]
            if route.metric != 0 { words += ["metric", "\(route.metric)"] }
            if let source = route.preferredSource { words += ["src", "\(source)"] }
            for hop in route.nextHops {
                if route.nextHops.count > 1 { words.append("nexthop") }
                if let gateway = hop.gateway { words += ["via", "\(gateway)"] }
                if let device = hop.device { words += ["dev", device] }
                if hop.isOnLink { words.append("onlink") }
                if route.nextHops.count > 1 { words += ["weight", "\(hop.weight)"] }
            }
            return words.joined(separator: " ")
        }
    }

    private func neighbours() -> [String] {
        ground.peers.flatMap { peer in
            node.neighbours(behind: peer, ground).map {
                "neigh replace \($0) lladdr \(peer.mac) dev \(peer.bridge ?? peer.device) nud permanent"
            }
        }
    }

    private static let kept: Set = [
        "accept_local", "arp_announce", "arp_ignore", "forwarding", "proxy_arp", "route_localnet", "rp_filter",
        "src_valid_mark",
    ]

    /// Those that decide a packet's way, of the node as a whole and of each device.
    private static func isKept(_ key: String) -> Bool {
        if key == "net.ipv4.ip_forward" || key == "net.ipv6.conf.all.forwarding" { return true }
        if key.hasPrefix("net.bridge.bridge-nf-call-ip") { return true }
        return key.hasPrefix("net.ipv4.conf.") && kept.contains(key.split(separator: ".").last.map(String.init) ?? "")
    }

    private var keptSysctls: [(key: String, value: ClewSnapshot.Sysctl)] {
        host.sysctls.filter { Self.isKept($0.key) }.map { ($0.key, $0.value) }
    }

    /// `ip_forward` first: writing it writes others.
    private func sysctls(_ namespace: NetworkNamespace) throws(SystemError) -> [(key: String, value: String)] {
        var result: [(key: String, value: String)] = []
        func rank(_ key: String) -> Int { key == "net.ipv4.ip_forward" ? 0 : 1 }
        let wanted = keptSysctls.sorted { (rank($0.key), $0.key) < (rank($1.key), $1.key) }
        for (key, value) in wanted {
            guard try namespace.sysctl(key) != nil else { continue }
            result.append((key, value.value))
        }
        return result
    }

    // MARK: - The copy against the original

    /// Addresses, routes and sysctls that the copy has not, or has beside those that were recorded.
    func differences(_ namespace: NetworkNamespace) throws(SystemError) -> [String] {
        let files = try FuzzLayout.collect(namespace, "nodes/copy/", sysctls: keptSysctls.map(\.key))
        let snapshot = ClusterSnapshot(parsing: SupportBundle(name: "copy", artifacts: files), nodeName: nil)
        guard let copy = snapshot.node(named: "copy")?.host else { return ["nothing was built"] }
        var result: [String] = []
        func compare(_ what: String, _ facts: (NamespaceSnapshot) -> Set<String>) {
            let (old, new) = (facts(host), facts(copy))
            result += old.subtracting(new).sorted().map { "no \(what) \($0)" }
            result += new.subtracting(old).sorted().map { "\(what) \($0), which was not recorded" }
        }
        compare("address", Self.addressFacts)
        compare("route", Self.routeFacts)
        for (key, value) in keptSysctls {
            if let own = copy.sysctls[key], own.value != value.value, !key.hasSuffix("send_redirects") {
                result.append("\(key) = \(own.value), not \(value.value)")
            }
        }
        return result
    }

    private static func addressFacts(_ state: NamespaceSnapshot) -> Set<String> {
        Set(
            (state.links ?? []).flatMap { link in
                link.addresses.filter { !$0.address.address.isLinkLocal }.map { "\($0.address) on \(link.name)" }
            })
    }

    /// Without those of link-local addresses and multicast, which the kernel makes for IPv6 as its settings say.
    private static func routeFacts(_ state: NamespaceSnapshot) -> Set<String> {
        let routes = (state.routes ?? []).filter { route in
            !route.destination.address.isLinkLocal && !route.destination.address.isMulticast && route.type != .anycast
                && route.type != .multicast && !route.destination.address.isLoopback
        }
        return Set(
            routes.map { route in
                let hops = route.nextHops.map { "\($0.gateway.map { "via \($0) " } ?? "")dev \($0.device ?? "-")" }
                return "\(route.type) \(route.destination) table \(route.table) \(hops.joined(separator: " "))"
            })
    }
}
