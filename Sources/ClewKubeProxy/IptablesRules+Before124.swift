import ClewIntent
import ClewNet

/// What kube-proxy wrote up to 1.23: KUBE-XLB for local traffic, KUBE-FW for every load balancer, and a mark for what
/// is to be dropped.
extension IptablesRules {
    mutating func writeBefore124(_ intent: ServicePortIntent) {
        let selected = intent.selected(for: parameters)
        let service = ChainNames.service("KUBE-SVC-", intent.name)
        let localOnly = ChainNames.service("KUBE-XLB-", intent.name)
        if selected.hasAny { declareNAT(service) }
        if intent.externalPolicyIsLocal { declareNAT(localOnly) }
        writeClusterIP(intent, selected, service)
        for address in intent.externalIPs {
            writeExternalIP(address, intent, selected, intent.externalPolicyIsLocal ? localOnly : service)
        }
        for address in intent.loadBalancerIPs {
            writeLoadBalancer(address, intent, selected, intent.externalPolicyIsLocal ? localOnly : service)
        }
        writeNodePort(intent, selected, intent.externalPolicyIsLocal ? localOnly : service)
        writeHealthCheck(intent)
        guard selected.hasAny else { return }
        writeBalancing(service, selected.cluster, intent)
        if intent.externalPolicyIsLocal { writeLocalOnly(intent, selected, localOnly, service) }
        for endpoint in selected.reachable { writeEndpoint(endpoint, intent) }
    }

    private func rejected(_ intent: ServicePortIntent) -> (comment: String, target: String) {
        let type = family == .ipv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable"
        return ("\(intent.name) has no endpoints", "REJECT --reject-with \(type)")
    }

    private mutating func writeClusterIP(
        _ intent: ServicePortIntent, _ selected: SelectedEndpoints, _ service: String
    ) {
        guard selected.hasAny else {
            let (text, target) = rejected(intent)
            let rule = destination(intent.clusterIP, intent, port: intent.port, comment: text)
            return filter("KUBE-SERVICES", "\(rule) -j \(target)")
        }
        let rule = destination(intent.clusterIP, intent, port: intent.port, comment: "\(intent.name) cluster IP")
        if parameters.masqueradeAll {
            nat(service, "\(rule) -j KUBE-MARK-MASQ")
        } else if let foreign = foreignSource {
            nat(service, "\(foreign) \(rule) -j KUBE-MARK-MASQ")
        }
        nat("KUBE-SERVICES", "\(rule) -j \(service)")
    }

    private mutating func refuse(_ address: IPAddress, _ intent: ServicePortIntent) {
        let (text, target) = rejected(intent)
        let rule = destination(address, intent, port: intent.port, comment: text)
        filter("KUBE-EXTERNAL-SERVICES", "\(rule) -j \(target)")
    }

    private mutating func writeExternalIP(
        _ address: IPAddress, _ intent: ServicePortIntent, _ selected: SelectedEndpoints, _ target: String
    ) {
        guard selected.hasAny else { return refuse(address, intent) }
        let rule = destination(address, intent, port: intent.port, comment: "\(intent.name) external IP")
        if !intent.externalPolicyIsLocal {
            let from = foreignSource.map { "\($0) " } ?? ""
            nat(target, "\(from)\(rule) -j KUBE-MARK-MASQ")
        }
        nat("KUBE-SERVICES", "\(rule) -j \(target)")
    }

    private mutating func writeLoadBalancer(
        _ address: IPAddress, _ intent: ServicePortIntent, _ selected: SelectedEndpoints, _ target: String
    ) {
        guard selected.hasAny else { return refuse(address, intent) }
        let firewall = ChainNames.service("KUBE-FW-", intent.name)
        let rule = destination(address, intent, port: intent.port, comment: "\(intent.name) loadbalancer IP")
        nat("KUBE-SERVICES", "\(rule) -j \(firewall)")
        let text = comment("\(intent.name) loadbalancer IP")
        if !intent.externalPolicyIsLocal { nat(firewall, "\(text) -j KUBE-MARK-MASQ") }
        if intent.sourceRanges.isEmpty {
            nat(firewall, "\(text) -j \(target)")
        } else {
            for range in intent.sourceRanges { nat(firewall, "-s \(range.network) \(text) -j \(target)") }
            let ranges = AddressSet(intent.sourceRanges, family)
            if parameters.addressesInSourceRanges.contains(where: ranges.contains) {
                nat(firewall, "-s \(IPPrefix(host: address)) \(text) -j \(target)")
            }
        }
        nat(firewall, "\(text) -j KUBE-MARK-DROP")
    }

    private mutating func writeNodePort(
        _ intent: ServicePortIntent, _ selected: SelectedEndpoints, _ target: String
    ) {
        guard let port = intent.nodePort else { return }
        let number = intent.name.ipProtocol
        guard selected.hasAny else {
            let (text, reject) = rejected(intent)
            return filter(
                "KUBE-EXTERNAL-SERVICES",
                "-p \(number) \(comment(text)) -m addrtype --dst-type LOCAL -m \(number) --dport \(port) -j \(reject)")
        }
        let rule = "-p \(number) \(comment(intent.name.description)) -m \(number) --dport \(port)"
        if intent.externalPolicyIsLocal {
            let loopback = family == .ipv4 ? "127.0.0.0/8" : "::1/128"
            nat("KUBE-NODEPORTS", "-s \(loopback) \(rule) -j KUBE-MARK-MASQ")
        } else {
            nat(target, "\(rule) -j KUBE-MARK-MASQ")
        }
        nat("KUBE-NODEPORTS", "\(rule) -j \(target)")
    }

    private mutating func writeLocalOnly(
        _ intent: ServicePortIntent, _ selected: SelectedEndpoints, _ chain: String, _ service: String
    ) {
        if let own = localSource {
            let text = "Redirect pods trying to reach external loadbalancer VIP to clusterIP"
            nat(chain, "\(own) \(comment(text)) -j \(service)")
        }
        let masquerade = comment("masquerade LOCAL traffic for \(intent.name) LB IP")
        nat(chain, "\(masquerade) -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ")
        let route = comment("route LOCAL traffic for \(intent.name) LB IP to service chain")
        nat(chain, "\(route) -m addrtype --src-type LOCAL -j \(service)")
        if selected.local.isEmpty {
            nat(chain, "\(comment("\(intent.name) has no local endpoints")) -j KUBE-MARK-DROP")
        } else {
            writeBalancing(chain, selected.local, intent)
        }
    }
}
