import ClewNet
import ClewSnapshot

/// One class of senders and what must become of its connections.
package struct ContractClass: Sendable {
    package var source: SourceClass
    package var outcome: ContractOutcome

    package init(source: SourceClass, outcome: ContractOutcome) {
        self.source = source
        self.outcome = outcome
    }
}

extension ServiceContract {
    /// The senders that an entry treats alike, each with an example; sorted by kind.
    ///
    /// The classes of one arrival do not overlap. A sender of none of them cannot be told from here: a multicast or
    /// link-local address, an address of the node that comes from outside.
    package func classes(of entry: ContractEntry) -> [ContractClass] {
        let port = ports[entry.portIndex]
        let ranges =
            entry.destination.kind == .loadBalancer && !port.sourceRanges.isEmpty
            ? AddressSet(port.sourceRanges, family) : nil
        var result: [ContractClass] = []
        var partitions: [SourceArrival: [(AddressSet, ContractOutcome)]] = [:]
        for arrival in SourceArrival.allCases {
            partitions[arrival] = entry.partition(arrival: arrival, family)
        }
        for group in groups(for: entry, port) where !group.addresses.isEmpty {
            for (part, outcome) in partitions[group.arrival] ?? [] {
                let own = group.addresses.intersection(part)
                for (addresses, isInside) in Self.split(own, by: ranges) where !addresses.isEmpty {
                    guard let example = example(of: addresses, preferred: group.known) else { continue }
                    let source = SourceClass(
                        group.kind, arrival: group.arrival, addresses: addresses, representative: example,
                        isInSourceRanges: isInside)
                    result.append(ContractClass(source: source, outcome: outcome))
                }
            }
        }
        return result
    }

    private struct Group {
        let kind: SourceClass.Kind
        let arrival: SourceArrival
        let addresses: AddressSet
        var known: [IPAddress] = []
    }

    /// Who sends, before the entry tells them apart further.
    private func groups(for entry: ContractEntry, _ port: ServicePortIntent) -> [Group] {
        let pods = network.ownPods
        let endpoints = AddressSet(
            port.endpoints.lazy.filter(\.isLocal).map(\.address.address).filter(pods.contains), family)
        let others = pods.subtracting(endpoints)
        var host = network.localAddresses.subtracting(network.loopback)
        var known = network.nodeAddresses
        var answersLoopback = false
        switch entry.destination.address {
        case .one(let address):
            // The address is on kube-ipvs0, so the host takes it as its own source.
            if parameters.mode == .ipvs, entry.destination.kind != .nodePort {
                host = host.union(AddressSet([address], family))
                known = [address]
            }
        case .anyLocal(let excluded):
            answersLoopback = !network.loopback.isSubset(of: excluded)
        }
        let elsewhere = network.otherNodes.union(network.otherPods)
        let outside = Self.unicast(family).subtracting(elsewhere).subtracting(pods).subtracting(host)
            .subtracting(network.localAddresses)
        return [
            Group(kind: .podOfNode, arrival: .podDevice, addresses: others, known: network.knownOwnPods),
            Group(kind: .endpointItself, arrival: .podDevice, addresses: endpoints),
            Group(kind: .hostProcess, arrival: .host, addresses: host, known: known),
            Group(
                kind: .hostLoopback, arrival: .host,
                addresses: answersLoopback ? network.loopback : .empty(family)),
            Group(kind: .otherNode, arrival: .network, addresses: network.otherNodes),
            Group(
                kind: .podOfOtherNode, arrival: .network, addresses: network.otherPods.subtracting(network.otherNodes),
                known: network.knownOtherPods),
            Group(kind: .outside, arrival: .network, addresses: outside, known: network.outside[family]),
        ]
    }

    private static func split(_ set: AddressSet, by ranges: AddressSet?) -> [(AddressSet, Bool?)] {
        guard let ranges else { return [(set, nil)] }
        return [(set.intersection(ranges), true), (set.subtracting(ranges), false)]
    }

    /// A known address, else one that is neither the first nor the last of its range where there are others.
    private func example(of set: AddressSet, preferred: [IPAddress]) -> IPAddress? {
        if let known = preferred.first(where: set.contains) { return known }
        return set.addresses(atMost: 3).last { set.contains($0) }
    }

    /// What a packet from elsewhere may have as its source.
    private static func unicast(_ family: AddressFamily) -> AddressSet {
        let texts =
            family == .ipv4
            ? ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"] : ["::/8", "fe80::/10", "ff00::/8"]
        return AddressSet(texts.compactMap { IPPrefix($0) }, family).complement
    }
}
