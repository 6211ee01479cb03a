extension FaultCatalogue {
    /// What breaks between pods of one bridge.
    static let bridgeFaults: [Fault] = [
        Fault(
            "bridge-nf-off", rows: ["CLEW-BR001", "CLEW-BR003"],
            symptom: "a pod's connection to a Service times out if the endpoint is on its own node; other nodes' "
                + "endpoints answer",
            client: [.timesOut], mustSay: ["bridge-nf-call-iptables = 0"],
            example: ("pod/shop/web-0", "svc/shop/api-a"),
            in: { $0.isBridged },
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try node.namespace.setSysctls([
                        ("net/bridge/bridge-nf-call-iptables", "0"), ("net/bridge/bridge-nf-call-ip6tables", "0"),
                    ])
                }
            }),
        Fault(
            "hairpin-off", rows: ["CLEW-BR005"],
            symptom: "a pod's connection to its own Service times out; no conntrack entry is confirmed",
            client: [.timesOut], mustSay: ["hairpin"], example: ("pod/shop/api-0", "svc/shop/api-a"),
            in: { $0.isBridged },
            prepare: { $0.hairpin = false }),
    ]
}
