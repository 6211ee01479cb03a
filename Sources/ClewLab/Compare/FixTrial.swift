import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot

/// Breaks a network or leaves it as it is, lets `clew check` look at it, and has the kernel judge its fix.
package struct FixTrial {
    private let network: any LabNetwork
    private let backend: RuleBackend
    /// None: the network as it should be, of which nothing may be found; two at once: both have to be found.
    private let faults: [Fault]

    package init(_ network: any LabNetwork, _ backend: RuleBackend, _ faults: [Fault]) {
        self.network = network
        self.backend = backend
        self.faults = faults
    }

    package func run() throws(SystemError) -> FixReport {
        let clock = ContinuousClock()
        let start = clock.now
        var plan = ClusterPlan(families: network.families)
        plan.backend = backend
        // One of the Services is wrong on purpose: here nothing may be found that no fault has made.
        plan.services = ServicePlan.healthy
        let lab = try Lab(network, plan: plan, faults: faults)
        let experiment = try Experiment(lab)
        var report = FixReport(network: network.name, backend: backend, faults: faults)
        switch faults.count {
        case 0: judgeHealthy(experiment, &report)
        case 1: try judge(faults[0], experiment, &report)
        default: try judgeTogether(experiment, &report)
        }
        report.seconds = (clock.now - start).seconds
        return report
    }

    private static func findings(_ experiment: Experiment) -> [Finding] {
        CheckRun(CheckCatalogue.all, in: CheckContext(experiment.dataplane)).findings
    }

    private static func note(_ findings: [Finding], in report: inout FixReport) {
        for finding in findings.prefix(5) {
            report.notes.append("\(finding.severity) \(finding.check.code) \(finding.subject) \(finding.message)")
        }
    }

    // MARK: - Healthy

    private func judgeHealthy(_ experiment: Experiment, _ report: inout FixReport) {
        let findings = Self.findings(experiment)
        Self.note(findings, in: &report)
        let loud = findings.filter { $0.severity > .notice }
        report.first = loud.first?.check.code
        report.others = loud.dropFirst().map(\.check.code)
        for finding in loud {
            report.complaints.append("healthy, and yet: \(finding.check.code) \(finding.subject) \(finding.message)")
        }
    }

    // MARK: - One fault

    private func judge(_ fault: Fault, _ experiment: Experiment, _ report: inout FixReport) throws(SystemError) {
        let flows = try Self.flows(of: fault, experiment)
        var findings = Self.findings(experiment)
        var first = findings.first { $0.severity > .notice }
        let isNamed = first.map { fault.codes.contains($0.check.code) } ?? false
        if !isNamed || first?.isMended == false {
            // What one client meets, or what the API asks for itself, shows by the question that this client has.
            let context = CheckContext(experiment.dataplane, asking: try experiment.asked(flows))
            let run = CheckRun(CheckCatalogue.all, in: context)
            let asked = CheckReport(run, in: context, bundle: "", asked: context.asked(flows.count))
            let touched = asked.entries.map(\.finding)
            if first == nil || touched.first.map({ fault.codes.contains($0.check.code) }) ?? false {
                report.wasAsked = !isNamed
                findings = touched
                first = touched.first
            }
        }
        report.first = first?.check.code
        Self.note(findings, in: &report)
        let rest = findings.filter { $0.severity > .notice }.map(\.check.code)
        // A fault may stand for several rows, and be told for each.
        report.others = rest.filter { $0 != report.first && !fault.codes.contains($0) }
        if !report.isNamed {
            report.complaints.append(
                "the first finding is \(report.first ?? "none"), not \(fault.codes.joined(separator: " or "))")
        }
        if !report.others.isEmpty {
            report.complaints.append("also told: \(report.others.joined(separator: ", "))")
        }
        guard let first, report.isNamed, let flow = flows.first else { return }
        try judge(first, fault, flow, experiment, &report)
    }

    private func judge(
        _ finding: Finding, _ fault: Fault, _ flow: ProbeFlow, _ experiment: Experiment, _ report: inout FixReport
    ) throws(SystemError) {
        for fix in finding.fixes { report.notes.append("fix: \(fix.title): \(fix.proof.words)") }
        let proven = finding.fixes.filter { if case .proven = $0.proof { true } else { false } }
        report.proof = proven.isEmpty ? finding.fixes.first?.proof.status : "proven"
        if proven.isEmpty { report.complaints.append("no fix is proven") }
        guard fault.mending != .byPeople else { return }
        guard let fix = proven.first(where: \.canBeUndone) ?? proven.first(where: \.runsOnNodes) else {
            if proven.contains(where: \.runsByKubectl) { report.kernel = .objects }
            if fault.mending == .onNodes, !proven.isEmpty {
                report.complaints.append("no proven fix is made of commands for nodes")
            }
            return
        }
        var judge = FixJudge(experiment.lab, flow)
        let agrees = try judge.tries(finding, fix, of: experiment.snapshot)
        report.kernel = agrees ? (fix.canBeUndone ? .agrees : .mended) : .differs
        report.notes += judge.notes
        if !agrees { report.complaints.append("kernel: " + (judge.notes.last ?? "")) }
    }

    private static func flows(of fault: Fault, _ experiment: Experiment) throws(SystemError) -> [ProbeFlow] {
        try experiment.flows(
            from: fault.example.from, to: fault.example.to, sourcePort: fault.sourcePort, via: fault.via,
            size: fault.size)
    }

    // MARK: - Two at once

    /// Each is found, and no cause is told twice.
    private func judgeTogether(_ experiment: Experiment, _ report: inout FixReport) throws(SystemError) {
        let findings = Self.findings(experiment)
        Self.note(findings, in: &report)
        let loud = findings.filter { $0.severity > .notice }
        report.first = loud.first?.check.code
        report.others = loud.dropFirst().map(\.check.code)
        for fault in faults {
            let own = loud.filter { fault.codes.contains($0.check.code) }
            if own.isEmpty {
                report.complaints.append("\(fault.name) is not found: no \(fault.codes.joined(separator: " or "))")
            }
            if own.count(where: { $0.severity == .error }) > 1 {
                let codes = own.map { "\($0.check.code) \($0.subject)" }.joined(separator: ", ")
                report.complaints.append("\(fault.name) is told more than once: \(codes)")
            }
        }
        let known = Set(faults.flatMap(\.codes))
        let strange = loud.filter { !known.contains($0.check.code) }
        if !strange.isEmpty {
            report.complaints.append(
                "told besides: \(strange.map { "\($0.check.code) \($0.subject)" }.joined(separator: ", "))")
        }
        let best = loud.map { finding in finding.fixes.first { $0.proof.status == "proven" } }
        report.proof = best.allSatisfy { $0 != nil } ? "proven" : "\(best.count { $0 != nil }) of \(best.count)"
    }
}

extension Finding {
    /// Whether some fix of it is proven.
    fileprivate var isMended: Bool { fixes.contains { $0.proof.status == "proven" } }
}

extension Fix {
    /// Whether every command is for a node.
    var runsOnNodes: Bool {
        !commands.isEmpty && commands.allSatisfy { if case .node = $0.place { true } else { false } }
    }

    /// Whether every command is for a node, and can be undone.
    var canBeUndone: Bool { runsOnNodes && commands.allSatisfy { $0.undo != nil } }

    var runsByKubectl: Bool { commands.contains { $0.place == .workstation } }
}

extension FixProof {
    /// `proven`, `partly`, `not proven`, `advice`, `not tried`.
    var status: String {
        switch self {
        case .notTried: "not tried"
        case .proven: "proven"
        case .partly: "partly"
        case .notProven: "not proven"
        case .adviceOnly: "advice"
        }
    }

    var words: String {
        switch self {
        case .notTried: status
        case .proven(let change): "proven, \(change.repaired.count) repaired"
        case .partly(_, let why), .notProven(_, let why), .adviceOnly(let why): "\(status): \(why)"
        }
    }
}

extension Experiment {
    /// The same connections in the words of the data plane.
    fileprivate func asked(_ probes: [ProbeFlow]) throws(SystemError) -> [Flow] {
        var result: [Flow] = []
        for probe in probes { result.append(try trace(probe).flow) }
        return result
    }
}
