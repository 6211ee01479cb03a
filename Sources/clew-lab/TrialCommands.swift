import ArgumentParser
import ClewLab
import Glibc
import Synchronization

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Builds a network, probes it, takes a bundle, compares, and ends it: one report.")
    @OptionGroup var options: NetworkOptions

    mutating func run() throws {
        let (network, faults) = try options.chosen()
        guard faults.count <= 1 else { throw ValidationError("run takes one fault; up takes several") }
        try Isolation.begin()
        let rules = network.backend ?? options.rules
        var sound = LabTrial(network, rules, nil)
        sound.others = faults
        let (_, healthy) = try sound.run(print: { _ in })
        let fault = faults.first
        if let fault { print("\(fault.name) (\(fault.rows.joined(separator: ", "))): \(fault.symptom)\n") }
        let (report, _) = try LabTrial(network, rules, fault).run(comparedWith: healthy) { print($0) }
        print(LabTally([report]).text, terminator: "")
        if !report.isGood { throw ExitCode(1) }
    }
}

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Every network with every fault it can have: each flow, the kernel against Clew.",
        discussion: """
            Ends with 1 if a flow disagrees (twice: what disagrees is tried once more by itself), if a fault changes \
            nothing or Clew does not name it, or if more than 2 % of all answers are unknown.
            """)
    @Option(name: .customLong("network"), help: "Only this network; repeatable.") var networks: [String] = []
    @Option(name: .customLong("fault"), help: "Only this fault, and none; repeatable.") var faults: [String] = []
    @Option(help: "Where rules are put: nft or legacy; without it, nft, and legacy for the networks without a fault.")
    var rules: RuleBackend?
    @Option(help: "Only this many flows with a fault, drawn by lot, the same ones each time; at least 6.")
    var flows: Int?
    @Option(help: "How many labs run at once.") var jobs = 1
    @Option(help: "A folder to keep each network's bundle in, and what was seen beside it.") var record: String?
    @Flag(help: "Print only the table and what is wrong.") var quiet = false
    @Flag(help: .hidden) var report = false
    @Flag(help: .hidden) var faultsOnly = false

    mutating func run() throws {
        let networks =
            networks.isEmpty ? NetworkCatalogue.all : try networks.map(NetworkOptions.network)
        let faults = faults.isEmpty ? FaultCatalogue.all : try faults.map(NetworkOptions.fault)
        try Isolation.begin()
        var parts: [TestPart] = []
        for network in networks {
            if let obstacle = network.obstacle {
                print("SKIP \(network.name): \(obstacle)")
                continue
            }
            parts += TestPart.parts(of: network, faults.filter { $0.canExist(network) }, areShared: jobs > 1)
        }
        let reports = jobs > 1 ? try runInProcesses(parts) : try parts.flatMap { try self.reports(of: $0) }
        if report {
            for report in reports { print(Self.mark + report.line) }
            return
        }
        let tally = LabTally(reports)
        print(tally.text, terminator: "")
        if !tally.isGood { throw ExitCode(1) }
    }

    // MARK: - In this process

    private func reports(of part: TestPart) throws -> [LabReport] {
        var reports: [LabReport] = []
        let rules = part.network.backend ?? rules
        if rules == nil, part.isFirst, !faultsOnly { reports.append(try trial(part, .legacy, nil, nil).0) }
        let (healthy, outcomes) = try trial(part, rules ?? .nft, nil, nil)
        if part.isFirst, !faultsOnly { reports.append(healthy) }
        for fault in part.faults { reports.append(try trial(part, rules ?? .nft, fault, outcomes).0) }
        return reports
    }

    private func trial(
        _ part: TestPart, _ rules: RuleBackend, _ fault: Fault?, _ healthy: LabTrial.Outcomes?
    ) throws -> (LabReport, LabTrial.Outcomes) {
        let quiet = quiet
        let title = "\(part.network.name), \(rules.rawValue), \(fault?.name ?? "no fault")"
        var trial = LabTrial(part.network, rules, fault)
        trial.record = record
        if fault == nil { trial.others = part.faults }
        let result = try trial.run(flows: fault == nil ? nil : flows, comparedWith: healthy) { text in
            if !quiet || !text.hasPrefix("UNKNOWN") { print("\(title)\n\(text)") }
        }
        if !quiet {
            let report = result.0
            print("\(title): \(report.agree) agree, \(report.unknown) unknown, \(report.disagree) disagree")
        }
        return result
    }

    // MARK: - In others

    /// Each part in a process of its own, `jobs` at once; what it printed comes when it has ended.
    private func runInProcesses(_ parts: [TestPart]) throws -> [LabReport] {
        let quiet = quiet
        let done = Mutex(0)
        let count = parts.count
        let results = try Threads.map(parts.map(words), width: jobs) { words throws(SystemError) in
            let result = try Command(words, timeout: .seconds(3600)).run()
            let lines = result.outputText.split(separator: "\n" as Character, omittingEmptySubsequences: false)
            done.withLock { number in
                number += 1
                let text = lines.filter { !$0.hasPrefix(Self.mark) }.joined(separator: "\n")
                print(text + result.errorText, terminator: "")
                if !quiet { print("(\(number) of \(count) parts done)") }
                fflush(nil)
            }
            try result.output()
            return lines.filter { $0.hasPrefix(Self.mark) }.compactMap {
                LabReport(line: $0.dropFirst(Self.mark.count))
            }
        }
        return results.flatMap { $0 }
    }

    /// What begins a line that is for the parent.
    private static let mark = "REPORT\t"

    private func words(for part: TestPart) -> [String] {
        var words = ["/proc/self/exe", "test", "--network", part.network.name, "--report"]
        words += part.faults.flatMap { ["--fault", $0.name] }
        if !part.isFirst { words.append("--faults-only") }
        if let rules { words += ["--rules", rules.rawValue] }
        if let flows { words += ["--flows", "\(flows)"] }
        if let record { words += ["--record", record] }
        if quiet { words.append("--quiet") }
        return words
    }
}

/// Some of a network's faults, to be tried one after the other; the first part has the network without a fault too.
private struct TestPart: Sendable {
    var network: any LabNetwork
    var faults: [Fault]
    var isFirst: Bool

    /// A part begins with the network without a fault, to compare with; so that there are not too many.
    private static let size = 14

    static func parts(of network: any LabNetwork, _ faults: [Fault], areShared: Bool) -> [TestPart] {
        guard areShared, faults.count > size else { return [TestPart(network: network, faults: faults, isFirst: true)] }
        return stride(from: 0, to: faults.count, by: size).map { start in
            TestPart(
                network: network, faults: Array(faults[start..<min(start + size, faults.count)]), isFirst: start == 0)
        }
    }
}
