package import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot

/// A node of a bundle, to be built again out of namespaces: its devices, addresses, routes, sysctls and rules.
package struct RecordedNode: Sendable {
    package let name: String
    /// What Clew is asked about: the bundle without what its own packets left behind.
    let artifacts: [Artifact]
    let snapshot: ClusterSnapshot
    let host: NamespaceSnapshot
    private let folder: String

    /// The node of that name; without one, the only node there is.
    package init(_ bundle: SupportBundle, node wanted: String?) throws(SystemError) {
        // Connections, lists of clients and listeners are of the time of the recording.
        let state = ["conntrack", "xt_recent", "ss-listen", "flows.json"]
        let kept = bundle.artifacts.filter { artifact in !state.contains { artifact.path.contains($0) } }
        let parsed = ClusterSnapshot(parsing: SupportBundle(name: bundle.name, artifacts: kept), nodeName: wanted)
        var found = parsed.nodes.count == 1 ? parsed.nodes.first : nil
        if let wanted { found = parsed.node(named: wanted) }
        guard let found else { throw .unusable("which node? \(parsed.nodes.map(\.name).joined(separator: ", "))") }
        (artifacts, snapshot) = (kept, parsed)
        name = found.name
        host = found.host
        let own = "nodes/\(found.name)/"
        folder = kept.contains { $0.path.hasPrefix(own) } ? own : ""
    }

    /// The dump of a family's rules that holds any, and the tool it is of; nil where there is none.
    func rules(_ family: AddressFamily) throws(SystemError) -> (FuzzRules, FuzzBackend)? {
        let tool = family == .ipv4 ? "iptables" : "ip6tables"
        let names = [
            "-save.txt": nil, "-legacy-save.txt": FuzzBackend.legacy, "-nft-save.txt": FuzzBackend.nft,
        ]
        var found: [(FuzzRules, FuzzBackend)] = []
        for (name, backend) in names {
            guard let artifact = artifacts.first(where: { $0.path == folder + tool + name }) else { continue }
            let text = String(decoding: artifact.bytes, as: UTF8.self)
            let lines = text.split(separator: "\n").map { Self.withoutCounters(String($0)) }
            let rules = FuzzRules(family: family, restoreText: lines, setText: sets)
            guard rules.ruleCount > 0 else { continue }
            found.append((rules, backend ?? (text.contains("(nf_tables)") ? .nft : .legacy)))
        }
        guard found.count < 2 else { throw .unusable("\(name) has rules of both tools") }
        return found.first
    }

    private static func withoutCounters(_ line: String) -> String {
        guard line.hasPrefix("["), let end = line.firstIndex(of: " ") else { return line }
        return String(line[line.index(after: end)...])
    }

    private var sets: [String] {
        guard let artifact = artifacts.first(where: { $0.path == folder + "ipset-save.txt" }) else { return [] }
        return String(decoding: artifact.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

// MARK: - Who is beside it

extension RecordedNode {
    /// The peers that stand for pods, routers and everybody else.
    ///
    /// Behind each port of a bridge there is one, and behind each other device. Of the addresses that the bridge's
    /// network has, those that share an Ethernet address in the neighbour table share a port.
    func ground(_ family: AddressFamily) throws(SystemError) -> LabGround {
        var ground = LabGround(family: family, peers: [], macs: [:], addresses: [:])
        let links = (host.links ?? []).filter { !$0.isLoopback }
        let bridges = links.filter { $0.kind == .bridge }.map(\.name)
        for (number, link) in links.enumerated() {
            guard link.kind == .bridge || link.kind == .veth || link.kind == .physical || Self.isUnnamed(link) else {
                throw .unusable("\(name): devices like \(link.name) (\(link.kind)) are not rebuilt")
            }
            ground.macs[link.name] = link.mac ?? FuzzNetwork.mac(UInt64(0x2000 + number))
            guard link.kind != .bridge else { continue }
            let bridge = link.master.flatMap { bridges.contains($0) ? $0 : nil }
            ground.peers.append(
                FuzzNetwork.Peer(
                    name: link.name, device: link.name, bridge: bridge, ownDevice: "eth0",
                    mac: FuzzNetwork.mac(UInt64(0x3000 + number)), isPod: false))
        }
        for bridge in bridges { place(neighbours(of: bridge, family), behind: bridge, &ground) }
        for peer in ground.peers where peer.bridge == nil {
            let own = (host.routes ?? []).filter { route in
                route.destination.family == family && route.type == .unicast && Self.isHost(route.destination)
                    && route.nextHops.contains { $0.device == peer.device && $0.gateway == nil }
            }
            if !own.isEmpty { ground.addresses[peer.name] = own.map(\.destination.address) }
        }
        for index in ground.peers.indices {
            ground.peers[index].isPod = ground.addresses[ground.peers[index].name] != nil
        }
        return ground
    }

    private static func isHost(_ prefix: IPPrefix) -> Bool { prefix.length == (prefix.family == .ipv4 ? 32 : 128) }

    private static func isUnnamed(_ link: Link) -> Bool {
        if case .unknown = link.kind { true } else { false }
    }

    private func place(_ groups: [[IPAddress]], behind bridge: String, _ ground: inout LabGround) {
        let ports = ground.peers.filter { $0.bridge == bridge }.map(\.name)
        guard let last = ports.last else { return }
        for (number, group) in groups.enumerated() {
            ground.addresses[number < ports.count ? ports[number] : last, default: []] += group
        }
    }

    /// The addresses of a device's network that anything in the bundle names, together as they share a MAC.
    private func neighbours(of device: String, _ family: AddressFamily) -> [[IPAddress]] {
        let networks = (host.link(named: device)?.addresses ?? []).map(\.address).filter { $0.family == family }
        let known = Set(named(family)).filter { address in
            networks.contains { $0.network.contains(address) } && !owns(address) && !address.isLinkLocal
        }
        var groups: [(mac: MACAddress?, addresses: [IPAddress])] = []
        for address in known.sorted() {
            let mac = host.neighbors?.first { $0.address == address && $0.device == device }?.mac
            if let mac, let index = groups.firstIndex(where: { $0.mac == mac }) {
                groups[index].addresses.append(address)
            } else {
                groups.append((mac, [address]))
            }
        }
        return groups.map(\.addresses)
    }

    func owns(_ address: IPAddress) -> Bool {
        host.links?.contains { link in link.addresses.contains { $0.address.address == address } } ?? false
    }

    /// Every address that objects, routes and neighbours name.
    private func named(_ family: AddressFamily) -> [IPAddress] {
        var all = host.neighbors?.map(\.address) ?? []
        all += snapshot.objects.endpointSlices.flatMap { $0.endpoints.flatMap(\.addresses) }
        all += snapshot.objects.endpoints.flatMap { $0.subsets.flatMap { $0.ready.flatMap(\.addresses) } }
        all += snapshot.objects.nodes.flatMap(\.internalIPs)
        all += snapshot.objects.pods.flatMap(\.addresses)
        all += (host.routes ?? []).flatMap { $0.nextHops.compactMap(\.gateway) }
        return all.filter { $0.family == family }
    }

    /// Whom the node sends to by a device, each to have a permanent entry, so that nobody has to answer.
    func neighbours(behind peer: FuzzNetwork.Peer, _ ground: LabGround) -> [IPAddress] {
        let own = ground.addresses(ofPod: peer.name)
        guard peer.bridge == nil, own.isEmpty else { return own }
        return Array(Set(neighbours(of: peer.device, ground.family).joined())).sorted()
    }
}
