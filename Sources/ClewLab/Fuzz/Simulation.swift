package import ClewBundle
package import ClewDataplane
import ClewNet
import ClewParsers
package import ClewSnapshot

/// What Clew says of the probes, from the files that a collector would have found.
package struct Simulation: Sendable {
    private let dataplane: Dataplane

    package init(_ artifacts: [Artifact]) {
        self.init(ClusterSnapshot(parsing: SupportBundle(name: "fuzz", artifacts: artifacts), nodeName: nil))
    }

    package init(_ snapshot: ClusterSnapshot) { dataplane = Dataplane(compiling: snapshot) }

    #if DEBUG
        package init(_ snapshot: ClusterSnapshot, breaking mutations: Set<SimulatorMutation>) {
            dataplane = Dataplane(compiling: snapshot, breaking: mutations)
        }
    #endif

    package var snapshot: ClusterSnapshot { dataplane.snapshot }

    package func prediction(of probe: Probe) -> Prediction {
        Prediction(dataplane.trace(Self.flow(probe)), probe)
    }

    package static func flow(_ probe: Probe, node: String = FuzzNetwork.node) -> Flow {
        let origin: FlowOrigin
        var device: String?
        switch probe.entry {
        case .process: origin = .host(node: node)
        case .pod: origin = .pod(node: node, address: probe.source, name: nil)
        case .wire(let name):
            origin = .outside(address: probe.source, via: node)
            device = name
        }
        var flow = Flow(
            origin: origin, source: probe.source, sourcePort: probe.sourcePort, destination: probe.destination,
            destinationPort: probe.destinationPort, ipProtocol: probe.ipProtocol, fromText: "\(probe.source)",
            toText: "\(probe.destination)")
        flow.header = FlowHeader(
            timeToLive: probe.ttl, tos: probe.tos, tcpFlags: probe.tcpFlags, length: probe.length)
        flow.entryDevice = device
        return flow
    }
}

/// Every way a probe could take, and whether Clew is sure that there is no other.
package struct Prediction: Sendable {
    package struct Branch: Sendable, Hashable {
        package var exchange: Exchange
        package var outcome: BranchOutcome
        /// Why it ends as it does, in words.
        package var reason: String
        package var probability: Fraction
        /// The packet got to a pod, which does not take it: what it would answer says nothing.
        package var endsInPod = false
        /// Ways that come to the same for the one who asks are told as one.
        package var isOfSeveral = false
    }

    package var branches: [Branch]
    /// Whether somebody who gets the packet answers it.
    package var hasAnswer: Bool
    /// Why it is not certain.
    package var unknowns: [String]

    package init(_ trace: Trace, _ probe: Probe) {
        branches = trace.branches.map { Branch($0, probe) }
        hasAnswer = probe.hasAnswer
        unknowns = trace.unknowns.map(\.text)
        if unknowns.isEmpty, trace.branches.contains(where: { $0.disposition == .indeterminate }) {
            unknowns.append("indeterminate")
        }
    }
}

extension Prediction.Branch {
    init(_ branch: TraceBranch, _ probe: Probe) {
        let (events, tuple) = Self.events(branch.hops, opening: probe.tuple)
        var there = Walk(events: events, end: Self.end(branch, tuple))
        outcome = branch.outcome
        reason = branch.reason
        probability = branch.probability
        isOfSeveral = branch.alternatives > 0 || branch.reason.contains(", or ")
        if !there.end.isDelivered, branch.hops.count > 1, let hop = branch.hops.last, hop.namespace != "host" {
            there.end = .peer(Self.short(hop.namespace), tuple)
            endsInPod = true
        }
        exchange = Exchange(there: there)
        guard let reply = branch.reply, !endsInPod, there.end.isDelivered else { return }
        let (back, last) = Self.events(reply.hops, opening: tuple.reversed)
        exchange.back = Walk(events: back, end: Self.end(reply, last))
    }

    /// The rules and policies of the node itself, each with mark and addresses from before it.
    static func events(
        _ hops: [Hop], opening: ConntrackTuple, node: String = FuzzNetwork.node
    ) -> ([WalkEvent], ConntrackTuple) {
        var events: [WalkEvent] = []
        var tuple = opening
        var mark: UInt32 = 0
        for hop in hops where hop.node == node && hop.namespace == "host" {
            if hop.deviceIn != "lo" { mark = 0 }
            for step in hop.steps {
                if step.kind == .rule || step.kind == .policy, let table = step.table, let chain = step.chain {
                    events.append(WalkEvent(table: table, chain: chain, rule: step.rule, mark: mark, tuple: tuple))
                }
                (mark, tuple) = (step.mark, step.tuple)
            }
        }
        return (events, tuple)
    }

    private static func end(_ branch: TraceBranch, _ tuple: ConntrackTuple) -> WalkEnd {
        switch branch.disposition {
        case .delivered: return branch.deliveredTo?.pod.map { .peer(short($0), tuple) } ?? .local(tuple)
        case .leavesSnapshot: return .peer(wire(branch.hops.last?.deviceOut), tuple)
        case .rejected: return .rejected(refusal(branch.reason))
        case .dropped, .noRoute, .looped, .indeterminate: return .lost
        }
    }

    /// A reply that reached somebody else, or came as another's, has arrived all the same.
    private static func end(_ reply: ReplyTrace, _ tuple: ConntrackTuple) -> WalkEnd {
        let strange = ["the reply comes from", "the reply skips", "the reply goes astray"].contains {
            reply.reason.hasPrefix($0)
        }
        switch reply.disposition {
        case .rejected: return .rejected(refusal(reply.reason))
        case .delivered, .leavesSnapshot: break
        case .dropped where strange: break
        case .dropped, .noRoute, .looped, .indeterminate: return .lost
        }
        guard let hop = reply.hops.last else { return .lost }
        if hop.namespace != "host" { return .peer(short(hop.namespace), tuple) }
        return hop.deviceOut.map { .peer(wire($0), tuple) } ?? .local(tuple)
    }

    static func refusal(_ reason: String) -> String? {
        reason.split(separator: " ").map(String.init).first { $0.hasPrefix("icmp") || $0 == "tcp-reset" }
    }

    private static func short(_ pod: String) -> String { pod.split(separator: "/").last.map(String.init) ?? pod }

    private static func wire(_ device: String?) -> String { device == "eth1" ? "x1" : "x0" }
}
