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
        self.state.reroutedMark &= mask
        maskMarks(namespace, world)
    }

    /// Of a packet that has come to its end: what its answer could show of it.
    init(ended state: WalkState, of world: World) {
        self.state = state
        self.state.packet.mark = 0
        self.state.packet.ttl = 0
        self.state.packet.leaveDevice()
        self.state.isRerouted = false
        self.state.hasNoWay = false
        if state.depth > 1 { self.state.outer = [state.outer[0]] }
        self.state.nextHop = nil
        self.state.layer2Steps = 0
        self.state.forgetConnection()
        maskMarks(nil, world)
    }

    private mutating func maskMarks(_ namespace: CompiledNamespace?, _ world: World) {
        // Unwrapped, a packet has the outer one's.
        if state.depth > 0 {
            for index in state.outer.indices where state.outer[index].inner.mark != 0 {
                state.outer[index].inner.mark = 0
            }
        }
        func mask(_ connection: Connection) -> UInt32 {
            let own = connection.namespace == namespace?.index ? namespace : world[connection.namespace]
            return own?.markMasks.connection ?? 0
        }
        if state.hasConnection, state.connection.mark != 0 { state.connection.mark &= mask(state.connection) }
        if state.parked.contains(where: { $0.mark != 0 }) {
            for index in state.parked.indices { state.parked[index].mark &= mask(state.parked[index]) }
        }
    }

    static func == (a: WalkKey, b: WalkKey) -> Bool {
        let (a, b) = (a.state, b.state)
        return a.packet == b.packet && a.hasConnection == b.hasConnection
            && (!a.hasConnection || a.connection == b.connection) && a.conntrackState == b.conntrackState
            && a.isReplyDirection == b.isReplyDirection && a.isReply == b.isReply && a.isUncertain == b.isUncertain
            && a.isCut == b.isCut && a.wasMasqueraded == b.wasMasqueraded && a.isVirtual == b.isVirtual
            && a.wasInvalid == b.wasInvalid && a.isRerouted == b.isRerouted && a.hasNoWay == b.hasNoWay
            && (!a.isRerouted || (a.reroutedMark == b.reroutedMark && a.reroutedTOS == b.reroutedTOS))
            && a.exit == b.exit && a.nextHop == b.nextHop && a.layer2Steps == b.layer2Steps && a.opening == b.opening
            && a.firstMTU == b.firstMTU && a.segment == b.segment && a.findsTableFull == b.findsTableFull
            && a.carriesSame(as: b)
    }

    func hash(into hasher: inout Hasher) {
        let packet = state.packet
        var hash = packet.destination.low ^ packet.destination.high
        func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x9E37_79B9_7F4A_7C15 ^ hash >> 29 }
        mix(packet.source.low)
        mix(UInt64(packet.mark) << 32 | UInt64(packet.destinationPort) << 16 | UInt64(packet.sourcePort))
        mix(UInt64(packet.ttl) << 16 | UInt64(packet.tos) << 8 | UInt64(truncatingIfNeeded: state.depth))
        if state.hasConnection {
            mix(state.connection.reply.source.low)
            mix(state.connection.reply.destination.low)
            mix(UInt64(state.connection.mark) << 32 | UInt64(state.connection.reply.sourcePort))
        }
        hasher.combine(hash)
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
