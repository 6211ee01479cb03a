import ClewNet
import ClewSnapshot

/// The header fields and the kernel's notes (`struct sk_buff`) that decide a packet's way.
struct Packet: Sendable, Hashable, BitwiseCopyable {
    var source: IPAddress
    var destination: IPAddress
    var ipProtocol: IPProtocol
    /// ICMP: the identifier.
    var sourcePort: UInt16
    /// ICMP: type << 8 | code.
    var destinationPort: UInt16
    var mark: UInt32 = 0
    var ttl: UInt8 = 64
    var tos: UInt8 = 0
    var tcpFlags: UInt8 = 0
    /// Bytes, with the IP header.
    var length: UInt16 = 60
    /// Whether ``length`` is known, not only what is usual.
    var hasKnownLength = false
    var input = LinkIndex.none
    var output = LinkIndex.none
    /// The link it came in by, or leaves by, is not known, as opposed to: there is none.
    var hasUnknownInput = false
    var hasUnknownOutput = false
    /// The bridge ports it uses (`nf_bridge_info`); ``LinkIndex/none`` also where the port is not known.
    var bridgeInput = LinkIndex.none
    var bridgeOutput = LinkIndex.none
    /// Whether it came through a bridge that calls iptables.
    var hasBridgeInfo = false
    /// Whether it is being bridged, so that ``bridgeOutput`` is set or unknown.
    var isBridged = false

    var family: AddressFamily { destination.family }

    /// The lengths an opening packet or its answer may have, IP header included.
    ///
    /// A TCP handshake has no data and at most 40 bytes of options; of the others the client decides.
    var possibleLengths: ClosedRange<UInt16> {
        if hasKnownLength { return length...length }
        let header: UInt16 = source.family == .ipv4 ? 20 : 40
        switch ipProtocol {
        case .tcp: return header + 20...header + 60
        case .udp, .icmp, .icmpv6: return header + 8...UInt16.max
        default: return header...UInt16.max
        }
    }

    var tuple: ConntrackTuple {
        get {
            ConntrackTuple(
                source: source, destination: destination, ipProtocol: ipProtocol, sourcePort: sourcePort,
                destinationPort: destinationPort)
        }
        set {
            source = newValue.source
            destination = newValue.destination
            sourcePort = newValue.sourcePort
            destinationPort = newValue.destinationPort
        }
    }

    static let syn: UInt8 = 0x02
    static let synAck: UInt8 = 0x12
    static let ack: UInt8 = 0x10

    /// The first packet of a connection.
    init(opening tuple: ConntrackTuple) {
        source = tuple.source
        destination = tuple.destination
        ipProtocol = tuple.ipProtocol
        sourcePort = tuple.sourcePort
        destinationPort = tuple.destinationPort
        if ipProtocol == .tcp { tcpFlags = Self.syn }
    }

    /// The first packet of a flow.
    init(opening tuple: ConntrackTuple, _ header: FlowHeader?) {
        self.init(opening: tuple)
        guard let header else { return }
        ttl = header.timeToLive
        tos = header.tos
        if ipProtocol == .tcp, let flags = header.tcpFlags { tcpFlags = flags }
        (length, hasKnownLength) = (header.length, true)
    }

    /// The first answer to a packet that arrived as `packet`.
    init(answering packet: Packet) {
        self.init(opening: packet.tuple.reversed)
        if ipProtocol == .tcp { tcpFlags = Self.synAck }
        // `icmp_reply`; a socket answers with its own (see `tcp_reflect_tos`).
        if !ipProtocol.hasPorts { tos = packet.tos }
        if packet.hasKnownLength { (length, hasKnownLength) = (packet.length, true) }
    }

    /// Forgets what belongs to one namespace, as crossing a veth pair does (`skb_scrub_packet`).
    mutating func leaveNamespace() {
        mark = 0
        leaveDevice()
    }

    mutating func leaveDevice() {
        input = .none
        output = .none
        hasUnknownInput = false
        hasUnknownOutput = false
        bridgeInput = .none
        bridgeOutput = .none
        hasBridgeInfo = false
        isBridged = false
    }
}

/// A conntrack entry that the traced connection has made, or that was recorded and it uses (`struct nf_conn`).
struct Connection: Sendable, Hashable, BitwiseCopyable {
    var namespace: NamespaceIndex
    var original: ConntrackTuple
    var reply: ConntrackTuple
    var mark: UInt32 = 0
    var seenReply = false
    var isConfirmed = false
    /// `IPS_DST_NAT_DONE`, `IPS_SRC_NAT_DONE`: the manipulation is settled, if only as "none".
    var destinationSettled = false
    var sourceSettled = false
    /// `IPS_DST_NAT`, `IPS_SRC_NAT`: it changes something.
    var translatesDestination = false
    var translatesSource = false
    var isRecorded = false

    init(namespace: NamespaceIndex, opening tuple: ConntrackTuple) {
        self.namespace = namespace
        original = tuple
        reply = tuple.reversed
    }
}

/// What IPVS remembers of a connection (`struct ip_vs_conn`), method masquerade.
struct IPVSConnection: Sendable, Hashable, BitwiseCopyable {
    var namespace: NamespaceIndex
    var client: SocketAddress
    var virtual: SocketAddress
    var real: SocketAddress
    var ipProtocol: IPProtocol
}

/// The inner packet of a tunnel, kept while the outer one walks the underlay.
struct Encapsulated: Sendable, Hashable, BitwiseCopyable {
    enum Kind: Sendable, Hashable, BitwiseCopyable { case vxlan(vni: UInt32), ipip, udpTunnel }
    var kind: Kind
    var inner: Packet
    /// VXLAN: the inner frame's destination.
    var destinationMAC: MACAddress?
    var isReply: Bool
}

/// An address in a list of `-m recent`.
struct RecentSighting: Sendable, Hashable {
    var namespace: NamespaceIndex
    var list: String
    var address: IPAddress
}

/// An element of an ipset that is one address or port in each dimension.
struct SetElement: Sendable, Hashable {
    var namespace: NamespaceIndex
    var set: String
    var addresses: [IPAddress]
    var port: UInt16
    var ipProtocol: IPProtocol
}

/// One branch on its way.
struct WalkState: Sendable {
    var packet: Packet
    /// The last event of its path.
    var path = PathIndex.root
    var connections: [Connection] = []
    var virtualConnections: [IPVSConnection] = []
    var outer: [Encapsulated] = []
    /// The entry of `connections` the packet belongs to, or -1.
    var current: Int32 = -1
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
    /// How often `recent` lists hold addresses, where rules have changed that on the way.
    var recent: [RecentSighting: UInt32] = [:]
    /// What rules have added to ipsets on the way (true), or taken from them.
    var setChanges: [SetElement: Bool] = [:]
    /// The ipsets that rules have changed on the way so that it cannot be told what they hold.
    var changedSets: Set<String> = []
    /// Conntrack somewhere could not tell what it, or the packet it answers, belongs to.
    var wasInvalid = false
    /// IPVS has handled it in this namespace (`skb->ipvs_property`).
    var isVirtual = false
    /// A bridge carried the packet past the conntrack entry that would have translated it.
    var bypass: Bypass?
    /// Where the request left the snapshot, for the answer to come in.
    var exit: LinkReference?
    /// Whom the packet is sent to on the outgoing link: the gateway, or the destination itself.
    var nextHop: IPAddress?
    /// The packet as it was each time that OUTPUT had it routed again (`ip_route_me_harder`).
    var reroutings: [Packet] = []
    /// The last of them found no way.
    var hasNoWay = false
    /// Layer-2 steps since the TTL last changed: a bridge loop has no TTL.
    var layer2Steps: UInt8 = 0

    /// Where it has been, to see that it goes round before its TTL does.
    var visits: [Visit] = []
    /// The packet as it was first sent.
    let opening: ConntrackTuple

    init(packet: Packet) {
        self.packet = packet
        opening = packet.tuple
    }

    /// The link layer is left: the next namespace's conntrack sees a packet it does not know.
    mutating func forgetConnection() {
        current = -1
        conntrackState = []
        isReplyDirection = false
        isVirtual = false
    }
}

/// A packet coming in somewhere: the third time with the same headers and mark nothing new can happen to it.
///
/// The first time may make a conntrack entry, the second meets it.
struct Visit: Sendable, Hashable, BitwiseCopyable {
    var namespace: NamespaceIndex
    var link: LinkIndex
    var tuple: ConntrackTuple
    var mark: UInt32
    var depth: Int
}

/// A packet that a bridge forwarded without calling iptables, though a connection of that namespace waits for it.
struct Bypass: Sendable, Hashable {
    var namespace: NamespaceIndex
    var bridge: LinkIndex
    var sysctl: Sysctl?
    var key: String
}
