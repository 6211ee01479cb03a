import ClewBundle
import ClewLab
import ClewTestSupport
import Foundation
import Testing

/// Rules that a real kube-proxy, or the lab, wrote: loaded into a copy of their node, where the kernel judges Clew.
@Suite(.serialized) struct RecordedRulesLabTests {
    private static let own = SharedData.packageRoot + "/Tests/Corpus/lab-rules"

    @Test(
        .enabled(if: SystemTests.canMakeNamespaces),
        arguments: ["bridge-hostgw-dual-legacy", "routed-nft"])
    func theKernelDoesWhatClewSaysOfTheLabsRules(name: String) throws {
        let bundle = SharedData.bundle(Self.own + "/" + name)
        var trial = RecordedTrial(try RecordedNode(bundle, node: "worker-a"))
        (trial.most, trial.tries) = (150, 2)
        let tallies = try trial.run()
        #expect(tallies.count == (name.contains("dual") ? 2 : 1))
        for tally in tallies { check(tally, name) }
    }

    /// Each real kube-proxy in iptables mode without a fault, of 1.23, 1.30 and 1.36, over both backends.
    @Test(.enabled(if: SystemTests.canMakeNamespaces)) func theKernelDoesWhatClewSaysOfKubeProxysRules() throws {
        var packets = 0
        for folder in SharedData.folders("kube-proxy", for: "rules of the real kube-proxy in the lab") {
            let name = String(folder.split(separator: "/").last ?? "")
            guard name.contains("--iptables"), !name.hasPrefix("x"), !name.hasPrefix("m-scale") else { continue }
            let bundle = SharedData.bundle(withObjects: folder)
            var trial = RecordedTrial(try RecordedNode(bundle, node: "worker-a"))
            (trial.most, trial.tries) = (40, 2)
            for tally in try trial.run() {
                check(tally, name)
                packets += tally.packets
            }
        }
        if SharedData.root != nil { #expect(packets > 1000) }
        print("recorded rules: \(packets) packets through rules of the real kube-proxy")
    }

    private func check(_ tally: RecordedTrial.Tally, _ name: String) {
        print("recorded rules: \(name): \(tally.text)")
        #expect(tally.differences == [], "\(name)")
        #expect(tally.packets > 10 && tally.events > tally.packets)
        #expect(tally.unknown.values.reduce(0, +) * 50 <= tally.packets, "\(name): \(tally.unknown)")
    }
}
