import Foundation
import Testing

@Suite("Import, by the command")
struct ImportCommandTests {
    @Test func whatIsLeftOutIsListedAndNamesAreSafeToPrint() throws {
        let folder = try TemporaryFolder()
        let source = folder.path + "/in"
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        try "default via 10.0.0.1 dev eth0\n".write(toFile: source + "/ip-route.txt", atomically: true, encoding: .utf8)
        try "notes\n".write(toFile: source + "/a\u{1b}[31m\nb.txt", atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: source + "/link", withDestinationPath: "/etc/passwd")
        let run = try Command.run(["bundle", "import", source, "-o", folder.path + "/out.tar"])
        #expect(run.code == 0, "\(run)")
        #expect(run.output.contains("not understood: a\\u{1b}[31m\\u{a}b.txt\n"), "\(run)")
        #expect(run.output.contains("not understood: link: a symbolic link"), "\(run)")
        #expect(!run.output.contains("\u{1b}") && !run.error.contains("\u{1b}"))
    }

    @Test func importAndMergeTakeNoSecret() throws {
        let folder = try TemporaryFolder()
        let source = folder.path + "/in"
        try FileManager.default.createDirectory(atPath: source + "/cluster", withIntermediateDirectories: true)
        let service = #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"}}"#
        let secret = #"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"t"},"data":{"p":"SEKRET"}}"#
        let list = #"{"apiVersion":"v1","kind":"List","items":["# + "\(service),\(secret),\(service)]}"
        try list.write(toFile: source + "/cluster/all.json", atomically: true, encoding: .utf8)
        for verb in ["import", "merge"] {
            let archive = "\(folder.path)/\(verb).tar"
            let run = try Command.run(["bundle", verb, source, "-o", archive])
            #expect(run.code == 0 && (run.output + run.error).contains("1 Secret is not taken"), "\(run)")
            let bytes = try String(decoding: Data(contentsOf: URL(fileURLWithPath: archive)), as: UTF8.self)
            #expect(bytes.contains("Service") && !bytes.contains("SEKRET"))
        }
    }
}
