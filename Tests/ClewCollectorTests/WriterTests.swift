import ClewBundle
import ClewCollector
import Foundation
import Testing

@Suite("Writing archives")
struct WriterTests {
    @Test("Archives of nodes have names that neither a terminal nor a shell obeys, and no two the same")
    func fileNames() {
        let names = BundleParts.fileNames(of: ["a", "b\u{1B}[2J", "b_[2J", ".x", "-y", "ü z", "..", "A"])
        #expect(names == ["a", "b__2J", "b__2J~2", "_x", "_y", "__z", "_.", "A"])
    }

    @Test(
        "What is written is read again, byte for byte, whatever the packing", arguments: ["tar", "tar.gz", "tar.zst"])
    func roundTrip(ending: String) throws {
        let folder = try TemporaryFolder()
        var state = UInt64.random(in: .min ... .max)
        print("seed \(state)")
        let noise = (0..<700_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let long = "nodes/" + String(repeating: "n", count: 120) + "/netns/x/ip-addr.txt"
        let artifacts = [
            Artifact(path: "bundle.json", bytes: Array("{}".utf8)), Artifact(path: long, bytes: Array("long".utf8)),
            Artifact(path: "nodes/a/block", bytes: [UInt8](repeating: 65, count: 512)),
            Artifact(path: "nodes/a/empty", bytes: []), Artifact(path: "nodes/a/noise", bytes: noise),
            Artifact(path: "nodes/b/noise", bytes: noise), Artifact(path: long + "2", bytes: noise),
            Artifact(path: "nodes/ü/x", bytes: Array(noise.prefix(513))),
        ]
        let bundle = SupportBundle(name: "x", artifacts: artifacts)
        let path = folder.path + "/b." + ending
        let packing = try #require(Packing(fileName: path))
        let report = try BundleWriter.write(bundle, to: path, packing: packing, replacing: false, time: 1_700_000_000)
        #expect(report.files == 8)
        #expect(report.repeatedFiles == 2)
        let read = try BundleReader.read(path: path)
        #expect(read.artifacts.map(\.path) == bundle.artifacts.map(\.path))
        #expect(zip(read.artifacts, bundle.artifacts).allSatisfy { $0.bytes == $1.bytes })
        #expect(read.problems == [])
        let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
        #expect(size < 720_000 && report.packedBytes == size)
        #expect(throws: WriteError.self) {
            try BundleWriter.write(bundle, to: path, packing: packing, replacing: false, time: 0)
        }
        _ = try BundleWriter.write(
            SupportBundle(name: "y", artifacts: [artifacts[0]]), to: path, packing: packing, replacing: true, time: 0)
        #expect(try BundleReader.read(path: path).artifacts.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["b." + ending])
    }

    @Test("A hard link to an earlier file is that file; one to anything else is left out")
    func hardLinks() throws {
        let folder = try TemporaryFolder()
        guard
            try run(
                "sh", ["-c", "mkdir -p nodes/a; echo x >nodes/a/one; ln nodes/a/one nodes/a/two; tar cf b nodes"],
                in: folder.path) == 0
        else { return }
        #expect(
            try BundleReader.read(path: folder.path + "/b").contents == ["nodes/a/one": "x\n", "nodes/a/two": "x\n"])
        var limits = BundleLimits.default
        limits.maxTotalBytes = 3
        #expect(throws: BundleReadError.self) { try BundleReader.read(path: folder.path + "/b", limits: limits) }
    }
}
