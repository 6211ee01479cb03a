import ClewNet

extension FaultCatalogue {
    /// What is wrong with one pod's connection to its node, or its address.
    static let podFaults: [Fault] = [
        Fault(
            "pod-no-route", rows: ["CLEW-BR022"],
            symptom: "api-1 answers pods of its own network only; requests of others arrive and are not answered",
            client: [.timesOut, .unreachable], mustSay: ["no route"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let cluster = lab.network.isFlannel ? ["route del \(Addressing.cluster(family))"] : []
                    try lab.pod("api-1")?.namespace.ip(["route del \(everything(family))"] + cluster)
                }
            }),
        Fault(
            "veth-detached", rows: ["CLEW-BR006"],
            symptom: "api-1 has no network at all", client: [.timesOut, .unreachable], mustSay: ["10.244.2.6"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"), in: { $0.isFlannel },
            apply: { lab throws(SystemError) in
                guard let pod = lab.pod("api-1") else { return }
                try lab.ip(on: "worker-b", ["link set \(pod.deviceOnNode(prefix: "veth")) nomaster"])
            }),
        Fault(
            "bridge-down", rows: ["CLEW-BR008"],
            symptom: "worker-b's pods have no network at all", client: [.timesOut, .unreachable],
            mustSay: ["10.244.2.6", "cni0", "docker0", "route"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            // Without docker0's route the packets go back into the tunnel, for flanneld to decide.
            in: { $0.isFlannel && $0.overlay != "flannel0" },
            apply: { lab throws(SystemError) in try lab.ip(on: "worker-b", ["link set \(lab.bridgeName) down"]) }),
        Fault(
            "pod-route-missing", rows: ["CLEW-CAL008"],
            symptom: "api-1 times out, from its own node too: its /32 route is gone, and the block's blackhole is left",
            client: [.timesOut], mustSay: ["blackhole"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { !$0.isBridged },
            apply: { lab throws(SystemError) in
                try lab.ip(on: "worker-b", ["route del \(try lab.address(ofPod: "api-1", .ipv4))"])
            }),
        Fault(
            "proxy-arp-off", rows: ["CLEW-CAL008"],
            symptom: "api-1 gets requests, and cannot answer: nobody says who 169.254.1.1 is",
            client: [.timesOut], mustSay: ["proxy_arp"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { !$0.isBridged },
            apply: { lab throws(SystemError) in
                guard let pod = lab.pod("api-1"), let worker = lab.node("worker-b") else { return }
                try worker.namespace.setSysctl("net/ipv4/conf/\(pod.deviceOnNode(prefix: "cali"))/proxy_arp", "0")
            }),
        Fault(
            "duplicate-pod-address", rows: ["CLEW-RTE021"],
            symptom: "from worker-b, api-0's address is worker-b itself, which refuses; other nodes reach the pod",
            client: [.refused], mustSay: ["nobody listens"], example: ("pod/shop/web-1", "pod/shop/api-0:8080"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let address = IPPrefix(host: try lab.address(ofPod: "api-0", family))
                    let nodad = family == .ipv4 ? "" : " nodad"
                    try lab.ip(on: "worker-b", ["addr add \(address) dev lo\(nodad)"])
                }
            }),
    ]
}
