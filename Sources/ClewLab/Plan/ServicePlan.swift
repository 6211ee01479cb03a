package import ClewNet
package import ClewSnapshot

/// A Service and what is behind it, as the API's objects will say.
package struct ServicePlan: Sendable, Hashable {
    package enum Policy: String, Sendable, Hashable { case cluster = "Cluster", local = "Local" }

    package enum Kind: String, Sendable, Hashable {
        case clusterIP = "ClusterIP", nodePort = "NodePort", loadBalancer = "LoadBalancer"
    }

    package struct Port: Sendable, Hashable {
        package var name: String
        package var number: UInt16
        package var target: UInt16
        package var ipProtocol: IPProtocol
        package var nodePort: UInt16?

        package init(
            _ name: String, _ number: UInt16, to target: UInt16, _ ipProtocol: IPProtocol = .tcp,
            nodePort: UInt16? = nil
        ) {
            self.name = name
            self.number = number
            self.target = target
            self.ipProtocol = ipProtocol
            self.nodePort = nodePort
        }
    }

    /// What an EndpointSlice lists.
    package enum Endpoint: Sendable, Hashable {
        case pod(NamespacedName)
        /// A pod in the host's network.
        case host(String)
        /// An address that is nobody's any more, on that node.
        case gone(String, IPAddress)
    }

    package var name: NamespacedName
    package var kind: Kind = .clusterIP
    /// Its ClusterIP is 10.96.0.NUMBER.
    package var number: Int
    package var ports: [Port]
    package var endpoints: [Endpoint]
    /// The pods that its selector means, whether or not an EndpointSlice lists them.
    package let members: [NamespacedName]
    /// What is not made of pods has no selector.
    package var hasSelector: Bool { endpoints.allSatisfy { if case .host = $0 { false } else { true } } }
    package var externalTrafficPolicy: Policy = .cluster
    package var internalTrafficPolicy: Policy = .cluster
    /// Seconds; nil is no session affinity.
    package var affinity: Int?
    /// Numbers of `Addressing.loadBalancer`.
    package var loadBalancers: [Int] = []
    package var sourceRanges: [IPPrefix] = []
    /// Numbers of `Addressing.external`.
    package var externals: [Int] = []

    package init(_ name: String, number: Int, _ ports: [Port], _ endpoints: [Endpoint]) {
        let parts = name.split(separator: "/").map(String.init)
        self.name = parts.count == 2 ? NamespacedName(parts[0], parts[1]) : NamespacedName("shop", name)
        self.number = number
        self.ports = ports
        self.endpoints = endpoints
        members = endpoints.compactMap { if case .pod(let name) = $0 { name } else { nil } }
    }

    /// The label by which pods are meant.
    package var label: String { "shop.example/\(name.name)" }

    package func with(_ change: (inout Self) -> Void) -> Self {
        var result = self
        change(&result)
        return result
    }
}

extension ServicePlan {
    private static func pods(_ names: String...) -> [Endpoint] { names.map { .pod(NamespacedName("shop", $0)) } }

    /// Those that work where nothing is broken: the standard ones but `wrong-port`.
    package static let healthy = standard.filter { $0.name.name != "wrong-port" }

    /// One Service for each way kube-proxy treats them.
    package static let standard: [ServicePlan] = [
        ServicePlan("default/kubernetes", number: 1, [Port("https", 443, to: 6443)], [.host("worker-a")]),
        ServicePlan(
            "kube-system/kube-dns", number: 10,
            [Port("dns", 53, to: 5353, .udp), Port("dns-tcp", 53, to: 5353), Port("metrics", 9153, to: 9090)],
            pods("api-0", "db-0")),
        ServicePlan(
            "api", number: 20, [Port("http", 80, to: 8080, nodePort: 30080), Port("metrics", 9090, to: 9090)],
            pods("api-0", "api-1")
        ).with { $0.kind = .nodePort },
        ServicePlan("api-a", number: 21, [Port("", 80, to: 8080)], pods("api-0")),
        ServicePlan("api-b", number: 22, [Port("", 80, to: 8080, nodePort: 30022)], pods("api-1"))
            .with { $0.kind = .nodePort },
        ServicePlan("local", number: 23, [Port("http", 80, to: 8080, nodePort: 30081)], pods("api-1"))
            .with {
                $0.kind = .nodePort
                $0.externalTrafficPolicy = .local
            },
        ServicePlan("lb", number: 24, [Port("http", 80, to: 8080, nodePort: 30082)], pods("api-0", "api-1"))
            .with {
                $0.kind = .loadBalancer
                $0.loadBalancers = [30]
                $0.sourceRanges = [Addressing.outside(0, .ipv4), Addressing.outside(0, .ipv6)].compactMap {
                    IPPrefix($0, length: $0.family == .ipv4 ? 28 : 124)
                }
            },
        ServicePlan("legacy", number: 25, [Port("http", 8888, to: 8080)], pods("api-1")).with { $0.externals = [9] },
        ServicePlan("sticky", number: 26, [Port("http", 80, to: 8080)], pods("api-0", "api-1", "db-0"))
            .with { $0.affinity = 10_800 },
        ServicePlan("empty", number: 27, [Port("http", 80, to: 8080, nodePort: 30083)], [])
            .with { $0.kind = .nodePort },
        ServicePlan("near", number: 28, [Port("http", 80, to: 8080)], pods("api-0"))
            .with { $0.internalTrafficPolicy = .local },
        ServicePlan("wrong-port", number: 29, [Port("http", 80, to: 8081)], pods("api-0")),
        ServicePlan("dns-b", number: 30, [Port("dns", 53, to: 5353, .udp, nodePort: 30053)], pods("api-1"))
            .with { $0.kind = .nodePort },
    ]
}
