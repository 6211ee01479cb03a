package import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
package import ClewSnapshot

/// What findings say in the words that all forms of the report share.
package struct CheckWords: Sendable {
    private let snapshot: ClusterSnapshot

    package init(_ snapshot: ClusterSnapshot) { self.snapshot = snapshot }

    /// A piece of evidence in one line, and where it was read; nothing that an edit has set has a place.
    package func text(_ evidence: Evidence) -> (text: String, source: SourceLine?) {
        switch evidence {
        case .line(_, let source, let text): (text, known(source))
        case .field(let object, let path, let value, let source): ("\(object): \(path) = \(value)", known(source))
        case .absent(let place, let what, let source): ("\(place): \(what) is not there", known(source))
        case .trace(let connection):
            (
                "\(connection.flow.fromText) → \(connection.flow.toText): \(connection.reason)",
                known(connection.decidedBy?.source)
            )
        case .computed(let text, let source): (text, known(source))
        }
    }

    private func known(_ source: SourceLine?) -> SourceLine? { source.flatMap { $0.isEdited ? nil : $0 } }

    /// `nodes/worker-a/sysctl.txt:3`.
    package func place(_ source: SourceLine?) -> String? { known(source).map(snapshot.describe) }

    package func path(_ source: SourceLine) -> String { snapshot.path(of: source.artifact) }

    /// `breaks 3 of 40 connections, such as pod/shop/web-0 → 10.96.0.20:80/tcp`.
    package static func text(_ affected: AffectedConnections) -> String {
        let example = affected.example.map { ", such as \($0.flow.fromText) → \($0.flow.toText)" } ?? ""
        return "breaks \(counted(affected.count, of: affected.total))\(example)"
    }

    /// `1 of 8 connections`.
    private static func counted(_ count: Int, of total: Int) -> String {
        "\(count) of \(total) connection\(total == 1 ? "" : "s")"
    }

    /// `3 connections`, `1 connection`.
    package static func connections(_ count: Int) -> String { "\(count) connection\(count == 1 ? "" : "s")" }

    /// `node/worker-a bridges answers past conntrack (likely)`.
    package static func title(_ finding: Finding) -> String {
        let sure = finding.confidence == .proven ? "" : " (\(finding.confidence.rawValue))"
        return "\(finding.subject) \(finding.message)\(sure)"
    }

    /// `on worker-a`; `nil` for a workstation.
    package static func place(_ place: FixCommand.Place) -> String? {
        switch place {
        case .node(let name): "on \(name)"
        case .workstation: nil
        }
    }
}

/// What became of a fix when it was tried, for reports.
package struct ProofWords: Sendable {
    /// `proven`, `partly`, `not_proven`, `advice`, `not_tried`: for programs.
    package var status: String
    /// `proven: 3 connections work again`.
    package var text: String
    package var because: String?
    package var change: SurveyChange?

    package init(_ proof: FixProof) {
        switch proof {
        case .proven(let change):
            status = "proven"
            text = "proven: \(Self.repaired(change)), none is lost"
            self.change = change
        case .partly(let change, let why):
            (status, because) = ("partly", why)
            text = "partly: \(Self.repaired(change)); \(why)"
            self.change = change
        case .notProven(let change, let why):
            (status, because) = ("not_proven", why)
            text = "not proven: \(why)"
            self.change = change
        case .adviceOnly(let why):
            (status, because) = ("advice", why)
            text = "advice"
        case .notTried: (status, text) = ("not_tried", "not simulated")
        }
    }

    private static func repaired(_ change: SurveyChange) -> String {
        "\(CheckWords.connections(change.repaired.count)) work\(change.repaired.count == 1 ? "s" : "") again"
    }
}
