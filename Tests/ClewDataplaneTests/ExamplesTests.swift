import ClewBundle
import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// Each example shows what its README says.
@Suite struct ExamplesTests {
    static func dataplane(_ example: String) -> Dataplane {
        Dataplane(
            compiling: ClusterSnapshot(
                parsing: SharedData.bundle(SharedData.packageRoot + "/Examples/" + example), nodeName: nil))
    }

    static func trace(_ example: String, from: String, to: String, via: String? = nil) throws -> Trace {
        let dataplane = dataplane(example)
        var request = try FlowRequest(from: from, to: to)
        request.via = via
        let flows = try FlowResolver(dataplane).flows(for: request)
        return dataplane.trace(try #require(flows.first))
    }

    // MARK: - Document 002

    @Test(arguments: [
        ("bridge-nf-off", "pod/shop/web-0", "svc/shop/api", TraceVerdict.fails),
        ("bridge-nf-off", "pod/shop/web-1", "svc/shop/api", .works),
        ("bridge-nf-off", "node/worker-a", "svc/shop/api", .works),
        ("bridge-nf-off", "node/worker-b", "svc/shop/api", .works),
        ("bridge-nf-off", "pod/shop/api-0", "svc/shop/api", .works),
        ("bridge-nf-off", "pod/shop/web-0", "pod/shop/api-0:8080", .works),
        ("bridge-nf-on", "pod/shop/web-0", "svc/shop/api", .works),
        ("bridge-nf-on", "pod/shop/web-1", "svc/shop/api", .works),
        ("bridge-nf-on", "pod/shop/api-0", "svc/shop/api", .works),
        ("bridge-nf-on", "node/worker-b", "svc/shop/api", .works),
    ])
    func aSameNodeServiceNeedsTheBridgeToCallIptables(
        example: String, from: String, to: String, verdict: TraceVerdict
    ) throws {
        #expect(try Self.trace(example, from: from, to: to).verdict == verdict)
    }

    @Test func theReplyIsBridgedPastConntrack() throws {
        let trace = try Self.trace("bridge-nf-off", from: "pod/shop/web-0", to: "svc/shop/api")
        let branch = try #require(trace.branches.first)
        #expect(trace.branches.count == 1)
        #expect(branch.disposition == .delivered)
        #expect(branch.dnat?.description == "10.244.1.6:8080")
        #expect(branch.reply?.disposition == .dropped)
        #expect(branch.reason.contains("the reply skips conntrack on worker-a"))
        #expect(branch.decidedBy?.text == "net.bridge.bridge-nf-call-iptables = 0")
        let source = try #require(branch.decidedBy?.source)
        #expect(Self.dataplane("bridge-nf-off").snapshot.describe(source) == "nodes/worker-a/sysctl.txt:3")
        // The answer really meets no rule on its way.
        #expect(branch.reply?.hops.flatMap(\.steps).contains { $0.kind == .rule } == false)
    }

    // MARK: - Document 003

    /// Chain and the rule's number in it, for every rule of the nat table that matched on the first node.
    static func natWalk(_ branch: TraceBranch, of trace: Trace) -> [String] {
        branch.hops.prefix(1).flatMap(\.steps).filter { $0.kind == .rule && $0.table == "nat" }.map { step in
            "\(step.chain ?? "") \(step.text.split(separator: " ").suffix(2).joined(separator: " "))"
        }
    }

    @Test func aProcessOfTheNodeReachesALocalAndARemotePod() throws {
        let trace = try Self.trace("calico-two-nodes", from: "node/slave1", to: "svc/default/myapp")
        #expect(trace.verdict == .works)
        let remote = try #require(trace.branches.first { $0.dnat?.description == "10.151.49.8:80" })
        #expect(
            Self.natWalk(remote, of: trace) == [
                "OUTPUT -j cali-OUTPUT", "OUTPUT -j KUBE-SERVICES", "KUBE-SERVICES -j KUBE-MARK-MASQ",
                "KUBE-MARK-MASQ --set-xmark 0x4000/0x4000", "KUBE-SERVICES -j KUBE-SVC-XJWXQFJLXSXKRMSG",
                "KUBE-SVC-XJWXQFJLXSXKRMSG -j KUBE-SEP-OKTYPU7VJGWVVR5V",
                "KUBE-SEP-OKTYPU7VJGWVVR5V --to-destination 10.151.49.8:80", "POSTROUTING -j cali-POSTROUTING",
                "POSTROUTING -j KUBE-POSTROUTING", "KUBE-POSTROUTING --set-xmark 0x4000/0x0",
                "KUBE-POSTROUTING -j MASQUERADE",
            ])
        #expect(remote.fractionText == "715827883/2147483648")
        #expect(remote.isMasqueraded && remote.snat == nil)
        #expect(remote.hops.first?.deviceOut == "ens3")
        #expect(remote.deliveredTo?.node == "slave2")
        let local = try #require(trace.branches.first { $0.dnat?.description == "10.151.51.8:80" })
        #expect(local.hops.first?.deviceOut == "caliee93b0bdd66")
        #expect(local.isMasqueraded && local.snat == nil)
        #expect(
            local.hops[0].steps.contains {
                $0.kind == .route && $0.text.contains("10.151.51.8 dev caliee93b0bdd66 scope link")
            })
    }

    @Test func aPodReachesItsNeighboursAsItselfAndItselfMasqueraded() throws {
        let trace = try Self.trace(
            "calico-two-nodes", from: "pod/default/myapp-5d749dc84b-tmd49", to: "svc/default/myapp")
        #expect(trace.verdict == .works)
        let neighbour = try #require(trace.branches.first { $0.dnat?.description == "10.151.51.8:80" })
        let remote = try #require(trace.branches.first { $0.dnat?.description == "10.151.49.8:80" })
        let itself = try #require(trace.branches.first { $0.dnat?.description == "10.151.51.7:80" })
        #expect(!neighbour.isMasqueraded && neighbour.snat == nil)
        #expect(!remote.isMasqueraded && remote.snat == nil)
        #expect(itself.isMasqueraded && itself.snat?.description == "172.16.1.50")
        let marked = itself.hops.flatMap(\.steps).contains {
            $0.chain == "KUBE-SEP-K3EELAHYPDVFVIPU" && $0.text.contains("-j KUBE-MARK-MASQ")
        }
        #expect(marked)
    }

    @Test func aHostOutsideIsMasqueraded() throws {
        let trace = try Self.trace("calico-two-nodes", from: "203.0.113.50", to: "svc/default/myapp", via: "slave1")
        #expect(trace.verdict == .works)
        #expect(trace.branches.count == 3)
        #expect(trace.branches.allSatisfy { $0.isMasqueraded && $0.snat?.description == "172.16.1.50" })
        #expect(trace.branches.reduce(Fraction.zero) { $0 + $1.probability }.isOne)
    }

    // MARK: - Document 004

    @Test(arguments: [
        ("node/k8s-master", "10.1.28.3/icmp", TraceVerdict.fails), ("node/k8s-master", "10.1.28.3:80", .fails),
        ("node/node1", "10.1.28.3/icmp", .works),
        ("pod/default/tool-185907110-ms991", "10.1.28.3/icmp", .works),
        ("pod/default/tool-185907110-ms991", "10.1.19.0/icmp", .works),
    ])
    func flannelDeliversAndTheForwardPolicyDrops(from: String, to: String, verdict: TraceVerdict) throws {
        #expect(try Self.trace("flannel-forward-drop", from: from, to: to).verdict == verdict)
    }

    @Test func theForwardPolicyOfTheTargetNodeIsNamed() throws {
        let trace = try Self.trace("flannel-forward-drop", from: "node/k8s-master", to: "10.1.28.3/icmp")
        let branch = try #require(trace.branches.first)
        #expect(branch.disposition == .dropped)
        #expect(branch.decidedBy?.node == "node1")
        #expect(branch.reason == "dropped on node1 by the policy of filter FORWARD")
        // It travelled in a UDP datagram between the ports 8285.
        #expect(
            branch.hops.contains { $0.encapsulation == 1 && $0.steps.contains { $0.tuple.destinationPort == 8285 } })
    }

    // MARK: - Document 000

    @Test(arguments: [
        ("node/node-1", TraceVerdict.partly, 2), ("node/node-2", .partly, 1), ("pod/default/hostnames-0", .works, 0),
        ("203.0.113.50", .works, 0),
    ])
    func onlyEndpointsOfOtherNodesFailForHostProcesses(from: String, verdict: TraceVerdict, failing: Int) throws {
        let trace = try Self.trace(
            "ipvs-cluster-cidr", from: from, to: "svc/default/hostnames", via: from.hasPrefix("2") ? "node-1" : nil)
        #expect(trace.verdict == verdict)
        let failed = trace.branches.filter { $0.outcome == .fails }
        #expect(failed.count == failing)
        #expect(trace.branches.allSatisfy { $0.probability == Fraction(1, 3) })
    }

    /// The process gets the ClusterIP as its source; that is inside the cluster CIDR, so nothing masquerades it.
    @Test func theClusterIPIsTheSourceAndNotMasqueraded() throws {
        let trace = try Self.trace("ipvs-cluster-cidr", from: "node/node-1", to: "svc/default/hostnames")
        let failed = try #require(trace.branches.first { $0.outcome == .fails })
        #expect(!failed.isMasqueraded && failed.snat == nil)
        let tuple = try #require(failed.hops.last?.deviceIn.map { _ in failed.hops.first?.steps.first?.tuple } ?? nil)
        #expect(tuple.source.description == "10.28.248.11")
        #expect(failed.disposition == .dropped)
        #expect(failed.decidedBy?.node == "node-2")
        #expect(failed.translations.map(\.kind) == [.ipvs])
    }
}

extension TraceBranch {
    var fractionText: String { probability.description }
}
