import ClewBundle
import Testing

import ClewExchange

@Suite("Import of texts from a terminal")
struct ImportPasteTests {
    private struct Result {
        var files: [String: String]
        var notUnderstood: [String]
        var reasons: [String: String]
    }

    private func imported(_ text: String, nodeName: String? = nil, with others: [(String, String)] = []) -> Result {
        let all = [("paste.txt", text)] + others
        let bundle = SupportBundle(name: "x", artifacts: all.map { Artifact(path: $0.0, bytes: Array($0.1.utf8)) })
        let imported = ForeignImport(bundle, nodeName: nodeName)
        let files = imported.bundle(named: "y").artifacts.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
        return Result(
            files: Dictionary(uniqueKeysWithValues: files), notUnderstood: imported.notUnderstood,
            reasons: Dictionary(imported.mappings.map { ($0.to, $0.reason.rawValue) }) { first, _ in first })
    }

    private static let route = "default via 192.168.1.1 dev eth0\n"
    private static let other = "default via 169.254.1.1 dev eth9\n"
    private static let dump = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"

    @Test("What runs on another machine or in another network is none of the node's")
    func otherPlaces() {
        let prompt = "root@node1:~# "
        let result = imported(
            prompt + "kubectl exec web-0 -- ip route\n" + Self.other
                + prompt + "nsenter -t 1234 -n ip route\n" + Self.other
                + prompt + "nsenter --net=/run/netns/cni-2 ip route\n" + Self.other
                + prompt + "ip netns exec cni-1 ip route\n" + Self.other
                + prompt + "ip -n cni-3 route\n" + Self.other
                + prompt + "ssh -p 22 core@node2 'sudo iptables-save'\n" + Self.dump
                + prompt + "docker exec web ip route\n" + Self.other
                + prompt + "crictl exec -i abc iptables-save\n" + Self.dump
                + prompt + "cat /etc/sysctl.d/99-k8s.conf\nnet.ipv4.ip_forward = 1\n"
                + prompt + "ip route get 10.0.0.1\n10.0.0.1 via 10.9.9.9 dev eth0 src 10.0.0.2 uid 0\n"
                + prompt + "nsenter -t 1 -m -n ip neigh\n10.0.0.1 dev eth0 lladdr 52:54:00:00:00:01 REACHABLE\n"
                + prompt + "ip route\n" + Self.route)
        #expect(result.files["nodes/node1/ip-route.txt"] == Self.route)
        #expect(
            Set(result.files.keys) == [
                "nodes/node1/ip-route.txt", "nodes/node1/ip-neigh.txt", "nodes/node1/netns/pid-1234/ip-route.txt",
                "nodes/node1/netns/cni-1/ip-route.txt", "nodes/node1/netns/cni-2/ip-route.txt",
                "nodes/node1/netns/cni-3/ip-route.txt", "nodes/node2/iptables-save.txt",
            ])
        #expect(
            result.notUnderstood == [
                "paste.txt: kubectl exec web-0 -- ip route: on which node the pod web-0 runs is not known",
                "paste.txt: docker exec web ip route: in which network it ran is not known",
                "paste.txt: crictl exec -i abc iptables-save: in which network it ran is not known",
                "paste.txt: cat /etc/sysctl.d/99-k8s.conf", "paste.txt: ip route get 10.0.0.1",
            ])
    }

    @Test("A pod's answers are on the node of the pod, or on the only one that there is")
    func podsByKubectl() {
        let text =
            "$ ip route\n" + Self.route + "$ kubectl exec -n shop web-0 -- ip route\n" + Self.other
            + "$ kubectl -n kube-system exec proxy -c main -- iptables-save\n" + Self.dump
        let pods = """
            {"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop"},
             "spec": {"nodeName": "worker-b"}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proxy", "namespace": "kube-system"},
             "spec": {"nodeName": "worker-b", "hostNetwork": true}}]}
            """
        let known = imported(text, with: [("pods.json", pods)])
        #expect(known.files["nodes/worker-b/netns/web-0/ip-route.txt"] == Self.other)
        #expect(known.files["nodes/worker-b/iptables-save.txt"] == Self.dump)
        #expect(known.files["nodes/node/ip-route.txt"] == Self.route)
        let named = imported(text, nodeName: "only")
        #expect(named.files["nodes/only/netns/web-0/ip-route.txt"] == Self.other)
        #expect(named.files["nodes/only/ip-route.txt"] == Self.route)
    }

    @Test("A shell that was opened in a pod, on another node or in a network says where its commands ran")
    func shells() {
        let result = imported(
            "root@node1:~# kubectl exec -it web-0 -- sh\n/ # ip route\n" + Self.other + "/ # exit\n"
                + "root@node1:~# ip route\n" + Self.route
                + "root@node1:~# ip netns exec cni-1 bash\nroot@node1:~# ip route\n" + Self.other
                + "root@node1:~# exit\nexit\nroot@node1:~# docker exec -it web bash\n"
                + "root@3f2a1b:/# ip route\n" + Self.other + "root@3f2a1b:/# exit\n"
                + "root@node1:~# ssh node2\nLast login: Mon\nroot@node2:~# ip route\n" + Self.route
                + "root@node2:~# logout\nConnection to node2 closed.\nroot@node1:~# iptables-save\n" + Self.dump)
        #expect(
            result.files == [
                "nodes/node1/ip-route.txt": Self.route, "nodes/node1/netns/cni-1/ip-route.txt": Self.other,
                "nodes/node2/ip-route.txt": Self.route, "nodes/node1/iptables-save.txt": Self.dump,
            ])
        let nameless = imported(
            "$ ip route\n" + Self.route + "$ ssh node2\n$ ip route\n" + Self.other + "$ exit\n$ iptables-save\n"
                + Self.dump)
        #expect(
            nameless.files == [
                "nodes/node/ip-route.txt": Self.route, "nodes/node2/ip-route.txt": Self.other,
                "nodes/node/iptables-save.txt": Self.dump,
            ])
    }

    @Test(
        "A command that is not known ends the output before it, at prompts of every form",
        arguments: [
            "$ ", "# ", "/ # ", "~ $ ", "node1:~ # ", "sh-4.4# ", "bash-5.1$ ", "❯ ", "➜  ~ ", "➜  etc git:(main) ✗ ",
            "PS C:\\> ", "(venv) root@node1:/etc# ", "[root@node1 ~]# ", "me@mac ~ % ",
            "[node1] [2024-01-01 10:00:00] root:~ # ",
        ])
    func prompts(prompt: String) {
        let dump =
            "# Generated by iptables-save v1.8.7 on Mon Jan  1 00:00:00 2024\n*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
            + "# Completed on Mon Jan  1 00:00:00 2024\n# Warning: iptables-legacy tables present\n"
        let text =
            "\(prompt)ip route\n\(Self.route)\(prompt)systemctl status kubelet\nactive\n\(prompt)iptables-save\n\(dump)"
            + "\(prompt)lsmod\nbr_netfilter\n\(prompt)"
        for text in [text, text.replacing("\n", with: "\r\n")] {
            let result = imported(text)
            let files = Dictionary(
                uniqueKeysWithValues: result.files.map { ($0.key.split(separator: "/").last, $0.value) })
            #expect(files == ["ip-route.txt": Self.route, "iptables-save.txt": dump])
            #expect(result.notUnderstood == ["paste.txt: systemctl status kubelet", "paste.txt: lsmod"])
        }
    }

    @Test("Outputs of several commands in one text, without prompts, are not one file")
    func severalForms() {
        let result = imported(
            "My node:\n" + Self.dump + "\n1: lo: <LOOPBACK> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n")
        #expect(result.files.isEmpty)
        #expect(result.notUnderstood == ["paste.txt"])
        #expect(imported(Self.dump.replacing("\n", with: "\r\n")).files["nodes/node/iptables-save.txt"] == Self.dump)
    }

    @Test("The whole counts before a part of it, wherever it stands, and parts are joined")
    func wholeAndParts() {
        let prompt = "root@n1:~# "
        let nat = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
        let loopback = "1: lo: <LOOPBACK> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n"
        let device = "2: eth0: <UP> mtu 1500\n    inet 192.168.1.10/24 scope global eth0\n"
        let result = imported(
            prompt + "ip route show table 100\ndefault via 10.9.9.9 dev wg0 \n" + prompt + "ip route | grep eth0\n"
                + Self.route + prompt + "ip route\n" + Self.route + "10.0.0.0/8 dev eth1\n"
                + prompt + "iptables-save -t nat\n" + nat + prompt + "iptables-save\n" + nat + Self.dump
                + prompt + "ip addr show eth0\n" + device + prompt + "ip addr\n" + loopback + device
                + prompt + "ip addr show lo\n" + loopback)
        #expect(
            result.files == [
                "nodes/n1/ip-route.txt": "default via 10.9.9.9 dev wg0 table 100\n" + Self.route
                    + "10.0.0.0/8 dev eth1\n",
                "nodes/n1/iptables-save.txt": nat + Self.dump, "nodes/n1/ip-addr.txt": loopback + device,
            ])
        let held = ["ip route | grep eth0", "iptables-save -t nat", "ip addr show eth0", "ip addr show lo"]
        #expect(result.notUnderstood.count == held.count)
        for command in held {
            #expect(
                result.notUnderstood.contains { $0.hasPrefix("paste.txt: \(command): ") && $0.hasSuffix("holds it") })
        }
        let parts = imported(
            prompt + "iptables-save -t nat\n" + nat + prompt + "iptables-save -t filter\n" + Self.dump
                + prompt + "iptables -t nat -S POSTROUTING\n-P POSTROUTING ACCEPT\n" + prompt
                + "iptables -S\n-P INPUT ACCEPT\n" + prompt + "ip addr show eth0\n" + device)
        #expect(parts.files["nodes/n1/iptables-save.txt"] == nat + Self.dump)
        #expect(
            parts.files["nodes/n1/iptables-list.txt"]
                == "*nat\n-P POSTROUTING ACCEPT\nCOMMIT\n*filter\n-P INPUT ACCEPT\nCOMMIT\n")
        #expect(parts.files["nodes/n1/ip-addr.txt"] == device)
        #expect(parts.reasons["nodes/n1/ip-addr.txt"] == "by the command at a prompt, a part of what there is")
        #expect(parts.notUnderstood.isEmpty)
    }

    @Test("A file that is called like a command which is not understood is not guessed by its content")
    func namesOfCommands() {
        let result = imported(
            "notes\n",
            with: [
                ("ip_route_get_1.1.1.1", Self.other), ("ip_route_show_table_all", Self.route),
                ("kubectl_exec_web-0_--_ip_route", Self.other),
                ("ip_route_show_table_7", "default via 10.1.1.1 dev eth7\n"),
            ])
        #expect(result.files == ["nodes/node/ip-route.txt": Self.route])
        #expect(result.notUnderstood.count == 4)
    }
}
