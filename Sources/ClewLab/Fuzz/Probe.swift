package import ClewNet
package import ClewSnapshot

/// Where a probe begins.
package enum ProbeEntry: Sendable, Hashable {
    /// A process of the node.
    case process
    /// A pod, by its name.
    case pod(String)
    /// Outside, on the wire at a device of the node.
    case wire(String)
}

/// One packet to be sent, down to the header fields that rules look at.
package struct Probe: Sendable, Hashable {
    package var entry: ProbeEntry
    package var source: IPAddress
    package var destination: IPAddress
    package var ipProtocol: IPProtocol
    /// ICMP: the identifier.
    package var sourcePort: UInt16 = 0
    /// ICMP: type << 8 | code.
    package var destinationPort: UInt16 = 0
    package var ttl: UInt8 = 64
    package var tos: UInt8 = 0
    package var tcpFlags: UInt8 = 0
    /// Bytes behind the transport header.
    package var payload: UInt16 = 0

    package init(_ entry: ProbeEntry, from source: IPAddress, to destination: IPAddress, _ ipProtocol: IPProtocol) {
        self.entry = entry
        self.source = source
        self.destination = destination
        self.ipProtocol = ipProtocol
    }

    package static let syn: UInt8 = 0x02
    package static let synAck: UInt8 = 0x12
    package static let ack: UInt8 = 0x10

    package var family: AddressFamily { destination.family }

    package var tuple: ConntrackTuple {
        ConntrackTuple(
            source: source, destination: destination, ipProtocol: ipProtocol, sourcePort: sourcePort,
            destinationPort: destinationPort)
    }

    var headerLength: UInt16 {
        switch ipProtocol {
        case .tcp: 20
        case .udp, .icmp, .icmpv6: 8
        case .sctp: 32
        case .gre: 8
        default: 0
        }
    }

    /// Bytes, IP header included.
    package var length: UInt16 { (family == .ipv4 ? 20 : 40) + headerLength + payload }

    /// Whether somebody who gets it would answer.
    package var hasAnswer: Bool {
        switch ipProtocol {
        case .tcp: tcpFlags == Self.syn
        case .udp: true
        case .icmp: destinationPort == 8 << 8
        case .icmpv6: destinationPort == 128 << 8
        default: false
        }
    }
}
