import ClewNet
import ClewSnapshot

/// What of a packet's state decides what becomes of it, or of the answer to it.
///
/// Left out are the path, and where the packet has been: that it was there before says of both of two equal packets that
/// they go round. Bits of the mark that nothing in the namespace looks at do not count either.
struct WalkKey: Hashable {
    private var state: WalkState

    init(_ state: WalkState, in namespace: CompiledNamespace, of world: World) {
        self.state = state
        let mask = namespace.markMasks.packet
        self.state.packet.mark &= mask
        for index in state.reroutings.indices { self.state.reroutings[index].mark &= mask }
        // Unwrapped, it has the outer packet's.
        for index in state.outer.indices { self.state.outer[index].inner.mark = 0 }
        for (index, connection) in state.connections.enumerated() where connection.mark != 0 {
            let own = connection.namespace == namespace.index ? namespace : world[connection.namespace]
            self.state.connections[index].mark &= own.markMasks.connection
        }
    }

    /// Of a packet that has come to its end: what its answer could show of it.
    init(ended state: WalkState, of world: World) {
        self.state = state
        self.state.packet.mark = 0
        self.state.packet.ttl = 0
        self.state.packet.leaveDevice()
        self.state.reroutings = []
        self.state.hasNoWay = false
        self.state.outer = state.outer.isEmpty ? [] : [state.outer[0]]
        for index in self.state.outer.indices { self.state.outer[index].inner.mark = 0 }
        for (index, connection) in state.connections.enumerated() where connection.mark != 0 {
            self.state.connections[index].mark &= world[connection.namespace].markMasks.connection
        }
        self.state.nextHop = nil
        self.state.layer2Steps = 0
        self.state.forgetConnection()
    }

    static func == (a: WalkKey, b: WalkKey) -> Bool {
        let (a, b) = (a.state, b.state)
        return a.packet == b.packet && a.current == b.current && a.conntrackState == b.conntrackState
            && a.isReplyDirection == b.isReplyDirection && a.isReply == b.isReply && a.isUncertain == b.isUncertain
            && a.isCut == b.isCut && a.wasMasqueraded == b.wasMasqueraded && a.isVirtual == b.isVirtual
            && a.wasInvalid == b.wasInvalid
            && a.exit == b.exit && a.nextHop == b.nextHop && a.layer2Steps == b.layer2Steps
            && a.connections == b.connections && a.virtualConnections == b.virtualConnections && a.outer == b.outer
            && a.recent == b.recent && a.setChanges == b.setChanges && a.changedSets == b.changedSets
            && a.hasNoWay == b.hasNoWay && a.reroutings == b.reroutings && a.bypass == b.bypass
            && a.opening == b.opening
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(state.packet.destination.low)
        hasher.combine(state.packet.source.low)
        hasher.combine(
            UInt64(state.packet.mark) << 32 | UInt64(state.packet.destinationPort) << 16
                | UInt64(state.packet.sourcePort))
        hasher.combine(UInt64(state.packet.ttl) << 16 | UInt64(state.packet.tos) << 8 | UInt64(state.outer.count))
        hasher.combine(state.current)
        if let connection = state.connections.last {
            hasher.combine(connection.reply.source.low)
            hasher.combine(connection.reply.destination.low)
            hasher.combine(UInt64(connection.mark) << 32 | UInt64(connection.reply.sourcePort))
        }
    }
}

/// A point of the walk where equal packets go on together: coming in by a link, or to a bridge.
struct Arrival: Hashable {
    enum Point: Hashable {
        case link(LinkIndex)
        case bridge(LinkIndex, BridgeEntry)
    }
    var point: Point
    var namespace: NamespaceIndex
    var key: WalkKey
}

/// How a branch ended, for what follows.
struct EndKey: Hashable {
    var disposition: Disposition
    var reason: String
    var decision: Decision
    var place: EndPlace
    var key: WalkKey
}
