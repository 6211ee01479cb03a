import ClewNet
import ClewSnapshot

/// The type of a value in nft (`src/datatype.c`), as far as its symbols matter here.
enum NftDatatype: Sendable, Hashable {
    case ipv4, ipv6
    case ipProtocol, port, interface
    /// A plain number: marks, lengths, generated numbers.
    case number
    case conntrackState, conntrackStatus, conntrackDirection
    case addressType, family, etherType
    case icmpType, icmpv6Type, icmpCode, icmpv6Code
    case tcpFlags, dscp
    case verdict
    /// A type whose values are not read.
    case other

    /// Reads a type of a set: `ipv4_addr`.
    init(name: String) {
        self = Self.names[name] ?? .other
    }

    private static let names: [String: NftDatatype] = [
        "ipv4_addr": .ipv4, "ipv6_addr": .ipv6, "inet_proto": .ipProtocol, "inet_service": .port,
        "ifname": .interface, "iface_index": .interface, "mark": .number, "integer": .number,
        "ct_state": .conntrackState, "ct_status": .conntrackStatus, "ct_dir": .conntrackDirection,
        "fib_addrtype": .addressType, "nf_proto": .family, "ether_type": .etherType, "icmp_type": .icmpType,
        "icmpv6_type": .icmpv6Type, "icmp_code": .icmpCode, "icmpv6_code": .icmpv6Code, "tcp_flag": .tcpFlags,
        "dscp": .dscp, "verdict": .verdict,
    ]

    /// The value of a word, `nil` where it has none that is known.
    func value(_ word: String) -> NftValue? {
        switch self {
        case .ipv4: return IPAddress(word).flatMap { $0.family == .ipv4 ? .address($0) : nil }
        case .ipv6: return IPAddress(word).flatMap { $0.family == .ipv6 ? .address($0) : nil }
        case .interface:
            // An index names no interface, and a wildcard more than one.
            return word.hasSuffix("*") || self == .interface && word.allSatisfy(\.isNumber) ? nil : .name(word)
        case .ipProtocol: return IPProtocol(name: word).map { .number(UInt64($0.rawValue)) }
        case .port: return (Self.number(word) ?? Self.services[word]).flatMap { $0 < 65536 ? .number($0) : nil }
        case .verdict, .other: return nil
        case .etherType:
            return Self.symbols[self]?[word].map(NftValue.number)
                ?? Self.number(word).flatMap { $0 == 0x800 ? .number(4) : $0 == 0x86DD ? .number(6) : nil }
        case .family:
            return Self.symbols[self]?[word].map(NftValue.number)
                ?? Self.number(word).flatMap { $0 == 2 ? .number(4) : $0 == 10 ? .number(6) : nil }
        case .number, .conntrackState, .conntrackStatus, .conntrackDirection, .addressType, .icmpType, .icmpv6Type,
            .icmpCode, .icmpv6Code, .tcpFlags, .dscp:
            if let number = Self.symbols[self]?[word] { return .number(number) }
            // The numbers of these are nft's, not ours.
            if self == .conntrackState || self == .addressType { return nil }
            return Self.number(word).map(NftValue.number)
        }
    }

    /// Whether nft compares it bit by bit when no operator stands there.
    var isBitmask: Bool {
        switch self {
        case .conntrackState, .conntrackStatus, .tcpFlags: true
        default: false
        }
    }

    /// A decimal or hexadecimal number.
    static func number(_ word: String) -> UInt64? {
        word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
    }

    private static let services: [String: UInt64] = [
        "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
        "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ntp": 123, "netbios-ns": 137,
        "netbios-dgm": 138, "netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161, "bgp": 179, "ldap": 389,
        "https": 443, "microsoft-ds": 445, "isakmp": 500, "syslog": 514, "dhcpv6-client": 546, "dhcpv6-server": 547,
        "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995, "nfs": 2049, "mysql": 3306, "rdp": 3389,
        "ipsec-nat-t": 4500, "mdns": 5353, "postgresql": 5432, "http-alt": 8080,
    ]

    private static let symbols: [NftDatatype: [String: UInt64]] = [
        .conntrackState: [
            "invalid": UInt64(ConntrackStates.invalid.rawValue), "new": UInt64(ConntrackStates.new.rawValue),
            "related": UInt64(ConntrackStates.related.rawValue),
            "established": UInt64(ConntrackStates.established.rawValue),
            "untracked": UInt64(ConntrackStates.untracked.rawValue),
        ],
        .conntrackStatus: [
            "expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512,
        ],
        .conntrackDirection: ["original": 0, "reply": 1],
        .addressType: [
            "unspec": 1, "unicast": 2, "local": 4, "broadcast": 8, "anycast": 16, "multicast": 32, "blackhole": 64,
            "unreachable": 128, "prohibit": 256,
        ],
        .family: ["ipv4": 4, "ipv6": 6],
        .etherType: ["ip": 4, "ip6": 6],
        .icmpType: [
            "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
            "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
            "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
            "address-mask-request": 17, "address-mask-reply": 18,
        ],
        .icmpv6Type: [
            "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
            "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
            "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
            "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
            "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
        ],
        .icmpCode: [
            "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3,
            "frag-needed": 4, "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
        ],
        .icmpv6Code: [
            "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5,
            "reject-route": 6,
        ],
        .tcpFlags: ["fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128],
        .dscp: [
            "cs0": 0, "df": 0, "be": 0, "lephb": 1, "cs1": 8, "af11": 10, "af12": 12, "af13": 14, "cs2": 16,
            "af21": 18, "af22": 20, "af23": 22, "cs3": 24, "af31": 26, "af32": 28, "af33": 30, "cs4": 32, "af41": 34,
            "af42": 36, "af43": 38, "cs5": 40, "va": 44, "ef": 46, "cs6": 48, "cs7": 56,
        ],
    ]
}

extension NftDatatype {
    /// What a value, prefix or range of this type covers.
    func range(_ node: NftNode) -> NftRange? {
        switch node {
        case .word(let word): return value(word).map(NftRange.init)
        case .prefix(.word(let word), let length):
            guard case .address(let address)? = value(word), let prefix = IPPrefix(address, length: length) else {
                return nil
            }
            return NftRange(.address(prefix.network.address), .address(prefix.last))
        case .range(.word(let first), .word(let last)):
            guard let first = value(first), let last = value(last) else { return nil }
            return NftRange(first, last)
        case .list, .binary:
            return constant(node).map { NftRange(.number($0)) }
        default: return nil
        }
    }

    /// The number that a symbol, or symbols joined by commas and bit operators, stand for.
    func constant(_ node: NftNode) -> UInt64? {
        switch node {
        case .word(let word):
            guard case .number(let number)? = value(word) else { return nil }
            return number
        case .list(let nodes):
            var result: UInt64 = 0
            for node in nodes {
                guard let bits = constant(node) else { return nil }
                result |= bits
            }
            return result
        case .binary(let operation, let left, let right):
            guard let left = constant(left), let right = constant(right) else { return nil }
            switch operation {
            case .and: return left & right
            case .or: return left | right
            case .xor: return left ^ right
            case .shiftLeft: return right < 64 ? left << right : 0
            case .shiftRight: return right < 64 ? left >> right : 0
            }
        default: return nil
        }
    }
}

/// What nf_tables loads for a selector.
struct NftColumn: Sendable {
    /// `nil`: there is no field for it, and only some comparisons are modelled.
    var field: NftField?
    var type: NftDatatype
    /// The family that a packet must have for it to be loaded.
    var family: AddressFamily?
    /// The protocol likewise.
    var transport: IPProtocol?

    init(_ field: NftField?, _ type: NftDatatype, _ family: AddressFamily? = nil, _ transport: IPProtocol? = nil) {
        self.field = field
        self.type = type
        self.family = family
        self.transport = transport
    }

    static func named(_ selector: String) -> NftColumn? { all[selector] }

    private static let all: [String: NftColumn] = {
        var all: [String: NftColumn] = [
            "ip saddr": NftColumn(.sourceAddress, .ipv4, .ipv4),
            "ip daddr": NftColumn(.destinationAddress, .ipv4, .ipv4),
            "ip6 saddr": NftColumn(.sourceAddress, .ipv6, .ipv6),
            "ip6 daddr": NftColumn(.destinationAddress, .ipv6, .ipv6),
            "ip protocol": NftColumn(.ipProtocol, .ipProtocol, .ipv4),
            // A traced packet has no extension headers.
            "ip6 nexthdr": NftColumn(.ipProtocol, .ipProtocol, .ipv6),
            "meta l4proto": NftColumn(.ipProtocol, .ipProtocol),
            "meta nfproto": NftColumn(.family, .family),
            "meta protocol": NftColumn(.family, .etherType),
            "meta mark": NftColumn(.mark, .number),
            "meta iifname": NftColumn(.inputInterface, .interface),
            "meta oifname": NftColumn(.outputInterface, .interface),
            "meta iif": NftColumn(.inputInterface, .interface),
            "meta oif": NftColumn(.outputInterface, .interface),
            "meta length": NftColumn(.packetLength, .number),
            "ip length": NftColumn(.packetLength, .number, .ipv4),
            "ip ttl": NftColumn(.timeToLive, .number, .ipv4),
            "ip6 hoplimit": NftColumn(.timeToLive, .number, .ipv6),
            "ip dscp": NftColumn(.dscp, .dscp, .ipv4),
            "ip6 dscp": NftColumn(.dscp, .dscp, .ipv6),
            "icmp type": NftColumn(.icmpType, .icmpType, .ipv4, .icmp),
            "icmp code": NftColumn(.icmpCode, .icmpCode, .ipv4, .icmp),
            "icmpv6 type": NftColumn(.icmpType, .icmpv6Type, .ipv6, .icmpv6),
            "icmpv6 code": NftColumn(.icmpCode, .icmpv6Code, .ipv6, .icmpv6),
            "tcp flags": NftColumn(.tcpFlags, .tcpFlags, nil, .tcp),
            "ct state": NftColumn(.conntrackState, .conntrackState),
            "ct status": NftColumn(.conntrackStatus, .conntrackStatus),
            "ct direction": NftColumn(.conntrackDirection, .conntrackDirection),
            "ct mark": NftColumn(.conntrackMark, .number),
            "ct protocol": NftColumn(nil, .ipProtocol),
            "ct original protocol": NftColumn(nil, .ipProtocol),
            "ct original ip saddr": NftColumn(.conntrackOriginalSource, .ipv4, .ipv4),
            "ct original ip daddr": NftColumn(.conntrackOriginalDestination, .ipv4, .ipv4),
            "ct original ip6 saddr": NftColumn(.conntrackOriginalSource, .ipv6, .ipv6),
            "ct original ip6 daddr": NftColumn(.conntrackOriginalDestination, .ipv6, .ipv6),
            "ct reply ip saddr": NftColumn(.conntrackReplySource, .ipv4, .ipv4),
            "ct reply ip daddr": NftColumn(.conntrackReplyDestination, .ipv4, .ipv4),
            "ct reply ip6 saddr": NftColumn(.conntrackReplySource, .ipv6, .ipv6),
            "ct reply ip6 daddr": NftColumn(.conntrackReplyDestination, .ipv6, .ipv6),
            "ct original proto-src": NftColumn(.conntrackOriginalSourcePort, .port),
            "ct original proto-dst": NftColumn(.conntrackOriginalDestinationPort, .port),
            "ct reply proto-src": NftColumn(nil, .port),
            "ct reply proto-dst": NftColumn(nil, .port),
            "fib saddr type": NftColumn(.sourceAddressType, .addressType),
            "fib daddr type": NftColumn(.destinationAddressType, .addressType),
            "fib daddr . iif type": NftColumn(.destinationAddressTypeOnInput, .addressType),
            "th sport": NftColumn(.sourcePort, .port),
            "th dport": NftColumn(.destinationPort, .port),
        ]
        let transports: [(String, IPProtocol)] = [
            ("tcp", .tcp), ("udp", .udp), ("sctp", .sctp), ("dccp", IPProtocol(rawValue: 33)),
            ("udplite", IPProtocol(rawValue: 136)),
        ]
        for (name, transport) in transports {
            all[name + " sport"] = NftColumn(.sourcePort, .port, nil, transport)
            all[name + " dport"] = NftColumn(.destinationPort, .port, nil, transport)
        }
        return all
    }()
}
