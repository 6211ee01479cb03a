import ArgumentParser
import ClewLab
import ClewNet
import Glibc

/// `clew-lab fuzz`: random rules and packets, the kernel's word against Clew's.
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz", abstract: "Load random rule sets, send packets, and compare Clew with the kernel.")

    @Option(help: "The campaign's seed.") var seed: UInt64 = 1
    @Option(help: "How many rule sets.") var count = 100
    @Option(help: "Packets for each rule set.") var packets = 60
    @Option(help: "legacy or nft.") var backend = "legacy"
    @Option(help: "4 or 6.") var family = 4
    @Option(help: "One rule set by its own seed.") var only: UInt64?

    func run() throws {
        guard let backend = FuzzBackend(rawValue: backend) else { throw ValidationError("no backend \(backend)") }
        try Isolation.enter()
        let lab = try FuzzLab(family == 6 ? .ipv6 : .ipv4)
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
        var kinds = Set<UInt64>()
        for mismatch in tally.mismatches where kinds.insert(mismatch.seed).inserted && kinds.count <= 12 {
            var shrinker = FuzzShrinker(lab, backend)
            let small = try shrinker.shrink(mismatch)
            print("MISMATCH seed \(small.seed)\n\(small.probe)\n  \(small.text)")
            print(
                "\(small.rules.settings == FuzzSettings() ? "" : "\(small.rules.settings)\n")\(small.rules.setText)\(small.rules.restoreText(emptyTables: false).split(separator: "\n").filter { !$0.hasSuffix("ACCEPT [0:0]") && $0 != "COMMIT" }.joined(separator: "\n"))"
            )
            print(small.kernel.there.events.map { "    \($0)\n" }.joined(), small.kernel.there.end)
            if let back = small.kernel.back { print(back.events.map { "    < \($0)\n" }.joined(), back.end) }
        }
        for refusal in lab.refusals.prefix(5) { print("REFUSED \(refusal)") }
        print(
            "rule sets \(tally.ruleSets), refused \(tally.refused) (\(lab.refusals.count) lines), packets \(tally.packets), delivered \(tally.delivered), working \(tally.answered), events \(tally.events), agreed \(tally.agreed), unknown \(tally.unknown.values.reduce(0, +)), mismatches \(tally.mismatches.count), \(ContinuousClock().now - start)"
        )
        for (reason, number) in tally.unknown.sorted(by: { $0.value > $1.value }).prefix(12) {
            print("  \(number) unknown: \(reason)")
        }
        if !tally.mismatches.isEmpty { throw ExitCode(1) }
    }
}
