package import ClewBundle
package import ClewIntent
import ClewKubeProxy
package import ClewNet
import ClewParsers
package import ClewSnapshot

/// A cluster of a handful of addresses and ports, with Services made at random, and one node's rules for them.
package struct SmallCluster {
    package static let node = "worker-1"
    package static let source = SourceLine(ArtifactID(rawValue: 0), line: 1)
    package static let ownPods = ["10.244.1.2", "10.244.1.3"]
    package static let others = ["192.168.50.12", "10.244.2.2", "203.0.113.50", "198.51.100.7"]
    package static let destinations = [
        "10.96.0.10", "10.96.0.11", "10.96.0.12", "198.51.100.200", "192.168.60.10", "192.168.50.11", "10.244.1.1",
        "127.0.0.1",
    ]
    package static let ports: [UInt16] = [80, 81, 30080, 30081]
    package static let transports = [IPProtocol.tcp, .udp].flatMap { number in ports.map { (number, $0) } }

    package let objects: KubernetesObjects
    package let parameters: ProxyParameters

    package init(mode: ProxyMode, using random: inout SeededGenerator) {
        var parameters = ProxyParameters(
            nodeName: Self.node, nodeAddresses: Self.addresses(["192.168.50.11"]), localDetection: .none)
        let cluster = [IPPrefix("10.244.0.0/16"), IPPrefix("10.244.1.0/24")].compactMap(\.self)
        let detections: [LocalTrafficDetection] = [
            .sources([cluster[0]]), .sources([cluster[1]]), .bridge("cni0"), .interfacePrefix("cni"), .none,
        ]
        parameters.localDetection = detections.randomElement(using: &random) ?? .none
        parameters.version = [.v1_23, .v1_30, .v1_36].randomElement(using: &random) ?? .v1_36
        parameters.mode = mode
        parameters.masqueradeAll = Int.random(in: 0..<5, using: &random) == 0
        parameters.masqueradeBit = UInt8.random(in: 0..<15, using: &random)
        parameters.zone = "a"
        if Int.random(in: 0..<4, using: &random) == 0 {
            parameters.nodePortAddresses = [IPPrefix("192.168.50.0/24")].compactMap(\.self)
        }
        parameters.localhostNodePorts = Bool.random(using: &random)
        self.parameters = parameters
        var objects = KubernetesObjects()
        var worker = Node(name: Self.node, source: Self.source)
        worker.internalIPs = parameters.nodeAddresses
        worker.podCIDRs = [cluster[1]]
        objects.nodes = [worker]
        for number in 0..<3 {
            let service = Self.service(number, using: &random)
            objects.services.append(service)
            for port in service.ports { objects.endpointSlices.append(Self.slice(service, port, using: &random)) }
        }
        Self.addAPI(to: &objects)
        self.objects = objects
    }

    /// The Service that every cluster has.
    package static func addAPI(to objects: inout KubernetesObjects) {
        var service = Service(name: NamespacedName("default", "kubernetes"), source: source)
        service.clusterIPs = addresses(["10.96.0.1"])
        service.ports = [ServicePort(name: "https", ipProtocol: .tcp, port: 443)]
        var slice = EndpointSlice(name: service.name, source: source)
        slice.serviceName = "kubernetes"
        slice.ports = [EndpointPort(name: "https", ipProtocol: .tcp, port: 6443)]
        var endpoint = Endpoint()
        endpoint.addresses = addresses(["192.168.50.10"])
        endpoint.conditions.ready = true
        slice.endpoints = [endpoint]
        objects.services.append(service)
        objects.endpointSlices.append(slice)
    }

    private static func addresses(_ texts: [String]) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    private static func service(_ number: Int, using random: inout SeededGenerator) -> Service {
        func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }
        var service = Service(name: NamespacedName("shop", "s\(number)"), source: source)
        service.clusterIPs = addresses([destinations[number]])
        service.type = ["ClusterIP", "NodePort", "LoadBalancer"].randomElement(using: &random) ?? "ClusterIP"
        // Two Services may want the same external address, but not the same port of it.
        var port = ServicePort(name: "p", ipProtocol: number == 2 ? .udp : .tcp, port: ports[number % 2])
        if service.type != "ClusterIP" { port.nodePort = ports[2 + number % 2] }
        service.ports = [port]
        if chance(2) { service.externalIPs = addresses(["198.51.100.200"]) }
        if service.type == "LoadBalancer" {
            service.loadBalancerIngress = addresses(["192.168.60.10"]).map {
                LoadBalancerIngress(address: $0, ipMode: chance(6) ? "Proxy" : "VIP")
            }
            let ranges = ["203.0.113.0/24", "10.244.1.2/32", "192.168.50.0/24", "127.0.0.0/8"]
            if chance(2) { service.loadBalancerSourceRanges = ranges.filter { _ in chance(2) } }
        }
        if chance(2) { service.externalTrafficPolicy = "Local" }
        if chance(3) { service.internalTrafficPolicy = "Local" }
        if chance(4) {
            service.sessionAffinity = "ClientIP"
            service.sessionAffinityTimeout = 600
        }
        if chance(2) { service.annotations = ["service.kubernetes.io/topology-mode": "Auto"] }
        return service
    }

    private static func slice(
        _ service: Service, _ port: ServicePort, using random: inout SeededGenerator
    ) -> EndpointSlice {
        var slice = EndpointSlice(name: service.name, source: source)
        slice.serviceName = service.name.name
        slice.ports = [EndpointPort(name: port.name, ipProtocol: port.ipProtocol, port: 8080)]
        let hinted = Int.random(in: 0..<3, using: &random) == 0
        for text in ownPods + ["10.244.2.2", "10.244.3.2"] where Bool.random(using: &random) {
            var endpoint = Endpoint()
            endpoint.addresses = addresses([text])
            endpoint.nodeName = text.hasPrefix("10.244.1.") ? node : "worker-9"
            let state = Int.random(in: 0..<6, using: &random)
            endpoint.conditions.ready = state < 4
            endpoint.conditions.serving = state < 5
            endpoint.conditions.terminating = state >= 4 ? Bool.random(using: &random) : false
            if hinted { endpoint.hintZones = [["a", "b"].randomElement(using: &random) ?? "a"] }
            if hinted { endpoint.hintNodes = [[node, "worker-9"].randomElement(using: &random) ?? node] }
            slice.endpoints.append(endpoint)
        }
        return slice
    }

    /// The node with the rules that kube-proxy would write.
    package func snapshot() -> ClusterSnapshot {
        var text = TextBundle()
        text.addNode(Self.node, number: 1)
        text.append("net.ipv4.conf.all.route_localnet = 1", to: "nodes/\(Self.node)/sysctl.txt")
        let intents = ServiceIntents.all(in: objects, family: .ipv4, for: parameters)
        let folder = "nodes/\(Self.node)/"
        if parameters.mode == .ipvs {
            let local = ["192.168.50.11", "10.244.1.1"].compactMap { IPAddress($0) }
            let program = IPVSProgram(intents, for: parameters, localAddresses: local, family: .ipv4)
            text[folder + "iptables-save.txt"] = program.saveText
            text[folder + "ipset-save.txt"] = program.ipsetRestore
            text[folder + "ipvsadm-save.txt"] = program.ipvsadmRestore
            if !parameters.version.filtersSourceRanges {
                Self.addKubelet(to: &text, folder + "iptables-save.txt")
            }
            addDummy(program.addresses, to: &text)
        } else {
            text[folder + "iptables-save.txt"] = IptablesRules(intents, for: parameters, family: .ipv4).saveText
        }
        var snapshot = ClusterSnapshot(parsing: text.bundle, nodeName: nil)
        snapshot.objects = objects
        return snapshot
    }

    /// What kubelet adds up to 1.26, so that a mark drops.
    private static func addKubelet(to text: inout TextBundle, _ path: String) {
        let filter = """
            *filter
            :KUBE-FIREWALL - [0:0]
            -A INPUT -j KUBE-FIREWALL
            -A OUTPUT -j KUBE-FIREWALL
            -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
            """
        text.replace("*filter", with: filter, in: path)
        let mark = ":KUBE-MARK-DROP - [0:0]"
        text.replace(mark, with: mark + "\n-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000", in: path)
    }

    private func addDummy(_ addresses: [IPAddress], to text: inout TextBundle) {
        let folder = "nodes/\(Self.node)/"
        text.append(
            """
            9: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default
                link/ether 02:00:00:00:02:09 brd ff:ff:ff:ff:ff:ff
            """, to: folder + "ip-addr.txt")
        for address in addresses {
            text.append("    inet \(address)/32 scope global kube-ipvs0", to: folder + "ip-addr.txt")
            text.append(
                "local \(address) dev kube-ipvs0 table local proto kernel scope host src \(address)",
                to: folder + "ip-route.txt")
        }
        text.append("net.ipv4.vs.conntrack = 1", to: folder + "sysctl.txt")
    }

    package func contract(_ snapshot: ClusterSnapshot) -> ServiceContract {
        let network = NodeNetwork(
            node: Self.node, objects: objects, links: snapshot.nodes.first?.host.links, family: .ipv4)
        return ServiceContract(objects, family: .ipv4, for: parameters, network: network)
    }
}

extension SmallCluster: CustomStringConvertible {
    /// What differs from cluster to cluster.
    package var description: String {
        let services = objects.services.map { service in
            "\(service.name) \(service.type) \(service.ports.map(\.ipProtocol)) eTP \(service.externalTrafficPolicy ?? "-") "
                + "iTP \(service.internalTrafficPolicy ?? "-") external \(service.externalIPs) "
                + "ranges \(service.loadBalancerSourceRanges)"
        }
        let endpoints = ServiceIntents.all(in: objects, family: .ipv4, for: parameters).map { port in
            port.endpoints.map { "\($0.address) ready \($0.isReady) serving \($0.isServing) end \($0.isTerminating)" }
        }
        return "\(parameters)\n\(services)\n\(endpoints)"
    }
}
