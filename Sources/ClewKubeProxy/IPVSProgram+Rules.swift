import ClewIntent
import ClewNet

extension IPVSProgram {
    /// The chains and rules around IPVS (`createAndLinkKubeChain`, `writeIptablesRules`).
    mutating func writeRules() {
        let firewall = version.filtersSourceRanges
        declare(
            filter: ["KUBE-FORWARD", "KUBE-NODE-PORT"]
                + (firewall ? ["KUBE-PROXY-FIREWALL", "KUBE-SOURCE-RANGES-FIREWALL", "KUBE-IPVS-FILTER"] : [])
                + (version.filtersNodeToLoadBalancer ? ["KUBE-IPVS-OUT-FILTER"] : []),
            nat: ["KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER", "KUBE-MARK-MASQ"]
                + (firewall ? [] : ["KUBE-FIREWALL", "KUBE-MARK-DROP"]))
        writeJumps()
        writeServices()
        writeNodePorts()
        writeLoadBalancers()
        writeSourceRanges()
        writePostrouting()
        writeFilter()
    }

    private func comment(_ text: String) -> String { "-m comment --comment \"\(text)\"" }

    private func match(_ set: IPVSSet, _ fields: String) -> String {
        "-m set --match-set \(set.name(family)) \(fields)"
    }

    private func commented(_ set: IPVSSet, _ fields: String) -> String {
        "\(comment(set.comment)) \(match(set, fields))"
    }

    private func isFilled(_ set: IPVSSet) -> Bool { sets[set]?.isEmpty == false }

    private mutating func writeJumps() {
        let portals = "\(comment("kubernetes service portals")) -j KUBE-SERVICES"
        nat("PREROUTING", portals)
        nat("OUTPUT", portals)
        nat("POSTROUTING", "\(comment("kubernetes postrouting rules")) -j KUBE-POSTROUTING")
        let access = comment("kubernetes ipvs access filter")
        let firewall = comment("kube-proxy firewall rules")
        if version.filtersSourceRanges {
            filter("INPUT", "\(access) -j KUBE-IPVS-FILTER")
            filter("INPUT", "\(firewall) -j KUBE-PROXY-FIREWALL")
            filter("FORWARD", "\(firewall) -j KUBE-PROXY-FIREWALL")
        }
        filter("INPUT", "\(comment("kubernetes health check rules")) -j KUBE-NODE-PORT")
        filter("FORWARD", "\(comment("kubernetes forwarding rules")) -j KUBE-FORWARD")
        if version.filtersNodeToLoadBalancer { filter("OUTPUT", "\(access) -j KUBE-IPVS-OUT-FILTER") }
    }

    private mutating func writeServices() {
        nat("KUBE-SERVICES", "-s \(family == .ipv4 ? "127.0.0.0/8" : "::1/128") -j RETURN")
        if isFilled(.loadBalancer) {
            nat("KUBE-SERVICES", "\(commented(.loadBalancer, "dst,dst")) -j KUBE-LOAD-BALANCER")
        }
        if isFilled(.clusterIP) {
            // Where pods cannot be told, only a Service's address as the source is masqueraded.
            if parameters.masqueradeAll {
                nat("KUBE-SERVICES", "\(commented(.clusterIP, "dst,dst")) -j KUBE-MARK-MASQ")
            } else if let local = parameters.localSource(family) {
                nat("KUBE-SERVICES", "! \(local) \(commented(.clusterIP, "dst,dst")) -j KUBE-MARK-MASQ")
            } else {
                nat("KUBE-SERVICES", "\(commented(.clusterIP, "src,dst")) -j KUBE-MARK-MASQ")
            }
        }
        if isFilled(.externalIP) {
            nat("KUBE-SERVICES", "\(commented(.externalIP, "dst,dst")) -j KUBE-MARK-MASQ")
            writeExternal(.externalIP)
        }
        if isFilled(.externalIPLocal) { writeExternal(.externalIPLocal) }
        nat("KUBE-SERVICES", "-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT")
        for set in [IPVSSet.clusterIP, .loadBalancer] where isFilled(set) {
            nat("KUBE-SERVICES", "\(match(set, "dst,dst")) -j ACCEPT")
        }
    }

    private mutating func writeExternal(_ set: IPVSSet) {
        let rule = commented(set, "dst,dst")
        nat("KUBE-SERVICES", "\(rule) -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT")
        nat("KUBE-SERVICES", "\(rule) -m addrtype --dst-type LOCAL -j ACCEPT")
    }

    private mutating func writeNodePorts() {
        for ipProtocol in [IPProtocol.tcp, .udp, .sctp] {
            guard let (all, local) = IPVSSet.nodePorts(ipProtocol) else { continue }
            for (set, target) in [(local, "RETURN"), (all, "KUBE-MARK-MASQ")] where isFilled(set) {
                let rule = commented(set, set.isBitmap ? "dst" : "dst,dst")
                nat("KUBE-NODE-PORT", "-p \(ipProtocol) \(rule) -j \(target)")
            }
        }
    }

    private mutating func writeLoadBalancers() {
        if isFilled(.loadBalancerFirewall), !version.filtersSourceRanges {
            nat("KUBE-LOAD-BALANCER", "\(commented(.loadBalancerFirewall, "dst,dst")) -j KUBE-FIREWALL")
        }
        if isFilled(.loadBalancerLocal) {
            nat("KUBE-LOAD-BALANCER", "\(commented(.loadBalancerLocal, "dst,dst")) -j RETURN")
        }
        nat("KUBE-LOAD-BALANCER", "-j KUBE-MARK-MASQ")
    }

    /// Who is let through to a load balancer: by the filter table, until 1.26 by a mark that kubelet's rule drops.
    private mutating func writeSourceRanges() {
        let sources = [IPVSSet.loadBalancerSourceCIDR, .loadBalancerSourceIP].filter(isFilled).map {
            "\(commented($0, "dst,dst,src")) -j RETURN"
        }
        guard version.filtersSourceRanges else {
            for rule in sources + ["-j KUBE-MARK-DROP"] { nat("KUBE-FIREWALL", rule) }
            return
        }
        if isFilled(.loadBalancerFirewall) {
            let rule = commented(.loadBalancerFirewall, "dst,dst")
            filter("KUBE-PROXY-FIREWALL", "\(rule) -j KUBE-SOURCE-RANGES-FIREWALL")
        }
        for rule in sources + ["-j DROP"] { filter("KUBE-SOURCE-RANGES-FIREWALL", rule) }
        guard version.filtersNodeToLoadBalancer else { return }
        for (address, ipProtocol) in closedToNode {
            let host = IPPrefix(host: address.address)
            filter(
                "KUBE-IPVS-OUT-FILTER",
                "-s \(host) -m ipvs --vproto \(ipProtocol.rawValue) --vaddr \(address.address) --vport \(address.port) "
                    + "-j DROP")
        }
    }

    private mutating func writePostrouting() {
        let mark = parameters.masqueradeMark
        if isFilled(.loopBack) {
            nat("KUBE-POSTROUTING", "\(commented(.loopBack, "dst,dst,src")) -j MASQUERADE")
        }
        nat("KUBE-POSTROUTING", "-m mark ! --mark \(mark)/\(mark) -j RETURN")
        nat("KUBE-POSTROUTING", "-j MARK --set-xmark \(mark)/0x0")
        nat(
            "KUBE-POSTROUTING",
            "\(comment("kubernetes service traffic requiring SNAT")) -j MASQUERADE --random-fully")
        nat("KUBE-MARK-MASQ", "-j MARK --set-xmark \(mark)/\(mark)")
    }

    private mutating func writeFilter() {
        let mark = parameters.masqueradeMark
        filter("KUBE-FORWARD", "\(comment("kubernetes forwarding rules")) -m mark --mark \(mark)/\(mark) -j ACCEPT")
        filter(
            "KUBE-FORWARD",
            "\(comment("kubernetes forwarding conntrack rule")) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        filter("KUBE-NODE-PORT", "\(commented(.healthCheckNodePort, "dst")) -j ACCEPT")
        guard version.filtersSourceRanges else { return }
        let returned: [IPVSSet] = [.loadBalancer, .clusterIP, .externalIP]
        for set in returned + (version.filtersNodeToLoadBalancer ? [.externalIPLocal] : []) {
            filter("KUBE-IPVS-FILTER", "\(match(set, "dst,dst")) -j RETURN")
        }
        filter("KUBE-IPVS-FILTER", "\(match(.healthCheckNodePort, "dst")) -j RETURN")
        let refusal = family == .ipv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable"
        filter(
            "KUBE-IPVS-FILTER",
            "-m conntrack --ctstate NEW \(match(.addresses, "dst")) -j REJECT --reject-with \(refusal)")
    }
}

// MARK: - As input for the tools that load it

extension IPVSProgram {
    /// For `ipset restore`.
    package var ipsetRestore: String {
        var lines: [String] = []
        for set in usedSets {
            let name = set.name(family)
            let family = self.family == .ipv4 ? "inet" : "inet6"
            lines.append(
                set.isBitmap
                    ? "create \(name) bitmap:port range 0-65535"
                    : "create \(name) \(set.type) family \(family) hashsize 1024 maxelem 65536")
            for entry in sets[set] ?? [] { lines.append("add \(name) \(entry)") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// For `ipvsadm -R`.
    package var ipvsadmRestore: String {
        var lines: [String] = []
        for server in servers {
            guard let option = Self.option(server.ipProtocol) else { continue }
            let persistence = server.persistence.map { " -p \($0)" } ?? ""
            lines.append("-A \(option) \(server.address) -s \(server.scheduler)\(persistence)")
            for real in server.realServers { lines.append("-a \(option) \(server.address) -r \(real) -m -w 1") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func option(_ ipProtocol: IPProtocol) -> String? {
        switch ipProtocol {
        case .tcp: "-t"
        case .udp: "-u"
        case .sctp: "--sctp-service"
        default: nil
        }
    }

    /// For `iptables-restore --noflush`: jumps of base chains go before what is there.
    package var iptablesRestore: String { rules(jumpsFirst: true) }

    /// As `iptables-save` prints them on a node that has no other rules.
    package var saveText: String { rules(jumpsFirst: false) }

    private func rules(jumpsFirst: Bool) -> String {
        var text = ""
        for (table, chains) in [("filter", filter), ("nat", nat)] {
            text += "*\(table)\n"
            for chain in chains.keys.sorted() where chain.hasPrefix("KUBE-") { text += ":\(chain) - [0:0]\n" }
            for (chain, rules) in chains.sorted(by: { $0.key < $1.key }) {
                let isAppended = chain.hasPrefix("KUBE-") || !jumpsFirst
                for (index, rule) in rules.enumerated() {
                    text += "\(isAppended ? "-A \(chain)" : "-I \(chain) \(index + 1)") \(rule)\n"
                }
            }
            text += "COMMIT\n"
        }
        return text
    }
}
