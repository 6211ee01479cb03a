import ClewBundle
package import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
package import ClewSnapshot

/// Writes comparisons of Services as JSON, schema `clew.services/v1` (`docs/services-json.md`).
package struct ServicesJSON: Sendable {
    package static let schema = "clew.services/v1"

    private let snapshot: ClusterSnapshot

    package init(_ snapshot: ClusterSnapshot) { self.snapshot = snapshot }

    /// One node on one line.
    package func line(_ node: NodeComparison, onlyDifferences: Bool) -> String {
        let ports = node.ports.filter { !onlyDifferences || $0.status != .inOrder }
        let members: [(String, JSONValue)] = [
            ("schema", .string(Self.schema)),
            ("node", .string(node.node)),
            ("not_compared", .optional(node.notCompared)),
            ("destinations", .number(node.destinationCount)),
            ("classes", .number(node.classCount)),
            ("in_order", .number(node.ports.count { $0.status == .inOrder })),
            ("differing", .number(node.ports.count { $0.status == .differs })),
            ("unknown", .number(node.ports.count { $0.status == .unknown })),
            ("parameters", .array(node.parameters.map(parameter))),
            ("causes", .array(node.causes.map(cause))),
            ("services", .array(ports.map(port))),
            ("unserved", .array(node.unserved.map(unserved))),
            ("health_checks", .array(node.healthChecks.map(healthCheck))),
            ("unread_files", .array(node.unreadFiles.map(note))),
            ("stale_entries_looked_for", .bool(node.notCompared == nil && node.looksForStaleEntries)),
        ]
        return JSONValue.object(members + MissingNodes(snapshot).named(in: node.node).members).text
    }

    /// A node that the API knows, and of which the bundle holds nothing.
    package func line(notCollected node: String) -> String {
        var result = NodeComparison(node: node)
        result.notCompared = "not collected"
        result.looksForStaleEntries = false
        return line(result, onlyDifferences: false)
    }

    private func place(_ source: SourceLine?) -> [(String, JSONValue)] {
        guard let source else { return [("file", .null), ("line", .null)] }
        return [
            ("file", .string(snapshot.path(of: source.artifact))),
            ("line", source.line == 0 ? .null : .number(Int(source.line))),
        ]
    }

    private func parameter(_ finding: ParameterFinding) -> JSONValue {
        .object(
            [
                ("name", .string(finding.name)), ("value", .string(finding.value)),
                ("origin", .string(finding.origin.rawValue)),
            ] + place(finding.source))
    }

    private func unserved(_ service: UnservedService) -> JSONValue {
        .object([("service", .string(service.service)), ("reason", .string(service.reason.description))])
    }

    private func healthCheck(_ check: HealthCheckComparison) -> JSONValue {
        .object([
            ("service", .string(check.contract.service.description)), ("port", .number(Int(check.contract.port))),
            ("local_endpoints", .number(check.contract.localEndpoints)),
            ("listening", check.isListening.map { JSONValue.bool($0) } ?? .null),
        ])
    }

    private func note(_ note: TraceNote) -> JSONValue {
        .object([("text", .string(note.text))] + place(note.source))
    }

    private func cause(_ group: CauseGroup) -> JSONValue {
        .object([
            ("cause", cause(group.cause)),
            ("kinds", .array(group.kinds.map { .string($0.rawValue) })),
            ("services", .array(group.services.map { .string($0.description) })),
            ("stale_services", .array(group.staleNames.map { .string($0) })),
            ("differences", .number(group.count)),
            ("example", difference(group.example)),
        ])
    }

    private func cause(_ cause: Cause) -> JSONValue {
        .object(
            [
                ("kind", .string(cause.kind == .line ? "line" : "lacking")), ("place", .string(cause.place)),
                ("text", .string(cause.text)),
            ] + place(cause.source))
    }

    private func port(_ port: ServicePortComparison) -> JSONValue {
        .object([
            ("service", .string(port.name.description)),
            ("protocol", .string(port.name.ipProtocol.description)),
            ("status", .string(port.status.rawValue)),
            ("may_be_in_flight", .bool(port.mayBeInFlight)),
            ("destinations", .number(port.destinationCount)),
            ("differences", .array(port.differences.map(difference))),
            ("undecided", .array(port.undecided.map(undecided))),
        ])
    }

    private func undecided(_ undecided: Undecided) -> JSONValue {
        .object([
            ("destination", destination(undecided.destination)),
            ("arrival", .string(arrival(undecided.arrival))),
            ("senders", senders(undecided.senders)),
            ("because", note(undecided.note)),
        ])
    }

    private func difference(_ difference: Difference) -> JSONValue {
        .object([
            ("kind", .string(difference.kind.rawValue)),
            ("summary", .string(DifferenceWords.sentence(difference))),
            ("destination", destination(difference.destination)),
            ("arrival", .string(arrival(difference.arrival))),
            ("senders", senders(difference.senders)),
            ("endpoint", .optional(difference.endpoint?.description)),
            ("expected", expected(difference.expected)),
            ("found", .array(difference.found.map(found))),
            ("cause", cause(difference.cause)),
            ("witness", witness(difference)),
            ("confirmed", .bool(difference.isConfirmed)),
        ])
    }

    private func arrival(_ arrival: SourceArrival) -> String {
        switch arrival {
        case .host: "host"
        case .podDevice: "pod"
        case .network: "network"
        }
    }

    private func senders(_ addresses: AddressSet) -> JSONValue {
        .array(addresses.prefixes.map { .string($0.description) })
    }

    private func destination(_ destination: ContractDestination) -> JSONValue {
        let address: String? = if case .one(let address) = destination.address { address.description } else { nil }
        return .object([
            ("kind", .string(destination.kind.rawValue)), ("address", .optional(address)),
            ("protocol", .string(destination.ipProtocol.description)), ("port", .number(Int(destination.port))),
        ])
    }

    private func expected(_ outcome: ContractOutcome) -> JSONValue {
        switch outcome {
        case .rejected: return .object([("outcome", .string("rejected"))])
        case .dropped: return .object([("outcome", .string("dropped"))])
        case .untouched: return .object([("outcome", .string("untouched"))])
        case .translated(let wanted):
            return .object([
                ("outcome", .string("translated")),
                ("endpoints", .array(wanted.endpoints.map { .string($0.description) })),
                ("masquerade", .string(wanted.masquerade == .always ? "always" : "only-to-itself")),
                ("affinity_seconds", .optional(wanted.affinitySeconds.map(Int.init))),
            ])
        }
    }

    private func found(_ share: FoundShare) -> JSONValue {
        var outcome = ""
        var endpoint: SocketAddress?
        var isMasqueraded: JSONValue = .null
        switch share.outcome {
        case .translated(let own, let masqueraded):
            (outcome, endpoint, isMasqueraded) = ("translated", own, .bool(masqueraded))
        case .noRoute(let own): (outcome, endpoint) = ("no-route", own)
        case .untranslated: outcome = "untranslated"
        case .dropped(let own): (outcome, endpoint) = ("dropped", own)
        case .rejected(let own): (outcome, endpoint) = ("rejected", own)
        case .unknown: outcome = "unknown"
        }
        return .object([
            ("outcome", .string(outcome)), ("endpoint", .optional(endpoint?.description)),
            ("masqueraded", isMasqueraded), ("probability", .real(share.probability.value)),
            ("fraction", .string(share.probability.description)),
        ])
    }

    private func witness(_ difference: Difference) -> JSONValue {
        guard let witness = difference.witness else { return .null }
        let (kind, address): (String, String?) =
            switch witness.flow.origin {
            case .host: ("host", witness.flow.source?.description)
            case .pod(_, let address, _): ("pod", address.description)
            case .outside(let address, _): ("outside", address.description)
            }
        return .object([
            ("origin", .string(kind)), ("sender", .string(witness.sender)), ("source", .optional(address)),
            ("source_port", .optional(witness.flow.sourcePort.map(Int.init))),
            ("destination", .string(witness.flow.destination.description)),
            ("destination_port", .number(Int(witness.flow.destinationPort))),
            ("protocol", .string(witness.flow.ipProtocol.description)),
        ])
    }
}
