extension FaultCatalogue {
    /// What drops packets that should pass.
    static let filterFaults: [Fault] = [
        Fault(
            "forward-drop", rows: ["CLEW-FW001", "CLEW-FLN013", "CLEW-BR019"],
            symptom:
                "pods reach no other node's pods and no Services there, nor, with br_netfilter, pods of their own node",
            mustSay: ["FORWARD"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            // flannel and docker accept pods' traffic by rules of their own, which are taken out as older versions had none.
            in: { $0.isBridged },
            apply: { lab throws(SystemError) in
                for node in lab.nodes {
                    for family in lab.plan.families {
                        let tool = lab.plan.backend.tool(family)
                        let jump = ["-m", "comment", "--comment", "flanneld forward", "-j", "FLANNEL-FWD"]
                        try node.namespace.run(Command([tool, "-D", "FORWARD"] + jump)).output()
                        try node.namespace.run(tool, "-P", "FORWARD", "DROP")
                    }
                }
            })
    ]
}
