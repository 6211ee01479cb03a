import ClewNet
import ClewSnapshot

/// One branch on its way.
///
/// It is copied at every fork, and at every rule of a chain in between: what most packets do not have lies apart, in one
/// shared object, so that a copy is a run of bytes and at most one count.
struct WalkState {
    var packet: Packet
    /// The last event of its path.
    var path = PathIndex.root
    /// The conntrack entry the packet belongs to; meaningless where it has none.
    var connection: Connection
    var hasConnection = false
    /// Exactly one of invalid, new, related, established, untracked; empty before conntrack has seen the packet.
    var conntrackState: ConntrackStates = []
    var isReplyDirection = false
    /// The way back: the packet is the receiver's answer.
    var isReply = false
    /// Something on the way is not modelled, so that the end is not certain.
    var isUncertain = false
    /// It was not followed any further: the walk's bounds are reached.
    var isCut = false
    var wasMasqueraded = false
    /// Conntrack somewhere could not tell what it, or the packet it answers, belongs to.
    var wasInvalid = false
    /// IPVS has handled it in this namespace (`skb->ipvs_property`).
    var isVirtual = false
    /// OUTPUT had it routed again (`ip_route_me_harder`), with the mark and TOS it had then.
    var isRerouted = false
    var reroutedMark: UInt32 = 0
    var reroutedTOS: UInt8 = 0
    /// That look-up found no way.
    var hasNoWay = false
    /// Conntrack has no room for the entry it needs.
    var findsTableFull = false
    /// What the first device it left by carries, in bytes; 0 before that.
    var firstMTU: UInt16 = 0
    /// The largest segment the sender of a SYN, or of its answer, says it takes, in bytes; 0 before it is sent.
    var segment: UInt16 = 0
    /// A CT rule has said how conntrack is to take it, which NOTRACK behind that does not change (`xt_CT.c`).
    var hasTemplate = false
    /// Its connection was masqueraded for another link than the one it leaves by.
    var leavesAnotherWay = false
    /// Layer-2 steps since the TTL last changed: a bridge loop has no TTL.
    var layer2Steps: UInt8 = 0
    /// Where the request left the snapshot, for the answer to come in.
    var exit: LinkReference?
    /// Whom the packet is sent to on the outgoing link: the gateway, or the destination itself.
    var nextHop: IPAddress?
    /// The packet as it was first sent.
    let opening: ConntrackTuple

    private var luggage: Luggage?

    init(packet: Packet) {
        self.packet = packet
        opening = packet.tuple
        connection = Connection(namespace: NamespaceIndex(rawValue: -1), opening: packet.tuple)
    }

    /// The link layer is left: the next namespace's conntrack sees a packet it does not know.
    mutating func forgetConnection() {
        park()
        conntrackState = []
        hasTemplate = false
        isReplyDirection = false
        isVirtual = false
    }

    /// Conntrack has not seen it, but a CT rule has.
    var bearsTemplate: Bool { hasTemplate && conntrackState.isEmpty }

    /// The packet does not belong to its connection any more, which is there all the same.
    mutating func park() {
        guard hasConnection else { return }
        hasConnection = false
        parked.append(connection)
    }

    /// Forgets the way it has come, before another packet is sent in its place.
    mutating func beginAgain() {
        forgetConnection()
        if !outer.isEmpty { outer = [] }
        if !visits.isEmpty { visits = [] }
        layer2Steps = 0
        nextHop = nil
        firstMTU = 0
        segment = 0
        isRerouted = false
        hasNoWay = false
    }

    mutating func reroute() {
        isRerouted = true
        reroutedMark = packet.mark
        reroutedTOS = packet.tos
    }

    /// What it is routed by again.
    var rerouted: Packet {
        var result = packet
        result.mark = reroutedMark
        result.tos = reroutedTOS
        return result
    }
}

/// What few packets carry along.
///
/// A class, so that states can share it: see ``WalkState``. Whoever changes it copies it first, unless it is his alone.
private final class Luggage {
    /// Conntrack entries that the traced connection has made elsewhere, and that its packets may meet again.
    var parked: [Connection] = []
    var virtualConnections: [IPVSConnection] = []
    var outer: [Encapsulated] = []
    var recent: [RecentSighting: UInt32] = [:]
    var setChanges: [SetElement: Bool] = [:]
    var changedSets: Set<String> = []
    var bypass: Bypass?
    var visits: [Visit] = []
    var quoted: ConntrackTuple?

    init() {}

    init(copying other: Luggage) {
        parked = other.parked
        virtualConnections = other.virtualConnections
        outer = other.outer
        recent = other.recent
        setChanges = other.setChanges
        changedSets = other.changedSets
        bypass = other.bypass
        visits = other.visits
        quoted = other.quoted
    }
}

extension WalkState {
    private mutating func ownLuggage() -> Luggage {
        if luggage != nil, isKnownUniquelyReferenced(&luggage) { return luggage ?? Luggage() }
        let own = luggage.map(Luggage.init(copying:)) ?? Luggage()
        luggage = own
        return own
    }

    /// Conntrack entries that the traced connection has made elsewhere, and that its packets may meet again.
    var parked: [Connection] {
        get { luggage?.parked ?? [] }
        _modify { yield &ownLuggage().parked }
    }

    var virtualConnections: [IPVSConnection] {
        get { luggage?.virtualConnections ?? [] }
        _modify { yield &ownLuggage().virtualConnections }
    }

    /// The packets inside, where it is a tunnel's.
    var outer: [Encapsulated] {
        get { luggage?.outer ?? [] }
        _modify { yield &ownLuggage().outer }
    }

    /// How often `recent` lists hold addresses, where rules have changed that on the way.
    var recent: [RecentSighting: UInt32] {
        get { luggage?.recent ?? [:] }
        _modify { yield &ownLuggage().recent }
    }

    /// What rules have added to ipsets on the way (true), or taken from them.
    var setChanges: [SetElement: Bool] {
        get { luggage?.setChanges ?? [:] }
        _modify { yield &ownLuggage().setChanges }
    }

    /// The ipsets that rules have changed on the way so that it cannot be told what they hold.
    var changedSets: Set<String> {
        get { luggage?.changedSets ?? [] }
        _modify { yield &ownLuggage().changedSets }
    }

    /// A bridge carried the packet past the conntrack entry that would have translated it.
    var bypass: Bypass? {
        get { luggage?.bypass }
        _modify { yield &ownLuggage().bypass }
    }

    /// Where it has been, to see that it goes round before its TTL does.
    var visits: [Visit] {
        get { luggage?.visits ?? [] }
        _modify { yield &ownLuggage().visits }
    }

    /// An ICMP error: the packet it is about, as it is known here.
    var quoted: ConntrackTuple? {
        get { luggage?.quoted }
        _modify { yield &ownLuggage().quoted }
    }

    /// How many packets it is wrapped in.
    var depth: Int { luggage?.outer.count ?? 0 }

    /// Whether two carry the same, but for where they have been.
    func carriesSame(as other: WalkState) -> Bool {
        if luggage === other.luggage { return true }
        return parked == other.parked && virtualConnections == other.virtualConnections && outer == other.outer
            && recent == other.recent && setChanges == other.setChanges && changedSets == other.changedSets
            && bypass == other.bypass && quoted == other.quoted
    }
}
