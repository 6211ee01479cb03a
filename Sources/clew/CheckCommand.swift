import ArgumentParser
import ClewBundle
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewReports
import ClewSnapshot

/// `clew check`: what is wrong, worst first.
struct CheckCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json, sarif, junit, markdown, html }

    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Finds what breaks connections, with its cause, evidence, and a fix that was simulated.",
        discussion: """
            Every Service is tried from every kind of sender by walking the connection through the collected kernels. \
            What fails is put down to its cause; each fix is made on a copy of the bundle, and the connections are \
            walked again: "proven" means that the broken ones work and no other is lost.

            EXAMPLES:
              clew check bundle.tar.gz
              clew check bundle.tar.gz --from pod/shop/web-0 --to svc/shop/api
              clew check bundle.tar.gz --select BR --select FW --node worker-a --verbose
              clew check bundle.tar.gz --min-severity warning -o html > report.html
              clew check yesterday.tar.gz -o json > known.json
              clew check today.tar.gz --baseline known.json

            Forms: text; json (docs/check-json.md); sarif (2.1.0) and junit for CI; markdown for tickets; html, one \
            file with a drawing of each broken connection's path.

            EXIT CODES: 2 bad usage or input; else 1 if an error or warning was found; else 3 if something cannot be \
            told; else 0.
            """)

    @OptionGroup var input: BundleOptions

    @OptionGroup(title: "What to look for") var selection: SelectionOptions
    @OptionGroup(title: "One connection: what can break it") var connection: ConnectionOptions

    @Option(
        help: ArgumentHelp(
            "Leave out what this earlier report has: the output of 'clew check -o json'.", valueName: "file"),
        completion: .file())
    var baseline: String?
    @Flag(help: "List what looks alarming and is normal, too.") var explainNormal = false
    @Flag(help: "All evidence, every fix, and what follows from each finding.") var verbose = false
    @Flag(help: "Say on standard error what took the time.") var timings = false
    @Option(name: .shortAndLong, help: "The form of the answer.") var output: Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto

    @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

    mutating func run() throws {
        var filter = try selection.filter()
        let request = try connection.request()
        let known = try baseline.map { try Baseline(reading: $0) }
        let progress = Progress("reading the bundle")
        defer { progress.end() }
        var times = CheckTimings(now: Stopwatch.now)
        let (bundle, snapshot) = try times.measure("reading the bundle") { try collecting.load(input) }
        times.explain("\(snapshot.inventory.count) files")
        try selection.check(&filter, snapshot)
        let analysis = try Analysis(snapshot, request, filter, progress, &times)
        progress.end()
        var report = CheckReport(
            analysis.run, in: analysis.context, bundle: bundle.name, asked: analysis.asked)
        if !explainNormal { report.normal = [] }
        if let known { report.leaveOut(known.identities) }
        var output = Output()
        try output.write(text(report, filter, analysis.context))
        for line in MissingNodes(snapshot).lines {
            if self.output == .text { try output.write(line + "\n") }
            if self.output != .text, self.output != .json { Output.error(line) }
        }
        try output.flush()
        if timings { Output.errorBytes(Stopwatch.table(times)) }
        if report.hasTrouble { throw ExitCode(1) }
        if report.isIncomplete { throw ExitCode(3) }
    }

    private func text(_ report: CheckReport, _ filter: FindingFilter, _ context: CheckContext) -> String {
        let snapshot = context.snapshot
        let checks = CheckCatalogue.metadata.filter(filter.wants)
        switch output {
        case .text:
            let style = Terminal.style(color)
            return CheckText(snapshot, style: style, isVerbose: verbose, bundle: input.bundle ?? "BUNDLE").text(report)
        case .json: return CheckJSON(snapshot).text(report)
        case .sarif: return CheckSARIF(snapshot, checks: checks, version: Clew.version).text(report)
        case .junit: return CheckJUnit(snapshot, checks: checks.filter { $0.group != .normal }).text(report)
        case .markdown: return CheckMarkdown(snapshot).text(report)
        case .html: return CheckHTML(context.dataplane, version: Clew.version).text(report)
        }
    }
}

/// Everything that `clew check` and `clew fix` find out of a bundle.
struct Analysis {
    let context: CheckContext
    let run: CheckRun
    let asked: [AskedConnection]

    init(
        _ snapshot: ClusterSnapshot, _ request: FlowRequest?, _ filter: FindingFilter, _ progress: Progress,
        _ times: inout CheckTimings
    ) throws(CommandFailure) {
        progress.enter("compiling \(snapshot.nodes.count) nodes")
        let dataplane = times.measure("compiling the nodes") { Dataplane(compiling: snapshot) }
        times.explain("\(snapshot.nodes.count) nodes")
        progress.enter("walking connections")
        if let request {
            let flows: [Flow]
            do throws(FlowError) {
                flows = try FlowResolver(dataplane).flows(for: request)
            } catch {
                throw CommandFailure(error.message)
            }
            context = times.measure("walking connections") { CheckContext(dataplane, asking: flows) }
            asked = context.asked(flows.count)
        } else {
            context = CheckContext(dataplane, timings: &times)
            asked = []
        }
        progress.enter("looking for causes and trying fixes")
        run = CheckRun(CheckCatalogue.all, in: context, asking: filter, timings: &times)
    }
}

/// Which findings are asked for.
struct SelectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only these checks: a code (BR001), a name or a group (BR); repeatable.", valueName: "code"))
    var select: [String] = []
    @Option(help: ArgumentHelp("Leave these out; repeatable.", valueName: "code")) var ignore: [String] = []
    @Option(help: ArgumentHelp("Only what concerns this node; repeatable.", valueName: "node")) var node: [String] = []
    @Option(help: ArgumentHelp("Only what concerns this Service; repeatable.", valueName: "ns/name"))
    var service: [String] = []
    @Option(help: "Only what is at least so bad: notice, warning or error.") var minSeverity: Severity = .notice

    /// Checks the words before a large bundle is read.
    func filter() throws(CommandFailure) -> FindingFilter {
        for word in select + ignore where !CheckCatalogue.metadata.contains(where: { FindingFilter.matches($0, word) })
        {
            throw CommandFailure("'\(word)' is no check and no group of checks (see 'clew checks')")
        }
        var filter = FindingFilter()
        filter.select = select
        filter.ignore = ignore
        for name in service { filter.services.append(try ServicesCommand.serviceName(name)) }
        filter.minimum = minSeverity
        return filter
    }

    /// Checks the names, which must be in the bundle.
    func check(_ filter: inout FindingFilter, _ snapshot: ClusterSnapshot) throws(CommandFailure) {
        try ServicesCommand.check(filter.services, snapshot)
        let known = Set(snapshot.nodes.map(\.name) + snapshot.objects.nodes.map(\.name))
        for name in node {
            let plain = name.hasPrefix("node/") ? String(name.dropFirst(5)) : name
            guard known.contains(plain) else {
                throw CommandFailure(
                    "the bundle holds no node '\(plain)', but \(known.sorted().joined(separator: ", "))")
            }
            filter.nodes.append(plain)
        }
    }
}

extension Severity: ExpressibleByArgument {}

/// The connection that `--from` and `--to` ask about.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where it begins, as with 'clew trace'.", valueName: "src")) var from: String?
    @Option(help: ArgumentHelp("Where it goes, as with 'clew trace'.", valueName: "dst")) var to: String?
    @Option(help: ArgumentHelp("The node where a connection from outside enters.", valueName: "node")) var via: String?

    func request() throws(CommandFailure) -> FlowRequest? {
        guard from != nil || to != nil || via != nil else { return nil }
        guard from != nil else { throw CommandFailure("--from is missing: where does the connection begin?") }
        guard to != nil else { throw CommandFailure("--to is missing: where does the connection go?") }
        return try FlowFields(from: from, to: to, via: via).request()
    }
}
