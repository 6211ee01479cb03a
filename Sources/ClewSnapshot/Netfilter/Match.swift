package import ClewNet

/// One condition of a rule.
package struct Match: Sendable, Hashable, BitwiseCopyable {
    package var test: MatchTest
    /// `!`: the rule matches where the test does not.
    package var isNegated: Bool
    /// `-m conntrack`: the same `-m` asks for `--ctstate` too, which alone then decides of packets without an entry.
    package var isBesideState = false

    package init(_ test: MatchTest, negated: Bool = false) {
        self.test = test
        isNegated = negated
    }
}

/// What a match looks at.
///
/// Payloads are at most 8 bytes; larger ones lie in the pools of ``RuleSet``.
package enum MatchTest: Sendable, Hashable, BitwiseCopyable {
    /// `-s`, IPv4: `address & mask == value`.
    case source4(value: UInt32, mask: UInt32)
    /// `-d`, IPv4.
    case destination4(value: UInt32, mask: UInt32)
    /// `-s`, IPv6.
    case source(PoolIndex<MaskedAddress>)
    case destination(PoolIndex<MaskedAddress>)
    /// `-m iprange`
    case sourceRange(PoolIndex<AddressRange>)
    case destinationRange(PoolIndex<AddressRange>)
    case inputInterface(InterfacePattern)
    case outputInterface(InterfacePattern)
    /// `-p`; `-p all` is no match at all.
    case ipProtocol(IPProtocol)
    /// nft `meta nfproto`.
    case family(AddressFamily)
    /// `--sport`; the protocol stands in a match of its own.
    case sourcePort(PortRange)
    case destinationPort(PortRange)
    case multiport(MultiportSide, PoolIndex<PortList>)
    /// `--tcp-flags mask compare`; `--syn` is `FIN,SYN,RST,ACK SYN`.
    case tcpFlags(mask: UInt8, compare: UInt8)
    case tcpOption(UInt8)
    /// `--icmp-type` and `--icmpv6-type`: type 255 is any.
    case icmp(type: UInt8, firstCode: UInt8, lastCode: UInt8)
    /// `mark & mask == value`.
    case mark(value: UInt32, mask: UInt32)
    case connmark(value: UInt32, mask: UInt32)
    /// `--ctstate`, `--state`.
    case conntrackState(ConntrackStates)
    /// `--ctstatus`
    case conntrackStatus(ConntrackStatus)
    case conntrackProtocol(IPProtocol)
    /// `--ctorigsrc` …: an address of the entry's original or reply tuple.
    case conntrackAddress(ConntrackField, PoolIndex<MaskedAddress>)
    /// `--ctorigdstport` …
    case conntrackPort(ConntrackField, PortRange)
    /// `--ctdir`
    case conntrackDirection(isReply: Bool)
    case addressType(PoolIndex<AddressTypeMatch>)
    case set(PoolIndex<SetReference>)
    /// `-m statistic --mode random`: matches with probability `threshold / 2³¹` (`xt_statistic.c`).
    case random(threshold: UInt32)
    /// `-m statistic --mode nth`: one packet of `every`, beginning with number `first`.
    case nth(every: UInt32, first: UInt32)
    /// `recent`, `limit`, `hashlimit`, `connlimit`, `quota`: depends on what came before.
    case stateful(PoolIndex<StatefulMatch>)
    case physicalDevice(PoolIndex<PhysicalDeviceMatch>)
    case ipvs(PoolIndex<IPVSMatch>)
    case sourceMAC(PoolIndex<MACAddress>)
    /// `-m length`: the IP packet's total length in bytes.
    case length(PortRange)
    case packetType(PacketType)
    case reversePath(ReversePathOptions)
    /// `-m tcpmss`: TCP SYN with that option.
    case tcpMSS(PortRange)
    /// `-m ttl`, `-m hl`.
    case timeToLive(Comparison, UInt8)
    case dscp(UInt8)
    case tos(value: UInt8, mask: UInt8)
    /// `-f`: second and further fragments. A traced packet is whole.
    case fragment
    /// IPv6 extension headers (`ipv6header`, `frag`, `rt`, `hbh`, `dst`, `ah`, `esp`); a traced packet has none.
    case extensionHeader(PoolIndex<TextRange>)
    /// Holds for every packet: `-m nfacct`, which only counts.
    case always(PoolIndex<TextRange>)
    /// Read, but its meaning is not modelled: `socket`, `owner`, `cgroup`, `u32`, `bpf`, `time`, `string` …
    case unmodelled(PoolIndex<TextRange>)
    /// An expression that only nf_tables has.
    case nft(PoolIndex<NftExpression>)
}

/// An interface name, or with a trailing `+` the beginning of one.
package struct InterfacePattern: Sendable, Hashable, BitwiseCopyable {
    package var name: NameID
    package var isPrefix: Bool

    package init(name: NameID, isPrefix: Bool) {
        self.name = name
        self.isPrefix = isPrefix
    }
}

package enum MultiportSide: UInt8, Sendable, Hashable, BitwiseCopyable {
    case source, destination, either
}

/// A tuple's field, seen from the direction the connection began in.
package enum ConntrackField: UInt8, Sendable, Hashable, BitwiseCopyable {
    case originalSource, originalDestination, replySource, replyDestination
}

package enum Comparison: UInt8, Sendable, Hashable, BitwiseCopyable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// Packet types by link-layer destination (`linux/if_packet.h`).
package enum PacketType: UInt8, Sendable, Hashable, BitwiseCopyable {
    case unicast, broadcast, multicast
}

/// `enum ip_conntrack_info` and the NAT bits, as `--ctstate` names them (`xt_conntrack.h`).
package struct ConntrackStates: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let invalid = Self(rawValue: 1)
    package static let new = Self(rawValue: 2)
    package static let related = Self(rawValue: 4)
    package static let established = Self(rawValue: 8)
    package static let untracked = Self(rawValue: 16)
    package static let snat = Self(rawValue: 32)
    package static let dnat = Self(rawValue: 64)
}

/// `enum ip_conntrack_status`, as `--ctstatus` names it; `none` is the empty status.
package struct ConntrackStatus: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let expected = Self(rawValue: 1)
    package static let seenReply = Self(rawValue: 2)
    package static let assured = Self(rawValue: 4)
    package static let confirmed = Self(rawValue: 8)
    package static let none = Self(rawValue: 128)
}

/// Types of addresses (`RTN_*` of `rtnetlink.h`), as `-m addrtype` names them.
package struct AddressTypes: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let unspec = Self(rawValue: 1)
    package static let unicast = Self(rawValue: 2)
    package static let local = Self(rawValue: 4)
    package static let broadcast = Self(rawValue: 8)
    package static let anycast = Self(rawValue: 16)
    package static let multicast = Self(rawValue: 32)
    package static let blackhole = Self(rawValue: 64)
    package static let unreachable = Self(rawValue: 128)
    package static let prohibit = Self(rawValue: 256)
    package static let `throw` = Self(rawValue: 512)
    package static let nat = Self(rawValue: 1024)
    package static let xresolve = Self(rawValue: 2048)
}

/// `-m addrtype`.
package struct AddressTypeMatch: Sendable, Hashable, BitwiseCopyable {
    package var source: AddressTypes?
    package var sourceNegated = false
    package var destination: AddressTypes?
    package var destinationNegated = false
    package var limitToInputInterface = false
    package var limitToOutputInterface = false
    package init() {}
}

/// `-m rpfilter`.
package struct ReversePathOptions: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let loose = Self(rawValue: 1)
    package static let validMark = Self(rawValue: 2)
    package static let acceptLocal = Self(rawValue: 4)
    package static let invert = Self(rawValue: 8)
}

/// A closed range of addresses.
package struct AddressRange: Sendable, Hashable, BitwiseCopyable {
    package var first: IPAddress
    package var last: IPAddress

    package init(_ first: IPAddress, _ last: IPAddress) {
        self.first = first
        self.last = last
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == first.family && first <= address && address <= last
    }
}

/// The ports of `-m multiport`, at most 15.
package struct PortList: Sendable, Hashable {
    package var ranges: [PortRange]
    package init(_ ranges: [PortRange]) { self.ranges = ranges }
    package func contains(_ port: UInt16) -> Bool { ranges.contains { $0.contains(port) } }
}

/// `-m set --match-set NAME src,dst`.
package struct SetReference: Sendable, Hashable {
    package var name: NameID
    /// One per dimension: true is `src`.
    package var usesSource: [Bool]
    package var returnNoMatch = false
    /// `--packets-eq` and its like, `--update-counters`: kept as text; a comparison of counters is unknown.
    package var comparesCounters = false
    package init(name: NameID, usesSource: [Bool]) {
        self.name = name
        self.usesSource = usesSource
    }
}

/// A match that depends on packets before this one.
package struct StatefulMatch: Sendable, Hashable {
    package enum Kind: UInt8, Sendable, Hashable { case recent, limit, hashlimit, connlimit, quota, other }
    package var kind: Kind
    /// recent: `--set`, `--rcheck`, `--update`, `--remove`.
    package var recentAction: RecentAction?
    /// recent: the list's name, the file under `/proc/net/xt_recent`.
    package var listName: NameID?
    /// recent: looks the source address up (`--rsource`, the default), else the destination.
    package var usesSource = true
    /// recent: `--seconds`, `nil` when any age will do.
    package var seconds: UInt32?
    package var hitCount: UInt32?
    /// recent: `--mask`; `nil` where it keeps every bit.
    package var recentMask: IPAddress?
    /// Whether the match holds below the limit: connlimit `--connlimit-upto`, not `--connlimit-above`; hashlimit alike.
    package var matchesBelowLimit = true
    package var text: TextRange

    package init(kind: Kind, text: TextRange) {
        self.kind = kind
        self.text = text
    }
}

package enum RecentAction: UInt8, Sendable, Hashable { case set, check, update, remove }

/// `-m physdev`: the bridge ports a packet uses.
package struct PhysicalDeviceMatch: Sendable, Hashable {
    package var input: InterfacePattern?
    package var inputNegated = false
    package var output: InterfacePattern?
    package var outputNegated = false
    /// `--physdev-is-in` …: `nil` when not asked, else the value asked for.
    package var isIn: Bool?
    package var isOut: Bool?
    package var isBridged: Bool?
    package init() {}
}

/// `-m ipvs`: whether IPVS has handled a packet, and of which connection (`xt_ipvs.h`).
///
/// Every option but `--ipvs` asks for such a packet too, even where it is negated.
package struct IPVSMatch: Sendable, Hashable {
    /// A value asked for, or refused with `!`.
    package struct Condition<Value: Sendable & Hashable>: Sendable, Hashable {
        package var value: Value
        package var isNegated: Bool
        package init(_ value: Value, negated: Bool) {
            self.value = value
            isNegated = negated
        }
    }

    /// `--ipvs`: the value asked for; `nil` when not asked.
    package var isHandled: Bool?
    /// `--vproto`, `--vaddr`, `--vport`: of the virtual server.
    package var ipProtocol: Condition<IPProtocol>?
    package var address: Condition<MaskedAddress>?
    package var port: Condition<UInt16>?
    /// `--vdir`.
    package var isReply: Bool?
    /// `--vmethod`.
    package var method: Condition<ForwardingMethod>?
    /// `--vportctl`: the virtual port of the connection that this one belongs to, as with FTP.
    package var controlPort: Condition<UInt16>?
    package init() {}
}
