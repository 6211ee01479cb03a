import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// An edit of a snapshot means what the command it stands for does on a node.
@Suite struct SnapshotEditTests {
    private static let rules = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD DROP [5:300]
        :OUTPUT ACCEPT [0:0]
        :EMPTY - [0:0]
        [1:60] -A FORWARD -s 10.9.0.0/16 -j ACCEPT
        -A FORWARD -s 10.8.0.0/16 -j ACCEPT
        COMMIT

        """

    private static func snapshot(_ rules: String = rules) -> ClusterSnapshot {
        var bundle = TextBundle()
        bundle.addNode("a", number: 1)
        bundle["nodes/a/iptables-save.txt"] = rules
        return ClusterSnapshot(parsing: bundle.bundle, nodeName: nil)
    }

    private static let filter = EditedTable(node: "a", table: "filter")

    private func rules(of snapshot: ClusterSnapshot, chain: String) throws -> [String] {
        let ruleSet = try #require(snapshot.nodes.first?.host.ruleSets.first)
        let id = try #require(ruleSet.chain(named: chain, in: TableID(rawValue: 0)))
        let found = ruleSet.chains[Int(id.rawValue)]
        return (found.firstRule..<found.firstRule + found.ruleCount).map {
            ruleSet.string(ruleSet.rules[Int($0)].text)
        }
    }

    @Test func aRuleIsPutBeforeAnotherAtTheEndAndIntoAnEmptyChain() throws {
        let edited = try Self.snapshot().applying([
            .insertRule(Self.filter, chain: "FORWARD", at: 2, rule: "-s 10.7.0.0/16 -j ACCEPT"),
            .appendRule(Self.filter, chain: "FORWARD", rule: "-j EMPTY"),
            .appendRule(Self.filter, chain: "EMPTY", rule: "-i eth0 -j RETURN"),
        ])
        #expect(
            try rules(of: edited, chain: "FORWARD") == [
                "-A FORWARD -s 10.9.0.0/16 -j ACCEPT", "-A FORWARD -s 10.7.0.0/16 -j ACCEPT",
                "-A FORWARD -s 10.8.0.0/16 -j ACCEPT", "-A FORWARD -j EMPTY",
            ])
        #expect(try rules(of: edited, chain: "EMPTY") == ["-A EMPTY -i eth0 -j RETURN"])
    }

    @Test func aDeletedRuleIsGoneAndTheLinesOfOthersStay() throws {
        let snapshot = Self.snapshot()
        let ruleSet = try #require(snapshot.nodes.first?.host.ruleSets.first)
        let first = ruleSet.rules[0]
        let edited = try snapshot.applying([.deleteRule(node: "a", SourceLine(ruleSet.artifact, line: first.line))])
        #expect(try rules(of: edited, chain: "FORWARD") == ["-A FORWARD -s 10.8.0.0/16 -j ACCEPT"])
        #expect(edited.nodes.first?.host.ruleSets.first?.rules.first?.line == ruleSet.rules[1].line)
    }

    @Test func aPolicyIsSet() throws {
        let edited = try Self.snapshot().applying([.setPolicy(Self.filter, chain: "FORWARD", accepts: true)])
        let chains = try #require(edited.nodes.first?.host.ruleSets.first?.chains)
        #expect(chains.compactMap(\.base).allSatisfy { $0.policyAccepts })
    }

    @Test(arguments: [
        (SnapshotEdit.insertRule(filter, chain: "NONE", at: 1, rule: "-j ACCEPT"), "no chain NONE"),
        (.insertRule(filter, chain: "FORWARD", at: 9, rule: "-j ACCEPT"), "no place 9"),
        (.appendRule(filter, chain: "FORWARD", rule: "--no-such-option 80 -j ACCEPT"), "is not a rule"),
        (.setSysctl(.host(node: "z"), key: "k", value: "1"), "node z was not collected"),
        (.setMTU(.host(node: "a"), link: "eth9", mtu: 9000), "no device eth9"),
        (.setHairpin(node: "a", port: "eth0", isOn: true), "no bridge port"),
        (.addRoute(.host(node: "a"), .ipv4, "over there"), "is not a route"),
    ])
    func whatCannotBeDoneIsSaid(edit: SnapshotEdit, reason: String) {
        #expect {
            try Self.snapshot().applying([edit])
        } throws: { error in
            "\(error)".contains(reason)
        }
    }

    @Test func aRouteTakesThePlaceOfOneToTheSameNetwork() throws {
        let place = EditPlace.host(node: "a")
        let edited = try Self.snapshot().applying([
            .addRoute(place, .ipv4, "10.244.2.0/24 via 192.168.50.12 dev eth0"),
            .addRoute(place, .ipv4, "10.244.2.0/24 via 192.168.50.13 dev eth0"),
        ])
        let routes = try #require(edited.nodes.first?.host.routes)
        let found = routes.filter { $0.destination.description == "10.244.2.0/24" }
        #expect(found.map { $0.nextHops.first?.gateway?.description } == ["192.168.50.13"])
        let removed = try edited.applying([.deleteRoute(place, try #require(found.first))])
        #expect(removed.nodes.first?.host.routes?.count == routes.count - 1)
    }

    /// As Linux 6.18 answers `ip addr add` and `ip link set down` with `ip route show table all`.
    @Test func anAddressIsLocalOnADeviceThatIsDownAndOnlyOfIPv4() throws {
        func local(_ snapshot: ClusterSnapshot) -> [String] {
            (snapshot.nodes.first?.host.routes ?? []).filter { $0.nextHops.first?.device == "cni0" }
                .map { "\($0.type == .local ? "local " : "")\($0.destination)" }.sorted()
        }
        let place = EditPlace.host(node: "a")
        let down = try Self.snapshot().applying([
            .addAddress(place, link: "cni0", try #require(IPPrefix("fd00:96::1/64"))),
            .setLinkUp(place, link: "cni0", isUp: false),
        ])
        #expect(local(down) == ["local 10.244.1.1/32"])
        let added = try down.applying([
            .addAddress(place, link: "cni0", try #require(IPPrefix("10.96.0.10/24"))),
            .addAddress(place, link: "cni0", try #require(IPPrefix("fd00:96::10/64"))),
        ])
        #expect(local(added) == ["local 10.244.1.1/32", "local 10.96.0.10/32"])
        let up = try added.applying([.setLinkUp(place, link: "cni0", isUp: true)])
        #expect(
            local(up) == [
                "10.244.1.0/24", "10.96.0.0/24", "fd00:96::/64", "local 10.244.1.1/32", "local 10.96.0.10/32",
                "local fd00:96::10/128",
            ])
    }
}
