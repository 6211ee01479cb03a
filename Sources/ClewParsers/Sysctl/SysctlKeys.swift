/// The kernel parameters that decide where packets go, to tell a damaged key from one that does not matter.
enum SysctlKeys {
    /// Below `net.ipv4.conf.LINK` and `net.ipv6.conf.LINK`.
    private static let ofLinks: [String] = [
        "forwarding", "rp_filter", "route_localnet", "accept_local", "proxy_arp", "proxy_ndp", "src_valid_mark",
        "force_forwarding",
    ]
    private static let whole: [String] = [
        "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward",
        "net.ipv4.vs.conntrack",
    ]
    /// Keys of the kernel that are but a letter or two away from those.
    private static let neighbors: Set<String> = [
        "arp_filter", "mc_forwarding", "bc_forwarding", "proxy_qlen", "net.bridge.bridge-nf-call-arptables",
    ]

    /// Whether a value other than a number would be damaged.
    static func isNumber(_ key: String) -> Bool {
        whole.contains(key) || linkLeaf(key).map { ofLinks.contains(String($0)) } ?? false
    }

    /// The deciding key that a key is almost, where no key of the kernel is spelt so.
    static func almost(_ key: String) -> String? {
        guard !whole.contains(key), !neighbors.contains(key), key.utf8.count < 100 else { return nil }
        if let near = whole.first(where: { isNear($0, key) }) { return near }
        if let leaf = linkLeaf(key) {
            guard !ofLinks.contains(String(leaf)), !neighbors.contains(String(leaf)) else { return nil }
            return ofLinks.first { isNear($0, String(leaf)) }
        }
        // The key's end is right, and its beginning is not.
        guard let dot = key.lastIndex(of: "."), ofLinks.contains(String(key[key.index(after: dot)...])),
            !key.hasPrefix("net.ipv4.neigh."), !key.hasPrefix("net.ipv6.neigh."), !key.hasPrefix("net.mpls."),
            !key.hasPrefix("net.decnet.")
        else { return nil }
        return "net.ipv4.conf." + key[key.index(after: dot)...]
    }

    /// What stands behind `net.ipv4.conf.LINK.`.
    private static func linkLeaf(_ key: String) -> Substring? {
        guard key.hasPrefix("net.ipv4.conf.") || key.hasPrefix("net.ipv6.conf."), let dot = key.lastIndex(of: ".")
        else { return nil }
        return key[key.index(after: dot)...]
    }

    /// Whether two texts differ by at most two insertions, deletions or substitutions.
    private static func isNear(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        guard abs(a.count - b.count) <= 2 else { return false }
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let cost = a[i] == b[j] ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = min(cost, min(row[j], row[j + 1]) + 1)
            }
        }
        return row[b.count] <= 2
    }
}
