import ClewBundle
import ClewExchange
import ClewParsers
import ClewSnapshot
import Testing

/// Places where names and addresses were once let through, or were replaced in one place and not in the other.
@Suite("What redaction once let through") struct RedactionLeakTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var path: String
        var text: String
        /// What must not be left.
        var gone: [String]
        /// What must be.
        var stays: [String] = []

        init(_ name: String, _ path: String, _ text: String, gone: [String], stays: [String] = []) {
            self.name = name
            self.path = path
            self.text = text
            self.gone = gone
            self.stays = stays
        }

        var testDescription: String { name }
    }

    private static func redacted(_ files: [(String, String)]) throws -> (text: String, bundle: SupportBundle) {
        let artifacts = files.map { Artifact(path: $0.0, bytes: Array($0.1.utf8), origin: nil) }
        let bundle = SupportBundle(name: "b", artifacts: artifacts)
        let result = try Redaction.redacted(bundle, key: Array(1...16)).bundle
        let text = result.artifacts.map { $0.path + "\n" + String(decoding: $0.bytes, as: UTF8.self) }
        return (text.joined(separator: "\n"), result)
    }

    private static let node = "nodes/berlin/"

    static let cases: [Case] = [
        Case(
            "a registry called by its address", "cluster/pods.yaml",
            "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}, spec: {containers: [{image: 10.77.66.55:5000/fin/app:1.2}]}}",
            gone: ["10.77.66.55", "fin"], stays: [":5000/"]),
        Case(
            "addresses of IPv6 at the end of a word", node + "journal-services.txt",
            "Trying fd12:7:77::5... and fd12:7:77::6.443 > fd12:7:77::7_80, said \u{201C}fd12:7:77::9\u{201D}\n",
            gone: ["fd12", ":77:"], stays: ["... and", ".443 >"]),
        Case(
            "a port behind an address in all its groups", node + "netstat.txt",
            "Proto Recv-Q Send-Q Local Address Foreign Address State\ntcp6 0 0 fd12:7:61:2:5054:ff:fe32:a0b:6443 :::* LISTEN\ntcp6 0 0 fd12:7::5:6443 :::* LISTEN\n",
            gone: ["fd12", "fe32:a0b"], stays: [":6443 :::* LISTEN", "tcp6 0 0"]),
        Case(
            "addresses with dashes that stand nowhere else", node + "kubelet.log",
            "node ip-10-66-55-44 and 10-66-55-42.shop.pod.cluster.local\n", gone: ["10-66-55", "shop"],
            stays: [".pod.cluster.local"]),
        Case(
            "reverse zones", node + "coredns.log",
            "66.77.10.in-addr.arpa 9.168.192.in-addr.arpa 7.0.0.0.2.1.d.f.ip6.arpa\n",
            gone: ["66.77.10", "9.168.192", "2.1.d.f"], stays: [".in-addr.arpa", ".ip6.arpa"]),
        Case(
            "parts of addresses", node + "notes.txt", "10.66.44.x, 10.66.33 and 10.67.*, kernel 6.18.2\n",
            gone: ["10.66", "10.67"], stays: [".x", "6.18.2"]),
        Case(
            "labels whose last part is somebody's word", "cluster/nodes.yaml",
            "{apiVersion: v1, kind: Node, metadata: {name: a, labels: {node-role.kubernetes.io/zebrapay: '', node-role.kubernetes.io/worker: '', kubernetes.io/os: linux}}}",
            gone: ["zebrapay"], stays: ["node-role.kubernetes.io/worker", "\"kubernetes.io/os\": \"linux\""]),
        Case(
            "somebody's own kinds", "cluster/other.yaml",
            "{apiVersion: databases.ottercorp.com/v1, kind: OtterCluster, metadata: {name: a}, spec: {type: 10.61.62.71, mode: zebra, servers: {zebraserver: {ip: 10.61.62.72}}}}",
            gone: ["otter", "Otter", "zebra", "10.61.62"], stays: ["/v1"]),
        Case(
            "a machine as its cloud calls it", "cluster/nodes.yaml",
            "{apiVersion: v1, kind: Node, metadata: {name: a}, spec: {providerID: 'aws:///eu-west-1a/i-0abc9def'}}",
            gone: ["eu-west", "i-0abc9def"], stays: ["aws:///"]),
        Case(
            "hosts of plain words", "cluster/ingress.yaml",
            "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {ingressClassName: public, rules: [{host: www.progress.com}]}}",
            gone: ["progress", "public"], stays: ["networking.k8s.io/v1"]),
        Case(
            "hosts of plain words in texts", node + "proxy.log", "get https://git.shell.com/start from x.3m.com\n",
            gone: ["shell", "3m.com"], stays: ["https://"]),
        Case(
            "keys of configurations", "cluster/cm.yaml",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {pools.json: '{\"badgerpool\": {\"x\": 1}, \"10.79.0.0/16\": \"y\"}'}}",
            gone: ["badger", "10.79."]),
        Case("names of files", "logs/journal-10.66.22.11.log", "started\n", gone: ["10.66.22"]),
        Case(
            "a program called as a file of counters is", node + "pod-logs/uptime-kuma-0.log",
            "connect zebrapay at 10.99.88.77 failed\n", gone: ["zebrapay", "10.99.88.77"], stays: ["failed"]),
        Case(
            "a prompt before counters", node + "nstat-1.txt", "[root@bison-prod ~]# nstat\nTcpExtTCPTimeouts 12 0.0\n",
            gone: ["bison"], stays: ["TcpExtTCPTimeouts 12 0.0"]),
        Case(
            "remarks and hosts in rules", node + "iptables-save.txt",
            "# managed on cfg.ottercorp.com for zebrapay\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s cfg.ottercorp.com -m owner --uid-owner lemur -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n",
            gone: ["otter", "zebrapay", "lemur"], stays: ["--uid-owner", "--ctstate NEW -j ACCEPT"]),
        Case(
            "names of devices' aliases and groups", node + "ip-addr.txt",
            "2: eth0: <BROADCAST,UP> mtu 1500 qdisc fq_codel state UP group zebragrp qlen 1000\n    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n    alias uplink to zebrapay\n    inet 10.0.0.5/24 scope global eth0:zebravip\n",
            gone: ["zebra", "10.0.0.5", "12:34:56"], stays: ["qdisc fq_codel state UP", "scope global eth0:"]),
        Case(
            "class E", node + "ip-route.txt", "240.17.3.0/24 via 10.1.1.1 dev eth0\n", gone: ["240.17"],
            stays: ["/24 via", "240.", " dev eth0"]),
        Case(
            "IPv4 within IPv6", node + "coredns.log", "64:ff9b:1::10.61.62.70 ::ffff:0:10.61.62.71 ::10.61.62.72\n",
            gone: ["10.61.62", "a3d:3e"]),
        Case(
            "addresses in hexadecimal without a leading zero", node + "nft-list-ruleset.txt",
            "table ip a {\n\tchain c {\n\t\t@nh,96,32 0xa3d3e43 drop\n\t\tip saddr 10.61.62.67 drop\n\t}\n}\n",
            gone: ["a3d3e43", "10.61.62"]),
        Case(
            "sockets of the kernel's own listing", node + "proc-net-tcp.txt",
            "  sl  local_address rem_address   st\n   0: 433E3D0A:1F90 00000000:0000 0A\n", gone: ["433E3D0A"],
            stays: [":1F90 00000000:0000 0A"]),
        Case(
            "long hardware addresses, and those of switches", node + "links.log",
            "80:00:02:08:fe:80:00:00:00:00:00:00:f4:52:14:03:00:7b:cb:a1 5254.0032.0a0b 8000.525400320a0b\n",
            gone: ["7b:cb:a1", "0032", "320a0b"], stays: ["8000."]),
        Case(
            "numbers of accounts", node + "kubelet.log", "arn:aws:iam::481234567890:role/a\n",
            gone: ["481234567890"], stays: [":aws:"]),
        Case(
            "words beside a known name", node + "kubelet.log",
            "berlin-kraftwerk.siemens.de, berlin-hauptbahnhof-zk7 and fd12-7-62--e.shop.pod.cluster.local\n",
            gone: ["kraftwerk", "siemens", "hauptbahnhof", "fd12"], stays: [".pod.cluster.local"]),
        Case(
            "what checks look for in logs", node + "journal-services.txt",
            "E1113 10:00:00 1 proxier.go:12] FailedCreatePodSandBox: failed to execute iptables-restore: holding the xtables lock; couldn't load match; x509: certificate; is forbidden: User; lease has been revoked; kernel and userspace incompatible\n",
            gone: [],
            stays: [
                "E1113 10:00:00", "proxier.go:12]", "FailedCreatePodSandBox", "failed to execute iptables-restore",
                "holding the xtables lock", "couldn't load match", "x509: certificate", "is forbidden: User",
                "lease has been revoked", "kernel and userspace incompatible",
            ]),
        Case(
            "parameters of the kernel", node + "sysctl-files.txt",
            "net.netfilter.nf_conntrack_max = 1\n# bridge-nf-call-iptables\nnet.ipv4.conf.acme0.rp_filter = 1\n",
            gone: ["acme"], stays: ["net.netfilter.nf_conntrack_max = 1", "bridge-nf-call-iptables", ".rp_filter = 1"]),
        Case(
            "modules of the kernel", node + "proc-modules.txt",
            "ip_vs_rr 12288 2 - Live 0x0000000000000000\n[root@bison ~]# cat\n", gone: ["bison"],
            stays: ["ip_vs_rr 12288 2 - Live 0x0000000000000000"]),
        Case(
            "units of the system", node + "systemctl-is-active.txt", "nm-cloud-setup active\n", gone: [],
            stays: ["nm-cloud-setup active"]),
        Case(
            "features of drivers", node + "ethtool/acme0-features",
            "Features for acme0:\ntx-checksum-ip-generic: on [fixed]\n", gone: ["acme"],
            stays: ["tx-checksum-ip-generic: on [fixed]"]),
        Case(
            "the order of configurations of CNI", node + "cni/05-acme.conf", "{\"type\": \"multus\"}", gone: ["acme"],
            stays: ["cni/05-", ".conf", "multus"]),
        Case(
            "protocols without ports", node + "iptables-save.txt",
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p vrrp -j ACCEPT\n-A INPUT -p ospf -j ACCEPT\nCOMMIT\n", gone: [],
            stays: ["-p vrrp -j ACCEPT", "-p ospf -j ACCEPT"]),
        Case(
            "the header of a frame", node + "dmesg.txt",
            "IN=eth0 MAC=52:54:00:11:22:33:52:54:00:44:55:66:08:00 kernel 5.10.0-28-cloud-amd64\n",
            gone: ["11:22:33", "44:55:66"], stays: [":08:00 kernel 5.10.0-28-cloud-amd64"]),
        Case(
            "kinds of network plugins", "cluster/calico.yaml",
            "{apiVersion: crd.projectcalico.org/v1, kind: BGPPeer, metadata: {name: a}, spec: {ipipMode: CrossSubnet}}",
            gone: [], stays: ["\"kind\": \"BGPPeer\"", "CrossSubnet"]),
        Case(
            "what nobody reads of a manifest", "bundle.json",
            "{\"formatVersion\": 1, \"tool\": \"by jo@ottercorp.com\", \"nodes\": {\"zebra-node\": {}}}",
            gone: ["otter", "zebra", "jo@"], stays: ["\"formatVersion\": 1"]),
    ]

    @Test(arguments: cases) func nothingIsLeft(of sample: Case) throws {
        let text = try Self.redacted([(sample.path, sample.text)]).text
        for word in sample.gone { #expect(!text.contains(word), "\(word) in \(text)") }
        for word in sample.stays { #expect(text.contains(word), "\(word) not in \(text)") }
        #expect(!text.contains("berlin"))
    }

    /// A length of a network is no name, though a label's value is the same number.
    @Test func lengthsOfNetworksAreNoNames() throws {
        let text = try Self.redacted([
            (
                "cluster/nodes.yaml",
                "{apiVersion: v1, kind: Node, metadata: {name: a1, labels: {rack: '24', row: '120'}}, spec: {podCIDRs: [10.244.1.0/24, 'fd00:7::/120']}}"
            ), (Self.node + "ip-route.txt", "10.244.1.0/24 dev cni0\n0.0.0.0/0 via 10.1.1.1 dev eth0\n"),
        ]).text
        #expect(text.contains("/24 dev cni0") && text.contains("/24\"") && text.contains("/120\""), "\(text)")
        #expect(text.contains("0.0.0.0/0 via"), "\(text)")
    }

    /// Sets, ranges and devices in the JSON of nft become what they became elsewhere.
    @Test func setsAndRangesOfNftInJSON() throws {
        let rule = { (left: String, right: String) in
            "{\"rule\": {\"family\": \"ip\", \"table\": \"a\", \"chain\": \"c\", \"handle\": 3, \"expr\": [{\"match\": {\"op\": \"==\", \"left\": \(left), \"right\": \(right)}}, {\"drop\": null}]}}"
        }
        let source = "{\"payload\": {\"protocol\": \"ip\", \"field\": \"saddr\"}}"
        let device = "{\"meta\": {\"key\": \"iifname\"}}"
        let json =
            "{\"nftables\": [{\"table\": {\"family\": \"ip\", \"name\": \"a\", \"handle\": 1}}, {\"chain\": {\"family\": \"ip\", \"table\": \"a\", \"name\": \"c\", \"handle\": 2, \"type\": \"filter\", \"hook\": \"input\", \"prio\": 0, \"policy\": \"accept\"}}, "
            + [
                rule(source, "{\"set\": [\"10.61.62.80\", \"10.61.62.81\"]}"),
                rule(source, "{\"range\": [\"10.61.62.10\", \"10.61.62.20\"]}"),
                rule(device, "{\"set\": [\"storage0\", \"mgmt0\"]}"),
            ].joined(separator: ", ") + "]}"
        for key in UInt8(1)...8 {
            let links =
                "2: storage0: <BROADCAST,UP> mtu 1500\n    inet 10.61.62.15/24 scope global storage0\n    inet 10.61.62.81/24 scope global storage0\n"
            let artifacts = [("nft-list-ruleset.json", json), ("ip-addr.txt", links)].map {
                Artifact(path: Self.node + $0.0, bytes: Array($0.1.utf8), origin: nil)
            }
            let result = try Redaction.redacted(
                SupportBundle(name: "b", artifacts: artifacts), key: Array(repeating: key, count: 16))
            let texts = result.bundle.artifacts.map { String(decoding: $0.bytes, as: UTF8.self) }
            let all = texts.joined()
            for word in ["10.61.62", "storage0", "mgmt0"] { #expect(!all.contains(word), "\(word) in \(all)") }
            let pseudonyms = Dictionary(uniqueKeysWithValues: result.report.pairs.map { ($0.original, $0.pseudonym) })
            let renamed = try #require(pseudonyms["storage0"])
            #expect(texts.allSatisfy { !$0.contains("mtu") || $0.contains("2: \(renamed):") }, "\(all)")
            #expect(all.contains("[\"\(renamed)\""), "\(all)")
            let shown = try #require(pseudonyms["10.61.62.81"])
            #expect(all.contains("\"\(shown)\"]") && all.contains("inet \(shown)/24"), "\(all)")
            // What lay within the range still does.
            let ends = ["10.61.62.10", "10.61.62.15", "10.61.62.20"].compactMap { original in
                pseudonyms[original].flatMap { $0.split(separator: ".").last }.flatMap { Int($0) }
            }
            #expect(ends.count == 3 && ends.sorted() == ends, "\(ends)")
        }
    }

    /// What a failed command said tells whether the kernel has no such rules, or nobody knows them.
    @Test(arguments: [
        "iptables-legacy-save: Cannot initialize: iptables who? (do you need to insmod?)",
        "can't initialize iptables table `filter': Table does not exist",
        "netlink: Error: cache initialization failed: Operation not permitted",
        "netlink: Error: cache initialization failed: Protocol not supported",
        "generation id: Invalid argument", "cache initialization failed: Invalid argument",
        "open tables_names: No such file or directory", "not run: the 60 s are used up",
    ])
    func howACommandEnded(said: String) throws {
        let manifest =
            "{\"formatVersion\": 1, \"artifacts\": {\"nodes/berlin/iptables-nft-save.txt\": {\"command\": \"iptables-nft-save -c\", \"exitCode\": 1, \"stderr\": \"\(said)\"}}}"
        let files = [("bundle.json", manifest), (Self.node + "sysctl.txt", "net.ipv4.ip_forward = 1\n")]
        let before = SupportBundle(
            name: "b", artifacts: files.map { Artifact(path: $0.0, bytes: Array($0.1.utf8), origin: nil) })
        let (text, after) = try Self.redacted(files)
        let states = [before, after].map { ClusterSnapshot(parsing: $0, nodeName: nil).nodes.first?.host }
        #expect(states[0] != nil && states[0]?.lostRules == states[1]?.lostRules, "\(text)")
        #expect(text.contains(said), "\(text)")
    }

    @Test func chainsCalledByAnAddress() throws {
        let rules = """
            *filter
            :INPUT ACCEPT [0:0]
            :block-10.151.51.8 - [0:0]
            [1:60] -A INPUT -s 10.151.51.8/32 -j block-10.151.51.8
            [0:0] -A block-10.151.51.8 -j DROP
            COMMIT

            """
        let (text, bundle) = try Self.redacted([(Self.node + "iptables-save.txt", rules)])
        #expect(!text.contains("10.151.51.8"), "\(text)")
        #expect(ClusterSnapshot(parsing: bundle, nodeName: nil).unread.isEmpty, "\(text)")
    }

    /// A prompt is no JSON, though it begins as a list does.
    @Test func aPromptBeforeADump() throws {
        let rules =
            "[root@slave1 ~]# iptables-save\n*filter\n:INPUT DROP [0:0]\n-A INPUT -s 10.7.7.7/32 -j ACCEPT\nCOMMIT\n"
        let (text, bundle) = try Self.redacted([(Self.node + "iptables-save.txt", rules)])
        #expect(!text.contains("10.7.7.7") && !text.contains("slave1"), "\(text)")
        #expect(ClusterSnapshot(parsing: bundle, nodeName: nil).nodes.first?.host.ruleSets.isEmpty == false)
    }

    /// A rule for all of a private block does not cost its addresses their block.
    @Test func addressesStayInTheirBlock() throws {
        let routes =
            "10.0.0.0/8 via 10.1.1.1 dev eth0\n10.7.0.0/16 via 10.1.1.2 dev eth0\nfc00::/7 dev eth0\nfe80::/10 dev eth0\n"
        let text = try Self.redacted([(Self.node + "ip-route.txt", routes)]).text
        #expect(text.contains("10.0.0.0/8 via 10."), "\(text)")
        #expect(!text.contains("10.7.0.0") && !text.contains("10.1.1."), "\(text)")
    }
}
