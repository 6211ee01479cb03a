import ClewLab
import Testing

/// A slice of `clew-lab fixes`: what `clew check` finds in real networks, and what the kernel says of its fixes.
@Suite(.serialized, .enabled(if: SystemTests.canMakeNamespaces)) struct FixTests {
    private static let hasOwnLock: Bool = (try? Isolation.useNamelessLockFile()) != nil

    init() { #expect(Self.hasOwnLock) }

    private func report(_ name: String, _ rules: RuleBackend, _ faults: [String]) throws -> FixReport {
        let network = try #require(NetworkCatalogue.network(named: name))
        let found = faults.compactMap(FaultCatalogue.fault)
        try #require(found.count == faults.count)
        return try FixTrial(network, rules, found).run()
    }

    @Test(arguments: [("bridge-vxlan", RuleBackend.legacy), ("routed", .nft)])
    func nothingIsFoundInHealthyNetworks(network: String, rules: RuleBackend) throws {
        let report = try report(network, rules, [])
        #expect(report.first == nil)
        #expect(report.complaints == [], "\(report.notes)")
    }

    @Test(arguments: [
        // A sysctl of a device with a dot in its name, kube-proxy's rules by hand, entries of a tunnel.
        ("bridge-vxlan", "interface-forward-off"), ("bridge-hostgw", "service-chain-empty"),
        ("bridge-vxlan", "vtep-fdb-wrong"),
    ])
    func theKernelAgreesWithTheFix(network: String, fault: String) throws {
        let report = try report(network, .nft, [fault])
        #expect(report.isNamed && report.proof == "proven")
        #expect(report.kernel == .agrees, "\(report.notes)")
        #expect(report.complaints == [], "\(report.notes)")
    }

    @Test func bothOfTwoFaultsAreFoundOnce() throws {
        let report = try report("bridge-hostgw", .nft, ["no-return-route", "base-jump-missing"])
        #expect(report.complaints == [], "\(report.notes)")
    }

    @Test func aReportIsReadBackByTheParent() throws {
        let fault = try #require(FaultCatalogue.fault(named: "hairpin-off"))
        var report = FixReport(network: "bridge-hostgw", backend: .legacy, faults: [fault])
        report.first = "BR005"
        report.notes = ["one\ttwo\nthree"]
        let copy = try #require(FixReport(line: report.line[...]))
        #expect(!report.line.contains("\n"))
        #expect(copy.first == "BR005" && copy.isNamed && copy.notes == report.notes && copy.backend == .legacy)
        #expect(FixReport(line: "no report") == nil)
    }

    @Test func pairsAreOfDifferentKinds() {
        #expect(FaultCatalogue.pairs.count >= 12)
        for pair in FaultCatalogue.pairs {
            #expect(pair.faults.count == 2 && pair.faults[0].name != pair.faults[1].name)
            let network = NetworkCatalogue.network(named: pair.network)
            #expect(network.map { network in pair.faults.allSatisfy { $0.canExist(network) } } == true, "\(pair.name)")
        }
    }
}
