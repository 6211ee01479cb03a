import ArgumentParser
import ClewLab

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Builds a network, probes it, takes a bundle, compares, and ends it: one report.")
    @OptionGroup var options: NetworkOptions

    mutating func run() throws {
        let (network, faults) = try options.chosen()
        guard faults.count <= 1 else { throw ValidationError("run takes one fault; up takes several") }
        try Isolation.enter()
        let (_, healthy) = try LabTrial(network, network.backend ?? options.rules, nil).run(print: { _ in })
        let fault = faults.first
        if let fault { print("\(fault.name) (\(fault.rows.joined(separator: ", "))): \(fault.symptom)\n") }
        let (report, _) = try LabTrial(network, network.backend ?? options.rules, fault).run(comparedWith: healthy) {
            print($0)
        }
        print(LabReport.table([report]), terminator: "")
        if !report.isGood { throw ExitCode(1) }
    }
}

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Every network with every fault it can have: each flow, the kernel against Clew.",
        discussion: "Ends with 1 if a flow disagrees, or Clew does not name a fault. Unknown answers are counted.")
    @Option(name: .customLong("network"), help: "Only this network; repeatable.") var networks: [String] = []
    @Option(name: .customLong("fault"), help: "Only this fault, and none; repeatable.") var faults: [String] = []
    @Option(help: "Where rules are put: nft or legacy; without it, nft, and legacy for the networks without a fault.")
    var rules: RuleBackend?
    @Option(help: "At most about this many flows each.") var flows: Int?
    @Option(help: "A folder to keep each network's bundle in, and what was seen beside it.") var record: String?
    @Flag(help: "Print only the table and what is wrong.") var quiet = false

    mutating func run() throws {
        let networks =
            networks.isEmpty ? NetworkCatalogue.all : try networks.map(NetworkOptions.network)
        let faults = faults.isEmpty ? FaultCatalogue.all : try faults.map(NetworkOptions.fault)
        try Isolation.enter()
        var reports: [LabReport] = []
        for network in networks {
            if let obstacle = network.obstacle {
                print("SKIP \(network.name): \(obstacle)")
                continue
            }
            let rules = network.backend ?? rules
            if rules == nil { reports.append(try trial(network, .legacy, nil, nil).0) }
            let (healthy, outcomes) = try trial(network, rules ?? .nft, nil, nil)
            reports.append(healthy)
            for fault in faults where fault.canExist(network) {
                reports.append(try trial(network, rules ?? .nft, fault, outcomes).0)
            }
        }
        print(LabReport.table(reports), terminator: "")
        if reports.contains(where: { !$0.isGood }) { throw ExitCode(1) }
    }

    private func trial(
        _ network: any LabNetwork, _ rules: RuleBackend, _ fault: Fault?, _ healthy: LabTrial.Outcomes?
    ) throws -> (LabReport, LabTrial.Outcomes) {
        let quiet = quiet
        let title = "\(network.name), \(rules.rawValue), \(fault?.name ?? "no fault")"
        var trial = LabTrial(network, rules, fault)
        trial.record = record
        let result = try trial.run(flows: flows, comparedWith: healthy) { text in
            if !quiet || !text.hasPrefix("UNKNOWN") { print("\(title)\n\(text)") }
        }
        if !quiet {
            let report = result.0
            print("\(title): \(report.agree) agree, \(report.unknown) unknown, \(report.disagree) disagree")
        }
        return result
    }
}
