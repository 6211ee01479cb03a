import ArgumentParser
import ClewLab
import Foundation

struct VirtualMachineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vm",
        abstract: "The networks that need kernel modules (IPVS, IP in IP), tested in a virtual machine.",
        discussion: """
            The machine is user-mode Linux as Debian packages it; it boots this system's own files within seconds, \
            runs 'clew-lab test' in it, and keeps nothing but what --record asks for. It needs neither root nor \
            hardware support. Where it is not installed, it is installed, as root on Debian; else all is skipped.
            """)
    @Option(name: .customLong("network"), help: "Only this network; repeatable.") var networks: [String] = []
    @Option(name: .customLong("fault"), help: "Only this fault, and none; repeatable.") var faults: [String] = []
    @Option(help: "At most about this many flows each.") var flows: Int?
    @Option(help: "A folder to keep each network's bundle in, and what was seen beside it.") var record: String?
    @Flag(help: "Print only the table and what is wrong.") var quiet = false
    @Flag(help: "Run 'clew-lab fixes' in it, instead of 'clew-lab test'.") var fixes = false
    @Option(help: "Seconds after which the machine is ended.") var timeout = 1800

    mutating func run() throws {
        let networks = networks.isEmpty ? NetworkCatalogue.virtual : try networks.map(NetworkOptions.network)
        let faults = faults.isEmpty ? FaultCatalogue.virtualFaults : try faults.map(NetworkOptions.fault)
        let machine: VirtualMachine
        do {
            machine = try VirtualMachine.installed()
        } catch {
            print("SKIP: no virtual machine, so that IPVS and IP in IP are not tested: \(error)")
            return
        }
        // Root's namespaces end the machine with this process, whatever ends that.
        if geteuid() == 0 { try Isolation.begin() }
        let scratch = try TemporaryFolder("machine")
        let results = try record.map(Self.folder) ?? scratch.path
        let words = [try Self.program()] + (fixes ? fixArguments(networks, faults) : arguments(networks, faults))
        let outcome = try machine.run(
            words, results: results, scratch: scratch.path, timeout: .seconds(timeout))
        print(outcome.text)
        print("virtual machine: Linux \(machine.release), \(Int(outcome.duration.seconds.rounded())) s")
        guard let code = outcome.exitCode else { throw ValidationError("the machine ended before the test did") }
        if code != 0 { throw ExitCode(code) }
    }

    private func arguments(_ networks: [any LabNetwork], _ faults: [Fault]) -> [String] {
        var words = ["test", "--rules", "legacy"]
        words += networks.flatMap { ["--network", $0.name] } + faults.flatMap { ["--fault", $0.name] }
        if let flows { words += ["--flows", "\(flows)"] }
        if record != nil { words += ["--record", "/run/results"] }
        if quiet { words.append("--quiet") }
        return words
    }

    /// Every fault in every network, one lab after the other: the machine has one processor.
    private func fixArguments(_ networks: [any LabNetwork], _ faults: [Fault]) -> [String] {
        ["fixes", "--rules", "legacy", "--jobs", "1", "--everywhere"] + (quiet ? [] : ["--verbose"])
            + networks.flatMap { ["--network", $0.name] } + faults.flatMap { ["--fault", $0.name] }
    }

    private static func program() throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    private static func folder(_ path: String) throws -> String {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
