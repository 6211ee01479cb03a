import ClewLab
import ClewNet
import Testing

/// A slice of `make lab-fuzz`: random rules and packets, the kernel's word against Clew's.
@Suite(.serialized) struct FuzzTests {
    @Test(
        .enabled(if: SystemTests.canMakeNamespaces),
        arguments: [(FuzzBackend.legacy, AddressFamily.ipv4, UInt64(1))])
    func clewAgreesWithTheKernel(backend: FuzzBackend, family: AddressFamily, seed: UInt64) throws {
        let lab = try FuzzLab(family)
        var campaign = FuzzCampaign(.init(seed: seed, count: 20, backend: backend, family: family))
        try campaign.run(lab)
        let tally = campaign.tally
        print("fuzz \(backend) \(family) seed \(seed): \(tally)")
        #expect(tally.mismatches.isEmpty)
        #expect(tally.packets > 800)
        #expect(tally.agreed * 100 > tally.packets * 95)
        #expect(tally.refused < 2)
    }

    @Test func theSameSeedMakesTheSameRules() {
        func text(_ seed: UInt64) -> String {
            var generator = RuleSetGenerator(seed: seed, family: .ipv4, backend: .legacy)
            return generator.rules().restoreText()
        }
        #expect(text(7) == text(7))
        #expect(text(7) != text(8))
    }
}
