import Foundation
import Testing

/// Rules, addresses or routes that a node did not tell: said by `collect`, and never taken for "there are none".
@Suite(.serialized, .timeLimit(.minutes(25))) struct FailedDumpTests {
    private static let tools = [
        "nft", "iptables-save", "iptables-nft-save", "iptables-legacy-save", "ip6tables-save", "ip6tables-nft-save",
        "ip6tables-legacy-save",
    ]

    /// Runs `clew` in a network namespace with an address, behind tools that do what `body` says.
    private func collect(
        _ body: String, _ tools: [String], _ options: String, in folder: TemporaryFolder
    ) throws -> (code: Int32, errors: String)? {
        guard geteuid() == 0, FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare") else {
            print("SKIP: needs root and unshare")
            return nil
        }
        for tool in tools {
            let path = try folder.write("tools/\(tool)", "#!/bin/sh\n\(body)\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let errors = folder.path + "/errors"
        let script = try folder.write(
            "run.sh",
            """
            PATH=$PATH:/usr/sbin:/sbin
            mount -t tmpfs none /run
            ip link set lo up; ip link add v0 type veth peer name v1; ip addr add 10.9.0.1/24 dev v0
            ip link set v0 up; ip link set v1 up
            export PATH=\(folder.path)/tools:$PATH
            exec \(Command.path) collect --via local --no-api --nodes n \(options) -o \(folder.path)/out.tar 2>\(errors)
            """)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Alone, as other tests' namespaces would be collected too.
        process.arguments = ["unshare", "-n", "-m", "-p", "--fork", "--mount-proc", "--kill-child", "sh", script]
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOfFile: errors, encoding: .utf8))
    }

    private func trace(_ bundle: String) throws -> CommandResult {
        try Command.run(["trace", bundle, "--from", "10.9.0.7", "--to", "10.9.0.1:80"])
    }

    @Test func rulesThatWereRefusedAreMissingAndLeaveTheAnswerOpen() throws {
        let folder = try TemporaryFolder()
        let body = "echo 'Operation not permitted (you must be root)' >&2; exit 1"
        guard let result = try collect(body, Self.tools, "--timeout 40", in: folder) else { return }
        #expect(result.code == 3, "\(result)")
        let missing = result.errors.split(separator: "\n").filter { $0.hasPrefix("missing: ") }
        #expect(missing.count == 1, "\(result)")
        #expect(missing.first?.hasPrefix("missing: node n, rules: 'nft -a list ruleset': exit code 1: Oper") == true)
        let archive = folder.path + "/out.tar"
        let answer = try trace(archive)
        #expect(answer.code == 3, "\(answer)")
        #expect(answer.output.contains("nodes/n/nft-list-ruleset.txt is not known, and may decide"), "\(answer)")
        #expect(!answer.output.contains("no iptables rules"), "\(answer)")
        // The manifest keeps it.
        #expect((answer.output + answer.error).contains("not collected: node n, rules: 'nft -a list"), "\(answer)")
        let valid = try Command.run(["bundle", "validate", archive])
        #expect(valid.code == 1)
        #expect(valid.output.contains("nodes/n/nft-list-ruleset.txt: 'nft -a list ruleset': exit code 1: "), "\(valid)")
    }

    @Test func withoutAnyToolTheRulesAreMissing() throws {
        let folder = try TemporaryFolder()
        let body = "exit 127"
        guard let result = try collect(body, Self.tools, "--timeout 40", in: folder) else { return }
        #expect(result.code == 3, "\(result)")
        #expect(result.errors.contains("missing: node n, rules: no tool that prints them"), "\(result)")
        #expect(
            try Command.run(["bundle", "validate", folder.path + "/out.tar"]).output.contains("node n: no rules ("))
    }

    @Test func whatWasNotRunInTimeIsMissing() throws {
        let folder = try TemporaryFolder()
        guard let result = try collect("", [], "--timeout 1", in: folder) else { return }
        #expect(result.code == 3, "\(result)")
        #expect(result.errors.contains("missing: node n, rules, addresses, routes"), "\(result)")
        #expect(result.errors.contains("not run: the 1 s for this node are used up"), "\(result)")
        #expect(try trace(folder.path + "/out.tar").code == 3)
    }

    @Test func toolsThatHangLeaveTheirPartMissing() throws {
        let folder = try TemporaryFolder()
        let body = "trap '' TERM; sleep 300"
        guard let result = try collect(body, ["ip", "nft"], "--timeout 12", in: folder) else { return }
        #expect(result.code == 3, "\(result)")
        #expect(result.errors.contains("missing: node n, rules, addresses, routes"), "\(result)")
        #expect(try trace(folder.path + "/out.tar").code == 3)
    }

    @Test func healthyNodesLackNothing() throws {
        let folder = try TemporaryFolder()
        guard let result = try collect("", [], "--timeout 40", in: folder) else { return }
        #expect(result.code == 0, "\(result)")
        let answer = try trace(folder.path + "/out.tar")
        #expect(answer.code != 3, "\(answer)")
    }
}
