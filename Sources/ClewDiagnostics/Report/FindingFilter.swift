import ClewDataplane
import ClewIntent
package import ClewSnapshot

/// Which findings are asked for.
package struct FindingFilter: Sendable {
    /// Codes, groups or names; empty: all.
    package var select: [String] = []
    package var ignore: [String] = []
    /// Empty: all.
    package var nodes: [String] = []
    package var services: [NamespacedName] = []
    package var minimum = Severity.notice

    package init() {}

    /// Whether a check is meant by a code (`BR001`), a group (`BR`) or a name (`bridge-nf-off`).
    package static func matches(_ check: CheckMetadata, _ word: String) -> Bool {
        let word = word.uppercased()
        return check.code == word || check.group.rawValue == word || check.name.uppercased() == word
    }

    package func wants(_ check: CheckMetadata) -> Bool {
        (select.isEmpty || select.contains { Self.matches(check, $0) })
            && !ignore.contains { Self.matches(check, $0) }
    }

    /// The findings that are asked for, where a consequence that is stands for a cause that is not.
    package func kept(_ findings: [Finding], in context: CheckContext) -> [Finding] {
        findings.flatMap { finding in
            guard !wants(finding.check) else { return [finding] }
            return select.isEmpty ? [] : finding.consequences.filter { wants($0.check) }
        }.filter { finding in
            finding.severity >= minimum
                && (nodes.isEmpty || nodes.contains { Self.concerns(finding, node: $0, context) })
                && (services.isEmpty || services.contains { Self.concerns(finding, service: $0, context) })
        }
    }

    /// Whether a finding is about a node, stands on something read there, or is mended there.
    static func concerns(_ finding: Finding, node: String, _ context: CheckContext) -> Bool {
        switch finding.subject {
        case .node(node): return true
        case .pod(let name):
            if context.snapshot.objects.pods.contains(where: { $0.name == name && $0.nodeName == node }) { return true }
        case .other(let text):
            if text.split(separator: " ").contains(where: { $0 == node }) { return true }
        case .cluster, .node, .service, .servicePort: break
        }
        let isEvidence = finding.evidence.contains { piece in
            switch piece {
            case .line(let place, _, _): place == node
            case .trace(let connection): connection.decidedBy?.node == node
            case .field, .absent, .computed: false
            }
        }
        return isEvidence || finding.explains.contains { context.survey.lost[$0].node == node }
            || finding.fixes.contains { $0.commands.contains { $0.place == .node(node) } }
    }

    /// Whether a finding is about a Service or one of its pods, or breaks connections to it.
    static func concerns(_ finding: Finding, service: NamespacedName, _ context: CheckContext) -> Bool {
        switch finding.subject {
        case .service(service), .servicePort(service, _): return true
        case .pod(let name):
            if let object = context.service(service),
                context.pods(selectedBy: object).contains(where: { $0.name == name })
            {
                return true
            }
        case .cluster, .node, .service, .servicePort, .other: break
        }
        return finding.explains.contains { id in
            context.survey.lost[id].connections.contains {
                context.survey.connections[$0].service?.service == service
            }
        }
    }
}
