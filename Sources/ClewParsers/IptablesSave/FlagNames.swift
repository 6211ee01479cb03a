import ClewNet
import ClewSnapshot

/// Lists of names that stand for bits.
enum FlagNames {
    /// The union of the names, parted by commas; `nil` if one is not known.
    private static func union(
        _ text: ByteText, _ start: Int, _ end: Int, _ bits: (String) -> UInt16?
    ) -> UInt16? {
        guard start < end, end - start < 256 else { return nil }
        var result: UInt16 = 0
        for name in text.string(start, end).uppercased().split(separator: ",", omittingEmptySubsequences: false) {
            guard let bit = bits(String(name)) else { return nil }
            result |= bit
        }
        return result
    }

    static func conntrackStates(_ text: ByteText, _ start: Int, _ end: Int) -> ConntrackStates? {
        switch (text.word(at: start, length: end - start), end - start) {
        case (0x57_454E, 3): return .new
        case (0x44_4554_414C_4552, 7): return .related
        default: break
        }
        let bits = union(text, start, end) { name in
            conntrackStateNames.first { $0.0 == name }.map { UInt16($0.1.rawValue) }
        }
        return bits.map { ConntrackStates(rawValue: UInt8($0)) }
    }

    /// In the order `--ctstate` prints them.
    static let conntrackStateNames: [(String, ConntrackStates)] = [
        ("INVALID", .invalid), ("NEW", .new), ("RELATED", .related), ("ESTABLISHED", .established),
        ("UNTRACKED", .untracked), ("SNAT", .snat), ("DNAT", .dnat),
    ]

    static func conntrackStatus(_ text: ByteText, _ start: Int, _ end: Int) -> ConntrackStatus? {
        let bits = union(text, start, end) { name in
            conntrackStatusNames.first { $0.0 == name }.map { UInt16($0.1.rawValue) }
        }
        return bits.map { ConntrackStatus(rawValue: UInt8($0)) }
    }

    static let conntrackStatusNames: [(String, ConntrackStatus)] = [
        ("EXPECTED", .expected), ("SEEN_REPLY", .seenReply), ("ASSURED", .assured), ("CONFIRMED", .confirmed),
        ("NONE", .none),
    ]

    static func addressTypes(_ text: ByteText, _ start: Int, _ end: Int) -> AddressTypes? {
        if text.word(at: start, length: end - start) == 0x4C_4143_4F4C, end - start == 5 { return .local }
        let bits = union(text, start, end) { name in addressTypeNames.first { $0.0 == name }?.1.rawValue }
        return bits.map { AddressTypes(rawValue: $0) }
    }

    static let addressTypeNames: [(String, AddressTypes)] = [
        ("UNSPEC", .unspec), ("UNICAST", .unicast), ("LOCAL", .local), ("BROADCAST", .broadcast),
        ("ANYCAST", .anycast), ("MULTICAST", .multicast), ("BLACKHOLE", .blackhole),
        ("UNREACHABLE", .unreachable), ("PROHIBIT", .prohibit), ("THROW", .throw), ("NAT", .nat),
        ("XRESOLVE", .xresolve),
    ]

    /// Names, `ALL`, `NONE`, or a number as listings print it.
    static func tcpFlags(_ text: ByteText, _ start: Int, _ end: Int) -> UInt8? {
        if let number = text.byte(start, end) { return number }
        let bits = union(text, start, end) { name in
            switch name {
            case "ALL": 0x3F
            case "NONE": 0
            default: tcpFlagNames.first { $0.0 == name }.map { UInt16($0.1) }
            }
        }
        return bits.map { UInt8(truncatingIfNeeded: $0) }
    }

    static let tcpFlagNames: [(String, UInt8)] = [
        ("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32),
    ]
}

/// ICMP types by name (`extensions/libxt_icmp.h`).
enum ICMPNames {
    static func icmp(_ text: ByteText, _ start: Int, _ end: Int) -> MatchTest? { read(text, start, end, names: v4) }
    static func icmpv6(_ text: ByteText, _ start: Int, _ end: Int) -> MatchTest? {
        // The kernel has no type that means any here: 255 is a type.
        read(text, start, end, names: v6)
    }

    private static func read(
        _ text: ByteText, _ start: Int, _ end: Int, names: [String: (UInt8, UInt8?)]
    ) -> MatchTest? {
        guard end - start < 64 else { return nil }
        if let slash = text.find(UInt8(ascii: "/"), start, end) {
            guard let type = text.byte(start, slash), let code = text.byte(slash + 1, end) else { return nil }
            return .icmp(type: type, firstCode: code, lastCode: code)
        }
        if let type = text.byte(start, end) { return .icmp(type: type, firstCode: 0, lastCode: 255) }
        let name = text.string(start, end).lowercased()
        if name == "any" { return .icmp(type: 255, firstCode: 0, lastCode: 255) }
        // iptables takes the beginning of a name, if only one name begins so.
        guard let found = names[name] ?? unique(name, names) else { return nil }
        return .icmp(type: found.0, firstCode: found.1 ?? 0, lastCode: found.1 ?? 255)
    }

    private static func unique(_ prefix: String, _ names: [String: (UInt8, UInt8?)]) -> (UInt8, UInt8?)? {
        let found = names.filter { $0.key.hasPrefix(prefix) }
        return found.count == 1 ? found.first?.value : nil
    }

    private static let v4: [String: (UInt8, UInt8?)] = [
        "echo-reply": (0, nil), "pong": (0, nil), "destination-unreachable": (3, nil),
        "network-unreachable": (3, 0), "host-unreachable": (3, 1), "protocol-unreachable": (3, 2),
        "port-unreachable": (3, 3), "fragmentation-needed": (3, 4), "source-route-failed": (3, 5),
        "network-unknown": (3, 6), "host-unknown": (3, 7), "network-prohibited": (3, 9),
        "host-prohibited": (3, 10), "tos-network-unreachable": (3, 11), "tos-host-unreachable": (3, 12),
        "communication-prohibited": (3, 13), "host-precedence-violation": (3, 14), "precedence-cutoff": (3, 15),
        "source-quench": (4, nil), "redirect": (5, nil), "network-redirect": (5, 0), "host-redirect": (5, 1),
        "tos-network-redirect": (5, 2), "tos-host-redirect": (5, 3), "echo-request": (8, nil), "ping": (8, nil),
        "router-advertisement": (9, nil), "router-solicitation": (10, nil), "time-exceeded": (11, nil),
        "ttl-exceeded": (11, nil), "ttl-zero-during-transit": (11, 0), "ttl-zero-during-reassembly": (11, 1),
        "parameter-problem": (12, nil), "ip-header-bad": (12, 0), "required-option-missing": (12, 1),
        "timestamp-request": (13, nil), "timestamp-reply": (14, nil), "address-mask-request": (17, nil),
        "address-mask-reply": (18, nil),
    ]

    private static let v6: [String: (UInt8, UInt8?)] = [
        "destination-unreachable": (1, nil), "no-route": (1, 0), "communication-prohibited": (1, 1),
        "beyond-scope": (1, 2), "address-unreachable": (1, 3), "port-unreachable": (1, 4), "failed-policy": (1, 5),
        "reject-route": (1, 6), "packet-too-big": (2, nil), "time-exceeded": (3, nil), "ttl-exceeded": (3, nil),
        "ttl-zero-during-transit": (3, 0), "ttl-zero-during-reassembly": (3, 1), "parameter-problem": (4, nil),
        "bad-header": (4, 0), "unknown-header-type": (4, 1), "unknown-option": (4, 2), "echo-request": (128, nil),
        "ping": (128, nil), "echo-reply": (129, nil), "pong": (129, nil), "mld-listener-query": (130, nil),
        "mld-listener-report": (131, nil), "mld-listener-done": (132, nil), "mld-listener-reduction": (132, nil),
        "router-solicitation": (133, nil),
        "router-advertisement": (134, nil), "neighbour-solicitation": (135, nil),
        "neighbor-solicitation": (135, nil), "neighbour-advertisement": (136, nil),
        "neighbor-advertisement": (136, nil), "redirect": (137, nil),
    ]
}

/// DSCP classes by name (RFC 2474, 2597, 3246).
enum DSCPClasses {
    static func value(_ name: String) -> UInt8? { values[name.uppercased()] }

    private static let values: [String: UInt8] = [
        "CS0": 0, "CS1": 8, "CS2": 16, "CS3": 24, "CS4": 32, "CS5": 40, "CS6": 48, "CS7": 56, "BE": 0, "AF11": 10,
        "AF12": 12, "AF13": 14, "AF21": 18, "AF22": 20, "AF23": 22, "AF31": 26, "AF32": 28, "AF33": 30, "AF41": 34,
        "AF42": 36, "AF43": 38, "EF": 46,
    ]
}

/// TOS values by name or as `value/mask` (`extensions/tos_values.c`).
enum TOSNames {
    static func masked(_ text: ByteText, _ start: Int, _ end: Int) -> (value: UInt8, mask: UInt8)? {
        if let (value, mask) = text.masked(start, end) {
            guard value < 256 else { return nil }
            return (UInt8(value), mask == .max ? 0xFF : UInt8(truncatingIfNeeded: mask))
        }
        switch text.string(start, end).lowercased() {
        case "minimize-delay": return (0x10, 0x3F)
        case "maximize-throughput": return (0x08, 0x3F)
        case "maximize-reliability": return (0x04, 0x3F)
        case "minimize-cost": return (0x02, 0x3F)
        case "normal-service": return (0x00, 0x3F)
        default: return nil
        }
    }
}
