import ClewBundle
import ClewCollector
import Foundation
import Testing

@Suite("Tar archives")
struct TarTests {
    private static let long = "nodes/worker-a/netns/" + String(repeating: "n", count: 150) + "/ip-addr.txt"

    @Test("Every kind of name: v7, ustar prefix, GNU long name, pax")
    func names() throws {
        var tar = TarWriter()
        tar.add("./nodes/", flag: "5")
        tar.add("./nodes/worker-a/ip-addr.txt", "posix")
        tar.add("ip-rule.txt", "prefix", prefix: "nodes/worker-a")
        tar.format = .gnu
        tar.addLongName(Self.long, "gnu")
        tar.add("././@LongLink", "irrelevant\0", flag: "K")
        tar.add("nodes/worker-a/sysctl.txt", "big", binarySize: true)
        tar.format = .v7
        tar.add("nodes/worker-b/", flag: "\0")
        tar.add("nodes/worker-b/ip-addr.txt", "v7", flag: "\0")
        tar.format = .posix
        tar.add("pax_global_header", TarWriter.paxRecord("comment", "c0ffee"), flag: "g")
        tar.addPax([("mtime", "1.5"), ("path", "nodes/größe/" + Self.long), ("size", "3")], "pax", size: 0)
        let bundle = try readBundle(tar.finished())
        #expect(
            bundle.contents == [
                "nodes/worker-a/ip-addr.txt": "posix", "nodes/worker-a/ip-rule.txt": "prefix",
                Self.long: "gnu", "nodes/worker-a/sysctl.txt": "big", "nodes/worker-b/ip-addr.txt": "v7",
                "nodes/größe/" + Self.long: "pax",
            ])
        #expect(bundle.problems == [])
        #expect(bundle.artifacts.map(\.path) == bundle.artifacts.map(\.path).sorted())
        #expect(bundle.folder == "bundle")
    }

    @Test("Entries that point out of the bundle refuse the archive, whatever their kind")
    func escapes() throws {
        for (name, why) in [
            ("/etc/passwd", "has an absolute path"), ("nodes/../../x", "would lie outside of the bundle"),
            ("..", "would lie outside of the bundle"), (".git/../..", "would lie outside of the bundle"),
        ] {
            for flag in ["0", "2", "5"] as [Character] {
                var tar = TarWriter()
                tar.add("cluster/a.json", "{}")
                tar.add(name, flag: flag)
                #expect(try refusal(tar.finished()) == "refused: the entry \(name) \(why)")
            }
            var tar = TarWriter()
            tar.addLongName(name, "x")
            #expect(try refusal(tar.finished()) == "refused: the entry \(name) \(why)")
            tar = TarWriter()
            tar.addPax([("path", name)], "x")
            #expect(try refusal(tar.finished()) == "refused: the entry \(name) \(why)")
        }
    }

    @Test("A name's line breaks stay out of the one line of an error")
    func controlCharacters() throws {
        var tar = TarWriter()
        tar.add("/a\n\u{1b}[31mb", "x")
        #expect(try refusal(tar.finished()).contains("/a\\u{a}\\u{1b}[31mb"))
    }

    @Test("Links, devices, pipes and sparse files are problems, hidden files nothing")
    func leftOut() throws {
        var tar = TarWriter()
        tar.add("nodes/a/ip-addr.txt", "kept")
        tar.add("nodes/a/hard", flag: "1", size: 700, link: "nodes/a/ip-addr.txt")
        tar.add("nodes/a/dangling", flag: "1", link: "nodes/a/later")
        tar.add("nodes/a/soft", flag: "2", link: "/etc/passwd")
        tar.add("nodes/a/char", flag: "3")
        tar.add("nodes/a/block", flag: "4")
        tar.add("nodes/a/pipe", flag: "6")
        tar.add("nodes/a/odd", "content", flag: "Z")
        tar.addPax([("GNU.sparse.major", "1"), ("GNU.sparse.name", "nodes/a/holes")], "data")
        tar.format = .gnu
        tar.add("nodes/a/old-holes", "data", flag: "S")
        tar.add("a label", flag: "V")
        tar.add(".git/config", "x")
        tar.add("nodes/a/._ip-addr.txt", "x")
        tar.add(".DS_Store", "x", flag: "0")
        tar.add(Array("nodes/a/".utf8) + [0xff], [1])
        tar.add("nodes/a/last", "also kept")
        let bundle = try readBundle(tar.finished())
        // A hard link to a file that came before is that file.
        #expect(
            bundle.contents == [
                "nodes/a/hard": "kept", "nodes/a/ip-addr.txt": "kept", "nodes/a/last": "also kept",
            ])
        #expect(
            bundle.problemLines == [
                "nodes/a/dangling: a hard link, which is not followed",
                "nodes/a/soft: a symbolic link, which is not followed",
                "nodes/a/char: a device", "nodes/a/block: a device", "nodes/a/pipe: a named pipe",
                "nodes/a/odd: an entry of the unknown kind 90",
                "nodes/a/holes: a sparse file, which is not read",
                "nodes/a/old-holes: a sparse file, which is not read",
                "nodes/a/\u{fffd}: its name is not UTF-8",
            ])
    }

    @Test("A wrong checksum, a wrong pax record and a missing end are errors that name the place")
    func damaged() throws {
        var tar = TarWriter()
        tar.add("nodes/a/one", "1")
        let intact = tar
        tar.add("nodes/a/two", "2", checksumOffset: 1)
        #expect(
            try refusal(tar.finished()) == "damaged: no tar header with a valid checksum behind nodes/a/one")
        #expect(try refusal(intact.bytes) == "truncated archive: ended behind nodes/a/one")
        #expect(try refusal(Array(intact.bytes.dropLast(511))) == "truncated archive: ended inside nodes/a/one")
        for record in ["5 a=b\n", "x", "99999999999999999999 path=x\n", "9 size=x\n", "6 path\n", "0 a=b\n", " a=b\n"] {
            tar = intact
            tar.add("PaxHeaders/x", record, flag: "x")
            tar.add("x", "y")
            #expect(try refusal(tar.finished()) == "damaged: a pax header cannot be read, behind nodes/a/one")
        }
        tar = intact
        tar.add("nodes/a/huge", "", size: 8_589_934_591)
        #expect(try refusal(tar.finished()) == "refused: holds more than 4 GiB")
        tar = intact
        tar.add("nodes/a/huge", "", size: Int.max >> 1, binarySize: true)
        #expect(try refusal(tar.finished()) == "refused: holds more than 4 GiB")
        tar = intact
        tar.add("nodes/a/half", "", size: 500_000_000)
        #expect(try refusal(tar.finished()) == "truncated archive: ended inside nodes/a/half")
        tar = intact
        tar.add("././@LongLink", "", flag: "L", size: 500_000_000)
        #expect(try refusal(tar.finished()).hasPrefix("damaged: a header of 476"))
    }

    @Test("Limits: entries and bytes refuse the archive, one large file is left out")
    func limits() throws {
        var tar = TarWriter()
        for number in 0..<4 { tar.add("cluster/\(number).json", String(repeating: " ", count: 1000)) }
        var limits = BundleLimits()
        limits.maxEntries = 3
        #expect(try refusal(tar.finished(), limits: limits) == "refused: more than 3 entries")
        limits = BundleLimits()
        limits.maxTotalBytes = 3500
        #expect(try refusal(tar.finished(), limits: limits) == "refused: holds more than 3.4 KiB")
        limits = BundleLimits()
        limits.maxFileBytes = 1000
        tar.add("cluster/large.json", String(repeating: " ", count: 2048))
        let bundle = try readBundle(tar.finished(), limits: limits)
        #expect(bundle.artifacts.count == 4)
        #expect(bundle.problemLines == ["cluster/large.json: 2 KiB, more than the limit of 1000 bytes"])
    }

    @Test("Empty archives, repeated names, data behind the end")
    func odds() throws {
        #expect(try refusal([UInt8](repeating: 0, count: 10_240)) == "holds no files")
        var tar = TarWriter()
        tar.add("nodes/a/link", flag: "2")
        #expect(
            try refusal(tar.finished())
                == "holds no files; left out nodes/a/link: a symbolic link, which is not followed")
        tar = TarWriter()
        tar.add("cluster/a", "first")
        tar.add("cluster/a", "second")
        let bundle = try readBundle(tar.finished() + tar.finished())
        #expect(bundle.contents == ["cluster/a": "second"])
        #expect(
            bundle.problemLines == [
                "cluster/a: is there twice; the later one counts",
                "cluster/a: the archive goes on behind its end mark; the rest is not read",
            ])
    }

    @Test("The folder around everything is taken off, unless it belongs to the layout")
    func wrapping() throws {
        for (paths, expected, folder) in [
            (["x/y/nodes/a/1", "x/y/cluster/2"], ["cluster/2", "nodes/a/1"], "y"),
            (["worker-a/1", "worker-a/netns/b/2"], ["1", "netns/b/2"], "worker-a"),
            (["nodes/a/1", "nodes/a/2"], ["nodes/a/1", "nodes/a/2"], "bundle"),
            (["x/1", "y/2"], ["x/1", "y/2"], "bundle"), (["xy/1", "x/2"], ["x/2", "xy/1"], "bundle"),
            (["x/1", "2"], ["2", "x/1"], "bundle"),
        ] {
            var tar = TarWriter()
            for path in paths { tar.add(path, "text") }
            let bundle = try readBundle(tar.finished())
            #expect(bundle.artifacts.map(\.path) == expected)
            #expect(bundle.folder == folder)
        }
    }

    @Test("What the system's tar packs, in each of its formats", arguments: ["v7", "ustar", "gnu", "pax", "oldgnu"])
    func systemTar(format: String) throws {
        let folder = try TemporaryFolder()
        let deep = format == "v7" ? "cluster/pods.json" : "nodes/" + String(repeating: "d/", count: 60) + "ip-addr.txt"
        try folder.write("b/" + deep, "deep")
        try folder.write("b/nodes/worker-a/iptables-save.txt", String(repeating: "-A X\n", count: 30_000))
        let status = try run("tar", ["--format=\(format)", "-cf", "b.tar", "-C", "b", "."], in: folder.path)
        guard let status else { return }
        try #require(status == 0)
        let archived = try BundleReader.read(path: folder.path + "/b.tar")
        let direct = try BundleReader.read(path: folder.path + "/b")
        #expect(archived.contents == direct.contents)
        #expect(archived.contents[deep] == "deep")
        #expect(archived.problems == [])
        #expect(archived.folder == "b" && direct.folder == "b")
    }
}
