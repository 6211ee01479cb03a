/// An IP protocol number (IANA "Protocol Numbers"; `linux/in.h`).
package struct IPProtocol: RawRepresentable, Sendable, Hashable, Comparable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let icmp = IPProtocol(rawValue: 1)
    package static let ipip = IPProtocol(rawValue: 4)
    package static let tcp = IPProtocol(rawValue: 6)
    package static let udp = IPProtocol(rawValue: 17)
    package static let gre = IPProtocol(rawValue: 47)
    package static let esp = IPProtocol(rawValue: 50)
    package static let icmpv6 = IPProtocol(rawValue: 58)
    package static let sctp = IPProtocol(rawValue: 132)

    /// Whether the header begins with a source and a destination port.
    package var hasPorts: Bool {
        switch self {
        case .tcp, .udp, .sctp, IPProtocol(rawValue: 33), IPProtocol(rawValue: 136): true
        default: false
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension IPProtocol: CustomStringConvertible {
    /// The name iptables prints (`/etc/protocols`), else the number.
    package var description: String { Self.names.first { $0.1 == rawValue }?.0 ?? String(rawValue) }

    /// Reads a name of `/etc/protocols` as iptables knows them, or a number; `all` is not a protocol.
    package init?(name: String) {
        if let number = UInt8(name) {
            self.init(rawValue: number)
        } else if let known = Self.names.first(where: { $0.0 == name }) ?? Self.aliases.first(where: { $0.0 == name }) {
            self.init(rawValue: known.1)
        } else {
            return nil
        }
    }

    private static let names: [(String, UInt8)] = [
        ("icmp", 1), ("igmp", 2), ("ggp", 3), ("ipencap", 4), ("st", 5), ("tcp", 6), ("egp", 8), ("igp", 9),
        ("pup", 12), ("udp", 17), ("hmp", 20), ("xns-idp", 22), ("rdp", 27), ("iso-tp4", 29), ("dccp", 33),
        ("xtp", 36), ("ddp", 37), ("idpr-cmtp", 38), ("ipv6", 41), ("ipv6-route", 43), ("ipv6-frag", 44),
        ("idrp", 45), ("rsvp", 46), ("gre", 47), ("esp", 50), ("ah", 51), ("skip", 57), ("ipv6-icmp", 58),
        ("ipv6-nonxt", 59), ("ipv6-opts", 60), ("rspf", 73), ("vmtp", 81), ("eigrp", 88), ("ospf", 89),
        ("ax.25", 93), ("ipip", 94), ("etherip", 97), ("encap", 98), ("pim", 103), ("ipcomp", 108), ("vrrp", 112),
        ("l2tp", 115), ("isis", 124), ("sctp", 132), ("fc", 133), ("mobility-header", 135), ("udplite", 136),
        ("mpls-in-ip", 137), ("manet", 138), ("hip", 139), ("shim6", 140), ("wesp", 141), ("rohc", 142),
    ]
    private static let aliases: [(String, UInt8)] = [
        ("icmpv6", 58), ("icmp6", 58), ("mh", 135), ("ospfigp", 89), ("ipv6-mh", 135),
    ]
}

/// A closed range of ports.
package struct PortRange: Sendable, Hashable, BitwiseCopyable {
    package let first: UInt16
    package let last: UInt16

    /// A range; the kernel accepts `first > last`, which then holds no port.
    package init(_ first: UInt16, _ last: UInt16) {
        self.first = first
        self.last = last
    }

    package init(_ port: UInt16) { self.init(port, port) }

    package static let all = PortRange(0, 65535)

    package func contains(_ port: UInt16) -> Bool { first <= port && port <= last }

    /// The port of this range that lies as far from its beginning as `port` from `base`, round and round.
    ///
    /// As the kernel shifts ports for DNAT (`nf_nat_core.c`, NF_NAT_RANGE_PROTO_OFFSET).
    package func shifted(_ port: UInt16, from base: UInt16) -> UInt16 {
        let (low, high) = (min(first, last), max(first, last))
        let size = UInt32(high - low) + 1
        return low + UInt16(UInt32(port &- base) % size)
    }
}

/// A packet or connection mark: 32 bits, written in hexadecimal.
package struct PacketMark: RawRepresentable, Sendable, Hashable, BitwiseCopyable, CustomStringConvertible {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package var description: String { "0x" + String(rawValue, radix: 16) }
}

/// A 48-bit Ethernet address.
package struct MACAddress: Sendable, Hashable, BitwiseCopyable, LosslessStringConvertible {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    /// Reads six groups of two hexadecimal digits, parted by colons or hyphens.
    package init?(_ description: String) {
        var value: UInt64 = 0
        var groups = 0
        for group in description.split(omittingEmptySubsequences: false, whereSeparator: { $0 == ":" || $0 == "-" }) {
            guard (1...2).contains(group.utf8.count), let byte = UInt8(group, radix: 16) else { return nil }
            value = value << 8 | UInt64(byte)
            groups += 1
        }
        guard groups == 6 else { return nil }
        rawValue = value
    }

    package var description: String {
        (0..<6).map { i in
            let byte = UInt8(truncatingIfNeeded: rawValue >> UInt64(40 - 8 * i))
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined(separator: ":")
    }
}

/// An address and a port: `10.0.0.1:80`, `[fd00::1]:80`; port 0 is not printed.
package struct SocketAddress: Sendable, Hashable, Comparable, BitwiseCopyable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.address == b.address ? a.port < b.port : a.address < b.address
    }

    package var description: String {
        if port == 0 { return address.description }
        return address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
