package import ClewNet
package import ClewSnapshot

/// Where a connection begins.
package enum FlowOrigin: Sendable, Hashable {
    /// A process in a node's host namespace.
    case host(node: String)
    /// A pod, by its address; the name where it is known.
    case pod(node: String, address: IPAddress, name: NamespacedName?)
    /// Outside the cluster; enters at that node.
    case outside(address: IPAddress, via: String)
}

/// One connection to trace: ends, protocol and family are settled.
package struct Flow: Sendable, Hashable {
    package var origin: FlowOrigin
    /// `nil`: the address the kernel selects (host processes only).
    package var source: IPAddress?
    /// `nil`: one that no recorded conntrack entry uses.
    package var sourcePort: UInt16?
    package var destination: IPAddress
    /// For ICMP: type << 8 | code; 8 << 8 is echo request (128 << 8 for ICMPv6).
    package var destinationPort: UInt16
    package var ipProtocol: IPProtocol
    /// Bytes that the client sends, and that the server answers; `nil`: as few as fit into the smallest packet.
    package var dataSize: Int?
    /// What else its packets say, where that is known; `nil`: what a client's ordinary ones do.
    package var header: FlowHeader?
    /// Outside origins: the node's device the packets come in by; `nil`: the one it would answer through.
    package var entryDevice: String?
    /// As the user wrote the ends.
    package var fromText: String
    package var toText: String

    package var family: AddressFamily { destination.family }

    package init(
        origin: FlowOrigin, source: IPAddress? = nil, sourcePort: UInt16? = nil, destination: IPAddress,
        destinationPort: UInt16, ipProtocol: IPProtocol, fromText: String, toText: String
    ) {
        self.origin = origin
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        self.ipProtocol = ipProtocol
        self.fromText = fromText
        self.toText = toText
    }
}

/// Header fields of a flow's packets that rules may ask for.
package struct FlowHeader: Sendable, Hashable {
    /// Of the first packet; answers are sent with 64.
    package var timeToLive: UInt8
    package var tos: UInt8
    /// Of the first packet (FIN is 1, SYN 2 …); `nil` is SYN.
    package var tcpFlags: UInt8?
    /// Of each packet, IP header included, in bytes.
    package var length: UInt16

    package init(timeToLive: UInt8 = 64, tos: UInt8 = 0, tcpFlags: UInt8? = nil, length: UInt16) {
        self.timeToLive = timeToLive
        self.tos = tos
        self.tcpFlags = tcpFlags
        self.length = length
    }
}

/// Whose an address is.
package enum AddressOwner: Sendable, Hashable {
    /// An address of a collected node's host namespace.
    case host(node: String)
    /// A pod of a collected node; the name where the API or the bundle says.
    case pod(node: String, name: NamespacedName?)
    /// The API knows the node, but nothing was collected there.
    case uncollectedHost(node: String)
    case uncollectedPod(node: String?, name: NamespacedName?)
    case nobody
}
