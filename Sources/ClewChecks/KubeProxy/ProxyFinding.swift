import ClewCompare
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewSnapshot

/// Findings about kube-proxy's rules look alike.
enum ProxyFinding {
    static func make(
        _ metadata: CheckMetadata, _ fault: ProxyFault, _ context: CheckContext, severity: Severity? = nil,
        message: String, cause: String? = nil, fixes: [Fix]? = nil
    ) -> Finding {
        let isPossible = fault.confidence == .possible
        let usual = severity ?? metadata.severity
        return Finding(
            metadata, on: .node(fault.node), fault.confidence,
            severity: isPossible ? min(usual, .warning) : usual, message: message,
            cause: isPossible ? "the API changed seconds before the rules were read" : cause,
            evidence: evidence(fault, context), fixes: fixes ?? Remedies.rewriteFixes(on: fault.node, context),
            explains: fault.explains)
    }

    private static func evidence(_ fault: ProxyFault, _ context: CheckContext) -> [Evidence] {
        let shown = fault.causes.prefix(4).map { group in
            switch group.cause.kind {
            case .line: Evidence.line(node: fault.node, group.cause.source, text: group.cause.text)
            case .lacking:
                Evidence.absent(
                    place: "\(group.cause.place) on \(fault.node)", what: group.cause.text, group.cause.source)
            }
        }
        let fields = fault.services.prefix(1).compactMap { name in
            context.service(name.service).map { service in
                Evidence.field(
                    object: "Service \(service.name)", path: "spec.ports[\(name.port)]",
                    value: "\(fault.first.example.destination)", service.source)
            }
        }
        return shown + fields
    }

    /// `3 Service ports: shop/api:http, shop/web, …`; one alone by its name.
    static func list(_ names: [ServicePortName]) -> String {
        guard names.count != 1 else { return names[0].description }
        let shown = names.prefix(3).map(\.description).joined(separator: ", ")
        return "\(names.count) Service ports" + (names.isEmpty ? "" : ": \(shown)") + (names.count > 3 ? ", …" : "")
    }

    /// What differences of rules explain already.
    static func explained(in context: CheckContext) -> [Int] {
        let kinds: [ProxyFault.Kind] = [
            .entryMissing, .chainWrong, .deadEndpoint, .staleReject, .jumpMissing, .masqueradeMissing, .hairpinMissing,
            .wrongMasquerade, .foreignRule, .foreignMasquerade, .twoRuleSets, .staleNode,
        ]
        return kinds.flatMap { context.proxyFaults($0).flatMap(\.explains) }
    }
}
