package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// What becomes of a packet (`docs/trace-json.md`).
package enum Disposition: String, Sendable, Hashable, CaseIterable {
    /// Handed to a socket, or to a host or pod whose sockets were not collected.
    case delivered
    /// Lost without an answer.
    case dropped
    /// Lost, and the sender is told: REJECT, no listener.
    case rejected
    /// No route, or one that says unreachable.
    case noRoute
    /// Goes round until its TTL ends.
    case looped
    /// Left the part of the world that the bundle shows.
    case leavesSnapshot
    /// Cannot be told; an entry of the trace's unknowns says why.
    case indeterminate
}

/// The answer to "does this connection work?".
package enum TraceVerdict: String, Sendable, Hashable {
    case works, fails, partly, unknown
}

/// How much is told of a connection.
enum TraceDetail: Sendable {
    case whole
    /// Of one that works neither the paths nor what was assumed.
    case onlyTrouble
}

/// One connection walked there and back, over every branch the kernels could take.
package struct Trace: Sendable {
    package var flow: Flow
    package var verdict: TraceVerdict
    /// Most probable first; equal ones in the order of the rules.
    package var branches: [TraceBranch]
    package var assumptions: [TraceNote]
    package var unknowns: [TraceNote]

    package init(
        flow: Flow, verdict: TraceVerdict, branches: [TraceBranch], assumptions: [TraceNote], unknowns: [TraceNote]
    ) {
        self.flow = flow
        self.verdict = verdict
        self.branches = branches
        self.assumptions = assumptions
        self.unknowns = unknowns
    }
}

/// Something that was assumed, or that could not be told.
package struct TraceNote: Sendable, Hashable {
    package var text: String
    package var node: String?
    package var source: SourceLine?
    package init(_ text: String, node: String? = nil, source: SourceLine? = nil) {
        self.text = text
        self.node = node
        self.source = source
    }
}

/// One way the connection can take: a choice at every fork, there and back.
package struct TraceBranch: Sendable {
    package var probability: Fraction
    package var outcome: BranchOutcome
    /// One sentence, lower case, without a period: why it ends as it does.
    package var reason: String
    /// Of the first packet on its way there.
    package var disposition: Disposition
    /// The destination the receiver sees, where it differs from the one the sender used.
    package var dnat: SocketAddress?
    /// The source the receiver sees, where its address differs.
    package var snat: IPAddress?
    package var isMasqueraded: Bool
    package var deliveredTo: Receiver?
    /// The line that decides the end: a rule, a route, a sysctl; of the reply where the reply is what fails.
    package var decidedBy: Decision?
    package var translations: [Translation]
    package var hops: [Hop]
    /// What the client is told of a first packet that was refused; `nil` where it was not, or that is not known.
    package var sign: RefusalSign?
    /// `nil` where the first packet did not arrive.
    package var reply: ReplyTrace?
    /// How many other ways through the rules come to the same as the one shown; their chances are part of `probability`.
    package var alternatives = 0

    package init(probability: Fraction, disposition: Disposition) {
        self.probability = probability
        self.disposition = disposition
        outcome = .unknown
        reason = ""
        isMasqueraded = false
        translations = []
        hops = []
    }
}

/// What a client learns of a packet that was refused on its way.
package enum RefusalSign: String, Sendable, Hashable {
    /// "Connection refused", at once.
    case refused
    /// "No route to host", "network is unreachable".
    case unreachable
    /// The refusal does not reach it, or says nothing to it: it waits until its time is over.
    case nothing
}

package enum BranchOutcome: String, Sendable, Hashable { case works, fails, unknown }

/// The way back of the first answer.
package struct ReplyTrace: Sendable {
    package var disposition: Disposition
    package var reason: String
    package var decidedBy: Decision?
    package var hops: [Hop]
    package init(disposition: Disposition, reason: String, decidedBy: Decision?, hops: [Hop]) {
        self.disposition = disposition
        self.reason = reason
        self.decidedBy = decidedBy
        self.hops = hops
    }
}

/// Who got the packet.
package struct Receiver: Sendable, Hashable {
    /// `nil` outside the cluster.
    package var node: String?
    /// `nil`: the node's own host namespace.
    package var pod: String?
    package var address: SocketAddress
    package init(node: String?, pod: String?, address: SocketAddress) {
        self.node = node
        self.pod = pod
        self.address = address
    }
}

/// What decided: a line, as it stands there.
package struct Decision: Sendable, Hashable {
    package var node: String?
    package var source: SourceLine?
    package var text: String
    package var cause: LossCause
    package init(node: String?, source: SourceLine?, text: String, cause: LossCause = .other) {
        self.node = node
        self.source = source
        self.text = text
        self.cause = cause
    }
}

/// A change of addresses.
package struct Translation: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, BitwiseCopyable { case dnat, snat, masquerade, ipvs, redirect }
    package var node: String
    package var hook: Hook?
    package var kind: Kind
    package var before: SocketAddress
    package var after: SocketAddress
    package init(node: String, hook: Hook?, kind: Kind, before: SocketAddress, after: SocketAddress) {
        self.node = node
        self.hook = hook
        self.kind = kind
        self.before = before
        self.after = after
    }
}

/// A packet's stay in one namespace: from one device to another.
package struct Hop: Sendable {
    /// `nil` outside the cluster.
    package var node: String?
    /// `host`, or the pod's name.
    package var namespace: String
    package var deviceIn: String?
    package var deviceOut: String?
    package var steps: [Step]
    /// The packet inside: how deep it is wrapped (0 plain, 1 in a tunnel's outer packet).
    package var encapsulation: Int
    package init(node: String?, namespace: String, deviceIn: String?, encapsulation: Int = 0) {
        self.node = node
        self.namespace = namespace
        self.deviceIn = deviceIn
        self.encapsulation = encapsulation
        steps = []
    }
}

/// One look-up or decision.
package struct Step: Sendable {
    package enum Kind: String, Sendable, Hashable {
        case rule, policy, route, nat, ipvs, conntrack, bridge, neighbor, encapsulation, socket, device
    }
    package var kind: Kind
    package var hook: Hook?
    package var table: String?
    package var chain: String?
    /// The rule's number in its chain, from 1.
    package var rule: Int?
    package var source: SourceLine?
    /// The line as it stands, or one sentence.
    package var text: String
    /// How many rules of the chain were passed without a match before this one.
    package var skipped: Int
    /// The packet's mark and addresses after the step.
    package var mark: UInt32
    package var tuple: ConntrackTuple
    /// Rules of user chains nest: 0 in a base chain.
    package var depth: Int

    package init(kind: Kind, text: String, mark: UInt32, tuple: ConntrackTuple) {
        self.kind = kind
        self.text = text
        self.mark = mark
        self.tuple = tuple
        skipped = 0
        depth = 0
    }
}
