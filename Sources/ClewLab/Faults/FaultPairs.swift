/// Two faults of different kinds that a network has at once.
package struct FaultPair: Sendable {
    package let network: String
    package let faults: [Fault]

    package var name: String { faults.map(\.name).joined(separator: "+") }
}

extension FaultCatalogue {
    /// Pairs of which `clew check` has to find both, each once.
    ///
    /// Neither hides the other wholly: a node whose uplink is down shows nothing else.
    package static let pairs: [FaultPair] = [
        pair("bridge-hostgw", "bridge-nf-off", "foreign-forward-drop"),
        pair("bridge-hostgw", "hairpin-off", "stale-reject"),
        pair("bridge-hostgw", "no-return-route", "base-jump-missing"),
        pair("bridge-hostgw", "input-blocks-kubelet", "service-chain-empty"),
        pair("bridge-hostgw", "one-dead-endpoint", "output-block"),
        pair("bridge-vxlan", "vtep-fdb-missing", "wrong-target-port"),
        pair("bridge-vxlan", "overlay-blocked-in", "hairpin-off"),
        pair("bridge-vxlan", "veth-detached", "stale-endpoint"),
        pair("bridge-vxlan", "forward-drop", "bridge-nf-off"),
        pair("bridge-udp", "egress-not-masqueraded", "foreign-dnat"),
        pair("routed", "proxy-arp-off", "service-unknown"),
        pair("routed", "pod-route-missing", "output-jump-missing"),
        pair("routed", "blackhole-on-wrong-node", "hairpin-no-masquerade"),
        pair("bridge-hostgw-dual", "policy-rule-diverts", "pod-no-route"),
        pair("bridge-vxlan-dual", "vtep-neighbour-missing", "notrack"),
        pair("cni", "legacy-only-drop", "no-default-route"),
        pair("cni", "policy-set", "stale-reject"),
    ].compactMap(\.self)

    private static func pair(_ network: String, _ names: String...) -> FaultPair? {
        let faults = names.compactMap(fault)
        return faults.count == names.count ? FaultPair(network: network, faults: faults) : nil
    }
}
