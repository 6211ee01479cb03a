package import ClewNet
package import ClewSnapshot

/// What the API asks of one node's kube-proxy, in one family.
package struct ServiceContract: Sendable {
    package let family: AddressFamily
    package let parameters: ProxyParameters
    package let network: NodeNetwork
    /// Sorted by name.
    package let ports: [ServicePortIntent]
    /// By Service port, then ClusterIP, external, load-balancer, NodePort.
    package private(set) var entries: [ContractEntry] = []
    /// Services without entries, and why; sorted by name.
    package let unserved: [UnservedService]
    /// The entries of a destination's address, protocol and port.
    private var index: [Key: Int] = [:]

    private struct Key: Hashable {
        /// `nil`: every local address.
        var address: IPAddress?
        var ipProtocol: IPProtocol
        var port: UInt16
    }

    package init(
        _ objects: KubernetesObjects, family: AddressFamily, for parameters: ProxyParameters, network: NodeNetwork
    ) {
        self.family = family
        self.parameters = parameters
        self.network = network
        ports = ServiceIntents.all(in: objects, family: family, for: parameters)
        unserved = ServiceIntents.unserved(in: objects, family: family)
        var builder = ContractBuilder(family: family, parameters: parameters, network: network)
        for (index, port) in ports.enumerated() { builder.add(port, index: index) }
        for entry in builder.entries { add(entry) }
    }

    private mutating func add(_ entry: ContractEntry) {
        let destination = entry.destination
        var key = Key(address: nil, ipProtocol: destination.ipProtocol, port: destination.port)
        if case .one(let address) = destination.address { key.address = address }
        if let other = index[key] {
            entries[other].rivals.append(entry.service)
            var entry = entry
            entry.rivals.append(entries[other].service)
            entries.append(entry)
        } else {
            index[key] = entries.count
            entries.append(entry)
        }
    }

    /// The entry that takes connections to an address and port of this node's view; `nil` where none does.
    ///
    /// An entry for the address itself goes before the NodePorts.
    package func entry(to address: IPAddress, _ ipProtocol: IPProtocol, port: UInt16) -> ContractEntry? {
        if let own = index[Key(address: address, ipProtocol: ipProtocol, port: port)] { return entries[own] }
        guard network.localAddresses.contains(address),
            let any = index[Key(address: nil, ipProtocol: ipProtocol, port: port)],
            case .anyLocal(let excluded) = entries[any].destination.address, !excluded.contains(address)
        else { return nil }
        return entries[any]
    }
}
