import ClewLab
import ClewTestSupport
import Foundation
import Testing

/// Faults by which the kernel taught the simulator something, in the networks where it did.
@Suite(.serialized, .enabled(if: SystemTests.canMakeNamespaces)) struct FaultTests {
    private static let hasOwnLock: Bool = (try? Isolation.useNamelessLockFile()) != nil

    init() { #expect(Self.hasOwnLock) }

    /// What is written of the faults is what the code says: `clew-lab list --markdown` prints it.
    @Test func theDocumentedFaultsAreThoseOfTheCode() throws {
        let path = SharedData.packageRoot + "/docs/lab.md"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let marks = ("<!-- faults -->\n\n", "\n<!-- end of faults -->")
        let start = try #require(text.firstRange(of: marks.0)).upperBound
        let end = try #require(text.firstRange(of: marks.1)).lowerBound
        if ProcessInfo.processInfo.environment["CLEW_UPDATE"] != nil {
            let new = text[..<start] + FaultCatalogue.markdown + text[end...]
            try new.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            #expect(text[start..<end] == FaultCatalogue.markdown[...], "CLEW_UPDATE=1 writes it")
        }
    }

    @Test(arguments: [
        // A bridge without the pod behind it answers for nobody, though its network holds the pod's address.
        ("bridge-hostgw", "shadowing-bridge"),
        // So does a bridge that a known pod is no longer plugged into.
        ("bridge-vxlan", "veth-detached"),
        // A node's device that is down takes nothing from the wire.
        ("bridge-hostgw", "uplink-down"),
        // A frame that DNAT sends to another pod of its bridge is lost without ip_forward.
        ("bridge-vxlan", "ip-forward-off"),
        // Proxy ARP asks the policy rules with the address of who asks.
        ("routed", "policy-rule-diverts"),
    ])
    func clewSaysWhatTheKernelDoes(network: String, fault: String) throws {
        let network = try #require(NetworkCatalogue.network(named: network))
        let fault = try #require(FaultCatalogue.fault(named: fault))
        var wrong: [String] = []
        let (report, _) = try LabTrial(network, .nft, fault).run(flows: 30) { wrong.append(String($0.prefix(1500))) }
        #expect(wrong == [])
        #expect(report.unsaid == [])
        #expect(report.disagree == 0)
    }
}
