package import ClewDataplane
import ClewNet
package import ClewIntent
package import ClewSnapshot
import Dispatch

/// What became of a connection, as far as two walks of it are compared.
package struct ConnectionOutcome: Sendable, Hashable {
    package var verdict: TraceVerdict
    /// Why, of the first branch that fails, else of the first.
    package var reason: String
    package var decidedBy: Decision?
    /// The source addresses that receivers see, sorted.
    package var sources: [String]
    /// Where it arrives, sorted.
    package var receivers: [String]

    init(_ trace: Trace) {
        verdict = trace.verdict
        let shown =
            trace.branches.first { $0.outcome == .fails } ?? trace.branches.first { $0.outcome == .unknown }
            ?? trace.branches.first
        reason = shown?.reason ?? trace.unknowns.first?.text ?? ""
        decidedBy = shown?.decidedBy
        let arrived = trace.branches.filter { $0.disposition == .delivered || $0.disposition == .leavesSnapshot }
        sources = Set(arrived.map { $0.snat?.description ?? "" }).sorted()
        receivers = Set(arrived.compactMap { $0.deliveredTo?.address.description }).sorted()
    }
}

/// A connection that a change gives another end.
package struct ChangedConnection: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Worked, and does not any more, on some branch at least.
        case breaks
        /// Could be told to work, and cannot be told any more.
        case doubtful
        /// Failed, and works.
        case repaired
        /// Failed as the API asks, or was nobody's business, and works.
        case opened
        /// Works as before, and its receiver sees another sender.
        case disguised
        /// Works as before, and arrives elsewhere.
        case redirected
        /// Fails as before, in another way; or could not be told and does.
        case other
    }

    package var kind: Kind
    package var flow: Flow
    package var service: ServicePortName?
    package var before: ConnectionOutcome
    package var after: ConnectionOutcome
}

/// The same connections walked before and after a change.
package struct ChangeStudy: Sendable {
    /// By kind, in the order of ``ChangedConnection/Kind``; in each as they were planned.
    package private(set) var changes: [ChangedConnection] = []
    package let walked: Int
    /// How many that the API asks for do not work.
    package private(set) var failingBefore = 0
    package private(set) var failingAfter = 0
    package private(set) var untoldBefore = 0
    package private(set) var untoldAfter = 0

    package init(_ connections: [SurveyedConnection], before: Dataplane, after: Dataplane) {
        walked = connections.count
        let pairs = Self.walk(connections, before, after)
        for (connection, pair) in zip(connections, pairs) {
            guard let (old, new) = pair else { continue }
            let isAsked = connection.expectation == .works
            if isAsked, old.verdict == .fails || old.verdict == .partly { failingBefore += 1 }
            if isAsked, new.verdict == .fails || new.verdict == .partly { failingAfter += 1 }
            if old.verdict == .unknown { untoldBefore += 1 }
            if new.verdict == .unknown { untoldAfter += 1 }
            guard let kind = Self.kind(old, new, isAsked: isAsked) else { continue }
            changes.append(
                ChangedConnection(
                    kind: kind, flow: connection.flow, service: connection.service, before: old, after: new))
        }
        let order = ChangedConnection.Kind.allCases
        changes = order.flatMap { kind in changes.filter { $0.kind == kind } }
    }

    package func of(_ kind: ChangedConnection.Kind) -> [ChangedConnection] { changes.filter { $0.kind == kind } }

    private static func kind(
        _ old: ConnectionOutcome, _ new: ConnectionOutcome, isAsked: Bool
    ) -> ChangedConnection.Kind? {
        guard old.verdict == new.verdict else {
            switch (old.verdict, new.verdict) {
            case (.works, .fails), (.works, .partly), (.partly, .fails): return .breaks
            case (.works, .unknown): return .doubtful
            case (_, .works): return isAsked ? .repaired : .opened
            default: return .other
            }
        }
        guard new.verdict == .works else { return old == new ? nil : .other }
        if old.sources != new.sources { return .disguised }
        return old.receivers == new.receivers ? nil : .redirected
    }

    private static func walk(
        _ connections: [SurveyedConnection], _ before: Dataplane, _ after: Dataplane
    ) -> [(ConnectionOutcome, ConnectionOutcome)?] {
        var results = [(ConnectionOutcome, ConnectionOutcome)?](repeating: nil, count: connections.count)
        results.withUnsafeMutableBufferPointer { buffer in
            nonisolated(unsafe) let places = buffer
            DispatchQueue.concurrentPerform(iterations: connections.count) { index in
                let flow = connections[index].flow
                places[index] = (ConnectionOutcome(before.trace(flow)), ConnectionOutcome(after.trace(flow)))
            }
        }
        return results
    }
}

extension ClusterSnapshot {
    /// Connections that nobody asks for: from the world outside straight to pods, by way of each node.
    package var strangers: [SurveyedConnection] {
        let pods = PodsByNode(self)
        var result: [SurveyedConnection] = []
        for via in nodes {
            for target in nodes {
                guard let pod = pods.all(on: target.name, .ipv4).first else { continue }
                let client = outside.stranger(.ipv4)
                let flow = Flow(
                    origin: .outside(address: client, via: via.name), destination: pod.address, destinationPort: 80,
                    ipProtocol: .tcp, fromText: "\(client) (by way of \(via.name))", toText: "pod/\(pod.name), tcp 80")
                result.append(SurveyedConnection(flow: flow, service: nil, expectation: .refused))
            }
        }
        return result
    }
}
