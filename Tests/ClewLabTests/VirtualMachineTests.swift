import ClewLab
import Foundation
import Testing

/// The virtual machine runs programs of this system on a kernel with IPVS.
@Suite(.serialized) struct VirtualMachineTests {
    /// A machine, and folders for it that are gone afterwards; nil where none is installed.
    private func withMachine(_ body: (VirtualMachine, _ results: String, _ scratch: String) throws -> Void) throws {
        let machine: VirtualMachine
        do {
            machine = try VirtualMachine()
        } catch {
            print("SKIP virtual machine: \(error)")
            return
        }
        let folder = NSTemporaryDirectory() + "clew-vm-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["scratch", "results"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        try body(machine, "\(folder)/results", "\(folder)/scratch")
    }

    @Test func runsAProgramOnAKernelWithIPVS() throws {
        let script = """
            uname -r; echo "it's written" > /run/results/file; touch /etc/lost
            ipvsadm -A -t 10.0.0.1:80 -s rr && ipvsadm -Sn; ip link add kube-ipvs0 type dummy && ip tunnel show tunl0
            exit 3
            """
        try withMachine { machine, results, scratch in
            let outcome = try machine.run(["sh", "-c", script], results: results, scratch: scratch)
            #expect(outcome.exitCode == 3)
            let lines = outcome.text.split(separator: "\n").map(String.init)
            #expect(lines.first == machine.release)
            #expect(lines.contains("-A -t 10.0.0.1:80 -s rr"))
            #expect(lines.contains { $0.hasPrefix("tunl0: any/ip remote any") })
            #expect(try String(contentsOfFile: "\(results)/file", encoding: .utf8) == "it's written\n")
            #expect(!FileManager.default.fileExists(atPath: "/etc/lost"))
            print("virtual machine: kernel \(machine.release), \(outcome.duration)")
        }
    }

    /// A slice of `make lab-vm`: kube-proxy in IPVS mode, healthy and as in document 000.
    @Test func ipvsDoesWhatClewSays() throws {
        let program = URL(fileURLWithPath: Self.testBundle).deletingLastPathComponent()
            .appendingPathComponent("clew-lab").path
        guard FileManager.default.isExecutableFile(atPath: program) else {
            print("SKIP IPVS in a virtual machine: \(program) is not built")
            return
        }
        try withMachine { machine, results, scratch in
            let words = [
                program, "test", "--rules", "legacy", "--network", "bridge-hostgw-ipvs", "--fault",
                "services-in-cluster-cidr", "--flows", "40", "--quiet",
            ]
            let outcome = try machine.run(words, results: results, scratch: scratch, timeout: .seconds(600))
            #expect(outcome.exitCode == 0, "\(outcome.text.prefix(4000))")
            #expect(outcome.text.contains("services-in-cluster-cidr"))
            print("virtual machine, \(outcome.duration):\n\(outcome.text)")
        }
    }

    private static let testBundle: String = {
        let words = CommandLine.arguments
        let index = words.firstIndex(of: "--test-bundle-path").map { $0 + 1 } ?? 0
        return index < words.count ? words[index] : words[0]
    }()
}
