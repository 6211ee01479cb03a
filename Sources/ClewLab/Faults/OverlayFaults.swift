import ClewNet

extension FaultCatalogue {
    /// What keeps one node's packets from another through the overlay.
    static let overlayFaults: [Fault] = [
        Fault(
            "overlay-blocked-in", rows: ["CLEW-RTE012"],
            symptom: "worker-b's pods are cut off from other nodes' pods; nodes reach each other",
            client: [.timesOut], mustSay: ["INPUT"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay != nil },
            apply: { lab throws(SystemError) in try block(lab, "INPUT", on: "worker-b") }),
        Fault(
            "overlay-blocked-out", rows: ["CLEW-RTE012"],
            symptom: "worker-a's pods are cut off from other nodes' pods; nodes reach each other",
            client: [.timesOut], mustSay: ["OUTPUT"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay != nil },
            apply: { lab throws(SystemError) in try block(lab, "OUTPUT", on: "worker-a") }),
        Fault(
            "vtep-neighbour-missing", rows: ["CLEW-RTE017"],
            symptom:
                "worker-a's pods get \"no route to host\" from worker-b's after three seconds; other nodes are fine",
            client: [.timesOut, .unreachable], mustSay: ["10.244.2.0"],
            example: ("pod/shop/web-0", "pod/shop/api-1:8080"), in: isVXLAN,
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    let far = try lab.podPrefix(ofNode: "worker-b", family)
                    try lab.ip(on: "worker-a", ["neigh del \(far.address) dev \(VXLANNetwork.device(family))"])
                }
            }),
        Fault(
            "vtep-fdb-missing", rows: ["CLEW-RTE017"],
            symptom: "worker-a's pods time out at worker-b's; other nodes are fine",
            client: [.timesOut], mustSay: ["ee:00:00:00:00:02"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: isVXLAN,
            apply: { lab throws(SystemError) in try forward(lab, to: nil) }),
        Fault(
            "vtep-fdb-wrong", rows: ["CLEW-RTE017"],
            symptom: "worker-a's pods time out at worker-b's: their frames go to worker-c, which is not meant",
            client: [.timesOut], mustSay: ["ee:00:00:00:00:02"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: isVXLAN,
            apply: { lab throws(SystemError) in try forward(lab, to: "worker-c") }),
        Fault(
            "vtep-mac-mismatch", rows: ["CLEW-FLN009"],
            symptom: "worker-b's pods are cut off: its VXLAN device has another address since it was started anew",
            client: [.timesOut], mustSay: ["ee:00:00:00:00:02"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: isVXLAN,
            apply: { lab throws(SystemError) in
                try lab.eachFamily { family throws(SystemError) in
                    try lab.ip(
                        on: "worker-b", ["link set \(VXLANNetwork.device(family)) address ee:00:00:00:00:99"])
                }
            }),
        Fault(
            "overlay-down", rows: ["CLEW-RTE016"],
            symptom: "worker-b's pods are cut off from other nodes' pods, and it from theirs",
            client: [.timesOut], mustSay: ["flannel"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            in: { $0.overlay != nil },
            apply: { lab throws(SystemError) in
                guard let device = lab.network.overlay else { return }
                guard device != "flannel0" else { return try lab.ip(on: "worker-b", ["link set flannel0 down"]) }
                try lab.eachFamily { family throws(SystemError) in
                    try lab.ip(on: "worker-b", ["link set \(VXLANNetwork.device(family)) down"])
                }
            }),
    ]

    private static let isVXLAN: @Sendable (any LabNetwork) -> Bool = { $0.overlay == "flannel.1" }

    private static func block(_ lab: Lab, _ chain: String, on node: String) throws(SystemError) {
        let port = lab.network.overlay == "flannel0" ? 8285 : 8472
        try lab.eachFamily { family throws(SystemError) in
            try lab.change(
                "filter", on: node, family, ["-I \(chain) 1 -p udp -m udp --dport \(port) -j DROP"])
        }
    }

    /// Lets worker-a take another node, or none, for where worker-b's VXLAN device is.
    private static func forward(_ lab: Lab, to other: String?) throws(SystemError) {
        guard let near = lab.node("worker-a"), let far = lab.plan.node("worker-b") else { return }
        for family in lab.plan.families {
            let device = VXLANNetwork.device(family)
            let mac = VXLANNetwork.mac(far, family)
            try near.namespace.run("bridge", "fdb", "del", mac, "dev", device, "self")
            guard let other else { continue }
            let end = try lab.address(ofNode: other, family)
            try near.namespace.run(
                "bridge", "fdb", "append", mac, "dev", device, "dst", end.description, "self", "permanent")
        }
    }
}
