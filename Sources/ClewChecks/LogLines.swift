import ClewDiagnostics
import ClewSnapshot

/// Looks for words in a node's logs.
enum LogLines {
    /// Lines of some logs that hold one of the texts, letters' case aside; in the order of the logs.
    static func matching(_ texts: [String], in node: NodeSnapshot, of origins: Set<LogOrigin>) -> [RecordedValue] {
        let wanted = texts.map { $0.lowercased() }
        return node.records.logs.filter { origins.contains($0.origin) }.flatMap { log in
            log.lines.filter { line in
                let text = line.text.lowercased()
                return wanted.contains { text.contains($0) }
            }
        }
    }

    /// A finding where a node's logs hold one of the texts; the last lines are its evidence.
    static func findings(
        _ metadata: CheckMetadata, of texts: [String], _ origins: Set<LogOrigin>, in context: CheckContext,
        message: (Int) -> String, fixes: (NodeSnapshot) -> [Fix] = { _ in [] }
    ) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let lines = matching(texts, in: node, of: origins)
            guard !lines.isEmpty else { return nil }
            return Finding(
                metadata, on: .node(node.name), .likely, message: message(lines.count),
                evidence: lines.suffix(3).map { .line(node: node.name, $0.source, text: String($0.text.prefix(300))) },
                fixes: fixes(node))
        }
    }
}

extension Int {
    /// `1 line`, `3 lines`.
    func counted(_ word: String) -> String { "\(self) \(word)\(self == 1 ? "" : "s")" }
}
