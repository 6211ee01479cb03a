package import ClewNet

/// Another network with kube-proxy in IPVS mode: `kube-ipvs0`, virtual servers and sets instead of chains a Service.
package struct IPVSNetwork: LabNetwork {
    private let base: any LabNetwork

    package init(_ base: any LabNetwork) { self.base = base }

    package var name: String { "\(base.name)-ipvs" }
    package var summary: String { "\(base.summary); kube-proxy in IPVS mode" }
    package var families: [AddressFamily] { base.families }
    package var podMTU: Int { base.podMTU }
    package var isBridged: Bool { base.isBridged }
    package var overlay: String? { base.overlay }
    package var podsAreRoutable: Bool { base.podsAreRoutable }
    package var proxyMode: ProxyMode { .ipvs }
    /// The virtual machine's kernel has no nf_tables for IPv4.
    package var backend: RuleBackend? { .legacy }
    package var obstacle: String? { base.obstacle }

    package func prepare(_ plan: inout ClusterPlan) { base.prepare(&plan) }

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) { try base.wire(node, in: lab) }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        base.rules(for: node, plan, family)
    }

    package func sets(for node: NodePlan, _ plan: ClusterPlan) -> [String] { base.sets(for: node, plan) }
}
