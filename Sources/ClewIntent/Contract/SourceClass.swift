package import ClewNet

/// How a packet comes to a node's network stack.
package enum SourceArrival: Sendable, Hashable, CaseIterable {
    /// Made by a process in the node's host network: it meets OUTPUT first.
    case host
    /// Through a device that leads to a pod of this node.
    case podDevice
    /// Through any other device.
    case network
}

/// Senders that one node's kube-proxy cannot tell from each other, for one Service port.
///
/// The name is for people; what counts is ``arrival`` and ``addresses``.
package struct SourceClass: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable, Comparable {
        case podOfNode = "pod of this node"
        case endpointItself = "the endpoint itself"
        case hostProcess = "host process"
        case hostLoopback = "host process by loopback"
        case otherNode = "other node"
        case podOfOtherNode = "pod of another node"
        case outside = "outside"

        package static func < (a: Self, b: Self) -> Bool {
            (Self.allCases.firstIndex(of: a) ?? 0) < (Self.allCases.firstIndex(of: b) ?? 0)
        }
    }

    package var kind: Kind
    package var arrival: SourceArrival
    package var addresses: AddressSet
    /// One of ``addresses``, by preference one that exists.
    package var representative: IPAddress
    /// Whether the Service's `loadBalancerSourceRanges` hold these sources; `nil` where it has none.
    package var isInSourceRanges: Bool?

    package init(
        _ kind: Kind, arrival: SourceArrival, addresses: AddressSet, representative: IPAddress,
        isInSourceRanges: Bool? = nil
    ) {
        self.kind = kind
        self.arrival = arrival
        self.addresses = addresses
        self.representative = representative
        self.isInSourceRanges = isInSourceRanges
    }
}

extension SourceClass: CustomStringConvertible {
    package var description: String {
        switch isInSourceRanges {
        case nil: "\(kind.rawValue) (\(representative))"
        case true?: "\(kind.rawValue) inside the source ranges (\(representative))"
        case false?: "\(kind.rawValue) not inside the source ranges (\(representative))"
        }
    }
}

/// What one arm of a contract asks of the sender.
package enum SourceCondition: Sendable, Hashable {
    case always
    case from(AddressSet)
    case notFrom(AddressSet)
    /// Through a device that local-traffic detection counts as a pod's (BridgeInterface, InterfaceNamePrefix).
    case throughPodDevice
    /// From an address of the node itself, loopback included (`-m addrtype --src-type LOCAL`).
    case fromOwnAddress(AddressSet)
    /// Made by a process in the host network.
    case fromHost

    /// Whether it holds for one sender.
    package func holds(for address: IPAddress, arrival: SourceArrival) -> Bool {
        switch self {
        case .always: true
        case .from(let set), .fromOwnAddress(let set): set.contains(address)
        case .notFrom(let set): !set.contains(address)
        case .throughPodDevice: arrival == .podDevice
        case .fromHost: arrival == .host
        }
    }

    /// The addresses it holds for among all that arrive in one way.
    package func addresses(arrival: SourceArrival, _ family: AddressFamily) -> AddressSet {
        switch self {
        case .always: .all(family)
        case .from(let set), .fromOwnAddress(let set): set
        case .notFrom(let set): set.complement
        case .throughPodDevice: arrival == .podDevice ? .all(family) : .empty(family)
        case .fromHost: arrival == .host ? .all(family) : .empty(family)
        }
    }
}
