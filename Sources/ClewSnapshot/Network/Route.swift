package import ClewBundle
package import ClewNet

/// `RTN_*` of `linux/rtnetlink.h`.
package enum RouteType: String, Sendable, Hashable {
    case unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit, `throw`, nat
}

/// A routing table's number: 255 is `local`, 254 `main`, 253 `default` (`rt_class_t`).
package struct RoutingTableID: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let local = Self(rawValue: 255)
    package static let main = Self(rawValue: 254)
    package static let `default` = Self(rawValue: 253)
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension RoutingTableID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .local: "local"
        case .main: "main"
        case .default: "default"
        default: String(rawValue)
        }
    }
}

/// One way a route leads.
package struct NextHop: Sendable, Hashable {
    package var gateway: IPAddress?
    package var device: String?
    /// From 1; the share of an equal-cost route.
    package var weight: UInt32
    package var isOnLink: Bool
    package var isLinkDown: Bool
    package var isDead: Bool
    /// `encap …`: a lightweight tunnel that is not modelled.
    package var encapsulation: String?

    package init(gateway: IPAddress? = nil, device: String? = nil, weight: UInt32 = 1) {
        self.gateway = gateway
        self.device = device
        self.weight = weight
        isOnLink = false
        isLinkDown = false
        isDead = false
    }
}

package struct Route: Sendable, Hashable {
    package var destination: IPPrefix
    package var type: RouteType
    package var table: RoutingTableID
    package var nextHops: [NextHop]
    package var preferredSource: IPAddress?
    /// Lower wins; 0 for IPv4 where not printed, 1024 for IPv6.
    package var metric: UInt32
    package var tos: UInt8
    /// `proto`: `kernel`, `bird`, `dhcp`.
    package var origin: String?
    package var scope: String?
    package var mtu: UInt32?
    /// IPv6 `from`: the route is for these sources only.
    package var sourcePrefix: IPPrefix?
    package var source: SourceLine
    /// The entry as printed, for reports.
    package var text: String

    package init(
        destination: IPPrefix, type: RouteType = .unicast, table: RoutingTableID = .main, nextHops: [NextHop] = [],
        source: SourceLine, text: String
    ) {
        self.destination = destination
        self.type = type
        self.table = table
        self.nextHops = nextHops
        self.source = source
        self.text = text
        metric = 0
        tos = 0
    }
}

/// What a policy rule does (`FR_ACT_*`).
package enum RoutingAction: Sendable, Hashable {
    case lookup(RoutingTableID)
    case goto(UInt32)
    case nop, blackhole, unreachable, prohibit
}

/// A policy rule (`ip rule`).
package struct RoutingRule: Sendable, Hashable {
    package var family: AddressFamily
    /// Rules are consulted in ascending order.
    package var priority: UInt32
    package var isInverted = false
    package var from: IPPrefix?
    package var to: IPPrefix?
    package var inputDevice: String?
    package var outputDevice: String?
    package var mark: UInt32?
    package var markMask: UInt32 = .max
    package var tos: UInt8?
    package var ipProtocol: IPProtocol?
    package var sourcePorts: PortRange?
    package var destinationPorts: PortRange?
    package var userIDs: ClosedRange<UInt32>?
    package var suppressPrefixLength: Int?
    package var isL3MasterDevice = false
    package var action: RoutingAction
    package var source: SourceLine
    package var text: String

    package init(family: AddressFamily, priority: UInt32, action: RoutingAction, source: SourceLine, text: String) {
        self.family = family
        self.priority = priority
        self.action = action
        self.source = source
        self.text = text
    }
}

/// An entry of the neighbour table (`ip neigh`).
package struct Neighbor: Sendable, Hashable {
    package var address: IPAddress
    package var device: String
    package var mac: MACAddress?
    /// `REACHABLE`, `STALE`, `FAILED`, `INCOMPLETE`, `PERMANENT`, `NOARP`.
    package var states: [String]
    package var isProxy: Bool
    package var source: SourceLine
    package var text: String

    package init(
        address: IPAddress, device: String, mac: MACAddress?, states: [String], source: SourceLine, text: String
    ) {
        self.address = address
        self.device = device
        self.mac = mac
        self.states = states
        self.source = source
        self.text = text
        isProxy = false
    }
}

/// An entry of a bridge's or VXLAN device's forwarding database (`bridge fdb`).
package struct ForwardingEntry: Sendable, Hashable {
    package var mac: MACAddress
    package var device: String
    package var master: String?
    package var vlan: UInt16?
    /// VXLAN: the remote tunnel end.
    package var remote: IPAddress?
    package var remotePort: UInt16?
    package var vni: UInt32?
    package var isSelf: Bool
    package var isPermanent: Bool
    package var isLocal: Bool
    package var source: SourceLine
    package var text: String

    package init(mac: MACAddress, device: String, source: SourceLine, text: String) {
        self.mac = mac
        self.device = device
        self.source = source
        self.text = text
        isSelf = false
        isPermanent = false
        isLocal = false
    }
}

/// A sysctl's value as printed.
package struct Sysctl: Sendable, Hashable {
    package var value: String
    package var source: SourceLine
    package init(_ value: String, source: SourceLine) {
        self.value = value
        self.source = source
    }
}
