/// The two address families a Kubernetes cluster speaks.
package enum AddressFamily: UInt8, Sendable, Hashable, Comparable, BitwiseCopyable, CaseIterable {
    case ipv4 = 4
    case ipv6 = 6

    /// The length of an address in bits.
    package var width: UInt8 { self == .ipv4 ? 32 : 128 }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// An IPv4 or IPv6 address.
///
/// One type for both families, so that everything above it is written once. An IPv4 address is held in the low 32
/// bits of ``low``; ``high`` is then zero.
package struct IPAddress: Sendable, Hashable, Comparable, BitwiseCopyable {
    package let high: UInt64
    package let low: UInt64
    package let family: AddressFamily

    package init(v4 value: UInt32) {
        high = 0
        low = UInt64(value)
        family = .ipv4
    }

    package init(v6High high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        family = .ipv6
    }

    package init(v4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.init(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
    }

    /// The address of that family with all bits zero: `0.0.0.0` or `::`.
    package static func zero(_ family: AddressFamily) -> IPAddress {
        family == .ipv4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
    }

    /// The 32 bits of an IPv4 address; meaningless for IPv6.
    package var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    package static func < (a: Self, b: Self) -> Bool {
        if a.family != b.family { return a.family < b.family }
        if a.high != b.high { return a.high < b.high }
        return a.low < b.low
    }

    package static func & (a: Self, b: Self) -> Self {
        a.family == .ipv4 ? IPAddress(v4: a.v4 & b.v4) : IPAddress(v6High: a.high & b.high, low: a.low & b.low)
    }

    package static func | (a: Self, b: Self) -> Self {
        a.family == .ipv4 ? IPAddress(v4: a.v4 | b.v4) : IPAddress(v6High: a.high | b.high, low: a.low | b.low)
    }

    package static prefix func ~ (a: Self) -> Self {
        a.family == .ipv4 ? IPAddress(v4: ~a.v4) : IPAddress(v6High: ~a.high, low: ~a.low)
    }

    /// The network mask with `length` leading ones; a length beyond the family's width counts as the width.
    package static func mask(_ length: UInt8, _ family: AddressFamily) -> IPAddress {
        switch family {
        case .ipv4:
            return IPAddress(v4: length == 0 ? 0 : ~UInt32(0) << UInt32(32 - min(length, 32)))
        case .ipv6:
            let length = min(length, 128)
            let high: UInt64 = length == 0 ? 0 : ~UInt64(0) << UInt64(64 - min(length, 64))
            let low: UInt64 = length <= 64 ? 0 : ~UInt64(0) << UInt64(128 - length)
            return IPAddress(v6High: high, low: low)
        }
    }

    /// The next address, or `nil` behind the last one of the family.
    package var successor: IPAddress? {
        switch family {
        case .ipv4: return v4 == .max ? nil : IPAddress(v4: v4 + 1)
        case .ipv6:
            if low < .max { return IPAddress(v6High: high, low: low + 1) }
            return high == .max ? nil : IPAddress(v6High: high + 1, low: 0)
        }
    }

    package var isZero: Bool { high == 0 && low == 0 }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool { family == .ipv4 ? v4 >> 24 == 127 : high == 0 && low == 1 }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool { family == .ipv4 ? v4 >> 28 == 0xE : high >> 56 == 0xFF }

    /// 255.255.255.255; IPv6 has none.
    package var isBroadcast: Bool { family == .ipv4 && v4 == .max }

    /// 169.254.0.0/16 or fe80::/10.
    package var isLinkLocal: Bool { family == .ipv4 ? v4 >> 16 == 0xA9FE : high >> 54 == 0x3FA }
}

extension IPAddress: CustomStringConvertible {
    /// Dotted decimal, or RFC 5952 text.
    package var description: String {
        switch family {
        case .ipv4: "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        case .ipv6: ipv6Text
        }
    }

    private var ipv6Text: String {
        let groups = (0..<8).map { i -> UInt16 in
            UInt16(truncatingIfNeeded: (i < 4 ? high : low) >> UInt64(48 - 16 * (i % 4)))
        }
        if high == 0, low >> 32 == 0xFFFF {
            return "::ffff:" + IPAddress(v4: UInt32(truncatingIfNeeded: low)).description
        }
        var best = 0..<0
        var i = 0
        while i < 8 {
            var j = i
            while j < 8, groups[j] == 0 { j += 1 }
            if j - i > best.count, j - i > 1 { best = i..<j }
            i = max(j, i + 1)
        }
        func hex(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? hex(0..<8) : hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
    }
}

extension IPAddress: LosslessStringConvertible {
    package init?(_ description: String) {
        self.init(utf8: description.utf8)
    }

    /// Parses `10.0.0.1`, `fd00::1`, `::ffff:10.0.0.1`; a zone (`%eth0`) is not part of an address.
    package init?(utf8 text: some BidirectionalCollection<UInt8>) {
        if let four = Self.parseIPv4(text) {
            self.init(v4: four)
        } else if let six = Self.parseIPv6(text) {
            self = six
        } else {
            return nil
        }
    }

    private static func parseIPv4(_ text: some Collection<UInt8>) -> UInt32? {
        var result: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                result = result << 8 | part
                part = 0
                digits = 0
                dots += 1
            } else {
                guard byte &- 48 < 10, digits < 3 else { return nil }
                part = part * 10 + UInt32(byte &- 48)
                guard part < 256 else { return nil }
                digits += 1
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return result << 8 | part
    }

    private static func parseIPv6(_ text: some BidirectionalCollection<UInt8>) -> IPAddress? {
        var groups: [UInt16] = []
        var gap: Int?
        var index = text.startIndex
        let colon = UInt8(ascii: ":")
        guard text.count >= 2, text.count < 46 else { return nil }
        if text.first == colon {
            index = text.index(after: index)
            guard text[index] == colon else { return nil }
        }
        while index < text.endIndex {
            if text[index] == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                index = text.index(after: index)
                continue
            }
            let end = text[index...].firstIndex(of: colon) ?? text.endIndex
            let word = text[index..<end]
            if end == text.endIndex, word.contains(UInt8(ascii: ".")) {
                guard let four = parseIPv4(word) else { return nil }
                groups.append(UInt16(four >> 16))
                groups.append(UInt16(four & 0xFFFF))
                index = end
                break
            }
            guard let value = hexGroup(word) else { return nil }
            groups.append(value)
            guard groups.count <= 8 else { return nil }
            index = end
            if index < text.endIndex {
                index = text.index(after: index)
                guard index < text.endIndex else { return nil }
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let high = groups[0..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = groups[4..<8].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return IPAddress(v6High: high, low: low)
    }

    private static func hexGroup(_ word: some Collection<UInt8>) -> UInt16? {
        guard !word.isEmpty, word.count <= 4 else { return nil }
        var value: UInt16 = 0
        for byte in word {
            guard let digit = hexDigit(byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}

/// The value of an ASCII hexadecimal digit, or `nil`.
package func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 97...102: byte - 87
    case 65...70: byte - 55
    default: nil
    }
}
