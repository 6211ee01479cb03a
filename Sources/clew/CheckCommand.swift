import ArgumentParser
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewReports

/// `clew check`: what is wrong, worst first.
struct CheckCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text }

    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Finds what breaks connections, with its cause, evidence, and a fix that was simulated.",
        discussion: """
            Every Service is tried from every kind of sender by walking the connection through the collected kernels. \
            What fails is put down to its cause; each fix is made on a copy of the bundle, and the connections are \
            walked again.

            EXAMPLES:
              clew check bundle.tar.gz
              clew check bundle.tar.gz --select BR --node worker-a --verbose

            EXIT CODES: 2 bad usage or input; else 1 if an error was found; else 0.
            """)

    @OptionGroup var input: BundleOptions

    @Option(
        help: ArgumentHelp("Only these checks: a code (BR001) or a group (BR); repeatable.", valueName: "code"))
    var select: [String] = []
    @Option(help: ArgumentHelp("Leave these out; repeatable.", valueName: "code"))
    var ignore: [String] = []
    @Flag(help: "All evidence, every fix, and what follows from each finding.") var verbose = false
    @Option(name: .shortAndLong, help: "The form of the answer.") var output: Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto

    mutating func run() throws {
        let checks = try selected()
        let (_, snapshot) = try input.load()
        let context = CheckContext(Dataplane(compiling: snapshot))
        let run = CheckRun(checks, in: context)
        var output = Output()
        let report = CheckText(snapshot, style: Terminal.style(color), isVerbose: verbose)
        try output.write(report.text(run, run.findings))
        try output.flush()
        if run.findings.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
    }

    private func selected() throws(CommandFailure) -> [any Check] {
        for word in select + ignore where !Self.known.contains(where: { Self.matches($0, word) }) {
            throw CommandFailure("'\(word)' is no check and no group of checks (see 'clew checks')")
        }
        return Self.known.filter { check in
            (select.isEmpty || select.contains { Self.matches(check, $0) })
                && !ignore.contains { Self.matches(check, $0) }
        }
    }

    private static var known: [any Check] { CheckCatalogue.all }

    private static func matches(_ check: any Check, _ word: String) -> Bool {
        let metadata = type(of: check).metadata
        return [metadata.code, metadata.group.rawValue, metadata.name.uppercased()].contains(word.uppercased())
    }
}
