import ClewNet
import ClewSnapshot

/// A packet's bytes from the IP header on, made and taken apart.
enum PacketBytes {
    /// What a packet on the wire says; ports of other protocols than those that have them are 0.
    struct Header: Sendable, Hashable {
        var tuple: ConntrackTuple
        var ttl: UInt8
        var tos: UInt8
        var tcpFlags: UInt8 = 0
        /// IPv4's identification, IPv6's flow label: marks the probe.
        var identifier: UInt32
    }

    /// Makes a packet; `identifier` goes where NAT leaves it alone.
    static func make(
        _ tuple: ConntrackTuple, ttl: UInt8, tos: UInt8, tcpFlags: UInt8, payload: UInt16, identifier: UInt32,
        sequence: (UInt32, UInt32) = (0x1000, 0)
    ) -> [UInt8] {
        let body = transport(tuple, tcpFlags, payload, sequence)
        var bytes: [UInt8] = []
        switch tuple.source.family {
        case .ipv4:
            bytes = [0x45, tos]
            bytes.append(big: UInt16(20 + body.count))
            bytes.append(big: UInt16(truncatingIfNeeded: identifier))
            bytes += [0x40, 0, ttl, tuple.ipProtocol.rawValue, 0, 0]
            bytes.append(tuple.source)
            bytes.append(tuple.destination)
            bytes.put(big: checksum(bytes), at: 10)
        case .ipv6:
            bytes.append(big: UInt32(6) << 28 | UInt32(tos) << 20 | identifier & 0xF_FFFF)
            bytes.append(big: UInt16(body.count))
            bytes += [tuple.ipProtocol.rawValue, ttl]
            bytes.append(tuple.source)
            bytes.append(tuple.destination)
        }
        return bytes + body
    }

    private static func transport(
        _ tuple: ConntrackTuple, _ flags: UInt8, _ payload: UInt16, _ sequence: (UInt32, UInt32)
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        var sumAt: Int?
        switch tuple.ipProtocol {
        case .tcp:
            bytes.append(big: tuple.sourcePort)
            bytes.append(big: tuple.destinationPort)
            bytes.append(big: sequence.0)
            bytes.append(big: sequence.1)
            bytes += [0x50, flags, 0xFA, 0, 0, 0, 0, 0]
            sumAt = 16
        case .udp:
            bytes.append(big: tuple.sourcePort)
            bytes.append(big: tuple.destinationPort)
            bytes.append(big: 8 + payload)
            bytes += [0, 0]
            sumAt = 6
        case .icmp, .icmpv6:
            bytes.append(big: tuple.destinationPort)
            bytes += [0, 0]
            bytes.append(big: tuple.sourcePort)
            bytes += [0, 1]
            sumAt = 2
        case .sctp:
            bytes.append(big: tuple.sourcePort)
            bytes.append(big: tuple.destinationPort)
            // No verification tag, the checksum, and an INIT chunk: tag, window, streams, first number.
            bytes += [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]
        case .gre: bytes += [0, 0, 8, 0, 0, 0, 0, 0]
        default: break
        }
        bytes += (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        if tuple.ipProtocol == .sctp { bytes.put(little: CRC32C.of(bytes), at: 8) }
        guard let sumAt else { return bytes }
        let withPseudoHeader = tuple.ipProtocol != .icmp
        var pseudo: [UInt8] = []
        if withPseudoHeader {
            pseudo.append(tuple.source)
            pseudo.append(tuple.destination)
            pseudo.append(big: UInt32(bytes.count))
            pseudo += [0, 0, 0, tuple.ipProtocol.rawValue]
        }
        let sum = checksum(pseudo + bytes)
        bytes.put(big: tuple.ipProtocol == .udp && sum == 0 ? 0xFFFF : sum, at: sumAt)
        return bytes
    }

    /// The Internet checksum (RFC 1071).
    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        var index = 0
        while index < bytes.count {
            sum &+= UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
            index += 2
        }
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(truncatingIfNeeded: sum)
    }

    // MARK: - Reading

    /// Reads a packet; nil for what is no whole IP header.
    static func read(_ bytes: ArraySlice<UInt8>) -> Header? {
        guard let first = bytes.first else { return nil }
        let at = bytes.startIndex
        if first >> 4 == 4 {
            let length = Int(first & 15) * 4
            guard length >= 20, bytes.count >= length else { return nil }
            let addresses = (bytes.big32(at + 12), bytes.big32(at + 16))
            var tuple = ConntrackTuple(
                source: IPAddress(v4: addresses.0), destination: IPAddress(v4: addresses.1),
                ipProtocol: IPProtocol(rawValue: bytes[at + 9]), sourcePort: 0, destinationPort: 0)
            let flags = readPorts(bytes[(at + length)...], &tuple)
            return Header(
                tuple: tuple, ttl: bytes[at + 8], tos: bytes[at + 1], tcpFlags: flags,
                identifier: UInt32(bytes.big16(at + 4)))
        }
        guard first >> 4 == 6, bytes.count >= 40 else { return nil }
        func address(_ at: Int) -> IPAddress {
            IPAddress(
                v6High: UInt64(bytes.big32(at)) << 32 | UInt64(bytes.big32(at + 4)),
                low: UInt64(bytes.big32(at + 8)) << 32 | UInt64(bytes.big32(at + 12)))
        }
        var tuple = ConntrackTuple(
            source: address(at + 8), destination: address(at + 24), ipProtocol: IPProtocol(rawValue: bytes[at + 6]),
            sourcePort: 0, destinationPort: 0)
        let flags = readPorts(bytes[(at + 40)...], &tuple)
        let word = bytes.big32(at)
        return Header(
            tuple: tuple, ttl: bytes[at + 7], tos: UInt8(truncatingIfNeeded: word >> 20), tcpFlags: flags,
            identifier: word & 0xF_FFFF)
    }

    private static func readPorts(_ bytes: ArraySlice<UInt8>, _ tuple: inout ConntrackTuple) -> UInt8 {
        let at = bytes.startIndex
        switch tuple.ipProtocol {
        case .icmp, .icmpv6:
            guard bytes.count >= 6 else { return 0 }
            tuple.destinationPort = bytes.big16(at)
            tuple.sourcePort = bytes.big16(at + 4)
        case let number where number.hasPorts:
            guard bytes.count >= 4 else { return 0 }
            tuple.sourcePort = bytes.big16(at)
            tuple.destinationPort = bytes.big16(at + 2)
        default: return 0
        }
        return tuple.ipProtocol == .tcp && bytes.count >= 14 ? bytes[at + 13] : 0
    }
}

/// The checksum of SCTP (RFC 9260, appendix A).
private enum CRC32C {
    static func of(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        return ~crc
    }
}

extension Array<UInt8> {
    fileprivate mutating func append(big value: UInt16) {
        append(UInt8(value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    fileprivate mutating func append(big value: UInt32) {
        append(big: UInt16(value >> 16))
        append(big: UInt16(truncatingIfNeeded: value))
    }

    fileprivate mutating func append(_ address: IPAddress) {
        if address.family == .ipv4 { return append(big: address.v4) }
        for half in [address.high, address.low] {
            append(big: UInt32(half >> 32))
            append(big: UInt32(truncatingIfNeeded: half))
        }
    }

    fileprivate mutating func put(big value: UInt16, at index: Int) {
        self[index] = UInt8(value >> 8)
        self[index + 1] = UInt8(truncatingIfNeeded: value)
    }

    fileprivate mutating func put(little value: UInt32, at index: Int) {
        for byte in 0..<4 { self[index + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
    }
}

extension ArraySlice<UInt8> {
    /// Big-endian numbers at an index that the caller has checked.
    func big16(_ at: Int) -> UInt16 { UInt16(self[at]) << 8 | UInt16(self[at + 1]) }
    func big32(_ at: Int) -> UInt32 { UInt32(big16(at)) << 16 | UInt32(big16(at + 2)) }
}
