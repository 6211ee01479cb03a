import ClewDiagnostics
import Testing

/// Routes, overlays, address plans and the size of packets.
@Suite struct RoutingChecksTests {
    private static let routes = "nodes/worker-a/ip-route.txt"
    private static let plain: @Sendable (inout BundleFiles) -> Void = { _ in }
    private static let overlay: @Sendable (inout BundleFiles) -> Void = { $0.wrapInVXLAN() }

    static let cases: [CheckCase] = [
        .fires("RTE001", "the way back is missing") {
            $0.replace("10.244.1.0/24 via 192.168.50.11 dev eth0 \n", "", in: "nodes/worker-b/ip-route.txt")
            $0.replace("default via 192.168.50.1 dev eth0 proto static \n", "", in: "nodes/worker-b/ip-route.txt")
        },
        .quiet("RTE001", "a route to a network without pods is missing") {
            $0.replace("10.244.2.0/24 via", "10.99.0.0/24 via 192.168.50.12 dev eth0\n10.244.2.0/24 via", in: routes)
        },
        .fires("RTE002", "the gateway is another machine") {
            $0.replace("10.244.2.0/24 via 192.168.50.12", "10.244.2.0/24 via 192.168.50.99", in: routes)
            otherMachine(&$0)
        },
        .quiet("RTE002", "every gateway is the node it leads to", plain),
        .fires("RTE003", "two nodes have one range") {
            $0.replace("- 10.244.2.0/24", "- 10.244.1.128/25", in: "cluster/objects.yaml")
        },
        .quiet("RTE003", "ranges are neighbours") {
            $0.replace("- 10.244.2.0/24", "- 10.244.0.0/24", in: "cluster/objects.yaml")
        },
        .fires("RTE004", "virbr0 has the network of the other node's pods") {
            $0.append(bridge("virbr0", "10.244.2.1/25"), to: "nodes/worker-a/ip-addr.txt")
            $0.append("10.244.2.0/25 dev virbr0 proto kernel scope link src 10.244.2.1", to: routes)
        },
        .fires("RTE004", "docker0 is a part of the nodes' network", in: "calico-two-nodes", plain),
        .quiet("RTE004", "virbr0 has a network of its own") {
            $0.append(bridge("virbr0", "192.168.122.1/24"), to: "nodes/worker-a/ip-addr.txt")
            $0.append("192.168.122.0/24 dev virbr0 proto kernel scope link src 192.168.122.1", to: routes)
        },
        .fires("RTE005", "kube-proxy's cluster CIDR holds the Services", in: "ipvs-cluster-cidr", plain),
        .quiet("RTE005", "it holds pods only", plain),
        .fires("RTE006", "a node has no range") {
            $0.replace(
                "    podCIDR: 10.244.2.0/24\n    podCIDRs:\n    - 10.244.2.0/24\n", "", in: "cluster/objects.yaml")
        },
        .quiet("RTE006", "no node has one, since somebody else allocates", in: "calico-two-nodes", plain),
        .fires("RTE007", "one node is outside") {
            $0.replace("- 10.244.2.0/24", "- 10.250.2.0/24", in: "cluster/objects.yaml")
            proxy(&$0, "10.244.0.0/16")
        },
        .quiet("RTE007", "both are inside") { proxy(&$0, "10.244.0.0/16") },
        .fires("RTE008", "the host reaches no ClusterIP") {
            $0.replace("default via 192.168.50.1 dev eth0 proto static \n", "", in: routes)
        },
        .quiet("RTE008", "an air-gapped host routes by another device") {
            $0.replace("default via 192.168.50.1 dev eth0 proto static", "default dev eth0 scope link", in: routes)
        },
        .fires("RTE009", "the tunnel's packets do not fit") {
            overlay(&$0)
            $0.replace("mtu 1450", "mtu 1480", in: "nodes/worker-a/ip-link.txt")
            $0.replace("mtu 1450", "mtu 1480", in: "nodes/worker-a/ip-addr.txt")
        },
        .quiet("RTE009", "they fit, pods' too") {
            overlay(&$0)
            for node in ["worker-a", "worker-b"] {
                for file in ["ip-link", "ip-addr"] {
                    $0.replace(
                        "if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
                        "if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450", in: "nodes/\(node)/\(file).txt")
                }
            }
        },
        .fires("RTE010", "one card takes jumbo frames") {
            for file in ["ip-link", "ip-addr"] {
                $0.replace(
                    "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
                    "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001", in: "nodes/worker-a/\(file).txt")
            }
        },
        .quiet("RTE010", "the cards differ, and the overlay does not") {
            overlay(&$0)
            for file in ["ip-link", "ip-addr"] {
                $0.replace(
                    "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
                    "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001", in: "nodes/worker-a/\(file).txt")
            }
        },
        .fires("RTE011", "fragmentation fails again and again") {
            $0.add("nstat-1.txt", "IpFragFails 10 0.0")
            $0.add("nstat-2.txt", "IpFragFails 250 0.0")
        },
        .quiet("RTE011", "it failed before") {
            $0.add("nstat-1.txt", "IpFragFails 10 0.0")
            $0.add("nstat-2.txt", "IpFragFails 10 0.0")
        },
        .fires("RTE012", "INPUT drops VXLAN") {
            overlay(&$0)
            $0.insertRule("-p udp -m udp --dport 8472 -j DROP", chain: "INPUT", on: "worker-b")
        },
        .quiet("RTE012", "INPUT drops another port") {
            overlay(&$0)
            $0.insertRule("-p udp -m udp --dport 4789 -j DROP", chain: "INPUT", on: "worker-b")
        },
        .fires("RTE013", "IPIP on Azure", in: "calico-two-nodes") {
            $0.replace(
                "    name: slave1\n    labels:\n      kubernetes.io/hostname: slave1\n",
                "    name: slave1\n  spec:\n    providerID: azure:///subscriptions/1/vm/slave1\n",
                in: "cluster/objects.yaml")
        },
        .quiet("RTE013", "IPIP elsewhere", in: "calico-two-nodes", plain),
        .fires("RTE014", "an old kernel makes the sums") {
            overlay(&$0)
            $0.add("uname.txt", "Linux worker-a 3.10.0-1062.el7.x86_64 #1 SMP x86_64 GNU/Linux")
            $0.add("ethtool/flannel.1-features.txt", "Features for flannel.1:\ntx-checksum-ip-generic: on")
        },
        .quiet("RTE014", "a new kernel does") {
            overlay(&$0)
            $0.add("uname.txt", "Linux worker-a 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux")
            $0.add("ethtool/flannel.1-features.txt", "Features for flannel.1:\ntx-checksum-ip-generic: on")
        },
        .fires("RTE015", "the port differs") {
            overlay(&$0)
            $0.replace("dstport 8472", "dstport 4789", in: "nodes/worker-b/ip-link.txt")
        },
        .quiet("RTE015", "all have one port", overlay),
        .fires("RTE016", "flannel.1 is down") {
            overlay(&$0)
            for file in ["ip-link", "ip-addr"] {
                $0.replace(
                    "flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP>", "flannel.1: <BROADCAST,MULTICAST>",
                    in: "nodes/worker-b/\(file).txt")
            }
            $0.replace("10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink \n", "", in: "nodes/worker-b/ip-route.txt")
        },
        .quiet("RTE016", "flannel.1 is up, in state UNKNOWN", overlay),
        .fires("RTE017", "the neighbour is missing") {
            overlay(&$0)
            $0.replace(
                "10.244.2.0 dev flannel.1 lladdr ee:00:00:00:00:02 PERMANENT", "", in: "nodes/worker-a/ip-neigh.txt")
        },
        .fires("RTE017", "the forwarding entry is missing") {
            overlay(&$0)
            $0.replace(
                "ee:00:00:00:00:02 dev flannel.1 dst 192.168.50.12 self permanent", "",
                in: "nodes/worker-a/bridge-fdb.txt")
        },
        .quiet("RTE017", "both are there", overlay),
        .fires("RTE020", "nm-cloud-setup routes by tables of its own") {
            $0.append("30400:\tfrom 192.168.50.11 lookup 30400", to: "nodes/worker-a/ip-rule.txt")
        },
        .quiet("RTE020", "another rule") {
            $0.append("30400:\tfrom 192.168.99.11 lookup 77", to: "nodes/worker-a/ip-rule.txt")
        },
        .fires("RTE021", "two pods have one address") {
            $0.replace("10.244.2.5", "10.244.1.5", in: "cluster/objects.yaml")
        },
        .fires("RTE021", "a node has a pod's address") {
            $0.append(bridge("dummy0", "10.244.1.6/32"), to: "nodes/worker-b/ip-addr.txt")
            $0.append(
                "local 10.244.1.6 dev dummy0 table local proto kernel scope host src 10.244.1.6",
                to: "nodes/worker-b/ip-route.txt")
        },
        .quiet("RTE021", "the other pod has ended") {
            $0.replace("10.244.2.5", "10.244.1.5", in: "cluster/objects.yaml")
            $0.replace("phase: Running", "phase: Succeeded", in: "cluster/objects.yaml")
        },
        .fires("RTE022", "two nodes have one address") {
            $0.replace("- address: 192.168.50.12", "- address: 192.168.50.11", in: "cluster/objects.yaml")
        },
        .quiet("RTE022", "each has its own", plain),
        .fires("RTE023", "the other node does not answer on the link") {
            $0.replace(
                "192.168.50.12 dev eth0 lladdr 52:54:00:32:00:0c DELAY", "192.168.50.12 dev eth0 FAILED",
                in: "nodes/worker-a/ip-neigh.txt")
        },
        .quiet("RTE023", "somebody else does not") {
            $0.append("192.168.50.77 dev eth0 FAILED", to: "nodes/worker-a/ip-neigh.txt")
        },
        .fires("RTE024", "flannel's rules are flushed") { flushMasquerading(&$0) },
        .quiet("RTE024", "flannel masquerades", plain),
        .fires("RTE025", "a rule masquerades pods for pods") {
            $0.replace(
                "-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\"",
                "-A POSTROUTING -s 10.244.1.0/24 ! -d 10.244.1.0/24 -j MASQUERADE\n-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\"",
                in: "nodes/worker-a/iptables-save.txt")
        },
        .quiet("RTE025", "pods keep their addresses", plain),
        .fires("RTE026", "a cloud has to pass pods' addresses") {
            $0.replace(
                "    podCIDR: 10.244.1.0/24\n",
                "    providerID: aws:///eu-west-1a/i-0123\n    podCIDR: 10.244.1.0/24\n", in: "cluster/objects.yaml")
        },
        .quiet("RTE026", "machines of one's own", plain),
        .fires("RTE027", "docker0 and cni0 have one network") {
            $0.append(bridge("docker0", "10.244.1.1/24"), to: "nodes/worker-a/ip-addr.txt")
        },
        .fires("RTE027", "flannel.1 is left under Calico") {
            overlay(&$0)
            $0.add("cni/10-calico.conflist", "{\"name\": \"k8s-pod-network\", \"plugins\": [{\"type\": \"calico\"}]}")
        },
        .quiet("RTE027", "flannel's device and its file") {
            overlay(&$0)
            $0.add("cni/10-flannel.conflist", PodNetworkChecksTests.flannel)
        },
        .fires("RTE028", "the card is down") {
            for file in ["ip-link", "ip-addr"] {
                $0.replace(
                    "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP>", "eth0: <BROADCAST,MULTICAST>",
                    in: "nodes/worker-b/\(file).txt")
            }
            $0["nodes/worker-b/ip-route.txt"] = $0["nodes/worker-b/ip-route.txt"].split(separator: "\n")
                .filter { !$0.contains("dev eth0") || $0.hasPrefix("local") }.joined(separator: "\n")
        },
        .quiet("RTE028", "docker0 is down") {
            $0.append(
                bridge("docker0", "172.17.0.1/16").replacing("UP,LOWER_UP", with: "NO-CARRIER,UP"),
                to: "nodes/worker-a/ip-addr.txt")
        },
        .fires("RTE029", "a blackhole covers a pod elsewhere") {
            $0.append("blackhole 10.244.2.0/26", to: routes)
        },
        .quiet("RTE029", "a blackhole of the node's own block", in: "calico-two-nodes", plain),
        .fires("RTE030", "pods are looked up in a table without routes") {
            $0.append("100:\tfrom 10.244.1.0/24 lookup 100", to: "nodes/worker-a/ip-rule.txt")
            $0.append("prohibit default table 100", to: routes)
        },
        .quiet("RTE030", "the table is for a mark that nobody sets") {
            $0.append("100:\tfrom all fwmark 0xca6c lookup 100", to: "nodes/worker-a/ip-rule.txt")
            $0.append("prohibit default table 100", to: routes)
        },
        .fires("SYS004", "strict filtering and two ways") { twoCards(&$0) },
        .quiet("SYS004", "strict filtering and one way") {
            $0.replace(
                "net.ipv4.conf.all.rp_filter = 0", "net.ipv4.conf.all.rp_filter = 1", in: "nodes/worker-b/sysctl.txt")
        },
        .fires("RTE018", "strict filtering and two ways") { twoCards(&$0) },
        .quiet("RTE018", "loose filtering") {
            twoCards(&$0)
            $0.replace(
                "net.ipv4.conf.all.rp_filter = 1", "net.ipv4.conf.all.rp_filter = 2", in: "nodes/worker-b/sysctl.txt")
        },
    ]

    private static func bridge(_ name: String, _ address: String) -> String {
        """
        20: \(name): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 52:54:00:99:00:01 brd ff:ff:ff:ff:ff:ff
            inet \(address) scope global \(name)
               valid_lft forever preferred_lft forever
        """
    }

    private static func proxy(_ files: inout BundleFiles, _ range: String) {
        files.add(
            "kube-proxy-config.yaml",
            "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nclusterCIDR: \(range)")
    }

    /// A machine on the nodes' link that is none of the cluster's, and knows no way to pods.
    private static func otherMachine(_ files: inout BundleFiles) {
        files["nodes/box/ip-addr.txt"] = """
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
                link/ether 52:54:00:32:00:63 brd ff:ff:ff:ff:ff:ff
                inet 192.168.50.99/24 brd 192.168.50.255 scope global eth0
            """
        files["nodes/box/ip-route.txt"] = """
            192.168.50.0/24 dev eth0 proto kernel scope link src 192.168.50.99
            local 192.168.50.99 dev eth0 table local proto kernel scope host src 192.168.50.99
            """
        files["nodes/box/sysctl.txt"] = "net.ipv4.ip_forward = 1"
    }

    private static func flushMasquerading(_ files: inout BundleFiles) {
        let path = "nodes/worker-a/iptables-save.txt"
        files[path] =
            files[path].split(separator: "\n").filter { !$0.hasPrefix("-A FLANNEL-POSTRTG") }
            .joined(separator: "\n") + "\n"
    }

    /// worker-b would answer worker-a's pods by a second card.
    private static func twoCards(_ files: inout BundleFiles) {
        files.append(
            bridge("eth1", "192.168.70.12/24").replacing("20: ", with: "21: "), to: "nodes/worker-b/ip-addr.txt")
        files.append(
            "10.244.1.0/25 via 192.168.70.1 dev eth1\n192.168.70.0/24 dev eth1 proto kernel scope link src 192.168.70.12\n"
                + "local 192.168.70.12 dev eth1 table local proto kernel scope host src 192.168.70.12",
            to: "nodes/worker-b/ip-route.txt")
        files.replace(
            "net.ipv4.conf.all.rp_filter = 0", "net.ipv4.conf.all.rp_filter = 1", in: "nodes/worker-b/sysctl.txt")
        files.append(
            "net.ipv4.conf.eth1.rp_filter = 0\nnet.ipv4.conf.eth1.forwarding = 1", to: "nodes/worker-b/sysctl.txt")
    }

    @Test(arguments: cases) func routing(_ test: CheckCase) { test.check() }

    private static let repaired = [
        "RTE001", "RTE002", "RTE008", "RTE012", "RTE016", "RTE017", "RTE024", "RTE028", "RTE029", "RTE030",
    ]

    @Test(arguments: cases.filter { $0.fires && repaired.contains($0.code) })
    func aRepairIsProven(_ test: CheckCase) throws {
        let run = test.run()
        let finding = try #require(run.findings.first { $0.check.code == test.code })
        #expect(
            finding.fixes.contains { if case .proven = $0.proof { true } else { false } },
            "\(finding.fixes.map { "\($0.title): \($0.proof)" })")
    }
}
