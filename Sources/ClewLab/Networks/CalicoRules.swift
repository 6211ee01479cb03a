import ClewNet

/// The rules felix makes for pods without policies (`felix/rules/static.go`, `endpoints.go`, `dispatch.go`).
enum CalicoRules {
    /// The pools that are masqueraded on their way out, and all pools.
    static let sets = [
        "create cali40masq-ipam-pools hash:net family inet", "create cali40all-ipam-pools hash:net family inet",
        "add cali40masq-ipam-pools 10.244.0.0/16", "add cali40all-ipam-pools 10.244.0.0/16",
    ]

    /// The addresses that may send IP in IP.
    static func hosts(_ nodes: [NodePlan]) -> [String] {
        ["create cali40all-hosts-net hash:net family inet"]
            + nodes.compactMap { node in node.address(.ipv4).map { "add cali40all-hosts-net \($0)" } }
    }

    static func text(for pods: [PodPlan], isTunnelled: Bool) -> [String] {
        raw + filter(pods, isTunnelled) + nat(isTunnelled)
    }

    private static let raw = [
        "*raw", ":cali-PREROUTING - [0:0]", ":cali-rpf-skip - [0:0]", "-A PREROUTING -j cali-PREROUTING",
        "-A cali-PREROUTING -j MARK --set-xmark 0x0/0xf0000",
        "-A cali-PREROUTING -i cali+ -j MARK --set-xmark 0x40000/0x40000",
        "-A cali-PREROUTING -m mark --mark 0x40000/0x40000 -j cali-rpf-skip",
        "-A cali-PREROUTING -m mark --mark 0x40000/0x40000 -m rpfilter --validmark --invert -j DROP", "COMMIT",
    ]

    private static func nat(_ isTunnelled: Bool) -> [String] {
        let hosts =
            "-A cali-POSTROUTING -o tunl0 -m addrtype ! --src-type LOCAL --limit-iface-out "
            + "-m addrtype --src-type LOCAL -j MASQUERADE --random-fully"
        return [
            "*nat", ":cali-POSTROUTING - [0:0]", ":cali-nat-outgoing - [0:0]", "-I POSTROUTING 1 -j cali-POSTROUTING",
            "-A cali-POSTROUTING -j cali-nat-outgoing",
            "-A cali-nat-outgoing -m set --match-set cali40masq-ipam-pools src "
                + "-m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully",
        ] + (isTunnelled ? [hosts] : []) + ["COMMIT"]
    }

    private static func filter(_ pods: [PodPlan], _ isTunnelled: Bool) -> [String] {
        var chains = [
            "cali-FORWARD", "cali-INPUT", "cali-OUTPUT", "cali-from-wl-dispatch", "cali-to-wl-dispatch",
            "cali-wl-to-host", "cali-pri-kns.shop", "cali-pro-kns.shop",
        ]
        var rules = [
            "-I INPUT 1 -j cali-INPUT", "-I FORWARD 1 -j cali-FORWARD", "-I OUTPUT 1 -j cali-OUTPUT",
            "-A FORWARD -m comment --comment \"Policy explicitly accepted packet.\" "
                + "-m mark --mark 0x10000/0x10000 -j ACCEPT",
            "-A cali-FORWARD -j MARK --set-xmark 0x0/0xe0000", "-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch",
            "-A cali-FORWARD -o cali+ -j cali-to-wl-dispatch",
        ]
        if isTunnelled { rules += tunnel }
        rules += [
            "-A cali-INPUT -i cali+ -g cali-wl-to-host", "-A cali-INPUT -m mark --mark 0x10000/0x10000 -j ACCEPT",
            "-A cali-wl-to-host -j cali-from-wl-dispatch",
            "-A cali-wl-to-host -m comment --comment \"Configured DefaultEndpointToHostAction\" -j RETURN",
            "-A cali-OUTPUT -m mark --mark 0x10000/0x10000 -j ACCEPT", "-A cali-OUTPUT -o cali+ -j RETURN",
            "-A cali-pri-kns.shop -m comment --comment \"Profile kns.shop ingress\" -j MARK --set-xmark 0x10000/0x10000",
            "-A cali-pri-kns.shop -m mark --mark 0x10000/0x10000 -j RETURN",
            "-A cali-pro-kns.shop -m comment --comment \"Profile kns.shop egress\" -j MARK --set-xmark 0x10000/0x10000",
            "-A cali-pro-kns.shop -m mark --mark 0x10000/0x10000 -j RETURN",
        ]
        let unknown = "-m comment --comment \"Unknown interface\" -j DROP"
        for pod in pods {
            let device = "cali\(pod.identifier(digits: 11))"
            chains += ["cali-fw-\(device)", "cali-tw-\(device)"]
            rules += endpoint("cali-fw-\(device)", profile: "cali-pro-kns.shop", isEgress: true)
            rules += endpoint("cali-tw-\(device)", profile: "cali-pri-kns.shop", isEgress: false)
            rules.append("-A cali-from-wl-dispatch -i \(device) -g cali-fw-\(device)")
            rules.append("-A cali-to-wl-dispatch -o \(device) -g cali-tw-\(device)")
        }
        rules += ["-A cali-from-wl-dispatch \(unknown)", "-A cali-to-wl-dispatch \(unknown)"]
        return ["*filter"] + chains.map { ":\($0) - [0:0]" } + rules + ["COMMIT"]
    }

    private static let tunnel = [
        "-A cali-INPUT -p 4 -m comment --comment \"Allow IPIP packets from Calico hosts\" "
            + "-m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT",
        "-A cali-INPUT -p 4 -m comment --comment \"Drop IPIP packets from non-Calico hosts\" -j DROP",
        "-A cali-OUTPUT -p 4 -m comment --comment \"Allow IPIP packets to other Calico hosts\" "
            + "-m set --match-set cali40all-hosts-net dst -m addrtype --src-type LOCAL -j ACCEPT",
    ]

    private static func endpoint(_ chain: String, profile: String, isEgress: Bool) -> [String] {
        var rules = [
            "-A \(chain) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A \(chain) -m conntrack --ctstate INVALID -j DROP", "-A \(chain) -j MARK --set-xmark 0x0/0x10000",
        ]
        if isEgress {
            rules += [
                "-A \(chain) -p udp -m comment --comment \"Drop VXLAN encapped packets originating in workloads\" "
                    + "-m multiport --dports 4789 -j DROP",
                "-A \(chain) -p 4 -m comment --comment \"Drop IPinIP encapped packets originating in workloads\" "
                    + "-j DROP",
            ]
        }
        return rules + [
            "-A \(chain) -j \(profile)",
            "-A \(chain) -m comment --comment \"Return if profile accepted\" -m mark --mark 0x10000/0x10000 -j RETURN",
            "-A \(chain) -m comment --comment \"Drop if no profiles matched\" -j DROP",
        ]
    }
}
