import ClewBundle
import ClewCollector
import Foundation
import Testing

@Suite("Folders and single files")
struct FolderTests {
    @Test("Named pipes and devices are refused at once, wherever a file is named")
    func endless() throws {
        let folder = try TemporaryFolder()
        try #require(try run("mkfifo", ["pipe"], in: folder.path) == 0)
        for (path, what) in [(folder.path + "/pipe", "a named pipe"), ("/dev/zero", "a device")] {
            let errors = [
                #expect(throws: BundleReadError.self) { try BundleReader.read(path: path) },
                #expect(throws: BundleReadError.self) { try BundleReader.readAddition(path: path) },
                #expect(throws: BundleReadError.self) { try BundleReader.readFile(path: path, as: "x") },
            ]
            for error in errors { #expect(error?.description.hasPrefix("\(path): is \(what), where") == true) }
        }
    }

    @Test("A folder is read sorted, links and hidden files aside")
    func folder() throws {
        let folder = try TemporaryFolder()
        try folder.write("b/nodes/b/ip-addr.txt", "b")
        try folder.write("b/nodes/a/ip-addr.txt", "a")
        try folder.write("b/nodes/a/conntrack.txt.gz", storedGzip(Array("tcp".utf8)))
        try folder.write("b/nodes/a/sysctl.txt.gz", Array(storedGzip(Array("tcp".utf8)).dropLast()))
        try folder.write("b/nodes/a/empty.txt", "")
        try folder.write("b/.git/config", "x")
        try folder.write("b/nodes/a/.DS_Store", "x")
        try folder.write("secret", "s")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: folder.path + "/b/nodes/a/out", withDestinationPath: "../../../secret")
        try files.createSymbolicLink(atPath: folder.path + "/b/nodes/loop", withDestinationPath: "..")
        try #require(try run("mkfifo", ["b/nodes/a/pipe"], in: folder.path) == 0)
        for path in ["/b", "/b/", "/b/nodes/.."] {
            let bundle = try BundleReader.read(path: folder.path + path)
            #expect(
                bundle.contents == [
                    "nodes/a/conntrack.txt": "tcp", "nodes/a/empty.txt": "", "nodes/a/ip-addr.txt": "a",
                    "nodes/b/ip-addr.txt": "b",
                ])
            #expect(
                bundle.problemLines == [
                    "nodes/loop: a symbolic link, which is not followed",
                    "nodes/a/out: a symbolic link, which is not followed", "nodes/a/pipe: a named pipe",
                    "nodes/a/sysctl.txt.gz: its gzip data is cut off behind 3 unpacked bytes",
                ])
            #expect(bundle.folder == "b")
            #expect(bundle.artifacts.map(\.path) == bundle.artifacts.map(\.path).sorted())
        }
        try files.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "b")
        #expect(try BundleReader.read(path: folder.path + "/link").artifacts.count == 4)
    }

    @Test("Limits hold in folders")
    func limits() throws {
        let folder = try TemporaryFolder()
        for number in 0..<5 { try folder.write("cluster/\(number)", String(repeating: "y", count: 1000 + number)) }
        var limits = BundleLimits()
        limits.maxEntries = 5
        #expect(reason(folder.path, limits) == "refused: more than 5 entries")
        limits = BundleLimits()
        limits.maxTotalBytes = 5000
        #expect(reason(folder.path, limits) == "refused: holds more than 4.8 KiB")
        limits = BundleLimits()
        limits.maxFileBytes = 1003
        let bundle = try BundleReader.read(path: folder.path, limits: limits)
        #expect(bundle.artifacts.count == 4)
        #expect(bundle.problemLines == ["cluster/4: 1004 bytes, more than the limit of 1003 bytes"])
        limits = BundleLimits()
        limits.maxDepth = 0
        #expect(reason(folder.path, limits) == "holds no files; left out cluster: lies more than 0 folders deep")
    }

    @Test("A large file is held once, and a file without a known size is read whole")
    func sizes() throws {
        let folder = try TemporaryFolder()
        let text = [UInt8](repeating: UInt8(ascii: "-"), count: 33_000_000)
        try folder.write("nodes/a/iptables-save.txt", text)
        let bundle = try BundleReader.read(path: folder.path)
        #expect(bundle.artifacts[0].bytes == text)
        #expect(bundle.artifacts[0].bytes.capacity < text.count + text.count / 10)
        try folder.write("packed/x.gz", storedGzip(text))
        let packed = try BundleReader.read(path: folder.path + "/packed")
        #expect(packed.artifacts[0].bytes == text)
        #expect(packed.artifacts[0].bytes.capacity < text.count + text.count / 10)
        #if os(Linux)
            let status = try BundleReader.readFile(path: "/proc/self/status", as: "status")
            #expect(status.contents["status"]?.contains("VmPeak") == true)
        #endif
    }

    @Test("The operating system's answers come in words")
    func systemErrors() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("file", "text")
        #expect(reason(folder.path + "/none") == "no such file or directory")
        #expect(reason("") == "no such file or directory")
        #expect(reason(file + "/x") == "a part of the path is not a directory")
        #expect(reason(folder.path + "/" + String(repeating: "x", count: 300)) == "the path is too long")
        #expect(throws: BundleReadError(path: folder.path, reason: .system("is a directory, where a file is needed"))) {
            try BundleReader.readFile(path: folder.path, as: "x")
        }
        let error = #expect(throws: BundleReadError.self) { try BundleReader.read(path: "/none/at all") }
        #expect(error?.description == "/none/at all: no such file or directory")
        guard geteuid() != 0 else {
            print("SKIP: root may read everything, so denied permissions are not tested")
            return
        }
        try #require(chmod(file, 0) == 0)
        #expect(reason(file) == "permission denied")
        try folder.write("other", "text")
        #expect(try BundleReader.read(path: folder.path).problemLines == ["file: cannot be read: permission denied"])
    }

    @Test("A single text file is a bundle of one; what is not text is refused")
    func singleFiles() throws {
        let folder = try TemporaryFolder()
        let bundle = try BundleReader.read(path: try folder.write("iptables-save.txt", "*nat\n# größe \u{1b}\n"))
        #expect(bundle.contents == ["iptables-save.txt": "*nat\n# größe \u{1b}\n"])
        #expect(bundle.folder == nil)
        let packed = try BundleReader.read(path: try folder.write("objects.json.gz", storedGzip(Array("{}".utf8))))
        #expect(packed.contents == ["objects.json": "{}"])
        #expect(try refusal([]) == "is empty")
        #expect(try refusal(storedGzip([])) == "is empty")
        #expect(try refusal([0xff, 0xfe, 0x2a, 0x00]) == "UTF-16 text; save it as UTF-8")
        #expect(try refusal(Array("PK\u{3}\u{4}".utf8)).hasPrefix("a zip archive, which is not read"))
        #expect(try refusal([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]).hasPrefix("xz data"))
        #expect(try refusal(Array("BZh91AY".utf8)).hasPrefix("bzip2 data"))
        let loose = try BundleReader.readFile(path: try folder.write("empty", ""), as: "nodes/n/iptables-save.txt")
        #expect(loose.contents == ["nodes/n/iptables-save.txt": ""])
    }

    @Test("Additions lie below their own name")
    func additions() throws {
        let folder = try TemporaryFolder()
        try folder.write("objects/pods.json", "{}")
        try folder.write("objects/more/services.json", "{}")
        let file = try folder.write("single.yaml", "kind: Pod")
        var bundle = try BundleReader.readAddition(path: folder.path + "/objects")
        #expect(bundle.artifacts.map(\.path) == ["added/objects/more/services.json", "added/objects/pods.json"])
        bundle.add(try BundleReader.readAddition(path: file))
        bundle.add(try BundleReader.readAddition(path: file))
        #expect(bundle.artifacts.map(\.path).suffix(2) == ["added/single.yaml", "added/single.yaml~2"])
    }

    @Test("Standard input is one file, or an archive")
    func standardInput() throws {
        let folder = try TemporaryFolder()
        var tar = TarWriter()
        tar.add("nodes/a/ip-addr.txt", "a")
        let saved = dup(0)
        defer {
            dup2(saved, 0)
            close(saved)
        }
        func feed(_ bytes: [UInt8]) throws {
            let descriptor = open(try folder.write("input", bytes), O_RDONLY)
            try #require(descriptor >= 0)
            dup2(descriptor, 0)
            close(descriptor)
        }
        try feed(Array("*filter\n".utf8))
        #expect(try BundleReader.read(path: "-").contents == ["stdin": "*filter\n"])
        try feed(Array("*filter\n".utf8))
        #expect(try BundleReader.readFile(path: "-", as: "x/y").contents == ["x/y": "*filter\n"])
        try feed(storedGzip(tar.finished()))
        let archive = try BundleReader.read(path: "-")
        #expect(archive.contents == ["nodes/a/ip-addr.txt": "a"])
        #expect(archive.folder == nil)
        try feed([])
        let error = #expect(throws: BundleReadError.self) { try BundleReader.read(path: "-") }
        #expect(error?.description == "standard input: is empty")
    }

    private func reason(_ path: String, _ limits: BundleLimits = .default) -> String {
        let error = #expect(throws: BundleReadError.self) { try BundleReader.read(path: path, limits: limits) }
        return error.map { "\($0.reason)" } ?? "not refused"
    }
}
