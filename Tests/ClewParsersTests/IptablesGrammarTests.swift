import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Foundation
import Testing

/// Every line of `Tests/Grammar/*.rules`: what the tool printed for it, and what it refuses.
@Suite struct IptablesGrammarTests {
    struct Line: Sendable, CustomTestStringConvertible {
        var file: String
        var number: Int
        var family: AddressFamily
        var table: String
        var chain: String
        var backend: String
        var rule: String
        var printed: String
        var isAccepted: Bool

        var testDescription: String { "\(file):\(number) \(rule)" }
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Grammar")

    static func lines() throws -> [Line] {
        var result: [Line] = []
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".rules") }
        for file in files.sorted() {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            var place = ["ipv4", "filter", "INPUT", "any"]
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if line.isEmpty || line.hasPrefix("#") { continue }
                if line.hasPrefix(":") {
                    place = line.dropFirst().split(separator: " ").map(String.init)
                    try #require(place.count == 4)
                    continue
                }
                let parts = line.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
                try #require(parts.count == 3, "\(file):\(index + 1)")
                try #require(["ok", "fail"].contains(parts[2]), "\(file):\(index + 1)")
                result.append(
                    Line(
                        file: file, number: index + 1, family: place[0] == "ipv6" ? .ipv6 : .ipv4, table: place[1],
                        chain: place[2], backend: place[3], rule: parts[0],
                        printed: parts[1] == "=" ? parts[0] : parts[1], isAccepted: parts[2] == "ok"))
            }
        }
        return result
    }

    static func parse(_ line: Line, _ backend: RuleBackend) -> ParsedRuleSet {
        let dump =
            "*\(line.table)\n:\(line.chain) ACCEPT [0:0]\n:user-chain - [0:0]\n-A \(line.chain) \(line.rule)\nCOMMIT\n"
        return IptablesSaveParser.parse(
            Array(dump.utf8), artifact: ArtifactID(rawValue: 0), family: line.family, backend: backend)
    }

    @Test func thereAreLines() throws {
        #expect(try Self.lines().count > 350)
    }

    @Test func canonicalText() throws {
        for line in try Self.lines() where line.isAccepted {
            for backend in [RuleBackend.legacy, .nft] where line.backend == "any" || line.backend == "\(backend)" {
                let parsed = Self.parse(line, backend)
                #expect(parsed.unread.isEmpty, "\(line.testDescription)")
                #expect(parsed.ruleSet.rules.count == 1, "\(line.testDescription)")
                let printed = parsed.ruleSet.canonicalText(of: RuleID(rawValue: 0))
                #expect(printed == "-A \(line.chain) \(line.printed)", "\(line.testDescription)")
            }
        }
    }

    /// What was printed means what was read.
    @Test func printedTextIsReadAlike() throws {
        for var line in try Self.lines() where line.isAccepted {
            let first = Self.parse(line, .nft).ruleSet
            line.rule = line.printed
            let second = Self.parse(line, .nft).ruleSet
            #expect(first.canonicalText(of: RuleID(rawValue: 0)) == second.canonicalText(of: RuleID(rawValue: 0)))
            let (a, b) = (first.matches(of: first.rules[0]), second.matches(of: second.rules[0]))
            #expect(a.count == b.count, "\(line.testDescription)")
        }
    }

    @Test func onlyNamedFilesHaveUnknownParts() throws {
        for line in try Self.lines() where line.isAccepted {
            let ruleSet = Self.parse(line, .nft).ruleSet
            #expect(
                Self.isUnknown(ruleSet) == (line.file == "unmodelled.rules" && !line.rule.contains("-m esp")),
                "\(line.testDescription)")
        }
    }

    /// A value that cannot be read makes its rule unknown; it never makes a rule that matches more or less.
    @Test func refusedRules() throws {
        for line in try Self.lines() where !line.isAccepted {
            let parsed = Self.parse(line, .legacy)
            #expect(!parsed.unread.isEmpty || Self.isUnknown(parsed.ruleSet), "\(line.testDescription)")
        }
    }

    static func isUnknown(_ ruleSet: RuleSet) -> Bool {
        let isMatchUnknown = ruleSet.matches.contains { if case .unmodelled = $0.test { true } else { false } }
        return isMatchUnknown || ruleSet.rules.contains { if case .unmodelled = $0.target { true } else { false } }
    }
}
