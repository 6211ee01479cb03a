package import ClewNet

/// How kube-proxy tells traffic of this node's pods from other traffic (`detectLocalMode`).
package enum LocalTrafficDetection: Sendable, Hashable {
    /// By a source inside these prefixes: the cluster's, or the node's own.
    case sources([IPPrefix])
    case bridge(String)
    case interfacePrefix(String)
    /// Not at all: nothing is masqueraded for being foreign.
    case none
}

/// How kube-proxy programs the kernel (`mode`).
package enum ProxyMode: String, Sendable, Hashable, CaseIterable {
    case iptables, ipvs, nftables
}

/// What kube-proxy on one node works with, besides the API's objects.
package struct ProxyParameters: Sendable, Hashable {
    package var nodeName: String
    package var zone: String?
    package var nodeAddresses: [IPAddress]
    package var localDetection: LocalTrafficDetection
    package var mode = ProxyMode.iptables
    package var version = ProxyVersion.v1_36
    package var masqueradeAll = false
    /// 0 to 31.
    package var masqueradeBit: UInt8 = 14
    /// Networks whose node addresses take NodePorts; empty is every local address.
    package var nodePortAddresses: [IPPrefix] = []
    /// NodePorts on 127.0.0.0/8 (iptables mode, IPv4).
    package var localhostNodePorts = true
    package var conntrackIsLiberal = false
    /// IPVS mode: `ipvs.scheduler`.
    package var scheduler = "rr"

    package init(nodeName: String, nodeAddresses: [IPAddress], localDetection: LocalTrafficDetection) {
        self.nodeName = nodeName
        self.nodeAddresses = nodeAddresses
        self.localDetection = localDetection
    }

    /// What kube-proxy takes for the node's own address where `loadBalancerSourceRanges` let the node in.
    ///
    /// 1.23 with both families knew only its bind address (`nodeIPTuple` in `server_others.go`), by default 0.0.0.0.
    package var addressesInSourceRanges: [IPAddress] {
        version.knowsNodeAddress ? nodeAddresses : [.zero(.ipv4), .zero(.ipv6)]
    }

    /// The mark that asks for masquerade.
    package var masqueradeMark: PacketMark { PacketMark(rawValue: 1 << UInt32(masqueradeBit & 31)) }
}
