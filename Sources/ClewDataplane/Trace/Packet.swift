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
    static let rst: UInt8 = 0x04

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

    /// The first packet of a flow, which carries all of the data if it is a datagram.
    init(opening tuple: ConntrackTuple, of flow: Flow) {
        self.init(opening: tuple, flow.header)
        guard let size = flow.dataSize, flow.ipProtocol == .udp else { return }
        (length, hasKnownLength) = (UInt16(clamping: size + (tuple.source.family == .ipv4 ? 28 : 48)), true)
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
    /// TCP: a SYN opened it, and conntrack saw no answer (`SYN_SENT`).
    var awaitsAnswer = false
    var isConfirmed = false
    /// `IPS_DST_NAT_DONE`, `IPS_SRC_NAT_DONE`: the manipulation is settled, if only as "none".
    var destinationSettled = false
    var sourceSettled = false
    /// `IPS_DST_NAT`, `IPS_SRC_NAT`: it changes something.
    var translatesDestination = false
    var translatesSource = false
    /// The link MASQUERADE chose the address for (`masq_index`).
    var masqueradeLink = LinkIndex.none
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
