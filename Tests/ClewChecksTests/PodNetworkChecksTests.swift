import ClewDiagnostics
import Testing

/// Bridges, what is plugged into them, and the files that say how.
@Suite struct PodNetworkChecksTests {
    static let flannel = """
        {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
          {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
          {"type": "portmap", "capabilities": {"portMappings": true}}]}
        """
    private static let podman = """
        {"cniVersion": "0.4.0", "name": "podman", "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}]}
        """

    static func listing(_ files: [String], _ binaries: [String]) -> String {
        "/etc/cni/net.d:\ntotal 4\n" + files.map { "-rw-r--r-- 1 root root 292 Nov 21 05:00 \($0)\n" }.joined()
            + "\n/opt/cni/bin:\ntotal 4\n"
            + binaries.map { "-rwxr-xr-x 1 root root 3862976 Nov 21 05:00 \($0)\n" }.joined()
    }

    static let cases: [CheckCase] = [
        .fires("BR001", "bridged answers pass conntrack by", in: "bridge-nf-off") { _ in },
        .quiet("BR001", "the key is on"),
        .fires("BR002", "the module is not loaded") { files in
            let text = files["nodes/worker-a/sysctl.txt"]
            files["nodes/worker-a/sysctl.txt"] =
                text.split(separator: "\n").filter { !$0.hasPrefix("net.bridge") }
                .joined(separator: "\n") + "\n"
        },
        .quiet("BR002", "the key is 0, so the module is there", in: "bridge-nf-off"),
        .fires("BR003", "IPv6 is bridged past ip6tables", in: "Tests/Corpus/lab-rules/bridge-hostgw-dual-legacy") {
            $0.replace("bridge-nf-call-ip6tables = 1", "bridge-nf-call-ip6tables = 0", in: "nodes/worker-a/sysctl.txt")
        },
        .quiet("BR003", "only IPv4 is bridged past iptables", in: "Tests/Corpus/lab-rules/bridge-hostgw-dual-legacy") {
            $0.replace("bridge-nf-call-iptables = 1", "bridge-nf-call-iptables = 0", in: "nodes/worker-a/sysctl.txt")
        },
        .quiet("BR003", "IPv6 is bridged past ip6tables, and nobody has it") {
            $0.replace("bridge-nf-call-ip6tables = 1", "bridge-nf-call-ip6tables = 0", in: "nodes/worker-a/sysctl.txt")
        },
        .fires("BR004", "nothing loads br_netfilter at boot") {
            $0.add("proc-modules.txt", "br_netfilter 32768 0 - Live 0x0")
            $0.add("modules-load.txt", "/etc/modules-load.d/other.conf:nf_conntrack")
        },
        .fires("BR004", "a later file sets the key to 0") {
            $0.add(
                "sysctl-files.txt",
                "/etc/sysctl.d/k8s.conf:net.bridge.bridge-nf-call-iptables = 1\n"
                    + "/usr/lib/sysctl.d/libvirt.conf:net.bridge.bridge-nf-call-iptables = 0")
        },
        .quiet("BR004", "files say what is in force") {
            $0.add("proc-modules.txt", "br_netfilter 32768 0 - Live 0x0")
            $0.add("modules-load.txt", "/etc/modules-load.d/k8s.conf:br_netfilter")
            $0.add("sysctl-files.txt", "/etc/sysctl.d/k8s.conf:net.bridge.bridge-nf-call-iptables = 1")
        },
        .fires("BR005", "hairpin mode is off") {
            $0.replace("hairpin on", "hairpin off", in: "nodes/worker-a/ip-link.txt")
            $0.replace("hairpin on", "hairpin off", in: "nodes/worker-a/bridge-link.txt")
        },
        .quiet("BR005", "hairpin mode is on"),
        .fires("BR006", "a pod's device is no port") {
            $0.replace(
                "qdisc noqueue master cni0 state UP group default qlen 1000\n    link/ether d2:41",
                "qdisc noqueue state UP group default qlen 1000\n    link/ether d2:41", in: "nodes/worker-a/ip-addr.txt"
            )
            unplug(&$0)
        },
        .quiet("BR006", "every device is a port"),
        .fires("BR017", "cbr0 is promiscuous, and ebtables is empty") {
            promiscuous(&$0)
            $0.add("ebtables-save.txt", "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT")
        },
        .quiet("BR017", "kubenet's rules are there") {
            promiscuous(&$0)
            $0.add(
                "ebtables-save.txt",
                "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:KUBE-DEDUP RETURN\n-A OUTPUT -j KUBE-DEDUP\n"
                    + "-A KUBE-DEDUP -p IPv4 -s 0a:58:0a:f4:01:01 -o veth+ --ip-src 10.244.1.1 -j ACCEPT")
        },
        .quiet("BR017", "nobody looked at ebtables") { promiscuous(&$0) },
        .fires("BR007", "cni0 has an address of another range") {
            $0.replace("10.244.1.0/24", "10.244.9.0/24", in: "cluster/objects.yaml")
        },
        .quiet("BR007", "cni0 has the first address of its range"),
        .fires("BR008", "cni0 is down") {
            $0.replace(
                "cni0: <BROADCAST,MULTICAST,UP,LOWER_UP>", "cni0: <BROADCAST,MULTICAST>",
                in: "nodes/worker-a/ip-addr.txt")
            $0.replace(
                "cni0: <BROADCAST,MULTICAST,UP,LOWER_UP>", "cni0: <BROADCAST,MULTICAST>",
                in: "nodes/worker-a/ip-link.txt")
            $0.replace(
                "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n", "",
                in: "nodes/worker-a/ip-route.txt")
        },
        .quiet("BR008", "a bridge without pods is down") {
            $0.append(
                "9: docker0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default\n"
                    + "    link/ether 02:42:ff:96:6a:06 brd ff:ff:ff:ff:ff:ff", to: "nodes/worker-a/ip-addr.txt")
        },
        .fires("BR009", "the folder is empty") { $0.add("cni-files.txt", listing([], ["flannel", "bridge"])) },
        .quiet("BR009", "the folder has the plugin's file") {
            $0.add("cni-files.txt", listing(["10-flannel.conflist"], ["flannel", "bridge"]))
            $0.add("cni/10-flannel.conflist", flannel)
        },
        .fires("BR010", "podman's file comes first") {
            $0.add("cni/05-podman.conflist", podman)
            $0.add("cni/10-flannel.conflist", flannel)
        },
        .quiet("BR010", "podman's file comes last") {
            $0.add("cni/87-podman.conflist", podman)
            $0.add("cni/10-flannel.conflist", flannel)
        },
        .fires("BR011", "portmap is not installed") {
            $0.add("cni-files.txt", listing(["10-flannel.conflist"], ["flannel", "bridge", "host-local"]))
            $0.add("cni/10-flannel.conflist", flannel)
        },
        .quiet("BR011", "all plugins are installed") {
            $0.add("cni-files.txt", listing(["10-flannel.conflist"], ["flannel", "bridge", "host-local", "portmap"]))
            $0.add("cni/10-flannel.conflist", flannel)
        },
        .fires("BR012", "a comma too many") {
            $0.add("cni/10-flannel.conflist", flannel.replacing("true}}]}", with: "true}},]}"))
        },
        .fires("BR012", "a list without plugins") {
            $0.add("cni/10-x.conflist", "{\"name\": \"x\", \"type\": \"bridge\"}")
        },
        .quiet("BR012", "a single plugin") { $0.add("cni/10-x.conf", "{\"name\": \"x\", \"type\": \"bridge\"}") },
        .fires("BR014", "a pod with Docker's address") {
            $0.replace("10.244.1.5", "172.17.0.5", in: "cluster/objects.yaml")
        },
        .quiet("BR014", "a pod of the host network") {
            $0.replace("10.244.1.5", "192.168.50.11", in: "cluster/objects.yaml")
            $0.replace(
                "    nodeName: worker-a\n", "    nodeName: worker-a\n    hostNetwork: true\n",
                in: "cluster/objects.yaml")
        },
        .fires("BR019", "frames between pods of a node meet the policy") {
            $0.replace(":FORWARD ACCEPT", ":FORWARD DROP", in: "nodes/worker-a/iptables-save.txt")
            $0.replace(
                "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n", "",
                in: "nodes/worker-a/iptables-save.txt")
        },
        .quiet("BR019", "the same on a node whose pods ask no other of it") {
            $0.replace(":FORWARD ACCEPT", ":FORWARD DROP", in: "nodes/worker-b/iptables-save.txt")
            $0.replace(
                "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n", "",
                in: "nodes/worker-b/iptables-save.txt")
        },
        .fires("BR021", "the kubelet's log says so") {
            $0.add(
                "journal-services.txt",
                "2026-01-31T09:30:00 worker-a kubelet: E0131 Failed to create pod sandbox: plugin type=\"flannel\" failed (add): "
                    + "open /run/flannel/subnet.env: no such file or directory")
        },
        .quiet("BR021", "a sandbox was made") {
            $0.add(
                "journal-services.txt",
                "2026-01-31T09:30:00 worker-a containerd: RunPodSandbox returns sandbox id \"ab\"")
        },
        .fires("BR022", "a pod has lost its default route") {
            let path = "nodes/worker-a/netns/cni-b81754aa/ip-route.txt"
            $0.replace("default via 10.244.1.1 dev eth0 \n", "", in: path)
            $0.replace("10.244.0.0/16 via 10.244.1.1 dev eth0 \n", "", in: path)
        },
        .quiet("BR022", "the pods' own route is enough for the cluster") {
            $0.replace(
                "10.244.0.0/16 via 10.244.1.1 dev eth0 \n", "", in: "nodes/worker-a/netns/cni-b81754aa/ip-route.txt")
        },
    ]

    /// Takes the first pod's device off the bridge, in every file that says so.
    private static func promiscuous(_ files: inout BundleFiles) {
        for name in ["ip-addr", "ip-link"] {
            files.replace(
                "cni0: <BROADCAST,MULTICAST,UP,LOWER_UP>", "cbr0: <BROADCAST,MULTICAST,PROMISC,UP,LOWER_UP>",
                in: "nodes/worker-a/\(name).txt")
        }
    }

    private static func unplug(_ files: inout BundleFiles) {
        files.replace(
            "veth3c1f9a20@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cni0",
            "veth3c1f9a20@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue",
            in: "nodes/worker-a/ip-link.txt")
        for name in ["ip-link", "bridge-link"] {
            let path = "nodes/worker-a/\(name).txt"
            var lines = files[path].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            guard let start = lines.firstIndex(where: { $0.contains("veth3c1f9a20") }) else { continue }
            var end = start + 1
            while end < lines.count, lines[end].hasPrefix(" ") { end += 1 }
            if name == "bridge-link" {
                lines.removeSubrange(start..<end)
            } else {
                lines = lines.enumerated().filter {
                    !(start..<end).contains($0.offset) || !$0.element.contains("bridge_slave")
                }
                .map(\.element)
            }
            files[path] = lines.joined(separator: "\n")
        }
    }

    @Test(arguments: cases) func podNetwork(_ test: CheckCase) { test.check() }

    @Test(arguments: cases.filter { ["BR006", "BR022"].contains($0.code) && $0.fires })
    func aRepairIsProven(_ test: CheckCase) throws {
        let finding = try #require(test.run().findings.first { $0.check.code == test.code })
        #expect(finding.fixes.contains { if case .proven = $0.proof { true } else { false } }, "\(finding.fixes)")
    }

    /// With the bridge down, packets for the node's own pods leave for a gateway that nobody collected.
    @Test func aBridgeThatIsSetUpRepairsWhatCouldNotBeTold() throws {
        let test = try #require(Self.cases.first { $0.code == "BR008" && $0.fires })
        let finding = try #require(test.run().findings.first { $0.check.code == "BR008" })
        guard case .partly(let change, let reason) = try #require(finding.fixes.first).proof else {
            Issue.record("\(finding.fixes)")
            return
        }
        #expect(change.repaired.count > 2 && change.broken.isEmpty)
        #expect(reason.contains("could not be told"))
    }
}
