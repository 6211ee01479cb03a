import ClewNet

extension FaultCatalogue {
    /// What conntrack still knows, and should not.
    static let conntrackFaults: [Fault] = [
        Fault(
            "stale-udp-entry", rows: ["CLEW-CT007"],
            symptom: "a client that keeps its source port gets no answers since the pod was replaced; others do",
            client: [.timesOut], mustSay: ["10.244.2.200"], example: ("pod/shop/web-0", "svc/shop/dns-b"),
            sourcePort: StandardFlows.oldClientPort,
            apply: { lab throws(SystemError) in
                try remember(
                    lab, ["--dst-nat", "\(Addressing.pod(200, onNode: 2, .ipv4)):5353"])
            }),
        Fault(
            "untranslated-udp-entry", rows: ["CLEW-CT008"],
            symptom: "a client that sent before the Service had rules, and keeps its source port, gets no answers",
            client: [.timesOut], mustSay: ["10.96.0.30"], example: ("pod/shop/web-0", "svc/shop/dns-b"),
            sourcePort: StandardFlows.oldClientPort,
            apply: { lab throws(SystemError) in
                try remember(
                    lab,
                    [
                        "-r", "\(Addressing.service(30, .ipv4))", "-q", "\(try lab.address(ofPod: "web-0", .ipv4))",
                        "--reply-port-src", "53", "--reply-port-dst", "\(StandardFlows.oldClientPort)",
                    ])
            }),
    ]

    /// Gives worker-a an entry of web-0's old connection to `dns-b`.
    private static func remember(_ lab: Lab, _ words: [String]) throws(SystemError) {
        let client = try lab.address(ofPod: "web-0", .ipv4)
        let entry = [
            "conntrack", "-I", "-p", "udp", "-s", "\(client)", "-d", "\(Addressing.service(30, .ipv4))", "--sport",
            "\(StandardFlows.oldClientPort)", "--dport", "53", "-t", "300",
        ]
        try lab.node("worker-a")?.namespace.run(Command(entry + words)).output()
    }
}
