import ClewBundle
import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// What the comparison says of nodes that a real kube-proxy has programmed, healthy ones and broken ones.
@Suite struct RecordedNodesTests {
    struct Scenario: Decodable {
        var mode: String
        var kube_proxy: String
        var node: String
    }

    struct Recorded {
        var name: String
        var scenario: Scenario
        var snapshot: ClusterSnapshot

        init?(_ folder: String) {
            guard let text = SharedData.bytes(folder + "/scenario.json"),
                let scenario = try? JSONDecoder().decode(Scenario.self, from: Data(text))
            else { return nil }
            name = String(folder.split(separator: "/").last ?? "")
            self.scenario = scenario
            snapshot = ClusterSnapshot(parsing: SharedData.bundle(withObjects: folder), nodeName: scenario.node)
        }

        mutating func addLegacy(_ text: String) {
            let artifact = ArtifactID(rawValue: UInt32(snapshot.paths.count))
            snapshot.paths.append("docker.txt")
            let parsed = IptablesSaveParser.parse(
                Array(text.utf8), artifact: artifact, family: .ipv4, backend: .legacy)
            guard let index = snapshot.nodes.firstIndex(where: { $0.name == scenario.node }) else { return }
            snapshot.nodes[index].host.ruleSets.append(parsed.ruleSet)
        }

        /// A bridge of the node's own that has nothing to do with pods.
        mutating func addBridge(_ name: String, _ text: String) throws {
            let source = SourceLine(ArtifactID(rawValue: 0), line: 1)
            let address = try #require(IPPrefix(text))
            let index = try #require(snapshot.nodes.firstIndex { $0.name == scenario.node })
            var link = Link(index: 90, name: name, kind: .bridge, source: source)
            link.addresses = [InterfaceAddress(address: address, source: source)]
            snapshot.nodes[index].host.links?.append(link)
            let hop = NextHop(device: name)
            let routes = [
                Route(destination: address, nextHops: [hop], source: source, text: "\(text) dev \(name)"),
                Route(
                    destination: IPPrefix(host: address.address), type: .local, table: .local, nextHops: [hop],
                    source: source, text: "local \(address.address) dev \(name)"),
            ]
            snapshot.nodes[index].host.routes?.append(contentsOf: routes)
        }

        func compared() -> NodeComparison? {
            snapshot.node(named: scenario.node).map {
                ServicesComparison(Dataplane(compiling: snapshot)).compare($0)
            }
        }
    }

    static func folders(_ isWanted: (String) -> Bool) -> [String] {
        SharedData.folders("kube-proxy", for: "recorded Services").filter {
            isWanted(String($0.split(separator: "/").last ?? "")) && SharedData.hasFile($0 + "/scenario.json")
        }
    }

    static func describe(_ difference: Difference, _ snapshot: ClusterSnapshot) -> String {
        """
        \(difference.kind.rawValue) \(difference.service?.description ?? difference.staleName ?? "?") \
        \(difference.destination) from \(difference.arrival) \(difference.senders.description.prefix(60)) \
        \(difference.endpoint?.description ?? "") \(difference.isConfirmed ? "" : "NOT CONFIRMED ")\
        by \(difference.cause.kind) \(difference.cause.place) \(snapshot.describe(difference.cause.source)): \
        \(difference.cause.text)
        """
    }

    static func report(_ name: String, _ node: NodeComparison, _ snapshot: ClusterSnapshot) {
        let counts = Dictionary(grouping: node.ports, by: \.status).mapValues(\.count)
        print(
            """
            services: \(name): \(counts[.inOrder] ?? 0) in order, \(counts[.differs] ?? 0) differ, \
            \(counts[.unknown] ?? 0) cannot be told; \(node.destinationCount) destinations, \
            \(node.classCount) classes; \(node.causes.count) causes
            """)
        for group in node.causes.prefix(6) {
            print("  \(describe(group.example, snapshot)) (\(group.services.count) Service ports)")
        }
    }

    /// Service ports some of whose connections are meant to be dropped.
    static func meantToBeDropped(_ recorded: Recorded) -> Set<String> {
        guard let node = recorded.snapshot.node(named: recorded.scenario.node) else { return [] }
        let parameters = InferredParameters(of: node, in: recorded.snapshot.objects).parameters
        let network = NodeNetwork(
            node: parameters.nodeName, objects: recorded.snapshot.objects, links: node.host.links, family: .ipv4)
        let contract = ServiceContract(recorded.snapshot.objects, family: .ipv4, for: parameters, network: network)
        return Set(contract.entries.filter { $0.arms.contains { $0.outcome == .dropped } }.map(\.service.description))
    }

    /// All folders of nodes in order.
    ///
    /// Those of 5,000 Services take minutes without optimisation: `CLEW_SCALE` asks for them.
    static let healthy = folders { name in
        if name.hasPrefix("m-scale-5000x5"), ProcessInfo.processInfo.environment["CLEW_SCALE"] == nil {
            print("SKIP \(name): set CLEW_SCALE to compare it too (make services-scale does, optimised)")
            return false
        }
        return !name.hasPrefix("x")
    }

    @Test(arguments: healthy)
    func healthyNodesAreInOrder(folder: String) throws {
        let recorded = try #require(Recorded(folder))
        let node = try #require(recorded.compared())
        Self.report(recorded.name, node, recorded.snapshot)
        #expect(node.classCount > 0)
        let differing = Set(node.ports.filter { $0.status != .inOrder }.map(\.name.description))
        // Until 1.23 the rule that drops was kubelet's, and there was none.
        let isWithoutDrop = recorded.name.hasSuffix("v1.23")
        #expect(differing == (isWithoutDrop ? Self.meantToBeDropped(recorded) : []))
        for difference in node.ports.flatMap(\.differences) {
            #expect(difference.kind == .notDropped && difference.isConfirmed)
        }
        #expect(node.causes.allSatisfy { !$0.services.isEmpty }, "nothing is stale")
        #expect(node.healthChecks.allSatisfy { $0.isListening == true })
        if recorded.name.hasPrefix("e-") { #expect(!node.healthChecks.isEmpty) }
    }

    /// Docker beside kube-proxy, in iptables-legacy: its published ports are no stale entries of kube-proxy's.
    @Test(
        arguments: folders { ["z-mixed--nftables", "z-mixed--iptables-nft", "z-mixed--iptables-legacy"].contains($0) })
    func anotherToolsPortsAreItsOwn(folder: String) throws {
        var recorded = try #require(Recorded(folder))
        let docker = """
            *nat
            :PREROUTING ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :DOCKER - [0:0]
            -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
            -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
            -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
            -A DOCKER -i docker0 -j RETURN
            -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 172.17.0.2:80
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            :DOCKER - [0:0]
            :DOCKER-ISOLATION-STAGE-1 - [0:0]
            :DOCKER-ISOLATION-STAGE-2 - [0:0]
            :DOCKER-USER - [0:0]
            -A FORWARD -j DOCKER-USER
            -A FORWARD -j DOCKER-ISOLATION-STAGE-1
            -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A FORWARD -o docker0 -j DOCKER
            -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
            -A FORWARD -i docker0 -o docker0 -j ACCEPT
            -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
            -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
            -A DOCKER-ISOLATION-STAGE-1 -j RETURN
            -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
            -A DOCKER-ISOLATION-STAGE-2 -j RETURN
            -A DOCKER-USER -j RETURN
            COMMIT
            """
        recorded.addLegacy(docker)
        try recorded.addBridge("docker0", "172.17.0.1/16")
        let node = try #require(recorded.compared())
        Self.report(recorded.name + " and Docker", node, recorded.snapshot)
        #expect(node.causes.isEmpty && node.ports.allSatisfy { $0.status == .inOrder })
    }

    /// A bundle whose folder is called otherwise than the node, without Nodes and Pods: which endpoints are the node's own
    /// is seen by its bridge, or it is not known.
    @Test(
        arguments: folders { $0 == "e-loadbalancer--iptables-nft" || $0 == "h-itp-local--iptables-nft" }, [true, false])
    func nodesThatNobodyNames(folder: String, hasLinks: Bool) throws {
        var recorded = try #require(Recorded(folder))
        let index = try #require(recorded.snapshot.nodes.firstIndex { $0.name == recorded.scenario.node })
        recorded.snapshot.objects.nodes = []
        recorded.snapshot.objects.pods = []
        recorded.snapshot.nodes[index].name = "a-folder"
        recorded.snapshot.nodes[index].proxyConfiguration = nil
        if !hasLinks { recorded.snapshot.nodes[index].host.links = nil }
        recorded.scenario.node = "a-folder"
        let node = try #require(recorded.compared())
        Self.report(recorded.name + " of an unknown name", node, recorded.snapshot)
        #expect(!node.ports.contains { $0.status == .differs })
        if hasLinks {
            #expect(node.ports.allSatisfy { $0.status == .inOrder })
        } else {
            let notes = Set(node.ports.flatMap(\.undecided).map(\.note.text))
            #expect(
                notes == ["no object knows a node a-folder: which endpoints and addresses are its own is not known"])
        }
    }

    struct Flow: Decodable {
        var service: String
        var port: String?
        var kind: String
        var from: String
        var dst: String
        var dport: Int
        var proto: String
        var verdict: String
        var endpoints: [String: Int]?

        var key: String { "\(service) \(port ?? "") \(kind) \(from) \(dst) \(dport) \(proto)" }
        var name: String { (port ?? "").isEmpty ? service : "\(service):\(port ?? "")" }
    }

    static func flows(_ folder: String) throws -> [Flow] {
        try JSONDecoder().decode([Flow].self, from: Data(SharedData.bytes(folder + "/flows.json") ?? []))
    }

    /// The Service ports whose recorded packets went elsewhere than on the healthy node, or to endpoints that are gone.
    static func damaged(_ folder: String, _ recorded: Recorded) throws -> Set<String> {
        let sibling =
            folder.components(separatedBy: "/").dropLast().joined(separator: "/") + "/z-mixed--"
            + (recorded.name.components(separatedBy: "--").last ?? "")
        let healthy = Dictionary(try flows(sibling).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var ready = Set<String>()
        for slice in recorded.snapshot.objects.endpointSlices {
            for endpoint in slice.endpoints {
                for port in slice.ports {
                    for address in endpoint.addresses { ready.insert("\(address) \(port.port ?? 0)") }
                }
            }
        }
        return Set(
            try flows(folder).filter { flow in
                healthy[flow.key]?.verdict != flow.verdict
                    || !(flow.endpoints ?? [:]).keys.allSatisfy(ready.contains)
            }.map(\.name))
    }

    @Test(arguments: folders { $0.hasPrefix("x") })
    func brokenNodesNameWhatIsBroken(folder: String) throws {
        let recorded = try #require(Recorded(folder))
        let node = try #require(recorded.compared())
        Self.report(recorded.name, node, recorded.snapshot)
        let differing = Set(node.ports.filter { $0.status != .inOrder }.map(\.name.description))
        #expect(differing == (try Self.damaged(folder, recorded)))
        #expect(node.ports.allSatisfy { $0.undecided.isEmpty && $0.differences.allSatisfy(\.isConfirmed) })
        let kinds = Set(node.ports.flatMap(\.differences).map(\.kind))
        switch recorded.name.prefix(2) {
        case "x1": #expect(kinds == [.missingEndpoint, .extraEndpoint])
        case "x2", "x4": #expect(kinds == [.missingEntry] && node.causes.count == 1)
        case "x3", "x5": #expect(kinds == [.notAskedDrop] && node.causes.count == 1)
        case "x6": #expect(kinds == [.notAskedReject] && node.causes.count == 1)
        default: Issue.record("a folder nobody thought of: \(recorded.name)")
        }
        if recorded.name.hasPrefix("x3") { #expect(node.causes.first?.cause.text == ":FORWARD DROP") }
    }
}
