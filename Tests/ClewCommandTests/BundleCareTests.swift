import Foundation
import Testing

/// What `clew bundle` and `clew check` say of bundles that lack something, or hold names that a terminal would obey.
@Suite struct BundleCareTests {
    private static let addresses = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo

        """

    @Test(arguments: ["", "nodes/n/"])
    func aBundleWithoutRoutesIsNotValid(place: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("b/\(place)ip-addr.txt", Self.addresses)
        try folder.write("b/\(place)sysctl.txt", "net.ipv4.ip_forward = 1\n")
        try folder.write("b/\(place)ip-route.txt", "")
        let result = try Command.run(["bundle", "validate", folder.path + "/b", "--node-name", "n"])
        #expect(result.code == 1)
        #expect(result.output == "node n: no routes (ip route)\n", "\(result)")
    }

    @Test func whatFailedIsNamed() throws {
        let folder = try TemporaryFolder()
        let names = ["ip-addr.json", "ip-route.json", "nft-list-ruleset.txt", "sysctl.txt"]
        let records = names.map { #""nodes/n/\#($0)":{"command":"x","exitCode":1,"stderr":"no"}"# }
        try folder.write("b/bundle.json", "{\"artifacts\":{\(records.joined(separator: ","))}}")
        for name in names { try folder.write("b/nodes/n/\(name)", "") }
        let result = try Command.run(["bundle", "validate", folder.path + "/b"])
        #expect(result.code == 1)
        #expect(
            result.output.split(separator: "\n") == [
                "nodes/n/nft-list-ruleset.txt: 'x': exit code 1: no", "node n: no addresses (ip addr)",
                "node n: no routes (ip route)", "node n: no kernel parameters (sysctl)",
            ], "\(result)")
    }

    @Test func oneFileIsOneFile() throws {
        let folder = try TemporaryFolder()
        try folder.write("b/nodes/n/ip-addr.txt", Self.addresses)
        let shown = try Command.run(["bundle", "show", folder.path + "/b"])
        #expect(shown.output.contains(" in 1 file\n"), "\(shown)")
        #expect(!shown.output.contains("1 files"))
    }

    @Test func namesThatATerminalWouldObeyAreShownAsQuestionMarks() throws {
        let folder = try TemporaryFolder()
        let node = "b\u{1B}[31m"
        try folder.write("b/nodes/\(node)/ip-route.txt", "no route at all\n")
        try folder.write("b/nodes/\(node)/ip-addr.txt", Self.addresses)
        for words in [["validate"], ["show"]] {
            let result = try Command.run(["bundle"] + words + [folder.path + "/b"])
            #expect(!(result.output + result.error).contains("\u{1B}"), "\(result)")
            #expect(result.output.contains("b?[31m"), "\(result)")
        }
        let split = try Command.run(["bundle", "split", folder.path + "/b", "--into", folder.path + "/parts"])
        #expect(split.code == 0, "\(split)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/parts") == ["b__31m.tar.gz"])
    }

    @Test func helpHasAnExampleOfEachSubcommand() throws {
        let help = try Command.run(["bundle", "--help"]).output
        for name in ["show", "validate", "merge", "split", "import", "redact"] {
            #expect(help.contains("  clew bundle \(name) "), "\(name)")
        }
    }

    @Test func withoutObjectsThatWereAskedForNothingIsFoundMeansNothing() throws {
        let folder = try TemporaryFolder()
        try folder.write("b/nodes/n/ip-addr.txt", Self.addresses)
        #expect(try Command.run(["check", folder.path + "/b"]).code == 0)
        try folder.write(
            "b/bundle.json", #"{"missing":[{"what":"API objects","reason":"connection refused"}]}"#)
        let result = try Command.run(["check", folder.path + "/b"])
        #expect(result.code == 3, "\(result)")
        #expect(result.output.contains("no connection could be walked"))
    }
}
