import ClewLab
import Foundation
import Testing

/// The virtual machine runs programs of this system on a kernel with IPVS.
@Suite struct VirtualMachineTests {
    @Test func runsAProgramOnAKernelWithIPVS() throws {
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
        let script = """
            uname -r; echo "it's written" > /run/results/file; touch /etc/lost
            ipvsadm -A -t 10.0.0.1:80 -s rr && ipvsadm -Sn; ip link add kube-ipvs0 type dummy && ip tunnel show tunl0
            exit 3
            """
        let outcome = try machine.run(["sh", "-c", script], results: "\(folder)/results", scratch: "\(folder)/scratch")
        #expect(outcome.exitCode == 3)
        let lines = outcome.text.split(separator: "\n").map(String.init)
        #expect(lines.first == machine.release)
        #expect(lines.contains("-A -t 10.0.0.1:80 -s rr"))
        #expect(lines.contains { $0.hasPrefix("tunl0: any/ip remote any") })
        #expect(try String(contentsOfFile: "\(folder)/results/file", encoding: .utf8) == "it's written\n")
        #expect(!FileManager.default.fileExists(atPath: "/etc/lost"))
        print("virtual machine: kernel \(machine.release), \(outcome.duration)")
    }
}
