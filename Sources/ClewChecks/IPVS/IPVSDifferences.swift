import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewSnapshot

/// What a node in IPVS mode holds against what kube-proxy would give it.
struct IPVSDifferences: Sendable {
    struct Server: Sendable {
        var address: SocketAddress
        var ipProtocol: IPProtocol
        /// `nil`: no Service asks for it.
        var service: ServicePortName?
        /// Where it stands on the node.
        var source: SourceLine?
        var missing: [SocketAddress] = []
        var extra: [RealServer] = []
        var withoutWeight: [RealServer] = []

        var text: String { "\(ipProtocol.description.uppercased()) \(address)" }
    }

    struct Address: Sendable {
        var address: IPAddress
        var service: ServicePortName?
        var source: SourceLine?
    }

    struct Set: Sendable {
        var name: String
        /// `nil`: the set is not there at all.
        var source: SourceLine?
        var missing: Int
        var extra: Int
    }

    var node: String
    var missingServers: [Server] = []
    var staleServers: [Server] = []
    /// Those that are there and should be, with other real servers.
    var changedServers: [Server] = []
    var missingAddresses: [Address] = []
    var staleAddresses: [Address] = []
    var sets: [Set] = []
    var hasDevice: Bool
}

/// Of all nodes; worked out once.
struct IPVSDifferencesByNode: Sendable {
    var all: [IPVSDifferences]
}

extension CheckContext {
    var ipvsDifferences: [IPVSDifferences] {
        work.value(IPVSDifferencesByNode.self) {
            IPVSDifferencesByNode(all: snapshot.nodes.compactMap { IPVSComparer(self, $0)?.differences() })
        }.all
    }

    /// Lost connections that enter at a node and go to some Services, for no reason that others tell.
    func lossesOfServices(_ services: Swift.Set<ServicePortName>, on node: String) -> [Int] {
        lossProbes.filter { probe in
            probe.entryNodes.contains(node) && !probe.services.isEmpty && probe.services.isSubset(of: services)
                && !probe.isLostToOthers && probe.group.decision?.cause != .noListener
        }.map(\.group.id)
    }
}

private struct IPVSComparer {
    private let node: NodeSnapshot
    private let expected: NamespaceSnapshot
    private let services: [Key: ServicePortName]

    private struct Key: Hashable {
        var address: IPAddress
        var ipProtocol: IPProtocol
        var port: UInt16
    }

    /// `nil` where the node is not in IPVS mode, or its virtual servers were not collected.
    init?(_ context: CheckContext, _ node: NodeSnapshot) {
        guard let parameters = context.proxies[node.name]?.parameters, parameters.mode == .ipvs,
            node.host.virtualServers != nil, node.host.links != nil,
            let edited = try? context.snapshot.applying([.rewriteProxyRules(node: node.name, parameters)]),
            let expected = edited.node(named: node.name)?.host
        else { return nil }
        self.node = node
        self.expected = expected
        var services: [Key: ServicePortName] = [:]
        for contract in context.contracts[node.name] ?? [] {
            for entry in contract.entries {
                let port = entry.destination.port
                switch entry.destination.address {
                case .one(let address):
                    services[Key(address: address, ipProtocol: entry.destination.ipProtocol, port: port)] =
                        entry.service
                case .anyLocal:
                    for address in (node.host.links ?? []).flatMap(\.addresses).map(\.address.address) {
                        services[Key(address: address, ipProtocol: entry.destination.ipProtocol, port: port)] =
                            entry.service
                    }
                }
            }
        }
        self.services = services
    }

    func differences() -> IPVSDifferences {
        var result = IPVSDifferences(
            node: node.name, hasDevice: node.host.link(named: IPVSProgram.device) != nil)
        compareServers(&result)
        compareAddresses(&result)
        compareSets(&result)
        return result
    }

    private func key(_ server: VirtualServer) -> Key? {
        guard let address = server.address, server.firewallMark == nil else { return nil }
        return Key(address: address, ipProtocol: server.ipProtocol, port: server.port)
    }

    private func server(_ key: Key, _ source: SourceLine?) -> IPVSDifferences.Server {
        IPVSDifferences.Server(
            address: SocketAddress(key.address, key.port), ipProtocol: key.ipProtocol, service: services[key],
            source: source)
    }

    private func compareServers(_ result: inout IPVSDifferences) {
        var actual: [Key: VirtualServer] = [:]
        for server in node.host.virtualServers ?? [] { if let key = key(server) { actual[key] = server } }
        var wanted: Set<Key> = []
        for server in expected.virtualServers ?? [] {
            guard let key = key(server) else { continue }
            wanted.insert(key)
            guard let own = actual[key] else {
                result.missingServers.append(self.server(key, nil))
                continue
            }
            var change = self.server(key, own.source)
            let asked = Set(server.realServers.map { SocketAddress($0.address, $0.port) })
            let there = Set(own.realServers.map { SocketAddress($0.address, $0.port) })
            change.missing = asked.subtracting(there).sorted()
            // One without weight is on its way out, until its connections have ended.
            change.extra = own.realServers.filter {
                !asked.contains(SocketAddress($0.address, $0.port)) && $0.weight > 0
            }
            change.withoutWeight = own.realServers.filter {
                asked.contains(SocketAddress($0.address, $0.port)) && $0.weight == 0
            }
            if !change.missing.isEmpty || !change.extra.isEmpty || !change.withoutWeight.isEmpty {
                result.changedServers.append(change)
            }
        }
        for (key, server) in actual where !wanted.contains(key) {
            result.staleServers.append(self.server(key, server.source))
        }
        result.staleServers.sort { ($0.address, $0.ipProtocol) < ($1.address, $1.ipProtocol) }
    }

    private func compareAddresses(_ result: inout IPVSDifferences) {
        func held(_ state: NamespaceSnapshot) -> [InterfaceAddress] {
            (state.link(named: IPVSProgram.device)?.addresses ?? []).filter { $0.scope != "link" }
        }
        let actual = Set(held(node.host).map(\.address.address))
        let wanted = Set(held(expected).map(\.address.address))
        func service(_ address: IPAddress) -> ServicePortName? {
            services.filter { $0.key.address == address }.map(\.value).min()
        }
        result.missingAddresses = wanted.subtracting(actual).sorted().map {
            IPVSDifferences.Address(address: $0, service: service($0), source: nil)
        }
        result.staleAddresses = held(node.host).filter { !wanted.contains($0.address.address) }.map {
            IPVSDifferences.Address(address: $0.address.address, service: nil, source: $0.source)
        }
    }

    private func compareSets(_ result: inout IPVSDifferences) {
        guard let own = node.host.ipSets else { return }
        for set in expected.ipSets ?? [] where set.name.hasPrefix("KUBE-") && !set.entries.isEmpty {
            let actual = own.first { $0.name == set.name }
            let wanted = Set(set.entries.map(\.parts))
            let there = Set((actual?.entries ?? []).map(\.parts))
            let (missing, extra) = (wanted.subtracting(there).count, there.subtracting(wanted).count)
            guard missing + extra > 0, actual?.isComplete ?? true else { continue }
            result.sets.append(
                IPVSDifferences.Set(name: set.name, source: actual?.source, missing: missing, extra: extra))
        }
    }
}
