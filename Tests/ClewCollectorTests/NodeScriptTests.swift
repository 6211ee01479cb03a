import ClewBundle
import ClewCollector
import Foundation
import Testing

@Suite("Node script", .timeLimit(.minutes(25)))
struct NodeScriptTests {
    /// The shells that nodes have.
    static let shells = [["dash"], ["busybox", "sh"], ["bash"]]

    @Test("Without any tool, in a bare namespace, the kernel's own files still make a bundle", arguments: shells)
    func noTools(shell: [String]) throws {
        guard isInstalled(shell[0]) else { return }
        let folder = try TemporaryFolder()
        try folder.write("tools/none", "")
        let bare = geteuid() == 0 && findTool("unshare") != nil
        let run = try ScriptRun(
            shell, ["--node", "Bare_node", "--gap", "0", "--path", folder.path + "/tools"],
            behind: bare ? ["unshare", "-n"] : [], in: folder)
        try run.checkWhole()
        let sysctl = try #require(run["nodes/Bare_node/sysctl.txt"])
        #expect(sysctl.contains("\nnet.ipv4.ip_forward = ") || sysctl.hasPrefix("net.ipv4.ip_forward = "))
        // A value of which only the first digit could be read is worse than none.
        for line in sysctl.split(separator: "\n") where line.hasPrefix("net.core.somaxconn") {
            #expect(line != "net.core.somaxconn = 4")
        }
        #expect(run["nodes/Bare_node/proc-net-netstat-1.txt"]?.contains("TcpExt") == true)
        if shell[0] != "busybox" {
            // The tools in busybox need no path.
            #expect(try run.record("nodes/Bare_node/nft-list-ruleset.txt").exitCode != 0)
            #expect(run.notes.contains { $0.contains("could not be limited without: rm wc head sleep") })
        }
    }

    @Test(
        "What hangs, prints 1 GiB, fails or is missing is an entry, and the bundle stays within its limits",
        arguments: shells)
    func hostileTools(shell: [String]) throws {
        guard isInstalled(shell[0], "setsid", "nice") else { return }
        let folder = try TemporaryFolder()
        let mark = "98765\(UInt16.random(in: 10_000...65_000))"
        try fakeTools(in: folder, mark: mark)
        let run = try ScriptRun(
            shell,
            [
                "--node", "n", "--gap", "0", "--timeout", "2", "--max-file", "3", "--max-total", "8", "--netns", "none",
                "--path", folder.path + "/tools",
            ], in: folder)
        try run.checkWhole()
        let hung = try run.record("nodes/n/ipset-save.txt")
        #expect(hung.exitCode > 128)
        #expect(hung.standardError.hasPrefix("clew: stopped after "))
        #expect(run["nodes/n/ipset-save.txt"] == "create before the hang\n")
        let large = try run.record("nodes/n/iptables-nft-save.txt")
        #expect(large.exitCode != 0)
        #expect(large.standardError.hasPrefix("clew: cut off behind 3145728 bytes"))
        #expect(run["nodes/n/iptables-nft-save.txt"]?.utf8.count == 3 << 20)
        #expect(try run.record("nodes/n/ip6tables-nft-save.txt").standardError.hasPrefix("clew: cut off behind"))
        let loop = try run.record("nodes/n/bridge-link.json")
        #expect(loop.exitCode > 128)
        #expect(loop.standardError.hasPrefix("clew: stopped after "))
        #expect(try run.record("nodes/n/bridge-vlan.json").standardError == "not run: 'bridge' had to be stopped twice")
        let failed = try run.record("nodes/n/ss-listen.txt")
        #expect(failed.exitCode == 9)
        #expect(failed.standardError == "bad ??\"\\ text\tend")
        let missing = try run.record("nodes/n/bpf-net.json")
        #expect(missing.exitCode == 127)
        #expect(missing.standardError == "not found")
        #expect(run.bundle.artifacts.reduce(0) { $0 + $1.bytes.count } < 9 << 20)
        #expect(try processes(with: mark) == [])
    }

    /// Tools that misbehave, beside those that the script needs to limit them.
    private func fakeTools(in folder: TemporaryFolder, mark: String) throws {
        try folder.write(
            "tools/ipset", "#!/bin/sh\ntrap '' TERM\necho create before the hang\nsleep \(mark) & wait\nsleep \(mark)\n"
        )
        try folder.write("tools/iptables-nft-save", "#!/bin/sh\nexec head -c 1073741824 /dev/zero\n")
        try folder.write("tools/ip6tables-nft-save", "#!/bin/sh\nhead -c 1073741824 /dev/zero >&2\n")
        try folder.write("tools/bridge", "#!/bin/sh\nwhile :; do :; done\n")
        try folder.write("tools/ss", "#!/bin/sh\nprintf 'bad \\377\\001\"\\\\ text\\tend\\n' >&2\nexit 9\n")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/tools") {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: folder.path + "/tools/" + name)
        }
        for name in ["rm", "wc", "head", "sleep", "cat", "grep", "sed", "setsid", "nice", "sh", "ip"] {
            guard let tool = findTool(name) else { continue }
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/tools/" + name, withDestinationPath: tool)
        }
    }

    /// The command lines that hold a word, but for those that end within three seconds.
    private func processes(with mark: String) throws -> [String] {
        var found: [String] = []
        for _ in 0..<30 {
            found = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap {
                guard let line = FileManager.default.contents(atPath: "/proc/\($0)/cmdline") else { return nil }
                let text = String(decoding: line, as: UTF8.self)
                return text.contains(mark) ? text : nil
            }
            if found.isEmpty { return [] }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return found
    }

    @Test("Someone who is not root gets a bundle that says what was refused", arguments: shells)
    func notRoot(shell: [String]) throws {
        guard isInstalled(shell[0], "setpriv") else { return }
        let folder = try TemporaryFolder()
        let wrapper = geteuid() == 0 ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : []
        let run = try ScriptRun(
            shell, ["--node", "n", "--gap", "0", "--netns", "none"], behind: wrapper, in: folder)
        try run.checkWhole()
        let collections = try #require(run.manifest["collections"] as? [String: [String: Any]])
        #expect(collections["n"]?["uid"] as? String != "0")
        if findTool("iptables-nft-save") != nil {
            let rules = try run.record("nodes/n/iptables-nft-save.txt")
            #expect(rules.exitCode != 0)
            #expect(rules.standardError.contains("ermi") || rules.standardError.contains("root"))
        }
        if findTool("ip") != nil { #expect(run["nodes/n/ip-addr.json"]?.contains("127.0.0.1") == true) }
    }

    @Test("The time for the whole node ends the rest, not the bundle", arguments: shells)
    func deadline(shell: [String]) throws {
        guard isInstalled(shell[0]) else { return }
        let folder = try TemporaryFolder()
        let run = try ScriptRun(shell, ["--node", "n", "--deadline", "1", "--netns", "none"], in: folder)
        try run.checkWhole()
        #expect(try run.record("nodes/n/nstat-2.txt").standardError.contains("are used up"))
    }

    @Test("Of a script that arrived in part nothing is run", arguments: shells)
    func cutScript(shell: [String]) throws {
        guard isInstalled(shell[0]) else { return }
        let folder = try TemporaryFolder()
        let lines = NodeScript.text.split(separator: "\n", omittingEmptySubsequences: false)
        for part in 1..<12 {
            let text = lines.prefix(lines.count * part / 12).joined(separator: "\n")
            let output = folder.path + "/out"
            _ = try ScriptRun.start(shell + ["-s"], script: text, in: folder, output: output)
            #expect(try Data(contentsOf: URL(fileURLWithPath: output)).isEmpty, "\(part) of 12")
        }
        let whole = String(NodeScript.text.dropLast("main \"$@\"\n".count))
        #expect(whole + "main \"$@\"\n" == NodeScript.text)
        let output = folder.path + "/out"
        let result = try ScriptRun.start(shell + ["-s"], script: whole, in: folder, output: output)
        #expect(result.exitCode == 0)
        #expect(result.standardError == "")
        #expect(try Data(contentsOf: URL(fileURLWithPath: output)).isEmpty)
    }

    @Test("When the reader goes away, the script ends, and leaves no file and no process", arguments: shells)
    func readerGone(shell: [String]) throws {
        guard isInstalled(shell[0]) else { return }
        let folder = try TemporaryFolder()
        try folder.write("temporary/none", "")
        let mark = "clew-test-\(UInt32.random(in: 0 ... .max))"
        // What ignores SIGPIPE gets an error for each write instead.
        for ignoring in ["", "trap '' PIPE;"] {
            let words = "\(ignoring) \(shell.joined(separator: " ")) -s -- --node \(mark) | head -c 2000 | wc -c"
            let output = folder.path + "/out"
            let result = try ScriptRun.start(
                ["TMPDIR=\(folder.path)/temporary", "sh", "-c", words], in: folder, output: output)
            #expect(result.exitCode == 0)
            #expect(try String(contentsOfFile: output, encoding: .utf8).contains("2000"))
            #expect(try processes(with: mark) == [])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/temporary") == ["none"])
        }
    }

    @Test("A wrong option is refused with a line, before anything is written", arguments: shells)
    func options(shell: [String]) throws {
        guard isInstalled(shell[0]) else { return }
        let folder = try TemporaryFolder()
        for (options, message) in [
            (["--nodes", "x"], "unknown option --nodes"), (["--gap"], "--gap needs a value"),
            (["--gap", "1s"], "--gap needs a number"), (["--netns", "some"], "--netns some is not"),
            (["--deadline", "0"], "--deadline needs a number above 0"),
            (["--timeout", "00"], "--timeout needs a number above 0"),
        ] {
            let output = folder.path + "/out"
            let result = try ScriptRun.start(shell + ["-s", "--"] + options, in: folder, output: output)
            #expect(result.exitCode == 1)
            #expect(result.standardError.hasPrefix("clew: \(message)"))
            #expect(result.standardError.split(separator: "\n").count == 1)
            #expect(try Data(contentsOf: URL(fileURLWithPath: output)).isEmpty)
        }
    }
}
