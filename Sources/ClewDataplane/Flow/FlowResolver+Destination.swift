import ClewNet
import ClewSnapshot

extension FlowResolver {
    /// Looks the destination up: every address and port it means, IPv4 first.
    func destinations(_ request: FlowRequest) throws(FlowError) -> [FlowDestination] {
        if case .service(let name) = request.to {
            return try serviceDestinations(try service(name), request)
        }
        if let kind = request.kind {
            throw FlowError("--kind \(kind.rawValue) is for svc/NAMESPACE/NAME, not for '\(request.toText)'")
        }
        try refuseAt(request)
        switch request.to {
        case .service: return []
        case .pod(let name): return try podDestinations(name, request)
        case .node(let name):
            guard collected[name] != nil || apiNodes[name] != nil else { throw unknownNode(name) }
            let port = try numericPort(request)
            let addresses = nodeAddresses(name)
            guard !addresses.isEmpty else { throw FlowError("nothing says which address node \(name) has") }
            return addresses.map { FlowDestination($0, port: port, ipProtocol: nil) }
        case .address(let address):
            try refuseGroups(address)
            return [FlowDestination(address, port: try numericPort(request), ipProtocol: nil)]
        }
    }

    /// A connection has one other end; `connect()` takes the zero address for the host itself (`ip_route_output_key`).
    private func refuseGroups(_ address: IPAddress) throws(FlowError) {
        if address.isZero {
            let loopback = address.family == .ipv4 ? "127.0.0.1" : "::1"
            throw FlowError("\(address) is no host's address: a process that connects to it reaches \(loopback)")
        }
        guard !address.isMulticast, !address.isBroadcast else {
            throw FlowError("\(address) is a group's address: a connection goes to one host")
        }
    }

    private func refuseAt(_ request: FlowRequest) throws(FlowError) {
        guard let at = request.at else { return }
        throw FlowError("--at \(at) names where a NodePort is tried: it needs svc/NAMESPACE/NAME and --kind nodeport")
    }

    private func numericPort(_ request: FlowRequest) throws(FlowError) -> UInt16? {
        switch request.port {
        case nil: return nil
        case .number(let number): return number
        case .name(let name):
            throw FlowError("'\(request.toText)': '\(name)' is not a port number")
        }
    }

    private func podDestinations(
        _ name: NamespacedName, _ request: FlowRequest
    ) throws(FlowError) -> [FlowDestination] {
        let pod = try pod(name)
        var port: UInt16?
        var ipProtocol: IPProtocol?
        switch request.port {
        case nil: break
        case .number(let number): port = number
        case .name(let portName):
            let ports = pod.containerPorts.filter { $0.name == portName }
            guard let found = ports.first(where: { FlowTransport($0.ipProtocol) == request.transport }) ?? ports.first
            else {
                let names = pod.containerPorts.compactMap(\.name)
                throw FlowError(
                    "pod/\(name) has no container port '\(portName)'"
                        + (names.isEmpty ? "; it names none" : "; it has \(names.joined(separator: ", "))"))
            }
            (port, ipProtocol) = (found.containerPort, found.ipProtocol)
        }
        return AddressFamily.allCases.compactMap { family in
            pod.addresses.first { $0.family == family }
        }.map { FlowDestination($0, port: port, ipProtocol: ipProtocol) }
    }

    private func serviceDestinations(_ service: Service, _ request: FlowRequest) throws(FlowError) -> [FlowDestination]
    {
        if service.type == "ExternalName" {
            throw FlowError(
                "svc/\(service.name) is of type ExternalName: it is only a DNS name for "
                    + "'\(service.externalName ?? "")' and no packet has it as its destination; trace to that address")
        }
        if request.kind != .nodePort { try refuseAt(request) }
        let ports = try service.ports(matching: request.port, request.transport, kind: request.kind)
        if service.isHeadless, request.kind == nil { return try headlessDestinations(service, ports, request) }
        let kind = request.kind ?? .clusterIP
        guard !ports.isEmpty else { throw FlowError("svc/\(service.name) lists no ports") }
        if kind == .nodePort { return try nodePortDestinations(service, ports, request) }
        let addresses = try service.addresses(kind).sorted { $0.family < $1.family }
        return addresses.flatMap { address in
            ports.map { FlowDestination(address, port: $0.port, ipProtocol: $0.ipProtocol) }
        }
    }

    private func nodePortDestinations(
        _ service: Service, _ ports: [ServicePort], _ request: FlowRequest
    ) throws(FlowError) -> [FlowDestination] {
        let published = ports.filter { $0.nodePort != nil }
        guard !published.isEmpty else {
            throw FlowError(
                "port \(ports.map(\.label).joined(separator: ", ")) of svc/\(service.name) has no node port "
                    + "(its type is \(service.type))")
        }
        var nodes = snapshot.nodes.map(\.name)
        if let at = request.at {
            guard collected[at] != nil || apiNodes[at] != nil else { throw unknownNode(at) }
            nodes = [at]
        }
        let addresses = nodes.flatMap { nodeAddresses($0) }.filter {
            service.ipFamilies.isEmpty || service.ipFamilies.contains($0.family)
        }
        guard !addresses.isEmpty else {
            throw FlowError(
                "nothing says which address \(nodes.isEmpty ? "a node" : nodes.joined(separator: ", ")) has; "
                    + "trace to ADDRESS:NODEPORT")
        }
        return addresses.sorted { $0.family < $1.family }.flatMap { address in
            published.compactMap { port in
                port.nodePort.map { FlowDestination(address, port: $0, ipProtocol: port.ipProtocol) }
            }
        }
    }

    private func headlessDestinations(
        _ service: Service, _ ports: [ServicePort], _ request: FlowRequest
    ) throws(FlowError) -> [FlowDestination] {
        let slices = (slices[service.name] ?? []).map { snapshot.objects.endpointSlices[$0] }
        let endpoints = snapshot.objects.endpoints.first { $0.name == service.name }
        var result: [FlowDestination] = []
        var notReady = 0
        for port in ports.isEmpty ? [nil] : ports.map(Optional.some) {
            let found = ServiceEndpoints(of: service, port: port, slices: slices, endpoints: endpoints)
            result += found.ready
            notReady += found.notReadyCount
        }
        guard !result.isEmpty else {
            throw FlowError(
                "svc/\(service.name) is headless and has no ready endpoint"
                    + (notReady > 0 ? " (\(notReady) not ready)" : ""))
        }
        return result.sorted { $0.address.family < $1.address.family }
    }
}
