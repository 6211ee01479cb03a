import ClewIntent

extension IptablesRules {
    /// The rules of base chains that lead into kube-proxy's own, in their order (`iptablesJumpChains`).
    package var filterJumps: [(chain: String, rule: String)] {
        let portals = comment("kubernetes service portals")
        let external = comment("kubernetes externally-visible service portals")
        let health = comment("kubernetes health check service ports")
        let forwarding = comment("kubernetes forwarding rules")
        let isNew = "-m conntrack --ctstate NEW"
        let firewall = "\(isNew) \(comment("kubernetes load balancer firewall")) -j KUBE-PROXY-FIREWALL"
        let hasFirewall = version.hasExternalChains
        let blocksLocalnet = filter["KUBE-FIREWALL"] != nil
        var jumps: [(String, String)] = []
        if blocksLocalnet { jumps.append(("INPUT", "-j KUBE-FIREWALL")) }
        if hasFirewall { jumps.append(("INPUT", firewall)) }
        jumps.append(("INPUT", "\(health) -j KUBE-NODEPORTS"))
        jumps.append(("INPUT", "\(isNew) \(external) -j KUBE-EXTERNAL-SERVICES"))
        if hasFirewall { jumps.append(("FORWARD", firewall)) }
        jumps.append(("FORWARD", "\(forwarding) -j KUBE-FORWARD"))
        jumps.append(("FORWARD", "\(isNew) \(portals) -j KUBE-SERVICES"))
        jumps.append(("FORWARD", "\(isNew) \(external) -j KUBE-EXTERNAL-SERVICES"))
        if blocksLocalnet { jumps.append(("OUTPUT", "-j KUBE-FIREWALL")) }
        if hasFirewall { jumps.append(("OUTPUT", firewall)) }
        jumps.append(("OUTPUT", "\(isNew) \(portals) -j KUBE-SERVICES"))
        return jumps
    }

    package var natJumps: [(chain: String, rule: String)] {
        let portals = "\(comment("kubernetes service portals")) -j KUBE-SERVICES"
        return [
            ("PREROUTING", portals), ("OUTPUT", portals),
            ("POSTROUTING", "\(comment("kubernetes postrouting rules")) -j KUBE-POSTROUTING"),
        ]
    }

    /// Both tables as `iptables-restore` takes them, base chains included; chains are sorted by name.
    package var saveText: String {
        var lines: [String] = []
        let filterBase = ["INPUT", "FORWARD", "OUTPUT"]
        let natBase = ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]
        for (table, base, jumps, chains) in [
            ("filter", filterBase, filterJumps, filter), ("nat", natBase, natJumps, nat),
        ] {
            lines.append("*\(table)")
            lines += base.map { ":\($0) ACCEPT [0:0]" }
            let names = chains.keys.sorted()
            lines += names.map { ":\($0) - [0:0]" }
            lines += jumps.map { "-A \($0.chain) \($0.rule)" }
            for name in names { lines += (chains[name] ?? []).map { "-A \(name) \($0)" } }
            lines.append("COMMIT")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
