import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// The way of one lost connection, as far as it went.
struct LostWay {
    /// Of the direction that is lost, up to where it is lost.
    var hops: [Hop]

    /// The last look-up of a route on a node of the cluster, and the packet that was routed.
    func lastRoute(in context: CheckContext) -> (node: String, step: Step)? {
        for hop in hops.reversed() {
            guard let node = hop.node, hop.namespace == "host", context.isClusterNode(node),
                let step = hop.steps.last(where: { $0.kind == .route })
            else { continue }
            return (node, step)
        }
        return nil
    }

    /// The pod's address that it was for, though it is wrapped in another packet.
    func podDestination(in context: CheckContext) -> IPAddress? {
        for hop in hops.reversed() {
            for step in hop.steps.reversed() where context.nodeOfPod(step.tuple.destination) != nil {
                return step.tuple.destination
            }
        }
        return nil
    }

    /// Where the packet was to go at last.
    var destination: IPAddress? { hops.last { !$0.steps.isEmpty }?.steps.last?.tuple.destination }
}

extension CheckContext {
    /// Whether the API knows the node; where no Node was collected, every collected node counts.
    func isClusterNode(_ name: String) -> Bool {
        snapshot.objects.nodes.isEmpty
            ? snapshot.node(named: name) != nil : snapshot.objects.nodes.contains { $0.name == name }
    }

    /// The collected nodes that the API knows.
    var clusterNodes: [NodeSnapshot] { snapshot.nodes.filter { isClusterNode($0.name) } }

    func object(ofNode name: String) -> Node? { snapshot.objects.nodes.first { $0.name == name } }

    /// Walks the first connection of a group again, for the way it takes.
    func way(of lost: LostConnections) -> LostWay? {
        guard let first = lost.connections.first else { return nil }
        let trace = dataplane.trace(survey.connections[first].flow)
        let failing = trace.branches.filter { $0.outcome == .fails }
        guard let branch = failing.first(where: { $0.decidedBy == lost.decision }) ?? failing.first else { return nil }
        return LostWay(hops: lost.losesReply ? branch.reply?.hops ?? branch.hops : branch.hops)
    }

    /// The node whose pods have an address: by the pod with the address, else by the nodes' ranges.
    func nodeOfPod(_ address: IPAddress) -> String? {
        if let pod = snapshot.objects.pods.first(where: {
            !$0.usesHostNetwork && !$0.hasEnded && $0.addresses.contains(address)
        }) {
            return pod.nodeName
        }
        return snapshot.objects.nodes.first { $0.podCIDRs.contains { $0.contains(address) } }?.name
    }

    /// The pods of a node that have addresses of their own.
    func pods(on node: String) -> [Pod] {
        snapshot.objects.pods.filter { $0.nodeName == node && !$0.usesHostNetwork && !$0.hasEnded }
    }

    /// The networks of all pods that the API or kube-proxy's configuration names, without those inside of others.
    func podNetworks(_ family: AddressFamily) -> [IPPrefix] {
        var all = snapshot.objects.nodes.flatMap(\.podCIDRs).map(\.network)
        all += snapshot.nodes.flatMap { $0.proxyConfiguration?.clusterCIDRs ?? [] }.map(\.network)
        let own = Set(all.filter { $0.family == family })
        return own.filter { one in !own.contains { $0 != one && $0.contains(one) } }.sorted()
    }

    /// The pods' networks for a firewall's rules: few of them, where one network holds the pods of many nodes and
    /// nothing else that is known.
    func acceptedPodNetworks(_ family: AddressFamily) -> [IPPrefix] {
        let own = podNetworks(family)
        guard own.count > 2 else { return own }
        let told = proxies.values.flatMap { proxy -> [IPPrefix] in
            if case .sources(let prefixes) = proxy.parameters.localDetection { return prefixes }
            return []
        }.filter { $0.family == family }.map(\.network)
        var candidates: [IPPrefix] = Set(told).sorted { a, b in a.length == b.length ? a < b : a.length > b.length }
        if let common = Self.common(own) { candidates.append(common) }
        let wide = candidates.first { wide in own.allSatisfy { wide.contains($0) } && !holdsOthers(wide) }
        return wide.map { [$0] } ?? own
    }

    /// The smallest network that holds all of these.
    private static func common(_ networks: [IPPrefix]) -> IPPrefix? {
        guard var result = networks.first else { return nil }
        while !networks.allSatisfy({ result.contains($0) }) {
            guard result.length > 8, let wider = IPPrefix(result.address, length: result.length - 1)?.network else {
                return nil
            }
            result = wider
        }
        return result
    }

    /// Whether a network holds nodes or Services too.
    private func holdsOthers(_ network: IPPrefix) -> Bool {
        snapshot.objects.nodes.flatMap(\.internalIPs).contains { network.contains($0) }
            || snapshot.objects.services.flatMap(\.clusterIPs).contains { network.contains($0) }
    }

    /// The groups of a node, one finding's worth each, in the order of names.
    func lostByNode(_ isMeant: (LostConnections) -> Bool) -> [(node: String, groups: [LostConnections])] {
        Dictionary(grouping: survey.lost.filter(isMeant)) { $0.node ?? "" }
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension NodeSnapshot {
    /// The device of the default route, else the one with one of the node's addresses in the API.
    func uplink(_ object: Node?) -> Link? {
        let links = host.links ?? []
        let routed = host.routes?.filter { $0.destination.length == 0 && $0.table == .main && $0.type == .unicast }
            .min { $0.metric < $1.metric }?.nextHops.first?.device
        let addressed = links.first { link in
            link.addresses.contains { object?.internalIPs.contains($0.address.address) ?? false }
        }
        return addressed ?? routed.flatMap { host.link(named: $0) }
    }

    /// Bridges that pods' devices are ports of, or that carry the node's range of pods.
    var podBridges: [Link] {
        (host.links ?? []).filter { link in
            link.kind == .bridge && (host.links ?? []).contains { $0.isPodPort && $0.bridgeName == link.name }
        }
    }

    /// Whether Calico's devices are here.
    var hasCalico: Bool {
        (host.links ?? []).contains { $0.name.hasPrefix("cali") }
            || (host.routes ?? []).contains { $0.origin == "bird" }
    }
}

extension Link {
    /// The bridge it is a port of.
    var bridgeName: String? { master ?? port?.bridge }

    /// One end of a pair whose other end is in another namespace.
    var isPodPort: Bool {
        (kind == .veth || name.hasPrefix("veth")) && (peerNamespaceID != nil || bridgeName != nil)
    }

    /// Whether packets that leave by it are wrapped and sent by another.
    var isTunnel: Bool {
        switch kind {
        case .vxlan, .ipip, .sit, .gre, .geneve, .wireguard, .tun: true
        case .unknown:
            ["flannel", "tunl", "vxlan", "cilium_vxlan", "wireguard", "cilium_wg", "kube-bridge-tun"].contains {
                name.hasPrefix($0)
            }
        case .physical, .loopback, .veth, .bridge, .dummy, .vlan, .macvlan, .ipvlan, .bond, .vrf, .ifb: false
        }
    }

    /// Bytes that its packets grow by when they are wrapped.
    func overhead(outer family: AddressFamily) -> UInt32? {
        let more: UInt32 = family == .ipv6 ? 20 : 0
        switch kind {
        case .vxlan, .geneve: return 50 + more
        case .ipip: return 20
        case .wireguard: return 60 + more
        case .tun: return name.hasPrefix("flannel") ? 28 : nil
        case .unknown:
            if name.hasPrefix("flannel.") || name.hasPrefix("vxlan") || name.hasPrefix("cilium_vxlan") {
                return 50 + more
            }
            return name.hasPrefix("flannel") ? 28 : name.hasPrefix("tunl") ? 20 : nil
        default: return nil
        }
    }
}

extension IPPrefix {
    func overlaps(_ other: IPPrefix) -> Bool {
        family == other.family && (contains(other.address) || other.contains(address))
    }
}

extension RuleSet {
    /// The tool that changes these rules, by the name that says the backend.
    func tool(_ family: TableFamily) -> String {
        let name = family == .ipv6 ? "ip6tables" : "iptables"
        switch backend {
        case .legacy: return name + "-legacy"
        case .nft: return name + "-nft"
        case .native, .unknown: return name
        }
    }

    /// The rule of a line, with its table, chain and number from 1.
    func place(ofLine line: UInt32) -> (table: RuleTable, chain: String, number: Int, text: String)? {
        guard let index = rules.firstIndex(where: { $0.line == line }) else { return nil }
        let chain = chains.first { Int($0.firstRule) <= index && index < Int($0.firstRule + $0.ruleCount) }
        guard let chain, Int(chain.table.rawValue) < tables.count else { return nil }
        return (
            tables[Int(chain.table.rawValue)], string(chain.name), index - Int(chain.firstRule) + 1,
            string(rules[index].text)
        )
    }

    /// Whether a chain of one of these beginnings is declared.
    func hasChain(_ prefixes: [String]) -> Bool {
        chains.contains { chain in
            let name = string(chain.name)
            return prefixes.contains { name.hasPrefix($0) }
        }
    }
}
