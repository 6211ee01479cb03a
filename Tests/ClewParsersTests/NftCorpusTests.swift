import ClewBundle
import ClewParsers
import ClewSnapshot
import Foundation
import Testing

/// Rule sets that real kernels and real people wrote, where they are there.
@Suite struct NftCorpusTests {
    static func parse(_ url: URL) throws -> ParsedRuleSet {
        NftParser.parse(try SharedFolder.bytes(url), artifact: ArtifactID(rawValue: 0))
    }

    /// `nft list ruleset` and `nft -j list ruleset` of one moment.
    @Test func recordedPairsAgree() throws {
        guard let folders = SharedFolder.entries("kube-proxy") else { return }
        var pairs = 0
        for folder in folders {
            let (text, json) = (
                folder.appending(path: "nft-list-ruleset.txt"), folder.appending(path: "nft-list-ruleset.json")
            )
            guard FileManager.default.fileExists(atPath: text.path), FileManager.default.fileExists(atPath: json.path)
            else { continue }
            pairs += 1
            let (a, b) = (try Self.parse(text), try Self.parse(json))
            let name = folder.lastPathComponent
            #expect(a.unread.isEmpty, "\(name) \(a.unread.prefix(3))")
            #expect(b.unread.isEmpty, "\(name) \(b.unread.prefix(3))")
            let (first, second) = (Self.comparable(a.ruleSet), Self.comparable(b.ruleSet))
            #expect(first.count == second.count, "\(name)")
            #expect(!first.isEmpty, "\(name)")
            if let (x, y) = zip(first, second).first(where: { !Self.agree($0, $1) }) {
                Issue.record("\(name)\n\(x)\n\(y)")
            }
            if name.contains("--nftables") { Self.expectModelled(a.ruleSet, name) }
        }
        print("nft: text and JSON compared in \(pairs) folders")
        #expect(pairs > 20)
    }

    /// Whether two lines say the same: of extensions of iptables JSON has the names alone, where the text has them in
    /// words that are understood.
    private static func agree(_ text: String, _ json: String) -> Bool {
        guard json.hasPrefix("rule"), json.contains("UNMODELLED") else { return text == json }
        let (a, b) = (text.split(separator: " ").prefix(5), json.split(separator: " ").prefix(5))
        return a == b
    }

    /// What is kept as text is worded differently by the two forms.
    private static func comparable(_ ruleSet: RuleSet) -> [String] {
        NftDescription(ruleSet: ruleSet).lines.map { line in
            line.components(separatedBy: "; ").map { part in
                part.range(of: "UNMODELLED").map { String(part[..<$0.upperBound]) } ?? part
            }.joined(separator: "; ")
        }
    }

    private static func expectModelled(_ ruleSet: RuleSet, _ name: String) {
        let ours = Set(ruleSet.tables.indices.filter { ruleSet.tables[$0].name == "kube-proxy" })
        #expect(!ours.isEmpty, "\(name)")
        for chain in ruleSet.chains where ours.contains(Int(chain.table.rawValue)) {
            #expect(chain.isDeclared && chain.unmodelledHook.isEmpty, "\(name) \(ruleSet.string(chain.name))")
            for rule in ruleSet.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)] {
                let text = NftDescription(ruleSet: ruleSet).rule(rule)
                if text.contains("UNMODELLED") { Issue.record("\(name) \(text)") }
            }
        }
        for set in ruleSet.nftSets where ours.contains(Int(set.table.rawValue)) {
            #expect(set.isComplete, "\(name) \(set.name)")
        }
    }

    /// At most this share of the lines stays unread, in percent.
    ///
    /// Much of `nft` and `nft-file` is not a listing: shell prompts, scripts, templates, `define` and `include`; a
    /// transaction removes chains that the file never shows.
    @Test(arguments: [("nft", 6.0), ("nft-file", 3.5), ("nft-oracle", 0.0), ("nft-transaction", 0.0)])
    func corpus(_ folder: (name: String, percent: Double)) throws {
        guard let files = SharedFolder.entries("corpus/" + folder.name) else { return }
        var (lines, unread, unmodelled, rules) = (0, 0, 0, 0)
        for file in files {
            let parsed = try Self.parse(file)
            NftFuzzTests.checkConsistency(parsed, file.lastPathComponent)
            lines += parsed.lines
            unread += parsed.unread.count
            rules += parsed.ruleSet.rules.count
            let description = NftDescription(ruleSet: parsed.ruleSet)
            unmodelled += parsed.ruleSet.rules.count { description.rule($0).contains("UNMODELLED") }
        }
        let share = lines == 0 ? 0 : 100 * Double(unread) / Double(lines)
        print(
            "nft corpus \(folder.name): \(files.count) files, \(lines) lines, \(unread) unread (\(share) %), "
                + "\(rules) rules, \(unmodelled) with something unmodelled")
        #expect(share <= folder.percent, "\(folder.name)")
        #expect(rules > 0, "\(folder.name)")
    }
}
