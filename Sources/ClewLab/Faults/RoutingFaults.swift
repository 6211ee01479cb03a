import ClewNet

extension FaultCatalogue {
    /// What keeps the kernel from forwarding, or leads it astray.
    static let routingFaults: [Fault] = [
        Fault(
            "ip-forward-off", rows: ["CLEW-SYS001"],
            symptom: "pods reach neither other nodes' pods nor Services; the node itself still reaches its pods",
            client: [.timesOut], mustSay: ["ip_forward", "forwarding"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try node.namespace.setSysctl("net/ipv4/ip_forward", "0")
                    if lab.network.isDualStack { try node.namespace.setSysctl("net/ipv6/conf/all/forwarding", "0") }
                }
            }),
        Fault(
            "interface-forward-off", rows: ["CLEW-SYS003"],
            symptom: "other nodes' pods time out at worker-b's pods; the node itself, and its pods, reach the world",
            client: [.timesOut], mustSay: ["forwarding"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                let device = lab.network.overlay ?? "eth0"
                try lab.node("worker-b")?.namespace.setSysctl("net/ipv4/conf/\(device)/forwarding", "0")
            }),
        Fault(
            "no-return-route", rows: ["CLEW-RTE001"],
            symptom:
                "pods of worker-a get no answer from pods of worker-b: their requests arrive, the answers do not return",
            client: [.timesOut], mustSay: ["route"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay != "flannel0" && !$0.podsAreRoutable && !$0.masqueradesPods },
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.ip(on: "worker-b", ["route del \(try lab.podPrefix(ofNode: "worker-a", family))"])
                }
            }),
        Fault(
            "wrong-next-hop", rows: ["CLEW-RTE002", "CLEW-RTE023"],
            symptom: "worker-a's pods get \"network is unreachable\" from a router that does not know worker-b's pods",
            client: [.unreachable, .timesOut], mustSay: ["no route on router"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay == nil && !$0.podsAreRoutable },
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let pods = try lab.podPrefix(ofNode: "worker-b", family)
                    try lab.ip(
                        on: "worker-a", ["route replace \(pods) via \(Addressing.router(family)) dev eth0"])
                }
            }),
        Fault(
            "next-hop-loop", rows: ["CLEW-RTE002"],
            symptom: "packets for worker-b's pods go back and forth between two nodes until their TTL ends",
            client: [.timesOut, .unreachable], mustSay: ["round"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay == nil && !$0.masqueradesPods },
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let pods = try lab.podPrefix(ofNode: "worker-b", family)
                    for (node, other) in [("worker-a", "worker-c"), ("worker-c", "worker-a")] {
                        let gateway = try lab.address(ofNode: other, family)
                        try lab.ip(on: node, ["route replace \(pods) via \(gateway) dev eth0\(proto(lab))"])
                    }
                }
            }),
        Fault(
            "blackhole-on-wrong-node", rows: ["CLEW-RTE029", "CLEW-CAL007"],
            symptom: "worker-a's pods and processes get nothing from api-1; other nodes do",
            client: [.timesOut], mustSay: ["blackhole"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let block = try lab.address(ofPod: "api-1", family)
                    let length = family == .ipv4 ? 26 : 122
                    let prefix = IPPrefix(block, length: UInt8(length))?.network
                    try lab.ip(on: "worker-a", ["route add blackhole \(prefix ?? IPPrefix(host: block))"])
                }
            }),
        Fault(
            "shadowing-bridge", rows: ["CLEW-RTE004"],
            symptom: "worker-a alone cannot reach worker-b's pods: a bridge for virtual machines has their network",
            client: [.timesOut, .unreachable], mustSay: ["virbr0"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                try lab.ip(
                    on: "worker-a",
                    [
                        "link add virbr0 type bridge", "link set virbr0 up",
                        "addr add 10.244.2.126/25 brd + dev virbr0",
                    ])
            }),
        Fault(
            "rp-filter-asymmetric", rows: ["CLEW-SYS004", "CLEW-RTE018"],
            symptom: "worker-b drops what comes from worker-a's pods: it would answer them by its second network",
            client: [.timesOut], mustSay: ["rp_filter"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { !$0.masqueradesPods },
            apply: { lab throws(SystemError) in
                guard let worker = lab.node("worker-b") else { return }
                let pods = try lab.podPrefix(ofNode: "worker-a", .ipv4)
                try lab.router.ip([
                    "link add mgmt type veth peer name eth1 netns \(worker.namespace.path)",
                    "addr add 192.168.70.1/24 brd + dev mgmt", "link set mgmt up",
                    "route replace \(pods) via \(try lab.address(ofNode: "worker-a", .ipv4))",
                ])
                try lab.ip(
                    on: "worker-b",
                    [
                        "addr add 192.168.70.12/24 brd + dev eth1", "link set eth1 up",
                        "route add \(IPPrefix(pods.address, length: 25)?.description ?? "") via 192.168.70.1 dev eth1",
                    ])
                try worker.namespace.setSysctl("net/ipv4/conf/all/rp_filter", "1")
            }),
        Fault(
            "no-default-route", rows: ["CLEW-RTE008"],
            symptom:
                "processes of worker-a get \"network is unreachable\" for every ClusterIP; its pods reach Services",
            client: [.unreachable, .timesOut], mustSay: ["no route on worker-a"],
            example: ("node/worker-a", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.ip(
                        on: "worker-a",
                        [
                            // The way to the clients stays, as on a node whose administrator wrote its routes one by one.
                            "route add \(Addressing.network(of: Addressing.outside(0, family))) via "
                                + "\(Addressing.router(family)) dev eth0",
                            "route del \(everything(family))",
                        ])
                }
            }),
        Fault(
            "policy-rule-diverts", rows: ["CLEW-RTE030"],
            symptom: "worker-a's pods reach nothing beyond their node; the node itself does",
            client: [.unreachable, .timesOut], mustSay: ["prohibit", "forbids", "169.254.1.1"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let pods = try lab.podPrefix(ofNode: "worker-a", family)
                    try lab.ip(on: "worker-a", ["route add prohibit \(everything(family)) table 100"])
                    // A batch takes every rule for one of IPv4.
                    try lab.node("worker-a")?.namespace.run(
                        "ip", family == .ipv4 ? "-4" : "-6", "rule", "add", "from", "\(pods)", "lookup", "100", "pref",
                        "100")
                }
            }),
        Fault(
            "uplink-down", rows: ["CLEW-RTE028"],
            symptom: "worker-b and its pods are cut off from everything",
            client: [.timesOut, .unreachable], mustSay: ["eth0 of worker-b is down", "no route on worker-b"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in try lab.ip(on: "worker-b", ["link set eth0 down"]) }),
    ]

    /// BGP's routes are told apart by their protocol: only with it is one replaced.
    private static func proto(_ lab: Lab) -> String { lab.network.podsAreRoutable ? " proto bird" : "" }
}
