package import ClewNet

/// Where traffic for a Service port can be sent on one node.
package struct ContractDestination: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case clusterIP = "ClusterIP"
        case externalIP = "external IP"
        case loadBalancer = "load-balancer IP"
        case nodePort = "NodePort"
    }

    package enum Address: Sendable, Hashable {
        case one(IPAddress)
        /// Every address that is local to the node (`-m addrtype --dst-type LOCAL`), except these.
        case anyLocal(except: AddressSet)
    }

    package var kind: Kind
    package var address: Address
    package var ipProtocol: IPProtocol
    package var port: UInt16

    package init(_ kind: Kind, _ address: Address, _ ipProtocol: IPProtocol, port: UInt16) {
        self.kind = kind
        self.address = address
        self.ipProtocol = ipProtocol
        self.port = port
    }
}

extension ContractDestination: CustomStringConvertible {
    package var description: String {
        switch address {
        case .one(let address): "\(kind.rawValue) \(SocketAddress(address, port))/\(ipProtocol)"
        case .anyLocal: "\(kind.rawValue) \(port)/\(ipProtocol)"
        }
    }
}

/// The endpoints a connection is sent to, each with the same chance.
package struct ContractTranslation: Sendable, Hashable {
    package enum Masquerade: Sendable, Hashable {
        /// The sender's address becomes one of the node's.
        case always
        /// Only where the chosen endpoint is the sender itself.
        case onlyToItself
    }

    /// In kube-proxy's order; never empty.
    package var endpoints: [SocketAddress]
    package var masquerade: Masquerade
    /// A client's connections go to one endpoint until it was quiet for so many seconds.
    package var affinitySeconds: UInt32?
    /// The endpoints that are masqueraded to themselves, by address; `nil` is all.
    ///
    /// IPVS mode knows those of its own node only (KUBE-LOOP-BACK).
    package var selfMasqueraded: [IPAddress]?

    package init(
        endpoints: [SocketAddress], masquerade: Masquerade, affinitySeconds: UInt32? = nil,
        selfMasqueraded: [IPAddress]? = nil
    ) {
        self.endpoints = endpoints
        self.masquerade = masquerade
        self.affinitySeconds = affinitySeconds
        self.selfMasqueraded = selfMasqueraded
    }

    /// Whether a connection from an address to one of the endpoints is masqueraded.
    package func isMasqueraded(from source: IPAddress, to endpoint: SocketAddress) -> Bool {
        if source == endpoint.address, selfMasqueraded?.contains(source) ?? true { return true }
        return masquerade == .always
    }
}

/// What must become of a connection.
package enum ContractOutcome: Sendable, Hashable {
    case translated(ContractTranslation)
    /// Answered with ICMP port unreachable.
    case rejected
    case dropped
    /// Left alone by kube-proxy: it goes on with the destination it has.
    case untouched
}

/// One step of a contract entry.
package struct ContractArm: Sendable, Hashable {
    package var condition: SourceCondition
    package var outcome: ContractOutcome

    package init(_ condition: SourceCondition, _ outcome: ContractOutcome) {
        self.condition = condition
        self.outcome = outcome
    }
}

/// What kube-proxy owes to connections that are sent to one destination.
package struct ContractEntry: Sendable {
    package var destination: ContractDestination
    package var service: ServicePortName
    /// The first arm whose condition holds decides; the last always holds.
    package var arms: [ContractArm]
    /// Other Service ports that claim the same destination; which of them is served is not defined.
    package var rivals: [ServicePortName] = []
    /// Index into ``ServiceContract/ports``.
    package var portIndex: Int

    package init(
        _ destination: ContractDestination, service: ServicePortName, arms: [ContractArm], portIndex: Int
    ) {
        self.destination = destination
        self.service = service
        self.arms = arms
        self.portIndex = portIndex
    }

    /// What must become of a connection from one sender.
    package func outcome(from source: IPAddress, arrival: SourceArrival) -> ContractOutcome {
        arms.first { $0.condition.holds(for: source, arrival: arrival) }?.outcome ?? .untouched
    }

    /// The senders of one way of arrival, parted by outcome.
    ///
    /// The parts do not overlap and hold every address; equal outcomes are one part.
    package func partition(arrival: SourceArrival, _ family: AddressFamily) -> [(AddressSet, ContractOutcome)] {
        var rest = AddressSet.all(family)
        var result: [(AddressSet, ContractOutcome)] = []
        for arm in arms where !rest.isEmpty {
            let own = arm.condition.addresses(arrival: arrival, family)
            let part = rest.intersection(own)
            guard !part.isEmpty else { continue }
            rest = rest.subtracting(own)
            if let index = result.firstIndex(where: { $0.1 == arm.outcome }) {
                result[index].0 = result[index].0.union(part)
            } else {
                result.append((part, arm.outcome))
            }
        }
        return result
    }
}
