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
