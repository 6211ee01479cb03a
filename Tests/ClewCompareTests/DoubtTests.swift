import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@testable import ClewCompare

/// Where something on the node was not collected or is not modelled, nothing is called in order and nothing different.
@Suite struct DoubtTests {
    static func base() throws -> MutationBase {
        let cluster = LocalTrafficDetection.sources([IPPrefix("10.244.0.0/16")].compactMap(\.self))
        return try #require(MutationBase.generated(.v1_36, cluster, seed: 1))
    }

    static func compare(_ snapshot: ClusterSnapshot, _ parameters: ProxyParameters) throws -> NodeComparison {
        ServicesComparison(Dataplane(compiling: snapshot)).compare(try #require(snapshot.nodes.first), parameters)
    }

    static func statuses(_ node: NodeComparison) -> [String: ServicePortComparison.Status] {
        Dictionary(node.ports.map { ($0.name.description, $0.status) }, uniquingKeysWith: { first, _ in first })
    }

    /// A second rule set beside the one that is there.
    static func add(
        _ text: String, _ backend: RuleBackend, _ family: AddressFamily = .ipv4, to snapshot: inout ClusterSnapshot
    ) {
        let artifact = ArtifactID(rawValue: UInt32(snapshot.paths.count))
        snapshot.paths.append("nodes/worker-1/second.txt")
        let parsed = IptablesSaveParser.parse(
            Array(text.utf8), artifact: artifact, family: family, backend: backend)
        snapshot.nodes[0].host.ruleSets.append(parsed.ruleSet)
    }

    static func table(_ rule: String) -> String {
        "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\(rule)\nCOMMIT\n"
    }

    // MARK: - Two rule sets

    @Test func whichOfTwoRuleSetsComesFirstIsNotKnown() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let plain = try #require(snapshot.objects.services.first { $0.name.name == "plain" }?.clusterIPs.first)
        let rule = "-A PREROUTING -d \(plain)/32 -p tcp -j DNAT --to-destination 10.9.9.9:99"
        Self.add(Self.table(rule), .nft, to: &snapshot)
        let node = try Self.compare(snapshot, base.parameters)
        let statuses = Self.statuses(node)
        #expect(statuses["shop/plain:p"] == .unknown)
        #expect(statuses.filter { $0.value != .inOrder }.count == 1)
        let notes = node.ports.flatMap(\.undecided).map(\.note.text)
        #expect(!notes.isEmpty && notes.allSatisfy { $0.contains("comes first at equal priority") })
        #expect(node.causes.isEmpty)
    }

    @Test func inBothOrdersTheSame() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let rule = "-A PREROUTING -d 192.0.2.1/32 -p tcp -j DNAT --to-destination 10.9.9.9:99"
        Self.add(Self.table(rule), .nft, to: &snapshot)
        #expect(Self.statuses(try Self.compare(snapshot, base.parameters)).allSatisfy { $0.value == .inOrder })
        // What is wrong in both orders is wrong.
        var rules = base.rules
        rules.flush("KUBE-SERVICES", "nat")
        snapshot = base.damaged(rules)
        Self.add(Self.table(rule), .nft, to: &snapshot)
        let node = try Self.compare(snapshot, base.parameters)
        #expect(Self.statuses(node)["shop/plain:p"] == .differs)
        #expect(node.causes.allSatisfy { $0.example.isConfirmed })
    }

    // MARK: - Not collected

    @Test func withoutRulesOfAFamilyItsEntriesAreNotKnown() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let index = try #require(snapshot.objects.services.firstIndex { $0.name.name == "plain" })
        snapshot.objects.services[index].clusterIPs += [IPAddress("fd00:10:96::20")].compactMap(\.self)
        let node = try Self.compare(snapshot, base.parameters)
        #expect(Self.statuses(node).filter { $0.value != .inOrder } == ["shop/plain:p": .unknown])
        #expect(node.ports.flatMap(\.undecided).allSatisfy { $0.note.text.contains("ip6tables-save") })
    }

    @Test func withoutVirtualServersIPVSIsNotKnown() throws {
        var random = SeededGenerator(seed: 7)
        let cluster = SmallCluster(mode: .ipvs, using: &random)
        var snapshot = cluster.snapshot()
        #expect(Self.statuses(try Self.compare(snapshot, cluster.parameters)).allSatisfy { $0.value == .inOrder })
        snapshot.nodes[0].host.virtualServers = nil
        let node = try Self.compare(snapshot, cluster.parameters)
        #expect(!node.ports.isEmpty && node.ports.allSatisfy { $0.status == .unknown })
        #expect(node.causes.isEmpty)
    }

    @Test func withoutIPSetsIPVSIsNotCalledInOrder() throws {
        var random = SeededGenerator(seed: 7)
        let cluster = SmallCluster(mode: .ipvs, using: &random)
        var snapshot = cluster.snapshot()
        snapshot.nodes[0].host.ipSets = nil
        let node = try Self.compare(snapshot, cluster.parameters)
        #expect(node.ports.contains { $0.status == .unknown })
        #expect(node.ports.allSatisfy { $0.status != .differs })
    }

    @Test func rulesOfAnotherToolAloneTellNothing() throws {
        let base = try Self.base()
        var snapshot = base.snapshot
        let list = """
            table inet site {
                chain input {
                    type filter hook input priority 0; policy accept;
                    tcp dport 22 accept
                }
            }
            """
        snapshot.nodes[0].host.ruleSets = [NftParser.parse(Array(list.utf8), artifact: ArtifactID(rawValue: 0)).ruleSet]
        let node = try Self.compare(snapshot, base.parameters)
        #expect(!node.ports.isEmpty && node.ports.allSatisfy { $0.status == .unknown })
        #expect(node.ports.flatMap(\.undecided).allSatisfy { $0.note.text.contains("iptables-save was not collected") })
        // Flushed rules in a dump of iptables are another matter.
        snapshot.nodes[0].host.ruleSets = []
        Self.add(Self.table(""), .legacy, to: &snapshot)
        let flushed = try Self.compare(snapshot, base.parameters)
        #expect(Self.statuses(flushed)["shop/plain:p"] == .differs)
    }

    @Test func withoutEndpointsNothingIsCompared() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        snapshot.objects.endpointSlices = []
        let comparison = ServicesComparison(Dataplane(compiling: snapshot))
        let node = comparison.compare(try #require(snapshot.nodes.first))
        #expect(node.notCompared?.contains("EndpointSlices") == true)
        #expect(node.ports.isEmpty && node.causes.isEmpty)
    }

    @Test func someServicesOfAllSayNothingOfStaleEntries() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        snapshot.objects.services.removeAll { $0.name.name == "plain" }
        let all = try Self.compare(snapshot, base.parameters)
        #expect(all.looksForStaleEntries && all.causes.count == 1 && all.causes.first?.kinds == [.staleEntry])
        snapshot.objects.services.removeAll { $0.name.name == "kubernetes" }
        let some = try Self.compare(snapshot, base.parameters)
        #expect(!some.looksForStaleEntries && some.causes.isEmpty)
        #expect(some.ports.allSatisfy { $0.status == .inOrder })
    }

    /// A dump that is cut off: what lacks may be in what was lost.
    @Test func whatCouldNotBeReadMayBeWhatLacks() throws {
        let base = try Self.base()
        var rules = base.rules
        rules.flush("KUBE-SERVICES", "nat")
        var snapshot = base.damaged(rules)
        #expect(Self.statuses(try Self.compare(snapshot, base.parameters))["shop/plain:p"] == .differs)
        let artifact = try #require(snapshot.nodes.first?.host.ruleSets.first?.artifact)
        snapshot.unread.append(
            UnreadLine(
                SourceLine(artifact, line: 40), text: "-A KUBE-SE", reason: "no COMMIT ends the table nat",
                mayDecide: true))
        let node = try Self.compare(snapshot, base.parameters)
        #expect(!node.unreadFiles.isEmpty && node.ports.allSatisfy { $0.status == .unknown })
        #expect(node.causes.allSatisfy { !$0.example.isConfirmed })
        let explained = ServicesComparison(Dataplane(compiling: snapshot)).explain(
            NamespacedName("shop", "plain"), on: try #require(snapshot.nodes.first))
        #expect(!explained.unreadFiles.isEmpty)
        #expect(explained.entries.flatMap(\.classes).flatMap(\.differences).allSatisfy { !$0.isConfirmed })
    }

    // MARK: - Not modelled

    @Test(arguments: [UnmodelledDataPath.Kind.tc, .xdp, .netfilter])
    func whatAProgramDoesIsNotKnown(kind: UnmodelledDataPath.Kind) throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        let path = UnmodelledDataPath(
            kind: kind, device: "cni0", text: "cali_from_wep", source: SourceLine(ArtifactID(rawValue: 0), line: 3))
        snapshot.nodes[0].host.unmodelled.append(path)
        let node = try Self.compare(snapshot, base.parameters)
        let plain = try #require(node.ports.first { $0.name.description == "shop/plain:p" })
        #expect(plain.status == .unknown && plain.differences.isEmpty)
        #expect(plain.undecided.contains { $0.arrival == .podDevice })
        #expect(plain.undecided.allSatisfy { $0.note.text.contains("cali_from_wep") && $0.note.source == path.source })
    }

    @Test func aProgramOnSocketsConcernsTheHost() throws {
        let base = try Self.base()
        var snapshot = base.damaged(base.rules)
        snapshot.nodes[0].host.unmodelled.append(
            UnmodelledDataPath(
                kind: .cgroup, device: nil, text: "connect4", source: SourceLine(ArtifactID(rawValue: 0), line: 3)))
        let node = try Self.compare(snapshot, base.parameters)
        #expect(node.ports.allSatisfy { $0.status == .unknown })
        #expect(node.ports.flatMap(\.undecided).allSatisfy { $0.arrival == .host })
    }

    // MARK: - Routing by source

    @Test func packetsOfOneSourceGoAnotherWay() throws {
        let base = try Self.base()
        var rules = base.rules
        rules.insertFirst("filter", "FORWARD -o wg0 -j DROP")
        var snapshot = base.damaged(rules)
        #expect(Self.statuses(try Self.compare(snapshot, base.parameters)).allSatisfy { $0.value == .inOrder })
        let parsed = IpRuleParser.parse(
            Array("0: from all lookup local\n100: from 10.244.1.9 lookup 100\n32766: from all lookup main\n".utf8),
            artifact: ArtifactID(rawValue: 0), family: .ipv4)
        snapshot.nodes[0].host.routingRules = parsed.values
        snapshot.nodes[0].host.ruleFamilies = [.ipv4]
        let route = IpRouteParser.parse(
            Array("default dev wg0 table 100\n".utf8), artifact: ArtifactID(rawValue: 0), family: .ipv4)
        snapshot.nodes[0].host.routes = (snapshot.nodes[0].host.routes ?? []) + route.values
        let node = try Self.compare(snapshot, base.parameters)
        let plain = try #require(node.ports.first { $0.name.description == "shop/plain:p" })
        #expect(plain.status == .differs)
        let senders = plain.differences.filter { $0.arrival == .podDevice }
        #expect(!senders.isEmpty)
        for difference in senders {
            #expect(difference.kind == .notAskedDrop && difference.isConfirmed)
            #expect(difference.senders.addresses(atMost: 2) == [IPAddress("10.244.1.9")])
        }
    }
}
