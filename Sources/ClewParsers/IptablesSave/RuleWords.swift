/// A match module, as `-m` names it.
enum MatchModule: UInt8, Sendable {
    case none
    /// Not in this list, or one whose options are kept as text: its match is unknown.
    case generic
    case comment, transport, icmp, icmpv6, multiport, mark, connmark, conntrack, addressType, set, statistic, recent
    case limit, hashlimit, connlimit, quota
    case physdev, iprange, mac, length, packetType, reversePath, tcpMSS, nfacct, timeToLive, dscp, tos
    case extensionHeader, ipvs

    static let words = WordTable([
        ("comment", comment.rawValue), ("tcp", transport.rawValue), ("udp", transport.rawValue),
        ("sctp", transport.rawValue), ("dccp", transport.rawValue), ("udplite", transport.rawValue),
        ("icmp", icmp.rawValue), ("icmp6", icmpv6.rawValue), ("icmpv6", icmpv6.rawValue),
        ("ipv6-icmp", icmpv6.rawValue), ("multiport", multiport.rawValue), ("mark", mark.rawValue),
        ("connmark", connmark.rawValue), ("conntrack", conntrack.rawValue), ("state", conntrack.rawValue),
        ("addrtype", addressType.rawValue), ("set", set.rawValue), ("statistic", statistic.rawValue),
        ("recent", recent.rawValue), ("limit", limit.rawValue), ("hashlimit", hashlimit.rawValue),
        ("connlimit", connlimit.rawValue), ("quota", quota.rawValue), ("physdev", physdev.rawValue),
        ("iprange", iprange.rawValue), ("mac", mac.rawValue), ("length", length.rawValue),
        ("pkttype", packetType.rawValue), ("rpfilter", reversePath.rawValue), ("tcpmss", tcpMSS.rawValue),
        ("nfacct", nfacct.rawValue), ("ipvs", ipvs.rawValue), ("ttl", timeToLive.rawValue), ("hl", timeToLive.rawValue),
        ("dscp", dscp.rawValue), ("tos", tos.rawValue), ("ipv6header", extensionHeader.rawValue),
        ("frag", extensionHeader.rawValue), ("rt", extensionHeader.rawValue), ("hbh", extensionHeader.rawValue),
        ("dst", extensionHeader.rawValue), ("ah", extensionHeader.rawValue), ("esp", extensionHeader.rawValue),
    ])

    /// Whether all its options are kept as one text: every option that no other module owns belongs to it.
    var isText: Bool {
        switch self {
        case .generic, .limit, .hashlimit, .connlimit, .quota, .nfacct, .extensionHeader: true
        default: false
        }
    }
}

/// A long option of a match or of the rule itself.
enum MatchOption: UInt8, Sendable {
    case none
    case source, destination, protocolName, inputInterface, outputInterface, fragment, jump, goto, matchModule, table
    case append, counters
    case comment
    case sourcePort, destinationPort, tcpFlags, syn, tcpOption, icmpType, icmpv6Type
    case sourcePorts, destinationPorts, eitherPorts
    case mark, state, conntrackStatus, conntrackProtocol, originalSource, originalDestination, replySource
    case replyDestination, originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort
    case conntrackDirection
    case sourceType, destinationType, limitInterfaceIn, limitInterfaceOut
    case matchSet, returnNoMatch, updateCounters, setCounter
    case mode, probability, every, packet
    case recentSet, recentCheck, recentUpdate, recentRemove, seconds, hitCount, reap, recentTTL, recentName, recentMask
    case recentSource, recentDestination
    case physdevIn, physdevOut, physdevIsIn, physdevIsOut, physdevIsBridged
    case sourceRange, destinationRange, macSource, length, packetType
    case loose, validMark, acceptLocal, invert
    case mss, ttlEqual, ttlLess, ttlGreater, dscp, dscpClass, tos
    case ipv4Only, ipv6Only
    case virtual, virtualProtocol, virtualAddress, virtualPort, virtualDirection, virtualMethod, virtualControlPort

    static let words = WordTable(
        ([
            ("--source", source), ("--src", source), ("--destination", destination), ("--dst", destination),
            ("--protocol", protocolName), ("--proto", protocolName), ("--in-interface", inputInterface),
            ("--out-interface", outputInterface), ("--fragment", fragment), ("--fragments", fragment),
            ("--jump", jump), ("--goto", goto), ("--match", matchModule), ("--table", table), ("--append", append),
            ("--set-counters", counters), ("--comment", comment), ("--sport", sourcePort),
            ("--source-port", sourcePort), ("--dport", destinationPort), ("--destination-port", destinationPort),
            ("--tcp-flags", tcpFlags), ("--syn", syn), ("--tcp-option", tcpOption), ("--icmp-type", icmpType),
            ("--icmpv6-type", icmpv6Type), ("--sports", sourcePorts), ("--source-ports", sourcePorts),
            ("--dports", destinationPorts), ("--destination-ports", destinationPorts), ("--ports", eitherPorts),
            ("--mark", mark), ("--ctstate", state), ("--state", state), ("--ctstatus", conntrackStatus),
            ("--ctproto", conntrackProtocol), ("--ctorigsrc", originalSource), ("--ctorigdst", originalDestination),
            ("--ctreplsrc", replySource), ("--ctrepldst", replyDestination),
            ("--ctorigsrcport", originalSourcePort), ("--ctorigdstport", originalDestinationPort),
            ("--ctreplsrcport", replySourcePort), ("--ctrepldstport", replyDestinationPort),
            ("--ctdir", conntrackDirection), ("--src-type", sourceType), ("--dst-type", destinationType),
            ("--limit-iface-in", limitInterfaceIn), ("--limit-iface-out", limitInterfaceOut),
            ("--match-set", matchSet), ("--return-nomatch", returnNoMatch), ("--update-counters", updateCounters),
            ("--update-subcounters", updateCounters), ("--packets-eq", setCounter), ("--packets-lt", setCounter),
            ("--packets-gt", setCounter), ("--bytes-eq", setCounter), ("--bytes-lt", setCounter),
            ("--bytes-gt", setCounter), ("--mode", mode), ("--probability", probability), ("--every", every),
            ("--packet", packet), ("--set", recentSet), ("--rcheck", recentCheck), ("--update", recentUpdate),
            ("--remove", recentRemove), ("--seconds", seconds), ("--hitcount", hitCount), ("--reap", reap),
            ("--rttl", recentTTL), ("--name", recentName), ("--mask", recentMask), ("--rsource", recentSource),
            ("--rdest", recentDestination), ("--physdev-in", physdevIn), ("--physdev-out", physdevOut),
            ("--physdev-is-in", physdevIsIn), ("--physdev-is-out", physdevIsOut),
            ("--physdev-is-bridged", physdevIsBridged), ("--src-range", sourceRange),
            ("--dst-range", destinationRange), ("--mac-source", macSource), ("--length", length),
            ("--pkt-type", packetType), ("--loose", loose), ("--validmark", validMark),
            ("--accept-local", acceptLocal), ("--invert", invert), ("--mss", mss), ("--ttl-eq", ttlEqual),
            ("--ttl", ttlEqual), ("--ttl-lt", ttlLess), ("--ttl-gt", ttlGreater), ("--hl-eq", ttlEqual),
            ("--hl-lt", ttlLess), ("--hl-gt", ttlGreater), ("--dscp", dscp), ("--dscp-class", dscpClass),
            ("--tos", tos), ("--ipv4", ipv4Only), ("--ipv6", ipv6Only), ("--ipvs", virtual),
            ("--vproto", virtualProtocol),
            ("--vaddr", virtualAddress), ("--vport", virtualPort), ("--vdir", virtualDirection),
            ("--vmethod", virtualMethod), ("--vportctl", virtualControlPort),
        ] as [(String, MatchOption)]).map { ($0.0, $0.1.rawValue) })

    /// The module an option belongs to, which it loads where no `-m` did; `nil`: it belongs to the rule.
    var owner: MatchModule? {
        switch self {
        case .none, .source, .destination, .protocolName, .inputInterface, .outputInterface, .fragment, .jump, .goto,
            .matchModule, .table, .append, .counters, .ipv4Only, .ipv6Only:
            nil
        case .comment: .comment
        case .sourcePort, .destinationPort, .tcpFlags, .syn, .tcpOption: .transport
        case .icmpType: .icmp
        case .icmpv6Type: .icmpv6
        case .sourcePorts, .destinationPorts, .eitherPorts: .multiport
        case .mark: .mark
        case .state, .conntrackStatus, .conntrackProtocol, .originalSource, .originalDestination, .replySource,
            .replyDestination, .originalSourcePort, .originalDestinationPort, .replySourcePort,
            .replyDestinationPort, .conntrackDirection:
            .conntrack
        case .sourceType, .destinationType, .limitInterfaceIn, .limitInterfaceOut: .addressType
        case .matchSet, .returnNoMatch, .updateCounters, .setCounter: .set
        case .mode, .probability, .every, .packet: .statistic
        case .recentSet, .recentCheck, .recentUpdate, .recentRemove, .seconds, .hitCount, .reap, .recentTTL,
            .recentName, .recentMask, .recentSource, .recentDestination:
            .recent
        case .physdevIn, .physdevOut, .physdevIsIn, .physdevIsOut, .physdevIsBridged: .physdev
        case .sourceRange, .destinationRange: .iprange
        case .macSource: .mac
        case .length: .length
        case .packetType: .packetType
        case .loose, .validMark, .acceptLocal, .invert: .reversePath
        case .mss: .tcpMSS
        case .ttlEqual, .ttlLess, .ttlGreater: .timeToLive
        case .dscp, .dscpClass: .dscp
        case .tos: .tos
        case .virtual, .virtualProtocol, .virtualAddress, .virtualPort, .virtualDirection, .virtualMethod,
            .virtualControlPort:
            .ipvs
        }
    }
}

/// A target that is not a chain.
enum TargetWord: UInt8, Sendable {
    case none
    case accept, drop, `return`, queue
    case reject, mark, connmark, dnat, snat, masquerade, redirect, netmap, notrack, ct, tproxy, tcpMSS, ttl, tos, dscp
    case set, transparent, nfqueue, unmodelled

    static let words = WordTable(
        [
            ("ACCEPT", accept.rawValue), ("DROP", drop.rawValue), ("RETURN", Self.return.rawValue),
            ("QUEUE", queue.rawValue), ("REJECT", reject.rawValue), ("MARK", mark.rawValue),
            ("CONNMARK", connmark.rawValue), ("DNAT", dnat.rawValue), ("SNAT", snat.rawValue),
            ("MASQUERADE", masquerade.rawValue), ("REDIRECT", redirect.rawValue), ("NETMAP", netmap.rawValue),
            ("NOTRACK", notrack.rawValue), ("CT", ct.rawValue), ("TPROXY", tproxy.rawValue),
            ("TCPMSS", tcpMSS.rawValue), ("TTL", ttl.rawValue), ("HL", ttl.rawValue), ("TOS", tos.rawValue),
            ("DSCP", dscp.rawValue), ("SET", set.rawValue), ("NFQUEUE", nfqueue.rawValue),
        ]
            + [
                "LOG", "NFLOG", "TRACE", "CHECKSUM", "AUDIT", "CLASSIFY", "ULOG", "RATEEST", "LED", "IDLETIMER",
                "SECMARK", "CONNSECMARK", "ECN", "TEE", "TCPOPTSTRIP",
            ].map { ($0, transparent.rawValue) }
            + [
                "CLUSTERIP", "DNPT", "SNPT", "HMARK", "MIRROR", "SAME", "SYNPROXY", "BALANCE", "FLOWOFFLOAD",
                "FULLCONENAT", "TARPIT", "STEAL", "RAWDNAT", "RAWSNAT", "ACCOUNT", "DELUDE", "CHAOS", "ECHO", "IPMARK",
                "LOGMARK", "SYSRQ", "ROUTE", "NFT", "PROTO",
            ].map { ($0, unmodelled.rawValue) })

    /// Whether its options are kept as text only.
    var isText: Bool { self == .transparent || self == .nfqueue || self == .unmodelled || self == .queue }
}

/// An option behind `-j`.
enum TargetOption: UInt8, Sendable {
    case none
    case rejectWith, setXmark, setMark, andMark, orMark, xorMark, saveMark, restoreMark, mask, nfMask, ctMask
    case toDestination, toSource, toPorts, to, random, fullyRandom, persistent
    case notrack, onPort, onAddress, tproxyMark, setMSS, clampMSS, ttlSet, ttlDecrement, ttlIncrement
    case setTOS, andTOS, orTOS, xorTOS, setDSCP, setDSCPClass, addSet, deleteSet, mapSet, exist, otherSetOption

    static let words = WordTable(
        ([
            ("--reject-with", rejectWith), ("--set-xmark", setXmark), ("--set-mark", setMark),
            ("--and-mark", andMark), ("--or-mark", orMark), ("--xor-mark", xorMark), ("--save-mark", saveMark),
            ("--restore-mark", restoreMark), ("--mask", mask), ("--nfmask", nfMask), ("--ctmask", ctMask),
            ("--to-destination", toDestination), ("--to-source", toSource), ("--to-ports", toPorts),
            ("--to-port", toPorts), ("--to", to), ("--random", random), ("--random-fully", fullyRandom),
            ("--persistent", persistent), ("--notrack", notrack), ("--on-port", onPort), ("--on-ip", onAddress),
            ("--tproxy-mark", tproxyMark), ("--set-mss", setMSS), ("--clamp-mss-to-pmtu", clampMSS),
            ("--ttl-set", ttlSet), ("--ttl-dec", ttlDecrement), ("--ttl-inc", ttlIncrement), ("--hl-set", ttlSet),
            ("--hl-dec", ttlDecrement), ("--hl-inc", ttlIncrement), ("--set-tos", setTOS), ("--and-tos", andTOS),
            ("--or-tos", orTOS), ("--xor-tos", xorTOS), ("--set-dscp", setDSCP), ("--set-dscp-class", setDSCPClass),
            ("--add-set", addSet), ("--del-set", deleteSet), ("--map-set", mapSet), ("--exist", exist),
            ("--timeout", otherSetOption), ("--map-mark", otherSetOption), ("--map-prio", otherSetOption),
            ("--map-queue", otherSetOption),
        ] as [(String, TargetOption)]).map { ($0.0, $0.1.rawValue) })
}
