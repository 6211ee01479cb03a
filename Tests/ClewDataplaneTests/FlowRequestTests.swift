import ClewDataplane
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// What users write as the ends of a connection.
@Suite struct FlowRequestTests {
    @Test(arguments: [
        ("pod/shop/web-0", FlowSource.pod(NamespacedName("shop", "web-0"))),
        ("node/worker-a.example.com", .node("worker-a.example.com")),
        ("10.0.0.1", .address(IPAddress(v4: 10, 0, 0, 1))),
        ("fd00::1", .address(IPAddress(v6High: 0xFD00 << 48, low: 1))),
        ("[fd00::1]", .address(IPAddress(v6High: 0xFD00 << 48, low: 1))),
    ])
    func readsSources(text: String, expected: FlowSource) throws {
        #expect(try FlowRequest(from: text, to: "10.0.0.1").from == expected)
    }

    struct Destination: Sendable {
        var text: String
        var to: FlowTarget
        var port: TargetPort?
        var transport: FlowTransport?

        init(_ text: String, _ to: FlowTarget, _ port: TargetPort? = nil, _ transport: FlowTransport? = nil) {
            self.text = text
            self.to = to
            self.port = port
            self.transport = transport
        }
    }

    private static let api = FlowTarget.service(NamespacedName("shop", "api"))
    private static let four = FlowTarget.address(IPAddress(v4: 10, 0, 0, 1))
    private static let six = FlowTarget.address(IPAddress(v6High: 0xFD00 << 48, low: 1))

    @Test(arguments: [
        Destination("svc/shop/api", api),
        Destination("svc/shop/api:http", api, .name("http")),
        Destination("svc/shop/api:80", api, .number(80)),
        Destination("svc/shop/api:53/UDP", api, .number(53), .udp),
        Destination("svc/shop/api/udp", api, nil, .udp),
        Destination("pod/shop/db-0:5432", .pod(NamespacedName("shop", "db-0")), .number(5432)),
        Destination("node/a:22", .node("a"), .number(22)),
        Destination("10.0.0.1", four),
        Destination("10.0.0.1:80", four, .number(80)),
        Destination("10.0.0.1:53/udp", four, .number(53), .udp),
        Destination("10.0.0.1/icmp", four, nil, .icmp),
        Destination("fd00::1", six),
        Destination("[fd00::1]", six),
        Destination("[fd00::1]:80", six, .number(80)),
        Destination("[fd00::1]:80/sctp", six, .number(80), .sctp),
        Destination("fd00::1/icmp", six, nil, .icmp),
    ])
    func readsDestinations(_ expected: Destination) throws {
        let request = try FlowRequest(from: "10.0.0.2", to: expected.text)
        #expect(request.to == expected.to)
        #expect(request.port == expected.port)
        #expect(request.transport == expected.transport)
    }

    @Test(arguments: [
        ("", "10.0.0.1", "is not a source"),
        ("pod/web", "10.0.0.1", "not of the form pod/NAMESPACE/NAME"),
        ("svc/a/b", "10.0.0.1", "opens no connections"),
        ("10.0.0.1", "", "is not a destination"),
        ("10.0.0.1", "svc/api:80", "is not a destination"),
        ("10.0.0.1", "example.com:80", "is not a destination"),
        ("10.0.0.1", "10.0.0.1:0", "'0' is not a port"),
        ("10.0.0.1", "10.0.0.1:65536", "'65536' is not a port"),
        ("10.0.0.1", "10.0.0.1:", "'' is not a port"),
        ("10.0.0.1", "10.0.0.1:+80", "'+80' is not a port"),
        ("10.0.0.1", "10.0.0.0/8", "'8' is not a protocol"),
        ("10.0.0.1", "svc/a/b:", "is not a destination"),
        ("10.0.0.1", "svc/a/b:80:81", "is not a destination"),
        ("10.0.0.1", "svc/a/b/tcp/udp", "is not a destination"),
    ])
    func refuses(from: String, to: String, reason: String) {
        let error = #expect(throws: FlowError.self) { try FlowRequest(from: from, to: to) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func aNameWithoutItsKindIsExplained() {
        let target = FlowError("'shop/api' does not say what it names; did you mean svc/shop/api or pod/shop/api?")
        #expect(throws: target) { try FlowRequest(from: "node/a", to: "shop/api") }
        let source = #expect(throws: FlowError.self) { try FlowRequest(from: "shop/web-0", to: "10.0.0.1:80") }
        #expect(source?.description.contains("did you mean pod/shop/web-0?") == true)
        let transport = #expect(throws: FlowError.self) { try FlowRequest(from: "node/a", to: "10.0.0.1:80/tpc") }
        #expect(transport?.description.contains("'tpc' is not a protocol") == true)
    }

    @Test func protocolsMustNotContradict() throws {
        var request = try FlowRequest(from: "10.0.0.2", to: "10.0.0.1:53/udp")
        try request.require(.udp)
        #expect(throws: FlowError("'10.0.0.1:53/udp' says udp, --proto says tcp")) { try request.require(.tcp) }
    }

    @Test func randomTextNeverTraps() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("svcpodne/:[].0123456789af tcpudp")
        for _ in 0..<5_000 {
            var text = ""
            for _ in 0..<20 { text.append(alphabet.randomElement(using: &generator) ?? "/") }
            // Reading again what was read gives the same: nothing depends on state.
            let first = try? FlowRequest(from: "10.0.0.1", to: text)
            #expect(first == (try? FlowRequest(from: "10.0.0.1", to: text)), "seed \(seed): \(text)")
        }
    }

    @Test func suggestsNearNames() {
        #expect(
            NameSuggestion.nearest(to: "shop/ap", among: ["shop/api", "shop/web", "kube-system/dns"]) == ["shop/api"])
        #expect(
            NameSuggestion.nearest(to: "default/api", among: ["shop/api", "default/app"]) == [
                "shop/api", "default/app",
            ])
        #expect(NameSuggestion.text(for: "zzzz", among: ["shop/api"]).isEmpty)
    }
}
