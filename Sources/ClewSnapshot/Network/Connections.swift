package import ClewBundle
package import ClewNet

/// One direction of a connection (`struct nf_conntrack_tuple`).
///
/// For ICMP the source port is the identifier, and the destination port type << 8 | code.
package struct ConntrackTuple: Sendable, Hashable, BitwiseCopyable {
    package var source: IPAddress
    package var destination: IPAddress
    package var ipProtocol: IPProtocol
    package var sourcePort: UInt16
    package var destinationPort: UInt16

    package init(
        source: IPAddress, destination: IPAddress, ipProtocol: IPProtocol, sourcePort: UInt16, destinationPort: UInt16
    ) {
        self.source = source
        self.destination = destination
        self.ipProtocol = ipProtocol
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
    }

    /// The tuple a direct answer carries.
    ///
    /// An ICMP echo request answers as an echo reply.
    package var reversed: ConntrackTuple {
        var port = sourcePort
        var toPort = destinationPort
        if ipProtocol == .icmp || ipProtocol == .icmpv6 {
            toPort = sourcePort
            port = Self.answerType(destinationPort, ipProtocol)
            return ConntrackTuple(
                source: destination, destination: source, ipProtocol: ipProtocol, sourcePort: toPort,
                destinationPort: port)
        }
        swap(&port, &toPort)
        return ConntrackTuple(
            source: destination, destination: source, ipProtocol: ipProtocol, sourcePort: port, destinationPort: toPort)
    }

    private static func answerType(_ typeAndCode: UInt16, _ ipProtocol: IPProtocol) -> UInt16 {
        switch (ipProtocol, typeAndCode >> 8) {
        case (.icmp, 8): 0
        case (.icmp, 0): 8 << 8
        case (.icmpv6, 128): 129 << 8
        case (.icmpv6, 129): 128 << 8
        default: typeAndCode
        }
    }
}

extension ConntrackTuple: CustomStringConvertible {
    package var description: String {
        let ports = ipProtocol.hasPorts
        return "\(ipProtocol) \(SocketAddress(source, ports ? sourcePort : 0)) → "
            + "\(SocketAddress(destination, ports ? destinationPort : 0))"
    }
}

/// A line of `conntrack -L` or `/proc/net/nf_conntrack`.
package struct ConntrackEntry: Sendable, Hashable {
    package var original: ConntrackTuple
    package var reply: ConntrackTuple
    /// TCP and SCTP: `ESTABLISHED`, `SYN_SENT`.
    package var state: String?
    package var isUnreplied: Bool
    package var isAssured: Bool
    package var isOffloaded: Bool
    package var mark: UInt32
    package var zone: UInt16
    /// Seconds until it expires; `nil` where not printed.
    package var timeout: UInt32?
    package var source: SourceLine

    package init(original: ConntrackTuple, reply: ConntrackTuple, source: SourceLine) {
        self.original = original
        self.reply = reply
        self.source = source
        isUnreplied = false
        isAssured = false
        isOffloaded = false
        mark = 0
        zone = 0
    }
}

/// A listening or unconnected socket (`ss -lntu`, `netstat -lntu`).
package struct ListeningSocket: Sendable, Hashable {
    package var ipProtocol: IPProtocol
    /// `nil`: every address; see ``acceptsIPv4`` and ``acceptsIPv6``.
    package var address: IPAddress?
    package var port: UInt16
    package var acceptsIPv4: Bool
    package var acceptsIPv6: Bool
    /// `%eth0`.
    package var device: String?
    package var process: String?
    package var source: SourceLine

    package init(
        ipProtocol: IPProtocol, address: IPAddress?, port: UInt16, acceptsIPv4: Bool, acceptsIPv6: Bool,
        source: SourceLine
    ) {
        self.ipProtocol = ipProtocol
        self.address = address
        self.port = port
        self.acceptsIPv4 = acceptsIPv4
        self.acceptsIPv6 = acceptsIPv6
        self.source = source
    }
}

/// How IPVS hands a packet on (`IP_VS_CONN_F_*`).
package enum ForwardingMethod: UInt8, Sendable, Hashable { case masquerade, route, tunnel }

/// A scheduler by name: `rr`, `wrr`, `lc`, `sh`.
package struct Scheduler: RawRepresentable, Sendable, Hashable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// A line `-A -t …` of `ipvsadm -Sn`, or a `TCP …` row of `ipvsadm -ln` (`struct ip_vs_service`).
package struct VirtualServer: Sendable {
    package var ipProtocol: IPProtocol
    /// `nil` for a firewall-mark service.
    package var address: IPAddress?
    package var port: UInt16
    package var firewallMark: UInt32?
    package var scheduler: Scheduler
    /// Seconds of persistence; `nil` when not persistent.
    package var persistence: UInt32?
    package var realServers: [RealServer]
    package var source: SourceLine

    package init(
        ipProtocol: IPProtocol, address: IPAddress?, port: UInt16, scheduler: Scheduler, source: SourceLine
    ) {
        self.ipProtocol = ipProtocol
        self.address = address
        self.port = port
        self.scheduler = scheduler
        self.source = source
        realServers = []
    }
}

/// `struct ip_vs_dest`.
package struct RealServer: Sendable, Hashable {
    package var address: IPAddress
    package var port: UInt16
    package var method: ForwardingMethod
    /// 0: gets no new connection.
    package var weight: UInt32
    package var source: SourceLine

    package init(address: IPAddress, port: UInt16, method: ForwardingMethod, weight: UInt32, source: SourceLine) {
        self.address = address
        self.port = port
        self.method = method
        self.weight = weight
        self.source = source
    }
}

/// An address remembered by `-m recent` (`/proc/net/xt_recent/NAME`).
package struct RecentEntry: Sendable, Hashable {
    package var address: IPAddress
    /// How many times it was seen, at most the list's length.
    package var hits: UInt32
    package var source: SourceLine
    package init(address: IPAddress, hits: UInt32, source: SourceLine) {
        self.address = address
        self.hits = hits
        self.source = source
    }
}
