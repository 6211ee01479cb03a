import ClewBundle
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// No bytes make the parser trap or hang, and what comes out is whole.
@Suite struct NftFuzzTests {
    static let text =
        NftStatementTests.tables + """
            \tchain r {
            \t\ttype filter hook forward priority filter - 5; policy drop;
            \t\tip daddr . meta l4proto . th dport vmap @service-ips
            \t\tct state { established, related } ip saddr != 10.0.0.0/8 meta mark set meta mark | 0x4000 accept comment "x"
            \t\tmeta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 81 }
            \t\ttcp flags & (fin | syn) == syn limit rate over 10/second burst 5 packets reject with tcp reset
            \t\tupdate @seen { ip saddr timeout 5s limit rate 1/second } fib saddr . iif oif missing drop
            \t}
            }
            add rule inet t r ip6 saddr fd00::/8 log prefix "x: " group 2 drop
            insert rule inet t r numgen inc mod 3 offset 1 2 jump other

            """
    static let json =
        NftStatementTests.jsonTables
        + NftFormPairs.all.prefix(160).map {
            "{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"r\",\"expr\":" + $0.json + "}}"
        }.joined(separator: ",\n") + "]}"

    static func checkConsistency(_ parsed: ParsedRuleSet, _ what: String) {
        let ruleSet = parsed.ruleSet
        #expect(ruleSet.chains.allSatisfy { Int($0.table.rawValue) < ruleSet.tables.count }, "\(what)")
        #expect(
            ruleSet.chains.reduce(0) { $0 + Int($1.ruleCount) } == ruleSet.rules.count
                && ruleSet.chains.allSatisfy { Int($0.firstRule) + Int($0.ruleCount) <= ruleSet.rules.count }, "\(what)"
        )
        #expect(
            ruleSet.rules.allSatisfy { Int($0.firstMatch) + Int($0.matchCount) <= ruleSet.matches.count }, "\(what)")
        #expect(ruleSet.nftSets.allSatisfy { Int($0.table.rawValue) < ruleSet.tables.count }, "\(what)")
        // Follows every index there is.
        #expect(NftDescription(ruleSet: ruleSet).lines.count >= ruleSet.tables.count, "\(what)")
    }

    static func check(_ bytes: [UInt8], _ what: String) {
        checkConsistency(NftParser.parse(bytes, artifact: ArtifactID(rawValue: 1)), what)
    }

    @Test func theSourcesAreUnderstood() {
        for source in [Self.text, Self.json] {
            let parsed = NftStatementTests.parse(source)
            #expect(parsed.unread.isEmpty, "\(parsed.unread)")
            #expect(parsed.ruleSet.rules.count >= 8)
        }
    }

    @Test func truncations() {
        let text = Array(Self.text.utf8)
        for length in text.indices { Self.check(Array(text[..<length]), "truncated at \(length)") }
        let json = Array(Self.json.utf8)
        for length in stride(from: 0, to: json.count, by: 41) {
            Self.check(Array(json[..<length]), "JSON truncated at \(length)")
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func mutations(seed: UInt64) {
        var random = ClewTestSupport.SeededGenerator(seed: seed)
        let words = [
            "{", "}", "(", "[", "\"", "\\", "\n", ";", ",", " . ", " : ", "!=", "@", "$", "#", "vmap ", "map ", "set ",
            "0-5", "10.0.0.0/99", "18446744073709551615", "-2147483648", "\0", "table ip x {", "chain y {", "null",
            "[[",
        ]
        for round in 0..<300 {
            var mutated = Array((round % 3 == 0 ? Self.json : Self.text).utf8)
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let place = Int.random(in: 0..<mutated.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: mutated[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: mutated.remove(at: place)
                case 2: mutated.insert(contentsOf: words.randomElement(using: &random)?.utf8 ?? "".utf8, at: place)
                case 3:
                    let end = min(mutated.count, place + Int.random(in: 0..<200, using: &random))
                    mutated.insert(
                        contentsOf: Array(mutated[place..<end]), at: Int.random(in: 0..<mutated.count, using: &random))
                default:
                    mutated.removeSubrange(place..<min(mutated.count, place + Int.random(in: 0..<60, using: &random)))
                    if mutated.isEmpty { mutated = [10] }
                }
            }
            Self.check(mutated, "seed \(seed) round \(round)")
        }
    }

    @Test(arguments: [UInt64(11), 12])
    func randomBytes(seed: UInt64) {
        var random = ClewTestSupport.SeededGenerator(seed: seed)
        let letters = Array("table chain {}()[];:.,\"\\/-!=<>@#$ \n\tipctmrksavd0123456789*&|^".utf8)
        for round in 0..<200 {
            let length = Int.random(in: 0..<2000, using: &random)
            let noise = (0..<length).map { _ in
                round % 2 == 0 ? UInt8.random(in: 0...255, using: &random) : letters.randomElement(using: &random) ?? 10
            }
            Self.check(noise, "seed \(seed) round \(round)")
            Self.check(Array("table ip t {\nchain c {\n".utf8) + noise, "seed \(seed) round \(round) in a chain")
        }
    }

    /// Shapes that would take a careless parser quadratic time, or all of the stack.
    @Test(arguments: [
        "table ip t {\n", "table ip t {\nchain c {\n", "{", "ip saddr {", "table ip t { chain c { ip saddr { 1 : {",
        "(", "add rule ip t c tcp dport (", "add rule ip t c ip saddr ", "a . ", "add rule ip t c meta mark set 1 | ",
        "add rule ip t c accept\n", "insert rule ip t c accept\n", "\"", "\\\n", "#", ";", "define x = {", "1,",
        "add element ip t s { 1 }\n", "add rule ip t c tcp dport 1 meta mark set 1 ", "delete rule ip t c handle 1\n",
        "{\"nftables\":[", "[", "{\"nftables\":[{\"rule\":", "add rule ip t c limit rate 1/second meta mark set 1 ",
        "::", "1:", "add rule ip t c jump d\nadd rule ip t d ",
    ])
    func repetition(unit: String) {
        let start = ContinuousClock.now
        Self.check(Array(String(repeating: unit, count: 200_000 / unit.utf8.count).utf8), unit)
        let flat = "add rule ip t c " + String(repeating: unit, count: 100_000 / unit.utf8.count)
        Self.check(Array(flat.utf8), "rule " + unit)
        let time = ContinuousClock.now - start
        #expect(time < .seconds(20), "\(unit) took \(time)")
    }

    /// Rules that go on and on, inside one expression and out of it; no part of them is lost.
    @Test(arguments: [
        ("meta mark set ", "(", ""), ("meta mark ", "& 1 ", "accept"), ("", "meta mark set 1 ", "accept"),
        ("", "tcp dport 1 ", "accept"), ("", "udp dport 1 tcp dport 1 ", "accept"), ("tcp dport ", "{", ""),
        ("tcp dport { ", "1, ", "} accept"), ("ip saddr ", "10.0.0.1 . ", "accept"), ("meta mark set ", "1 | ", "1"),
        ("ip saddr vmap { ", "10.0.0.1 : jump x, ", "} drop"),
    ])
    func longRules(_ parts: (head: String, unit: String, tail: String)) {
        let rule = parts.head + String(repeating: parts.unit, count: 20_000) + parts.tail
        let parsed = NftStatementTests.parse("table ip t {\nchain c {\n\(rule)\n}\n}\n")
        Self.checkConsistency(parsed, parts.unit)
        #expect(!parsed.ruleSet.rules.isEmpty, "\(parts)")
    }

    @Test func longJSONExpressions() {
        let head =
            #"{"nftables":[{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"match":{"op":"==","right":1,"left":"#
        let wide = #"{"|":["# + String(repeating: "1,", count: 20_000) + "1]}}}]}}]}"
        let parsed = NftStatementTests.parse(head + wide)
        Self.checkConsistency(parsed, "wide")
        #expect(parsed.unread.isEmpty && parsed.ruleSet.rules.count == 1)
        Self.check(Array((head + String(repeating: #"{"&":[1,"#, count: 20_000)).utf8), "deep")
    }
}
