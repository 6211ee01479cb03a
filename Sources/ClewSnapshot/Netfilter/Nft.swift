package import ClewNet

/// A field that nf_tables can load into a register.
///
/// An address is an ``NftValue/address(_:)``, an interface an ``NftValue/name(_:)``, all else a number: ports,
/// protocols, marks and lengths are themselves; `family` is ``AddressFamily``'s raw value, `conntrackState`
/// ``ConntrackStates``' (exactly one bit is set in a packet's value), the address types ``AddressTypes``'
/// (one bit); `conntrackStatus` has the kernel's `IPS_*` bits (expected 1, seen-reply 2, assured 4, confirmed 8,
/// snat 16, dnat 32); `conntrackDirection` is 0 for original, 1 for reply; `dscp` are the upper six bits of the
/// traffic class; `tcpFlags` the flag byte of the header.
package enum NftField: UInt8, Sendable, Hashable {
    case family, ipProtocol, sourceAddress, destinationAddress, sourcePort, destinationPort
    case inputInterface, outputInterface, mark, conntrackMark, conntrackState, conntrackStatus, conntrackDirection
    case conntrackOriginalSource, conntrackOriginalDestination, conntrackOriginalSourcePort
    case conntrackOriginalDestinationPort, conntrackReplySource, conntrackReplyDestination
    case sourceAddressType, destinationAddressType
    /// `fib daddr . iif type` and the like.
    case destinationAddressTypeOnInput
    case randomNumber
    case incrementalNumber
    case packetLength, timeToLive, dscp, icmpType, icmpCode, tcpFlags
}

/// A value an nft expression compares with or a map yields: a number, an address or a name.
package enum NftValue: Sendable, Hashable {
    case number(UInt64)
    case address(IPAddress)
    case name(String)
}

/// A set of values for one field: one value is a range of itself.
package struct NftRange: Sendable, Hashable {
    package var first: NftValue
    package var last: NftValue
    package init(_ first: NftValue, _ last: NftValue) {
        self.first = first
        self.last = last
    }
    package init(_ value: NftValue) { self.init(value, value) }
}

/// One element of a set or map: a range for each concatenated field.
package struct NftElement: Sendable, Hashable {
    package var key: [NftRange]
    package var data: NftData?
    /// nft text or JSON this was read from begins in that line.
    package var line: UInt32
    package init(key: [NftRange], data: NftData? = nil, line: UInt32) {
        self.key = key
        self.data = data
        self.line = line
    }
}

/// What a map yields.
package enum NftData: Sendable, Hashable {
    case accept, drop, `return`, `continue`
    case jump(ChainID)
    case goto(ChainID)
    case values([NftValue])
    case unmodelled(String)
}

/// A named or anonymous set or map.
package struct NftSet: Sendable {
    package var name: String
    package var table: TableID
    /// A timeout, `dynamic` or `update`: its content changes with the traffic.
    package var isDynamic: Bool
    package var elements: [NftElement]
    /// The `*` element of a map.
    package var catchAll: NftData?
    /// False where elements could not all be read: a look-up that finds nothing is unknown.
    package var isComplete: Bool
    package var line: UInt32

    package init(
        name: String, table: TableID, isDynamic: Bool = false, elements: [NftElement] = [], catchAll: NftData? = nil,
        isComplete: Bool = true, line: UInt32
    ) {
        self.name = name
        self.table = table
        self.isDynamic = isDynamic
        self.elements = elements
        self.catchAll = catchAll
        self.isComplete = isComplete
        self.line = line
    }
}

/// An nft expression that has no iptables form.
///
/// ``compare(_:mask:_:_:)`` and ``lookup(_:masks:set:)`` are matches (`MatchTest.nft`); all others act, as
/// `Target.verdictMap`: the maps where an element is found, and ``dynamicUpdate(set:)`` never changes the verdict.
/// What the protocol or family of a field asks for (`tcp dport`, `ip saddr` in an inet table) stands in matches of
/// their own before it. A mask of an IPv4 address covers its 32 bits.
package enum NftExpression: Sendable, Hashable {
    /// `(field & mask) OP value`; the mask is for numbers.
    case compare(NftField, mask: UInt64?, Comparison, NftRange)
    /// Fields, concatenated, looked up in ``RuleSet/nftSets``.
    case lookup([NftField], masks: [UInt64?], set: Int)
    /// `vmap`: the verdict of the element found.
    case verdictMap([NftField], masks: [UInt64?], set: Int)
    /// `numgen random mod N vmap`: element `k` of `modulus` each with equal probability, from `offset` on.
    case numberVerdictMap(modulus: UInt32, offset: UInt32, isRandom: Bool, set: Int)
    /// `dnat to ip daddr . th dport map @set`: NAT to what the map yields: an address, then maybe a port.
    case natMap(NATTarget.Kind, [NftField], set: Int)
    /// `dnat to numgen random mod N map {…}`.
    case numberNATMap(NATTarget.Kind, modulus: UInt32, offset: UInt32, isRandom: Bool, set: Int)
    /// `update @set {…}`, `add @set {…}`: as a statement it only remembers.
    case dynamicUpdate(set: Int)
}
