import ClewNet
import ClewSnapshot

extension FaultCatalogue {
    /// What is wrong with kube-proxy's rules on a node.
    static let kubeProxyFaults: [Fault] = [
        Fault(
            "stale-reject", rows: ["CLEW-KPX009"],
            symptom:
                "connections to the Service are refused on worker-a, though it has endpoints; other nodes are fine",
            client: [.refused], mustSay: ["REJECT"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            prepare: { $0.makeStale("api-b", on: "worker-a") { $0.endpoints = [] } }),
        Fault(
            "stale-endpoint", rows: ["CLEW-KPX002", "CLEW-KPX006"],
            symptom: "connections to the Service time out on worker-a, whose rules send them to a pod that is gone",
            client: [.timesOut, .unreachable], mustSay: ["10.244.2.200"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            prepare: { plan in
                let dead = plan.deadEndpoints()
                plan.makeStale("api-b", on: "worker-a") { $0.endpoints = dead }
            }),
        Fault(
            "service-unknown", rows: ["CLEW-KPX004"],
            symptom: "the ClusterIP leaves worker-a untranslated for the gateway, which knows no way to it",
            client: [.unreachable, .timesOut], mustSay: ["10.96.0.22"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            prepare: { plan in
                plan.staleServices["worker-a"] = plan.services.filter { $0.name.name != "api-b" }
            }),
        Fault(
            "service-chain-empty", rows: ["CLEW-KPX005"],
            symptom: "as service-unknown: the rule for the ClusterIP is there, and jumps to an empty chain",
            client: [.unreachable, .timesOut], mustSay: ["10.96.0.22"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change("nat", on: "worker-a", family, ["-F \(ProbedService.chain("api-b"))"])
                }
            }),
        Fault(
            "base-jump-missing", rows: ["CLEW-KPX007"],
            symptom: "pods of worker-a reach no Service, NodePorts of worker-a answer nobody; processes of the node do",
            client: [.unreachable, .timesOut], mustSay: ["10.96.0.22"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change("nat", on: "worker-a", family, ["-D PREROUTING \(servicePortals)"])
                }
            }),
        Fault(
            "output-jump-missing", rows: ["CLEW-KPX007"],
            symptom: "processes of worker-a reach no Service; pods do",
            client: [.unreachable, .timesOut], mustSay: ["10.96.0.22"], example: ("node/worker-a", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change("nat", on: "worker-a", family, ["-D OUTPUT \(servicePortals)"])
                }
            }),
        Fault(
            "masquerade-missing", rows: ["CLEW-KPX008"],
            symptom:
                "clients outside time out at a NodePort whose endpoint is on another node: the pod answers them past "
                + "the node they asked",
            client: [.timesOut], mustSay: ["the reply"], example: ("203.0.113.50", "192.168.50.11:30022"),
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try lab.eachFamily { family throws(SystemError) in
                        try lab.change("nat", on: node.name, family, ["-F KUBE-POSTROUTING"])
                    }
                }
            }),
        Fault(
            "hairpin-no-masquerade", rows: ["CLEW-KPX017"],
            symptom:
                "a pod's connection to its own Service times out: it takes packets from its own address for forged",
            client: [.timesOut], mustSay: ["martian"], example: ("pod/shop/api-0", "svc/shop/api-a"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let address = try lab.address(ofPod: "api-0", family)
                    let chain = ProbedService.endpointChain("api-a", address)
                    try lab.change(
                        "nat", on: "worker-a", family,
                        [
                            "-F \(chain)",
                            "-A \(chain) -p tcp -m tcp -j DNAT --to-destination \(SocketAddress(address, 8080))",
                        ])
                }
            }),
        Fault(
            "wrong-cluster-cidr", rows: ["CLEW-KPX010", "CLEW-OBJ016"],
            symptom: "pods lose their address on the way to Services, and time out at an external address whose "
                + "endpoints are all on other nodes",
            client: [.timesOut], mustSay: ["DROP"], example: ("pod/shop/web-0", "192.168.50.11:30081"),
            prepare: { plan in
                plan.kubeProxyClusterCIDRs = plan.families.map { family in
                    Addressing.network(of: Addressing.external(0, family))
                }
            }),
        Fault(
            "cluster-cidr-overlap", rows: ["CLEW-RTE005", "CLEW-KPX010"],
            symptom: "clients that are routed to ClusterIPs and whose network is inside the cluster CIDR get an answer "
                + "from the pod instead of the Service, reset it, and time out",
            client: [.timesOut], mustSay: ["the reply"], example: ("203.0.113.50", "10.96.0.22:80"), via: "worker-a",
            prepare: { plan in
                plan.kubeProxyClusterCIDRs = plan.families.map { family in
                    Addressing.network(of: Addressing.outside(0, family))
                }
            },
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let clients = Addressing.network(of: Addressing.outside(0, family))
                    let services = Addressing.network(of: Addressing.service(0, family))
                    try lab.router.ip(["route add \(services) via \(try lab.address(ofNode: "worker-a", family))"])
                    guard lab.network.isFlannel else { return }
                    for node in lab.nodes {
                        // flannel takes the clients for pods too.
                        try lab.change(
                            "nat", on: node.name, family, ["-I FLANNEL-POSTRTG 1 -s \(clients) -j RETURN"])
                    }
                }
            }),
        Fault(
            "localhost-nodeport", rows: ["CLEW-KPX019"],
            symptom: "a NodePort times out at 127.0.0.1; at the node's other addresses it answers",
            client: [.timesOut], mustSay: ["route_localnet"], example: ("node/worker-b", "127.0.0.1:30022"),
            // felix and the portmap plugin set it for single devices.
            in: { $0.isFlannel },
            apply: { lab throws(SystemError) in
                for node in lab.nodes { try node.namespace.setSysctl("net/ipv4/conf/all/route_localnet", "0") }
            }),
        Fault(
            "foreign-dnat", rows: ["CLEW-KPX023"],
            symptom:
                "a NodePort times out at worker-a, where a published container port of the same number comes first",
            client: [.timesOut], mustSay: ["10.244.1.200"], example: ("203.0.113.50", "192.168.50.11:30022"),
            apply: { lab throws(SystemError) in
                // The container is gone; the rule was left.
                try lab.change(
                    "nat", on: "worker-a", .ipv4,
                    ["-I PREROUTING 1 -p tcp -m tcp --dport 30022 -j DNAT --to-destination 10.244.1.200:80"])
            }),
    ]

    private static let servicePortals = "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES"
}
