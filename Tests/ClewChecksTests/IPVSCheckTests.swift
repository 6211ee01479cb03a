import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewSnapshot
import ClewTestSupport
import Testing

/// Checks of IPVS mode: a case that fires and a near miss for each.
@Suite struct IPVSCheckTests {
    private static let example = EditableBundle.example("ipvs-cluster-cidr")

    private static func edited(_ change: @Sendable (inout EditableBundle) -> Void) -> ClusterSnapshot {
        var bundle = example
        change(&bundle)
        return bundle.snapshot
    }

    private static func fires(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .fires, title) { edited(change) } }

    private static func isQuiet(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .isQuiet, title) { edited(change) } }

    private static let servers = ["nodes/node-1/ipvsadm-list.txt", "nodes/node-1/ipvsadm-save.txt"]
    private static let log = "nodes/node-1/pod-logs/kube-system_kube-proxy-x_1-kube-proxy-0.log"
    private static let connections = "nodes/node-1/ipvsadm-connections.txt"
    private static let sysctl = "nodes/node-1/sysctl.txt"
    private static let head =
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\nclusterCIDR: 10.28.0.0/16\n"
    private static let modules =
        "ip_vs_rr 16384 1 - Live 0x0\nip_vs_wrr 16384 0 - Live 0x0\nip_vs_sh 16384 0 - Live 0x0\nip_vs 1 1 - Live 0x0\n"

    private static func configMap(_ mode: String) -> String {
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
              mode: \(mode)
              clusterCIDR: 10.28.0.0/16
        """
    }

    private static let speaker = """
        - apiVersion: v1
          kind: Pod
          metadata:
            name: speaker-x
            namespace: metallb-system
            labels:
              app: metallb
              component: speaker
          spec:
            hostNetwork: true
            nodeName: node-1
          status:
            phase: Running
        - apiVersion: v1
          kind: Service
          metadata:
            name: public
            namespace: default
          spec:
            clusterIP: 10.28.248.99
            type: LoadBalancer
            ports:
            - port: 80
          status:
            loadBalancer:
              ingress:
              - ip: 10.28.252.99
        """

    static let settings: [RowCase] = [
        fires("IPV001", "no module for wrr") {
            $0.insertObject(configMap("ipvs"))
            $0["nodes/node-1/proc-modules.txt"] = "ip_vs 1 1 - Live 0x0\nnf_conntrack 1 1 - Live 0x0\n"
            $0["nodes/node-1/modules-builtin.txt"] = "kernel/net/netfilter/nf_tables.ko\n"
        },
        isQuiet("IPV001", "conntrack is built in") {
            $0.insertObject(configMap("ipvs"))
            $0["nodes/node-1/proc-modules.txt"] = modules
            $0["nodes/node-1/modules-builtin.txt"] = "kernel/net/netfilter/nf_conntrack.ko\n"
        },
        isQuiet("IPV001", "nf_conntrack_ipv4 is part of another module since 4.19") {
            $0.append(
                "modprobe: FATAL: Module nf_conntrack_ipv4 not found: kernel modules are not loaded: [nf_conntrack_ipv4]",
                to: log)
        },
        fires("IPV007", "a scheduler that does not exist") {
            $0["nodes/node-1/kube-proxy-config.yaml"] = head + "ipvs:\n  scheduler: random\n"
        },
        isQuiet("IPV007", "least connections") {
            $0["nodes/node-1/kube-proxy-config.yaml"] = head + "ipvs:\n  scheduler: lc\n"
        },
        fires("IPV008", "connections without an endpoint are kept") { _ in },
        isQuiet("IPV008", "they are not") { bundle in
            for node in ["node-1", "node-2"] {
                bundle.replace(
                    "net.ipv4.vs.expire_nodest_conn = 0", with: "net.ipv4.vs.expire_nodest_conn = 1",
                    in: "nodes/\(node)/sysctl.txt")
            }
        },
        fires("IPV009", "forgotten before keepalive") {
            $0["nodes/node-1/ipvsadm-timeouts.txt"] = "Timeout (tcp tcpfin udp): 900 120 300\n"
            $0.append("net.ipv4.tcp_keepalive_time = 7200", to: sysctl)
        },
        isQuiet("IPV009", "keepalive comes first") {
            $0["nodes/node-1/ipvsadm-timeouts.txt"] = "Timeout (tcp tcpfin udp): 900 120 300\n"
            $0.append("net.ipv4.tcp_keepalive_time = 600", to: sysctl)
        },
        fires("IPV010", "a sticky client of a gone endpoint") {
            $0[connections] =
                "IPVS connection entries\npro expire state       source             virtual            destination\n"
                + "TCP 01:58  NONE        10.28.1.5:0 10.28.248.11:80 10.28.2.99:9376\n"
        },
        isQuiet("IPV010", "a sticky client of an endpoint") {
            $0[connections] = "TCP 01:58  NONE        10.28.1.5:0 10.28.248.11:80 10.28.2.7:9376\n"
        },
        fires("IPV019", "nobody answers") {
            $0[connections] = (1...4).map {
                "TCP 00:5\($0)  SYN_RECV 10.28.1.5:4000\($0) 10.28.248.11:80 10.28.2.7:9376"
            }
            .joined(separator: "\n")
        },
        isQuiet("IPV019", "one is established") {
            $0[connections] =
                (1...4).map { "TCP 00:5\($0)  SYN_RECV 10.28.1.5:4000\($0) 10.28.248.11:80 10.28.2.7:9376" }
                .joined(separator: "\n") + "\nTCP 14:58  ESTABLISHED 10.28.1.5:40009 10.28.248.11:80 10.28.2.7:9376\n"
        },
        fires("IPV012", "MetalLB speaks, and all nodes answer") { $0.insertObject(speaker) },
        isQuiet("IPV012", "nodes answer for their own devices only") { bundle in
            bundle.insertObject(speaker)
            for node in ["node-1", "node-2"] {
                bundle.replace(
                    "net.ipv4.conf.all.arp_ignore = 0", with: "net.ipv4.conf.all.arp_ignore = 1",
                    in: "nodes/\(node)/sysctl.txt")
            }
        },
    ]

    static let state: [RowCase] =
        [
            fires("IPV002", "no virtual server") { bundle in
                bundle[servers[0]] =
                    "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
                    + "TCP  10.28.248.50:80 rr\n"
                bundle[servers[1]] = nil
            },
            isQuiet("IPV002", "the server has no endpoint") { bundle in
                for path in servers { bundle.removeLines("9376", in: path) }
            },
            fires("IPV003", "an endpoint is missing") { bundle in
                for path in servers { bundle.removeLines("10.28.2.7:9376", in: path) }
            },
            isQuiet("IPV003", "one of another time has no weight any more") { bundle in
                bundle[servers[1]] = nil
                bundle.append("  -> 10.28.2.99:9376             Masq    0      3          0", to: servers[0])
            },
            fires("IPV004", "an endpoint has no weight") { bundle in
                bundle[servers[1]] = nil
                bundle.replace(
                    "  -> 10.28.2.7:9376               Masq    1 ",
                    with: "  -> 10.28.2.7:9376               Masq    0 ", in: servers[0])
            },
            fires("IPV005", "the address is gone") { bundle in
                bundle.removeLines("10.28.248.11", in: "nodes/node-1/ip-addr.txt")
                bundle.removeLines("10.28.248.11", in: "nodes/node-1/ip-route.txt")
            },
            fires("IPV006", "a server of no Service") { bundle in
                bundle[servers[1]] = nil
                bundle.append("TCP  10.28.248.50:80 rr", to: servers[0])
            },
            fires("IPV011", "a set lacks the Service") {
                $0.removeLines("add KUBE-CLUSTER-IP", in: "nodes/node-1/ipset-save.txt")
            },
            fires("IPV014", "IPVS is not tracked") {
                $0.replace("net.ipv4.vs.conntrack = 1", with: "net.ipv4.vs.conntrack = 0", in: sysctl)
            },
            fires("IPV013", "the document's cluster") { _ in },
            isQuiet("IPV013", "Services outside of the cluster CIDR") { bundle in
                for node in ["node-1", "node-2"] {
                    bundle.replace(
                        "! -s 10.28.0.0/16 -m comment --comment \"Kubernetes service",
                        with: "! -s 10.28.0.0/21 -m comment --comment \"Kubernetes service",
                        in: "nodes/\(node)/iptables-save.txt")
                }
            },
        ]
        + ["IPV004", "IPV005", "IPV006", "IPV011", "IPV014"].map { code in
            isQuiet(code, "the example as it is") { _ in }
        }

    @Test(arguments: settings + state)
    func aCheckFiresOrIsQuiet(_ rowCase: RowCase) throws { try rowCase.verify() }

    @Test func everyCheckHasBothCases() {
        let checks = CheckCatalogue.all.filter { type(of: $0).metadata.group == .ipvs }
        RowCase.verifyPairs(Self.settings + Self.state, checks)
    }

    private static func run(_ snapshot: ClusterSnapshot) -> CheckRun {
        CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: snapshot)))
    }

    private static func isProven(_ finding: Finding) -> Bool {
        finding.fixes.contains { if case .proven = $0.proof { true } else { false } }
    }

    /// Whether a fix makes connections work, beside faults that the lab has by design, and breaks none.
    private static func repairs(_ finding: Finding) -> Bool {
        ([finding] + finding.consequences).flatMap(\.fixes).contains { fix in
            switch fix.proof {
            case .proven: true
            case .partly(let change, _): !change.repaired.isEmpty && change.broken.isEmpty
            default: false
            }
        }
    }

    @Test func theDocumentsCaseIsToldFirstAndItsFixIsProven() throws {
        let run = Self.run(Self.example.snapshot)
        let finding = try #require(run.findings.first)
        #expect(["IPV013", "RTE005"].contains(finding.check.code))
        #expect(([finding] + finding.consequences).map(\.check.code).contains("IPV013"))
        #expect(run.findings.filter { $0.severity == .error }.count == 1)
        let own = try #require(([finding] + finding.consequences).first { $0.check.code == "IPV013" })
        #expect(Self.isProven(finding) || Self.isProven(own), "\(finding.fixes.map(\.proof))")
    }

    /// What a kernel with IPVS did with each fault is in `Tests/Corpus/lab-ipvs`.
    @Test(arguments: [
        ("real-server-missing", "IPV003"), ("real-server-weight-zero", "IPV004"),
        ("services-in-cluster-cidr", "IPV013"), ("stale-virtual-server", "IPV006"), ("vip-missing", "IPV005"),
        ("vs-conntrack-off", "IPV014"),
    ])
    func aRecordedFaultIsFound(fault: String, code: String) throws {
        let run = Self.run(EditableBundle.recorded("bridge-hostgw-ipvs-" + fault).snapshot)
        // The lab has a Service with a wrong target port and one without endpoints by design.
        let byDesign = ["OBJ004", "OBJ009", "WLK001"]
        let found = run.findings.filter { $0.severity > .notice && !byDesign.contains($0.check.code) }
        let finding = try #require(found.first)
        #expect(found.flatMap { [$0] + $0.consequences }.map(\.check.code).contains(code))
        #expect(found.count == 1, "\(found.map { "\($0.check.code) \($0.subject) \($0.message)" })")
        // A stale address loses no connection that anything asks for.
        if code != "IPV006" {
            #expect(Self.repairs(finding), "\(([finding] + finding.consequences).flatMap(\.fixes).map(\.proof))")
        }
    }

    @Test(arguments: ["bridge-hostgw-ipvs-healthy", "ipip-ipvs-healthy", "ipip-healthy"])
    func aHealthyRecordingHasNoFindingOfKubeProxy(name: String) {
        let run = Self.run(EditableBundle.recorded(name).snapshot)
        let own = run.findings.filter {
            $0.severity > .notice && [.kubeProxy, .ipvs, .conntrack, .flannel].contains($0.check.group)
        }
        #expect(own.map { "\($0.check.code) \($0.message)" } == [])
    }
}
