import ClewNet

/// Other addresses for addresses, so that whoever shared a prefix shares one, and is in the same networks and ranges.
///
/// The map turns bits of an address over, each by what stands before it (Xu and others, "Prefix-preserving IP address
/// anonymization", 2002). Below the networks and ranges that are known it turns none over on the way to their first and
/// last address: these stay first and last, and what lay between them stays between them.
struct AddressPseudonyms {
    private struct Node: Hashable {
        var high: UInt64
        var low: UInt64
        var depth: UInt8
        var isSix: Bool
    }

    private let hash: KeyedHash
    private let nonce: UInt64
    private var unturned: Set<Node> = []
    /// Networks of which no address is changed.
    private static let kept: [IPPrefix] = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.0.0.0/8", "::/64", "ff00::/8",
    ].compactMap { IPPrefix($0) }
    /// Networks that stay themselves, of which each address gets another one.
    private static let classes: [IPPrefix] = [
        "240.0.0.0/4", "64:ff9b::/48", "64:ff9b:1::/48", "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12",
        "192.168.0.0/16", "fc00::/8", "fd00::/8", "2000::/3",
    ].compactMap { IPPrefix($0) }
    /// Masks, which look like addresses.
    private static let masks: [IPAddress] = (4..<8).map { .mask($0, .ipv4) }
    private static let linkLocal = IPPrefix("fe80::/64")
    /// Networks of 64 bits with ranges inside, where an address made of a MAC cannot follow that.
    private var finelyParted: Set<UInt64> = []
    private var cache: [IPAddress: IPAddress] = [:]

    /// `keepingClasses`: private addresses become private ones, of the same block.
    init(_ hash: KeyedHash, ranges: [(IPAddress, IPAddress)], nonce: UInt64, keepingClasses: Bool) {
        self.hash = hash
        self.nonce = nonce
        for prefix in Self.kept { addPath(to: prefix.address, from: 0, to: prefix.length) }
        for mask in Self.masks { addPath(to: mask, from: 0, to: 32) }
        if let linkLocal = Self.linkLocal { addPath(to: linkLocal.address, from: 0, to: 64) }
        if keepingClasses {
            for prefix in Self.classes { addPath(to: prefix.address, from: 0, to: prefix.length) }
        }
        for (first, last) in ranges {
            let common = Self.commonLength(first, last)
            addPath(to: first, from: common, to: first.family.width)
            addPath(to: last, from: common, to: last.family.width)
            if first.family == .ipv6, common > 64 { finelyParted.insert(first.high) }
        }
    }

    /// Whether an address cannot become another one: the first or last of a network that stays itself, such as 10.0.0.0/8.
    func isFixed(_ address: IPAddress) -> Bool {
        (0..<address.family.width).allSatisfy { unturned.contains(Self.node(address, $0)) }
    }

    /// Whether an address stays as it is, since it means the same everywhere.
    static func isKept(_ address: IPAddress) -> Bool {
        if let four = embedded(address) { return isKept(four) }
        // The network of local addresses itself.
        if address.high == 0xfe80 << 48, address.low == 0 || address.low == .max { return true }
        return masks.contains(address) || kept.contains { $0.contains(address) } && solicited(address) == nil
    }

    mutating func callAsFunction(_ address: IPAddress) -> IPAddress {
        if let known = cache[address] { return known }
        let result = mapped(address)
        cache[address] = result
        return result
    }

    private func mapped(_ address: IPAddress) -> IPAddress {
        if Self.kept.contains(where: { $0.contains(address) }) || Self.embedded(address) != nil {
            if let rest = Self.solicited(address) {
                // A node's address in part: equality is all that may be known of it.
                return IPAddress(v6High: address.high, low: 0x1_ff00_0000 | hash(rest, 11, nonce) & 0xff_ffff)
            }
            guard let four = Self.embedded(address) else { return address }
            return IPAddress(v6High: address.high, low: address.low & ~0xffff_ffff | turned(four).low)
        }
        guard address.family == .ipv6, (address.low >> 24) & 0xffff == 0xfffe, !finelyParted.contains(address.high)
        else {
            return turned(address)
        }
        // Made of a MAC (EUI-64, RFC 4291): so is the pseudonym, of the MAC's.
        let mac = (address.low >> 40) << 24 | address.low & 0xff_ffff
        let other = MACPseudonym.mapped(mac ^ 0x0200_0000_0000, hash) ^ 0x0200_0000_0000
        return IPAddress(v6High: turned(address).high, low: (other >> 24) << 40 | 0xff_fe00_0000 | other & 0xff_ffff)
    }

    private func turned(_ address: IPAddress) -> IPAddress {
        var (high, low) = (address.high, address.low)
        let isSix = address.family == .ipv6
        for depth in 0..<address.family.width {
            let node = Self.node(address, depth)
            guard !unturned.contains(node), hash(node.high, node.low, UInt64(depth) | (isSix ? 256 : 0), nonce) & 1 == 1
            else { continue }
            let bit = isSix ? Int(depth) : Int(depth) + 96
            if bit < 64 { high ^= 1 << UInt64(63 - bit) } else { low ^= 1 << UInt64(127 - bit) }
        }
        return isSix ? IPAddress(v6High: high, low: low) : IPAddress(v4: UInt32(truncatingIfNeeded: low))
    }

    private mutating func addPath(to address: IPAddress, from start: UInt8, to end: UInt8) {
        guard start < end else { return }
        for depth in start..<end { unturned.insert(Self.node(address, depth)) }
    }

    /// The bits before one: what decides whether it is turned over.
    private static func node(_ address: IPAddress, _ depth: UInt8) -> Node {
        let masked = address & .mask(depth, address.family)
        return Node(high: masked.high, low: masked.low, depth: depth, isSix: address.family == .ipv6)
    }

    private static func commonLength(_ one: IPAddress, _ other: IPAddress) -> UInt8 {
        guard one.family == other.family else { return one.family.width }
        if one.family == .ipv4 { return UInt8((one.v4 ^ other.v4).leadingZeroBitCount) }
        let high = (one.high ^ other.high).leadingZeroBitCount
        return UInt8(high < 64 ? high : 64 + (one.low ^ other.low).leadingZeroBitCount)
    }

    /// The IPv4 address in `::ffff:a.b.c.d`, `::ffff:0:a.b.c.d`, `::a.b.c.d` or `64:ff9b::a.b.c.d`.
    private static func embedded(_ address: IPAddress) -> IPAddress? {
        guard address.family == .ipv6 else { return nil }
        let (high, rest) = (address.high, address.low >> 32)
        let isMapped = high == 0 && (rest == 0xffff || rest == 0xffff_0000)
        let isCompatible = high == 0 && rest == 0 && address.low > 0xff_ffff
        let isTranslated = high == 0x0064_ff9b_0000_0000 && rest == 0
        guard isMapped || isCompatible || isTranslated else { return nil }
        return IPAddress(v4: UInt32(truncatingIfNeeded: address.low))
    }

    /// The end of a node's address in its group `ff02::1:ffXX:XXXX`.
    private static func solicited(_ address: IPAddress) -> UInt64? {
        guard address.family == .ipv6, address.high == 0xff02 << 48, address.low >> 24 == 0x1ff else { return nil }
        return address.low & 0xff_ffff
    }
}

/// Other hardware addresses for hardware addresses.
enum MACPseudonym {
    /// Keeps the bits that say *local* and *for many*; zeros, the broadcast address and groups stay what they are.
    static func mapped(_ mac: UInt64, _ hash: KeyedHash) -> UInt64 {
        if mac == 0 || mac == 0xffff_ffff_ffff { return mac }
        if mac >> 24 == 0x3333ff { return 0x3333ff << 24 | hash(mac & 0xff_ffff, 13, 0) & 0xff_ffff }
        // Groups of IPv4 and IPv6, and those of bridges.
        if mac >> 24 == 0x01005e || mac >> 32 == 0x3333 || mac >> 8 == 0x01_80c2_0000 { return mac }
        let keptBits: UInt64 = 0x0300_0000_0000
        return hash(mac, 12) & 0xffff_ffff_ffff & ~keptBits | mac & keptBits
    }

    static func text(_ mac: UInt64, separator: String) -> String {
        stride(from: 40, through: 0, by: -8).map { shift in
            let byte = (mac >> UInt64(shift)) & 255
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined(separator: separator)
    }
}
