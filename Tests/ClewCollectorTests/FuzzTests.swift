import ClewBundle
import ClewCollector
import Testing

@Suite("Archives that are cut, flipped or random", .timeLimit(.minutes(25)))
struct FuzzTests {
    /// A generator whose start is printed, so that a failure can be had again.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        init(_ name: String) {
            state = UInt64.random(in: .min ... .max)
            print("\(name): seed \(state)")
        }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
            return value ^ value >> 31
        }
    }

    private static func archive() -> [UInt8] {
        var tar = TarWriter()
        tar.add("nodes/worker-a/iptables-save.txt", String(repeating: "-A KUBE-SERVICES -j ACCEPT\n", count: 30))
        tar.addPax([("path", "nodes/worker-a/netns/web/ip-addr.txt")], "addresses")
        tar.format = .gnu
        tar.addLongName("nodes/worker-b/" + String(repeating: "b", count: 120), "long")
        tar.add(Array("cluster/pods.json.gz".utf8), storedGzip(Array("{}".utf8)))
        tar.add("cluster/old", "sparse", flag: "S")
        return tar.finished()
    }

    /// The artifacts, or `nil` where the archive is refused.
    private static func contents(_ bytes: [UInt8]) throws -> [String: String]? {
        do { return try readBundle(bytes).contents } catch let error as BundleReadError {
            #expect(!error.description.contains("\n"))
            return nil
        }
    }

    @Test("Every cut of an archive ahead of its end mark is refused")
    func cuts() throws {
        let plain = Self.archive()
        let whole = try Self.contents(plain)
        #expect(whole?.count == 4)
        // Ahead of 100 bytes it is only the beginning of a name, which is text.
        for cut in stride(from: 100, to: plain.count, by: 7) {
            let found = try Self.contents(Array(plain.prefix(cut)))
            #expect(found == (cut >= plain.count - 512 ? whole : nil), "cut at \(cut)")
        }
        for packed in [storedGzip(plain), rawZstd(plain)] {
            for cut in stride(from: 5, to: packed.count - 1, by: 11) {
                #expect(try Self.contents(Array(packed.prefix(cut))) == nil, "cut at \(cut)")
            }
        }
    }

    @Test("A flipped byte of a gzip archive is refused, or changes nothing")
    func flippedGzip() throws {
        var random = Seeded("flipped gzip")
        let packed = storedGzip(Self.archive())
        let whole = try Self.contents(packed)
        for _ in 0..<1500 {
            var flipped = packed
            let index = Int.random(in: 2..<packed.count, using: &random)
            flipped[index] ^= UInt8.random(in: 1...255, using: &random)
            let found = try Self.contents(flipped)
            #expect(found == nil || found == whole, "flipped \(index)")
        }
    }

    @Test("Flipped bytes of plain and zstd archives never end the program")
    func flipped() throws {
        var random = Seeded("flipped")
        for archive in [Self.archive(), rawZstd(Self.archive())] {
            var refused = 0
            for _ in 0..<1500 {
                var flipped = archive
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    flipped[Int.random(in: flipped.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if try Self.contents(flipped) == nil { refused += 1 }
            }
            #expect(refused > 100)
        }
    }

    @Test("Random bytes are refused, also behind the magic of a format")
    func randomBytes() throws {
        var random = Seeded("random bytes")
        for round in 0..<600 {
            let count = Int.random(in: 64...3000, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let magic: [UInt8] = [[], [0x1f, 0x8b, 8, 0], [0x28, 0xb5, 0x2f, 0xfd]][round % 3]
            #expect(try Self.contents(magic + bytes) == nil)
        }
        // Random sizes, kinds and extensions in headers whose checksum holds.
        for _ in 0..<600 {
            var tar = TarWriter()
            for _ in 0..<4 {
                tar.format = [.posix, .gnu, .v7].randomElement(using: &random) ?? .posix
                let name = (0..<Int.random(in: 0...100, using: &random)).map { _ in
                    UInt8.random(in: 1...255, using: &random)
                }
                let content = (0..<Int.random(in: 0...900, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                let large = Int(random.next() >> UInt64.random(in: 31...62, using: &random))
                let size = Bool.random(using: &random) ? nil : large
                tar.add(
                    name, content, flag: Array("0123567LKxgSVDZ").randomElement(using: &random) ?? "0", size: size,
                    binarySize: size != nil)
            }
            _ = try Self.contents(tar.finished())
        }
    }
}
