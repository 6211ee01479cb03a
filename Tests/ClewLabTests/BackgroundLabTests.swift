import ClewLab
import Foundation
import Testing

/// Labs in the background, through the built `clew-lab`: how they are used, and that nothing of them stays.
@Suite(.serialized, .enabled(if: SystemTests.canMakeNamespaces)) struct BackgroundLabTests {
    static let path: String = {
        let arguments = CommandLine.arguments
        let bundle = arguments.firstIndex(of: "--test-bundle-path").flatMap {
            $0 + 1 < arguments.count ? arguments[$0 + 1] : nil
        }
        var folder = URL(fileURLWithPath: bundle ?? arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("clew-lab").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        return "clew-lab"
    }()

    private func run(_ words: String...) throws -> CommandResult {
        try Command([Self.path] + words, timeout: .seconds(60)).run()
    }

    /// A name that no other run of the tests has.
    private func name(_ word: String) -> String { "test-\(ProcessInfo.processInfo.processIdentifier)-\(word)" }

    /// The lab's process and everything below it.
    private func processes(of lab: String) throws -> [Int32] {
        let (_, _, holder) = try LabSocket.ask(lab, ["describe"])
        var found = [holder]
        for process in found {
            let children =
                (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
            found += children.split(separator: " ").compactMap { Int32($0) }
        }
        return found
    }

    /// Whether a process is there and no corpse.
    private func lives(_ process: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return status.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    private func waitForEnd(of processes: [Int32], _ lab: String) -> Bool {
        for _ in 0..<500 {
            if !LabSocket.running().contains(lab), !processes.contains(where: lives) { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func aLabIsBuiltUsedAndEnded() throws {
        let (a, b) = (name("a"), name("b"))
        defer {
            _ = try? run("down", "--name", a)
            _ = try? run("down", "--name", b)
        }
        let up = try run("up", "bridge-hostgw", "--fault", "bridge-nf-off", "--name", a)
        #expect(up.status == .exited(0), "\(up.errorText)")
        #expect(up.outputText.contains("pod shop/web-0 10.244.1.5"))
        #expect(try run("up", "bridge-hostgw", "--name", a).status == .exited(1))
        // Two labs do not meet, though all of their addresses are the same.
        #expect(try run("up", "routed", "--rules", "legacy", "--name", b).status == .exited(0))

        let broken = try run("probe", "pod/shop/web-0", "svc/shop/api-a", "--packets", "--name", a).outputText
        #expect(broken.contains("kernel: timed out"))
        #expect(broken.contains("10.244.1.6:8080 > 10.244.1.5:"))
        let sound = try run("probe", "pod/shop/web-0", "svc/shop/api-a", "--name", b).outputText
        #expect(sound.contains("kernel: answered by pod/shop/api-0"))

        let value = try run(
            "shell", "worker-a", "--name", a, "--", "sysctl", "-n", "net.bridge.bridge-nf-call-iptables")
        #expect(value.outputText == "0\n")
        #expect(try run("shell", "web-0", "--name", a, "--", "sh", "-c", "exit 7").status == .exited(7))

        let processes = try processes(of: a)
        #expect(try run("down", "--name", a).status == .exited(0))
        #expect(waitForEnd(of: processes, a))
        #expect(LabSocket.running().contains(b))
        #expect(try run("down", "--name", a).status == .exited(1))
    }

    @Test func aBundleOfALabIsReadByClew() throws {
        let lab = name("bundle")
        let folder = NSTemporaryDirectory() + lab
        defer {
            _ = try? run("down", "--name", lab)
            try? FileManager.default.removeItem(atPath: folder)
        }
        #expect(try run("up", "bridge-vxlan", "--name", lab).status == .exited(0))
        let bundle = try run("bundle", folder, "--name", lab)
        #expect(bundle.status == .exited(0), "\(bundle.errorText)")
        #expect(try run("bundle", folder, "--name", lab).status == .exited(1), "what is there is not written over")
        let save = try String(contentsOfFile: folder + "/nodes/worker-a/iptables-nft-save.txt", encoding: .utf8)
        #expect(save.contains("-j KUBE-SERVICES"))
        #expect(FileManager.default.fileExists(atPath: folder + "/bundle.json"))
    }

    /// The waiting parent, and the process that holds the lab: whichever is killed, all of it goes.
    @Test(arguments: [false, true]) func nothingStaysOfAKilledLab(theParentIsKilled: Bool) throws {
        let lab = name("killed")
        #expect(try run("up", "bridge-udp", "--name", lab).status == .exited(0))
        let processes = try processes(of: lab)
        let holder = try #require(processes.first)
        let status = try String(contentsOfFile: "/proc/\(holder)/status", encoding: .utf8)
        let parent = try #require(
            status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last.flatMap {
                Int32($0)
            })
        #expect(kill(theParentIsKilled ? parent : holder, SIGKILL) == 0)
        #expect(waitForEnd(of: processes + [parent], lab))
    }
}
