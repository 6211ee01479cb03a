package import ClewDataplane
import ClewBundle
import ClewNet
package import ClewSnapshot

/// Writes traces as JSON, schema `clew.trace/v1` (`docs/trace-json.md`).
package struct TraceJSON: Sendable {
    package static let schema = "clew.trace/v1"

    private let snapshot: ClusterSnapshot
    private let missing: MissingNodes

    package init(_ snapshot: ClusterSnapshot) {
        self.snapshot = snapshot
        missing = MissingNodes(snapshot)
    }

    /// One trace on one line; `id` is the JSON text of the `id` that came with the flow.
    package func line(_ trace: Trace, id: String? = nil) -> String {
        var members: [(String, JSONValue)] = []
        if let id { members.append(("id", .verbatim(id))) }
        members += [
            ("schema", .string(Self.schema)),
            ("verdict", .string(trace.verdict.rawValue)),
            ("summary", .string(TraceSummary(trace).text)),
            ("flow", flow(trace.flow)),
            ("branches", .array(trace.branches.map(branch))),
            ("assumptions", .array(trace.assumptions.map(note))),
            ("unknowns", .array(trace.unknowns.map(note))),
        ]
        let text = JSONValue.object(members).text
        let gaps = missing.named(in: text).members
        return gaps.isEmpty ? text : JSONValue.object(members + gaps).text
    }

    /// What stands in for a trace that could not be made: a line of `--flows` that is no flow, a name nobody has.
    package func errorLine(_ message: String, id: String? = nil, line: Int? = nil) -> String {
        var members: [(String, JSONValue)] = []
        if let id { members.append(("id", .verbatim(id))) }
        members += [
            ("schema", .string(Self.schema)),
            ("error", .object([("message", .string(message)), ("line", .optional(line))])),
        ]
        members += missing.named(in: message).members
        return JSONValue.object(members).text
    }

    private func flow(_ flow: Flow) -> JSONValue {
        let via: String? = if case .outside(_, let via) = flow.origin { via } else { nil }
        let node: String? =
            switch flow.origin {
            case .host(let node): node
            case .pod(let node, _, _): node
            case .outside: nil
            }
        return .object([
            ("from", .string(flow.fromText)),
            ("to", .string(flow.toText)),
            ("protocol", .string(protocolName(flow.ipProtocol))),
            ("family", .number(Int(flow.family.rawValue))),
            ("node", .optional(node)),
            ("via", .optional(via)),
            ("source", .optional(flow.source?.description)),
            ("source_port", .optional(flow.sourcePort.map(Int.init))),
            ("destination", .string(flow.destination.description)),
            ("destination_port", flow.ipProtocol.hasPorts ? .number(Int(flow.destinationPort)) : .null),
        ])
    }

    private func protocolName(_ ipProtocol: IPProtocol) -> String {
        FlowTransport(ipProtocol)?.rawValue ?? ipProtocol.description
    }

    private func branch(_ branch: TraceBranch) -> JSONValue {
        .object([
            ("probability", .real(branch.probability.value)),
            ("fraction", .string(branch.probability.description)),
            ("outcome", .string(branch.outcome.rawValue)),
            ("reason", .string(branch.reason)),
            ("disposition", .string(branch.disposition.rawValue)),
            ("client_told", .optional(branch.sign?.rawValue)),
            ("dnat", .optional(branch.dnat?.description)),
            ("snat", .optional(branch.snat?.description)),
            ("masqueraded", .bool(branch.isMasqueraded)),
            ("delivered_to", branch.deliveredTo.map(receiver) ?? .null),
            ("decided_by", decision(branch.decidedBy)),
            ("translations", .array(branch.translations.map(translation))),
            ("alternatives", .number(branch.alternatives)),
            ("reply", branch.reply.map(reply) ?? .null),
            ("hops", .array(branch.hops.map(hop))),
        ])
    }

    private func receiver(_ receiver: Receiver) -> JSONValue {
        .object([
            ("node", .optional(receiver.node)),
            ("pod", .optional(receiver.pod)),
            ("address", .string(receiver.address.description)),
        ])
    }

    private func decision(_ decision: Decision?) -> JSONValue {
        guard let decision else { return .null }
        return .object(
            [("node", .optional(decision.node))] + place(decision.source) + [("text", .string(decision.text))])
    }

    private func place(_ source: SourceLine?) -> [(String, JSONValue)] {
        guard let source else { return [("file", .null), ("line", .null)] }
        return [
            ("file", .string(snapshot.path(of: source.artifact))),
            ("line", source.line == 0 ? .null : .number(Int(source.line))),
        ]
    }

    private func translation(_ translation: Translation) -> JSONValue {
        .object([
            ("node", .string(translation.node)),
            ("hook", .optional(translation.hook.map { "\($0)" })),
            ("kind", .string(translation.kind.rawValue)),
            ("before", .string(translation.before.description)),
            ("after", .string(translation.after.description)),
        ])
    }

    private func reply(_ reply: ReplyTrace) -> JSONValue {
        .object([
            ("disposition", .string(reply.disposition.rawValue)),
            ("reason", .string(reply.reason)),
            ("decided_by", decision(reply.decidedBy)),
            ("hops", .array(reply.hops.map(hop))),
        ])
    }

    private func hop(_ hop: Hop) -> JSONValue {
        .object([
            ("node", .optional(hop.node)),
            ("namespace", .string(hop.namespace)),
            ("device_in", .optional(hop.deviceIn)),
            ("device_out", .optional(hop.deviceOut)),
            ("encapsulation", .number(hop.encapsulation)),
            ("steps", .array(hop.steps.map(step))),
        ])
    }

    private func step(_ step: Step) -> JSONValue {
        .object(
            [
                ("kind", .string(step.kind.rawValue)),
                ("hook", .optional(step.hook.map { "\($0)" })),
                ("table", .optional(step.table)),
                ("chain", .optional(step.chain)),
                ("rule", .optional(step.rule)),
            ] + place(step.source) + [
                ("text", .string(step.text)),
                ("skipped", .number(step.skipped)),
                ("depth", .number(step.depth)),
                ("mark", .string(PacketMark(rawValue: step.mark).description)),
                ("tuple", tuple(step.tuple)),
            ])
    }

    private func tuple(_ tuple: ConntrackTuple) -> JSONValue {
        let ports = tuple.ipProtocol.hasPorts
        return .object([
            ("protocol", .string(protocolName(tuple.ipProtocol))),
            ("source", .string(tuple.source.description)),
            ("source_port", ports ? .number(Int(tuple.sourcePort)) : .null),
            ("destination", .string(tuple.destination.description)),
            ("destination_port", ports ? .number(Int(tuple.destinationPort)) : .null),
        ])
    }

    private func note(_ note: TraceNote) -> JSONValue {
        .object([("text", .string(note.text)), ("node", .optional(note.node))] + place(note.source))
    }
}
