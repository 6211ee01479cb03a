import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewSnapshot
import ClewTestSupport
import Testing

/// Checks of kube-proxy: a case that fires and a near miss for each.
@Suite struct KubeProxyCheckTests {
    private static let rules = "nodes/worker-a/iptables-save.txt"
    private static let objects = "cluster/objects.yaml"
    private static let healthy = EditableBundle.example("bridge-nf-on")

    private static func edited(
        _ change: @Sendable (inout EditableBundle) -> Void
    ) -> ClusterSnapshot {
        var bundle = healthy
        change(&bundle)
        return bundle.snapshot
    }

    private static func fires(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .fires, title) { edited(change) } }

    private static func isQuiet(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .isQuiet, title) { edited(change) } }

    private static func proxyPod(_ node: String, ready: String = "True") -> String {
        """
        - apiVersion: v1
          kind: Pod
          metadata:
            name: kube-proxy-\(node)
            namespace: kube-system
            labels:
              k8s-app: kube-proxy
          spec:
            hostNetwork: true
            nodeName: \(node)
          status:
            conditions:
            - status: "\(ready)"
              type: Ready
            phase: Running
        """
    }

    private static func configMap(_ text: String) -> String {
        """
        - apiVersion: v1
          kind: ConfigMap
          metadata:
            name: kube-proxy
            namespace: kube-system
          data:
            config.conf: |
              apiVersion: kubeproxy.config.k8s.io/v1alpha1
              kind: KubeProxyConfiguration
              \(text)
        """
    }

    private static let log = "nodes/worker-a/pod-logs/kube-system_kube-proxy-x_1-kube-proxy-0.log"
    private static let config = "nodes/worker-a/kube-proxy-config.yaml"
    private static let configHead = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
    private static let service = "-A KUBE-SERVICES -d 10.96.0.20/32"
    private static let endpointJump = "-A KUBE-SVC-RUKNB3TURLFC6SGL -m comment"
    private static let hairpin = "-A KUBE-SEP-KWPGP54VZQEWMJAD -s 10.244.1.6/32"
    private static let masquerade = "-A KUBE-POSTROUTING -m comment"

    static let running: [RowCase] = [
        fires("KPX001", "worker-a runs none") { $0.insertObject(proxyPod("worker-b")) },
        fires("KPX001", "it is not ready") {
            $0.insertObject(proxyPod("worker-a", ready: "False"))
            $0.insertObject(proxyPod("worker-b"))
        },
        isQuiet("KPX001", "both nodes run one") {
            $0.insertObject(proxyPod("worker-a"))
            $0.insertObject(proxyPod("worker-b"))
        },
        isQuiet("KPX001", "kube-proxy is no pod here") { _ in },
        fires("KPX003", "restore fails again and again") {
            let line = "E0516 11:47:03.1 1 proxier.go:1 \"Failed to execute iptables-restore\" err=\"exit status 1\""
            $0.append(Array(repeating: line, count: 4).joined(separator: "\n"), to: log)
        },
        isQuiet("KPX003", "a log of success") {
            $0.append("I0516 11:47:03.1 1 proxier.go:1 \"SyncProxyRules complete\"", to: log)
        },
        fires("KPX011", "it takes its node for another") {
            $0.append(configHead + "hostnameOverride: worker-x", to: config)
        },
        isQuiet("KPX011", "the override is right") { $0.append(configHead + "hostnameOverride: worker-a", to: config) },
        fires("KPX012", "the lock is held") {
            $0.append("Another app is currently holding the xtables lock; still 1s 0us time ahead", to: log)
        },
        isQuiet("KPX012", "the lock is not spoken of") { $0.append("xtables is there", to: log) },
        fires("KPX015", "no statistic match") {
            $0.append("iptables-restore: Couldn't load match `statistic'", to: log)
        },
        isQuiet("KPX015", "another program's log") {
            $0.append("Couldn't load match `statistic'", to: "nodes/worker-a/pod-logs/shop_web-0_1-web-0.log")
        },
        fires("KPX022", "a process sits on the port") {
            $0.append(
                "can't open \"nodePort for shop/api\" (:30080/tcp), skipping this nodePort: address already in use",
                to: log)
        },
        isQuiet("KPX022", "the port was opened") { $0.append("opened local port \"nodePort for shop/api\"", to: log) },
        fires("KPX028", "the watch is forbidden") {
            $0.append(
                "endpointslices.discovery.k8s.io is forbidden: User \"system:serviceaccount:kube-system:kube-proxy\"",
                to: log)
        },
        isQuiet("KPX028", "the watch began") { $0.append("Caches are synced for endpoint slice config", to: log) },
    ]

    static let ruleCases: [RowCase] = [
        fires("KPX004", "no rule for the ClusterIP") { $0.removeLines(service, in: rules) },
        fires("KPX005", "the Service's chain is empty") { $0.removeLines("-A KUBE-SVC-RUKNB3TURLFC6SGL", in: rules) },
        fires("KPX006", "the endpoint is of another time") {
            $0.replace("--to-destination 10.244.1.6:8080", with: "--to-destination 10.244.1.99:8080", in: rules)
        },
        fires("KPX007", "no jump for pods") { $0.removeLines("-A PREROUTING -m comment", in: rules) },
        fires("KPX007", "no jump for processes of the node") {
            $0.removeLines("-A OUTPUT -m comment --comment \"kubernetes service portals\"", in: rules)
        },
        fires("KPX008", "what is marked is not masqueraded") { $0.removeLines(masquerade, in: rules) },
        fires("KPX008", "the mark is not set") { $0.removeLines("-A KUBE-MARK-MASQ", in: rules) },
        fires("KPX009", "the Service is still refused") {
            $0.replace(
                "-A KUBE-FORWARD -m conntrack --ctstate INVALID",
                with:
                    "-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment \"shop/api:http has no endpoints\" -m tcp "
                    + "--dport 80 -j REJECT --reject-with icmp-port-unreachable\n-A KUBE-FORWARD -m conntrack --ctstate INVALID",
                in: rules)
            $0.removeLines(
                "-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment \"shop/api:http cluster IP\"", in: rules)
        },
        fires("KPX017", "an endpoint is not masqueraded to itself") { $0.removeLines(hairpin, in: rules) },
        fires("KPX023", "somebody's DNAT comes first") {
            $0.replace(
                "-A PREROUTING -m comment",
                with:
                    "-A PREROUTING -d 10.96.0.20/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.200:80\n"
                    + "-A PREROUTING -m comment", in: rules)
        },
        isQuiet("KPX023", "somebody's DNAT is for another port") {
            $0.replace(
                "-A PREROUTING -m comment",
                with:
                    "-A PREROUTING -d 10.96.0.20/32 -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.244.1.200:80\n"
                    + "-A PREROUTING -m comment", in: rules)
        },
        fires("KPX026", "all pods are hidden behind the node") {
            $0.replace(
                "-A POSTROUTING -m comment --comment \"flanneld masq\"",
                with: "-A POSTROUTING -s 10.244.0.0/16 -j SNAT --to-source 192.168.50.11\n"
                    + "-A POSTROUTING -m comment --comment \"flanneld masq\"", in: rules)
        },
        isQuiet("KPX026", "pods are hidden from the world only") {
            $0.replace(
                "-A POSTROUTING -m comment --comment \"flanneld masq\"",
                with: "-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE\n"
                    + "-A POSTROUTING -m comment --comment \"flanneld masq\"", in: rules)
        },
        fires("KPX021", "a mark of somebody else asks for masquerade") {
            $0.replace(
                ":KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n# Completed",
                with:
                    ":KUBE-PROXY-CANARY - [0:0]\n-A PREROUTING -i eth0 -j MARK --set-xmark 0xc000/0xffff\nCOMMIT\n# Completed",
                in: rules)
        },
        isQuiet("KPX021", "another bit") {
            $0.replace(
                ":KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n# Completed",
                with:
                    ":KUBE-PROXY-CANARY - [0:0]\n-A PREROUTING -i eth0 -j MARK --set-xmark 0x80/0xff\nCOMMIT\n# Completed",
                in: rules)
        },
        fires("KPX025", "chains of userspace mode") {
            $0.replace(":KUBE-SERVICES - [0:0]", with: ":KUBE-PORTALS-HOST - [0:0]\n:KUBE-SERVICES - [0:0]", in: rules)
        },
    ]

    /// The healthy cluster is a near miss of every row that is seen in the rules.
    static let untouched: [RowCase] = [
        "KPX002", "KPX004", "KPX005", "KPX006", "KPX007", "KPX008", "KPX009", "KPX017", "KPX025",
    ].map { code in isQuiet(code, "the healthy cluster") { _ in } }

    private static let kubernetes = """
        - apiVersion: v1
          kind: Service
          metadata: {name: kubernetes, namespace: default}
          spec: {clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{name: https, port: 443, protocol: TCP}]}
        """

    static let configurations: [RowCase] = [
        fires("KPX002", "a removed Service and a changed one") {
            $0.removeLines(service, in: rules)
            // Only with it does a bundle hold all Services.
            $0.insertObject(kubernetes)
            $0.replace(
                "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports",
                with:
                    "-A KUBE-SERVICES -d 10.96.0.77/32 -p tcp -m comment --comment \"shop/gone:http cluster IP\" -m tcp --dport 80 "
                    + "-j KUBE-SVC-RUKNB3TURLFC6SGL\n-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports",
                in: rules)
        },
        fires("KPX010", "pods are not in the cluster CIDR") { bundle in
            for node in ["worker-a", "worker-b"] {
                let path = "nodes/\(node)/iptables-save.txt"
                bundle.replace(
                    "! -s 10.244.0.0/16 -d 10.96.0.20/32", with: "! -s 10.100.0.0/16 -d 10.96.0.20/32", in: path)
            }
        },
        isQuiet("KPX010", "a network that holds them all") { bundle in
            for node in ["worker-a", "worker-b"] {
                let path = "nodes/\(node)/iptables-save.txt"
                bundle.replace(
                    "! -s 10.244.0.0/16 -d 10.96.0.20/32", with: "! -s 10.240.0.0/12 -d 10.96.0.20/32", in: path)
            }
        },
        fires("KPX013", "legacy has rules of another time") {
            let text = ($0[rules] ?? "").replacing("(nf_tables)", with: "(legacy)").replacing(
                "10.244.1.6:8080", with: "10.244.1.99:8080")
            $0["nodes/worker-a/iptables-legacy-save.txt"] = text
            $0["nodes/worker-a/iptables-nft-save.txt"] = $0[rules]
            $0[rules] = nil
        },
        isQuiet("KPX013", "legacy has tables without rules") {
            $0["nodes/worker-a/iptables-legacy-save.txt"] =
                "# Generated by iptables-save v1.8.9 (legacy)\n*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
        },
        fires("KPX014", "iptables mode with a virtual server") {
            $0["nodes/worker-a/kube-proxy-proxymode.txt"] = "iptables"
            $0["nodes/worker-a/ipvsadm-save.txt"] =
                "-A -t 10.96.0.20:80 -s rr\n-a -t 10.96.0.20:80 -r 10.244.1.6:8080 -m -w 1\n"
        },
        isQuiet("KPX014", "iptables mode alone") { $0["nodes/worker-a/kube-proxy-proxymode.txt"] = "iptables" },
        fires("KPX018", "NodePorts at one network only") {
            $0.insertNodePort()
            $0.append(configHead + "nodePortAddresses: [\"192.168.50.0/24\"]", to: config)
        },
        isQuiet("KPX018", "NodePorts everywhere") {
            $0.insertNodePort()
            $0.append(configHead + "nodePortAddresses: []", to: config)
        },
        fires("KPX019", "127.0.0.1 is not routed") { $0.insertNodePort() },
        isQuiet("KPX019", "127.0.0.1 is routed") {
            $0.insertNodePort()
            $0.replace(
                "net.ipv4.conf.all.route_localnet = 0", with: "net.ipv4.conf.all.route_localnet = 1",
                in: "nodes/worker-a/sysctl.txt")
            $0.replace(
                "net.ipv4.conf.all.route_localnet = 0", with: "net.ipv4.conf.all.route_localnet = 1",
                in: "nodes/worker-b/sysctl.txt")
        },
        fires("KPX020", "ports in order, and connections lost") {
            $0.replace("SNAT\" -j MASQUERADE --random-fully", with: "SNAT\" -j MASQUERADE", in: rules)
            $0["nodes/worker-a/conntrack-stats-1.txt"] = "cpu=0 found=0 invalid=1 insert_failed=4 drop=0\n"
            $0["nodes/worker-a/conntrack-stats-2.txt"] = "cpu=0 found=0 invalid=1 insert_failed=9 drop=0\n"
        },
        isQuiet("KPX020", "ports in order, and nothing lost") {
            $0.replace("SNAT\" -j MASQUERADE --random-fully", with: "SNAT\" -j MASQUERADE", in: rules)
            $0["nodes/worker-a/conntrack-stats-1.txt"] = "cpu=0 found=0 invalid=1 insert_failed=0 drop=0\n"
        },
        fires("KPX024", "the ConfigMap asks for ipvs") {
            $0.insertObject(configMap("mode: ipvs"))
            $0["nodes/worker-a/kube-proxy-proxymode.txt"] = "iptables"
        },
        isQuiet("KPX024", "an empty mode is iptables") {
            $0.insertObject(configMap("mode: \"\""))
            $0["nodes/worker-a/kube-proxy-proxymode.txt"] = "iptables"
        },
        fires("KPX029", "all is masqueraded") {
            $0.append(configHead + "iptables:\n  masqueradeAll: true", to: config)
        },
        isQuiet("KPX029", "it is not") { $0.append(configHead + "iptables:\n  masqueradeAll: false", to: config) },
    ]

    @Test(arguments: running + ruleCases + untouched + configurations)
    func aCheckFiresOrIsQuiet(_ rowCase: RowCase) throws { try rowCase.verify() }

    @Test func everyCheckHasBothCases() {
        let checks = CheckCatalogue.all.filter { type(of: $0).metadata.group == .kubeProxy }
        RowCase.verifyPairs(Self.running + Self.ruleCases + Self.untouched + Self.configurations, checks)
    }

    /// Restarting kube-proxy repairs what is wrong with its rules, and nothing else breaks by it.
    @Test(arguments: ["KPX004", "KPX005", "KPX006", "KPX007", "KPX008", "KPX009", "KPX017", "KPX023"])
    func theFixIsProven(code: String) throws {
        let own = Self.ruleCases.filter { $0.code == code && $0.expectation == .fires }
        for rowCase in own {
            let run = CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: try rowCase.snapshot())))
            let found = run.findings.filter { $0.severity > .notice }
            let finding = try #require(found.first)
            #expect(found.map(\.check.code) == [code], "\(rowCase.title)")
            guard !finding.explains.isEmpty else { continue }
            let isProven = finding.fixes.contains { if case .proven = $0.proof { true } else { false } }
            #expect(isProven, "\(rowCase.title): \(finding.fixes.map(\.proof))")
        }
    }
}

extension EditableBundle {
    /// Puts an object behind the others of the example's list.
    mutating func insertObject(_ yaml: String) {
        let path = "cluster/objects.yaml"
        let text = self[path] ?? ""
        guard let first = text.firstRange(of: "items:\n") else { return }
        self[path] = text[..<first.upperBound] + yaml + "\n" + text[first.upperBound...]
    }

    /// Gives the example's Service a NodePort, and each node the rules for it.
    mutating func insertNodePort() {
        let objects = "cluster/objects.yaml"
        replace(
            "      targetPort: 8080\n    selector:\n      app: api",
            with: "      targetPort: 8080\n      nodePort: 30080\n    selector:\n      app: api", in: objects)
        replace(
            "    sessionAffinity: None\n    type: ClusterIP", with: "    sessionAffinity: None\n    type: NodePort",
            in: objects)
    }
}
