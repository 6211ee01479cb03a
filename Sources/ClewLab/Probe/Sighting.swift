package import ClewNet

/// A packet of a probe where a device showed it.
package struct Sighting: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable {
        case syn = "SYN", synAck = "SYN-ACK", ack = "ACK", data = "data", end = "FIN", reset = "RST"
        case datagram = "UDP", answer = "UDP answer", icmp = "ICMP error"
        /// Whether it opens the connection.
        package var isRequest: Bool { self == .syn || self == .datagram }
    }

    package var place: String
    package var device: String
    package var isOutgoing: Bool
    /// Whether it was seen inside a packet of a tunnel.
    package var isEncapsulated: Bool
    package var kind: Kind
    package var source: SocketAddress
    package var destination: SocketAddress
    /// Since the first packet of the run.
    package var nanoseconds: Int64

    package var description: String {
        let time = String(nanoseconds / 1000)
        let padded = String(repeating: " ", count: max(0, 8 - time.utf8.count)) + time
        return "\(padded) µs  \(place) \(device) \(isOutgoing ? "out" : "in ")\(isEncapsulated ? " (in tunnel)" : "")  "
            + "\(source) > \(destination) \(kind.rawValue)"
    }
}

/// What a captured packet says of itself.
struct SeenPacket {
    enum Body {
        case tcp(sequence: UInt32, acknowledgement: UInt32, flags: UInt8, length: Int, largest: UInt16?)
        /// The identifier of the probe, and whether it is an answer.
        case udp(id: String, isAnswer: Bool)
        /// An error about a TCP segment, or about a datagram whose beginning is quoted.
        case icmpAboutTCP(sequence: UInt32)
        case icmpAboutUDP(id: String)
    }

    var source: SocketAddress
    var destination: SocketAddress
    var body: Body
    var isEncapsulated = false

    /// Reads a packet that begins with its IP header; nil if it can be none of a probe's.
    init?(_ bytes: ArraySlice<UInt8>, isEncapsulated: Bool = false) {
        guard let header = IPHeader(bytes) else { return nil }
        let body = bytes.dropFirst(header.length)
        let ports = [.tcp, .udp, .sctp].contains(header.ipProtocol) ? Self.ports(body) : (0, 0)
        source = SocketAddress(header.source, ports.0)
        destination = SocketAddress(header.destination, ports.1)
        self.isEncapsulated = isEncapsulated
        switch header.ipProtocol {
        case .tcp:
            guard body.count >= 20 else { return nil }
            let at = body.startIndex
            let offset = Int(body[at + 12] >> 4) * 4
            self.body = .tcp(
                sequence: Self.word(body, 4), acknowledgement: Self.word(body, 8), flags: body[at + 13],
                length: max(0, header.payload - offset), largest: Self.largestSegment(body.prefix(offset).dropFirst(20))
            )
        case .udp:
            guard body.count > 8 else { return nil }
            let payload = body.dropFirst(8)
            if let inner = Self.inner(payload, port: ports.1) {
                self = inner
            } else if let (id, isAnswer) = Self.identifier(payload) {
                self.body = .udp(id: id, isAnswer: isAnswer)
            } else {
                return nil
            }
        case .icmp, .icmpv6:
            guard body.count > 8, Self.isError(body[body.startIndex], header.ipProtocol),
                let quoted = IPHeader(body.dropFirst(8))
            else { return nil }
            let rest = body.dropFirst(8 + quoted.length)
            if quoted.ipProtocol == .tcp, rest.count >= 8 {
                self.body = .icmpAboutTCP(sequence: Self.word(rest, 4))
            } else if quoted.ipProtocol == .udp, let (id, _) = Self.identifier(rest.dropFirst(8)) {
                self.body = .icmpAboutUDP(id: id)
            } else {
                return nil
            }
        case IPProtocol(rawValue: 4):
            guard let inner = SeenPacket(body, isEncapsulated: true) else { return nil }
            self = inner
        default: return nil
        }
    }

    /// The maximum segment size that the options of a SYN tell.
    private static func largestSegment(_ options: ArraySlice<UInt8>) -> UInt16? {
        var rest = options
        while let kind = rest.first, kind != 0 {
            if kind == 1 {
                rest = rest.dropFirst()
                continue
            }
            guard rest.count >= 2 else { return nil }
            let at = rest.startIndex
            let length = Int(rest[at + 1])
            guard length >= 2, rest.count >= length else { return nil }
            if kind == 2, length == 4 { return UInt16(rest[at + 2]) << 8 | UInt16(rest[at + 3]) }
            rest = rest.dropFirst(length)
        }
        return nil
    }

    private static func isError(_ type: UInt8, _ ipProtocol: IPProtocol) -> Bool {
        ipProtocol == .icmp ? [3, 4, 5, 11, 12].contains(type) : type < 128
    }

    private static func ports(_ body: ArraySlice<UInt8>) -> (UInt16, UInt16) {
        guard body.count >= 4 else { return (0, 0) }
        let at = body.startIndex
        return (UInt16(body[at]) << 8 | UInt16(body[at + 1]), UInt16(body[at + 2]) << 8 | UInt16(body[at + 3]))
    }

    private static func word(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> UInt32 {
        let at = bytes.startIndex + offset
        return bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// What VXLAN (8472, 4789) and flannel's UDP (8285) carry.
    private static func inner(_ payload: ArraySlice<UInt8>, port: UInt16) -> SeenPacket? {
        switch port {
        case 8472, 4789: SeenPacket(payload.dropFirst(8 + 14), isEncapsulated: true)
        case 8285: SeenPacket(payload, isEncapsulated: true)
        default: nil
        }
    }

    /// The identifier with which requests and answers begin.
    private static func identifier(_ payload: ArraySlice<UInt8>) -> (String, Bool)? {
        guard payload.starts(with: ProbeWire.magic.utf8) else { return nil }
        let line = payload.prefix(200).prefix { $0 != UInt8(ascii: "\n") }
        let words = line.split(separator: UInt8(ascii: " "))
        guard let id = words.first else { return nil }
        return (String(decoding: id, as: UTF8.self), words.count > 2)
    }
}

/// The part of an IPv4 or IPv6 header that is needed here.
private struct IPHeader {
    var source: IPAddress
    var destination: IPAddress
    var ipProtocol: IPProtocol
    /// Bytes of the header.
    var length: Int
    /// Bytes behind the header, by the header.
    var payload: Int

    init?(_ bytes: ArraySlice<UInt8>) {
        guard let first = bytes.first else { return nil }
        let at = bytes.startIndex
        switch first >> 4 {
        case 4:
            length = Int(first & 15) * 4
            guard length >= 20, bytes.count >= length else { return nil }
            source = Self.v4(bytes, at + 12)
            destination = Self.v4(bytes, at + 16)
            ipProtocol = IPProtocol(rawValue: bytes[at + 9])
            payload = (Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])) - length
        case 6:
            length = 40
            guard bytes.count >= 40 else { return nil }
            source = Self.v6(bytes, at + 8)
            destination = Self.v6(bytes, at + 24)
            ipProtocol = IPProtocol(rawValue: bytes[at + 6])
            payload = Int(bytes[at + 4]) << 8 | Int(bytes[at + 5])
        default: return nil
        }
    }

    private static func v4(_ bytes: ArraySlice<UInt8>, _ at: Int) -> IPAddress {
        IPAddress(v4: bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
    }

    private static func v6(_ bytes: ArraySlice<UInt8>, _ at: Int) -> IPAddress {
        IPAddress(
            v6High: bytes[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes[at + 8..<at + 16].reduce(0) { $0 << 8 | UInt64($1) })
    }
}
