/// An address with a prefix length; the host bits may be set, as in `10.1.2.3/24`.
package struct IPPrefix: Sendable, Hashable, Comparable, BitwiseCopyable {
    package let address: IPAddress
    /// 0 to the family's width.
    package let length: UInt8

    /// Makes a prefix, or `nil` if the length is beyond the family's width.
    package init?(_ address: IPAddress, length: UInt8) {
        guard length <= address.family.width else { return nil }
        self.address = address
        self.length = length
    }

    /// The prefix of one address: /32 or /128.
    package init(host address: IPAddress) {
        self.address = address
        length = address.family.width
    }

    /// The prefix that holds every address of a family.
    package static func all(_ family: AddressFamily) -> IPPrefix { IPPrefix(unchecked: .zero(family), 0) }

    private init(unchecked address: IPAddress, _ length: UInt8) {
        self.address = address
        self.length = length
    }

    package var family: AddressFamily { address.family }

    /// The same prefix with its host bits cleared.
    package var network: IPPrefix { IPPrefix(unchecked: address & .mask(length, family), length) }

    /// The last address of the prefix: for IPv4 its broadcast address.
    package var last: IPAddress { address | ~IPAddress.mask(length, family) }

    package func contains(_ other: IPAddress) -> Bool {
        guard other.family == family else { return false }
        let mask = IPAddress.mask(length, family)
        return other & mask == address & mask
    }

    package func contains(_ other: IPPrefix) -> Bool { other.length >= length && contains(other.address) }

    package static func < (a: Self, b: Self) -> Bool {
        a.address == b.address ? a.length < b.length : a.address < b.address
    }
}

extension IPPrefix: LosslessStringConvertible {
    package var description: String { "\(address)/\(length)" }

    /// Parses `10.0.0.0/8` or a bare address, which is the prefix of that one address.
    package init?(_ description: String) { self.init(utf8: description.utf8) }

    package init?(utf8 text: some BidirectionalCollection<UInt8>) {
        guard let slash = text.lastIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(utf8: text) else { return nil }
            self.init(host: address)
            return
        }
        guard let address = IPAddress(utf8: text[..<slash]) else { return nil }
        var length: UInt8 = 0
        let digits = text[text.index(after: slash)...]
        guard !digits.isEmpty, digits.count <= 3 else { return nil }
        for byte in digits {
            let (product, over) = length.multipliedReportingOverflow(by: 10)
            let (sum, over2) = product.addingReportingOverflow(byte &- 48)
            guard byte &- 48 < 10, !over, !over2 else { return nil }
            length = sum
        }
        self.init(address, length: length)
    }
}

/// An address compared under a mask, as iptables writes it: the mask need not be a prefix.
package struct MaskedAddress: Sendable, Hashable, BitwiseCopyable {
    package let value: IPAddress
    package let mask: IPAddress

    /// Keeps only the bits of the value that the mask covers.
    package init(_ value: IPAddress, mask: IPAddress) {
        self.value = value & mask
        self.mask = mask
    }

    package init(_ prefix: IPPrefix) { self.init(prefix.address, mask: .mask(prefix.length, prefix.family)) }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == value.family && address & mask == value
    }

    /// The length, if the mask is a prefix.
    package var prefixLength: UInt8? {
        let ones = mask.family == .ipv4 ? mask.v4.nonzeroBitCount : mask.high.nonzeroBitCount + mask.low.nonzeroBitCount
        let length = UInt8(ones)
        return .mask(length, mask.family) == mask ? length : nil
    }
}

extension MaskedAddress: CustomStringConvertible {
    package var description: String {
        prefixLength.map { "\(value)/\($0)" } ?? "\(value)/\(mask)"
    }
}
