import ClewBundle
package import ClewDataplane
import Dispatch

/// Many connections walked through one data plane, and what became of them.
package struct ConnectionSurvey: Sendable {
    /// As planned, in the plan's order.
    package let connections: [SurveyedConnection]
    /// One for each connection.
    package let verdicts: [TraceVerdict]
    /// Those that do not plainly work, by index.
    package let troubled: [Int: TracedConnection]
    /// Failing branches of connections that the API asks to work, by what decides; most connections first.
    package let lost: [LostConnections]
    /// Lines and reasons that leave connections untold, with their number; most first.
    package let unknowns: [(note: TraceNote, connections: [Int])]

    /// What became of each connection, and what that depends on.
    private let results: [Result]

    /// Walks them all, on every processor.
    package init(_ connections: [SurveyedConnection], through dataplane: Dataplane) {
        var results = [Result](repeating: Result(), count: connections.count)
        Self.walk(connections, Array(connections.indices), dataplane, into: &results)
        self.init(connections, results)
    }

    /// The same connections after an edit: only those that depend on what it has changed are walked again, all of them
    /// where that is `nil` (``Dataplane/edited(to:in:)``).
    package init(_ before: ConnectionSurvey, through edited: Dataplane, changed: NamespaceSet?) {
        let again = before.connections.indices.filter { index in
            guard let changed, let reads = before.results[index].reads else { return true }
            return reads.intersects(changed)
        }
        var results = before.results
        Self.walk(before.connections, again, edited, into: &results)
        self.init(before.connections, results)
    }

    private init(_ connections: [SurveyedConnection], _ results: [Result]) {
        self.results = results
        self.connections = connections
        verdicts = results.map(\.verdict)
        var troubled: [Int: TracedConnection] = [:]
        for (index, result) in results.enumerated() where result.summary != nil { troubled[index] = result.summary }
        self.troubled = troubled
        lost = Self.grouped(results, connections)
        unknowns = Self.groupedNotes(results)
    }

    /// How many connections that should work do not, of how many.
    package var failing: Int {
        connections.indices.count { isBroken($0) }
    }

    /// Whether a connection that the API asks to work does not, on some branch at least.
    package func isBroken(_ index: Int) -> Bool {
        guard connections[index].expectation == .works else { return false }
        switch verdicts[index] {
        case .fails, .partly: return true
        case .works, .unknown: return false
        }
    }

    /// What another survey of the same connections shows to be different; `relevant` are those whose repair is hoped for.
    package func change(to after: ConnectionSurvey, hopedFor relevant: Set<Int>) -> SurveyChange {
        var change = SurveyChange(repaired: [], broken: [], stillFailing: [], walked: connections.count)
        for index in connections.indices {
            let (old, new) = (verdicts[index], after.verdicts[index])
            // What the API itself refuses is to work where that is hoped for.
            let wanted = connections[index].expectation == .works || relevant.contains(index)
            if wanted, old != .works, new == .works {
                if let before = troubled[index] {
                    change.repaired.append(before)
                    change.repairedNumbers.insert(index)
                }
            } else if wanted, old == .works, new != .works {
                if let now = after.troubled[index] { change.broken.append(now) }
            } else if relevant.contains(index), new != .works {
                if let now = after.troubled[index] { change.stillFailing.append(now) }
            }
        }
        return change
    }
}

// MARK: - Walking

extension ConnectionSurvey {
    /// What is kept of one trace.
    private struct Result: Sendable {
        var verdict = TraceVerdict.unknown
        var summary: TracedConnection?
        var losses: [Loss] = []
        var unknowns: [TraceNote] = []
        /// The namespaces it depends on; `nil` is all.
        var reads: NamespaceSet?
    }

    /// One failing branch.
    private struct Loss: Sendable {
        var decision: Decision?
        var disposition: Disposition
        var node: String?
        var namespace: String
        var isTunnelled: Bool
        var lastStep: Step?
        var losesReply: Bool
        var reason: String
    }

    /// Walks some of the connections, on every processor.
    private static func walk(
        _ connections: [SurveyedConnection], _ indices: [Int], _ dataplane: Dataplane, into results: inout [Result]
    ) {
        guard !indices.isEmpty else { return }
        // Small pieces: a connection that forks a lot must not hold all the others of its piece back.
        let size = 32
        let pieces = (indices.count + size - 1) / size
        results.withUnsafeMutableBufferPointer { buffer in
            // Every piece has places of its own.
            nonisolated(unsafe) let results = buffer
            DispatchQueue.concurrentPerform(iterations: pieces) { piece in
                let walker = RecordingWalker(dataplane)
                for index in indices[piece * size..<min((piece + 1) * size, indices.count)] {
                    results[index] = result(of: connections[index], walker)
                }
            }
        }
    }

    private static func result(of connection: SurveyedConnection, _ walker: RecordingWalker) -> Result {
        let (trace, reads) =
            connection.needsMasquerade ? walker.trace(connection.flow) : walker.trouble(of: connection.flow)
        var result = result(trace, of: connection)
        result.reads = reads
        return result
    }

    private static func result(_ trace: Trace, of connection: SurveyedConnection) -> Result {
        var result = Result(verdict: trace.verdict)
        if connection.needsMasquerade, trace.verdict == .works,
            let branch = trace.branches.first(where: { $0.disposition == .leavesSnapshot && $0.snat == nil })
        {
            return unmasqueraded(trace, branch)
        }
        guard trace.verdict != .works else { return result }
        result.summary = TracedConnection(trace)
        result.unknowns = trace.unknowns
        result.losses = trace.branches.filter { $0.outcome == .fails }.map(loss)
        return result
    }

    /// A connection that would be answered to an address that nobody outside knows.
    private static func unmasqueraded(_ trace: Trace, _ branch: TraceBranch) -> Result {
        let reason = "leaves with the address of \(trace.flow.fromText), to which the world outside has no way"
        let node = branch.hops.last?.node
        let decision = Decision(node: node, source: nil, text: reason, cause: .notMasqueraded)
        var summary = TracedConnection(trace)
        summary.verdict = .fails
        summary.reason = reason
        summary.decidedBy = decision
        summary.failingPercent = 100
        let loss = Loss(
            decision: decision, disposition: .leavesSnapshot, node: node, namespace: "host", isTunnelled: false,
            lastStep: branch.hops.last?.steps.last, losesReply: true, reason: reason)
        return Result(verdict: .fails, summary: summary, losses: [loss])
    }

    private static func loss(_ branch: TraceBranch) -> Loss {
        let losesReply = branch.disposition == .delivered || branch.disposition == .leavesSnapshot
        let hops = losesReply ? branch.reply?.hops ?? [] : branch.hops
        return Loss(
            decision: branch.decidedBy,
            disposition: losesReply ? branch.reply?.disposition ?? .dropped : branch.disposition,
            node: branch.decidedBy?.node ?? hops.last?.node, namespace: hops.last?.namespace ?? "host",
            isTunnelled: (hops.last?.encapsulation ?? 0) > 0, lastStep: hops.last?.steps.last, losesReply: losesReply,
            reason: branch.reason)
    }

    private static func grouped(_ results: [Result], _ connections: [SurveyedConnection]) -> [LostConnections] {
        struct Key: Hashable {
            var decision: Decision?
            var disposition: Disposition
            var node: String?
            var namespace: String
            var isTunnelled: Bool
            var losesReply: Bool
            /// What is said where no line decides.
            var reason: String?
        }
        var order: [Key] = []
        var groups: [Key: LostConnections] = [:]
        for (index, result) in results.enumerated() where connections[index].expectation == .works {
            for loss in result.losses {
                let key = Key(
                    decision: loss.decision, disposition: loss.disposition, node: loss.node,
                    namespace: loss.namespace, isTunnelled: loss.isTunnelled, losesReply: loss.losesReply,
                    reason: loss.decision?.source == nil ? loss.reason : nil)
                if groups[key] == nil {
                    order.append(key)
                    groups[key] = LostConnections(
                        id: 0, decision: loss.decision, disposition: loss.disposition, node: loss.node,
                        namespace: loss.namespace, isTunnelled: loss.isTunnelled, lastStep: loss.lastStep,
                        losesReply: loss.losesReply, reason: loss.reason, connections: [])
                }
                if groups[key]?.connections.last != index { groups[key]?.connections.append(index) }
            }
        }
        let found = order.compactMap { groups[$0] }.enumerated().sorted { a, b in
            let (first, second) = (a.element.connections.count, b.element.connections.count)
            return first == second ? a.offset < b.offset : first > second
        }
        return found.enumerated().map { number, pair in
            var group = pair.element
            group.id = number
            return group
        }
    }

    private static func groupedNotes(_ results: [Result]) -> [(note: TraceNote, connections: [Int])] {
        var order: [TraceNote] = []
        var groups: [TraceNote: [Int]] = [:]
        for (index, result) in results.enumerated() {
            for note in result.unknowns {
                if groups[note] == nil { order.append(note) }
                if groups[note]?.last != index { groups[note, default: []].append(index) }
            }
        }
        let found = order.enumerated().map { (offset: $0.offset, note: $0.element, list: groups[$0.element] ?? []) }
        return found.sorted { $0.list.count == $1.list.count ? $0.offset < $1.offset : $0.list.count > $1.list.count }
            .map { ($0.note, $0.list) }
    }
}
