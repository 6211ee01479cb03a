import ClewBundle
import ClewDataplane
import ClewNet
import ClewSnapshot
import Testing

/// A cluster of two collected nodes and one that was not, with one of everything that can be named.
private struct Cluster {
    var snapshot = ClusterSnapshot()
    private let source = SourceLine(ArtifactID(rawValue: 0), line: 1)

    init() {
        addNode("worker-a", "192.168.0.11", "fd00:1::11", isCollected: true)
        addNode("worker-b", "192.168.0.12", nil, isCollected: true)
        addNode("worker-c", "192.168.0.13", nil, isCollected: false)
        addPod("web-0", node: "worker-a", ["10.1.0.5", "fd00:2::5"])
        addPod("far-0", node: "worker-c", ["10.3.0.5"])
        addPod("agent-0", node: "worker-a", ["192.168.0.11"], usesHostNetwork: true)
        addPod("job-0", node: "worker-a", ["10.1.0.9"], phase: "Succeeded")
        addPod("new-0", node: nil, ["10.1.0.10"])
        addServices()
        snapshot.nodes[0].pods.append(namespace("bare", NamespacedName("shop", "bare-0"), "10.1.0.77"))
    }

    private func address(_ text: String) -> IPAddress { IPAddress(text) ?? .zero(.ipv4) }

    private mutating func addNode(_ name: String, _ four: String, _ six: String?, isCollected: Bool) {
        var node = Node(name: name, source: source)
        node.internalIPs = ([four] + [six].compactMap { $0 }).map(address)
        snapshot.objects.nodes.append(node)
        guard isCollected else { return }
        var link = Link(index: 2, name: "eth0", kind: .physical, source: source)
        link.addresses = node.internalIPs.compactMap { IPPrefix($0, length: 24) }.map {
            InterfaceAddress(address: $0, source: source)
        }
        var host = NamespaceSnapshot()
        host.links = [link]
        snapshot.nodes.append(NodeSnapshot(name: name, host: host))
    }

    private func namespace(_ name: String, _ pod: NamespacedName, _ text: String) -> PodNamespaceSnapshot {
        var link = Link(index: 3, name: "eth0", kind: .veth, source: source)
        link.addresses = [InterfaceAddress(address: IPPrefix(host: address(text)), source: source)]
        var state = NamespaceSnapshot()
        state.links = [Link(index: 1, name: "lo", kind: .loopback, source: source), link]
        return PodNamespaceSnapshot(name: name, pod: pod, state: state)
    }

    private mutating func addPod(
        _ name: String, node: String?, _ addresses: [String], usesHostNetwork: Bool = false, phase: String = "Running"
    ) {
        var pod = Pod(name: NamespacedName("shop", name), source: source)
        pod.nodeName = node
        pod.addresses = addresses.map(address)
        pod.usesHostNetwork = usesHostNetwork
        pod.phase = phase
        pod.containerPorts = [ContainerPort(name: "dns", ipProtocol: .udp, containerPort: 5353)]
        snapshot.objects.pods.append(pod)
    }

    private mutating func addServices() {
        var api = service("api", ["10.96.0.10", "fd00:96::10"])
        api.type = "LoadBalancer"
        var http = ServicePort(name: "http", port: 80)
        http.targetPort = .number(8080)
        http.nodePort = 30080
        api.ports = [http, ServicePort(name: "dns", ipProtocol: .udp, port: 53)]
        api.externalIPs = [address("198.51.100.7")]
        api.loadBalancerIngress = [LoadBalancerIngress(hostname: "lb.example.com")]
        var db = service("db", [])
        db.isHeadless = true
        db.ports = [ServicePort(name: "sql", port: 5432)]
        var name = service("elsewhere", [])
        name.type = "ExternalName"
        name.externalName = "db.example.com"
        snapshot.objects.services = [api, db, name]
        snapshot.objects.endpointSlices = [slice()]
    }

    private func service(_ name: String, _ addresses: [String]) -> Service {
        var service = Service(name: NamespacedName("shop", name), source: source)
        service.clusterIPs = addresses.map(address)
        return service
    }

    private func slice() -> EndpointSlice {
        var slice = EndpointSlice(name: NamespacedName("shop", "db-x"), source: source)
        slice.serviceName = "db"
        slice.ports = [EndpointPort(name: "sql", port: 15432)]
        for (text, ready) in [("10.1.0.21", true), ("10.1.0.22", nil), ("10.1.0.23", false)] as [(String, Bool?)] {
            var endpoint = Endpoint()
            endpoint.addresses = [address(text)]
            endpoint.conditions.ready = ready
            slice.endpoints.append(endpoint)
        }
        return slice
    }

    func resolve(_ from: String, _ to: String, _ change: (inout FlowRequest) throws -> Void = { _ in }) throws -> [Flow]
    {
        var request = try FlowRequest(from: from, to: to)
        try change(&request)
        let resolver = FlowResolver(snapshot) { address in
            switch address.description {
            case "192.168.0.11", "fd00:1::11": .host(node: "worker-a")
            case "192.168.0.12": .host(node: "worker-b")
            case "192.168.0.13": .uncollectedHost(node: "worker-c")
            case "10.1.0.5": .pod(node: "worker-a", name: NamespacedName("shop", "web-0"))
            case "10.1.0.66": .pod(node: "worker-a", name: nil)
            case "10.3.0.5": .uncollectedPod(node: "worker-c", name: NamespacedName("shop", "far-0"))
            case "10.96.0.10": .host(node: "worker-a")
            default: .nobody
            }
        }
        return try resolver.flows(for: request)
    }

    /// One line for each flow: origin, source, destination, protocol.
    func lines(_ from: String, _ to: String, _ change: (inout FlowRequest) throws -> Void = { _ in }) throws -> [String]
    {
        try resolve(from, to, change).map { flow in
            let origin =
                switch flow.origin {
                case .host(let node): "host \(node)"
                case .pod(let node, _, let name): "pod \(name?.description ?? "?") \(node)"
                case .outside(_, let via): "outside via \(via)"
                }
            let end = SocketAddress(flow.destination, flow.destinationPort)
            return "\(origin) \(flow.source?.description ?? "-") > \(end) \(flow.ipProtocol)"
        }
    }

    func refusal(_ from: String, _ to: String, _ change: (inout FlowRequest) throws -> Void = { _ in }) -> String {
        do {
            return "resolved: \(try lines(from, to, change))"
        } catch let error as FlowError {
            return error.message
        } catch {
            return "\(error)"
        }
    }
}

@Suite struct FlowResolverTests {
    private let cluster = Cluster()

    @Test func aServiceMeansEveryFamilyBothEndsHave() throws {
        #expect(
            try cluster.lines("pod/shop/web-0", "svc/shop/api:http") == [
                "pod shop/web-0 worker-a 10.1.0.5 > 10.96.0.10:80 tcp",
                "pod shop/web-0 worker-a fd00:2::5 > [fd00:96::10]:80 tcp",
            ])
        #expect(
            try cluster.lines("pod/shop/web-0", "svc/shop/api:http") { $0.family = .ipv6 } == [
                "pod shop/web-0 worker-a fd00:2::5 > [fd00:96::10]:80 tcp"
            ])
        #expect(try cluster.lines("pod/shop/bare-0", "svc/shop/api:80").count == 1)
    }

    @Test func aServiceWithoutAPortMeansEachOfThem() throws {
        #expect(
            try cluster.lines("node/worker-b", "svc/shop/api") == [
                "host worker-b - > 10.96.0.10:80 tcp", "host worker-b - > 10.96.0.10:53 udp",
            ])
        #expect(try cluster.lines("node/worker-b", "svc/shop/api/udp") == ["host worker-b - > 10.96.0.10:53 udp"])
    }

    @Test func aNodePortIsTriedAtEveryCollectedNodeOrAtOne() throws {
        #expect(
            try cluster.lines("203.0.113.50", "svc/shop/api:http") { $0.kind = .nodePort } == [
                "outside via worker-a 203.0.113.50 > 192.168.0.11:30080 tcp",
                "outside via worker-b 203.0.113.50 > 192.168.0.12:30080 tcp",
            ])
        #expect(
            try cluster.lines("pod/shop/bare-0", "svc/shop/api:30080") {
                $0.kind = .nodePort
                $0.at = "worker-c"
            } == ["pod shop/bare-0 worker-a 10.1.0.77 > 192.168.0.13:30080 tcp"])
    }

    @Test func aHeadlessServiceIsItsReadyEndpoints() throws {
        #expect(
            try cluster.lines("node/worker-a", "svc/shop/db") == [
                "host worker-a - > 10.1.0.21:15432 tcp", "host worker-a - > 10.1.0.22:15432 tcp",
            ])
    }

    @Test func otherAddressesOfAService() throws {
        #expect(
            try cluster.lines("node/worker-b", "svc/shop/api:http") { $0.kind = .externalIP } == [
                "host worker-b - > 198.51.100.7:80 tcp"
            ])
        #expect(
            cluster.refusal("node/worker-b", "svc/shop/api:http") { $0.kind = .loadBalancer }
                == "svc/shop/api has a load balancer by name only, 'lb.example.com': trace to its address")
    }

    @Test func sourcesByAddressAreLookedUp() throws {
        #expect(try cluster.lines("192.168.0.12", "10.9.9.9:80") == ["host worker-b 192.168.0.12 > 10.9.9.9:80 tcp"])
        #expect(try cluster.lines("10.1.0.5", "10.9.9.9:80") == ["pod shop/web-0 worker-a 10.1.0.5 > 10.9.9.9:80 tcp"])
        #expect(try cluster.lines("10.1.0.66", "10.9.9.9:80") == ["pod ? worker-a 10.1.0.66 > 10.9.9.9:80 tcp"])
    }

    @Test func outsideEntersAtTheOwnerElseEverywhere() throws {
        #expect(
            try cluster.lines("1.2.3.4", "192.168.0.12:22") == ["outside via worker-b 1.2.3.4 > 192.168.0.12:22 tcp"])
        #expect(
            try cluster.lines("1.2.3.4", "10.96.0.10:80") == [
                "outside via worker-a 1.2.3.4 > 10.96.0.10:80 tcp", "outside via worker-b 1.2.3.4 > 10.96.0.10:80 tcp",
            ])
        #expect(
            try cluster.lines("1.2.3.4", "10.96.0.10:80") { $0.via = "worker-b" } == [
                "outside via worker-b 1.2.3.4 > 10.96.0.10:80 tcp"
            ])
        #expect(
            cluster.refusal("1.2.3.4", "192.168.0.13:22").hasPrefix(
                "node worker-c, which owns 192.168.0.13, was not collected"))
    }

    @Test func hostNetworkPodsAreTheirNode() throws {
        #expect(
            try cluster.lines("pod/shop/agent-0", "10.9.9.9:80") == ["host worker-a 192.168.0.11 > 10.9.9.9:80 tcp"])
    }

    @Test func podsOfNodesThatWereNotCollected() throws {
        #expect(
            cluster.refusal("pod/shop/far-0", "10.9.9.9:80").hasPrefix(
                "node worker-c, where pod/shop/far-0 runs, was not collected; collected: worker-a, worker-b"))
        #expect(
            try cluster.lines("pod/shop/far-0", "10.9.9.9:80") { $0.via = "worker-a" } == [
                "outside via worker-a 10.3.0.5 > 10.9.9.9:80 tcp"
            ])
    }

    @Test func withoutAPortAnAddressIsPinged() throws {
        #expect(try cluster.lines("node/worker-a", "10.9.9.9") == ["host worker-a - > 10.9.9.9:2048 icmp"])
        #expect(try cluster.lines("node/worker-a", "fd00::9") == ["host worker-a - > [fd00::9]:32768 ipv6-icmp"])
        #expect(try cluster.lines("node/worker-a", "pod/shop/bare-0/icmp").count == 1)
        #expect(cluster.refusal("node/worker-a", "10.9.9.9/tcp") == "'10.9.9.9/tcp' names no port, and tcp needs one")
        #expect(
            cluster.refusal("node/worker-a", "10.9.9.9:80/icmp") == "'10.9.9.9:80/icmp' names a port, and icmp has none"
        )
    }

    @Test func podPortsHaveNames() throws {
        #expect(try cluster.lines("node/worker-b", "pod/shop/web-0:dns") == ["host worker-b - > 10.1.0.5:5353 udp"])
        #expect(
            cluster.refusal("node/worker-b", "pod/shop/web-0:web")
                == "pod/shop/web-0 has no container port 'web'; it has dns")
    }

    @Test func nodesAreDestinationsToo() throws {
        #expect(
            try cluster.lines("pod/shop/bare-0", "node/worker-c:22") == [
                "pod shop/bare-0 worker-a 10.1.0.77 > 192.168.0.13:22 tcp"
            ])
    }

    @Test func loopbackAndSourceOfAHost() throws {
        #expect(try cluster.lines("node/worker-b", "127.0.0.1:53") == ["host worker-b - > 127.0.0.1:53 tcp"])
        #expect(try cluster.lines("node/worker-b", "[::1]:53") == ["host worker-b - > [::1]:53 tcp"])
        let source = IPAddress(v4: 127, 0, 0, 1)
        #expect(
            try cluster.lines("node/worker-b", "10.96.0.10:80") { $0.source = source } == [
                "host worker-b 127.0.0.1 > 10.96.0.10:80 tcp"
            ])
        #expect(cluster.refusal("127.0.0.1", "10.96.0.10:80").contains("say --from node/NAME --source 127.0.0.1"))
        #expect(cluster.refusal("pod/shop/web-0", "10.96.0.10:80") { $0.source = source }.contains("is for a process"))
    }

    @Test(arguments: [
        ("pod/shop/wev-0", "10.9.9.9:80", "there is no pod/shop/wev-0 in the bundle; did you mean shop/web-0"),
        ("pod/default/web-0", "10.9.9.9:80", "did you mean shop/web-0?"),
        ("pod/shop/job-0", "10.9.9.9:80", "pod/shop/job-0 has ended (phase Succeeded)"),
        ("pod/shop/new-0", "10.9.9.9:80", "pod/shop/new-0 is on no node yet"),
        ("node/worker-x", "10.9.9.9:80", "there is no node 'worker-x' in the bundle; did you mean worker-a or"),
        ("node/worker-c", "10.9.9.9:80", "node worker-c was not collected"),
        ("node/worker-a", "svc/shop/apj", "there is no svc/shop/apj in the bundle; did you mean shop/api"),
        ("node/worker-a", "svc/shop/elsewhere", "is of type ExternalName: it is only a DNS name for 'db.example.com'"),
        ("node/worker-a", "svc/shop/api:81", "svc/shop/api has no port 81; it has http (80/tcp), dns (53/udp)"),
        ("node/worker-a", "svc/shop/api:8080", "that is the targetPort of its port http (80/tcp)"),
        ("node/worker-a", "svc/shop/api:30080", "that is the nodePort of its port http (80/tcp) (--kind nodeport)"),
        ("node/worker-a", "svc/shop/api:http/udp", "port http (80/tcp) of svc/shop/api speaks tcp, not udp"),
        ("10.1.0.5", "[fd00:96::10]:80", "share no address family: the destination has only IPv6"),
        ("224.0.0.1", "10.9.9.9:80", "is no host's address"),
        ("255.255.255.255", "10.9.9.9:80", "is no host's address"),
        ("node/worker-a", "0.0.0.0:80", "a process that connects to it reaches 127.0.0.1"),
        ("node/worker-a", "[::]:80", "a process that connects to it reaches ::1"),
        ("node/worker-a", "224.0.0.1:80", "is a group's address"),
        ("node/worker-a", "[ff02::1]:80", "is a group's address"),
        ("node/worker-a", "255.255.255.255:80/udp", "is a group's address"),
    ])
    func refuses(from: String, to: String, reason: String) {
        let message = cluster.refusal(from, to)
        #expect(message.contains(reason), "\(message)")
    }

    @Test func optionsThatDoNotFit() {
        #expect(
            cluster.refusal("node/worker-a", "10.9.9.9:80") { $0.kind = .nodePort }.hasPrefix(
                "--kind nodeport is for svc/"))
        #expect(
            cluster.refusal("node/worker-a", "svc/shop/api") { $0.at = "worker-a" }.hasPrefix(
                "--at worker-a names where"))
        #expect(
            cluster.refusal("node/worker-a", "10.9.9.9:80") { $0.via = "worker-b" }.contains(
                "do not enter via worker-b"))
        #expect(
            cluster.refusal("1.2.3.4", "10.9.9.9:80") { $0.via = "worker-x" }.hasPrefix("there is no node 'worker-x'"))
        #expect(
            cluster.refusal("node/worker-b", "svc/shop/api:dns") { $0.kind = .nodePort }.contains("has no node port"))
        #expect(
            cluster.refusal("node/worker-b", "svc/shop/api") { $0.family = .ipv6 }.contains("share no address family"))
    }
}
