import ClewBundle
import ClewCompare
import ClewDataplane
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport

@testable import ClewCompare

/// A node in order, whose rules are damaged again and again.
struct MutationBase {
    let name: String
    let snapshot: ClusterSnapshot
    let parameters: ProxyParameters
    let rules: SaveText
    let probes: [Probe]
    let healthy: [[FoundOutcome: Double]]
    /// The node before any damage.
    let check: WitnessCheck
    private let artifact: ArtifactID

    /// A packet that is sent before and after.
    struct Probe {
        /// The Service port it is sent to; `nil`: none.
        var service: ServicePortName?
        var flow: Flow
        var arrival: SourceArrival
        var description: String { "\(flow.fromText) to \(flow.toText)" }
    }

    init?(name: String, _ snapshot: ClusterSnapshot, _ rules: String, _ parameters: ProxyParameters) {
        self.name = name
        self.parameters = parameters
        self.rules = SaveText(rules)
        artifact = snapshot.nodes.first?.host.ruleSets.first?.artifact ?? ArtifactID(rawValue: 0)
        var snapshot = snapshot
        guard snapshot.nodes.count == 1 else { return nil }
        snapshot.nodes[0].host.recent = [:]
        snapshot.nodes[0].host.conntrack = nil
        snapshot.nodes[0].host.sockets = nil
        self.snapshot = snapshot
        let network = NodeNetwork(
            node: parameters.nodeName, objects: snapshot.objects, links: snapshot.nodes[0].host.links, family: .ipv4)
        let contract = ServiceContract(snapshot.objects, family: .ipv4, for: parameters, network: network)
        probes = Self.probes(contract, node: snapshot.nodes[0].name)
        let own = Self.replacing(self.rules, in: snapshot, artifact)
        let dataplane = Dataplane(compiling: own)
        let check = WitnessCheck(dataplane, node: snapshot.nodes[0].name)
        healthy = probes.map { check.outcomes(of: dataplane.trace($0.flow)) }
        self.check = check
    }

    /// The node with other rules.
    func damaged(_ rules: SaveText) -> ClusterSnapshot { Self.replacing(rules, in: snapshot, artifact) }

    private static func replacing(_ rules: SaveText, in snapshot: ClusterSnapshot, _ artifact: ArtifactID)
        -> ClusterSnapshot
    {
        var result = snapshot
        let parsed = IptablesSaveParser.parse(
            Array(rules.text.utf8), artifact: artifact, family: .ipv4, backend: .legacy)
        result.nodes[0].host.ruleSets = [parsed.ruleSet]
        return result
    }

    // MARK: - Packets

    private static func probes(_ contract: ServiceContract, node: String) -> [Probe] {
        var result: [Probe] = []
        for entry in contract.entries {
            for destination in destinations(of: entry, contract) {
                for sender in senders(of: entry, contract, to: destination) {
                    result.append(probe(sender, destination, entry.destination, entry.service, node))
                }
            }
        }
        return result + strangers(contract, node: node)
    }

    private static func destinations(of entry: ContractEntry, _ contract: ServiceContract) -> [IPAddress] {
        switch entry.destination.address {
        case .one(let address): return [address]
        case .anyLocal:
            let bridge = IPAddress("10.244.1.1").map { [$0] } ?? []
            return contract.network.nodeAddresses + bridge.filter(contract.network.localAddresses.contains)
        }
    }

    private static func senders(
        of entry: ContractEntry, _ contract: ServiceContract, to destination: IPAddress
    ) -> [(IPAddress, SourceArrival)] {
        var result: [(IPAddress, SourceArrival)] = []
        for contractClass in contract.classes(of: entry) where !contractClass.source.representative.isLoopback {
            result.append((contractClass.source.representative, contractClass.source.arrival))
        }
        for arm in entry.arms {
            guard case .translated(let translation) = arm.outcome else { continue }
            for endpoint in translation.endpoints {
                let isOwn = contract.network.ownPods.contains(endpoint.address)
                let isLocal = contract.network.localAddresses.contains(endpoint.address)
                result.append((endpoint.address, isLocal ? .host : isOwn ? .podDevice : .network))
            }
        }
        for text in ["10.244.200.9", "203.0.113.50", "10.11.0.9"] {
            if let address = IPAddress(text) { result.append((address, .network)) }
        }
        if let pod = IPAddress("10.244.1.5"), contract.network.ownPods.contains(pod) {
            result.append((pod, .podDevice))
        }
        var seen = Set<IPAddress>()
        return result.filter { seen.insert($0.0).inserted }
    }

    private static func probe(
        _ sender: (IPAddress, SourceArrival), _ destination: IPAddress, _ wanted: ContractDestination,
        _ service: ServicePortName?, _ node: String
    ) -> Probe {
        let origin: FlowOrigin
        var source: IPAddress?
        switch sender.1 {
        case .host:
            origin = .host(node: node)
            source = sender.0
        case .podDevice: origin = .pod(node: node, address: sender.0, name: nil)
        case .network: origin = .outside(address: sender.0, via: node)
        }
        let flow = Flow(
            origin: origin, source: source, destination: destination, destinationPort: wanted.port,
            ipProtocol: wanted.ipProtocol, fromText: "\(sender.0)",
            toText: "\(SocketAddress(destination, wanted.port))/\(wanted.ipProtocol)")
        return Probe(service: service, flow: flow, arrival: sender.1)
    }

    /// Addresses and ports beside those of Services.
    private static func strangers(_ contract: ServiceContract, node: String) -> [Probe] {
        var result: [Probe] = []
        let senders: [(IPAddress?, SourceArrival)] = [
            (IPAddress("10.244.1.5"), .podDevice), (contract.network.nodeAddresses.first, .host),
            (IPAddress("203.0.113.50"), .network),
        ]
        for entry in contract.entries {
            var destinations: [(IPAddress, UInt16)] = []
            switch entry.destination.address {
            case .one(let address):
                destinations.append((address, entry.destination.port &+ 7))
                if let next = address.successor { destinations.append((next, entry.destination.port)) }
            case .anyLocal:
                if let other = IPAddress("198.18.0.1") { destinations.append((other, entry.destination.port)) }
            }
            for (address, port) in destinations {
                guard contract.entry(to: address, entry.destination.ipProtocol, port: port) == nil else { continue }
                var wanted = entry.destination
                wanted.port = port
                for case (let sender?, let arrival) in senders {
                    result.append(probe((sender, arrival), address, wanted, nil, node))
                }
            }
        }
        return result
    }
}

extension MutationBase {
    // MARK: - Nodes made up

    /// A node with one Service of every kind.
    static func generated(_ version: ProxyVersion, _ detection: LocalTrafficDetection, seed: UInt64) -> MutationBase? {
        var random = SeededGenerator(seed: seed)
        let source = SourceLine(ArtifactID(rawValue: 0), line: 1)
        var objects = KubernetesObjects()
        var worker = Node(name: "worker-1", source: source)
        worker.internalIPs = [IPAddress("192.168.50.11")].compactMap(\.self)
        worker.podCIDRs = [IPPrefix("10.244.1.0/24")].compactMap(\.self)
        var other = Node(name: "worker-2", source: source)
        other.internalIPs = [IPAddress("192.168.50.12")].compactMap(\.self)
        other.podCIDRs = [IPPrefix("10.244.2.0/24")].compactMap(\.self)
        objects.nodes = [worker, other]
        for (number, shape) in Shape.allCases.enumerated() {
            let service = shape.service(number, source)
            objects.services.append(service)
            objects.endpointSlices.append(shape.slice(service, number, source, &random))
        }
        SmallCluster.addAPI(to: &objects)
        var parameters = ProxyParameters(
            nodeName: "worker-1", nodeAddresses: worker.internalIPs, localDetection: detection)
        parameters.version = version
        let intents = ServiceIntents.all(in: objects, family: .ipv4, for: parameters)
        let rules = IptablesRules(intents, for: parameters, family: .ipv4).saveText
        var text = TextBundle()
        text.addNode("worker-1", number: 1)
        text.append("net.ipv4.conf.all.route_localnet = 1", to: "nodes/worker-1/sysctl.txt")
        text["nodes/worker-1/iptables-save.txt"] = rules
        var snapshot = ClusterSnapshot(parsing: text.bundle, nodeName: nil)
        snapshot.objects = objects
        return MutationBase(name: "generated \(version) \(detection)", snapshot, rules, parameters)
    }

    enum Shape: CaseIterable {
        case plain, single, nodePort, localNodePort, balanced, ranged, sticky, empty, internalLocal, external, udp,
            hosts

        func service(_ number: Int, _ source: SourceLine) -> Service {
            var service = Service(name: NamespacedName("shop", "\(self)"), source: source)
            service.clusterIPs = [IPAddress(v4: 10, 96, 0, UInt8(20 + number * 4))]
            service.ports = [
                ServicePort(name: "p", ipProtocol: self == .udp ? .udp : .tcp, port: UInt16(80 + number))
            ]
            switch self {
            case .plain, .single, .empty, .udp, .hosts: break
            case .nodePort: (service.type, service.ports[0].nodePort) = ("NodePort", 30080)
            case .localNodePort:
                (service.type, service.ports[0].nodePort) = ("NodePort", 30081)
                service.externalTrafficPolicy = "Local"
            case .balanced, .ranged:
                (service.type, service.ports[0].nodePort) = ("LoadBalancer", self == .ranged ? 30083 : 30082)
                service.loadBalancerIngress = [
                    LoadBalancerIngress(address: IPAddress(v4: 192, 168, 60, UInt8(number * 4)), ipMode: "VIP")
                ]
                if self == .ranged { service.loadBalancerSourceRanges = ["203.0.113.0/24", "10.244.0.0/16"] }
            case .sticky: (service.sessionAffinity, service.sessionAffinityTimeout) = ("ClientIP", 600)
            case .internalLocal: service.internalTrafficPolicy = "Local"
            case .external: service.externalIPs = [IPAddress(v4: 198, 51, 100, 200)]
            }
            return service
        }

        func slice(
            _ service: Service, _ number: Int, _ source: SourceLine, _ random: inout SeededGenerator
        ) -> EndpointSlice {
            var slice = EndpointSlice(name: service.name, source: source)
            slice.serviceName = service.name.name
            slice.ports = [
                EndpointPort(name: "p", ipProtocol: service.ports[0].ipProtocol, port: UInt16(8080 + number))
            ]
            let count = self == .empty ? 0 : self == .single ? 1 : Int.random(in: 2...4, using: &random)
            for place in 0..<count {
                let isOwn = self != .internalLocal && place % 2 == 0
                var endpoint = Endpoint()
                endpoint.addresses = [IPAddress(v4: 10, 244, isOwn ? 1 : 2, UInt8(5 + number * 4 + place))]
                if self == .hosts { endpoint.addresses = [IPAddress(v4: 192, 168, 50, UInt8(11 + place))] }
                endpoint.nodeName = isOwn ? "worker-1" : "worker-2"
                endpoint.conditions.ready = true
                slice.endpoints.append(endpoint)
            }
            return slice
        }
    }

    // MARK: - Nodes as recorded

    /// Recorded nodes in iptables mode that are in order; none where the data is absent.
    static func recorded() -> [MutationBase] {
        [
            "z-mixed--iptables-legacy", "e-loadbalancer--iptables-nft", "d-nodeport--iptables-nft-v1.30",
            "g-affinity--iptables-legacy",
        ]
        .compactMap { name in
            guard let root = SharedData.root else { return nil }
            let folder = "\(root)/kube-proxy/\(name)"
            guard SharedData.hasFile(folder + "/iptables-save.txt") else { return nil }
            let bundle = SharedData.bundle(withObjects: folder)
            let snapshot = ClusterSnapshot(parsing: bundle, nodeName: "worker-a")
            guard let node = snapshot.node(named: "worker-a"),
                let rules = bundle.artifacts.first(where: { $0.path == "iptables-save.txt" })
            else { return nil }
            let parameters = InferredParameters(of: node, in: snapshot.objects).parameters
            return MutationBase(
                name: name, snapshot, String(decoding: rules.bytes, as: UTF8.self), parameters)
        }
    }
}
