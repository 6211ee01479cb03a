import ClewKubeProxy
import ClewNet

extension FaultCatalogue {
    /// What goes wrong where kube-proxy uses IPVS.
    static let ipvsFaults: [Fault] = [
        Fault(
            "services-in-cluster-cidr", rows: ["CLEW-IPV013", "CLEW-RTE005", "CLEW-CAP003"],
            symptom:
                "from a node, Services answer only by pods of that node: the node takes the ClusterIP as its source, "
                + "passes for a pod, and is not masqueraded; pods and the world reach all",
            client: [.timesOut], mustSay: ["martian"], example: ("node/worker-a", "svc/shop/api-b"),
            // Calico masquerades what leaves by tunl0 with another device's address.
            in: { $0.proxyMode == .ipvs && $0.overlay == nil },
            prepare: { $0.kubeProxyClusterCIDRs = [wideNetwork].compactMap { $0 } },
            apply: { lab throws(SystemError) in
                guard let wideNetwork else { return }
                // flanneld up to 0.20 has this rule for its network, of which the Services' range is a part.
                let rule = ["-s", "\(wideNetwork)", "-d", "\(wideNetwork)", "-j", "RETURN"]
                for node in lab.nodes {
                    let words = [lab.plan.backend.tool(.ipv4), "-t", "nat", "-I", "FLANNEL-POSTRTG", "1"]
                    try node.namespace.run(Command(words + rule)).output()
                }
            }),
        Fault(
            "vs-conntrack-off", rows: ["CLEW-IPV014"],
            symptom:
                "what needs to be masqueraded is not, so that NodePorts of worker-a reach other nodes' pods in vain",
            client: [.timesOut], mustSay: ["conntrack", "martian", "reply"],
            example: ("node/worker-a", "svc/shop/api-b"),
            in: { $0.proxyMode == .ipvs },
            apply: { lab throws(SystemError) in
                try lab.node("worker-a")?.namespace.setSysctl("net/ipv4/vs/conntrack", "0")
            }),
        Fault(
            "real-server-missing", rows: ["CLEW-IPV003"],
            symptom: "connections of worker-a to a Service are refused though a pod is ready",
            client: [.refused], mustSay: ["no real server"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            in: { $0.proxyMode == .ipvs },
            apply: { lab throws(SystemError) in
                try change(lab, "--delete-server", [])
            }),
        Fault(
            "real-server-weight-zero", rows: ["CLEW-IPV004"],
            symptom: "connections of worker-a to a Service are refused though its pod is ready and listed",
            client: [.refused], mustSay: ["weight 0"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            in: { $0.proxyMode == .ipvs },
            apply: { lab throws(SystemError) in
                try change(lab, "--edit-server", ["--masquerading", "--weight", "0"])
            }),
        Fault(
            "vip-missing", rows: ["CLEW-IPV005"],
            symptom: "pods of worker-a and the world reach a ClusterIP no more; the node itself does",
            client: [.unreachable, .timesOut], mustSay: ["router", "route"],
            example: ("pod/shop/web-0", "svc/shop/api-b"), in: { $0.proxyMode == .ipvs },
            apply: { lab throws(SystemError) in
                let address = Addressing.service(serviceNumber, .ipv4)
                try lab.node("worker-a")?.namespace.ip(["addr del \(address)/32 dev \(IPVSProgram.device)"])
            }),
        Fault(
            "stale-virtual-server", rows: ["CLEW-IPV006"],
            symptom: "on worker-a the address of a deleted Service is still its own, and refuses connections",
            client: [.refused], mustSay: ["virtual server 10.96.0.40"],
            example: ("pod/shop/web-0", "10.96.0.40:80/tcp"),
            in: { $0.proxyMode == .ipvs },
            prepare: { plan in
                let gone = ServicePlan("deleted", number: 40, [ServicePlan.Port("http", 80, to: 8080)], [])
                plan.staleServices["worker-a"] = plan.services + [gone]
            }),
    ]

    /// A network with all pods and all Services.
    private static let wideNetwork = IPPrefix("10.0.0.0/8")

    /// The Service `api-b` and its only pod, at which most of these faults aim.
    private static let serviceNumber = 22

    /// Runs `ipvsadm` on worker-a for the only real server of that Service's ClusterIP.
    private static func change(_ lab: Lab, _ action: String, _ options: [String]) throws(SystemError) {
        guard let node = lab.node("worker-a"), let pod = lab.pod("api-1")?.plan.address(.ipv4) else { return }
        let server = SocketAddress(Addressing.service(serviceNumber, .ipv4), 80)
        let words = [
            "ipvsadm", action, "--tcp-service", "\(server)", "--real-server", "\(SocketAddress(pod, 8080))",
        ]
        try node.namespace.run(Command(words + options)).output()
    }
}
