package import ClewIntent
package import ClewNet

/// The chains and rules kube-proxy writes in iptables mode, in the words `iptables-save` prints them with.
package struct IptablesRules: Sendable {
    /// By table, then chain; a chain of its own appears even when empty.
    package private(set) var filter: [String: [String]] = [:]
    package private(set) var nat: [String: [String]] = [:]

    let intents: [ServicePortIntent]
    let parameters: ProxyParameters
    let family: AddressFamily
    var version: ProxyVersion { parameters.version }
    /// Beyond 1,000 endpoints the rules of endpoints have no comments (largeClusterEndpointsThreshold).
    let isLarge: Bool

    package init(
        _ intents: [ServicePortIntent], for parameters: ProxyParameters, family: AddressFamily
    ) {
        self.intents = intents
        self.parameters = parameters
        self.family = family
        isLarge = intents.reduce(0) { $0 + $1.endpoints.count } > 1000
        writeFrame()
        for intent in intents { write(intent) }
        writeNodePortJump()
    }

    mutating func filter(_ chain: String, _ rule: String) { filter[chain, default: []].append(rule) }
    mutating func nat(_ chain: String, _ rule: String) { nat[chain, default: []].append(rule) }
    mutating func declareNAT(_ chain: String) { nat[chain, default: []] += [] }

    func comment(_ text: String) -> String { "-m comment --comment \"\(text)\"" }

    /// What stands before and behind the address of a rule for a Service port.
    func destination(_ address: IPAddress, _ intent: ServicePortIntent, port: UInt16, comment text: String) -> String {
        let number = intent.name.ipProtocol
        return "-d \(IPPrefix(host: address)) -p \(number) \(comment(text)) -m \(number) --dport \(port)"
    }

    // MARK: - What is there without any Service

    private mutating func writeFrame() {
        for chain in ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS"] {
            filter[chain] = []
        }
        if version.hasExternalChains { filter["KUBE-PROXY-FIREWALL"] = [] } else { nat["KUBE-MARK-DROP"] = [] }
        for chain in ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"] { nat[chain] = [] }
        let mark = parameters.masqueradeMark
        let blocksLocalnet = parameters.localhostNodePorts && version.ownsFirewall
        if blocksLocalnet { filter["KUBE-FIREWALL"] = [] }
        if blocksLocalnet, family == .ipv4 {
            filter(
                "KUBE-FIREWALL",
                "! -s 127.0.0.0/8 -d 127.0.0.0/8 \(comment("block incoming localnet connections")) "
                    + "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP")
        }
        if !parameters.conntrackIsLiberal {
            let count = version.countsWithNfacct ? "-m nfacct --nfacct-name  ct_state_invalid_dropped_pkts " : ""
            filter("KUBE-FORWARD", "-m conntrack --ctstate INVALID \(count)-j DROP")
        }
        filter("KUBE-FORWARD", "\(comment("kubernetes forwarding rules")) -m mark --mark \(mark)/\(mark) -j ACCEPT")
        filter(
            "KUBE-FORWARD",
            "\(comment("kubernetes forwarding conntrack rule")) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        nat("KUBE-MARK-MASQ", "-j MARK --set-xmark \(mark)/\(mark)")
        nat("KUBE-POSTROUTING", "-m mark ! --mark \(mark)/\(mark) -j RETURN")
        nat("KUBE-POSTROUTING", "-j MARK --set-xmark \(mark)/0x0")
        nat(
            "KUBE-POSTROUTING",
            "\(comment("kubernetes service traffic requiring SNAT")) -j MASQUERADE --random-fully")
    }

    private mutating func writeNodePortJump() {
        let text = comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain")
        guard parameters.nodePortAddresses.isEmpty else {
            for address in parameters.nodeAddresses
            where address.family == family && parameters.nodePortAddresses.contains(where: { $0.contains(address) }) {
                nat("KUBE-SERVICES", "-d \(IPPrefix(host: address)) \(text) -j KUBE-NODEPORTS")
            }
            return
        }
        let excluded = family == .ipv6 ? "! -d ::1/128 " : (parameters.localhostNodePorts ? "" : "! -d 127.0.0.0/8 ")
        let loopback = version.sparesLoopbackNodePorts ? excluded : ""
        nat("KUBE-SERVICES", "\(loopback)\(text) -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS")
    }
}
