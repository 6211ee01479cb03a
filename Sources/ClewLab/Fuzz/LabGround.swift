package import ClewNet

/// What a ``FuzzLab`` needs to know of the network it stands in: who is beside the node, by which device, with which
/// addresses.
package struct LabGround: Sendable {
    package var family: AddressFamily
    package var peers: [FuzzNetwork.Peer]
    /// The Ethernet addresses of the node's own devices.
    package var macs: [String: MACAddress]
    /// Addresses of those peers that have some of their own.
    package var addresses: [String: [IPAddress]]

    func peer(_ name: String) -> FuzzNetwork.Peer? { peers.first { $0.name == name } }

    func addresses(ofPod name: String) -> [IPAddress] { addresses[name] ?? [] }

    /// The peer that has an address.
    func pod(having address: IPAddress) -> String? { peers.first { addresses(ofPod: $0.name).contains(address) }?.name }
}

extension FuzzNetwork {
    var ground: LabGround {
        let pods = Self.peers.filter(\.isPod).map { ($0.name, addresses(ofPod: $0.name)) }
        return LabGround(
            family: family, peers: Self.peers, macs: Self.macs,
            addresses: Dictionary(pods, uniquingKeysWith: { first, _ in first }))
    }
}
