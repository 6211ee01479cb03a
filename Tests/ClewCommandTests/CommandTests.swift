import Foundation
import Testing

/// Exit codes, and the one line that bad input gives.
@Suite struct BadInputTests {
    private let question = ["--from", "node/node", "--to", "10.0.0.1:80"]
    private static let rules = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        COMMIT

        """

    private func expect(_ result: CommandResult, _ reason: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(result.code == 2, "\(result)", sourceLocation: location)
        #expect(result.errorLines.count == 1, "\(result)", sourceLocation: location)
        #expect(result.error.hasPrefix("clew: "), "\(result)", sourceLocation: location)
        #expect(result.error.contains(reason), "\(result)", sourceLocation: location)
        #expect(result.output.isEmpty, "\(result)", sourceLocation: location)
    }

    @Test func usage() throws {
        expect(try Command.run(["trace"]), "--from is missing")
        expect(try Command.run(["trace", "x", "--from", "node/a"]), "--to is missing")
        expect(
            try Command.run(["trace", "x", "--from", "node/a", "--to", "nowhere"]), "'nowhere' is not a destination")
        expect(try Command.run(["trace", "x"] + question + ["--kind", "foo"]), "'foo'")
        expect(try Command.run(["trace", "x"] + question + ["--proto", "gre"]), "'gre'")
        expect(try Command.run(["trace", "x"] + question + ["--source", "abc"]), "source: 'abc' is not an address")
        expect(try Command.run(["trace", "x"] + question + ["--brief", "--all-rules"]), "contradict")
        expect(try Command.run(["trace", "x", "--flows", "-", "-o", "text"]), "--flows answers in JSON")
        expect(try Command.run(["trace"] + question), "no bundle")
        expect(try Command.run(["nonsense"]), "nonsense")
        expect(try Command.run(["bundle", "show", "--nonsense"]), "--nonsense")
        expect(try Command.run(["bundle", "show"]), "no bundle")
    }

    @Test func helpIsNotAnError() throws {
        for arguments in [["--help"], ["trace", "--help"], ["bundle", "show", "--help"], ["--version"], []] {
            let result = try Command.run(arguments)
            #expect(result.code == 0, "\(arguments)")
            #expect(result.error.isEmpty)
            #expect(!result.output.isEmpty)
        }
        #expect(try Command.run(["trace", "--help"]).output.contains("EXAMPLES:"))
        #expect(try Command.run(["--generate-completion-script", "bash"]).output.contains("loadbalancer"))
    }

    @Test func aMissingBundle() throws {
        expect(try Command.run(["trace", "/nonexistent/bundle.tgz"] + question), "/nonexistent/bundle.tgz")
        expect(try Command.run(["bundle", "show", "/nonexistent/bundle.tgz"]), "/nonexistent/bundle.tgz")
        let folder = try TemporaryFolder()
        let rules = try folder.write("rules", Self.rules)
        expect(
            try Command.run(["trace", "--iptables-save", rules, "--ip-route", "/nonexistent/r"] + question),
            "/nonexistent/r")
        expect(
            try Command.run(["trace", "--iptables-save", rules, "--add", "/nonexistent/o"] + question), "/nonexistent/o"
        )
        expect(try Command.run(["trace", "--iptables-save", rules, "--flows", "/nonexistent/f"]), "/nonexistent/f")
    }

    @Test func randomBytesAndTruncatedArchives() throws {
        let folder = try TemporaryFolder()
        let seed = UInt64.random(in: .min ... .max)
        var state = seed
        let noise = Data(
            (0..<40_000).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            })
        let random = try folder.write("random.bin", noise)
        let result = try Command.run(["trace", random] + question)
        #expect(result.code == 2, "seed \(seed): \(result)")
        #expect(result.errorLines.count == 1 && result.error.contains("random.bin"), "seed \(seed): \(result)")
        let truncated = try folder.write("cut.tar.gz", Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]) + noise.prefix(40))
        expect(try Command.run(["trace", truncated] + question), "cut.tar.gz")
        expect(try Command.run(["bundle", "show", truncated]), "cut.tar.gz")
        let empty = try folder.write("empty.tgz", "")
        expect(try Command.run(["trace", empty] + question), "empty.tgz")
    }

    @Test func namesThatDoNotExist() throws {
        let folder = try TemporaryFolder()
        try folder.write("nodes/worker-a/iptables-save.txt", Self.rules)
        func ask(_ from: String, _ to: String, _ more: [String] = []) throws -> CommandResult {
            try Command.run(["trace", folder.path, "--from", from, "--to", to] + more)
        }
        expect(
            try ask("node/worker-b", "10.0.0.1:80"), "there is no node 'worker-b' in the bundle; did you mean worker-a?"
        )
        expect(try ask("pod/shop/web-0", "10.0.0.1:80"), "there is no pod/shop/web-0 in the bundle")
        expect(try ask("node/worker-a", "svc/shop/api"), "there is no svc/shop/api in the bundle")
        expect(try ask("1.2.3.4", "10.0.0.1:80", ["--via", "node/worker-z"]), "there is no node 'worker-z'")
        expect(try ask("node/worker-a", "10.0.0.1/tcp"), "names no port")
    }

    @Test func standardInputIsReadOnce() throws {
        expect(
            try Command.run(["trace", "--iptables-save", "-", "--ip-route", "-"] + question, input: Self.rules),
            "standard input can be read only once")
        expect(
            try Command.run(["trace", "--iptables-save", "-", "--flows", "-"], input: Self.rules),
            "standard input can be read only once")
    }

    @Test func singleFilesBesideABundleNeedAName() throws {
        let folder = try TemporaryFolder()
        let rules = try folder.write("nodes/a/iptables-save.txt", Self.rules)
        expect(try Command.run(["trace", folder.path, "--ip-route", rules] + question), "need --node-name")
    }
}

/// A node that rejects port 81 and lets the rest pass, traced from itself to itself.
@Suite struct TraceCommandTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "nodes/worker-a/iptables-save.txt",
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -p tcp -m tcp --dport 81 -m comment --comment "not this one" -j REJECT --reject-with icmp-port-unreachable
            COMMIT

            """)
        try folder.write(
            "nodes/worker-a/ip-addr.txt",
            """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
                inet 127.0.0.1/8 scope host lo
                   valid_lft forever preferred_lft forever
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
                link/ether 02:00:00:00:00:0b brd ff:ff:ff:ff:ff:ff
                inet 192.168.0.11/24 brd 192.168.0.255 scope global eth0
                   valid_lft forever preferred_lft forever

            """)
        try folder.write(
            "nodes/worker-a/ip-route.txt",
            """
            192.168.0.0/24 dev eth0 proto kernel scope link src 192.168.0.11
            local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
            local 192.168.0.11 dev eth0 table local proto kernel scope host src 192.168.0.11

            """)
    }

    private func trace(_ to: String, _ more: [String] = [], _ environment: [String: String] = [:]) throws
        -> CommandResult
    {
        try Command.run(["trace", folder.path, "--from", "node/worker-a", "--to", to] + more, environment: environment)
    }

    @Test func exitCodesSayWhatWasFound() throws {
        let works = try trace("192.168.0.11:80")
        #expect(works.code == 0, "\(works)")
        #expect(works.output.hasPrefix("WORKS"))
        let fails = try trace("192.168.0.11:81")
        #expect(fails.code == 1, "\(fails)")
        #expect(fails.output.hasPrefix("FAILS"))
        #expect(fails.output.contains("nodes/worker-a/iptables-save.txt:5"))
        #expect(fails.error.isEmpty)
    }

    @Test func coloursOnlyWhenAskedForAndBoxesOnlyInUTF8() throws {
        #expect(try !trace("192.168.0.11:81").output.contains("\u{1B}"))
        #expect(try trace("192.168.0.11:81", ["--color", "always"]).output.contains("\u{1B}[1;31mFAILS"))
        let wanted = try trace("192.168.0.11:81", ["--color", "always"], ["NO_COLOR": "1"])
        #expect(wanted.output.contains("\u{1B}"), "an option is worth more than the environment")
        #expect(try !trace("192.168.0.11:81", ["--color", "never"]).output.contains("\u{1B}"))
        #expect(try trace("192.168.0.11:81").output.utf8.allSatisfy { $0 < 0x80 })
        #expect(try !trace("192.168.0.11:81", [], ["LC_ALL": "C.UTF-8"]).output.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func otherForms() throws {
        let json = try trace("192.168.0.11:81", ["-o", "json"])
        #expect(json.code == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["verdict"] as? String == "fails")
        #expect(try trace("192.168.0.11:81", ["-o", "mermaid"]).output.hasPrefix("flowchart TD\n"))
        let brief = try trace("192.168.0.11:81", ["--brief"]).output.split(separator: "\n").count
        let all = try trace("192.168.0.11:81", ["--all-rules"]).output.split(separator: "\n").count
        #expect(brief < all)
    }

    @Test func manyFlowsWithOneLoad() throws {
        let lines = [
            #"{"id":1,"from":"node/worker-a","to":"192.168.0.11:80"}"#,
            #"{"id":"two","from":"node/worker-a","to":"192.168.0.11:81"}"#,
            "",
            #"{"id":[3],"from":"node/nobody","to":"192.168.0.11:81"}"#,
            #"{"id":4,"from":"node/worker-a","to":"192.168.0.11:80","famly":4}"#,
            #"{"id":5,"from":"node/worker-a""#,
            #"{"id":6,"to":"192.168.0.11:80","sport":40000,"family":4}"#,
        ]
        let result = try Command.run(
            ["trace", folder.path, "--flows", "-", "--from", "node/worker-a"], input: lines.joined(separator: "\n"))
        #expect(result.code == 2, "\(result)")
        #expect(result.error.isEmpty)
        let answers = result.output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        try #require(answers.count == 6, "\(result.output)")
        #expect(answers[0]["id"] as? Int == 1 && answers[0]["verdict"] as? String == "works")
        #expect(answers[1]["id"] as? String == "two" && answers[1]["verdict"] as? String == "fails")
        #expect(answers[2]["id"] as? [Int] == [3])
        let messages = answers.map { ($0["error"] as? [String: Any])?["message"] as? String ?? "" }
        #expect(messages[2].hasPrefix("there is no node 'nobody'"))
        #expect(messages[3] == "unknown key 'famly'; did you mean family?")
        #expect(answers[4]["id"] as? Int == 5 && messages[4].hasPrefix("not a JSON object that asks for a flow"))
        #expect((answers[4]["error"] as? [String: Any])?["line"] as? Int == 6)
        #expect(answers[5]["id"] as? Int == 6 && answers[5]["verdict"] as? String == "works")
        let good = try Command.run(["trace", folder.path, "--flows", "-"], input: lines[0...1].joined(separator: "\n"))
        #expect(good.code == 1, "\(good)")
    }

    @Test func singleFilesAreANodeOfTheirOwn() throws {
        let base = folder.path + "/nodes/worker-a/"
        let rules = try String(contentsOfFile: base + "iptables-save.txt", encoding: .utf8)
        let result = try Command.run(
            [
                "trace", "--iptables-save", "-", "--ip-route", base + "ip-route.txt", "--ip-addr", base + "ip-addr.txt",
                "--from", "node/box", "--node-name", "box", "--to", "192.168.0.11:81",
            ], input: rules)
        #expect(result.code == 1, "\(result)")
        #expect(result.output.contains("nodes/box/iptables-save.txt:5"))
    }

    @Test func aReaderThatGoesAwayIsNoError() throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        let error = try folder.write("err", "")
        let script = """
            ( "$1" trace "$2" --from node/worker-a --to 192.168.0.11:80 --all-rules; echo $? >&2 ) | true
            """
        shell.arguments = ["-c", script, "sh", Command.path, folder.path]
        shell.standardError = FileHandle(forWritingAtPath: error)
        try shell.run()
        shell.waitUntilExit()
        #expect(try String(contentsOfFile: error, encoding: .utf8) == "0\n")
    }
}

@Suite struct BundleShowCommandTests {
    @Test func namesEveryUnreadLine() throws {
        let folder = try TemporaryFolder()
        try folder.write("nodes/a/iptables-save.txt", "*filter\n:INPUT ACCEPT [0:0]\nthis is no rule\nCOMMIT\n")
        try folder.write("nodes/a/notes.md", "hello\n")
        let text = try Command.run(["bundle", "show", folder.path])
        #expect(text.code == 0, "\(text)")
        #expect(text.output.contains("nodes/a/iptables-save.txt:3"))
        #expect(text.output.contains("this is no rule"))
        #expect(text.output.contains("notes.md"))
        let json = try Command.run(["bundle", "show", folder.path, "-o", "json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect((object["unread"] as? [[String: Any]])?.first?["line"] as? Int == 3)
    }
}
