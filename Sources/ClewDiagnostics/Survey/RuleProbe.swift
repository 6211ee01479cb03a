import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// Tries a node's rules and routes for the first packet of a connection, without what comes behind the node.
///
/// It is a hint of what is worth walking, and no verdict: nothing is told of a connection for it.
struct RuleProbe {
    private var walk: LocalWalk

    /// `nil` where the node was not collected.
    init?(_ dataplane: Dataplane, node: String) {
        guard let walk = LocalWalk(dataplane, node: node) else { return nil }
        self.walk = walk
    }

    /// Whether the packet leaves the node in another way than for exactly these endpoints.
    mutating func doubts(_ flow: Flow, _ source: IPAddress, endpoints: [SocketAddress]) -> Bool {
        let tuple = ConntrackTuple(
            source: source, destination: flow.destination, ipProtocol: flow.ipProtocol, sourcePort: 40_000,
            destinationPort: flow.destinationPort)
        switch flow.origin {
        case .host: walk.walk(tuple)
        case .pod(_, let address, _): walk.walk(tuple, fromPod: address)
        case .outside: walk.walkFromOutside(tuple)
        }
        let wanted = Set(endpoints)
        var met: Set<SocketAddress> = []
        for end in walk.ends {
            guard end.disposition == .leavesSnapshot || end.disposition == .delivered else { return true }
            let receiver = SocketAddress(end.tuple.destination, end.tuple.destinationPort)
            guard wanted.contains(receiver) else { return true }
            met.insert(receiver)
        }
        return met.count != wanted.count
    }
}
