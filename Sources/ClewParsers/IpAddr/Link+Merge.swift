package import ClewSnapshot

extension Link {
    /// Adds what another listing of the same device knows and this one does not: `ip addr` has addresses, `ip -d link`
    /// details, `bridge link` nothing but the port.
    ///
    /// Where both know something, this one stays.
    package mutating func merge(_ other: Link) {
        if index == 0 { index = other.index }
        if mtu == 0 { mtu = other.mtu }
        hasCarrier = hasCarrier ?? other.hasCarrier
        mac = mac ?? other.mac
        if kind == .unknown("") || kind == .physical && other.kind != .unknown("") { kind = other.kind }
        master = master ?? other.master
        peerIndex = peerIndex ?? other.peerIndex
        lowerName = lowerName ?? other.lowerName
        peerNamespaceID = peerNamespaceID ?? other.peerNamespaceID
        bridge = bridge ?? other.bridge
        if var port, let more = other.port {
            if port.bridge.isEmpty { port.bridge = more.bridge }
            port.state = port.state ?? more.state
            port.hairpin = port.hairpin ?? more.hairpin
            port.isolated = port.isolated ?? more.isolated
            self.port = port
        } else {
            port = port ?? other.port
        }
        tunnel = tunnel ?? other.tunnel
        hasXDP = hasXDP || other.hasXDP
        if addresses.isEmpty { addresses = other.addresses }
    }
}
