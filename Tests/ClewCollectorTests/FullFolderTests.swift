import ClewBundle
import ClewCollector
import Foundation
import Testing

/// The node script where the folders for its work files are full.
@Suite("Node script in full folders", .timeLimit(.minutes(25)))
struct FullFolderTests {
    /// Mounts of its own for the shell words behind it: these folders have so much room and no more.
    private func wrapper(_ sizes: [String: String], _ more: String = "", in folder: TemporaryFolder) throws -> [String]
    {
        var lines = sizes.sorted { $0.key < $1.key }.map { "mount -t tmpfs -o size=\($0.value) none \($0.key)" }
        // One page is all that is there, and it is taken.
        for (path, size) in sizes where size == "4k" { lines.append("head -c 4096 /dev/zero > \(path)/full") }
        let script = try folder.write(
            "prepare.sh", (["set -e"] + lines + [more, "unset TMPDIR", "exec \"$@\""]).joined(separator: "\n") + "\n")
        return ["unshare", "-n", "-m", "sh", script]
    }

    private static let hangingTools = """
        mount -t tmpfs none /mnt
        for tool in ip nft; do
            printf '#!/bin/sh\\ntrap "" TERM\\nsleep 500\\n' > /mnt/$tool; chmod 755 /mnt/$tool
        done
        PATH=/mnt:$PATH
        """

    private static let everywhere = ["/tmp", "/run", "/dev/shm", "/var/tmp"]

    @Test("Where /tmp is full another folder is taken", arguments: NodeScriptTests.shells)
    func anotherFolder(shell: [String]) throws {
        guard isRoot(), isInstalled(shell[0], "unshare", "iptables", "nft") else { return }
        let folder = try TemporaryFolder()
        let rule = "ip link set lo up; iptables -A INPUT -p tcp --dport 80 -j DROP"
        let run = try ScriptRun(
            shell, ["--node", "n", "--gap", "0", "--netns", "none"],
            behind: try wrapper(["/tmp": "4k"], rule, in: folder), in: folder)
        try run.checkWhole()
        #expect(run["nodes/n/nft-list-ruleset.txt"]?.contains("drop") == true)
        #expect(run["nodes/n/ip-addr.json"]?.contains("127.0.0.1") == true)
        #expect(run.notes.allSatisfy { !$0.contains("full") })
    }

    @Test("What hangs is ended where /tmp is full", arguments: NodeScriptTests.shells)
    func hangingTools(shell: [String]) throws {
        guard isRoot(), isInstalled(shell[0], "unshare") else { return }
        let folder = try TemporaryFolder()
        let started = Date()
        let run = try ScriptRun(
            shell, ["--node", "n", "--gap", "0", "--netns", "none", "--timeout", "1", "--deadline", "8"],
            behind: ["timeout", "60"] + (try wrapper(["/tmp": "4k"], Self.hangingTools, in: folder)), in: folder)
        try run.checkWhole()
        #expect(try run.record("nodes/n/ip-addr.json").standardError.hasPrefix("clew: stopped after"))
        #expect(try run.record("nodes/n/iptables-nft-save.txt").exitCode != 127)
        #expect(Date().timeIntervalSince(started) < 40)
    }

    @Test("Time limits hold where the watcher cannot be told of a process", arguments: NodeScriptTests.shells)
    func watchedOneByOne(shell: [String]) throws {
        guard isRoot(), isInstalled(shell[0], "unshare") else { return }
        let folder = try TemporaryFolder()
        let script = NodeScript.text.replacingOccurrences(of: "1<>\"$JOB\"", with: ">/dev/full")
        #expect(script != NodeScript.text)
        let words = ["--node", "n", "--gap", "0", "--netns", "none", "--timeout", "1", "--deadline", "8"]
        let result = try ScriptRun.start(
            ["timeout", "60"] + (try wrapper([:], Self.hangingTools, in: folder)) + shell + ["-s", "--"] + words,
            script: script, in: folder, output: folder.path + "/archive.tar")
        #expect(result.exitCode == 0)
        #expect(result.standardError == "")
        let bundle = try BundleReader.read(path: folder.path + "/archive.tar")
        let manifest = try #require(bundle.artifacts.first { $0.path == "bundle.json" })
        #expect(String(decoding: manifest.bytes, as: UTF8.self).contains("clew: stopped after"))
    }

    @Test("Output that finds no room is never an empty answer", arguments: NodeScriptTests.shells)
    func cutOutput(shell: [String]) throws {
        guard isRoot(), isInstalled(shell[0], "unshare", "iptables-restore", "nft") else { return }
        let folder = try TemporaryFolder()
        let rules = """
            {
                echo '*filter'; i=0
                while [ $i -lt 600 ]; do echo "-A INPUT -s 10.1.$((i / 250)).$((i % 250)) -j ACCEPT"; i=$((i + 1)); done
                echo COMMIT
            } | iptables-restore
            """
        let sizes = Dictionary(uniqueKeysWithValues: Self.everywhere.map { ($0, "36k") })
        let run = try ScriptRun(
            shell, ["--node", "n", "--gap", "0", "--netns", "none"],
            behind: try wrapper(sizes, rules, in: folder), in: folder)
        try run.checkWhole()
        let record = try run.record("nodes/n/nft-list-ruleset.txt")
        #expect(record.exitCode == 153)
        #expect(record.standardError.hasPrefix("clew: cut off: the folder for its output is full"))
        #expect(
            try run.record("nodes/n/iptables-nft-save.txt").standardError != "clew: not run: nf_tables holds no table")
        #expect(try run.record("nodes/n/sysctl.txt").exitCode != 0)
        #expect(run.notes.contains("the folder for the output of commands was full: some of it is cut off"))
    }

    @Test("Where no folder can be written to, the script says so and ends", arguments: NodeScriptTests.shells)
    func nowhere(shell: [String]) throws {
        guard isRoot(), isInstalled(shell[0], "unshare") else { return }
        let folder = try TemporaryFolder()
        let sizes = Dictionary(uniqueKeysWithValues: Self.everywhere.map { ($0, "4k") })
        let started = Date()
        let run = try ScriptRun(
            shell, ["--node", "n", "--netns", "none"], behind: try wrapper(sizes, in: folder), in: folder)
        try run.checkWhole()
        #expect(try run.record("nodes/n/nft-list-ruleset.txt").exitCode == 126)
        #expect(try run.record("nodes/n/ip-addr.json").standardError == "not run: no folder takes its output")
        #expect(run.notes.contains { $0.hasPrefix("no command was run: there is no folder for its output") })
        #expect(Date().timeIntervalSince(started) < 20)
    }
}
