package import ClewDataplane
import ClewSnapshot

/// What a run of `clew check` has to say, whatever the form it is written in.
package struct CheckReport: Sendable {
    /// One finding with its place in the run.
    package struct Entry: Sendable {
        /// Stays the same from run to run (``Finding/identity``).
        package var id: String
        package var finding: Finding
        /// Connections that it breaks, as far as they were walked.
        package var broken: [Flow]
    }

    /// What leaves connections untold, and how many.
    package struct Untold: Sendable {
        package var note: TraceNote
        package var connections: Int
    }

    /// The bundle's name.
    package var bundle: String
    /// When it was collected (RFC 3339), where it says.
    package var collected: String?
    /// Worst first.
    package var entries: [Entry]
    /// What looks alarming and is not.
    package var normal: [Entry]
    /// Findings that an earlier report has too, and are not told again; `nil` without one.
    package var known: Int?
    /// How many of the findings of the earlier report are gone.
    package var gone: Int?
    package var walked: Int
    /// How the walked connections were chosen; `nil`: they are all there are.
    package var sample: SurveySample?
    package var failing: Int
    /// Connections that cannot be told.
    package var untold: Int
    /// Most connections first.
    package var reasons: [Untold]
    package var nodes: Int
    package var services: Int
    /// Whether something could not be collected, as the bundle says.
    package var lacksParts: Bool
    /// What `--from` and `--to` ask for.
    package var asked: [AskedConnection] = []

    package init(_ run: CheckRun, in context: CheckContext, bundle: String, asked: [AskedConnection] = []) {
        self.bundle = bundle
        collected = context.snapshot.collected
        walked = run.walked
        sample = context.sample
        failing = run.failing
        nodes = context.snapshot.nodes.count
        services = context.snapshot.objects.services.count
        lacksParts = !context.snapshot.missing.isEmpty
        self.asked = asked
        untold =
            asked.isEmpty
            ? context.survey.verdicts.count { $0 == .unknown } : asked.count { $0.trace.verdict == .unknown }
        reasons = context.survey.unknowns.filter { reason in
            asked.isEmpty || reason.connections.contains { $0 < asked.count }
        }.map { Untold(note: $0.note, connections: $0.connections.count) }
        let meant = run.findings.filter { finding in
            asked.isEmpty
                || asked.enumerated().contains { $1.isTouched(by: finding, at: $0, in: context) }
        }
        entries = Self.entries(meant, context)
        normal = Self.entries(run.normal, context)
    }

    private static func entries(_ findings: [Finding], _ context: CheckContext) -> [Entry] {
        zip(Finding.identities(of: findings), findings).map { id, finding in
            let indices = Set(finding.explains.flatMap { context.survey.lost[$0].connections }).sorted()
            return Entry(id: id, finding: finding, broken: indices.map { context.survey.connections[$0].flow })
        }
    }

    package func count(_ severity: Severity) -> Int { entries.count { $0.finding.severity == severity } }

    /// Leaves out what an earlier report has told, by the identities of its findings.
    package mutating func leaveOut(_ earlier: Set<String>) {
        let now = Set(entries.map(\.id))
        known = entries.count { earlier.contains($0.id) }
        gone = earlier.subtracting(now).count
        entries.removeAll { earlier.contains($0.id) }
    }

    /// Whether there is anything to act on: an error or a warning, or an asked connection that does not work.
    package var hasTrouble: Bool {
        entries.contains { $0.finding.severity > .notice }
            || known == nil && asked.contains { $0.trace.verdict == .fails || $0.trace.verdict == .partly }
    }

    /// Whether a part of the answer is missing: connections that cannot be told, or none that could be walked.
    package var isIncomplete: Bool { untold > 0 || walked == 0 && (services > 0 || nodes == 0 || lacksParts) }
}
