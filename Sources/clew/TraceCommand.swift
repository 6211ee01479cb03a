import ArgumentParser
import ClewDataplane
import ClewNet
import ClewReports
import ClewSnapshot

/// `clew trace`: one connection, or many, through the collected kernels.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Walks a connection from its source to its destination and back, and says which lines decide.",
        discussion: """
            SRC: pod/NAMESPACE/NAME, node/NAME (a process on the node), or an address.
            DST: svc/NAMESPACE/NAME[:PORT], pod/NAMESPACE/NAME:PORT, node/NAME:PORT, ADDRESS[:PORT], [V6]:PORT; \
            then maybe /tcp, /udp, /sctp or /icmp. A port is a number or a name; without one an address is pinged, \
            and every port of a Service is traced.

            EXAMPLES:
              clew trace bundle.tar.gz --from pod/shop/web-0 --to svc/shop/api:http
              clew trace bundle.tar.gz --from node/worker-a --to 10.150.18.86:80
              clew trace bundle.tar.gz --from 203.0.113.50 --via node/worker-a \\
                  --to 192.168.50.11:30091/udp
              clew trace bundle.tar.gz --from 203.0.113.50 --to svc/shop/api \\
                  --kind nodeport --at node/worker-b
              clew trace bundle.tar.gz --from pod/shop/web-0 --to svc/shop/api --size 20000
              clew trace bundle.tar.gz --flows flows.jsonl > answers.jsonl
              iptables-save | clew trace --iptables-save - --ip-route routes.txt \\
                  --from node/node --to 10.96.0.10:53/udp

            With --flows each line is a JSON object: "from" and "to", and if need be "id", "via", "at", "kind", \
            "family", "source", "sport", "size", "proto"; options on the command line hold for lines that do not say.

            EXIT CODES: 2 bad usage or input; else 1 if anything fails; else 3 if anything cannot be told; else 0.
            """)

    @OptionGroup var input: BundleOptions

    @OptionGroup(title: "The connection") var question: QuestionOptions
    @OptionGroup(title: "The answer") var form: AnswerOptions
    @OptionGroup(title: "One node's files, instead of a bundle ('-' is standard input)")
    var singleFiles: SingleFileOptions
    @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

    func validate() throws {
        let flows = question.flows
        if flows == nil {
            guard question.from != nil else {
                throw ValidationError("--from is missing: where does the connection begin?")
            }
            guard question.to != nil else { throw ValidationError("--to is missing: where does the connection go?") }
        } else if let output = form.output, output != .json {
            throw ValidationError("--flows answers in JSON: -o \(output.rawValue) does not go with it")
        }
        if form.brief, form.allRules { throw ValidationError("--brief and --all-rules contradict each other") }
        if flows == "-",
            input.bundle == "-" || input.add.contains("-") || singleFiles.given.contains(where: { $0.path == "-" })
        {
            throw ValidationError("standard input can be read only once: '-' is given more than once")
        }
    }

    mutating func run() throws {
        let fields = question.fields
        let flows = question.flows
        // What is wrong with the question is said before a large bundle is read.
        let request = flows == nil ? try fields.request() : nil
        let ends = fields.from.flatMap { from in fields.to.map { (from: from, to: $0, via: fields.via) } }
        let (_, snapshot) = try collecting.load(input, singleFiles.given, ends: flows == nil ? ends : nil)
        guard !snapshot.nodes.isEmpty else {
            throw CommandFailure("\(input.bundle ?? "the bundle"): holds no node's files (see 'clew bundle show')")
        }
        let dataplane = Dataplane(compiling: snapshot)
        var outcome = TraceOutcome()
        if let flows {
            var stream = FlowStream(dataplane, defaults: fields)
            outcome = try stream.run(reading: flows)
        } else if let request {
            outcome = try answer(request, dataplane)
        }
        if outcome.exitCode != 0 { throw ExitCode(outcome.exitCode) }
    }

    private func answer(_ request: FlowRequest, _ dataplane: Dataplane) throws -> TraceOutcome {
        var outcome = TraceOutcome()
        let traces: [Trace]
        do throws(FlowError) {
            traces = try FlowResolver(dataplane).flows(for: request).map(dataplane.trace)
        } catch {
            let gaps = MissingNodes(dataplane.snapshot).named(in: error.message).lines
            if form.output == .json {
                var output = Output()
                try output.write(TraceJSON(dataplane.snapshot).errorLine(error.message) + "\n")
                try output.flush()
            }
            throw CommandFailure(([error.message] + gaps).joined(separator: "; "))
        }
        for trace in traces { outcome.add(trace) }
        var output = Output()
        switch form.output ?? .text {
        case .text:
            let detail: TraceText.Detail = form.brief ? .brief : form.allRules ? .allRules : .decisive
            let report = TraceText(dataplane.snapshot, style: Terminal.style(form.color), detail: detail)
            let text = traces.map(report.text).joined(separator: form.brief ? "" : "\n")
            try output.write(text)
            for line in MissingNodes(dataplane.snapshot).named(in: text).lines { try output.write(line + "\n") }
        case .json:
            let report = TraceJSON(dataplane.snapshot)
            for trace in traces {
                try output.write(report.line(trace) + "\n")
            }
        case .mermaid: try output.write(TraceMermaid(dataplane.snapshot).text(traces))
        }
        try output.flush()
        return outcome
    }
}
