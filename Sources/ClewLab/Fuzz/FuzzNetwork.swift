package import ClewNet

/// The network that random rules are tried in: one node, two pods behind its bridge, one on a veth of its own, and two
/// links to the world outside.
///
///     outside ─ eth0 ┐           ┌ br0 ┬ p1 ─ b1
///     outside ─ eth1 ┴   node n  ┤     └ p2 ─ b2
///                                └ calif1 ─ c1
package struct FuzzNetwork: Sendable {
    package let family: AddressFamily

    package init(_ family: AddressFamily) { self.family = family }

    package static let node = "n"

    /// A namespace beside the node's.
    package struct Peer: Sendable, Hashable {
        package var name: String
        /// The node's end of the veth pair, and the bridge it is a port of.
        package var device: String
        package var bridge: String?
        /// The peer's own end.
        package var ownDevice: String
        package var mac: MACAddress
        /// Whether its state is collected; the others are the world outside.
        package var isPod: Bool
    }

    package static let peers: [Peer] = [
        Peer(name: "x0", device: "eth0", ownDevice: "eth0", mac: mac(0x1002), isPod: false),
        Peer(name: "x1", device: "eth1", ownDevice: "eth0", mac: mac(0x1102), isPod: false),
        Peer(name: "b1", device: "p1", bridge: "br0", ownDevice: "eth0", mac: mac(0x0102), isPod: true),
        Peer(name: "b2", device: "p2", bridge: "br0", ownDevice: "eth0", mac: mac(0x0104), isPod: true),
        Peer(name: "c1", device: "calif1", ownDevice: "eth0", mac: mac(0x0202), isPod: true),
    ]

    package static func peer(_ name: String) -> Peer? { peers.first { $0.name == name } }

    static func mac(_ end: UInt64) -> MACAddress { MACAddress(rawValue: 0x0200_0000_0000 | end) }

    /// The Ethernet addresses of the node's own devices.
    package static let macs: [String: MACAddress] = [
        "eth0": mac(0x1001), "eth1": mac(0x1101), "br0": mac(0x0101), "p1": mac(0x0111), "p2": mac(0x0112),
        "calif1": mac(0x0201),
    ]

    private func address(_ four: String, _ six: String) -> IPAddress {
        IPAddress(family == .ipv4 ? four : six) ?? .zero(family)
    }

    private func addresses(_ four: [String], _ six: [String]) -> [IPAddress] {
        (family == .ipv4 ? four : six).compactMap { IPAddress($0) }
    }

    // MARK: - Addresses

    package var eth0: IPAddress { address("192.0.2.1", "fd00:10::1") }
    package var eth1: IPAddress { address("198.18.0.1", "fd00:11::1") }
    package var br0: IPAddress { address("10.1.0.1", "fd00:1::1") }
    package var calif1: IPAddress { address("10.2.0.1", "fd00:2::1") }
    package var loopback: IPAddress { address("127.0.0.1", "::1") }
    /// An address of the node on its loopback device.
    package var service: IPAddress { address("10.9.9.9", "fd00:9::9") }

    package var gateways: [IPAddress] { addresses(["192.0.2.2", "198.18.0.2"], ["fd00:10::2", "fd00:11::2"]) }

    package func addresses(ofPod name: String) -> [IPAddress] {
        switch name {
        case "b1": addresses(["10.1.0.2", "10.1.0.3"], ["fd00:1::2", "fd00:1::3"])
        case "b2": addresses(["10.1.0.4", "10.1.0.5", "10.1.0.6"], ["fd00:1::4", "fd00:1::5", "fd00:1::6"])
        case "c1": addresses(["10.2.0.2", "10.2.0.3"], ["fd00:2::2", "fd00:2::3"])
        default: []
        }
    }

    /// Addresses of the world, by the device their packets come in by.
    package func outside(_ device: String) -> [IPAddress] {
        device == "eth0"
            ? addresses(
                ["203.0.113.5", "203.0.113.6", "203.0.113.77"], ["2001:db8:a::5", "2001:db8:a::6", "2001:db8:a::75"])
            : addresses(
                ["172.20.0.5", "172.20.1.6", "172.20.0.77"], ["2001:db8:b::5", "2001:db8:b:1::6", "2001:db8:b::75"])
    }

    /// Addresses that nobody has, which the node sends out by eth0.
    package var virtual: [IPAddress] {
        addresses(["10.96.0.1", "10.96.0.10", "10.96.1.20"], ["fd00:96::1", "fd00:96::12", "fd00:96::1:24"])
    }

    package var own: [IPAddress] { [eth0, eth1, br0, calif1, service] }

    package var pods: [IPAddress] { ["b1", "b2", "c1"].flatMap(addresses(ofPod:)) }

    /// Networks that rules write.
    package var prefixes: [String] {
        family == .ipv4
            ? [
                "10.0.0.0/8", "10.1.0.0/29", "10.1.0.4/30", "10.2.0.0/24", "10.96.0.0/16", "203.0.113.0/24",
                "203.0.113.4/31", "172.16.0.0/12", "192.0.2.0/24", "127.0.0.0/8", "10.1.0.2/255.0.0.254",
            ]
            : [
                "fd00::/16", "fd00:1::/64", "fd00:1::4/126", "fd00:2::/112", "fd00:96::/32", "2001:db8::/32",
                "2001:db8:a::4/127", "2001:db8:b::/48", "fd00:10::/64", "::1/128", "fd00:1::2/ffff::fffe",
            ]
    }

    package func isOwn(_ address: IPAddress) -> Bool { own.contains(address) || address.isLoopback }

    /// The pod that has an address.
    package func pod(having address: IPAddress) -> String? {
        ["b1", "b2", "c1"].first { addresses(ofPod: $0).contains(address) }
    }

    package static let devices = ["eth0", "eth1", "br0", "calif1", "lo"]
    package static let ports = ["p1", "p2"]
}
