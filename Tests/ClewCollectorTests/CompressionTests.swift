import ClewBundle
import ClewCollector
import Foundation
import Testing

@Suite("Packed data")
struct CompressionTests {
    private static func archive() -> [UInt8] {
        var tar = TarWriter()
        tar.add("nodes/a/ip-addr.txt", "one")
        tar.add("cluster/pods.json", String(repeating: "x", count: 200_000))
        return tar.finished()
    }

    @Test("gzip and zstd archives hold what the plain one holds, under any name")
    func archives() throws {
        let plain = try readBundle(Self.archive())
        for packed in [
            storedGzip(Self.archive()), rawZstd(Self.archive()),
            storedGzip(Array(Self.archive()[..<700])) + storedGzip(Array(Self.archive()[700...])),
            storedGzip(Self.archive()) + [UInt8](repeating: 0, count: 3000),
            rawZstd(Array(Self.archive()[..<700])) + rawZstd(Array(Self.archive()[700...])),
            [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9] + rawZstd(Self.archive()),
        ] {
            let bundle = try readBundle(packed)
            #expect(bundle.contents == plain.contents)
            #expect(bundle.problems == [])
        }
    }

    @Test(
        "What gzip and zstd pack, with real blocks",
        arguments: [["gzip", "-9"], ["zstd", "-q"], ["zstd", "-q", "-19"]])
    func tools(command: [String]) throws {
        let folder = try TemporaryFolder()
        var tar = TarWriter()
        for number in 0..<200 {
            let rules = (0..<500).map { "-A KUBE-SVC-\(number) -m comment --comment \"\($0)\" -j KUBE-SEP-\($0 * 7)\n" }
            tar.add("nodes/n\(number)/iptables-save.txt", rules.joined())
        }
        let file = try folder.write("b.tar", tar.finished())
        let ending = command[0] == "gzip" ? ".gz" : ".zst"
        guard let status = try run(command[0], command.dropFirst() + ["-k", "b.tar"], in: folder.path) else { return }
        try #require(status == 0)
        let bundle = try BundleReader.read(path: file + ending)
        #expect(bundle.contents == (try BundleReader.read(path: file).contents))
        #expect(bundle.folder == "b")
    }

    @Test("Wrong checksums, garbage behind the data and a cut are errors")
    func damaged() throws {
        var packed = storedGzip(Self.archive())
        #expect(try refusal(packed + Array("garbage".utf8)).contains("gzip data is followed by something else"))
        #expect(try refusal(Array(packed.dropLast(1))) == "truncated archive: ended behind cluster/pods.json")
        #expect(
            try refusal(Array(packed.prefix(100_000))) == "truncated archive: ended inside cluster/pods.json")
        packed[packed.count - 5] ^= 1
        #expect(try refusal(packed).hasPrefix("damaged: gzip data is broken (incorrect data check)"))
        let frame = rawZstd(Self.archive())
        #expect(try refusal(Array(frame.prefix(150_000))) == "truncated archive: ended inside cluster/pods.json")
        #expect(try refusal(Array(frame.prefix(5))) == "truncated archive: ended inside zstd data")
        #expect(try refusal([0x28, 0xb5, 0x2f, 0xfd] + Array("no frame at all".utf8)).hasPrefix("damaged: zstd data"))
        #expect(try refusal([0x1f, 0x8b, 7, 7]).hasPrefix("damaged: gzip data is broken"))
    }

    @Test("A zstd bomb is refused before it fills the memory", .timeLimit(.minutes(25)))
    func zstdBombs() throws {
        for byte in [0, UInt8(ascii: "x")] {
            #expect(try refusal(zstdBomb(blocks: 100_000, of: byte)).hasPrefix("refused: 2"))
        }
        var tar = TarWriter()
        tar.add("nodes/a/large", "", size: 1 << 30)
        let bomb = rawZstd(tar.bytes) + zstdBomb(blocks: 9000, of: UInt8(ascii: "x"))
        #expect(try refusal(bomb).hasSuffix("as only a zip bomb does"))
    }

    @Test("A gzip bomb is refused as an archive, and left out as a file", .timeLimit(.minutes(25)))
    func gzipBombs() throws {
        let folder = try TemporaryFolder()
        let zeros = try folder.write("zeros", [UInt8](repeating: UInt8(ascii: " "), count: 4 << 20))
        guard let status = try run("gzip", ["-9", "zeros"], in: folder.path) else { return }
        try #require(status == 0)
        let member = try [UInt8](Data(contentsOf: URL(fileURLWithPath: zeros + ".gz")))
        // 4 GiB and more out of 4 MiB.
        let bomb = [UInt8]((0..<1100).map { _ in member }.joined())
        #expect(try refusal(bomb).hasSuffix("as only a zip bomb does"))
        var tar = TarWriter()
        tar.add(Array("cluster/bomb.json.gz".utf8), bomb)
        tar.add("cluster/pods.json", "{}")
        let bundle = try readBundle(tar.finished())
        #expect(bundle.contents == ["cluster/pods.json": "{}"])
        #expect(bundle.problemLines.count == 1 && bundle.problems[0].reason.hasSuffix("as only a zip bomb does"))
        // Many of them together reach the limit of the whole.
        var limits = BundleLimits()
        limits.maxTotalBytes = 200 << 20
        for number in 0..<4 { tar.add(Array("cluster/bomb\(number).gz".utf8), bomb) }
        #expect(try refusal(tar.finished(), limits: limits) == "refused: holds more than 200 MiB")
    }

    @Test("Packed files in an archive are unpacked; a damaged one leaves the rest")
    func inner() throws {
        let content = storedGzip(Array("rules".utf8))
        var tar = TarWriter()
        tar.add(Array("nodes/a/iptables-save.txt.gz".utf8), content + content)
        tar.add(Array("nodes/a/cut.txt.gz".utf8), Array(content.dropLast(3)))
        tar.add(Array("nodes/a/broken.txt.gz".utf8), Array(content.prefix(12)) + Array(content.dropFirst(11)))
        tar.add(Array("nodes/a/magic.txt.gz".utf8), [0] + content.dropFirst())
        tar.add("nodes/a/named-so.txt.gz", "plain")
        tar.add("nodes/a/empty.txt.gz")
        tar.add(Array("nodes/a/unnamed".utf8), content)
        let bundle = try readBundle(tar.finished())
        #expect(
            bundle.contents == [
                "nodes/a/iptables-save.txt": "rulesrules", "nodes/a/named-so.txt": "plain", "nodes/a/empty.txt": "",
                "nodes/a/unnamed": "rules",
            ])
        #expect(
            bundle.problems.map(\.path) == [
                "nodes/a/cut.txt.gz", "nodes/a/broken.txt.gz", "nodes/a/magic.txt.gz",
            ])
        #expect(bundle.problems[0].reason == "its gzip data is cut off behind 5 unpacked bytes")
        #expect(bundle.problems[2].reason == "is named .gz and holds no gzip data")
    }
}
