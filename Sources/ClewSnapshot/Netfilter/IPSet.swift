package import ClewBundle
package import ClewNet

/// A set of `ipset save` (man ipset).
package struct IPSet: Sendable {
    package var name: String
    /// As `create` names it: `hash:ip,port`, `bitmap:port`, `list:set`.
    package var type: String
    /// `nil`: the type has no family (`bitmap:*`, `list:set`).
    package var family: AddressFamily?
    package var source: SourceLine
    package var entries: [IPSetEntry]
    /// False where the type or an entry could not be read: looking up is unknown unless an entry matches.
    package var isComplete: Bool
    /// `timeout` was given at creation: entries leave by themselves.
    package var hasTimeout: Bool
    /// `netmask` or `bitmask` was given at creation: an element stands for more than its address.
    package var isMasked = false

    package init(
        name: String, type: String, family: AddressFamily?, source: SourceLine, entries: [IPSetEntry] = [],
        isComplete: Bool = true, hasTimeout: Bool = false
    ) {
        self.name = name
        self.type = type
        self.family = family
        self.source = source
        self.entries = entries
        self.isComplete = isComplete
        self.hasTimeout = hasTimeout
    }
}

/// An element: one part per dimension of its set's type.
package struct IPSetEntry: Sendable, Hashable {
    package var parts: [IPSetPart]
    package var noMatch: Bool
    package var source: SourceLine

    package init(parts: [IPSetPart], noMatch: Bool = false, source: SourceLine) {
        self.parts = parts
        self.noMatch = noMatch
        self.source = source
    }
}

package enum IPSetPart: Sendable, Hashable {
    /// An address, network or range of them.
    case addresses(AddressRange)
    /// `tcp:80`, `udp:100-200`, `icmp:echo-request` (port is type << 8 | code); protocol `nil`: bitmap:port, any.
    case port(IPProtocol?, PortRange)
    case mac(MACAddress)
    case mark(UInt32)
    /// `eth0`; `physdev:` when on a bridge port.
    case interface(String, isPhysical: Bool)
    /// list:set
    case set(String)
}
