package import ClewNet

/// Addresses that stand for clients in the world outside, of whom a bundle tells nothing.
///
/// Those for documentation (RFC 5737, RFC 3849), which no cluster has; of a redacted bundle what they became in it, so that
/// rules and routes that speak of them still do.
package struct OutsideAddresses: Sendable, Hashable {
    private var ipv4: [IPAddress]
    private var ipv6: [IPAddress]

    package static let documentation = OutsideAddresses(
        ipv4: ["203.0.113.50", "198.51.100.7", "192.0.2.9"].compactMap { IPAddress($0) },
        ipv6: ["2001:db8:113::32", "2001:db8:ffff::7"].compactMap { IPAddress($0) })

    private init(ipv4: [IPAddress], ipv6: [IPAddress]) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }

    /// What a manifest lists; of a family of which it lists too few, those for documentation.
    package init(listed texts: [String]) {
        let addresses = texts.compactMap { IPAddress($0) }
        self = .documentation
        let (four, six) = (addresses.filter { $0.family == .ipv4 }, addresses.filter { $0.family == .ipv6 })
        if four.count >= ipv4.count { ipv4 = four }
        if six.count >= ipv6.count { ipv6 = six }
    }

    /// At least two, the one that is asked for first at the front.
    package subscript(_ family: AddressFamily) -> [IPAddress] { family == .ipv4 ? ipv4 : ipv6 }

    package var all: [IPAddress] { ipv4 + ipv6 }

    /// The client of connections that a survey plans.
    package func client(_ family: AddressFamily) -> IPAddress { self[family][0] }

    /// A client whom nobody serves.
    package func stranger(_ family: AddressFamily) -> IPAddress { self[family][1] }
}
