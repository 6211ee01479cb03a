import ClewDataplane
import Foundation

/// The outcome of a network with a fault: how many flows agree, and what the fault changed.
package struct LabReport: Sendable {
    package var network: String
    package var backend: RuleBackend
    package var fault: String
    package var agree = 0
    package var unknown = 0
    package var disagree = 0
    /// Flows whose answer differs from the same network's without a fault.
    package var changed = 0
    /// What Clew must say of the fault and does not; empty where it does, or where there is no fault.
    package var unsaid: [String] = []
    package var seconds = 0.0

    package var isGood: Bool { disagree == 0 && unsaid.isEmpty }
    package var flows: Int { agree + unknown + disagree }

    /// A table of reports with a line of sums.
    package static func table(_ reports: [LabReport]) -> String {
        var rows = [["network", "rules", "fault", "flows", "agree", "unknown", "disagree", "changed", "s"]]
        rows += reports.map { report in
            [
                report.network, report.backend.rawValue, report.fault, "\(report.flows)", "\(report.agree)",
                "\(report.unknown)", "\(report.disagree)", "\(report.changed)", tenths(report.seconds),
            ]
        }
        let flows = reports.reduce(0) { $0 + $1.flows }
        let unknown = reports.reduce(0) { $0 + $1.unknown }
        let changing = Set(reports.filter { $0.changed > 0 }.map(\.fault))
        rows.append([
            "all", "", "\(changing.count) change a verdict", "\(flows)", "\(reports.reduce(0) { $0 + $1.agree })",
            "\(unknown)", "\(reports.reduce(0) { $0 + $1.disagree })", "",
            tenths(reports.reduce(0) { $0 + $1.seconds }),
        ])
        let widths = (0..<rows[0].count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (index, row) in rows.enumerated() {
            if index == 1 || index == rows.count - 1 {
                text += widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ") + "\n"
            }
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column < 3 ? cell + space : space + cell
            }
            text += cells.joined(separator: "  ") + "\n"
        }
        let percent = flows == 0 ? 0 : (unknown * 1000 / flows)
        return text + "unknown: \(percent / 10).\(percent % 10) %\n"
    }

    private static func tenths(_ seconds: Double) -> String {
        let value = Int((seconds * 10).rounded())
        return "\(value / 10).\(value % 10)"
    }
}

/// Builds a network with a fault, tries all flows, and compares.
package struct LabTrial {
    package let network: any LabNetwork
    package let backend: RuleBackend
    package let fault: Fault?
    /// A folder that is there, to keep the bundle and the outcomes in; nil keeps nothing.
    package var record: String?

    package init(_ network: any LabNetwork, _ backend: RuleBackend, _ fault: Fault?) {
        self.network = network
        self.backend = backend
        self.fault = fault
    }

    /// What the clients of the flows saw, by the flow: to tell what a fault changes.
    package typealias Outcomes = [ProbeFlow: Set<String>]

    /// Runs it; `print` gets a paragraph for each flow that is not agreed upon.
    package func run(
        flows limit: Int? = nil, comparedWith healthy: Outcomes? = nil, print: (String) -> Void
    ) throws(SystemError) -> (LabReport, Outcomes) {
        let clock = ContinuousClock()
        let start = clock.now
        var plan = ClusterPlan(families: network.families)
        plan.backend = backend
        let lab = try Lab(network, plan: plan, faults: fault.map { [$0] } ?? [])
        let experiment = try Experiment(lab)
        var flows = StandardFlows.all(in: lab)
        if let limit, limit < flows.count {
            flows = stride(from: 0, to: flows.count, by: max(1, flows.count / max(limit, 1))).map { flows[$0] }
        }
        // The fault's own example is tried on the kernel too.
        if let fault {
            let known = Set(flows.map(Self.key))
            flows += try examples(fault, experiment).filter { !known.contains(Self.key($0)) }
        }
        var report = LabReport(network: network.name, backend: backend, fault: fault?.name ?? "-")
        var outcomes: Outcomes = [:]
        let comparisons = try experiment.compare(flows)
        if let record { try keep(comparisons, experiment, in: record) }
        for comparison in comparisons {
            switch comparison.agreement {
            case .agree: report.agree += 1
            case .unknown: report.unknown += 1
            case .disagree: report.disagree += 1
            }
            if comparison.agreement != .agree {
                print("\(comparison.agreement.rawValue.uppercased()) " + experiment.report(comparison))
            }
            let seen = Set(comparison.tries.map { "\($0.outcome == .answered) \($0.outcome == .refused)" })
            outcomes[comparison.flow] = seen
            if let before = healthy?[comparison.flow], before != seen { report.changed += 1 }
        }
        if let fault {
            report.unsaid = try unsaid(fault, experiment)
            for text in report.unsaid { print("UNSAID \(fault.name): \(text)\n") }
        }
        report.seconds = (clock.now - start).seconds
        return (report, outcomes)
    }

    private func keep(
        _ comparisons: [FlowComparison], _ experiment: Experiment, in folder: String
    ) throws(SystemError) {
        let path = "\(folder)/\(network.name)-\(fault?.name ?? "healthy")"
        try LabBundle.write(experiment.bundle, to: path)
        let text = ProbeRecord.text(comparisons.flatMap(\.tries))
        guard FileManager.default.createFile(atPath: "\(path).probes.tsv", contents: Data(text.utf8)) else {
            throw .unusable("\(path).probes.tsv cannot be written")
        }
    }

    private func examples(_ fault: Fault, _ experiment: Experiment) throws(SystemError) -> [ProbeFlow] {
        try experiment.flows(
            from: fault.example.from, to: fault.example.to, sourcePort: fault.sourcePort, via: fault.via)
    }

    /// What makes two flows the same, whatever they are called.
    private static func key(_ flow: ProbeFlow) -> String {
        "\(flow.from) \(flow.sourcePort ?? 0) \(flow.destination) \(flow.ipProtocol)"
    }

    /// Whether Clew names the fault for its example.
    private func unsaid(_ fault: Fault, _ experiment: Experiment) throws(SystemError) -> [String] {
        guard let flow = try examples(fault, experiment).first else { return ["\(fault.example) is no flow"] }
        let trace = try experiment.trace(flow)
        guard trace.verdict == .fails || trace.verdict == .partly else {
            return ["\(flow.description): Clew says \(trace.verdict.rawValue)"]
        }
        let said = trace.branches.filter { $0.outcome == .fails }.flatMap { branch in
            [branch.reason, branch.decidedBy?.text ?? ""]
        }
        guard !fault.mustSay.contains(where: { word in said.contains { $0.contains(word) } }) else { return [] }
        return ["\(flow.description): Clew says '\(said.joined(separator: "' '"))', none of \(fault.mustSay)"]
    }
}
