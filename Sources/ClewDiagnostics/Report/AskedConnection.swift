package import ClewDataplane
package import ClewIntent
import ClewNet
import ClewSnapshot

/// One connection that somebody asks about, walked.
package struct AskedConnection: Sendable {
    package var trace: Trace
    package var expectation: Expectation
    package var service: ServicePortName?

    /// Whether the API asks for it to work, and on some branch it does not.
    package var isBroken: Bool {
        expectation == .works && (trace.verdict == .fails || trace.verdict == .partly)
    }

    /// The nodes it passes there and back, in order.
    var nodes: [String] {
        var result: [String] = []
        for hop in trace.branches.flatMap({ $0.hops + ($0.reply?.hops ?? []) }) {
            if let node = hop.node, !result.contains(node) { result.append(node) }
        }
        return result
    }

    /// Whether a finding can be why the connection fails: it explains a loss of it, or is about something it needs.
    func isTouched(by finding: Finding, at index: Int, in context: CheckContext) -> Bool {
        if finding.explains.contains(where: { context.survey.lost[$0].connections.contains(index) }) { return true }
        // What loses other connections and not this one is not its trouble.
        guard finding.explains.isEmpty else { return false }
        switch finding.subject {
        case .cluster: return true
        case .node(let name): return nodes.contains(name)
        case .service(let name), .servicePort(let name, _): return service?.service == name
        case .pod(let name):
            if case .pod(_, _, name) = trace.flow.origin { return true }
            return trace.branches.contains { $0.deliveredTo?.pod == name.description }
        case .other(let text):
            return text.split(separator: " ").contains { nodes.contains(String($0)) }
        }
    }
}

extension CheckContext {
    /// Walks the asked connections before all others, and the others as far as the limit goes.
    package init(_ dataplane: Dataplane, asking flows: [Flow], connectionLimit limit: Int = 5_000) {
        let snapshot = dataplane.snapshot
        let contracts = Self.contracts(of: snapshot)
        let known = Set(flows.map(FlowEnds.init))
        let planned = SurveyPlan(dataplane, contracts: contracts, limit: limit).connections
        let asked = flows.map { flow in
            let (expectation, service) = Self.expectation(of: flow, contracts)
            let ends = FlowEnds(flow)
            let needsMasquerade = planned.contains { $0.needsMasquerade && FlowEnds($0.flow) == ends }
            return SurveyedConnection(
                flow: flow, service: service, expectation: expectation, needsMasquerade: needsMasquerade)
        }
        let others = planned.filter { !known.contains(FlowEnds($0.flow)) }
        self.init(dataplane, contracts: contracts, survey: ConnectionSurvey(asked + others, through: dataplane))
    }

    /// The first connections of the survey, walked once more with their paths.
    package func asked(_ count: Int) -> [AskedConnection] {
        survey.connections.prefix(count).map {
            AskedConnection(trace: dataplane.trace($0.flow), expectation: $0.expectation, service: $0.service)
        }
    }

    /// What the API asks of a connection; one to no Service is expected to work.
    static func expectation(
        of flow: Flow, _ contracts: [String: [ServiceContract]]
    ) -> (Expectation, ServicePortName?) {
        let node: String
        let arrival: SourceArrival
        var source = flow.source
        switch flow.origin {
        case .host(let name): (node, arrival) = (name, .host)
        case .pod(let name, let address, _): (node, arrival, source) = (name, .podDevice, address)
        case .outside(let address, let via): (node, arrival, source) = (via, .network, address)
        }
        guard let contract = contracts[node]?.first(where: { $0.family == flow.family }) else { return (.works, nil) }
        let entry = contract.entries.first { entry in
            guard entry.destination.port == flow.destinationPort, entry.destination.ipProtocol == flow.ipProtocol else {
                return false
            }
            switch entry.destination.address {
            case .one(let address): return address == flow.destination
            case .anyLocal(let excluded):
                let isAddress = contracts.values.joined().contains {
                    $0.network.nodeAddresses.contains(flow.destination)
                }
                return isAddress && !excluded.contains(flow.destination)
            }
        }
        guard let entry, let from = source ?? contract.network.nodeAddresses.first else { return (.works, nil) }
        switch entry.outcome(from: from, arrival: arrival) {
        case .rejected, .dropped: return (.refused, entry.service)
        case .translated, .untouched: return (.works, entry.service)
        }
    }
}

/// What makes two flows one, however their ends were written.
private struct FlowEnds: Hashable {
    var origin: FlowOrigin
    var destination: IPAddress
    var port: UInt16
    var ipProtocol: IPProtocol

    init(_ flow: Flow) {
        origin = flow.origin
        destination = flow.destination
        port = flow.destinationPort
        ipProtocol = flow.ipProtocol
    }
}

extension CheckContext {
    /// The connections that a survey of the whole cluster walks.
    package static func plan(_ dataplane: Dataplane, limit: Int) -> [SurveyedConnection] {
        SurveyPlan(dataplane, contracts: contracts(of: dataplane.snapshot), limit: limit).connections
    }
}
