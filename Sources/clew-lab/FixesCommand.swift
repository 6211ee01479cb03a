import ArgumentParser
import ClewLab

/// `clew-lab fixes`: the kernel judges what `clew check` finds and how it is mended.
struct FixesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixes",
        abstract: "Breaks networks, lets clew check find why, and runs the commands of its fixes on the nodes.",
        discussion: """
            For every fault: the first finding must have the fault's code, and no other error or warning may be told; \
            its fix must be proven by simulation. Then the fault's connection is tried: it must fail before, work after \
            the commands, and fail again after their undo. Healthy networks must give no finding at all above notice. \
            Ends with 1 if any of it is not so.
            """)
    @Option(name: .customLong("network"), help: "Only this network; repeatable.") var networks: [String] = []
    @Option(name: .customLong("fault"), help: "Only this fault; repeatable.") var faults: [String] = []
    @Option(help: "Where rules are put: nft or legacy.") var rules: RuleBackend = .nft
    @Flag(help: "Each fault in every network that can have it, not only in the first.") var everywhere = false
    @Flag(help: "Print what was found and done for every fault, not only where something is wrong.") var verbose = false

    mutating func run() throws {
        let networks = networks.isEmpty ? NetworkCatalogue.all : try networks.map(NetworkOptions.network)
        let faults = faults.isEmpty ? FaultCatalogue.all : try faults.map(NetworkOptions.fault)
        let asksForHealth = self.faults.isEmpty
        try Isolation.enter()
        var reports: [FixReport] = []
        var isGood = true
        var seen: Set<String> = []
        for network in networks {
            if let obstacle = network.obstacle {
                print("SKIP \(network.name): \(obstacle)")
                continue
            }
            let rules = network.backend ?? rules
            if asksForHealth {
                let healthy = try FixTrial(network, rules, nil).run()
                if healthy.first != nil {
                    isGood = false
                    print("\(network.name) is healthy, and yet:\n" + healthy.notes.map { "  \($0)\n" }.joined())
                }
            }
            for fault in faults where fault.canExist(network) && (everywhere || seen.insert(fault.name).inserted) {
                let report = try FixTrial(network, rules, fault).run()
                reports.append(report)
                if !report.isGood { isGood = false }
                if verbose || !report.isGood || report.kernel != .agrees {
                    print("\(network.name), \(fault.name) (\(report.rows.joined(separator: ", ")))")
                    for note in report.notes { print("  \(note)") }
                }
            }
        }
        print(FixReport.table(reports), terminator: "")
        if !isGood { throw ExitCode(1) }
    }
}
