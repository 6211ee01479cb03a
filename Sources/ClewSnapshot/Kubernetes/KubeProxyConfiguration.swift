package import ClewBundle
package import ClewNet

/// What kube-proxy was told (`k8s.io/kube-proxy/config/v1alpha1`, `KubeProxyConfiguration`), as far as a trace needs it.
///
/// Read from its file, its `/configz`, its `/proxyMode` or its ConfigMap; a field that is not there is `nil` or empty.
package struct KubeProxyConfiguration: Sendable, Hashable {
    /// `iptables`, `ipvs`, `nftables`; empty or absent is the default of the version, on Linux `iptables`.
    package var mode: String?
    /// One prefix per family.
    package var clusterCIDRs: [IPPrefix] = []
    /// Prefixes as written, or the word `primary`; empty is every local address.
    package var nodePortAddresses: [String] = []
    /// Of the section of the mode in force (`iptables`, `ipvs` shares it, `nftables`).
    package var masqueradeAll: Bool?
    /// The bit of the mark that asks for masquerade, 0 to 31; the default is 14.
    package var masqueradeBit: UInt8?
    /// `ClusterCIDR`, `NodeCIDR`, `BridgeInterface`, `InterfaceNamePrefix`; empty is `ClusterCIDR`.
    package var detectLocalMode: String?
    /// `detectLocal.bridgeInterface` and `detectLocal.interfaceNamePrefix`; `nil` where empty.
    package var bridgeInterface: String?
    package var interfaceNamePrefix: String?
    /// NodePorts on 127.0.0.0/8 (`iptables.localhostNodePorts`).
    package var localhostNodePorts: Bool?
    /// `ipvs.scheduler`; `nil` where empty, which is `rr`.
    package var scheduler: String?
    /// `ipvs.strictARP`.
    package var strictARP: Bool?
    /// `conntrack.maxPerCore` and `conntrack.min`; 0 leaves the kernel's value alone.
    package var conntrackMaxPerCore: UInt32?
    package var conntrackMin: UInt32?
    package var hostnameOverride: String?
    package var source: SourceLine

    package init(source: SourceLine) { self.source = source }
}
