import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

@testable import ClewCompare

/// What a difference is put down to, and the packet that shows it.
@Suite struct CauseTests {
    static func base() throws -> MutationBase {
        let cluster = LocalTrafficDetection.sources([IPPrefix("10.244.0.0/16")].compactMap(\.self))
        return try #require(MutationBase.generated(.v1_36, cluster, seed: 1))
    }

    static func compare(_ snapshot: ClusterSnapshot, _ base: MutationBase) throws -> NodeComparison {
        ServicesComparison(Dataplane(compiling: snapshot)).compare(try #require(snapshot.nodes.first), base.parameters)
    }

    static func address(_ service: String, _ base: MutationBase) throws -> IPAddress {
        try #require(base.snapshot.objects.services.first { $0.name.name == service }?.clusterIPs.first)
    }

    /// As NodeLocal DNSCache does it.
    @Test func untrackedPackets() throws {
        let base = try Self.base()
        var rules = base.rules
        rules.insertFirst("raw", "PREROUTING -d \(try Self.address("plain", base))/32 -p tcp -j CT --notrack")
        let node = try Self.compare(base.damaged(rules), base)
        #expect(node.ports.filter { $0.status != .inOrder }.map(\.name.description) == ["shop/plain:p"])
        let cause = try #require(node.causes.first)
        #expect(node.causes.count == 1 && cause.kinds == [.takenByForeignRule])
        #expect(cause.cause.place == "raw PREROUTING" && cause.cause.text.hasSuffix("-j CT --notrack"))
    }

    /// One endpoint's chain has nothing left but its mark: the chain is named, and not the Service's that leads there.
    @Test func chainsThatOnlyMark() throws {
        let base = try Self.base()
        for index in base.rules.rules("nat", in: "KUBE-SEP-", to: "DNAT") {
            var rules = base.rules
            let chain = rules.lines[index].chain
            rules.remove(index)
            let node = try Self.compare(base.damaged(rules), base)
            let places = node.ports.filter { $0.status != .inOrder }.flatMap(\.differences).map(\.cause.place)
            #expect(places.contains("nat \(chain)"), "\(chain): \(Set(places).sorted())")
        }
    }

    /// Only clients that bind a low port are concerned: the packet that shows it has one.
    @Test func someSourcePorts() throws {
        let base = try Self.base()
        var rules = base.rules
        let address = try Self.address("plain", base)
        rules.insertFirst("nat", "PREROUTING -d \(address)/32 -p tcp -m tcp --sport 1:1023 -j ACCEPT")
        let node = try Self.compare(base.damaged(rules), base)
        let differences = node.ports.flatMap(\.differences)
        #expect(!differences.isEmpty && differences.allSatisfy(\.isConfirmed))
        #expect(differences.allSatisfy { $0.kind == .takenByForeignRule && $0.service?.service.name == "plain" })
        #expect(differences.allSatisfy { $0.witness?.flow.sourcePort == 1023 })
    }

    /// The API allows other sources than when the rules were written: each line is named that lets in or keeps out.
    @Test func otherSourceRanges() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let index = try #require(snapshot.objects.services.firstIndex { $0.name.name == "ranged" })
        snapshot.objects.services[index].loadBalancerSourceRanges = ["198.18.0.0/15", "10.244.0.0/16"]
        let node = try Self.compare(snapshot, base)
        #expect(node.ports.filter { $0.status != .inOrder }.map(\.name.service.name) == ["ranged"])
        let open = node.causes.filter { $0.kinds == [.notDropped] }
        #expect(open.map(\.cause.kind) == [.line])
        #expect(open.first?.cause.place.hasPrefix("nat KUBE-FW-") ?? false)
        #expect(open.first?.cause.text.contains("-s 203.0.113.0/24") ?? false)
        let shut = node.causes.filter { $0.kinds == [.notAskedDrop] }
        #expect(shut.map(\.cause.kind) == [.lacking])
        #expect(shut.first?.cause.place.hasPrefix("nat KUBE-FW-") ?? false)
    }

    /// Two Services that claim one address and port: which of them is served is not defined, and either will do.
    @Test func rivals() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let index = try #require(snapshot.objects.services.firstIndex { $0.name.name == "single" })
        let plain = try #require(snapshot.objects.services.first { $0.name.name == "plain" })
        snapshot.objects.services[index].clusterIPs = plain.clusterIPs
        snapshot.objects.services[index].ports[0].port = plain.ports[0].port
        let node = try Self.compare(snapshot, base)
        #expect(node.ports.allSatisfy { $0.status == .inOrder })
        // What the second had before is left over.
        #expect(node.causes.allSatisfy { $0.kinds == [.staleEntry] && $0.staleNames == ["shop/single:p"] })
    }

    /// Nobody's packets come from a broadcast address, and a rule about those alone changes nothing.
    @Test func broadcastSenders() throws {
        let base = try Self.base()
        var rules = base.rules
        rules.insertFirst("nat", "PREROUTING -m addrtype --src-type BROADCAST -j ACCEPT")
        var snapshot = base.damaged(rules)
        let route = Route(
            destination: try #require(IPPrefix("10.244.1.255/32")), type: .broadcast, table: .local,
            nextHops: [NextHop(device: "cni0")], source: SourceLine(ArtifactID(rawValue: 0), line: 1),
            text: "broadcast 10.244.1.255 dev cni0")
        snapshot.nodes[0].host.routes?.append(route)
        let node = try Self.compare(snapshot, base)
        #expect(node.ports.allSatisfy { $0.status == .inOrder } && node.causes.isEmpty)
    }
}
