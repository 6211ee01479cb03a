import ArgumentParser
import ClewLab
import Glibc

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists networks, faults and the labs that run.")
    @Flag(help: "Print the faults as the table that docs/lab.md holds.") var markdown = false

    mutating func run() throws {
        if markdown { return print(FaultCatalogue.markdown, terminator: "") }
        print("networks:")
        for network in NetworkCatalogue.all { print("  \(padded(network.name, 20))\(network.summary)") }
        print("networks for a virtual machine (clew-lab vm):")
        for network in NetworkCatalogue.virtual { print("  \(padded(network.name, 20))\(network.summary)") }
        print("faults:")
        for fault in FaultCatalogue.all {
            print("  \(padded(fault.name, 28))\(fault.symptom) (\(fault.rows.joined(separator: ", ")))")
        }
        let running = LabSocket.running()
        print(running.isEmpty ? "no lab runs" : "running: \(running.joined(separator: ", "))")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}

struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Builds a network and leaves it running in the background.")
    @OptionGroup var options: NetworkOptions
    @OptionGroup var lab: NameOptions

    mutating func run() throws {
        let (network, faults) = try options.chosen()
        var plan = ClusterPlan(families: network.families)
        plan.backend = options.rules
        // What is found in a lab is to be what a fault has made.
        plan.services = ServicePlan.healthy
        print(try LabHolder.start(lab.name, network, plan, faults), terminator: "")
    }
}

struct DownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Ends a lab that runs in the background, or all of them.")
    @OptionGroup var lab: NameOptions
    @Flag(help: "End every lab that runs.") var all = false

    mutating func run() throws {
        for name in all ? LabSocket.running() : [lab.name] {
            // It ends instead of answering.
            do throws(SystemError) { _ = try LabSocket.ask(name, ["down"]) } catch {
                if !LabSocket.running().contains(name), !error.description.contains("without an answer") { throw error }
            }
            for _ in 0..<500 where LabSocket.running().contains(name) { usleep(10_000) }
            if LabSocket.running().contains(name) { throw SystemError.unusable("the lab '\(name)' does not end") }
        }
    }
}

struct ShellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell", abstract: "A shell, or one command behind '--', in a node or a pod of a running lab.")
    @Argument(help: "worker-a, web-0, shop/web-0, router or outside.") var place: String
    @OptionGroup var lab: NameOptions
    @Argument(parsing: .postTerminator, help: "The command; a shell without one.") var command: [String] = []

    mutating func run() throws {
        throw ExitCode(try LabShell.run(lab.name, place, command))
    }
}

struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Collects a bundle from a running lab into a folder.")
    @Argument(help: "The folder; it must not hold a bundle yet.") var folder: String
    @OptionGroup var lab: NameOptions

    mutating func run() throws {
        // The lab's process has a working directory of its own.
        let path = folder.hasPrefix("/") ? folder : "\(String(cString: getcwd(nil, 0)))/\(folder)"
        try ask(lab.name, ["bundle", path])
    }
}

struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Opens a real connection in a running lab, and says what Clew makes of it.",
        discussion: "SRC and DST are written as for 'clew trace'.")
    @Argument(help: "pod/NAMESPACE/NAME or node/NAME.") var from: String
    @Argument(help: "svc/NAMESPACE/NAME[:PORT], pod/NAMESPACE/NAME:PORT, ADDRESS:PORT[/PROTOCOL] …") var to: String
    @OptionGroup var lab: NameOptions
    @Flag(help: "Show every packet at every device it passes.") var packets = false

    mutating func run() throws {
        try ask(lab.name, ["probe", from, to, packets ? "packets" : "-"])
    }
}

/// Puts a question to a running lab and prints its answer.
private func ask(_ name: String, _ words: [String]) throws {
    let (status, text, _) = try LabSocket.ask(name, words)
    guard status == 0 else {
        throw SystemError.unusable(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
    print(text, terminator: "")
}
