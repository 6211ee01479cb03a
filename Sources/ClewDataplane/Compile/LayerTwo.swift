import ClewNet
import ClewSnapshot

/// Neighbours, forwarding entries and bridges of one namespace, laid out for look-ups: packets ask for them at every hop,
/// and a node has hundreds.
struct LayerTwo: Sendable {
    /// By address, into the namespace's neighbours, in their order.
    private let neighborsOfAddress: [IPAddress: [Int]]
    /// By Ethernet address, into the namespace's forwarding entries, in their order.
    private let entriesOfMAC: [MACAddress: [Int]]
    /// By link.
    let isBridge: [Bool]
    /// By link: the ports of a bridge, in the order of the links; none where no link names it.
    let ports: [[LinkIndex]]
    /// By link: a bridge's first port that leads out of the node.
    let uplinks: [LinkIndex?]
    /// The first loopback link.
    let loopback: LinkIndex

    private let neighbors: [Neighbor]
    private let entries: [ForwardingEntry]

    init(_ state: NamespaceSnapshot, _ links: [Link]) {
        neighbors = state.neighbors ?? []
        entries = state.forwardingEntries ?? []
        neighborsOfAddress = Dictionary(grouping: neighbors.indices) { [neighbors] in neighbors[$0].address }
        entriesOfMAC = Dictionary(grouping: entries.indices) { [entries] in entries[$0].mac }
        var portsOfName: [String: [LinkIndex]] = [:]
        for (number, link) in links.enumerated() {
            let index = LinkIndex(rawValue: Int32(truncatingIfNeeded: number))
            if let master = link.master { portsOfName[master, default: []].append(index) }
            if let bridge = link.port?.bridge, bridge != link.master { portsOfName[bridge, default: []].append(index) }
        }
        let ports = links.map { portsOfName[$0.name] ?? [] }
        self.ports = ports
        isBridge = links.enumerated().map { Self.isBridge($1, hasPorts: !ports[$0].isEmpty) }
        uplinks = ports.map { ports in
            ports.first { port in
                let kind = links[Int(port.rawValue)].kind
                return kind == .physical || kind == .bond || kind == .vlan
            }
        }
        loopback = LinkIndex(rawValue: Int32(truncatingIfNeeded: links.firstIndex { $0.isLoopback } ?? -1))
    }

    /// By its kind, by having ports, or, where the tool prints no kinds, by the names CNI plugins and Docker use.
    private static func isBridge(_ link: Link, hasPorts: Bool) -> Bool {
        switch link.kind {
        case .bridge: return true
        case .unknown:
            if hasPorts { return true }
            return ["cni", "docker", "br-", "virbr", "kube-bridge", "cbr", "weave"].contains { link.name.hasPrefix($0) }
        default: return false
        }
    }

    /// The first entry of an address, on any device.
    func neighbor(_ address: IPAddress) -> Neighbor? {
        neighborsOfAddress[address]?.first.map { neighbors[$0] }
    }

    /// The first entry of an address on a device.
    func neighbor(_ address: IPAddress, on device: String) -> Neighbor? {
        neighborsOfAddress[address]?.first { neighbors[$0].device == device }.map { neighbors[$0] }
    }

    /// Whether any entry of an address has an Ethernet address.
    func hasSeen(_ address: IPAddress) -> Bool {
        neighborsOfAddress[address]?.contains { neighbors[$0].mac != nil } ?? false
    }

    /// The first forwarding entry of an Ethernet address for which `isMeant` holds.
    func forwardingEntry(_ mac: MACAddress, where isMeant: (ForwardingEntry) -> Bool) -> ForwardingEntry? {
        for number in entriesOfMAC[mac] ?? [] where isMeant(entries[number]) { return entries[number] }
        return nil
    }
}
