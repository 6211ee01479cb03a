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
