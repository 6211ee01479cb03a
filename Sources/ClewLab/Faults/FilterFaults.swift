import ClewNet

extension FaultCatalogue {
    /// What drops packets that should pass.
    static let filterFaults: [Fault] = [
        Fault(
            "forward-drop", rows: ["CLEW-FW001", "CLEW-FLN013", "CLEW-BR019"],
            symptom:
                "pods reach no other node's pods and no Services there, nor, with br_netfilter, pods of their own node",
            client: [.timesOut], mustSay: ["FORWARD"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            // flannel and docker accept pods' traffic by rules of their own, which are taken out as older versions had none.
            in: { $0.isFlannel }, apply: dropForwarded),
        Fault(
            "forward-drop-no-brnf", rows: ["CLEW-FW001", "CLEW-FLN013", "CLEW-BR001", "CLEW-BR003"],
            symptom: "as forward-drop, but pods of one node reach each other: their frames do not pass iptables",
            client: [.timesOut], mustSay: ["FORWARD"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.isFlannel },
            apply: { lab throws(SystemError) in
                try dropForwarded(lab)
                for node in lab.nodes {
                    try node.namespace.setSysctls([
                        ("net/bridge/bridge-nf-call-iptables", "0"), ("net/bridge/bridge-nf-call-ip6tables", "0"),
                    ])
                }
            }),
        Fault(
            "foreign-forward-drop", rows: ["CLEW-FW008"],
            symptom: "port 8080 of worker-b's pods times out from everywhere but worker-b itself",
            client: [.timesOut], mustSay: ["hardening"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let pods = try lab.podPrefix(ofNode: "worker-b", family)
                    try lab.change(
                        "filter", on: "worker-b", family,
                        ["-I FORWARD 1 -d \(pods) -p tcp -m tcp --dport 8080 -m comment --comment hardening -j DROP"])
                }
            }),
        Fault(
            "host-prohibited", rows: ["CLEW-FW004", "CLEW-FW002"],
            symptom: "pods behind worker-b answer \"no route to host\", though routes are right",
            client: [.unreachable, .timesOut], mustSay: ["prohibited"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let type = family == .ipv4 ? "icmp-host-prohibited" : "icmp6-adm-prohibited"
                    try lab.change(
                        "filter", on: "worker-b", family,
                        [
                            "-I FORWARD 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                            "-I FORWARD 2 -j REJECT --reject-with \(type)",
                        ])
                }
            }),
        Fault(
            "legacy-only-drop", rows: ["CLEW-FW007", "CLEW-KPX013"],
            symptom: "pods of other nodes cannot be reached, though the rules one tool shows accept them: the other "
                + "tool's drop them",
            client: [.timesOut], mustSay: ["FORWARD"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            apply: { lab throws(SystemError) in
                let other: RuleBackend = lab.plan.backend == .nft ? .legacy : .nft
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change("filter", on: "worker-b", family, in: other, [":FORWARD DROP [0:0]"])
                }
            }),
        Fault(
            "policy-set", rows: ["CLEW-POL001"],
            symptom: "only pods a policy names reach api-1; all others time out, and its probes by the node do too",
            client: [.timesOut], mustSay: ["match-set"], example: ("pod/shop/web-0", "svc/shop/api-b"), apply: setPolicy
        ),
        Fault(
            "notrack", rows: ["CLEW-CT013"],
            symptom: "pods of worker-a reach no Service: their packets are not tracked, so no rule translates them",
            client: [.unreachable, .timesOut], mustSay: ["notrack", "NOTRACK", "10.96.0.22"],
            example: ("pod/shop/web-0", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let services = Addressing.network(of: Addressing.service(0, family))
                    try lab.change("raw", on: "worker-a", family, ["-I PREROUTING 1 -d \(services) -j CT --notrack"])
                }
            }),
        Fault(
            "input-blocks-kubelet", rows: ["CLEW-FW005"],
            symptom: "logs and exec fail for pods of worker-b; its pods and Services answer",
            client: [.timesOut], mustSay: ["INPUT"], example: ("node/worker-a", "192.168.50.12:10250"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change(
                        "filter", on: "worker-b", family, ["-I INPUT 1 -p tcp -m tcp --dport 10250 -j DROP"])
                }
            }),
        Fault(
            "output-block", rows: ["CLEW-FW009"],
            symptom: "processes of worker-a reach no pods, neither by Services; pods do",
            client: [.timesOut], mustSay: ["OUTPUT"], example: ("node/worker-a", "svc/shop/api-b"),
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.change(
                        "filter", on: "worker-a", family,
                        ["-I OUTPUT 1 -d \(Addressing.cluster(family)) -p tcp -j DROP"])
                }
            }),
        Fault(
            "egress-not-masqueraded", rows: ["CLEW-RTE024", "CLEW-FLN015"],
            symptom: "pods reach the whole cluster, and nothing outside of it",
            client: [.timesOut], mustSay: ["10.244.1.5"], example: ("pod/shop/web-0", "203.0.113.50:443"),
            in: { $0.isFlannel },
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    try lab.eachFamily { family throws(SystemError) in
                        try lab.change("nat", on: node.name, family, ["-F FLANNEL-POSTRTG"])
                    }
                }
            }),
    ]

    private static func dropForwarded(_ lab: Lab) throws(SystemError) {
        for node in lab.nodes {
            try lab.eachFamily { family throws(SystemError) in
                try lab.change(
                    "filter", on: node.name, family,
                    [
                        ":FORWARD DROP [0:0]",
                        "-D FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD",
                    ])
            }
        }
    }

    /// A policy as kube-router shapes it: a chain a pod, and a set of those who may.
    private static func setPolicy(_ lab: Lab) throws(SystemError) {
        guard let worker = lab.node("worker-b") else { return }
        try lab.eachFamily { family throws(SystemError) in
            let allowed = try lab.address(ofPod: "db-0", family)
            let pod = try lab.address(ofPod: "api-1", family)
            let (set, inet) = family == .ipv4 ? ("KUBE-SRC-DB", "inet") : ("inet6:KUBE-SRC-DB", "inet6")
            try worker.namespace.run(
                "ipset", "restore", input: "create \(set) hash:ip family \(inet)\nadd \(set) \(allowed)\n")
            try lab.change(
                "filter", on: "worker-b", family,
                [
                    ":KUBE-POD-FW-API1 - [0:0]", "-I FORWARD 1 -d \(pod) -j KUBE-POD-FW-API1",
                    "-I OUTPUT 1 -d \(pod) -j KUBE-POD-FW-API1",
                    "-A KUBE-POD-FW-API1 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
                    "-A KUBE-POD-FW-API1 -m set ! --match-set \(set) src -j DROP",
                ])
        }
    }
}
