import ClewLab
import ClewNet
import Glibc
import Testing

/// A slice of `clew-lab test`: real networks, real packets, and Clew's answers on the bundle of the same lab.
@Suite(.serialized, .enabled(if: SystemTests.canMakeNamespaces)) struct LabTests {
    /// Few enough for a minute, spread over all kinds of flows.
    private static let flows = 24

    private static let hasOwnLock: Bool = (try? Isolation.useNamelessLockFile()) != nil

    init() { #expect(Self.hasOwnLock) }

    private func agrees(_ network: any LabNetwork, _ backend: RuleBackend, _ fault: Fault?) throws {
        var wrong: [String] = []
        let (report, _) = try LabTrial(network, backend, fault).run(flows: Self.flows) { text in
            if !text.hasPrefix("UNKNOWN") { wrong.append(String(text.prefix(1500))) }
        }
        #expect(wrong == [])
        #expect(report.flows >= Self.flows)
        #expect(report.unknown <= Self.flows / 4)
    }

    @Test(arguments: NetworkCatalogue.all.map(\.name))
    func everyNetworkDoesWhatClewSays(name: String) throws {
        let network = try #require(NetworkCatalogue.network(named: name))
        if let obstacle = network.obstacle {
            print("SKIP network \(name): \(obstacle)")
            return
        }
        try agrees(network, network.backend ?? (network.isBridged ? .nft : .legacy), nil)
    }

    @Test(arguments: FaultCatalogue.all.prefix(5).map(\.name))
    func clewNamesFaults(name: String) throws {
        let fault = try #require(FaultCatalogue.fault(named: name))
        let network = try #require(NetworkCatalogue.network(named: "bridge-vxlan"))
        try agrees(network, .nft, fault)
    }

    /// Document 002, seen by packets: the answer goes past conntrack, and the client resets it.
    @Test func theAnswerOfASameNodePodComesFromAStrangeAddress() throws {
        let network = try #require(NetworkCatalogue.network(named: "bridge-hostgw"))
        let fault = try #require(FaultCatalogue.fault(named: "bridge-nf-off"))
        let lab = try Lab(network, faults: [fault])
        let experiment = try Experiment(lab)
        let flow = try #require(try experiment.flows(from: "pod/shop/web-0", to: "svc/shop/api-a").first)
        let comparison = try #require(try experiment.compare([flow]).first)
        #expect(comparison.agreement == .agree)
        let result = try #require(comparison.tries.first)
        #expect(result.outcome == .timedOut)
        let atClient = result.sightings.filter { $0.place == "pod/shop/web-0" }
        #expect(atClient.map(\.kind) == [.syn, .synAck, .reset])
        #expect(atClient.first?.destination.description == "10.96.0.21:80")
        #expect(atClient.dropFirst().first?.source.description == "10.244.1.6:8080")
    }

    @Test func everyFaultIsDescribedAndNamedOnce() {
        let names = FaultCatalogue.all.map(\.name)
        #expect(Set(names).count == names.count)
        for fault in FaultCatalogue.all {
            #expect(!fault.rows.isEmpty && !fault.mustSay.isEmpty && !fault.symptom.isEmpty, "\(fault.name)")
            #expect((NetworkCatalogue.all + NetworkCatalogue.virtual).contains { fault.canExist($0) }, "\(fault.name)")
        }
    }
}
