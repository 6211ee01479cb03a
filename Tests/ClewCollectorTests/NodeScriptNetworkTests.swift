import ClewBundle
import ClewCollector
import Foundation
import Testing

/// The script in real namespaces, and what it must not take along.
@Suite("Node script in namespaces", .serialized, .timeLimit(.minutes(25)))
struct NodeScriptNetworkTests {
    @Test(
        "A node and its pods: devices, routes, rules, sysctls of each, and whose namespace it is",
        arguments: NodeScriptTests.shells)
    func nodeAndPods(sh: [String]) throws {
        guard isRoot(), isInstalled(sh[0], "ip", "nsenter", "iptables-nft-restore") else { return }
        let folder = try TemporaryFolder()
        let mark = "clewcol\(UInt16.random(in: 0 ... .max))"
        defer { _ = try? shell("ip netns del \(mark)n || true; ip netns del \(mark)p || true") }
        try shell(
            """
            ip netns add \(mark)n; ip netns add \(mark)p
            ip -n \(mark)n link add veth1 type veth peer name eth0 netns \(mark)p
            ip -n \(mark)n addr add 10.244.1.1/24 dev veth1; ip -n \(mark)n link set veth1 up
            ip -n \(mark)p addr add 10.244.1.11/24 dev eth0; ip -n \(mark)p link set eth0 up
            ip -n \(mark)p route add default via 10.244.1.1
            ip netns exec \(mark)p sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
            ip netns exec \(mark)n sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'
            printf '*nat\\n-A OUTPUT -d 10.96.0.10/32 -p tcp --dport 80 -j DNAT --to-destination 10.244.1.11:8080\\nCOMMIT\\n' |
                ip netns exec \(mark)n iptables-nft-restore
            """)
        let run = try ScriptRun(
            sh,
            [
                "--node", "worker-a", "--gap", "0", "--netns", "web=/run/netns/\(mark)p=shop/web-0", "--netns",
                "gone=/run/netns/\(mark)x",
            ], behind: ["ip", "netns", "exec", mark + "n"], in: folder)
        try run.checkWhole()
        let node = "nodes/worker-a/"
        #expect(run[node + "ip-addr.json"]?.contains("\"10.244.1.1\"") == true)
        #expect(run[node + "iptables-nft-save.txt"]?.contains("--to-destination 10.244.1.11:8080") == true)
        #expect(run[node + "nft-list-ruleset.txt"]?.contains("10.96.0.10") == true)
        #expect(run[node + "sysctl.txt"]?.contains("net.ipv4.ip_forward = 0\n") == true)
        #expect(run[node + "sysctl.txt"]?.contains("net.ipv4.conf.veth1.rp_filter = ") == true)
        let pod = node + "netns/web/"
        #expect(run[pod + "pod.txt"] == "shop/web-0\n")
        #expect(run[pod + "ip-addr.json"]?.contains("\"10.244.1.11\"") == true)
        #expect(run[pod + "ip-route.json"]?.contains("\"gateway\":\"10.244.1.1\"") == true)
        #expect(run[pod + "sysctl.txt"]?.contains("net.ipv4.ip_forward = 1\n") == true)
        #expect(run[pod + "iptables-nft-save.txt"] == nil)
        #expect(try run.record(pod + "iptables-nft-save.txt").standardError.contains("holds no table"))
        #expect(try run.record(node + "netns/gone/ip-addr.json").exitCode != 0)
        let namespaces = try #require(run.manifest["namespaces"] as? [String: [String: Any]])
        #expect(namespaces["nodes/worker-a/netns/web"]?["pod"] as? String == "shop/web-0")
        #expect(try !allSysctls(run[node + "sysctl.txt"], in: mark + "n").contains { $0.contains("secret") })
    }

    /// Every key of the kernel is there with the value that `cat` reads, but for those that change, or are secret.
    private func allSysctls(_ text: String?, in namespace: String) throws -> Set<String> {
        let collected = Set(try #require(text).split(separator: "\n").map(String.init))
        let expected = try shell(
            """
            ip netns exec \(namespace) sh -c 'for f in $(find /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/tcp_* -type f)
            do k=${f#/proc/sys/}; echo "$(echo "$k" | tr / .) = $(cat $f)"; done' 2>/dev/null
            """
        ).split(separator: "\n").map(String.init).filter { $0.contains(" = ") && !$0.contains("fastopen_key") }
        #expect(expected.count > 100)
        let missing = expected.filter { !collected.contains($0) }
        #expect(missing == [])
        return collected
    }

    @Test("Namespaces of pods are found by their processes and mounts, and named by what the kubelet and CNI leave")
    func findsPods() throws {
        guard isRoot(), isInstalled("unshare", "nsenter", "ip", "mount") else { return }
        let folder = try TemporaryFolder()
        let cached = """
            {"kind":"cniCacheV1","containerId":"5d1f","config":"e30=","ifName":"eth0","networkName":"cbr0","cniArgs":\
            [["IgnoreUnknown","1"],["K8S_POD_NAMESPACE","shop"],["K8S_POD_NAME","web-0"],["K8S_POD_UID","1"]],"result":\
            {"cniVersion":"0.3.1","interfaces":[{"name":"eth0","sandbox":"/var/run/netns/cni-77"}]}}
            """
        try folder.write("root/var/lib/cni/results/cbr0-5d1f-eth0", cached)
        let uid = "0a1b2c3d-0000-4000-8000-\(UInt64.random(in: 100_000_000_000...999_999_999_999))"
        try folder.write("root/var/log/pods/db_store-1_\(uid)/pg/0.log", "")
        let cgroup = "/sys/fs/cgroup/pids/clew-\(uid)/kubepods/pod\(uid)"
        let hasGroups =
            (try? FileManager.default.createDirectory(atPath: cgroup, withIntermediateDirectories: true)) != nil
        if !hasGroups { print("SKIP: no control group can be made, so pods are not named by it") }
        defer { for path in [cgroup, "\(cgroup)/..", "\(cgroup)/../.."] { rmdir(path) } }
        try folder.write(
            "node.sh",
            """
            mount -t tmpfs none /run; ip netns add cni-77
            ip link add veth9 type veth peer name veth8
            \(hasGroups ? "sh -c 'echo $$ > \(cgroup)/cgroup.procs; exec unshare -n sh -c \"ip link add a type veth peer name b; sleep 60\"' &" : "")
            unshare -n sleep 61 &
            sleep 1
            sh -s -- --node n --gap 0 --root \(folder.path)/root
            kill -9 -1
            """)
        let run = try ScriptRun(
            ["unshare", "-m", "-n", "-p", "--fork", "--mount-proc", "--kill-child", "sh", folder.path + "/node.sh"], [],
            in: folder)
        #expect(run.bundle.problems == [])
        #expect(run["nodes/n/netns/cni-77/pod.txt"] == "shop/web-0\n")
        #expect(run["nodes/n/netns/cni-77/ip-addr.json"]?.contains("\"lo\"") == true)
        let named = run.bundle.artifacts.filter { $0.path.hasSuffix("/pod.txt") }.map {
            String(decoding: $0.bytes, as: UTF8.self)
        }
        #expect(named.sorted() == (hasGroups ? ["db/store-1\n", "shop/web-0\n"] : ["shop/web-0\n"]))
        #expect(run.notes.contains { $0.contains("it has no device but lo") })
    }

    @Test("With many chains, nft is not asked for all of its rules, and none is lost")
    func manyChains() throws {
        guard isRoot(), isInstalled("ip", "nft", "iptables-nft-restore") else { return }
        let folder = try TemporaryFolder()
        let mark = "clewcol\(UInt16.random(in: 0 ... .max))n"
        defer { _ = try? shell("ip netns del \(mark) || true") }
        var rules = "*nat\n"
        for number in 0..<10_500 { rules += ":KUBE-SEP-\(number) - [0:0]\n" }
        rules += "-A KUBE-SEP-7 -p tcp -j DNAT --to-destination 10.1.1.7:80\nCOMMIT\n"
        try folder.write("rules", rules)
        try folder.write(
            "own.nft",
            """
            table inet own {
                chain c {
                    type filter hook input priority 0;
                    tcp dport 7 drop;
                }
            }
            """)
        try shell(
            """
            ip netns add \(mark)
            ip netns exec \(mark) iptables-nft-restore < \(folder.path)/rules
            ip netns exec \(mark) nft -f \(folder.path)/own.nft
            """)
        let run = try ScriptRun(
            ["sh"], ["--node", "n", "--gap", "0", "--netns", "none"], behind: ["ip", "netns", "exec", mark], in: folder)
        try run.checkWhole()
        #expect(run["nodes/n/iptables-nft-save.txt"]?.contains("--to-destination 10.1.1.7:80") == true)
        let native = try #require(run["nodes/n/nft-list-ruleset.txt"])
        #expect(native.contains("tcp dport 7 drop"))
        #expect(!native.contains("KUBE-SEP"))
        #expect(try run.record("nodes/n/nft-list-ruleset.txt").command == "nft -a list table inet own;")
        #expect(run.notes.contains { $0.contains("'nft list ruleset' was not run") })
    }

    @Test("Keys, tokens, passwords and values of the environment stay on the node", arguments: NodeScriptTests.shells)
    func secrets(sh: [String]) throws {
        guard isInstalled(sh[0]), let binary = findTool("sh") else { return }
        let folder = try TemporaryFolder()
        let secret = "hunter2\(UInt32.random(in: 0 ... .max))"
        try folder.write(
            "root/etc/cni/net.d/10-calico.conflist",
            """
            {"plugins": [{"type": "calico", "mtu": 1440, "policy": {"type": "k8s", "k8s_auth_token": "\(secret)"},
              "etcd_endpoints": "https://root:\(secret)@10.0.0.1:2379"}]}
            """)
        try folder.write("root/etc/cni/net.d/calico-kubeconfig", "token: \(secret)\n")
        try folder.write("root/etc/docker/daemon.json", #"{"mtu": 1400, "log-opts": {"splunk-token":"\#(secret)"}}"#)
        try folder.write(
            "root/run/flannel/docker", "DOCKER_OPT_MTU=\"--mtu=1450\"\nREGISTRY_PASSWORD=\(secret)\n")
        try folder.write(
            "root/var/lib/kubelet/config.yaml",
            """
            clusterDNS:
            - 10.96.0.10
            staticPodURLToken: \(secret)
            clientKey: |
              -----BEGIN PRIVATE KEY-----
              \(secret)
              -----END PRIVATE KEY-----
            hairpinMode: promiscuous-bridge
            """)
        try folder.write(
            "root/var/log/pods/kube-system_kube-proxy-x_1/kube-proxy/0.log",
            "I0101 proxier.go:1] \"sync\"\nGET Authorization: Bearer \(secret)\n")
        // A process of this name, as the kubelet would be seen.
        try shell("cp -L \(binary) \(folder.path)/kubelet")
        let kubelet = Process()
        kubelet.executableURL = URL(fileURLWithPath: folder.path + "/kubelet")
        kubelet.arguments = [
            "-c", "sleep 60; :", "kubelet", "--node-ip=10.0.0.5", "--bootstrap-token", secret, "--api-secret=\(secret)",
            "--proxy", "http://me:\(secret)@10.0.0.9:3128",
        ]
        kubelet.environment = ["PATH": "/usr/bin:/bin", "AWS_SECRET": secret]
        try kubelet.run()
        defer { kubelet.terminate() }
        let run = try ScriptRun(
            sh, ["--node", "n", "--gap", "0", "--netns", "none", "--root", folder.path + "/root"], in: folder)
        try run.checkWhole()
        let leaks = run.bundle.artifacts.filter { String(decoding: $0.bytes, as: UTF8.self).contains(secret) }
        #expect(leaks.map(\.path) == [])
        #expect(run["nodes/n/cni/10-calico.conflist"]?.contains("\"mtu\": 1440") == true)
        #expect(run["nodes/n/docker-daemon.json"]?.contains("\"mtu\": 1400") == true)
        #expect(run["nodes/n/flannel-docker.env"]?.contains("--mtu=1450") == true)
        let arguments = try #require(run["nodes/n/processes/kubelet-\(kubelet.processIdentifier).txt"])
        #expect(arguments.contains("--node-ip=10.0.0.5\n--bootstrap-token\nREDACTED\n--api-secret=REDACTED\n"))
        #expect(run["nodes/n/kubelet-config.yaml"]?.contains("hairpinMode: promiscuous-bridge") == true)
    }
}
