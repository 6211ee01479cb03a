import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct BundleRulesTests {
    private func host(_ files: [String: String]) throws -> NamespaceSnapshot {
        let named = Dictionary(uniqueKeysWithValues: files.map { ("nodes/n/" + $0.key, $0.value) })
        return try #require(parse(named).nodes.first).host
    }

    private static let ruleset = """
        table ip filter {
        \tchain FORWARD {
        \t\ttype filter hook forward priority filter; policy drop;
        \t\tcounter packets 0 bytes 0 accept
        \t}
        }
        table ip nat {
        \tchain PREROUTING {
        \t\ttype nat hook prerouting priority dstnat; policy accept;
        \t}
        }
        table inet mine {
        \tchain fwd {
        \t\ttype filter hook forward priority 10; policy accept;
        \t}
        }

        """

    /// `ip filter hooked`, for each table of the native rule set.
    private func hooked(_ host: NamespaceSnapshot) -> [String] {
        guard let native = host.ruleSets.first(where: { $0.backend == .native }) else { return [] }
        return native.tables.enumerated().filter { index, _ in
            native.chains.contains { Int($0.table.rawValue) == index && $0.base != nil }
        }.map { "\($0.element.family) \($0.element.name)" }
    }

    @Test func oneDumpPerBackendAndFamily() throws {
        let both = try host([
            "iptables-save.txt": Snippet.nftDump, "iptables-nft-save.txt": Snippet.nftDump,
            "iptables-legacy-save.txt": Snippet.legacyDump,
            "ip6tables-save.txt": Snippet.nftDump.replacing(" iptables-save", with: " ip6tables-save"),
        ])
        #expect(both.ruleSets.map(\.backend) == [.legacy, .nft, .nft])
        #expect(both.ruleSets.map { $0.tables.map(\.family) } == [[.ipv4], [.ipv4], [.ipv6]])
        let legacyTwice = try host([
            "iptables-save.txt": Snippet.legacyDump, "iptables-legacy-save.txt": Snippet.legacyDump,
        ])
        #expect(legacyTwice.ruleSets.count == 1)
        let mixed = try host(["iptables-save.txt": Snippet.legacyDump, "iptables-nft-save.txt": Snippet.nftDump])
        #expect(Set(mixed.ruleSets.map(\.backend)) == [.legacy, .nft])
    }

    @Test func tablesOfIptablesNftAreWalkedOnce() throws {
        let shown = try host(["iptables-save.txt": Snippet.nftDump, "nft-list-ruleset.txt": Self.ruleset])
        #expect(hooked(shown) == ["ipv4 nat", "inet mine"])
        let legacy = try host(["iptables-save.txt": Snippet.legacyDump, "nft-list-ruleset.txt": Self.ruleset])
        #expect(hooked(legacy) == ["ipv4 filter", "ipv4 nat", "inet mine"])
        let otherFamily = try host([
            "ip6tables-save.txt": Snippet.nftDump.replacing(" iptables-save", with: " ip6tables-save"),
            "nft-list-ruleset.txt": Self.ruleset,
        ])
        #expect(hooked(otherFamily) == ["ipv4 filter", "ipv4 nat", "inet mine"])
        let alone = try host(["nft-list-ruleset.txt": Self.ruleset])
        #expect(hooked(alone) == ["ipv4 filter", "ipv4 nat", "inet mine"])
    }

    @Test func theRulesetAsJSONIsPreferred() {
        let snapshot = parse([
            "nodes/n/nft-list-ruleset.json": """
            {"nftables":[{"metainfo":{"version":"1.0.6","json_schema_version":1}},
            {"table":{"family":"inet","name":"only-in-json","handle":1}}]}
            """,
            "nodes/n/nft-list-ruleset.txt": Self.ruleset,
        ])
        #expect(snapshot.nodes.first?.host.ruleSets.map { $0.tables.map(\.name) } == [["only-in-json"]])
        #expect(
            snapshot.fate(of: "nodes/n/nft-list-ruleset.txt")
                == "kept nft list ruleset; nft-list-ruleset.json is read instead 0/0")
        #expect(snapshot.fate(of: "nodes/n/nft-list-ruleset.json") == "read nft list ruleset (JSON) 2/0")
    }

    @Test func damagedJSONGivesWayToText() {
        let snapshot = parse([
            "nodes/n/nft-list-ruleset.json": "{\"nftables\": oops", "nodes/n/nft-list-ruleset.txt": Self.ruleset,
        ])
        #expect(snapshot.nodes.first?.host.ruleSets.map { $0.tables.count } == [3])
        #expect(snapshot.unread.isEmpty == false)
    }

    @Test func absentAndEmptyRuleFilesGiveNoRules() throws {
        let empty = try host(["iptables-save.txt": " \n\t\n", "sysctl.txt": "net.ipv4.ip_forward = 1\n"])
        #expect(empty.ruleSets.isEmpty)
        #expect(
            parse(["nodes/n/iptables-save.txt": "\n"]).fate(of: "nodes/n/iptables-save.txt")
                == "empty iptables-save 0/0")
    }

    @Test func aRuleSetSharesTheBytesOfItsArtifact() throws {
        let bundle = makeBundle(["nodes/n/iptables-save.txt": Snippet.nftDump])
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        let text = try #require(snapshot.nodes.first?.host.ruleSets.first?.text)
        let shared = text.withUnsafeBufferPointer { a in
            bundle.artifacts[0].bytes.withUnsafeBufferPointer { b in a.baseAddress == b.baseAddress }
        }
        #expect(shared)
    }
}

extension BundleRulesTests {
    /// Chains that the IP path does not have are named as what is not modelled, if they can do something.
    @Test func chainsBesideTheIPPath() throws {
        let ruleset = """
            table netdev x { chain a { type filter hook ingress device "eth0" priority 0; policy accept; drop; } }
            table netdev y { chain a { type filter hook ingress device "eth0" priority 0; policy drop; } }
            table bridge x { chain a { type filter hook forward priority 0; policy accept; } }
            table bridge y { chain a { type filter hook forward priority 0; accept; } }
            table arp x { chain a { type filter hook input priority 0; drop; } }

            """
        let bundle = parse(["nodes/n/nft-list-ruleset.txt": ruleset])
        let host = try #require(bundle.nodes.first).host
        #expect(
            host.unmodelled.map { "\($0.kind) \($0.text)" } == [
                "netfilter x a: type filter hook ingress device \"eth0\" priority 0",
                "netfilter y a: type filter hook ingress device \"eth0\" priority 0; policy drop",
                "ebtables y a: type filter hook forward priority 0",
            ])
    }
}
