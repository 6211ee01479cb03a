import ClewNet

extension FaultCatalogue {
    /// What keeps the kernel from forwarding, or leads it astray.
    static let routingFaults: [Fault] = [
        Fault(
            "ip-forward-off", rows: ["CLEW-SYS001"],
            symptom: "pods reach neither other nodes' pods nor Services; the node itself still reaches its pods",
            mustSay: ["ip_forward", "forwarding"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try node.namespace.setSysctl("net/ipv4/ip_forward", "0")
                    if lab.network.isDualStack { try node.namespace.setSysctl("net/ipv6/conf/all/forwarding", "0") }
                }
            }),
        Fault(
            "no-return-route", rows: ["CLEW-RTE001"],
            symptom:
                "pods of worker-a get no answer from pods of worker-b: their requests arrive, the answers do not return",
            mustSay: ["route"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay != "flannel0" && !$0.podsAreRoutable },
            apply: { lab throws(SystemError) in
                guard let worker = lab.node("worker-b"), let far = lab.plan.node("worker-a") else { return }
                try worker.namespace.ip(
                    far.podPrefixes.map { "route del \($0.network)" })
            }),
    ]
}
