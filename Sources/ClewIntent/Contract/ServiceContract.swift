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
    /// Ports on which kube-proxy itself says whether the node has endpoints; sorted by port.
    package let healthChecks: [HealthCheckContract]
    /// Since when pods are not ready, where they say, by address.
    let unreadySince: [IPAddress: String]
    /// The entries of a destination's address, protocol and port.
    private var index: [Key: [Int]] = [:]

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
        healthChecks = HealthCheckContract.all(ports)
        var since: [IPAddress: String] = [:]
        for pod in objects.pods where pod.isReady == false && !pod.hasEnded {
            for address in pod.addresses { since[address] = pod.unreadySince }
        }
        unreadySince = since
        var builder = ContractBuilder(family: family, parameters: parameters, network: network)
        for (index, port) in ports.enumerated() { builder.add(port, index: index) }
        for entry in builder.entries { add(entry) }
    }

    private mutating func add(_ entry: ContractEntry) {
        let destination = entry.destination
        var key = Key(address: nil, ipProtocol: destination.ipProtocol, port: destination.port)
        if case .one(let address) = destination.address { key.address = address }
        var entry = entry
        for other in index[key] ?? [] where overlaps(destination, entries[other].destination) {
            entries[other].rivals.append(entry.service)
            entry.rivals.append(entries[other].service)
        }
        index[key, default: []].append(entries.count)
        entries.append(entry)
    }

    private func overlaps(_ a: ContractDestination, _ b: ContractDestination) -> Bool {
        guard case .anyLocal(let first) = a.address, case .anyLocal(let second) = b.address else { return true }
        return !first.complement.isSubset(of: second)
    }

    /// The entry that takes connections to an address and port of this node's view; `nil` where none does.
    ///
    /// An entry for the address itself goes before the NodePorts; among rivals it is the first by name.
    package func entry(to address: IPAddress, _ ipProtocol: IPProtocol, port: UInt16) -> ContractEntry? {
        if let own = index[Key(address: address, ipProtocol: ipProtocol, port: port)]?.first { return entries[own] }
        guard network.localAddresses.contains(address) else { return nil }
        let any = index[Key(address: nil, ipProtocol: ipProtocol, port: port)] ?? []
        return any.lazy.map { entries[$0] }.first { entry in
            guard case .anyLocal(let excluded) = entry.destination.address else { return false }
            return !excluded.contains(address)
        }
    }
}
