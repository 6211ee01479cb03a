import ClewBundle
import ClewDataplane
import ClewNet
import ClewSnapshot

/// A Service of three endpoints, one of which fails: hand-built, so that reports are tested without the simulator.
struct SampleTrace {
    let snapshot: ClusterSnapshot
    private(set) var trace: Trace

    private static let client = IPAddress(v4: 10, 244, 1, 5)
    private static let service = IPAddress(v4: 10, 96, 0, 10)
    private static let thirds = [
        Fraction(715_827_883, 2_147_483_648), Fraction(715_827_883, 2_147_483_648), Fraction(1, 3),
    ]

    init() {
        var snapshot = ClusterSnapshot()
        snapshot.paths = [
            "nodes/worker-a/iptables-save.txt", "nodes/worker-a/netns/web-0/ip-route.txt",
            "nodes/worker-a/sysctl.txt",
        ]
        self.snapshot = snapshot
        let flow = Flow(
            origin: .pod(node: "worker-a", address: Self.client, name: NamespacedName("shop", "web-0")),
            source: Self.client, destination: Self.service, destinationPort: 80, ipProtocol: .tcp,
            fromText: "pod/shop/web-0", toText: "svc/shop/api:http")
        trace = Trace(flow: flow, verdict: .partly, branches: [], assumptions: [], unknowns: [])
        trace.branches = [
            Self.branch(0, node: "worker-b", fails: false), Self.branch(1, node: "worker-b", fails: false),
            Self.branch(2, node: "worker-a", fails: true),
        ]
        trace.assumptions = [TraceNote("the client is new to the list \"KUBE-SEP-A\"", node: "worker-a")]
        trace.unknowns = [
            TraceNote("a rule is not modelled", node: "worker-a", source: Self.line(0, 77))
        ]
    }

    static func line(_ artifact: UInt32, _ line: UInt32) -> SourceLine {
        SourceLine(ArtifactID(rawValue: artifact), line: line)
    }

    private static func tuple(_ destination: IPAddress, _ port: UInt16) -> ConntrackTuple {
        ConntrackTuple(
            source: client, destination: destination, ipProtocol: .tcp, sourcePort: 40_000, destinationPort: port)
    }

    private static func rule(
        _ table: String, _ hook: Hook, _ chain: String, _ line: UInt32, _ depth: Int, _ text: String,
        _ tuple: ConntrackTuple,
        mark: UInt32 = 0
    ) -> Step {
        var step = Step(kind: .rule, text: text, mark: mark, tuple: tuple)
        (step.hook, step.table, step.chain, step.source, step.depth) = (hook, table, chain, Self.line(0, line), depth)
        step.rule = 1
        return step
    }

    private static func branch(_ number: Int, node: String, fails: Bool) -> TraceBranch {
        let endpoint = IPAddress(v4: 10, 244, 2, UInt8(6 + number))
        let (before, after) = (tuple(service, 80), tuple(endpoint, 8080))
        var pod = Hop(node: "worker-a", namespace: "shop/web-0", deviceIn: nil)
        var route = Step(kind: .route, text: "default via 10.244.1.1 dev eth0", mark: 0, tuple: before)
        route.source = Self.line(1, 1)
        pod.steps = [route]
        var host = Hop(node: "worker-a", namespace: "host", deviceIn: "cni0")
        let chain = "KUBE-SEP-\(number)"
        host.steps = [
            rule("mangle", .prerouting, "PREROUTING", 12, 0, "-A PREROUTING -j CALI-NOTHING", before),
            rule("mangle", .prerouting, "CALI-NOTHING", 15, 1, "-A CALI-NOTHING -j RETURN", before),
            rule("nat", .prerouting, "PREROUTING", 20, 0, "-A PREROUTING -j KUBE-SERVICES", before),
            rule(
                "nat", .prerouting, "KUBE-SERVICES", 30, 1,
                "-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment \"shop/api:http cluster IP\" "
                    + "-m tcp --dport 80 -j KUBE-SVC-ABCDEFGHIJKLMNOP", before),
            rule(
                "nat", .prerouting, "KUBE-SVC-A", 40 + UInt32(number), 2,
                "-A KUBE-SVC-A -m statistic --mode random -j \(chain)", before),
            rule(
                "nat", .prerouting, chain, 50 + UInt32(number), 3,
                "-A \(chain) -p tcp -j DNAT --to-destination \(endpoint):8080", before),
            Step(kind: .nat, text: "destination 10.96.0.10:80 → \(endpoint):8080", mark: 0, tuple: after),
        ]
        host.steps[3].skipped = 5046
        var branch = TraceBranch(probability: thirds[number], disposition: .delivered)
        branch.hops = [pod, host]
        branch.dnat = SocketAddress(endpoint, 8080)
        branch.deliveredTo = Receiver(node: node, pod: "shop/api-\(number)", address: SocketAddress(endpoint, 8080))
        branch.outcome = fails ? .fails : .works
        branch.reason = fails ? "the reply skips conntrack on worker-a" : "delivered, and the answer returns"
        let decision = Decision(
            node: "worker-a", source: Self.line(2, 3), text: "net.bridge.bridge-nf-call-iptables = 0")
        branch.decidedBy = fails ? decision : nil
        branch.translations = [
            Translation(
                node: "worker-a", hook: .prerouting, kind: .dnat, before: SocketAddress(service, 80),
                after: SocketAddress(endpoint, 8080))
        ]
        branch.reply = ReplyTrace(
            disposition: fails ? .dropped : .delivered, reason: branch.reason, decidedBy: branch.decidedBy, hops: [host]
        )
        return branch
    }
}
