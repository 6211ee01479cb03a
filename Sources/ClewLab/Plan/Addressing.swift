package import ClewNet

/// The lab's addresses: the same numbers in both families.
package enum Addressing {
    /// 192.168.50.1N, fd00:50::1N.
    package static func node(_ number: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xC0A8_3200, v6: 0xFD00_0050_0000_0000, 10 + number)
    }

    /// The router towards the nodes: 192.168.50.1, fd00:50::1.
    package static func router(_ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xC0A8_3200, v6: 0xFD00_0050_0000_0000, 1)
    }

    /// The router towards the world: 203.0.113.1, 2001:db8:113::1.
    package static func outerRouter(_ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xCB00_7100, v6: 0x2001_0DB8_0113_0000, 1)
    }

    /// Clients outside: 203.0.113.NUMBER, 2001:db8:113::NUMBER.
    package static func outside(_ number: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xCB00_7100, v6: 0x2001_0DB8_0113_0000, number)
    }

    /// 10.244.NODE.NUMBER, fd00:10:244:NODE::NUMBER; 1 is the node's bridge.
    package static func pod(_ number: Int, onNode node: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0x0AF4_0000 + UInt32(node) << 8, v6: 0xFD00_0010_0244_0000 + UInt64(node), number)
    }

    /// A Service: 10.96.0.NUMBER, fd00:10:96::NUMBER.
    package static func service(_ number: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0x0A60_0000, v6: 0xFD00_0010_0096_0000, number)
    }

    /// An address a load balancer hands to worker-a: 192.168.60.NUMBER, fd00:60::NUMBER.
    package static func loadBalancer(_ number: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xC0A8_3C00, v6: 0xFD00_0060_0000_0000, number)
    }

    /// An external address that is routed to worker-b: 198.51.100.NUMBER, 2001:db8:100::NUMBER.
    package static func external(_ number: Int, _ family: AddressFamily) -> IPAddress {
        address(family, v4: 0xC633_6400, v6: 0x2001_0DB8_0100_0000, number)
    }

    /// All pods: 10.244.0.0/16, fd00:10:244::/48.
    package static func cluster(_ family: AddressFamily) -> IPPrefix {
        prefix(pod(0, onNode: 0, family), family == .ipv4 ? 16 : 48)
    }

    /// The pods of a node: 10.244.NODE.0/24, fd00:10:244:NODE::/64.
    package static func pods(onNode node: Int, _ family: AddressFamily) -> IPPrefix {
        prefix(pod(0, onNode: node, family), family == .ipv4 ? 24 : 64)
    }

    /// The network an address of the lab is in: /24 or /64.
    package static func network(of address: IPAddress) -> IPPrefix {
        prefix(address, address.family == .ipv4 ? 24 : 64).network
    }

    private static func address(_ family: AddressFamily, v4: UInt32, v6: UInt64, _ number: Int) -> IPAddress {
        family == .ipv4
            ? IPAddress(v4: v4 + UInt32(truncatingIfNeeded: number))
            : IPAddress(v6High: v6, low: textual(number))
    }

    /// The number whose hexadecimal digits are those of the decimal one, so that ::50 reads as .50 does.
    private static func textual(_ number: Int) -> UInt64 { UInt64(String(number), radix: 16) ?? 0 }

    private static func prefix(_ address: IPAddress, _ length: UInt8) -> IPPrefix {
        (IPPrefix(address, length: length) ?? IPPrefix(host: address)).network
    }
}
