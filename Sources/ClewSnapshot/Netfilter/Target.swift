package import ClewNet

/// What a rule does with a packet it matches.
package enum Target: Sendable, Hashable, BitwiseCopyable {
    /// No `-j`: the rule counts, and the next one follows.
    case none
    case accept
    case drop
    case `return`
    case jump(ChainID)
    case goto(ChainID)
    case reject(RejectType)
    /// `mark = (mark & ~mask) ^ value`: every form of MARK comes down to it (`xt_mark.c`).
    case mark(value: UInt32, mask: UInt32)
    case connmark(PoolIndex<ConnmarkTarget>)
    /// DNAT to one IPv4 address; port 0 keeps the port.
    case dnat4(address: UInt32, port: UInt16)
    /// Every other form of DNAT, SNAT, REDIRECT, NETMAP and MASQUERADE.
    case nat(PoolIndex<NATTarget>)
    /// MASQUERADE without options.
    case masquerade
    /// `NOTRACK`, `CT --notrack`.
    case notrack
    /// `CT` with a zone, helper or timeout: the text says which.
    case conntrackAssign(PoolIndex<TextRange>)
    case tproxy(PoolIndex<TProxyTarget>)
    /// `TCPMSS --set-mss`; 0 is `--clamp-mss-to-pmtu`.
    case tcpMSS(UInt16)
    case timeToLive(TTLChange, UInt8)
    /// TOS and DSCP: `tos = (tos & ~mask) ^ value`.
    case tos(value: UInt8, mask: UInt8)
    /// `SET --add-set`, `--del-set`, `--map-set`.
    case set(PoolIndex<SetTarget>)
    /// LOG, NFLOG, TRACE, CHECKSUM, AUDIT, CLASSIFY, ULOG, RATEEST, LED, IDLETIMER …: the verdict is not changed and the next rule follows.
    case transparent(PoolIndex<TextRange>)
    /// NFQUEUE and QUEUE: a program decides.
    case queue(PoolIndex<TextRange>)
    /// A target whose effect is not modelled: the verdict is unknown.
    case unmodelled(PoolIndex<TextRange>)
    /// nft: look the packet up in a verdict map; no element: the next statement or rule follows.
    case verdictMap(PoolIndex<NftExpression>)
}

/// What a REJECT answers (`xt_reject`; `nft_reject.c`).
package enum RejectType: UInt8, Sendable, Hashable, BitwiseCopyable {
    case netUnreachable, hostUnreachable, protocolUnreachable, portUnreachable
    case netProhibited, hostProhibited, adminProhibited, tcpReset
    case noRoute, addressUnreachable, policyFail, rejectRoute

    /// What `--reject-with` calls it in that family.
    package func name(_ family: AddressFamily) -> String {
        switch (self, family) {
        case (.tcpReset, _): "tcp-reset"
        case (.portUnreachable, .ipv6): "icmp6-port-unreachable"
        case (.adminProhibited, .ipv6): "icmp6-adm-prohibited"
        case (.addressUnreachable, _), (.hostUnreachable, .ipv6): "icmp6-addr-unreachable"
        case (.noRoute, _), (.netUnreachable, .ipv6): "icmp6-no-route"
        case (.policyFail, _): "icmp6-policy-fail"
        case (.rejectRoute, _): "icmp6-reject-route"
        case (.netUnreachable, .ipv4): "icmp-net-unreachable"
        case (.hostUnreachable, .ipv4): "icmp-host-unreachable"
        case (.protocolUnreachable, _): "icmp-proto-unreachable"
        case (.portUnreachable, .ipv4): "icmp-port-unreachable"
        case (.netProhibited, _): "icmp-net-prohibited"
        case (.hostProhibited, _): "icmp-host-prohibited"
        case (.adminProhibited, .ipv4): "icmp-admin-prohibited"
        }
    }
}

package enum TTLChange: UInt8, Sendable, Hashable, BitwiseCopyable { case set, increment, decrement }

/// NAT with all it can say (`struct nf_nat_range2`).
package struct NATTarget: Sendable, Hashable {
    package enum Kind: UInt8, Sendable, Hashable { case destination, source, masquerade, redirect, netmap }
    package var kind: Kind
    /// `nil` keeps the address.
    ///
    /// For NETMAP the network, in ``netmask`` length.
    package var addresses: AddressRange?
    package var ports: PortRange?
    /// DNAT `--to-destination 10.0.0.1:100-200/300`: the port the range is shifted from.
    package var basePort: UInt16?
    /// NETMAP: the prefix length of the network.
    package var netmapLength: UInt8?
    package var isPersistent = false
    package var isRandom = false
    package var isFullyRandom = false

    /// `--random`, `--random-fully`: the kernel draws the port, or ICMP's identifier, by lot.
    package var choosesPort: Bool { isRandom || isFullyRandom }

    package init(kind: Kind, addresses: AddressRange? = nil, ports: PortRange? = nil) {
        self.kind = kind
        self.addresses = addresses
        self.ports = ports
    }
}

/// CONNMARK (`xt_connmark.c`).
package enum ConnmarkTarget: Sendable, Hashable {
    /// `ctmark = (ctmark & ~mask) ^ value`
    case set(value: UInt32, mask: UInt32)
    /// `ctmark = (ctmark & ~ctMask) ^ (mark & markMask)`
    case save(ctMask: UInt32, markMask: UInt32)
    /// `mark = (mark & ~markMask) ^ (ctmark & ctMask)`
    case restore(ctMask: UInt32, markMask: UInt32)
}

package struct SetTarget: Sendable, Hashable {
    package enum Action: UInt8, Sendable, Hashable { case add, delete, map }
    package var action: Action
    package var set: SetReference
    package init(action: Action, set: SetReference) {
        self.action = action
        self.set = set
    }
}

package struct TProxyTarget: Sendable, Hashable {
    package var address: IPAddress?
    package var port: UInt16
    package var markValue: UInt32
    package var markMask: UInt32
    package init(address: IPAddress?, port: UInt16, markValue: UInt32, markMask: UInt32) {
        self.address = address
        self.port = port
        self.markValue = markValue
        self.markMask = markMask
    }
}
