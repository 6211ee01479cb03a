import ArgumentParser
import ClewLab
import Glibc
import Synchronization

/// `clew-lab fixes`: the kernel judges what `clew check` finds and how it is mended.
struct FixesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixes",
        abstract: "Breaks networks, lets clew check find why, and runs the scripts of its fixes on the nodes.",
        discussion: """
            Without arguments: every network without a fault, with both kinds of rules, where nothing may be found \
            above notice; every fault in the first network that can have it; and pairs of faults, of which both have \
            to be found, each once.

            For a fault the first finding must have one of its codes, and no other error or warning may be told; its \
            fix must be proven by simulation. Then the fault's connection is tried: it must fail before, work after \
            the script that 'clew fix' prints, still when that is run twice, and fail again after its undo. \
            Ends with 1 if any of it is not so.
            """)
    @Option(name: .customLong("network"), help: "Only this network; repeatable.") var networks: [String] = []
    @Option(name: .customLong("fault"), help: "Only this fault; repeatable.") var faults: [String] = []
    @Option(
        name: .customLong("pair"), help: "Only this pair of faults, as in 'veth-detached+stale-endpoint'; repeatable.")
    var pairs: [String] = []
    @Option(help: "Where rules are put with a fault: nft or legacy.") var rules: RuleBackend = .nft
    @Flag(help: "Each fault in every network that can have it, not only in the first.") var everywhere = false
    @Flag(help: "Only networks without a fault.") var healthy = false
    @Flag(name: .customLong("pairs"), help: "Only pairs of faults.") var onlyPairs = false
    @Option(help: "How many labs run at once.") var jobs = 2
    @Flag(help: "Print what was found and done for every lab, not only where something is wrong.") var verbose = false
    @Option(help: .hidden) var task: [String] = []

    mutating func run() throws {
        try Isolation.begin()
        guard task.isEmpty else {
            for text in task { print(Self.mark + (try FixTask(text).run().line)) }
            return
        }
        let tasks = try chosen()
        let reports = jobs > 1 && tasks.count > 1 ? try runInProcesses(tasks) : try tasks.map { try tell($0.run()) }
        let tally = FixTally(reports)
        print(tally.text, terminator: "")
        if !tally.isGood { throw ExitCode(1) }
    }

    // MARK: - What is to be done

    private func chosen() throws -> [FixTask] {
        let networks = networks.isEmpty ? NetworkCatalogue.all : try networks.map(NetworkOptions.network)
        let here = networks.filter { network in
            if let obstacle = network.obstacle { print("SKIP \(network.name): \(obstacle)") }
            return network.obstacle == nil
        }
        let isAll = faults.isEmpty && pairs.isEmpty && !healthy && !onlyPairs
        var tasks: [FixTask] = []
        if isAll || healthy {
            for network in here {
                let kinds = network.backend.map { [$0] } ?? RuleBackend.allCases
                tasks += kinds.map { FixTask(network: network, rules: $0, faults: []) }
            }
        }
        if isAll || !faults.isEmpty {
            let faults = faults.isEmpty ? FaultCatalogue.all : try faults.map(NetworkOptions.fault)
            var seen: Set<String> = []
            for network in here {
                for fault in faults where fault.canExist(network) && (everywhere || seen.insert(fault.name).inserted) {
                    tasks.append(FixTask(network: network, rules: network.backend ?? rules, faults: [fault]))
                }
            }
        }
        for pair in FaultCatalogue.pairs where isAll || onlyPairs || pairs.contains(pair.name) {
            guard let network = here.first(where: { $0.name == pair.network }) else { continue }
            tasks.append(FixTask(network: network, rules: network.backend ?? rules, faults: pair.faults))
        }
        if let unknown = pairs.first(where: { name in !FaultCatalogue.pairs.contains { $0.name == name } }) {
            let known = FaultCatalogue.pairs.map(\.name).joined(separator: ", ")
            throw ValidationError("no pair '\(unknown)'; there are \(known)")
        }
        return tasks
    }

    @discardableResult
    private func tell(_ report: FixReport) -> FixReport {
        if verbose || !report.isGood {
            print("\(report.network), \(report.backend.rawValue), \(report.name)")
            for complaint in report.complaints { print("  WRONG \(complaint)") }
            for note in report.notes { print("  \(note)") }
            fflush(nil)
        }
        return report
    }

    // MARK: - In other processes

    /// What begins a line that is for the parent.
    private static let mark = "REPORT\t"
    /// How many labs one process builds.
    private static let size = 4

    private func runInProcesses(_ tasks: [FixTask]) throws -> [FixReport] {
        let parts = stride(from: 0, to: tasks.count, by: Self.size).map { start in
            tasks[start..<min(start + Self.size, tasks.count)].map(\.text)
        }
        let command = self
        let output = Mutex(0)
        let results = try Threads.map(parts, width: jobs) { part throws(SystemError) in
            let words = ["/proc/self/exe", "fixes"] + part.flatMap { ["--task", $0] }
            let result = try Command(words, timeout: .seconds(1200)).run()
            let lines = result.outputText.split(separator: "\n" as Character)
            let reports = lines.filter { $0.hasPrefix(Self.mark) }.compactMap {
                FixReport(line: $0.dropFirst(Self.mark.count))
            }
            output.withLock { _ in for report in reports { command.tell(report) } }
            guard reports.count == part.count else {
                throw .unusable("\(part.joined(separator: " ")): \(result.status): \(result.errorText)")
            }
            return reports
        }
        return results.flatMap { $0 }
    }
}

/// One lab to be built and judged.
private struct FixTask: Sendable {
    var network: any LabNetwork
    var rules: RuleBackend
    var faults: [Fault]

    init(network: any LabNetwork, rules: RuleBackend, faults: [Fault]) {
        self.network = network
        self.rules = rules
        self.faults = faults
    }

    /// `bridge-hostgw/nft/hairpin-off+stale-reject`.
    var text: String { "\(network.name)/\(rules.rawValue)/\(faults.map(\.name).joined(separator: "+"))" }

    init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let rules = RuleBackend(rawValue: parts[1]) else {
            throw ValidationError("'\(text)' is no lab")
        }
        network = try NetworkOptions.network(parts[0])
        self.rules = rules
        faults = try parts[2].split(separator: "+").map { try NetworkOptions.fault(String($0)) }
    }

    func run() throws -> FixReport { try FixTrial(network, rules, faults).run() }
}
