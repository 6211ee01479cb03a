import ClewDataplane
import ClewIntent
import ClewNet

/// Who can send to a node in each way of arrival, as sets of the walk.
struct SenderSets {
    let host: SetID
    let loopback: SetID
    let pods: SetID
    let network: SetID
    /// Of the node itself, as its kernel sees it.
    let local: AddressSet

    init(_ network: NodeNetwork, in classes: inout NodeClasses) {
        let local = network.localAddresses.intersection(
            AddressSet(ranges: classes.localAddresses.map { $0.first...$0.last }, network.family))
        let broadcast = AddressSet(
            ranges: classes.broadcastAddresses.map { $0.first...$0.last }, network.family)
        self.init(network, local: local, broadcast, in: &classes.sets)
    }

    private init(_ network: NodeNetwork, local: AddressSet, _ broadcast: AddressSet, in sets: inout ValueSets) {
        self.local = local
        host = sets.set(local.subtracting(network.loopback))
        loopback = sets.set(local.intersection(network.loopback))
        pods = sets.set(network.ownPods.subtracting(broadcast))
        self.network = sets.set(
            Self.unicast(network.family).subtracting(network.localAddresses).subtracting(network.ownPods)
                .subtracting(broadcast))
    }

    /// What a packet from elsewhere may have as its source.
    static func unicast(_ family: AddressFamily) -> AddressSet {
        let texts =
            family == .ipv4
            ? ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"] : ["::/8", "fe80::/10", "ff00::/8"]
        return AddressSet(texts.compactMap { IPPrefix($0) }, family).complement
    }
}

extension ValueSets {
    mutating func set(_ addresses: AddressSet) -> SetID {
        set(union: addresses.ranges.map { ValueRange($0.lowerBound, $0.upperBound) })
    }

    func addresses(_ set: SetID, _ family: AddressFamily) -> AddressSet {
        AddressSet(ranges: ranges(of: set).map { $0.first...$0.last }, family)
    }
}
