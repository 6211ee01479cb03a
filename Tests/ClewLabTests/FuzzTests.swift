import ClewLab
import ClewNet
import Testing

/// A slice of `make lab-fuzz`: random rules and packets, the kernel's word against Clew's.
@Suite(.serialized) struct FuzzTests {
    private static let combinations: [(FuzzBackend, AddressFamily)] = [
        (.legacy, .ipv4), (.legacy, .ipv6), (.nft, .ipv4), (.nft, .ipv6),
    ]

    @Test(.enabled(if: SystemTests.canMakeNamespaces), arguments: combinations)
    func clewAgreesWithTheKernel(backend: FuzzBackend, family: AddressFamily) throws {
        let lab = try FuzzLab(family)
        var campaign = FuzzCampaign(.init(seed: 1, count: 8, backend: backend, family: family))
        try campaign.run(lab)
        let tally = campaign.tally
        let found = tally.mismatches.map { $0.asCase(backend).markdown }
        print(
            "fuzz: \(backend) \(family), seed 1: \(tally.packets) packets over \(tally.ruleSets) rule sets,",
            "\(tally.events) matched rules compared, \(tally.agreed) agree,",
            "\(tally.unknown.values.reduce(0, +)) unknown, \(tally.mismatches.count) mismatches, \(tally.lost) lost")
        #expect(tally.mismatches.isEmpty, "\(found.joined(separator: "\n"))")
        #expect(tally.packets > 400)
        #expect(tally.agreed * 100 > tally.packets * 78)
        #expect(tally.refused < 2)
    }

    #if DEBUG
        /// A simulator that is wrong in one of many ways is found out; all of them take `clew-lab mutants`.
        @Test(.enabled(if: SystemTests.canMakeNamespaces)) func aBrokenSimulatorIsNoticed() throws {
            var options = FuzzCampaign.Options(seed: 6, count: 18, backend: .legacy, family: .ipv4)
            options.packets = 40
            var hunt = FuzzMutantHunt(options)
            try hunt.run(try FuzzLab(.ipv4))
            print("fuzz: \(hunt.caught.count) of \(FuzzMutant.all.count) mutants caught: \(hunt.caught.keys.sorted())")
            #expect(hunt.ownMistakes.isEmpty)
            #expect(hunt.caught.count >= 15)
        }
    #endif

    @Test func theSameSeedMakesTheSameRules() {
        func text(_ seed: UInt64) -> String {
            var generator = RuleSetGenerator(seed: seed, family: .ipv4, backend: .legacy)
            return generator.rules().restoreText()
        }
        #expect(text(7) == text(7))
        #expect(text(7) != text(8))
    }
}
