package import ClewDataplane
import ClewNet
package import ClewSnapshot

/// Writes traces as one Mermaid flowchart: a box for each namespace a packet passes, a fork where branches part.
package struct TraceMermaid: Sendable {
    private let snapshot: ClusterSnapshot

    package init(_ snapshot: ClusterSnapshot) { self.snapshot = snapshot }

    /// The flowchart of all traces, ending in a newline; several lie in a subgraph each.
    package func text(_ traces: [Trace]) -> String {
        var chart = MermaidChart()
        for (i, trace) in traces.enumerated() {
            if traces.count > 1 { chart.lines.append("  subgraph t\(i)[\"\(MermaidChart.escaped(heading(trace)))\"]") }
            draw(trace, in: &chart)
            if traces.count > 1 { chart.lines.append("  end") }
        }
        return (["flowchart TD"] + chart.lines + MermaidChart.classes).joined(separator: "\n") + "\n"
    }

    private func heading(_ trace: Trace) -> String {
        let flow = trace.flow
        let end = SocketAddress(flow.destination, flow.ipProtocol.hasPorts ? flow.destinationPort : 0)
        return "\(flow.fromText) → \(end)/\(FlowTransport(flow.ipProtocol)?.rawValue ?? "\(flow.ipProtocol)")"
    }

    private func draw(_ trace: Trace, in chart: inout MermaidChart) {
        let start = chart.box("\(heading(trace))\n\(TraceSummary(trace).text)")
        var children: [[String]: String] = [:]
        for branch in trace.branches {
            var path: [String] = []
            var last = start
            for (i, hop) in branch.hops.enumerated() {
                path.append(key(hop))
                if let known = children[path] {
                    last = known
                    continue
                }
                let box = chart.box(label(hop))
                // The first fork is where the share of a branch is worth saying.
                chart.edge(last, box, i == 0 || branch.probability.isOne ? nil : share(branch, at: path, trace))
                children[path] = box
                last = box
            }
            let result = chart.end(ending(branch), branch.outcome)
            let isShared = path.isEmpty || others(through: path, trace).count > 1
            chart.edge(
                last, result,
                branch.probability.isOne || !isShared ? nil : "p = \(TraceSummary.decimal(branch.probability))")
        }
    }

    private func share(_ branch: TraceBranch, at path: [String], _ trace: Trace) -> String? {
        let probability = TraceSummary.probability(others(through: path, trace))
        return probability.isOne ? nil : "p = \(TraceSummary.decimal(probability))"
    }

    private func others(through path: [String], _ trace: Trace) -> [TraceBranch] {
        trace.branches.filter { $0.hops.count >= path.count && $0.hops.prefix(path.count).map(key) == path }
    }

    /// What makes two hops of two branches one box: the same place, and the packet leaves it with the same ends.
    private func key(_ hop: Hop) -> String {
        let last = hop.steps.last.map { "\($0.tuple)" } ?? ""
        return
            "\(hop.node ?? "")|\(hop.namespace)|\(hop.deviceIn ?? "")|\(hop.deviceOut ?? "")|\(hop.encapsulation)|\(last)"
    }

    private func label(_ hop: Hop) -> String {
        var place = hop.node ?? "outside"
        if hop.namespace != "host", !hop.namespace.isEmpty { place = "\(hop.namespace) on \(place)" }
        if hop.encapsulation > 0 { place += " (tunnel)" }
        let devices = [hop.deviceIn, hop.deviceOut].compactMap { $0 }
        let way = devices.isEmpty ? "" : "\n\(devices.joined(separator: " → "))"
        let packet = hop.steps.last.map { "\n\($0.tuple)" } ?? ""
        return place + way + packet
    }

    private func ending(_ branch: TraceBranch) -> String {
        let decision = branch.decidedBy ?? branch.reply?.decidedBy
        let place = branch.outcome == .works ? nil : decision?.source.map(snapshot.describe)
        return "\(branch.outcome.rawValue): \(branch.reason)" + (place.map { "\n\($0)" } ?? "")
    }
}

/// The lines of a flowchart, and the numbers its boxes got.
struct MermaidChart {
    var lines: [String] = []
    private var count = 0

    static let classes = [
        "  classDef works fill:#dff5e1,stroke:#2b8a3e,color:#14532d",
        "  classDef fails fill:#fde2e1,stroke:#c92a2a,color:#7f1d1d",
        "  classDef unknown fill:#fff3cd,stroke:#e6a700,color:#664d03",
    ]

    /// Draws a box and returns its name.
    mutating func box(_ text: String) -> String {
        count += 1
        lines.append("  n\(count)[\"\(Self.escaped(text))\"]")
        return "n\(count)"
    }

    mutating func end(_ text: String, _ outcome: BranchOutcome) -> String {
        count += 1
        lines.append("  n\(count)([\"\(Self.escaped(text))\"]):::\(outcome.rawValue)")
        return "n\(count)"
    }

    mutating func edge(_ from: String, _ to: String, _ label: String?) {
        lines.append("  \(from) -->\(label.map { "|\"\(Self.escaped($0))\"|" } ?? "") \(to)")
    }

    /// Mermaid reads HTML entities, and `#` as the start of its own.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "#quot;"
            case "#": result += "#35;"
            case "<": result += "#lt;"
            case ">": result += "#gt;"
            case "&": result += "#amp;"
            case "\n": result += "<br/>"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
