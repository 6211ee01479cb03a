package import ClewNet
package import ClewSnapshot

/// An address and port that a connection can be opened to.
package struct FlowDestination: Sendable, Hashable {
    package var address: IPAddress
    /// `nil`: none was named, and the protocol has none.
    package var port: UInt16?
    /// `nil`: the destination does not say.
    package var ipProtocol: IPProtocol?

    package init(_ address: IPAddress, port: UInt16?, ipProtocol: IPProtocol?) {
        self.address = address
        self.port = port
        self.ipProtocol = ipProtocol
    }
}

extension Service {
    /// The ports a user means: of that name or number, every one without; narrowed by the protocol.
    ///
    /// A number is also a node port where the connection goes to one.
    package func ports(
        matching choice: TargetPort?, _ transport: FlowTransport?, kind: ServiceAddressKind?
    ) throws(FlowError) -> [ServicePort] {
        let named =
            switch choice {
            case nil: ports
            case .name(let name): ports.filter { $0.name == name }
            case .number(let number):
                ports.filter { $0.port == number || kind == .nodePort && $0.nodePort == number }
            }
        guard let choice else { return try narrowed(ports, transport) }
        guard !named.isEmpty else { throw FlowError("svc/\(name) has no port \(choice.text)\(portHint(choice))") }
        return try narrowed(named, transport)
    }

    private func narrowed(_ ports: [ServicePort], _ transport: FlowTransport?) throws(FlowError) -> [ServicePort] {
        guard let transport else { return ports }
        let same = ports.filter { FlowTransport($0.ipProtocol) == transport }
        guard same.isEmpty, let first = ports.first else { return same }
        throw FlowError("port \(first.label) of svc/\(name) speaks \(first.ipProtocol), not \(transport.rawValue)")
    }

    private func portHint(_ choice: TargetPort) -> String {
        if let port = ports.first(where: { $0.targetPort == choice }) {
            return ": that is the targetPort of its port \(port.label)"
        }
        if case .number(let number) = choice, let port = ports.first(where: { $0.nodePort == number }) {
            return ": that is the nodePort of its port \(port.label) (--kind nodeport)"
        }
        guard !ports.isEmpty else { return ": it lists none" }
        return "; it has \(ports.map(\.label).joined(separator: ", "))"
    }

    /// Where its connections of a kind go, except NodePorts (those need the nodes) and headless Services.
    package func addresses(_ kind: ServiceAddressKind) throws(FlowError) -> [IPAddress] {
        switch kind {
        case .clusterIP:
            guard clusterIPs.isEmpty else { return clusterIPs }
            throw FlowError("svc/\(name) has no cluster IP\(isHeadless ? ": it is headless" : "")")
        case .externalIP:
            guard externalIPs.isEmpty else { return externalIPs }
            throw FlowError("svc/\(name) has no external IPs")
        case .loadBalancer:
            let addresses = loadBalancerIngress.compactMap(\.address)
            guard addresses.isEmpty else { return addresses }
            guard let host = loadBalancerIngress.lazy.compactMap(\.hostname).first else {
                throw FlowError("svc/\(name) has no load balancer address (its type is \(type))")
            }
            throw FlowError("svc/\(name) has a load balancer by name only, '\(host)': trace to its address")
        case .nodePort:
            return []
        }
    }
}

extension ServicePort {
    /// Name, number and protocol: `http (80/tcp)`, or `80/tcp` without a name.
    package var label: String { name.isEmpty ? "\(port)/\(ipProtocol)" : "\(name) (\(port)/\(ipProtocol))" }
}

extension TargetPort {
    package var text: String {
        switch self {
        case .number(let number): String(number)
        case .name(let name): "'\(name)'"
        }
    }
}

/// The addresses behind a Service, by what the API says of them.
package struct ServiceEndpoints: Sendable {
    package var ready: [FlowDestination] = []
    package var notReadyCount = 0

    /// Reads the EndpointSlices of a Service, or its Endpoints where it has no slice.
    package init(of service: Service, port: ServicePort?, slices: [EndpointSlice], endpoints: Endpoints?) {
        for slice in slices where slice.addressType != "FQDN" {
            add(slice.endpoints, ports: slice.ports, of: port) { $0.conditions.ready ?? true }
        }
        if slices.isEmpty, let endpoints {
            for subset in endpoints.subsets {
                add(subset.ready, ports: subset.ports, of: port) { _ in true }
                add(subset.notReady, ports: subset.ports, of: port) { _ in false }
            }
        }
        var seen: Set<FlowDestination> = []
        ready = ready.filter { seen.insert($0).inserted }
    }

    private mutating func add(
        _ endpoints: [Endpoint], ports: [EndpointPort], of servicePort: ServicePort?, isReady: (Endpoint) -> Bool
    ) {
        let same = ports.filter { $0.name == servicePort?.name && $0.ipProtocol == servicePort?.ipProtocol }
        for endpoint in endpoints {
            guard let address = endpoint.addresses.first else { continue }
            guard isReady(endpoint) else {
                notReadyCount += 1
                continue
            }
            guard let servicePort else {
                ready.append(FlowDestination(address, port: nil, ipProtocol: nil))
                continue
            }
            for port in same {
                let number = port.port ?? servicePort.port
                ready.append(FlowDestination(address, port: number, ipProtocol: servicePort.ipProtocol))
            }
        }
    }
}
