import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot

/// What `clew check` says of a broken network, and what the kernel says of its fix.
package struct FixReport: Sendable {
    package enum Kernel: String, Sendable {
        /// It failed, worked with the commands, and failed again when they were undone.
        case agrees
        /// Some step ended otherwise; ``FixReport/notes`` say which.
        case differs
        /// The fix has no command that runs on a node, or no undo of one: there is nothing to try.
        case notTried = "not tried"
    }

    package var network: String
    package var fault: String
    /// The rows of the catalogue that the fault stands for.
    package var rows: [String]
    /// The code of the first finding; `nil` where there is none.
    package var first: String?
    /// Codes of further findings at error, and of warnings.
    package var others: [String] = []
    /// Whether some fix of the first finding is proven by simulating it.
    package var isProven = false
    package var kernel = Kernel.notTried
    package var notes: [String] = []

    /// Whether the first finding is one of the fault's rows.
    package var isNamed: Bool { first.map { rows.contains($0) } ?? false }
    package var isGood: Bool { isNamed && isProven && kernel != .differs && others.isEmpty }

    package static func table(_ reports: [FixReport]) -> String {
        var rows = [["network", "fault", "row", "first", "also", "fix", "kernel"]]
        rows += reports.map { report in
            [
                report.network, report.fault, report.rows.first ?? "-", report.first ?? "-",
                report.others.isEmpty ? "-" : report.others.joined(separator: ","),
                report.isProven ? "proven" : "-", report.kernel.rawValue,
            ]
        }
        let widths = (0..<rows[0].count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            let cells = row.enumerated().map { column, cell in
                cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            text += cells.joined(separator: "  ").trimmingSuffix + "\n"
        }
        let faults = Set(reports.map(\.fault))
        func count(_ isMeant: (FixReport) -> Bool) -> Int {
            faults.count { fault in reports.contains { $0.fault == fault && isMeant($0) } }
        }
        text +=
            "\(faults.count) faults: \(count(\.isNamed)) named first, \(count { $0.isNamed && $0.isProven }) with a proven fix, "
            + "\(count { $0.isNamed && $0.kernel == .agrees }) fixed and broken again in the kernel\n"
        return text
    }
}

extension String {
    fileprivate var trimmingSuffix: String {
        var copy = self
        while copy.hasSuffix(" ") { copy.removeLast() }
        return copy
    }
}

/// Breaks a network, lets `clew check` find it, and runs the commands of its fix on the nodes.
package struct FixTrial {
    private let network: any LabNetwork
    private let backend: RuleBackend
    /// `nil`: the network as it should be, of which nothing may be found.
    private let fault: Fault?

    package init(_ network: any LabNetwork, _ backend: RuleBackend, _ fault: Fault?) {
        self.network = network
        self.backend = backend
        self.fault = fault
    }

    package func run() throws(SystemError) -> FixReport {
        var plan = ClusterPlan(families: network.families)
        plan.backend = backend
        // One of the Services is wrong on purpose: here nothing may be found that no fault has made.
        plan.services.removeAll { $0.name.name == "wrong-port" }
        let lab = try Lab(network, plan: plan, faults: fault.map { [$0] } ?? [])
        let experiment = try Experiment(lab)
        let rows = fault?.rows.map { String($0.dropFirst("CLEW-".count)) } ?? []
        var report = FixReport(network: network.name, fault: fault?.name ?? "-", rows: rows)
        let flows = try fault.map { fault throws(SystemError) in
            try experiment.flows(
                from: fault.example.from, to: fault.example.to, sourcePort: fault.sourcePort, via: fault.via,
                size: fault.size)
        }
        let asked = try flows.map { flows throws(SystemError) in try experiment.asked(flows) } ?? []
        let run = CheckRun(CheckCatalogue.all, in: CheckContext(experiment.dataplane, asking: asked))
        report.first = run.findings.first { $0.severity > .notice }?.check.code
        // A fault may stand for several rows, and be told for each.
        report.others = run.findings.filter { $0.severity > .notice }.dropFirst().map(\.check.code)
            .filter { !rows.contains($0) }
        for finding in run.findings.prefix(4) {
            report.notes.append("\(finding.severity) \(finding.check.code) \(finding.subject) \(finding.message)")
        }
        guard let flow = flows?.first, let finding = run.findings.first(where: { $0.severity > .notice }) else {
            return report
        }
        let proven = finding.fixes.first { if case .proven = $0.proof { true } else { false } }
        report.isProven = proven != nil
        for fix in finding.fixes { report.notes.append("fix: \(fix.title): \(Self.words(fix.proof))") }
        guard let proven, report.isNamed else { return report }
        try judge(proven, flow, lab, &report)
        return report
    }

    private static func words(_ proof: FixProof) -> String {
        switch proof {
        case .notTried: "not tried"
        case .proven(let change): "proven, \(change.repaired.count) repaired"
        case .partly(_, let why): "partly: \(why)"
        case .notProven(_, let why): "not proven: \(why)"
        case .adviceOnly(let why): "advice: \(why)"
        }
    }

    // MARK: - The kernel

    /// How often a connection is tried: those that chance has a part in fail only sometimes.
    private static let tries = 12

    private func judge(_ fix: Fix, _ flow: ProbeFlow, _ lab: Lab, _ report: inout FixReport) throws(SystemError) {
        let commands = fix.commands.filter { if case .node = $0.place { true } else { false } }
        guard !commands.isEmpty, commands.count == fix.commands.count else {
            report.notes.append("kernel: the fix is not made of commands for nodes alone")
            return
        }
        guard commands.allSatisfy({ $0.undo != nil }) else {
            report.notes.append("kernel: not every command has an undo")
            return
        }
        try nameNamespaces(lab)
        report.kernel = .differs
        let before = try answered(flow, lab)
        for command in commands { try run(command.command, at: command.place, lab, &report) }
        let after = try answered(flow, lab)
        // Run twice, a command must not do harm.
        for command in commands { try run(command.command, at: command.place, lab, &report) }
        let again = try answered(flow, lab)
        for command in commands.reversed() { try run(command.undo ?? "", at: command.place, lab, &report) }
        let undone = try answered(flow, lab)
        report.notes.append(
            "kernel: \(before) of \(Self.tries) answered before, \(after) with the fix, \(again) with it made twice, "
                + "\(undone) with it undone")
        if before < Self.tries, after == Self.tries, again == Self.tries, undone < Self.tries {
            report.kernel = .agrees
        }
    }

    private func answered(_ flow: ProbeFlow, _ lab: Lab) throws(SystemError) -> Int {
        var run = ProbeRun()
        run.watches = false
        // A source port that is given can be used once at a time.
        if flow.sourcePort != nil {
            var count = 0
            for _ in 0..<2 { count += try run.results([flow], in: lab).count { $0.outcome == .answered } }
            return count == 2 ? Self.tries : count
        }
        let results = try run.results(Array(repeating: flow, count: Self.tries), in: lab)
        return results.count { $0.outcome == .answered }
    }

    private func run(
        _ command: String, at place: FixCommand.Place, _ lab: Lab, _ report: inout FixReport
    ) throws(SystemError) {
        guard case .node(let name) = place, let node = lab.node(name) else {
            throw .unusable("no node for '\(command)'")
        }
        let result = try node.namespace.run(Command(["sh", "-c", command]))
        if result.status != .exited(0) {
            report.notes.append("\(name)# \(command): \(result.status): \(result.errorText)")
        }
    }

    /// Gives pods' namespaces the names that `ip -n` knows them by, as container runtimes do.
    private func nameNamespaces(_ lab: Lab) throws(SystemError) {
        guard Isolation.isEntered else { return }
        for pod in lab.pods {
            let path = "/run/netns/\(pod.plan.namespaceName)"
            _ = try Command(["sh", "-c", "touch \(path) && mount --bind \(pod.namespace.path) \(path)"]).run()
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
