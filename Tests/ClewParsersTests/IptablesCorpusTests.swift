import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// Published and recorded dumps, where they are present.
@Suite struct IptablesCorpusTests {
    static func files(_ folder: String, for test: String) -> [String] {
        guard let root = SharedData.root else {
            print("SKIP \(test): no shared data (CLEW_SHARED, ../shared)")
            return []
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
        if names.isEmpty { print("SKIP \(test): nothing in \(folder)") }
        return names.sorted().map { "\(root)/\(folder)/\($0)" }
    }

    static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    static func parse(_ path: String) -> ParsedRuleSet {
        let bytes = SharedData.bytes(path) ?? []
        let name = name(path).lowercased()
        let isIPv6 = name.contains("ip6") || name.contains("ipv6")
        return IptablesSaveParser.parse(
            bytes, artifact: ArtifactID(rawValue: 0), family: isIPv6 ? .ipv6 : .ipv4, backend: nil)
    }

    /// The folders of dumps, listings and rules, and the least number of rules that must come out of each.
    @Test(arguments: [
        ("iptables-save", 60_000), ("iptables-L", 250), ("iptables-list", 300), ("iptables-rules-istio", 300),
        ("iptables-oracle", 9000),
    ])
    func dumpsAreRead(folder: String, leastRules: Int) {
        let files = Self.files("corpus/\(folder)", for: "dumpsAreRead \(folder)")
        var (rules, lines, unread, unmodelled) = (0, 0, 0, 0)
        for file in files {
            let parsed = Self.parse(file)
            rules += parsed.ruleSet.rules.count
            lines += parsed.lines
            unread += parsed.unread.count
            unmodelled += parsed.ruleSet.matches.count { if case .unmodelled = $0.test { true } else { false } }
            Self.checkConsistency(parsed.ruleSet, file)
        }
        guard !files.isEmpty else { return }
        print(
            "\(folder): \(files.count) files, \(lines) lines, \(rules) rules, \(unread) unread, \(unmodelled) unknown matches"
        )
        #expect(rules >= leastRules)
    }

    /// Every index leads somewhere, every rule belongs to one chain.
    static func checkConsistency(_ set: RuleSet, _ file: String) {
        var owned = 0
        for chain in set.chains {
            owned += Int(chain.ruleCount)
            #expect(Int(chain.firstRule) + Int(chain.ruleCount) <= set.rules.count, "\(file)")
            #expect(Int(chain.table.rawValue) < set.tables.count, "\(file)")
        }
        #expect(owned == set.rules.count, "\(file)")
        for rule in set.rules {
            #expect(Int(rule.firstMatch) + Int(rule.matchCount) <= set.matches.count, "\(file)")
            #expect(Int(rule.text.offset) + Int(rule.text.length) <= set.text.count, "\(file)")
            switch rule.target {
            case .jump(let chain), .goto(let chain): #expect(Int(chain.rawValue) < set.chains.count, "\(file)")
            default: break
            }
        }
    }

    /// Dumps a real backend accepts: at most one rule line in a hundred is not understood.
    @Test func acceptedDumps() throws {
        let files = Self.files("corpus/iptables-save", for: "acceptedDumps")
        guard let root = SharedData.root, !files.isEmpty else { return }
        let validation = try String(contentsOfFile: root + "/corpus/VALIDATION.md", encoding: .utf8)
        let refused = Set(
            validation.split(separator: "\n").compactMap { line -> String? in
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                guard cells.count == 3, cells[0].hasPrefix("shared/") else { return nil }
                return cells[1].hasPrefix("0") || cells[2].hasPrefix("0") ? nil : cells[0]
            })
        var (rules, unread, accepted) = (0, 0, 0)
        for file in files where !refused.contains("shared/iptables-save/" + Self.name(file)) {
            let parsed = Self.parse(file)
            accepted += 1
            rules += parsed.ruleSet.rules.count
            for line in parsed.unread where line.text.hasPrefix("-A") || line.text.hasPrefix("[") {
                unread += 1
                print("unread \(Self.name(file)):\(line.source.line): \(line.reason): \(line.text.prefix(160))")
            }
        }
        print("accepted dumps: \(accepted) files, \(rules) rules, \(unread) rule lines unread")
        #expect(rules > 1000)
        #expect(Double(unread) <= Double(rules) / 100)
    }

    /// kube-proxy's own rules hold nothing unknown, and every line is read.
    @Test func kubeProxyDumps() {
        let folders = SharedData.folders("kube-proxy", for: "kubeProxyDumps")
        var rules = 0
        var printed = (same: 0, all: 0)
        for folder in folders {
            for name in ["iptables-save.txt", "ip6tables-save.txt"] {
                guard FileManager.default.fileExists(atPath: "\(folder)/\(name)") else { continue }
                let parsed = Self.parse("\(folder)/\(name)")
                rules += parsed.ruleSet.rules.count
                #expect(parsed.unread.isEmpty, "\(folder)/\(name): \(parsed.unread.first?.reason ?? "")")
                #expect(!IptablesGrammarTests.isUnknown(parsed.ruleSet), "\(folder)/\(name)")
                #expect(
                    parsed.ruleSet.chains.allSatisfy(\.isDeclared) || folder.contains("partial"), "\(folder)/\(name)")
                Self.checkConsistency(parsed.ruleSet, folder)
                count(Self.printedLines(parsed.ruleSet), Self.ruleLines("\(folder)/\(name)"), &printed, folder)
            }
        }
        if !folders.isEmpty {
            print("kube-proxy: \(rules) rules")
            #expect(rules > 5000)
            #expect(printed.same == printed.all)
            #expect(printed.all == rules)
        }
    }

    /// What the real tool printed after loading a dump is what we print after reading it, and reading that again.
    @Test func oracle() {
        let files = Self.files("corpus/iptables-oracle", for: "oracle")
        var own = (same: 0, all: 0)
        var source = (same: 0, all: 0)
        for file in files {
            let expected = Self.ruleLines(file)
            count(Self.printedLines(Self.parse(file).ruleSet), expected, &own, Self.name(file))
            let dump = Self.name(file).replacingOccurrences(of: ".legacy-save.txt", with: ".txt")
                .replacingOccurrences(of: ".nft-save.txt", with: ".txt")
            guard let root = SharedData.root else { continue }
            let path = "\(root)/corpus/iptables-save/\(dump)"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            count(Self.printedLines(Self.parse(path).ruleSet), expected, &source, dump)
        }
        guard !files.isEmpty else { return }
        print(
            "oracle: \(own.same) of \(own.all) of its own lines, \(source.same) of \(source.all) from the source dumps")
        #expect(own.same == own.all)
        #expect(source.all > 9000)
        #expect(Double(source.same) >= 0.995 * Double(source.all))
    }

    private func count(
        _ printed: [String: [String]], _ expected: [String: [String]], _ tally: inout (same: Int, all: Int),
        _ name: String
    ) {
        for (chain, lines) in expected.sorted(by: { $0.key < $1.key }) {
            let ours = printed[chain] ?? []
            for (i, line) in lines.enumerated() {
                tally.all += 1
                if i < ours.count, ours[i] == line {
                    tally.same += 1
                } else {
                    print("differs \(name) \(chain)\n  \(i < ours.count ? ours[i] : "nothing")\n  \(line)")
                }
            }
        }
    }

    /// The lines of a dump by table and chain.
    static func ruleLines(_ file: String) -> [String: [String]] {
        var result: [String: [String]] = [:]
        var table = ""
        for line in String(decoding: SharedData.bytes(file) ?? [], as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("*") { table = String(line) }
            let rule = line.hasPrefix("[") ? line.drop { $0 != " " }.dropFirst() : line[...]
            guard rule.hasPrefix("-A ") else { continue }
            result["\(table) \(rule.split(separator: " ")[1])", default: []].append(String(rule))
        }
        return result
    }

    static func printedLines(_ set: RuleSet) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for chain in set.chains where chain.ruleCount > 0 && !set.tables[Int(chain.table.rawValue)].isDormant {
            let key = "*\(set.tables[Int(chain.table.rawValue)].name) \(set.string(chain.name))"
            let rules = set.rules[Int(chain.firstRule)..<Int(chain.firstRule) + Int(chain.ruleCount)]
            result[key] = rules.map { set.canonicalText($0, in: chain) }
        }
        return result
    }
}
