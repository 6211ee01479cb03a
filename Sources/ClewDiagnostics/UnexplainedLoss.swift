import ClewDataplane

/// Lost connections that no check has put down to a cause: what is broken is told even where why is not.
package enum UnexplainedLoss {
    package static let metadata = CheckMetadata(
        code: "WLK001", name: "connection-lost", group: .walk, severity: .error,
        finds: "Connections that the API asks for are lost, and no check knows the cause.",
        matters: "They fail as the trace says.",
        confirm: ["clew trace BUNDLE --from SRC --to DST"],
        fix: "Read the trace: the line that decides is named there.",
        sources: ["docs/trace-json.md"])

    /// One for each way of being lost that none of the findings explains.
    static func findings(beside others: [Finding], in context: CheckContext) -> [Finding] {
        let explained = Set(others.flatMap(\.explains))
        return context.survey.lost.filter { !explained.contains($0.id) }.map { group in
            let evidence: Evidence
            if let decision = group.decision, let source = decision.source {
                evidence = .line(node: decision.node, source, text: decision.text)
            } else {
                evidence = .computed(group.reason, nil)
            }
            return Finding(
                metadata, on: group.node.map(Subject.node) ?? .cluster, .proven,
                message: "loses connections: \(group.reason)", evidence: [evidence], explains: [group.id])
        }
    }
}
