import ClewNet
import ClewSnapshot

/// Where a connection begins, before its destination is known.
enum FlowStart {
    /// `families` empty: not known, so any.
    case host(node: String, addresses: [IPAddress], families: Set<AddressFamily>)
    case pod(node: String, addresses: [IPAddress], name: NamespacedName?)
    /// `via` nil: it depends on the destination.
    case outside(addresses: [IPAddress], via: String?)

    /// Whether it can send to that address: has one of its family.
    func has(_ destination: IPAddress) -> Bool {
        switch self {
        case .host(_, let addresses, let families):
            if !addresses.isEmpty { return addresses.contains { $0.family == destination.family } }
            return families.isEmpty || destination.isLoopback || families.contains(destination.family)
        case .pod(_, let addresses, _), .outside(let addresses, _):
            return addresses.contains { $0.family == destination.family }
        }
    }
}

extension FlowResolver {
    /// Looks the source up.
    func origin(_ request: FlowRequest) throws(FlowError) -> FlowStart {
        let via = try request.via.map { name throws(FlowError) in try collectedNode(name).name }
        switch request.from {
        case .node(let name):
            let node = try collectedNode(name)
            try refuseVia(request, via, startsOn: name)
            return .host(node: name, addresses: request.source.map { [$0] } ?? [], families: families(of: node))
        case .pod(let name):
            return try podOrigin(name, request, via)
        case .address(let address):
            try refuseSource(request)
            return try addressOrigin(address, request, via)
        }
    }

    private func podOrigin(
        _ name: NamespacedName, _ request: FlowRequest, _ via: String?
    ) throws(FlowError) -> FlowStart {
        let pod = try pod(name)
        guard let node = pod.node else { throw FlowError("pod/\(name) is on no node yet") }
        guard collected[node] != nil else {
            try refuseSource(request)
            guard via == nil else { return .outside(addresses: pod.addresses, via: via) }
            throw FlowError(
                "node \(node), where pod/\(name) runs, was not collected; \(collectedList) "
                    + "(--via NODE traces from where the connection enters a collected node)")
        }
        try refuseVia(request, via, startsOn: node)
        if pod.usesHostNetwork {
            return .host(node: node, addresses: request.source.map { [$0] } ?? pod.addresses, families: [])
        }
        try refuseSource(request)
        return .pod(node: node, addresses: pod.addresses, name: name)
    }

    private func addressOrigin(
        _ address: IPAddress, _ request: FlowRequest, _ via: String?
    ) throws(FlowError) -> FlowStart {
        if address.isLoopback {
            throw FlowError("\(address) is on every node: say --from node/NAME --source \(address)")
        }
        guard !address.isMulticast, !address.isBroadcast, !address.isZero else {
            throw FlowError("\(address) is no host's address: a connection cannot come from it")
        }
        switch owner(address) {
        case .host(let node):
            try refuseVia(request, via, startsOn: node)
            return .host(node: node, addresses: [address], families: [])
        case .pod(let node, let name):
            // An address that only a route places on a node may as well be a client that the user knows to be outside.
            if name == nil, via != nil { return .outside(addresses: [address], via: via) }
            try refuseVia(request, via, startsOn: node)
            return .pod(node: node, addresses: [address], name: name)
        case .uncollectedHost, .uncollectedPod, .nobody:
            return .outside(addresses: [address], via: via)
        }
    }

    private func refuseVia(_ request: FlowRequest, _ via: String?, startsOn node: String) throws(FlowError) {
        guard let via, via != node else { return }
        throw FlowError("\(request.fromText) is on node \(node): its connections do not enter via \(via)")
    }

    private func refuseSource(_ request: FlowRequest) throws(FlowError) {
        guard let source = request.source else { return }
        throw FlowError(
            "--source \(source) is for a process on a node (--from node/NAME); \(request.fromText) has its own address")
    }

    /// The families in which a node's host namespace can send; empty where nothing says.
    private func families(of node: NodeSnapshot) -> Set<AddressFamily> {
        var result: Set<AddressFamily> = []
        for address in (node.host.links ?? []).lazy.flatMap(\.addresses).map(\.address.address)
        where !address.isLoopback && !address.isLinkLocal {
            result.insert(address.family)
        }
        for address in nodeAddresses(node.name) { result.insert(address.family) }
        for route in node.host.routes ?? [] where route.type == .unicast {
            let to = route.destination.address
            if !to.isLinkLocal, !to.isMulticast, !to.isLoopback { result.insert(route.destination.family) }
        }
        return result
    }

    /// Every way a connection can begin towards one address.
    func origins(
        _ start: FlowStart, to destination: IPAddress, _ request: FlowRequest
    ) throws(FlowError) -> [(FlowOrigin, IPAddress?)] {
        func own(_ addresses: [IPAddress]) -> IPAddress? { addresses.first { $0.family == destination.family } }
        switch start {
        case .host(let node, let addresses, _):
            return [(.host(node: node), own(addresses))]
        case .pod(let node, let addresses, let name):
            guard let address = own(addresses) else { return [] }
            return [(.pod(node: node, address: address, name: name), address)]
        case .outside(let addresses, let via):
            guard let address = own(addresses) else { return [] }
            let nodes = if let via { [via] } else { try entryNodes(destination) }
            return nodes.map { (.outside(address: address, via: $0), address) }
        }
    }

    /// The nodes where a connection from outside to an address arrives: its owner, else any.
    private func entryNodes(_ destination: IPAddress) throws(FlowError) -> [String] {
        let everyNode = snapshot.nodes.map(\.name)
        guard !everyNode.isEmpty else { throw FlowError("no node was collected in this bundle") }
        // IPVS puts every cluster IP on a device of every node, so a look-up would name just one of them.
        guard !clusterIPs.contains(destination) else { return everyNode }
        switch owner(destination) {
        case .host(let node), .pod(let node, _):
            return [node]
        case .uncollectedHost(let node), .uncollectedPod(.some(let node), _):
            throw FlowError(
                "node \(node), which owns \(destination), was not collected; \(collectedList) "
                    + "(--via NODE names where the connection enters)")
        case .uncollectedPod(nil, _), .nobody:
            return everyNode
        }
    }
}
