import ClewIntent
import ClewNet

/// The chains of one Service port and which of them are in use (`syncProxyRules`).
private struct ServiceChains {
    let cluster: String
    let local: String
    let external: String
    let firewall: String
    let usesCluster: Bool
    let usesLocal: Bool
    let usesExternal: Bool
    let usesFirewall: Bool
    /// What traffic inside, and from outside, goes to.
    let internalPolicy: String
    let externalPolicy: String
    let hasInternal: Bool
    let hasExternal: Bool
    let hasAny: Bool

    init(_ intent: ServicePortIntent, _ selected: SelectedEndpoints) {
        cluster = ChainNames.service("KUBE-SVC-", intent.name)
        local = ChainNames.service("KUBE-SVL-", intent.name)
        external = ChainNames.service("KUBE-EXT-", intent.name)
        firewall = ChainNames.service("KUBE-FW-", intent.name)
        hasAny = selected.hasAny
        usesCluster = !selected.cluster.isEmpty && intent.usesClusterEndpoints
        usesLocal = !selected.local.isEmpty && intent.usesLocalEndpoints
        internalPolicy = intent.internalPolicyIsLocal ? local : cluster
        externalPolicy = intent.externalPolicyIsLocal ? local : cluster
        hasInternal = hasAny && !(intent.internalPolicyIsLocal && selected.local.isEmpty)
        hasExternal = hasAny && !(intent.externalPolicyIsLocal && selected.local.isEmpty)
        usesExternal = hasAny && intent.isExternallyAccessible
        usesFirewall = hasAny && !intent.loadBalancerIPs.isEmpty && !intent.sourceRanges.isEmpty
    }

    /// What the filter table does with traffic that has no endpoint to go to.
    func refusal(of family: AddressFamily) -> (comment: String, target: String) {
        let type = family == .ipv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable"
        return hasAny ? ("has no local endpoints", "DROP") : ("has no endpoints", "REJECT --reject-with \(type)")
    }
}

extension IptablesRules {
    mutating func write(_ intent: ServicePortIntent) {
        guard version.hasExternalChains else { return writeBefore124(intent) }
        let selected = intent.selected(for: parameters)
        let chains = ServiceChains(intent, selected)
        writeEntries(intent, chains)
        writeNodePorts(intent, chains)
        writeHealthCheck(intent)
        if chains.usesFirewall { writeFirewall(intent, chains) }
        if chains.hasInternal { writeMasquerade(intent, chains) }
        if chains.usesExternal { writeExternal(intent, chains) }
        if chains.usesCluster { writeBalancing(chains.cluster, selected.cluster, intent) }
        if chains.usesLocal { writeBalancing(chains.local, selected.local, intent) }
        for endpoint in selected.reachable { writeEndpoint(endpoint, intent) }
    }

    /// The rules that catch a packet by its destination: ClusterIP, external and load-balancer addresses.
    private mutating func writeEntries(_ intent: ServicePortIntent, _ chains: ServiceChains) {
        let name = intent.name.description
        let refusal = chains.refusal(of: family)
        let refused = "\(name) \(refusal.comment)"
        if chains.hasInternal {
            let rule = destination(intent.clusterIP, intent, port: intent.port, comment: "\(name) cluster IP")
            nat("KUBE-SERVICES", "\(rule) -j \(chains.internalPolicy)")
        } else {
            let rule = destination(intent.clusterIP, intent, port: intent.port, comment: refused)
            filter("KUBE-SERVICES", "\(rule) -j \(refusal.target)")
        }
        for address in intent.externalIPs {
            if chains.hasAny {
                let rule = destination(address, intent, port: intent.port, comment: "\(name) external IP")
                nat("KUBE-SERVICES", "\(rule) -j \(chains.external)")
            }
            refuse(address, intent, chains, refused, refusal.target)
        }
        for address in intent.loadBalancerIPs {
            if chains.hasAny {
                let rule = destination(address, intent, port: intent.port, comment: "\(name) loadbalancer IP")
                nat("KUBE-SERVICES", "\(rule) -j \(chains.usesFirewall ? chains.firewall : chains.external)")
            }
            if chains.usesFirewall {
                let text = "\(name) traffic not accepted by \(chains.firewall)"
                filter(
                    "KUBE-PROXY-FIREWALL", "\(destination(address, intent, port: intent.port, comment: text)) -j DROP")
            }
            refuse(address, intent, chains, refused, refusal.target)
        }
    }

    private mutating func refuse(
        _ address: IPAddress, _ intent: ServicePortIntent, _ chains: ServiceChains, _ text: String, _ target: String
    ) {
        guard !chains.hasExternal else { return }
        let rule = destination(address, intent, port: intent.port, comment: text)
        filter("KUBE-EXTERNAL-SERVICES", "\(rule) -j \(target)")
    }

    private mutating func writeNodePorts(_ intent: ServicePortIntent, _ chains: ServiceChains) {
        let name = intent.name.description
        let number = intent.name.ipProtocol
        if let port = intent.nodePort {
            if chains.hasAny {
                if version.countsWithNfacct, parameters.localhostNodePorts, family == .ipv4 {
                    nat(
                        "KUBE-NODEPORTS",
                        "-d 127.0.0.0/8 -p \(number) \(comment(name)) -m \(number) --dport \(port) "
                            + "-m nfacct --nfacct-name  localhost_nps_accepted_pkts -j \(chains.external)")
                }
                nat(
                    "KUBE-NODEPORTS", "-p \(number) \(comment(name)) -m \(number) --dport \(port) -j \(chains.external)"
                )
            }
            if !chains.hasExternal {
                let refusal = chains.refusal(of: family)
                filter(
                    "KUBE-EXTERNAL-SERVICES",
                    "-p \(number) \(comment("\(name) \(refusal.comment)")) -m addrtype --dst-type LOCAL -m \(number) "
                        + "--dport \(port) -j \(refusal.target)")
            }
        }
    }

    mutating func writeHealthCheck(_ intent: ServicePortIntent) {
        guard let port = intent.healthCheckNodePort else { return }
        filter(
            "KUBE-NODEPORTS",
            "-p tcp \(comment("\(intent.name) health check node port")) -m tcp --dport \(port) -j ACCEPT")
    }

    private mutating func writeFirewall(_ intent: ServicePortIntent, _ chains: ServiceChains) {
        let text = comment("\(intent.name) loadbalancer IP")
        var allowsNode = false
        for range in intent.sourceRanges {
            nat(chains.firewall, "-s \(range.network) \(text) -j \(chains.external)")
            if parameters.addressesInSourceRanges.contains(where: range.contains) { allowsNode = true }
        }
        if allowsNode {
            for address in intent.loadBalancerIPs {
                nat(chains.firewall, "-s \(IPPrefix(host: address)) \(text) -j \(chains.external)")
            }
        }
        nat(chains.firewall, comment("other traffic to \(intent.name) will be dropped by KUBE-PROXY-FIREWALL"))
    }

    /// Traffic to the ClusterIP that does not come from a pod of this node gets the node's address.
    private mutating func writeMasquerade(_ intent: ServicePortIntent, _ chains: ServiceChains) {
        declareNAT(chains.internalPolicy)
        let rule = destination(intent.clusterIP, intent, port: intent.port, comment: "\(intent.name) cluster IP")
        if parameters.masqueradeAll {
            nat(chains.internalPolicy, "\(rule) -j KUBE-MARK-MASQ")
        } else if let foreign = foreignSource {
            nat(chains.internalPolicy, "\(foreign) \(rule) -j KUBE-MARK-MASQ")
        }
    }

    private mutating func writeExternal(_ intent: ServicePortIntent, _ chains: ServiceChains) {
        declareNAT(chains.external)
        let name = "\(intent.name) external destinations"
        if intent.externalPolicyIsLocal {
            if let own = localSource {
                nat(chains.external, "\(own) \(comment("pod traffic for \(name)")) -j \(chains.cluster)")
            }
            nat(
                chains.external,
                "\(comment("masquerade LOCAL traffic for \(name)")) -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ")
            nat(
                chains.external,
                "\(comment("route LOCAL traffic for \(name)")) -m addrtype --src-type LOCAL -j \(chains.cluster)")
        } else {
            nat(chains.external, "\(comment("masquerade traffic for \(name)")) -j KUBE-MARK-MASQ")
        }
        if chains.hasExternal { nat(chains.external, "-j \(chains.externalPolicy)") }
    }

    var localSource: String? { parameters.localSource(family) }

    var foreignSource: String? { localSource.map { "! \($0)" } }

    private func endpointComment(_ text: String) -> String { isLarge ? "" : comment(text) + " " }

    mutating func writeBalancing(_ chain: String, _ endpoints: [EndpointIntent], _ intent: ServicePortIntent) {
        declareNAT(chain)
        let namesEndpoint = version.hasExternalChains
        let mask = family == .ipv4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        if let seconds = intent.affinitySeconds {
            for endpoint in endpoints {
                let target = ChainNames.endpoint(intent.name, endpoint.address)
                nat(
                    chain,
                    endpointComment(namesEndpoint ? "\(intent.name) -> \(endpoint.address)" : intent.name.description)
                        + "-m recent --rcheck --seconds \(seconds) --reap --name \(target) --mask \(mask) --rsource -j \(target)"
                )
            }
        }
        for (index, endpoint) in endpoints.enumerated() {
            let target = ChainNames.endpoint(intent.name, endpoint.address)
            let rest = endpoints.count - index
            let chance = rest == 1 ? "" : "-m statistic --mode random --probability \(Self.probability(rest)) "
            nat(
                chain,
                endpointComment(namesEndpoint ? "\(intent.name) -> \(endpoint.address)" : intent.name.description)
                    + "\(chance)-j \(target)")
        }
    }

    /// 1/n, rounded to the kernel's 31 bits, with the eleven digits iptables-save prints.
    static func probability(_ n: Int) -> String {
        let threshold = UInt128(EqualShares.threshold(oneOf: n))
        let digits = String((threshold * 200_000_000_000 / 0x8000_0000 + 1) / 2)
        return "0." + String(repeating: "0", count: max(0, 11 - digits.count)) + digits
    }

    mutating func writeEndpoint(_ endpoint: EndpointIntent, _ intent: ServicePortIntent) {
        let chain = ChainNames.endpoint(intent.name, endpoint.address)
        let number = intent.name.ipProtocol
        let text = endpointComment(intent.name.description)
        let mask = family == .ipv4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        let remembers = intent.affinitySeconds == nil ? "" : "-m recent --set --name \(chain) --mask \(mask) --rsource "
        nat(chain, "-s \(IPPrefix(host: endpoint.address.address)) \(text)-j KUBE-MARK-MASQ")
        nat(chain, "-p \(number) \(text)\(remembers)-m \(number) -j DNAT --to-destination \(endpoint.address)")
    }
}
