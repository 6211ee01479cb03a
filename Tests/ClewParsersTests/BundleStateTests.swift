import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct BundleStateTests {
    private func host(_ files: [String: String]) throws -> NamespaceSnapshot {
        let named = Dictionary(uniqueKeysWithValues: files.map { ("nodes/n/" + $0.key, $0.value) })
        return try #require(parse(named).nodes.first).host
    }

    @Test func anEmptyFileIsNotCollected() throws {
        let host = try host([
            "conntrack.txt": "", "ip-neigh.txt": "\n", "ss-listen.txt": "", "ipset-save.txt": "", "ip-addr.txt": " ",
            "ipvsadm-save.txt": "", "bridge-fdb.txt": "", "xfrm.txt": "", "ip-route.txt": "", "ip-6-route.json": "[]\n",
        ])
        #expect(host.conntrack == nil)
        #expect(host.neighbors == nil)
        #expect(host.sockets == nil)
        #expect(host.ipSets == nil)
        #expect(host.links == nil)
        #expect(host.virtualServers == nil)
        #expect(host.forwardingEntries == nil)
        #expect(!host.lookedForXfrm)
        #expect(host.routes == [])
        #expect(host.routedFamilies == [.ipv6])
    }

    @Test func linksTakeFromAllCommands() throws {
        let host = try host([
            "ip-addr.txt": Snippet.addr + """
                5: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP group default
                    link/ether 02:00:00:00:00:05 brd ff:ff:ff:ff:ff:ff link-netnsid 0

                """,
            "ip-link.txt": """
            5: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP mode DEFAULT group default
                link/ether 02:00:00:00:00:05 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 1
                veth
                bridge_slave state forwarding hairpin off guard off

            """,
            "bridge-link.txt":
                "5: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 master cni0 state forwarding priority 32 cost 2\n    hairpin on guard off\n",
        ])
        let links = try #require(host.links)
        #expect(links.map(\.name) == ["lo", "eth0", "veth1"])
        #expect(links[1].addresses.map(\.address.description) == ["192.168.50.11/24"])
        #expect(links[2].kind == .veth)
        #expect(links[2].port?.hairpin == true)
        #expect(links[2].port?.bridge == "cni0")
        #expect(host.link(named: "veth1")?.peerIndex == 2)
    }

    @Test func equalRoutesAreOneRoute() throws {
        let host = try host([
            "ip-route.json": """
            [{"dst":"default","gateway":"192.168.50.1","dev":"eth0","flags":[]},
             {"dst":"fd00::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"}]
            """,
            "ip-6-route.json": """
            [{"dst":"fd00::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
             {"dst":"fe80::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"}]
            """,
        ])
        #expect(host.routes?.map(\.destination.description).sorted() == ["0.0.0.0/0", "fd00::/64", "fe80::/64"])
        #expect(host.routedFamilies == [.ipv4, .ipv6])
    }

    @Test func rulesOfBothFamilies() throws {
        let host = try host([
            "ip-rule.txt": "0:\tfrom all lookup local\n", "ip-6-rule.txt": "0:\tfrom all lookup local\n",
        ])
        #expect(host.routingRules.map(\.family).sorted() == [.ipv4, .ipv6])
        #expect(host.ruleFamilies == [.ipv4, .ipv6])
        #expect(try self.host(["ip-rule.txt": "0:\tfrom all lookup local\n"]).ruleFamilies == [.ipv4])
    }

    @Test func whetherOtherDataPathsWereLookedFor() throws {
        let nothing = try host([
            "tc-filter.txt": "# dev eth0 ingress\n", "ebtables-save.txt": "*filter\n:INPUT ACCEPT\n",
            "xfrm.txt": "# none\n",
        ])
        #expect(nothing.lookedForBPF && nothing.lookedForEbtables && nothing.lookedForXfrm)
        #expect(nothing.unmodelled.isEmpty)
        let some = try host([
            "bpf-net.json": #"[{"xdp":[{"devname":"eth0","id":5}],"tc":[]}]"#,
            "xfrm.txt": "src 10.0.0.0/24 dst 10.1.0.0/24\n\tdir out priority 0\n",
        ])
        #expect(some.unmodelled.map(\.kind) == [.xdp, .xfrm])
        #expect(some.lookedForBPF && !some.lookedForEbtables)
        let manifest = parse([
            "bundle.json":
                #"{"artifacts":{"nodes/n/xfrm.txt":{"command":"ip xfrm policy","exitCode":0},"nodes/n/ebtables-save.txt":{"exitCode":1}}}"#,
            "nodes/n/xfrm.txt": "", "nodes/n/ebtables-save.txt": "",
        ])
        #expect(manifest.nodes.first?.host.lookedForXfrm == true)
        #expect(manifest.nodes.first?.host.lookedForEbtables == false)
    }

    @Test(arguments: [
        (#"{"command":"ss -lntup","exitCode":0}"#, Set<IPProtocol>([.tcp, .udp])),
        (#"{"command":"/usr/bin/ss -H -ltuSn","exitCode":0}"#, Set<IPProtocol>([.tcp, .udp, .sctp])),
        (#"{"command":"ss -ntu","exitCode":0}"#, Set<IPProtocol>([.tcp])),
        (#"{"command":"ss -lntu","exitCode":1}"#, Set<IPProtocol>([.tcp])),
        (#"{"command":"ss -lntu sport = 80","exitCode":0}"#, Set<IPProtocol>([.tcp])),
        (#"{"command":"ss -lnx4u","exitCode":0}"#, Set<IPProtocol>([.tcp])),
        (#"{"command":"netstat --listening --udp","exitCode":0}"#, Set<IPProtocol>([.tcp, .udp])),
    ])
    func theCommandTellsWhichSocketsAreCovered(_ origin: String, _ expected: Set<IPProtocol>) {
        let snapshot = parse([
            "bundle.json": #"{"artifacts":{"nodes/n/ss-listen.txt":\#(origin)}}"#,
            "nodes/n/ss-listen.txt": "tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\n",
        ])
        #expect(snapshot.nodes.first?.host.socketProtocols == expected)
    }

    @Test func virtualServersOfEitherCommand() throws {
        let save = "-A -t 10.96.0.1:443 -s rr\n"
        let list = "TCP  10.96.0.2:443 rr\n"
        #expect(try host(["ipvsadm-save.txt": save]).virtualServers?.count == 1)
        let both = try host(["ipvsadm-save.txt": save, "ipvsadm-list.txt": list])
        #expect(both.virtualServers?.count == 1)
    }

    @Test func aCommandThatFailedMayNotHavePrintedAll() {
        let snapshot = parse([
            "bundle.json": """
            {"artifacts":{"nodes/n/conntrack.txt":{"exitCode":1,"stderr":"interrupted\\n"},
            "nodes/n/sysctl.txt":{"exitCode":255},"nodes/n/iptables-save.txt":{"exitCode":4},
            "nodes/n/ip-rule.txt":{"exitCode":0}}}
            """,
            "nodes/n/conntrack.txt": "conntrack v1.4.6 (conntrack-tools): 0 flow entries have been shown.\n",
            "nodes/n/sysctl.txt": "net.ipv4.ip_forward = 1\n", "nodes/n/iptables-save.txt": Snippet.nftDump,
            "nodes/n/ip-rule.txt": "0: from all lookup local\n",
        ])
        #expect(
            snapshot.unreadText == [
                "nodes/n/conntrack.txt the command ended with exit code 1: what it printed may not be all",
                "nodes/n/iptables-save.txt the command ended with exit code 4: what it printed may not be all",
            ])
        #expect(snapshot.unread.first?.text == "interrupted")
    }

    @Test func theListTellsWhoseEachFileIs() {
        let snapshot = parse([
            "a/sysctl.txt": "net.ipv4.ip_forward = 1\n", "b/sysctl.txt": "", "b/netns/p/sysctl.txt": "x = 1\n",
            "cluster/nodes.json": Snippet.nodes, "README": "hello",
        ])
        #expect(
            snapshot.inventory.map { "\($0.path) \($0.node ?? "-")" } == [
                "README -", "a/sysctl.txt a", "b/netns/p/sysctl.txt b", "b/sysctl.txt b", "cluster/nodes.json -",
            ])
    }

    @Test func kubeProxyIsAskedBeforeItsFileAndTheClustersConfigMap() throws {
        let config = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: "
        let configz = """
            {"kubeproxy.config.k8s.io":{"kind":"KubeProxyConfiguration",
             "apiVersion":"kubeproxy.config.k8s.io/v1alpha1","mode":"nftables"}}
            """
        let configMap = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: kube-proxy, namespace: kube-system}
            data:
              config.conf: |
                apiVersion: kubeproxy.config.k8s.io/v1alpha1
                kind: KubeProxyConfiguration
                mode: ipvs

            """
        let files = [
            "cluster/kube-proxy.yaml": configMap, "nodes/a/kube-proxy-config.yaml": config + "iptables\n",
            "nodes/a/kube-proxy-configz.json": configz, "nodes/b/kube-proxy-config.yaml": config + "iptables\n",
            "nodes/b/kube-proxy-proxymode.txt": "nftables\n", "nodes/c/sysctl.txt": "",
            "nodes/d/kube-proxy-config.yaml": "a: 1\n",
        ]
        let snapshot = parse(files)
        #expect(snapshot.nodes.map(\.proxyConfiguration?.mode) == ["nftables", "iptables", "ipvs", "ipvs"])
        #expect(snapshot.nodes.map(\.proxyMode) == ["nftables", "nftables", nil, nil])
        #expect(snapshot.unreadText == ["nodes/d/kube-proxy-config.yaml:1 no configuration of kube-proxy"])
    }

    @Test func unreadLinesAreNamed() {
        let snapshot = parse([
            "nodes/n/sysctl.txt": "net.ipv4.ip_forward = 1\nwhat is this\n",
            "nodes/n/netns/p/pod.txt": "nonsense",
            "nodes/n/kube-proxy-proxymode.txt": "404 page not found",
        ])
        #expect(
            snapshot.unreadText == [
                "nodes/n/kube-proxy-proxymode.txt:1 not a mode of kube-proxy",
                "nodes/n/netns/p/pod.txt:1 not NAMESPACE/NAME",
                "nodes/n/sysctl.txt:2 not a kernel parameter and its value",
            ])
        #expect(snapshot.unread.last?.text == "what is this")
        #expect(snapshot.fate(of: "nodes/n/sysctl.txt") == "read sysctl 2/1")
    }
}
