import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// The vectors that iptables tests its own extensions with: `rule;what is printed;OK|FAIL`.
@Suite struct IptablesExtensionTests {
    struct Vector {
        var file: String
        var family: AddressFamily
        var table: String
        var chain: String
        var rule: String
        var printed: String
        var isAccepted: Bool
    }

    static func vectors() -> [Vector] {
        var result: [Vector] = []
        for path in IptablesCorpusTests.files("corpus/iptables-ext-t", for: "extension vectors") {
            let file = IptablesCorpusTests.name(path)
            var (table, chain) = ("filter", "INPUT")
            for line in String(decoding: SharedData.bytes(path) ?? [], as: UTF8.self).split(separator: "\n") {
                if line.hasPrefix("*") { table = String(line.dropFirst()) }
                if line.hasPrefix(":") {
                    chain = line.dropFirst().split(separator: ",").first.map(String.init) ?? chain
                }
                let parts = line.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
                guard !line.hasPrefix("#"), parts.count == 3, parts[2] == "OK" || parts[2] == "FAIL" else { continue }
                result.append(
                    Vector(
                        file: file, family: file.contains("libip6t") ? .ipv6 : .ipv4, table: table, chain: chain,
                        rule: parts[0], printed: parts[1] == "=" ? parts[0] : parts[1], isAccepted: parts[2] == "OK"))
            }
        }
        return result
    }

    @Test func vectors() {
        var (accepted, read, same) = (0, 0, 0)
        let vectors = Self.vectors()
        for vector in vectors {
            let dump = "*\(vector.table)\n:\(vector.chain) ACCEPT [0:0]\n-A \(vector.chain) \(vector.rule)\nCOMMIT\n"
            let parsed = IptablesSaveParser.parse(
                Array(dump.utf8), artifact: ArtifactID(rawValue: 0), family: vector.family, backend: .legacy)
            IptablesCorpusTests.checkConsistency(parsed.ruleSet, vector.file)
            guard vector.isAccepted else { continue }
            accepted += 1
            if parsed.unread.isEmpty {
                read += 1
            } else {
                print("unread \(vector.file): \(vector.rule): \(parsed.unread[0].reason)")
            }
            let printed = parsed.ruleSet.canonicalText(of: RuleID(rawValue: 0))
            if printed == "-A \(vector.chain) \(vector.printed)" {
                same += 1
            } else {
                print("differs \(vector.file): \(printed)\n  \(vector.printed)")
            }
        }
        guard !vectors.isEmpty else { return }
        print("extension vectors: \(accepted) accepted, \(read) read, \(same) printed alike")
        #expect(read == accepted)
        #expect(same * 100 >= accepted * 90)
    }
}
