import ClewBundle
import ClewParsers
import ClewSnapshot
import Foundation
import Testing

/// Published dumps.
///
/// Many are cut out of documents, with prose around them; the prose stays unread.
@Suite struct KernelStateCorpusTests {
    private struct Count {
        var values: Int
        var unread: [UnreadLine]
        var lines: Int
    }

    private func counts(_ folder: String, _ parse: ([UInt8]) -> Count) throws -> [Count] {
        try (SharedFolder.entries("corpus/" + folder) ?? []).map { url in
            let count = parse(try SharedFolder.bytes(url))
            print(
                "\(folder)/\(url.lastPathComponent): \(count.values) values, \(count.unread.count) of \(count.lines) lines unread"
            )
            for line in count.unread.prefix(3) {
                print("    \(line.source.line): \(line.text.prefix(70)): \(line.reason)")
            }
            return count
        }
    }

    /// Lines that begin like an entry, yet were not read.
    private func looksLikeEntry(_ line: UnreadLine, _ beginnings: [String]) -> Bool {
        beginnings.contains { line.text.hasPrefix($0) }
    }

    @Test func connections() throws {
        let counts = try counts("conntrack") { bytes in
            let result = ConntrackParser.parse(bytes, artifact: ArtifactID(rawValue: 0))
            return Count(values: result.value.count, unread: result.unread, lines: result.lines)
        }
        guard !counts.isEmpty else { return }
        let missed = counts.flatMap(\.unread).filter {
            looksLikeEntry($0, ["tcp ", "udp ", "icmp ", "ipv4 "]) && $0.text.contains("src=")
        }
        // An expectation is printed without the protocol's number.
        #expect(missed.count <= 1, "\(missed)")
        #expect(counts.reduce(0) { $0 + $1.values } > 40)
    }

    @Test func sysctls() throws {
        let counts = try counts("sysctl") { bytes in
            let result = SysctlParser.parse(bytes, artifact: ArtifactID(rawValue: 0))
            return Count(values: result.value.count, unread: result.unread, lines: result.lines)
        }
        guard !counts.isEmpty else { return }
        #expect(counts.flatMap(\.unread).filter { looksLikeEntry($0, ["net.", "fs.", "kernel."]) } == [])
    }

    @Test func sets() throws {
        let counts = try counts("ipset") { bytes in
            let result = IpsetParser.parse(bytes, artifact: ArtifactID(rawValue: 0))
            return Count(values: result.value.count, unread: result.unread, lines: result.lines)
        }
        guard !counts.isEmpty else { return }
        #expect(counts.flatMap(\.unread) == [])
    }

    @Test func virtualServers() throws {
        let counts = try counts("ipvs") { bytes in
            let result = IpvsadmParser.parse(bytes, artifact: ArtifactID(rawValue: 0))
            return Count(values: result.value.count, unread: result.unread, lines: result.lines)
        }
        guard !counts.isEmpty else { return }
        let missed = counts.flatMap(\.unread).filter { looksLikeEntry($0, ["TCP ", "UDP ", "-A ", "-a ", "  -> "]) }
        #expect(missed == [])
    }
}
