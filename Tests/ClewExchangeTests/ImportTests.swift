import ClewBundle
import ClewExchange
import ClewTestSupport
import Foundation
import Testing

@Suite("Import of what other tools collected")
struct ImportTests {
    @Test(
        "A command line tells the file",
        arguments: [
            ("ip -4 route show table all", "ip-route.txt"), ("sudo -n ip -6 r", "ip-6-route.txt"),
            ("ip a", "ip-addr.txt"),
            ("/sbin/ip -j -d link", "ip-link.json"), ("ip neigh | grep 10.0.0.1", "ip-neigh.txt"), ("ip -o addr", nil),
            ("ip route get 10.0.0.1", nil), ("iptables-save -c -t nat", "iptables-save.txt"),
            ("ip6tables-nft-save", "ip6tables-nft-save.txt"), ("iptables -t nat -nvL", "iptables-list.txt"),
            ("iptables -A INPUT -j DROP", nil), ("nft -a list ruleset", "nft-list-ruleset.txt"),
            ("nft list tables", nil),
            ("sysctl -a", "sysctl.txt"), ("sysctl net.ipv4.ip_forward", "sysctl.txt"), ("sysctl --system", nil),
            ("conntrack -L -p udp", "conntrack.txt"), ("conntrack -S", nil), ("ss -lntu", "ss-listen.txt"),
            ("ss -s", nil),
            ("netstat -anp", "netstat.txt"), ("netstat -rn", nil), ("ipvsadm -Ln", "ipvsadm-list.txt"),
            ("ipvsadm -ln --stats", nil), ("ipset save", "ipset-save.txt"), ("bridge fdb show", "bridge-fdb.txt"),
            ("ls -l", nil), ("", nil),
        ] as [(String, String?)])
    func commands(line: String, file: String?) { #expect(CommandGuess.fileName(forCommand: line) == file) }

    @Test("The content of every recorded file tells the file it is")
    func contents() throws {
        var count = 0
        let folders = SharedData.folders("kube-proxy", for: "content of recorded files").filter { !$0.contains("/m-") }
        for folder in folders {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let stem = name.split(separator: ".").first.map(String.init) ?? ""
                let known = ["iptables-save", "ip6tables-save", "nft-list-ruleset", "ip-addr", "ip-route", "sysctl"]
                guard known.contains(stem), name.hasSuffix(".txt") || name.hasSuffix(".json") else { continue }
                let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
                guard bytes.count > 20 else { continue }
                count += 1
                #expect(ContentGuess.fileName(for: bytes) == name, "\(folder)/\(name)")
            }
        }
        #expect(count > 50 || folders.isEmpty)
    }

    @Test("A text from a terminal is taken apart at its prompts, whole or with its line breaks lost")
    func pastes() throws {
        let text = """
            [root@k8s-master ~]# route -n Kernel IP routing table Destination Gateway Genmask Flags Metric Ref Use Iface \
            0.0.0.0 192.168.44.1 0.0.0.0 UG 100 0 0 enp0s3 10.1.0.0 0.0.0.0 255.255.0.0 U 0 0 0 flannel0
            root@worker-b:~# ip route
            default via 192.168.44.1 dev eth0
            10.1.0.0/16 dev cni0 proto kernel scope link src 10.1.0.1
            root@worker-b:~# iptables -t nat -S OUTPUT
            -P OUTPUT ACCEPT
            -A OUTPUT -j KUBE-SERVICES
            root@worker-b:~# kubectl get pods
            NAME READY
            worker-c$ sysctl net.ipv4.ip_forward
            net.ipv4.ip_forward = 1
            worker-c$ sysctl net.ipv4.conf.all.rp_filter
            net.ipv4.conf.all.rp_filter = 0
            """
        let bundle = SupportBundle(name: "x", artifacts: [Artifact(path: "paste.txt", bytes: Array(text.utf8))])
        let imported = ForeignImport(bundle, nodeName: nil)
        let files = Dictionary(
            uniqueKeysWithValues: imported.bundle(named: "y").artifacts.map {
                ($0.path, String(decoding: $0.bytes, as: UTF8.self))
            })
        #expect(
            files == [
                "nodes/k8s-master/route.txt": """
                Kernel IP routing table
                Destination Gateway Genmask Flags Metric Ref Use Iface
                0.0.0.0 192.168.44.1 0.0.0.0 UG 100 0 0 enp0s3
                10.1.0.0 0.0.0.0 255.255.0.0 U 0 0 0 flannel0

                """,
                "nodes/worker-b/ip-route.txt": """
                default via 192.168.44.1 dev eth0
                10.1.0.0/16 dev cni0 proto kernel scope link src 10.1.0.1

                """,
                "nodes/worker-b/iptables-list.txt": "*nat\n-P OUTPUT ACCEPT\n-A OUTPUT -j KUBE-SERVICES\nCOMMIT\n",
                "nodes/worker-c/sysctl.txt": "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n",
            ])
        #expect(imported.notUnderstood == ["paste.txt: kubectl get pods"])
    }

    @Test("Loose files of several nodes, in folders, with names of every sort")
    func looseFiles() {
        let address = "1: lo: <LOOPBACK,UP> mtu 65536 qdisc noqueue\n    inet 127.0.0.1/8 scope host lo\n"
        let files: [(String, String)] = [
            ("n1/output1.log", address), ("n2/ip_addr.txt", address), ("n1/iptables_save", "*filter\nCOMMIT\n"),
            ("n2/rules.txt", "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"), ("n2/again.txt", "*nat\nCOMMIT\n"),
            ("objects/all.yaml", "apiVersion: v1\nkind: List\nitems: []\n"), ("n1/notes.md", "call bob\n"),
            ("n1/proc.bin", "\u{0}\u{1}"), ("etc/sysctl.conf", "net.ipv4.ip_forward = 1\n"),
            ("n1/empty.txt", ""),
        ]
        let bundle = SupportBundle(
            name: "x", artifacts: files.map { Artifact(path: $0.0, bytes: Array($0.1.utf8)) }, folder: "collected")
        let imported = ForeignImport(bundle, nodeName: nil)
        #expect(
            imported.bundle(named: "y").artifacts.map(\.path) == [
                "cluster/objects-all.yaml", "nodes/n1/ip-addr.txt", "nodes/n1/iptables-save.txt",
                "nodes/n2/ip-addr.txt",
                "nodes/n2/iptables-save.txt",
            ])
        #expect(
            imported.notUnderstood.sorted() == [
                "etc/sysctl.conf", "n1/empty.txt", "n1/notes.md", "n1/proc.bin",
                "n2/rules.txt: nodes/n2/iptables-save.txt is made of another file already",
            ])
    }

    private func imported(_ files: [(String, String)], folder: String? = nil) -> (
        paths: [String: String], ForeignImport
    ) {
        let bundle = SupportBundle(
            name: "x", artifacts: files.map { Artifact(path: $0.0, bytes: Array($0.1.utf8)) }, folder: folder)
        let imported = ForeignImport(bundle, nodeName: nil)
        let all = imported.bundle(named: "y").artifacts.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
        return (Dictionary(uniqueKeysWithValues: all), imported)
    }

    @Test("calicoctl node diags: names of its own, addresses of both families in two files")
    func calicoDiagnostics() {
        let (files, imported) = imported([
            ("hostname", "worker-a\n"), ("ipv4_route", "default via 10.0.0.1 dev eth0\n"),
            ("ipv6_route", "fe80::/64 dev eth0 proto kernel metric 256\n"),
            ("ipv4_addr", "2: eth0: <UP> mtu 1500\n    inet 10.0.0.5/24 scope global eth0\n"),
            ("ipv6_addr", "2: eth0: <UP> mtu 1500\n    inet6 fe80::5/64 scope link\n"),
            ("ipv4_tables", "*filter\nCOMMIT\n"), ("ipv6_tables", "*nat\nCOMMIT\n"),
            ("ipsets", "Name: cali40s:x\nType: hash:net\n"), ("date", "Mon\n"),
        ])
        #expect(
            Set(files.keys) == [
                "nodes/worker-a/ip-addr.txt", "nodes/worker-a/ip-route.txt", "nodes/worker-a/ip-6-route.txt",
                "nodes/worker-a/iptables-save.txt", "nodes/worker-a/ip6tables-save.txt",
                "nodes/worker-a/ipset-list.txt",
            ])
        let addresses = files["nodes/worker-a/ip-addr.txt"] ?? ""
        #expect(addresses.contains("10.0.0.5/24") && addresses.contains("fe80::5/64"))
        #expect(imported.notUnderstood == ["date"])
    }

    @Test("The EKS log collector: folders by theme, connections behind their statistics")
    func eksLogCollector() {
        let (files, imported) = imported([
            ("kernel/uname.txt", "Linux ip-10-0-1-5.ec2.internal 5.10.1 #1 SMP x86_64 GNU/Linux\n"),
            ("networking/iprule.txt", "0:\tfrom all lookup local\n"),
            ("networking/iproute.txt", "default via 10.0.0.1 dev eth0 table main\n"),
            ("networking/iptables-save.txt", "*nat\nCOMMIT\n"),
            ("networking/iptables-nat.txt", "Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)\n"),
            (
                "networking/conntrack.txt",
                "*** Output of conntrack -S *** \ncpu=0 found=1\n*** Output of conntrack -L ***\n"
                    + "tcp 6 5 TIME_WAIT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1\n"
            ), ("sysctls/sysctl_all.txt", "net.ipv4.ip_forward = 1\n"), ("ipamd/enis.json", "{}"),
        ])
        let folder = "nodes/ip-10-0-1-5.ec2.internal/"
        #expect(
            Set(files.keys)
                == Set(
                    ["ip-rule", "ip-route", "iptables-save", "conntrack", "conntrack-stats-1", "sysctl", "uname"].map {
                        "\(folder)\($0).txt"
                    }))
        #expect(
            imported.notUnderstood.contains(
                "networking/iptables-nat.txt: iptables-save beside it says the same and more"))
        #expect(files[folder + "conntrack.txt"]?.hasPrefix("tcp 6 5") == true)
        #expect(imported.notUnderstood.contains("ipamd/enis.json"))
    }

    @Test("cilium-sysdump: a folder of each agent's commands, on the node of its pod")
    func ciliumSysdump() {
        let pods = """
            apiVersion: v1
            kind: PodList
            items:
            - metadata: {name: cilium-abcde, namespace: kube-system}
              spec: {nodeName: worker-a}
            - metadata: {name: cilium-fghij, namespace: kube-system}
              spec: {nodeName: worker-b}
            """
        let block = { (command: String, text: String) in "# \(command)\n\n```\n\(text)\n```\n" }
        let (files, _) = imported([
            ("k8s-pods-20260131.yaml", pods),
            ("cilium-bugtool-cilium-abcde-1/cmd/ip--4-r.md", block("ip -4 r", "default via 10.0.0.1 dev eth0")),
            ("cilium-bugtool-cilium-fghij-1/cmd/ip--4-r.md", block("ip -4 r", "default via 10.0.0.2 dev eth0")),
            ("cilium-bugtool-cilium-fghij-1/cmd/iptables-save--c.md", block("iptables-save -c", "*nat\nCOMMIT")),
            ("cilium-bugtool-cilium-fghij-1/cmd/cilium-status.md", block("cilium status", "OK")),
        ])
        #expect(files["nodes/worker-a/ip-route.txt"] == "default via 10.0.0.1 dev eth0\n")
        #expect(files["nodes/worker-b/ip-route.txt"] == "default via 10.0.0.2 dev eth0\n")
        #expect(files["nodes/worker-b/iptables-save.txt"] == "*nat\nCOMMIT\n")
        #expect(files.keys.contains("cluster/k8s-pods-20260131.yaml"))
    }

    @Test("Support bundles of troubleshoot and OpenShift's must-gather: objects in folders, never Secrets")
    func objectArchives() {
        let (files, imported) = imported([
            ("cluster-resources/services/shop.json", #"{"kind":"ServiceList","apiVersion":"v1","items":[]}"#),
            ("cluster-resources/nodes.json", #"{"kind":"NodeList","apiVersion":"v1","items":[]}"#),
            ("cluster-resources/auth-cani-list/shop.json", "[]"),
            ("namespaces/shop/core/endpoints.yaml", "apiVersion: v1\nkind: EndpointsList\nitems: []\n"),
            ("namespaces/shop/core/secrets.yaml", "apiVersion: v1\nkind: SecretList\nitems: []\n"),
            ("cluster-scoped-resources/core/nodes/a.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n"),
        ])
        #expect(
            Set(files.keys) == [
                "cluster/cluster-resources-services-shop.json", "cluster/cluster-resources-nodes.json",
                "cluster/namespaces-shop-core-endpoints.yaml", "cluster/cluster-scoped-resources-core-nodes-a.yaml",
            ])
        #expect(imported.notUnderstood.contains("namespaces/shop/core/secrets.yaml: Secrets are not taken"))
    }

    @Test("Any bytes are taken apart without harm")
    func anyBytes() {
        var state = UInt64.random(in: .min ... .max)
        print("seed \(state)")
        for _ in 0..<300 {
            let bytes = (0..<400).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let letters = Array("#$@ \n[]:-*ip route nft {}\"0.1/\\é".utf8)
                return letters[Int(state >> 40) % letters.count]
            }
            let bundle = SupportBundle(name: "x", artifacts: [Artifact(path: "a_b/c", bytes: bytes)])
            let imported = ForeignImport(bundle, nodeName: nil)
            #expect(imported.mappings.count + imported.notUnderstood.count > 0)
        }
    }
}
