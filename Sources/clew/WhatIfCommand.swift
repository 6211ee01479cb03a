import ArgumentParser
import ClewDataplane
import ClewDiagnostics
import ClewReports
import ClewSnapshot

/// `clew what-if`: which connections a planned change gives another end.
struct WhatIfCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "what-if",
        abstract: "Makes a change on a copy of the bundle, and says which connections change their verdict.",
        discussion: """
            Changes (docs/what-if.md); PLACE is node/NAME or pod/NAMESPACE/NAME, NODE is node/NAME:

            \(EditGrammar.forms.map { "  \($0.syntax)" }.joined(separator: "\n"))

            EXAMPLES:
              clew what-if bundle.tar.gz \\
                  --set sysctl:node/worker-a:net.bridge.bridge-nf-call-iptables=0
              clew what-if bundle.tar.gz --set 'policy:node/worker-a:filter:FORWARD=DROP'
              clew what-if bundle.tar.gz \\
                  --set 'rule:node/worker-a:filter:-I FORWARD 1 -i cni0 -j DROP' -o json
              clew what-if bundle.tar.gz \\
                  --set service:shop/api:externalTrafficPolicy=Local
              clew what-if bundle.tar.gz --set 'route:node/worker-b:del 10.244.1.0/24' \\
                  --from pod/shop/web-0 --to svc/shop/api

            EXIT CODES: 2 bad usage or input; else 1 if a connection that works would not; else 3 if one could not be \
            told any more; else 0.
            """)

    @OptionGroup var input: BundleOptions
    @Option(help: ArgumentHelp("A change; repeatable, made one after the other.", valueName: "change"))
    var set: [String] = []
    @OptionGroup(title: "Only these connections (default: every Service from every kind of sender)")
    var connection: ConnectionOptions
    @Flag(help: "List every connection that changes.") var verbose = false
    @Option(name: .shortAndLong, help: "The form of the answer.") var output: Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto
    @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

    func validate() throws {
        guard !set.isEmpty else { throw ValidationError("--set is missing: what changes?") }
    }

    mutating func run() throws {
        let request = try connection.request()
        let progress = Progress("reading the bundle")
        defer { progress.end() }
        let (_, snapshot) = try collecting.load(input)
        let edited = try changed(snapshot)
        progress.enter("compiling \(snapshot.nodes.count) nodes")
        let (before, after) = (Dataplane(compiling: snapshot), Dataplane(compiling: edited))
        progress.enter("walking connections")
        let study = ChangeStudy(try connections(request, before), before: before, after: after)
        progress.end()
        var output = Output()
        switch self.output {
        case .text:
            let report = ChangeText(snapshot, style: Terminal.style(color), isVerbose: verbose)
            try output.write(report.text(study, heading: "What if \(set.joined(separator: "; "))"))
            for line in MissingNodes(snapshot).lines { try output.write(line + "\n") }
        case .json: try output.write(ChangeJSON(snapshot).text(study, edits: set))
        }
        try output.flush()
        if !study.of(.breaks).isEmpty { throw ExitCode(1) }
        if !study.of(.doubtful).isEmpty { throw ExitCode(3) }
    }

    private func changed(_ snapshot: ClusterSnapshot) throws(CommandFailure) -> ClusterSnapshot {
        var grammar = EditGrammar(snapshot)
        for text in set {
            do throws(EditError) {
                try grammar.apply(text)
            } catch {
                throw CommandFailure(error.message)
            }
        }
        return grammar.snapshot
    }

    private func connections(
        _ request: FlowRequest?, _ dataplane: Dataplane
    ) throws(CommandFailure) -> [SurveyedConnection] {
        guard let request else { return CheckContext.plan(dataplane, limit: 5_000) }
        do throws(FlowError) {
            return try FlowResolver(dataplane).flows(for: request).map {
                SurveyedConnection(flow: $0, service: nil, expectation: .works)
            }
        } catch {
            throw CommandFailure(error.message)
        }
    }
}
