package import ClewBundle
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
    /// The EndpointSlice, or Endpoints, that names it.
    package var slice: NamespacedName
    package var source: SourceLine
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
    /// The annotation `service.kubernetes.io/topology-mode`, or its older name, is neither empty nor `Disabled`.
    package var asksForHints: Bool
    /// Sorted by address text, as kube-proxy sorts them (`endpointslicecache.go`).
    package var endpoints: [EndpointIntent]
    package var source: SourceLine

    /// Whether anything outside the cluster can reach it (`ServicePort.ExternallyAccessible`).
    package var isExternallyAccessible: Bool {
        nodePort != nil || !loadBalancerIPs.isEmpty || !externalIPs.isEmpty
    }
    package var usesClusterEndpoints: Bool { !internalPolicyIsLocal || isExternallyAccessible }
    package var usesLocalEndpoints: Bool { internalPolicyIsLocal || (externalPolicyIsLocal && isExternallyAccessible) }
}
