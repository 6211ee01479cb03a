import ClewLab
import ClewTestSupport
import Foundation
import Glibc
import Testing

/// Runs of the lab that are killed at any moment, two at once, leave nothing behind and change nothing.
@Suite(.serialized, .enabled(if: SystemTests.canMakeNamespaces)) struct LeakTests {
    /// What a run could leave or change outside of its own namespaces, in lines.
    private struct Outside: Equatable {
        var parts: [String: [String]] = [:]

        init() throws {
            parts["devices"] = try Self.names("/sys/class/net")
            parts["named namespaces"] = try Self.names("/run/netns")
            parts["mounts"] = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
                .split(separator: "\n").map(String.init)
            for words in [
                ["iptables-legacy-save"], ["ip6tables-legacy-save"], ["nft", "list", "ruleset"], ["ip", "route"],
                ["ip", "rule"], ["ipset", "save"],
            ] where Command.path(of: words[0]) != nil {
                // Comments of iptables-save hold the time.
                parts[words.joined(separator: " ")] = try Command(words).run().outputText
                    .split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
            }
            parts["settings"] = Self.settings()
        }

        private static func names(_ folder: String) throws -> [String] {
            guard FileManager.default.fileExists(atPath: folder) else { return [] }
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        }

        /// The kernel's settings, without those that count or draw lots.
        private static func settings() -> [String] {
            var lines: [String] = []
            let restless = ["nf_conntrack_count", "/random/", "dentry-state", "file-nr", "inode-nr", "inode-state"]
            for root in ["net", "kernel", "fs", "vm"] {
                let all = FileManager.default.enumerator(atPath: "/proc/sys/\(root)")
                while let name = all?.nextObject() as? String {
                    let path = "/proc/sys/\(root)/\(name)"
                    guard !restless.contains(where: path.contains), !path.contains("ns_last_pid"),
                        !path.contains("pty/nr"), let value = try? String(contentsOfFile: path, encoding: .utf8)
                    else { continue }
                    lines.append("\(root)/\(name) = \(value)")
                }
            }
            return lines.sorted()
        }

        /// What differs, in words.
        func differences(from before: Outside) -> [String] {
            parts.keys.sorted().flatMap { key -> [String] in
                let (old, new) = (Set(before.parts[key] ?? []), Set(parts[key] ?? []))
                return new.subtracting(old).sorted().map { "\(key): new: \($0)" }
                    + old.subtracting(new).sorted().map { "\(key): gone: \($0)" }
            }
        }
    }

    private static func processes() -> [(id: Int32, parent: Int32, isAlive: Bool)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            guard let id = Int32(name), let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
                let rest = text.split(separator: ")").last
            else { return nil }
            let words = rest.split(separator: " ")
            guard words.count > 1, let parent = Int32(words[1]) else { return nil }
            return (id, parent, words[0] != "Z")
        }
    }

    /// A process and all below it.
    private static func family(of process: Int32) -> [Int32] {
        let all = processes()
        var found = [process]
        var next = 0
        while next < found.count {
            found += all.filter { $0.parent == found[next] }.map(\.id)
            next += 1
        }
        return found
    }

    /// The network namespaces that processes are in, or hold open.
    private static func namespaces(of processes: [Int32]) -> Set<String> {
        var found: Set<String> = []
        for process in processes {
            let folder = "/proc/\(process)/fd"
            let held = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for path in held.map({ "\(folder)/\($0)" }) + ["/proc/\(process)/ns/net"] {
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path),
                    target.hasPrefix("net:[")
                else { continue }
                found.insert(target)
            }
        }
        return found
    }

    private static func lab(_ arguments: String...) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BackgroundLabTests.path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    @Test func killedRunsLeaveNothing() throws {
        let before = try Outside()
        let own = Self.namespaces(of: [getpid()])
        let seed = UInt64.random(in: 0...UInt64.max)
        print("killed runs: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var seen = 0
        for round in 0..<10 {
            let runs = [
                try Self.lab("test", "--network", "bridge-vxlan", "--fault", "bridge-nf-off", "--jobs", "2"),
                try Self.lab("run", "routed", "--rules", "legacy", "--fault", "policy-set"),
            ]
            usleep(UInt32.random(in: 5_000...2_500_000, using: &random))
            let families = runs.map { Self.family(of: $0.processIdentifier) }
            let all = families.flatMap { $0 }
            let namespaces = Self.namespaces(of: all).subtracting(own)
            seen += namespaces.count
            // The waiting parent, or whatever is below it.
            for family in families { kill(family[Int.random(in: 0..<family.count, using: &random)], SIGKILL) }
            // What was killed below may let the run end by itself; the rest is ended as a terminal would.
            usleep(200_000)
            for run in runs where run.isRunning { kill(run.processIdentifier, SIGKILL) }
            for run in runs { run.waitUntilExit() }
            var left: Set<String> = namespaces
            for _ in 0..<500 {
                let alive = Self.processes().filter(\.isAlive).map(\.id)
                left = Self.namespaces(of: alive).intersection(namespaces)
                if left.isEmpty, Set(alive).isDisjoint(with: all) { break }
                usleep(10_000)
            }
            #expect(left.isEmpty, "round \(round): namespaces still held")
            #expect(Self.processes().filter { $0.isAlive && all.contains($0.id) }.isEmpty, "round \(round)")
        }
        #expect(seen > 20, "the runs were killed before they had built anything")
        #expect(try Outside().differences(from: before) == [])
    }
}
