package import ClewBundle
package import ClewNet

/// A network device, as `ip -d link` and `ip addr` show it.
package struct Link: Sendable {
    package var index: UInt32
    package var name: String
    /// `IFF_UP`: set up by an administrator.
    package var isUp: Bool
    /// `LOWER_UP`: has a carrier.
    ///
    /// `nil` where the tool does not say.
    package var hasCarrier: Bool?
    package var isLoopback: Bool
    package var isPointToPoint: Bool
    package var isNoARP: Bool
    /// `PROMISC`, set by an administrator or a daemon; a running capture does not count.
    package var isPromiscuous: Bool
    /// Bytes of an IP packet; 0 where the tool does not say.
    package var mtu: UInt32
    package var mac: MACAddress?
    package var kind: LinkKind
    /// The bridge, bond or VRF it belongs to.
    package var master: String?
    /// `eth0@if4`, `"link_index"`: the peer's or lower device's index.
    package var peerIndex: UInt32?
    /// `eth0@cni0`, `"link"`: the lower device's name, in the same namespace.
    package var lowerName: String?
    /// `link-netnsid`: the peer is in another namespace.
    package var peerNamespaceID: Int32?
    package var bridge: BridgeOptions?
    package var port: BridgePort?
    package var tunnel: TunnelOptions?
    /// An XDP program is attached: the packet may never reach the hooks.
    package var hasXDP: Bool
    package var addresses: [InterfaceAddress]
    package var source: SourceLine

    package init(index: UInt32, name: String, kind: LinkKind = .unknown(""), source: SourceLine) {
        self.index = index
        self.name = name
        self.kind = kind
        self.source = source
        isUp = true
        isLoopback = name == "lo"
        isPointToPoint = false
        isNoARP = false
        isPromiscuous = false
        mtu = 0
        hasXDP = false
        addresses = []
    }
}

/// What kind of device a link is (`IFLA_INFO_KIND`).
package enum LinkKind: Sendable, Hashable {
    /// A device without a kind: hardware, virtio, loopback.
    case physical
    case loopback
    case veth, bridge, vxlan, ipip, sit, tun, dummy, vlan, macvlan, ipvlan, bond, vrf, gre, geneve, wireguard, ifb
    /// The kind as printed; empty where the tool does not print kinds (`ip addr` without `-d`).
    case unknown(String)
}

package struct InterfaceAddress: Sendable, Hashable {
    /// With the prefix length of the device's network.
    package var address: IPPrefix
    /// The other end of a point-to-point link.
    package var peer: IPPrefix?
    package var broadcast: IPAddress?
    /// `global`, `link`, `host`, `site`.
    package var scope: String
    package var isSecondary: Bool
    /// `tentative` or `dadfailed`: the kernel does not use it.
    package var isTentative: Bool
    package var isDeprecated: Bool
    package var source: SourceLine

    package init(address: IPPrefix, scope: String = "global", source: SourceLine) {
        self.address = address
        self.scope = scope
        self.source = source
        isSecondary = false
        isTentative = false
        isDeprecated = false
    }
}

package struct BridgeOptions: Sendable, Hashable {
    package var vlanFiltering = false
    /// `nf_call_iptables` of this bridge alone; `nil` where not printed.
    package var callIptables: Bool?
    package var callIp6tables: Bool?
    package init() {}
}

/// How a bridge treats a port (`bridge -d link`, `ip -d link`'s `info_slave_data`).
package struct BridgePort: Sendable, Hashable {
    package var bridge: String
    /// `disabled`, `listening`, `learning`, `forwarding`, `blocking`.
    package var state: String?
    package var hairpin: Bool?
    package var isolated: Bool?
    package var source: SourceLine
    package init(bridge: String, source: SourceLine) {
        self.bridge = bridge
        self.source = source
    }
}

/// A tunnel device's parameters: VXLAN, IPIP, GRE, Geneve.
package struct TunnelOptions: Sendable, Hashable {
    package var local: IPAddress?
    package var remote: IPAddress?
    /// VXLAN: the network identifier.
    package var vni: UInt32?
    /// VXLAN: UDP destination port; the kernel's own default is 8472.
    package var port: UInt16?
    /// The underlay device.
    package var device: String?
    package var ttl: UInt8?
    /// VXLAN: learns forwarding entries from traffic.
    package var learning: Bool?
    /// External or collect-metadata mode: a program decides where packets go.
    package var isExternal = false
    package init() {}
}
