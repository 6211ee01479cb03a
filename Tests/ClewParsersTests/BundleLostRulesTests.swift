import ClewBundle
import ClewNet
import ClewSnapshot
import Testing

/// Rule dumps whose commands failed: what they would have printed is not taken for nothing.
@Suite struct BundleLostRulesTests {
    private static let denied = "Operation not permitted (you must be root)"
    private static let ruleset = "table inet mine {\n\tchain c {\n\t}\n}\n"

    /// A node with these files, and what its manifest says of commands: exit code and standard error.
    private func snapshot(
        _ files: [String: String] = [:], ends: [String: (code: Int, error: String)]
    ) -> ClusterSnapshot {
        let records = ends.sorted { $0.key < $1.key }.map {
            #""nodes/n/\#($0.key).txt":{"command":"\#($0.key) -c","exitCode":\#($0.value.code),"#
                + #""stderr":"\#($0.value.error)"}"#
        }
        var all = ["bundle.json": "{\"artifacts\":{\(records.joined(separator: ","))}}"]
        all["nodes/n/ip-addr.txt"] = Snippet.addr
        for (name, text) in files { all["nodes/n/\(name).txt"] = text }
        return parse(all)
    }

    private func host(
        _ files: [String: String] = [:], ends: [String: (code: Int, error: String)]
    ) throws -> NamespaceSnapshot { try #require(snapshot(files, ends: ends).node(named: "n")).host }

    @Test func aFailedDumpIsNamedAndDecides() throws {
        let read = snapshot(ends: ["nft-list-ruleset": (1, Self.denied), "iptables-nft-save": (4, Self.denied)])
        let line = try #require(read.unread.first)
        // The rules of iptables-nft are among those that nft prints.
        #expect(read.unread.count == 1)
        #expect(read.describe(line.source) == "nodes/n/nft-list-ruleset.txt")
        #expect(line.mayDecide && line.isWholeFile)
        #expect(line.reason == "'nft-list-ruleset -c': exit code 1: \(Self.denied)")
        let host = try #require(read.node(named: "n")).host
        #expect(host.lostRules == [.ipv4, .ipv6])
        #expect(host.lookedForRules == false)
    }

    @Test func whatWasNotRunSaysWhyWithoutANumber() throws {
        let host = try host(ends: [
            "iptables-nft-save": (124, "not run: the 1 s for this node are used up"),
            "ip6tables-save": (137, #"clew: stopped after 20 s\nhalf a word"#),
        ])
        #expect(
            host.lostRuleDumps == [
                "'iptables-nft-save -c': not run: the 1 s for this node are used up",
                "'ip6tables-save -c': stopped after 20 s",
            ])
    }

    @Test func anEmptyFileOfAFailedCommandIsNoAnswer() throws {
        let read = snapshot(["iptables-save": ""], ends: ["iptables-save": (1, "")])
        #expect(read.unreadText == ["nodes/n/iptables-save.txt 'iptables-save -c': exit code 1"])
        #expect(read.fate(of: "nodes/n/iptables-save.txt") == "empty iptables-save 0/1")
        #expect(read.node(named: "n")?.host.lostRules == [.ipv4])
        // Of one that ended well it is: there are no rules.
        let none = try host(["iptables-save": ""], ends: ["iptables-save": (0, "")])
        #expect(none.lostRules == [] && none.lookedForRules == true)
    }

    @Test(
        "Where the kernel has no such tables, or the node no such tool, nothing is lost",
        arguments: [
            (3, "iptables-save v1.8.4 (legacy): Cannot initialize: Table does not exist (do you need to insmod?)"),
            (1, "Unable to open /proc/net/ip_tables_names: No such file or directory"), (127, "not found"),
        ])
    func nothingIsLost(code: Int, error: String) throws {
        let files = ["nft-list-ruleset": Self.ruleset]
        let host = try host(files, ends: ["iptables-legacy-save": (code, error), "nft-list-ruleset": (0, "")])
        #expect(host.lostRules == [])
        #expect(host.lookedForRules == true)
    }

    @Test func aKernelWithoutNfTables() throws {
        let host = try host(
            ["iptables-legacy-save": Snippet.legacyDump],
            ends: [
                "iptables-legacy-save": (0, ""),
                "nft-list-ruleset": (1, "netlink: Error: cache initialization failed: Invalid argument"),
                "iptables-nft-save": (4, "Could not fetch rule set generation id: Invalid argument"),
            ])
        #expect(host.lostRules == [])
    }

    @Test func whatAnotherCommandPrintedIsNotLost() throws {
        let failed = (code: 1, error: "broken")
        let byNft = try host(
            ["nft-list-ruleset": Self.ruleset], ends: ["nft-list-ruleset": (0, ""), "iptables-nft-save": failed])
        #expect(byNft.lostRules == [])
        let byOldName = try host(["iptables-save": Snippet.legacyDump], ends: ["iptables-legacy-save": failed])
        #expect(byOldName.lostRules == [])
        let byBoth = try host(
            ["iptables-nft-save": Snippet.nftDump],
            ends: ["iptables-legacy-save": (0, "clew: not run: ip_tables is not loaded"), "iptables-save": failed])
        #expect(byBoth.lostRules == [])
        // Whether this tool reads the old tables is not known, and nobody else read them.
        let byOne = try host(["iptables-nft-save": Snippet.nftDump], ends: ["iptables-save": failed])
        #expect(byOne.lostRules == [.ipv4])
        let oldRefused = try host(
            ["nft-list-ruleset": Self.ruleset],
            ends: ["nft-list-ruleset": (0, ""), "ip6tables-legacy-save": (1, "Permission denied")])
        #expect(oldRefused.lostRules == [.ipv6])
    }

    @Test func withoutAnyToolNobodyHasLooked() throws {
        let none = (code: 127, error: "not found")
        let host = try host(ends: [
            "nft-list-ruleset": none, "iptables-nft-save": none,
            "iptables-legacy-save": (0, "clew: not run: ip_tables is not loaded"),
        ])
        #expect(host.lookedForRules == false && host.lostRules == [])
        #expect(parse(["nodes/n/ip-addr.txt": Snippet.addr]).node(named: "n")?.host.lookedForRules == nil)
    }

    @Test func namespacesOfPodsAreLookedAtOnTheirOwn() throws {
        let read = parse([
            "bundle.json": #"""
            {"artifacts":{"nodes/n/netns/web/nft-list-ruleset.txt":{"command":"nft","exitCode":1,"stderr":"no"},
            "nodes/n/nft-list-ruleset.txt":{"command":"nft","exitCode":0,"stderr":""}}}
            """#,
            "nodes/n/nft-list-ruleset.txt": Self.ruleset, "nodes/n/netns/web/ip-addr.txt": Snippet.addr,
        ])
        let node = try #require(read.node(named: "n"))
        #expect(node.host.lostRules == [])
        #expect(node.pods.first?.state.lostRules == [.ipv4, .ipv6])
        #expect(read.unreadText == ["nodes/n/netns/web/nft-list-ruleset.txt 'nft': exit code 1: no"])
    }
}
