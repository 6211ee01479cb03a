import ClewDiagnostics
import ClewSnapshot
import Testing

/// What firewalls of the host do to the cluster's packets.
@Suite struct FirewallChecksTests {
    private static let policyDrop: @Sendable (inout BundleFiles) -> Void = {
        $0.replace(
            ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD",
            ":FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD", in: "nodes/worker-b/iptables-save.txt")
    }

    private static let hostPort: @Sendable (inout BundleFiles) -> Void = {
        $0.replace(
            "      - containerPort: 80\n", "      - containerPort: 80\n        hostPort: 8080\n",
            in: "cluster/objects.yaml")
    }

    static let cases: [CheckCase] = [
        .fires("FW001", "Docker's policy, and nobody accepts", in: "flannel-forward-drop") { _ in },
        .quiet("FW001", "the policy is DROP, and flannel's chain accepts before its end", policyDrop),
        .fires("FW002", "firewalld's last rule rejects") {
            $0.replace(
                ":FLANNEL-FWD - [0:0]", ":FLANNEL-FWD - [0:0]\n:FORWARD_IN_ZONES - [0:0]",
                in: "nodes/worker-b/iptables-save.txt")
            $0.insertRule("-j REJECT --reject-with icmp-host-prohibited", chain: "FORWARD", on: "worker-b")
        },
        .quiet("FW002", "a REJECT of somebody else") {
            $0.insertRule("-j REJECT --reject-with icmp-host-prohibited", chain: "FORWARD", on: "worker-b")
        },
        .fires("FW004", "a REJECT before everything") {
            $0.insertRule("-j REJECT --reject-with icmp-host-prohibited", chain: "FORWARD", on: "worker-b")
        },
        .quiet("FW004", "the same at the end of the chain") {
            $0.replace(
                "-A OUTPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\"",
                "-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n"
                    + "-A OUTPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\"",
                in: "nodes/worker-b/iptables-save.txt")
        },
        .fires("FW005", "INPUT drops what is for the kubelet") {
            $0.append(
                "tcp   LISTEN 0      4096               *:10250            *:*", to: "nodes/worker-b/ss-listen.txt")
            $0.insertRule("-p tcp -m tcp --dport 10250 -j DROP", chain: "INPUT", on: "worker-b")
        },
        .quiet("FW005", "INPUT drops a port that nobody needs") {
            $0.append(
                "tcp   LISTEN 0      4096               *:10250            *:*", to: "nodes/worker-b/ss-listen.txt")
            $0.insertRule("-p tcp -m tcp --dport 111 -j DROP", chain: "INPUT", on: "worker-b")
        },
        .fires("FW006", "host ports without their rules") {
            hostPort(&$0)
            $0.add("cni/10-flannel.conflist", PodNetworkChecksTests.flannel)
        },
        .quiet("FW006", "host ports with their rules") {
            hostPort(&$0)
            $0.replace(
                ":FLANNEL-POSTRTG - [0:0]", ":FLANNEL-POSTRTG - [0:0]\n:CNI-HOSTPORT-DNAT - [0:0]",
                in: "nodes/worker-a/iptables-save.txt")
            $0.add("cni/10-flannel.conflist", PodNetworkChecksTests.flannel)
        },
        .fires("FW007", "a policy that only the legacy tool shows") {
            $0["nodes/worker-b/iptables-legacy-save.txt"] = legacy("DROP")
        },
        .quiet("FW007", "legacy tables without rules") {
            $0["nodes/worker-b/iptables-legacy-save.txt"] = legacy("ACCEPT")
        },
        .fires("FW008", "a rule of nobody's drops") {
            $0.insertRule("-i cni0 -j DROP", chain: "FORWARD", on: "worker-a")
        },
        .quiet("FW008", "a rule drops what is not the cluster's") {
            $0.insertRule("-s 172.30.0.0/16 -j DROP", chain: "FORWARD", on: "worker-a")
        },
        .fires("FW009", "OUTPUT drops what is for pods") {
            $0.insertRule("-d 10.244.0.0/16 -j DROP", chain: "OUTPUT", on: "worker-a")
        },
        .quiet("FW009", "OUTPUT drops what is for others") {
            $0.insertRule("-d 172.30.0.0/16 -j DROP", chain: "OUTPUT", on: "worker-a")
        },
        .fires("POL001", "a policy lets in none of those who ask") { policy(&$0, of: "10.244.1.6", "10.244.9.9") },
        .quiet("POL001", "a policy of a pod that nobody asks") { policy(&$0, of: "10.244.1.99", "10.244.9.9") },
    ]

    /// A policy as kube-router shapes it: a chain a pod, and a set of those who may.
    private static func policy(_ files: inout BundleFiles, of pod: String, _ allowed: String...) {
        files.replace(
            ":FLANNEL-FWD - [0:0]", ":FLANNEL-FWD - [0:0]\n:KUBE-POD-FW-API - [0:0]",
            in: "nodes/worker-a/iptables-save.txt")
        files.insertRule("-m set ! --match-set KUBE-SRC-API src -j DROP", chain: "KUBE-POD-FW-API", on: "worker-a")
        files.insertRule(
            "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN", chain: "KUBE-POD-FW-API", on: "worker-a")
        files.insertRule("-d \(pod)/32 -j KUBE-POD-FW-API", chain: "FORWARD", on: "worker-a")
        let set = ["create KUBE-SRC-API hash:ip family inet hashsize 1024 maxelem 65536"]
        files.add("ipset-save.txt", (set + allowed.map { "add KUBE-SRC-API \($0)" }).joined(separator: "\n"))
    }

    private static func legacy(_ policy: String) -> String {
        """
        # Generated by iptables-save v1.8.9 on Sat Nov 21 05:00:28 2026
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD \(policy) [3:180]
        :OUTPUT ACCEPT [0:0]
        COMMIT

        """
    }

    @Test(arguments: cases) func firewall(_ test: CheckCase) { test.check() }

    @Test func documentFour() throws {
        let run = CheckCase.fires("FW001", "document 004", in: "flannel-forward-drop") { _ in }.run()
        let first = try #require(run.findings.first)
        #expect(first.check.code == "FW001")
        #expect(first.subject.description == "node/node1")
        #expect(run.findings.filter { $0.severity == .error }.map(\.check.code) == ["FW001"])
        #expect(first.fixes.contains { if case .proven = $0.proof { true } else { false } })
    }
}
