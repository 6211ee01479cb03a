/// Which kube-proxy's habits to follow: the minor version of Kubernetes 1.
package struct ProxyVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let minor: Int
    package init(minor: Int) { self.minor = minor }
    package static func < (a: Self, b: Self) -> Bool { a.minor < b.minor }
    package var description: String { "1.\(minor)" }

    package static let v1_23 = ProxyVersion(minor: 23)
    package static let v1_30 = ProxyVersion(minor: 30)
    package static let v1_36 = ProxyVersion(minor: 36)

    /// Counts dropped INVALID packets and localhost NodePorts with `-m nfacct`.
    package var countsWithNfacct: Bool { minor >= 33 }
    /// One chain for traffic from outside (KUBE-EXT), drops by rules of the filter table; before, KUBE-XLB and marks.
    package var hasExternalChains: Bool { minor >= 24 }
    /// Takes the node's address from the Node object in dual-stack mode.
    package var knowsNodeAddress: Bool { minor >= 24 }
    /// Keeps NodePorts off `::1`, and off 127.0.0.0/8 where told to.
    package var sparesLoopbackNodePorts: Bool { minor >= 26 }
    /// Writes KUBE-FIREWALL itself; before, kubelet did.
    package var ownsFirewall: Bool { minor >= 27 }
    /// Chooses endpoints by CategorizeEndpoints: hints, and terminating ones as the last resort.
    package var categorizesEndpoints: Bool { minor >= 24 }
    /// Prefers endpoints hinted for the node itself (PreferSameTrafficDistribution).
    package var readsNodeHints: Bool { minor >= 34 }
    /// Follows hints only of Services that ask for them by annotation.
    package var needsHintsAnnotation: Bool { minor <= 30 }
    /// Leaves load-balancer addresses of mode `Proxy` alone (LoadBalancerIPMode).
    package var honoursIPMode: Bool { minor >= 30 }
    /// IPVS mode: load-balancer addresses are closed to nodes outside their ranges (KUBE-IPVS-OUT-FILTER).
    package var filtersNodeToLoadBalancer: Bool { minor >= 29 }
    /// IPVS mode: source ranges are kept by the filter table.
    package var filtersSourceRanges: Bool { minor >= 27 }
}
