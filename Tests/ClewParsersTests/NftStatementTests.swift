import ClewBundle
import ClewParsers
import ClewSnapshot
import Foundation
import Testing

/// Each statement of a rule, against exactly what it shall be read as.
@Suite struct NftStatementTests {
    static let tables = """
        table inet t {
        \tset addresses { type ipv4_addr; flags interval; elements = { 10.0.0.0/24, 10.1.0.1 }; }
        \tset quads { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
        \tset seen { type ipv4_addr; flags dynamic,timeout; size 100; }
        \tmap service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.0.1 . tcp . 443 : goto other }; }
        \tmap nat-map { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 10.96.0.1 . 80 : 10.0.0.1 . 8080 }; }
        \tchain other { }

        """
    static let jsonTables = #"""
        {"nftables":[{"table":{"family":"inet","name":"t"}},
        {"set":{"family":"inet","table":"t","name":"addresses","type":"ipv4_addr","flags":["interval"],
         "elem":[{"prefix":{"addr":"10.0.0.0","len":24}},"10.1.0.1"]}},
        {"set":{"family":"inet","table":"t","name":"quads","type":["ipv4_addr","ipv4_addr","inet_proto","inet_service"]}},
        {"set":{"family":"inet","table":"t","name":"seen","type":"ipv4_addr","flags":["dynamic","timeout"],"size":100}},
        {"map":{"family":"inet","table":"t","name":"service-ips","map":"verdict",
         "type":["ipv4_addr","inet_proto","inet_service"],
         "elem":[[{"concat":["10.96.0.1","tcp",443]},{"goto":{"target":"other"}}]]}},
        {"map":{"family":"inet","table":"t","name":"nat-map","map":["ipv4_addr","inet_service"],
         "type":["ipv4_addr","inet_service"],"elem":[[{"concat":["10.96.0.1",80]},{"concat":["10.0.0.1",8080]}]]}},
        {"chain":{"family":"inet","table":"t","name":"other"}},{"chain":{"family":"inet","table":"t","name":"r"}},

        """#

    static func parse(_ text: String) -> ParsedRuleSet {
        NftParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 0))
    }

    /// The rules of the chain `r` and of the chains its rules continue in.
    static func describe(_ parsed: ParsedRuleSet) -> [String] {
        let ruleSet = parsed.ruleSet
        let description = NftDescription(ruleSet: ruleSet)
        return ruleSet.chains.filter { ruleSet.string($0.name).hasPrefix("r") }.flatMap { chain in
            ruleSet.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)].map {
                let name = ruleSet.string(chain.name)
                let rule = description.rule($0)
                return (name == "r" ? "" : name + ": ")
                    + brief(rule.hasSuffix("; # ") ? String(rule.dropLast(4)) : rule)
            }
        } + parsed.unread.map { "unread \($0.text): \($0.reason)" }
    }

    /// Without the names of types, and with sets in the words that matter here.
    private static func brief(_ rule: String) -> String {
        let noise = [
            "ClewSnapshot.", "ClewNet.", "NftField.", "NftValue.", "Comparison.", "RejectType.", "ConntrackField.",
            "TTLChange.", "PacketType.", "NATTarget.Kind.", "Optional", "inet t  dynamic false complete true ",
        ]
        return noise.reduce(rule) { $0.replacing($1, with: "") }
            .replacing("inet t  dynamic false complete false ", with: "incomplete ")
    }

    static func text(_ rule: String) -> [String] { describe(parse(tables + "chain r {\n" + rule + "\n}\n}\n")) }

    @Test(arguments: NftCases.all)
    func statement(_ rule: NftCases.Case) {
        #expect(Self.text(rule.text) == rule.expected, "\(rule.text)")
    }

    /// What nft lists as text and as JSON is the same rule.
    @Test func bothFormsAgree() {
        for (text, json) in NftFormPairs.all {
            let object = "{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"r\",\"expr\":" + json + "}}]}"
            // The text of what is not modelled differs between the forms.
            func plain(_ lines: [String]) -> [String] {
                lines.map { line in
                    line.split(separator: "; ").map { part in
                        part.range(of: "UNMODELLED").map { String(part[..<$0.upperBound]) } ?? String(part)
                    }.map { $0.hasPrefix("# ") ? "" : $0 }.joined(separator: "; ")
                }
            }
            let fromJSON = Self.describe(Self.parse(Self.jsonTables + object))
            #expect(plain(fromJSON) == plain(Self.text(text)), "\(text)")
        }
        #expect(NftFormPairs.all.count > 150)
    }
}
