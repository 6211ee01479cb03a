import ClewNet
package import ClewSnapshot

/// A rule that matched, or a policy that was reached, as the kernel's trace and Clew's both name it.
package struct WalkEvent: Sendable, Hashable, CustomStringConvertible {
    package var table: String
    package var chain: String
    /// From 1; nil for the policy.
    package var rule: Int?
    /// The mark and the addresses the packet had when it got there; nil where the trace does not say.
    package var mark: UInt32?
    package var tuple: ConntrackTuple?

    package var description: String {
        let place = "\(table):\(chain):\(rule.map { "\($0)" } ?? "policy")"
        return place + (mark.map { " mark 0x" + String($0, radix: 16) } ?? "")
            + (tuple.map { " \(FuzzText.ends($0))" } ?? "")
    }
}

/// What became of a packet.
package enum WalkEnd: Sendable, Hashable, CustomStringConvertible {
    /// To a socket of the node.
    case local(ConntrackTuple)
    /// To a namespace beside the node: a pod's, or outside by that device.
    case peer(String, ConntrackTuple)
    /// Refused, with that kind of REJECT; nil where no answer was seen, as for packets that are never answered.
    case rejected(String?)
    case lost

    package var description: String {
        switch self {
        case .local(let tuple): "delivered on the node: \(FuzzText.ends(tuple))"
        case .peer(let name, let tuple): "delivered to \(name): \(FuzzText.ends(tuple))"
        case .rejected(let type): "rejected" + (type.map { " with \($0)" } ?? "")
        case .lost: "lost"
        }
    }

    package var isDelivered: Bool {
        switch self {
        case .local, .peer: true
        case .rejected, .lost: false
        }
    }
}

/// A packet's way through the node, one direction.
package struct Walk: Sendable, Hashable {
    package var events: [WalkEvent]
    package var end: WalkEnd

    package init(events: [WalkEvent], end: WalkEnd) {
        self.events = events
        self.end = end
    }
}

/// A connection's ways: there, and, where it arrived and is answered, back.
package struct Exchange: Sendable, Hashable {
    package var there: Walk
    package var back: Walk?
    /// Whether the answer reached who asked, as from whom it was sent to.
    package var isAnswered = false
    /// Whether the next packets, one each way, got where the first two did; nil where none was sent.
    package var goesOn: Bool?

    package init(there: Walk, back: Walk? = nil, goesOn: Bool? = nil) {
        self.there = there
        self.back = back
        self.goesOn = goesOn
    }
}

enum FuzzText {
    /// `10.0.0.1:1000 → 10.0.0.2:80`, ICMP with its identifier and type.
    static func ends(_ tuple: ConntrackTuple) -> String {
        let isICMP = tuple.ipProtocol == .icmp || tuple.ipProtocol == .icmpv6
        guard isICMP else {
            return "\(SocketAddress(tuple.source, tuple.sourcePort)) → "
                + "\(SocketAddress(tuple.destination, tuple.destinationPort))"
        }
        return "\(tuple.source) → \(tuple.destination) id \(tuple.sourcePort) type \(tuple.destinationPort >> 8)"
            + " code \(tuple.destinationPort & 255)"
    }
}
