import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// IPVS mode: the rules around it against a recorded node, the servers against the contract, versions side by side.
@Suite struct IPVSProgramTests {
    private static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    /// The Services of the recorded node, as far as its sets show them.
    private static func recordedObjects() -> KubernetesObjects {
        var objects = KubernetesObjects()
        func add(_ name: String, _ address: String, _ port: ServicePort, local: Bool, _ endpoints: [(String, UInt16)]) {
            var service = Service(name: NamespacedName("shop", name), source: SmallCluster.source)
            service.clusterIPs = addresses(address)
            service.ports = [port]
            if port.nodePort != nil { service.type = "NodePort" }
            if local { service.externalTrafficPolicy = "Local" }
            objects.services.append(service)
            var slice = EndpointSlice(name: service.name, source: SmallCluster.source)
            slice.serviceName = name
            slice.ports = [EndpointPort(ipProtocol: port.ipProtocol, port: endpoints.first?.1)]
            slice.endpoints = endpoints.map { text, _ in
                var endpoint = Endpoint()
                endpoint.addresses = addresses(text)
                endpoint.nodeName = text.hasPrefix("10.244.1.") ? "node1" : "node2"
                return endpoint
            }
            objects.endpointSlices.append(slice)
        }
        var first = ServicePort(port: 80)
        first.nodePort = 30080
        add("a", "10.96.10.1", first, local: false, [("10.244.1.2", 8080), ("10.244.2.2", 8080)])
        var second = ServicePort(port: 80)
        second.nodePort = 30081
        add("b", "10.96.10.2", second, local: true, [("10.244.2.3", 8080), ("10.244.1.3", 8080)])
        add("dns", "10.96.0.10", ServicePort(ipProtocol: .udp, port: 53), local: false, [("10.244.2.3", 5353)])
        add("empty", "10.96.10.14", ServicePort(port: 80), local: false, [])
        return objects
    }

    private static func parameters() -> ProxyParameters {
        var parameters = ProxyParameters(
            nodeName: "node1", nodeAddresses: addresses("192.168.50.11"),
            localDetection: .sources([IPPrefix("10.244.0.0/16")].compactMap(\.self)))
        parameters.mode = .ipvs
        return parameters
    }

    @Test func rulesAndSetsAreThoseOfTheRecordedNode() throws {
        guard let root = SharedData.root else {
            print("SKIP recorded IPVS node: no shared data (CLEW_SHARED, ../shared)")
            return
        }
        let folder = root + "/lab/recordings/qemu/node1."
        func text(_ name: String) throws -> String {
            String(decoding: try #require(SharedData.bytes(folder + name)), as: UTF8.self)
        }
        let parameters = Self.parameters()
        let intents = ServiceIntents.all(in: Self.recordedObjects(), family: .ipv4, for: parameters)
        let program = IPVSProgram(
            intents, for: parameters, localAddresses: Self.addresses("192.168.50.11", "10.244.1.0"), family: .ipv4)
        // Both dumps without what differs from run to run; base chains as kube-proxy's own jumps.
        func rules(_ text: String) -> [String] {
            text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("-A ") || $0.hasPrefix(":KUBE-") }
        }
        let own = rules(program.saveText)
        let recorded = rules(try text("iptables_save.txt"))
        #expect(Set(own).symmetricDifference(recorded).sorted() == [])
        #expect(own.count == recorded.count)
        func order(_ lines: [String], _ chain: String) -> [String] { lines.filter { $0.hasPrefix("-A \(chain) ") } }
        for chain in Set(recorded.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }) {
            #expect(order(own, chain) == order(recorded, chain))
        }
        // The recorded node has one address without a Service of its own, default/kubernetes.
        func sets(_ text: String) -> Set<String> {
            Set(text.split(separator: "\n").map { String($0.split(separator: " bucketsize").first ?? $0) })
        }
        let missing = sets(try text("ipset_save.txt")).symmetricDifference(sets(program.ipsetRestore))
        #expect(missing == ["add KUBE-IPVS-IPS 10.96.0.1"])
    }

    @Test func serversAreThoseTheContractLeadsTo() throws {
        var count = 0
        for var node in RecordedNode.all(for: "IPVS servers", .small) {
            node.mode = .ipvs
            for family in AddressFamily.allCases {
                let contract = ContractClassesTests.contract(node, family)
                let local = contract.network.localAddresses.subtracting(contract.network.loopback)
                let program = IPVSProgram(
                    contract.ports, for: node.parameters,
                    localAddresses: local.addresses(atMost: 99).filter {
                        !($0.family == .ipv6 && $0.isLinkLocal)
                    }, family: family)
                #expect(program.servers.count == contract.entries.count, "\(node.name)")
                for server in program.servers {
                    let entry = try #require(
                        contract.entries.first {
                            $0.destination.address == .one(server.address.address)
                                && $0.destination.port == server.address.port
                                && $0.destination.ipProtocol == server.ipProtocol
                        }, "\(node.name) \(server.address)")
                    switch entry.arms.last?.outcome {
                    case .translated(let translation):
                        #expect(translation.endpoints.sorted() == server.realServers)
                        #expect(translation.affinitySeconds == server.persistence)
                    default: #expect(server.realServers.isEmpty)
                    }
                    count += 1
                }
            }
        }
        print("IPVS servers: \(count) compared")
        #expect(count > 0 || SharedData.root == nil)
    }

    @Test func versionsKeepSourceRangesInDifferentPlaces() {
        var objects = Self.recordedObjects()
        objects.services[0].loadBalancerIngress = Self.addresses("192.168.60.10").map {
            LoadBalancerIngress(address: $0)
        }
        objects.services[0].loadBalancerSourceRanges = ["203.0.113.0/24"]
        func program(_ version: ProxyVersion) -> IPVSProgram {
            var parameters = Self.parameters()
            parameters.version = version
            let intents = ServiceIntents.all(in: objects, family: .ipv4, for: parameters)
            return IPVSProgram(
                intents, for: parameters, localAddresses: Self.addresses("192.168.50.11"), family: .ipv4)
        }
        let old = program(.v1_23)
        #expect(old.nat["KUBE-FIREWALL"]?.last == "-j KUBE-MARK-DROP")
        #expect(
            old.nat["KUBE-LOAD-BALANCER"]?.first?.hasSuffix(
                "--match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-FIREWALL") == true)
        #expect(old.filter["KUBE-PROXY-FIREWALL"] == nil && !old.ipsetRestore.contains("KUBE-IPVS-IPS"))
        let new = program(.v1_36)
        #expect(new.filter["KUBE-SOURCE-RANGES-FIREWALL"]?.last == "-j DROP")
        #expect(new.filter["KUBE-IPVS-OUT-FILTER"]?.count == 1)
        #expect(new.nat["KUBE-FIREWALL"] == nil && new.nat["KUBE-LOAD-BALANCER"]?.count == 1)
    }
}
