package import ClewBundle
package import ClewDataplane
import ClewNet
import ClewParsers
import ClewReports
package import ClewSnapshot

/// A lab's bundle, and Clew's and the kernel's answers about the same connections.
package struct Experiment: Sendable {
    package let lab: Lab
    package let bundle: SupportBundle
    package let snapshot: ClusterSnapshot
    package let dataplane: Dataplane

    /// Takes the lab's bundle.
    package init(_ lab: Lab) throws(SystemError) {
        self.lab = lab
        bundle = try LabBundle(lab).collect()
        snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        dataplane = Dataplane(compiling: snapshot)
    }

    /// How often a connection is tried that chance has a part in.
    private static let tries = 24
    /// How many connections are under way at once.
    private static let part = 450
    private static let largePart = 100

    /// Tries every flow, as often as its branches ask for, and compares.
    package func compare(_ flows: [ProbeFlow], run: ProbeRun = ProbeRun()) throws(SystemError) -> [FlowComparison] {
        var traces: [Trace] = []
        for flow in flows { traces.append(try trace(flow)) }
        var wanted: [ProbeFlow] = []
        var owner: [Int] = []
        for (index, flow) in flows.enumerated() {
            let count = traces[index].branches.count > 1 ? Self.tries : 1
            wanted += Array(repeating: flow, count: count)
            owner += Array(repeating: index, count: count)
        }
        var results: [Int: [ProbeResult]] = [:]
        // In parts, so that the packets of one do not crowd out those of another; large ones by themselves.
        let order = wanted.indices.filter { wanted[$0].size == 0 }
        let large = wanted.indices.filter { wanted[$0].size > 0 }
        for (indices, most) in [(order, Self.part), (large, Self.largePart)] {
            for start in stride(from: 0, to: indices.count, by: most) {
                let part = Array(indices[start..<min(start + most, indices.count)])
                for (index, result) in zip(part, try run.results(part.map { wanted[$0] }, in: lab)) {
                    results[owner[index], default: []].append(result)
                }
            }
        }
        return flows.indices.map { index in
            FlowComparison(
                flows[index], results[index] ?? [], traces[index], followsLots: !hasAffinity(flows[index]))
        }
    }

    private func hasAffinity(_ flow: ProbeFlow) -> Bool {
        lab.plan.services.contains { service in
            service.affinity != nil
                && Addressing.service(service.number, flow.destination.address.family) == flow.destination.address
        }
    }

    /// Clew's answer, by the same door as `clew trace --from … --to …`.
    package func trace(_ flow: ProbeFlow) throws(SystemError) -> Trace { try flow.trace(in: dataplane) }

    /// The flows a user asks for in the words of `clew trace`, to be tried.
    package func flows(from: String, to: String, sourcePort: UInt16? = nil, via: String? = nil, size: Int = 0)
        throws(SystemError) -> [ProbeFlow]
    {
        do throws(FlowError) {
            var request = try FlowRequest(from: from, to: to)
            request.sourcePort = sourcePort
            request.via = via
            if size > 0 { request.size = size }
            return try FlowResolver(dataplane).flows(for: request).map(probe)
        } catch {
            throw .unusable(error.message)
        }
    }

    private func probe(_ flow: Flow) -> ProbeFlow {
        let place: LabPlace
        var via: String?
        switch flow.origin {
        case .host(let node): place = .node(node)
        case .pod(_, let address, let name):
            let known = lab.pods.first { $0.plan.name == name || $0.plan.addresses.contains(address) }
            place = .pod((known?.plan.name ?? name ?? NamespacedName("", address.description)).description)
        case .outside(_, let node):
            place = .outside
            via = node
        }
        return ProbeFlow(
            from: place, source: place == .outside ? flow.source : nil, sourcePort: flow.sourcePort,
            to: SocketAddress(flow.destination, flow.destinationPort), flow.ipProtocol, flow.toText, via: via,
            size: flow.dataSize ?? 0)
    }

    /// One paragraph about a comparison: what was seen, what Clew says, and, where they differ, all there is.
    package func report(_ comparison: FlowComparison, showsPackets: Bool = false) -> String {
        let outcomes = Dictionary(grouping: comparison.tries) { result in
            "\(result.outcome)" + (result.answer.map { " by \($0.place), which saw \($0.peer.address)" } ?? "")
        }
        let observed = outcomes.map { text, tries in
            tries.count == comparison.tries.count ? text : "\(tries.count)× \(text)"
        }
        .sorted().joined(separator: "; ")
        var lines = [
            "\(comparison.flow.description)", "  kernel: \(observed)",
            "  clew:   \(TraceSummary(comparison.trace).text)",
        ]
        if let decision = TraceSummary(comparison.trace).branch?.decidedBy, comparison.trace.verdict != .works {
            let place = decision.source.map { " (\(snapshot.describe($0)))" } ?? ""
            lines.append("          decided\(decision.node.map { " on \($0)" } ?? "") by: \(decision.text)\(place)")
        }
        let isWrong = comparison.agreement == .disagree
        lines += comparison.complaints.map { "  DISAGREE: \($0)" }
        if isWrong || showsPackets {
            if let first = comparison.strange ?? comparison.tries.first {
                lines.append("  packets:")
                lines += first.sightings.prefix(60).map { "  \($0)" }
            }
        }
        if isWrong {
            let text = TraceText(snapshot).text(comparison.trace)
            lines += text.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ProbeFlow {
    /// Clew's answer about this connection.
    package func trace(in dataplane: Dataplane) throws(SystemError) -> Trace {
        do throws(FlowError) {
            var request = try FlowRequest(
                from: from == .outside ? source?.description ?? "" : from.description,
                to: "\(destination)/\(ipProtocol)")
            request.via = via
            if from != .outside { request.source = source }
            request.sourcePort = sourcePort
            if size > 0 { request.size = size }
            let flows = try FlowResolver(dataplane).flows(for: request)
            guard let found = flows.first, flows.count == 1 else {
                throw FlowError("'\(description)' is \(flows.count) flows")
            }
            return dataplane.trace(found)
        } catch {
            throw .unusable("\(description): \(error.message)")
        }
    }
}
