package import ClewNet

/// A way to connect pods: what a CNI plugin and its daemon do to a node.
///
/// A network is one file with a value of this type and one line in `NetworkCatalogue`.
package protocol LabNetwork: Sendable {
    /// `bridge-vxlan`: what the command line calls it.
    var name: String { get }
    /// One line for `clew-lab list`.
    var summary: String { get }
    var families: [AddressFamily] { get }
    /// The MTU of pods, in bytes, where no fault says otherwise.
    var podMTU: Int { get }
    /// Whether pods of a node share a bridge.
    var isBridged: Bool { get }
    /// The device that carries pods' packets to other nodes; nil where they are routed as they are.
    var overlay: String? { get }
    /// Whether the router knows the way to the pods.
    var podsAreRoutable: Bool { get }

    /// How kube-proxy works on its nodes.
    var proxyMode: ProxyMode { get }
    /// The iptables its parts prescribe; nil if either will do.
    var backend: RuleBackend? { get }
    /// Why it cannot be built here; nil if it can.
    var obstacle: String? { get }

    /// Changes what is built, before faults do.
    func prepare(_ plan: inout ClusterPlan)
    /// Makes the node's devices and routes and connects its pods, whose namespaces are still empty.
    ///
    /// `eth0`, its addresses, the default route, the node's sysctls, and `lo` everywhere are there.
    func wire(_ node: LabNode, in lab: Lab) throws(SystemError)
    /// The node's own rules of this network, for `iptables-restore --noflush`; applied behind kube-proxy's.
    func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String]
    /// Sets for `ipset restore`, made before the rules that ask them.
    func sets(for node: NodePlan, _ plan: ClusterPlan) -> [String]
}

extension LabNetwork {
    package var isDualStack: Bool { families.count > 1 }
    package var proxyMode: ProxyMode { .iptables }
    package var backend: RuleBackend? { nil }
    package var obstacle: String? { nil }
    package func prepare(_ plan: inout ClusterPlan) {}
    package func sets(for node: NodePlan, _ plan: ClusterPlan) -> [String] { [] }
}

/// How kube-proxy directs Services (`proxyMode` of its configuration).
package enum ProxyMode: String, Sendable, Hashable { case iptables, ipvs }

/// The networks `clew-lab` knows.
package enum NetworkCatalogue {
    package static let all: [any LabNetwork] = [
        HostGatewayNetwork(families: [.ipv4]), VXLANNetwork(families: [.ipv4]), UDPTunnelNetwork(), RoutedNetwork(),
        HostGatewayNetwork(families: [.ipv4, .ipv6]), VXLANNetwork(families: [.ipv4, .ipv6]), CNINetwork(),
    ]
    /// Those whose kernel modules a virtual machine has to bring.
    package static let virtual: [any LabNetwork] = [
        RoutedNetwork(isTunnelled: true), IPVSNetwork(RoutedNetwork(isTunnelled: true)),
        IPVSNetwork(HostGatewayNetwork(families: [.ipv4])),
    ]

    package static func network(named name: String) -> (any LabNetwork)? {
        (all + virtual).first { $0.name == name }
    }
}
