import ClewNet

/// flanneld's rules (`pkg/trafficmngr/iptables/iptables.go`, with `--ip-masq`).
enum FlannelRules {
    static func text(for node: NodePlan, _ family: AddressFamily) -> [String] {
        guard let own = node.podPrefix(family) else { return [] }
        let all = Addressing.cluster(family)
        let masq = "-m comment --comment \"flanneld masq\""
        let forward = "-m comment --comment \"flanneld forward\""
        let multicast = family == .ipv4 ? "224.0.0.0/4" : "ff00::/8"
        let chain = "-A FLANNEL-POSTRTG"
        return [
            "*filter", ":FLANNEL-FWD - [0:0]", "-A FORWARD \(forward) -j FLANNEL-FWD",
            "-A FLANNEL-FWD -s \(all) \(forward) -j ACCEPT", "-A FLANNEL-FWD -d \(all) \(forward) -j ACCEPT", "COMMIT",
            "*nat", ":FLANNEL-POSTRTG - [0:0]", "-A POSTROUTING \(masq) -j FLANNEL-POSTRTG",
            "\(chain) -m mark --mark 0x4000/0x4000 \(masq) -j RETURN",
            "\(chain) -s \(own) -d \(all) \(masq) -j RETURN",
            "\(chain) -s \(all) -d \(own) \(masq) -j RETURN",
            "\(chain) ! -s \(all) -d \(own) \(masq) -j RETURN",
            "\(chain) -s \(all) ! -d \(multicast) \(masq) -j MASQUERADE --random-fully",
            "\(chain) ! -s \(all) -d \(all) \(masq) -j MASQUERADE --random-fully", "COMMIT",
        ]
    }
}
