package import ClewNet
package import ClewSnapshot

/// A port of a Service as kube-proxy names it: `shop/api:http`, `shop/api` where the port has no name (`types.go`).
package struct ServicePortName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var service: NamespacedName
    package var port: String
    package var ipProtocol: IPProtocol

    package init(_ service: NamespacedName, port: String, ipProtocol: IPProtocol) {
        self.service = service
        self.port = port
        self.ipProtocol = ipProtocol
    }

    package var description: String { port.isEmpty ? service.description : "\(service):\(port)" }

    package static func < (a: Self, b: Self) -> Bool {
        (a.description, a.ipProtocol) < (b.description, b.ipProtocol)
    }
}

/// One endpoint of a Service port, with what decides whether it is used.
package struct EndpointIntent: Sendable, Hashable {
    package var address: SocketAddress
    package var isLocal: Bool
    package var isReady: Bool
    package var isServing: Bool
    package var isTerminating: Bool
    package var hintZones: [String]
    package var hintNodes: [String]
}

/// What the API asks of one Service port, in one family.
package struct ServicePortIntent: Sendable {
    package var name: ServicePortName
    package var clusterIP: IPAddress
    package var port: UInt16
    package var nodePort: UInt16?
    package var externalIPs: [IPAddress]
    /// Load-balancer addresses of mode VIP.
    package var loadBalancerIPs: [IPAddress]
    package var sourceRanges: [IPPrefix]
    /// Session affinity by client address, in seconds.
    package var affinitySeconds: UInt32?
    package var internalPolicyIsLocal: Bool
    package var externalPolicyIsLocal: Bool
    package var healthCheckNodePort: UInt16?
    /// Sorted by address text, as kube-proxy sorts them (`endpointslicecache.go`).
    package var endpoints: [EndpointIntent]

    /// Whether anything outside the cluster can reach it (`ServicePort.ExternallyAccessible`).
    package var isExternallyAccessible: Bool {
        nodePort != nil || !loadBalancerIPs.isEmpty || !externalIPs.isEmpty
    }
    package var usesClusterEndpoints: Bool { !internalPolicyIsLocal || isExternallyAccessible }
    package var usesLocalEndpoints: Bool { internalPolicyIsLocal || (externalPolicyIsLocal && isExternallyAccessible) }
}

/// The endpoints a Service port uses on one node (`topology.go`, CategorizeEndpoints).
package struct SelectedEndpoints: Sendable {
    package var cluster: [EndpointIntent] = []
    package var local: [EndpointIntent] = []
    /// Those that some rule of this node leads to.
    package var reachable: [EndpointIntent] = []
    /// Whether the Service has any endpoint to use, here or elsewhere.
    package var hasAny = false
}

extension ServicePortIntent {
    /// Chooses the endpoints for a node.
    package func selected(for parameters: ProxyParameters) -> SelectedEndpoints {
        var result = SelectedEndpoints()
        guard !endpoints.isEmpty else { return result }
        if usesClusterEndpoints {
            result.cluster = endpoints.filter { $0.isReady && isAvailable($0, parameters) }
            if result.cluster.isEmpty { result.cluster = endpoints.filter { $0.isServing && $0.isTerminating } }
            result.hasAny = !result.cluster.isEmpty
        }
        guard usesLocalEndpoints else {
            result.reachable = result.cluster
            return result
        }
        result.local = endpoints.filter { $0.isLocal && $0.isReady }
        if result.local.isEmpty {
            result.local = endpoints.filter { $0.isLocal && $0.isServing && $0.isTerminating }
        }
        if !result.local.isEmpty { result.hasAny = true }
        guard usesClusterEndpoints else {
            result.hasAny = endpoints.contains { $0.isReady || ($0.isServing && $0.isTerminating) }
            result.reachable = result.local
            return result
        }
        let own = Set(result.cluster.map(\.address))
        result.reachable = result.cluster + result.local.filter { !own.contains($0.address) }
        return result
    }

    /// Topology hints count only where every ready endpoint has one, and one of them is for this node or zone
    /// (`topologyModeFromHints`).
    private func isAvailable(_ endpoint: EndpointIntent, _ parameters: ProxyParameters) -> Bool {
        let ready = endpoints.filter(\.isReady)
        if ready.allSatisfy({ !$0.hintNodes.isEmpty }),
            ready.contains(where: { $0.hintNodes.contains(parameters.nodeName) })
        {
            return endpoint.hintNodes.contains(parameters.nodeName)
        }
        guard let zone = parameters.zone, ready.allSatisfy({ !$0.hintZones.isEmpty }),
            ready.contains(where: { $0.hintZones.contains(zone) })
        else { return true }
        return endpoint.hintZones.contains(zone)
    }
}
