import ClewDataplane
import Foundation
import Glibc

/// Builds a network with a fault, tries flows, and compares.
package struct LabTrial {
    package let network: any LabNetwork
    package let backend: RuleBackend
    package let fault: Fault?
    /// A folder that is there, to keep the bundle and the outcomes in; nil keeps nothing.
    package var record: String?
    /// Faults whose examples are tried too, to tell later what these faults change.
    package var others: [Fault] = []

    package init(_ network: any LabNetwork, _ backend: RuleBackend, _ fault: Fault?) {
        self.network = network
        self.backend = backend
        self.fault = fault
    }

    /// What the clients of the flows saw, by the flow's key: to tell what a fault changes.
    package typealias Outcomes = [String: Set<String>]

    /// Fewer flows than these are never tried.
    package static let fewestFlows = 6

    /// Runs it; `print` gets a paragraph for each flow that is not agreed upon.
    ///
    /// `limit` flows are drawn by lot, the same ones each time, and the fault's own example is always among them.
    package func run(
        flows limit: Int? = nil, comparedWith healthy: Outcomes? = nil, print: (String) -> Void
    ) throws(SystemError) -> (LabReport, Outcomes) {
        let clock = ContinuousClock()
        let start = clock.now
        var plan = ClusterPlan(families: network.families)
        plan.backend = backend
        let lab = try Lab(network, plan: plan, faults: fault.map { [$0] } ?? [])
        let experiment = try Experiment(lab)
        var report = LabReport(network: network.name, backend: backend, fault: fault?.name ?? "-")
        var comparisons = try experiment.compare(try flows(limit, experiment))
        try tryAgain(&comparisons, experiment, &report, print)
        if let record { try keep(comparisons, experiment, in: record) }
        var outcomes: Outcomes = [:]
        for comparison in comparisons {
            switch comparison.agreement {
            case .agree: report.agree += 1
            case .unknown: report.unknown += 1
            case .disagree: report.disagree += 1
            }
            if comparison.agreement != .agree {
                print("\(comparison.agreement.rawValue.uppercased()) " + experiment.report(comparison))
            }
            let seen = Set(comparison.tries.map { $0.outcome.symptom?.rawValue ?? "answered" })
            outcomes[comparison.flow.key] = seen
            if let before = healthy?[comparison.flow.key], Self.verdicts(before) != Self.verdicts(seen) {
                report.changed += 1
            }
        }
        if let fault {
            report.unsaid = try unsaid(fault, experiment) + unseen(fault, experiment, comparisons, healthy)
            for text in report.unsaid { print("WRONG \(fault.name): \(text)\n") }
        }
        try HostLimits.restoreConntrackMaximum()
        report.seconds = (clock.now - start).seconds
        return (report, outcomes)
    }

    /// Whether connections work, without how they fail.
    private static func verdicts(_ seen: Set<String>) -> Set<Bool> { Set(seen.map { $0 == "answered" }) }

    // MARK: - Flows

    private func flows(_ limit: Int?, _ experiment: Experiment) throws(SystemError) -> [ProbeFlow] {
        var flows = StandardFlows.all(in: experiment.lab)
        let large = fault == nil || fault.map { $0.size > 0 } == true ? StandardFlows.large(in: experiment.lab) : []
        if let limit { flows = sample(flows, max(limit, Self.fewestFlows)) }
        flows += large
        var known = Set(flows.map(\.key))
        // Who enters at a certain node needs a route that the fault brings.
        for fault in (fault.map { [$0] } ?? []) + others.filter({ $0.via == nil }) {
            for flow in try examples(fault, experiment) where known.insert(flow.key).inserted { flows.append(flow) }
        }
        return flows
    }

    /// The same flows for the same network and fault, in their order.
    private func sample(_ flows: [ProbeFlow], _ count: Int) -> [ProbeFlow] {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(network.name) \(fault?.name ?? "-")".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var random = FuzzRandom(seed: hash)
        return flows.indices.shuffled(using: &random).prefix(count).sorted().map { flows[$0] }
    }

    private func examples(_ fault: Fault, _ experiment: Experiment) throws(SystemError) -> [ProbeFlow] {
        try experiment.flows(
            from: fault.example.from, to: fault.example.to, sourcePort: fault.sourcePort, via: fault.via,
            size: fault.size)
    }

    /// Tries each flow that is disagreed upon once more, by itself and after a pause, since a machine under load can
    /// lose a packet or be late with it; what agrees then counts as agreeing, and as retried.
    private func tryAgain(
        _ comparisons: inout [FlowComparison], _ experiment: Experiment, _ report: inout LabReport,
        _ print: (String) -> Void
    ) throws(SystemError) {
        for index in comparisons.indices where comparisons[index].agreement == .disagree {
            usleep(500_000)
            var run = ProbeRun()
            // Less than the second after which a SYN is sent again, and chance decides anew.
            run.timeout = .milliseconds(900)
            guard let again = try experiment.compare([comparisons[index].flow], run: run).first,
                again.agreement == .agree
            else { continue }
            print(
                "RETRIED \(again.flow.description): \(comparisons[index].complaints.joined(separator: "; ")); "
                    + "agreed the second time\n")
            comparisons[index] = again
            report.retried += 1
        }
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

    // MARK: - What a fault has to show

    /// Whether the example fails as the fault says, and did not before.
    private func unseen(
        _ fault: Fault, _ experiment: Experiment, _ comparisons: [FlowComparison], _ healthy: Outcomes?
    ) throws(SystemError) -> [String] {
        var texts: [String] = []
        let wanted = fault.client.sorted().map(\.rawValue).joined(separator: " or ")
        // Faults of IPv4 alone leave the other family's flow alone.
        guard let flow = try examples(fault, experiment).first else { return [] }
        guard let comparison = comparisons.first(where: { $0.flow.key == flow.key }) else {
            return ["\(flow.description) was not tried"]
        }
        let symptoms = Set(comparison.tries.compactMap(\.outcome.symptom))
        if symptoms.isEmpty || !symptoms.isSubset(of: fault.client) {
            let seen = Set(comparison.tries.map(\.outcome.description)).sorted().joined(separator: ", ")
            texts.append("\(flow.description): the client should see '\(wanted)', and saw '\(seen)'")
        }
        if let before = healthy?[flow.key], before == Set(symptoms.map(\.rawValue)) {
            texts.append("\(flow.description): was '\(before.sorted().joined(separator: ", "))' before, too")
        }
        return texts
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
