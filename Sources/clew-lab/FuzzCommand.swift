import ArgumentParser
import ClewLab
import ClewNet
import Foundation

/// `clew-lab fuzz`: random rules and packets, the kernel's word against Clew's.
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz", abstract: "Load random rule sets, send packets, and compare Clew with the kernel.")

    @Option(help: "The campaign's seed.") var seed: UInt64 = 1
    @Option(help: "How many rule sets.") var count = 100
    @Option(help: "Packets for each rule set.") var packets = 52
    @Option(help: "legacy or nft.") var backend = "legacy"
    @Option(help: "4 or 6.") var family = 4
    @Option(help: "One rule set by its own seed.") var only: UInt64?
    @Option(help: "Record what the kernel does with the cases of a file.") var update: String?
    @Option(help: "Write the files of the network into a folder.") var writeNetwork: String?
    @Option(help: "Add what was found to a file of cases.") var cases: String?

    func run() throws {
        guard let backend = FuzzBackend(rawValue: backend) else { throw ValidationError("no backend \(backend)") }
        try Isolation.begin()
        let lab = try FuzzLab(family == 6 ? .ipv6 : .ipv4)
        if let writeNetwork { return try lab.writeNetwork(to: writeNetwork) }
        if let update { return try record(update, lab) }
        var options = FuzzCampaign.Options(
            seed: seed, count: count, backend: backend, family: family == 6 ? .ipv6 : .ipv4)
        options.packets = packets
        var campaign = FuzzCampaign(options)
        let start = ContinuousClock().now
        if let only {
            try campaign.runOne(lab, only)
        } else {
            try campaign.run(lab)
        }
        let tally = campaign.tally
        var found: [String] = []
        var kinds = Set<UInt64>()
        for mismatch in tally.mismatches where kinds.insert(mismatch.seed).inserted && kinds.count <= 12 {
            var shrinker = FuzzShrinker(lab, backend)
            let small = try shrinker.shrink(mismatch)
            let text = small.asCase(backend).markdown
            print("\(small.text)\n\n\(text)")
            found.append(text)
        }
        if let cases, !found.isEmpty {
            let old = (try? String(contentsOfFile: cases, encoding: .utf8)) ?? "# Found by clew-lab fuzz\n"
            try ([old] + found).joined(separator: "\n").write(toFile: cases, atomically: true, encoding: .utf8)
        }
        for refusal in lab.refusals.prefix(5) { print("REFUSED \(refusal)") }
        print(
            "\(backend) ipv\(family), seed \(seed): \(only == nil ? count : 1) rule sets, loaded \(tally.ruleSets), refused \(tally.refused) (\(lab.refusals.count) lines), packets \(tally.packets), delivered \(tally.delivered), working \(tally.answered), events \(tally.events), agreed \(tally.agreed), unknown \(tally.unknown.values.reduce(0, +)), lots counted \(tally.lots), messages lost \(tally.repeated) and never had \(tally.lost), mismatches \(tally.mismatches.count), \(ContinuousClock().now - start)"
        )
        for (reason, number) in tally.unknown.sorted(by: { $0.value > $1.value }).prefix(12) {
            print("  \(number) unknown: \(reason)")
        }
        if !tally.mismatches.isEmpty { throw ExitCode(1) }
    }

    /// Rewrites the kernel's part of each case of this family.
    private func record(_ path: String, _ lab: FuzzLab) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let (introduction, cases) = try FuzzCase.read(text)
        let family: AddressFamily = family == 6 ? .ipv6 : .ipv4
        var sections: [String] = [introduction]
        for old in cases {
            sections.append(old.family == family ? try lab.record(old).markdown : old.markdown)
        }
        try sections.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
}

/// `clew-lab mutants`: breaks the simulator on purpose, and shows that the comparison notices.
struct MutantsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutants", abstract: "Break the simulator on purpose and show that fuzz notices (debug builds).")

    @Option(help: "The campaign's seed.") var seed: UInt64 = 1
    @Option(help: "Rule sets to try at most.") var count = 400
    @Option(help: "legacy or nft.") var backend = "legacy"
    @Option(help: "4 or 6.") var family = 4

    func run() throws {
        #if DEBUG
            guard let backend = FuzzBackend(rawValue: backend) else { throw ValidationError("no backend \(backend)") }
            try Isolation.begin()
            let family: AddressFamily = family == 6 ? .ipv6 : .ipv4
            var hunt = FuzzMutantHunt(.init(seed: seed, count: count, backend: backend, family: family))
            try hunt.run(try FuzzLab(family))
            for mutant in FuzzMutant.all {
                if let caught = hunt.caught[mutant.name] {
                    print("caught   \(mutant.name)\n           rule set \(caught.ruleSet), \(caught.difference)")
                } else {
                    print("ESCAPED  \(mutant.name)")
                }
            }
            print(
                "\(hunt.caught.count) of \(FuzzMutant.all.count) caught with \(hunt.packets) packets over \(hunt.ruleSets) rule sets"
            )
            if hunt.caught.count < FuzzMutant.all.count || !hunt.ownMistakes.isEmpty { throw ExitCode(1) }
        #else
            throw ValidationError("a release build has no mutants: build with -c debug")
        #endif
    }
}
