import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// What the lost connections of one group passed on their way, from walking a few of them again.
struct LossProbe: Sendable {
    var group: LostConnections
    /// Of all its connections.
    var services: Set<ServicePortName>
    /// The nodes at which they enter.
    var entryNodes: Set<String>
    /// Every line that was looked up on the failing ways.
    var sources: Set<SourceLine>
    /// Destinations the failing ways were translated to.
    var endpoints: Set<SocketAddress>
    var isTranslated: Bool
    var isMasqueraded: Bool
    /// The sources of packets as they left their first namespace.
    var senders: Set<IPAddress>
    var destinations: Set<IPAddress>

    /// Whether something other than kube-proxy's rules is to blame: a firewall, a switch of the kernel.
    var isLostToOthers: Bool {
        switch group.decision?.cause {
        case .policy, .forwardingOff, .refusingRoute, .hairpinOff, .bridgePortBlocked, .skipsConntrack: true
        case .rule(let table, let chain):
            (!chain.hasPrefix("KUBE-") || PolicyDrops.isPolicy(chain: chain)) && table != "kube-proxy"
        default: false
        }
    }
}

/// The probes of all groups of the survey.
struct LossProbes: Sendable {
    var probes: [LossProbe]
}

extension CheckContext {
    var lossProbes: [LossProbe] {
        work.value(LossProbes.self) { LossProbes(probes: survey.lost.map(probe)) }.probes
    }

    private func probe(_ group: LostConnections) -> LossProbe {
        var probe = LossProbe(
            group: group, services: [], entryNodes: [], sources: [], endpoints: [], isTranslated: false,
            isMasqueraded: false, senders: [], destinations: [])
        for index in group.connections {
            let connection = survey.connections[index]
            if let service = connection.service { probe.services.insert(service) }
            probe.entryNodes.insert(connection.flow.origin.node)
            probe.destinations.insert(connection.flow.destination)
        }
        // Enough of them, evenly: what one line loses is lost in one way.
        let step = max(1, group.connections.count / 12)
        for index in group.connections.indices where index % step == 0 {
            let trace = dataplane.trace(survey.connections[group.connections[index]].flow)
            for branch in trace.branches where branch.outcome == .fails && branch.decidedBy == group.decision {
                probe.add(branch)
            }
        }
        return probe
    }
}

extension LossProbe {
    fileprivate mutating func add(_ branch: TraceBranch) {
        for hop in branch.hops { for step in hop.steps { if let source = step.source { sources.insert(source) } } }
        if let dnat = branch.dnat {
            endpoints.insert(dnat)
            isTranslated = true
        }
        isMasqueraded = isMasqueraded || branch.isMasqueraded
        if let first = branch.hops.first?.steps.last?.tuple.source { senders.insert(first) }
    }
}

extension FlowOrigin {
    /// Where it begins, or comes in.
    var node: String {
        switch self {
        case .host(let node), .pod(let node, _, _), .outside(_, let node): node
        }
    }

    var isHost: Bool { if case .host = self { true } else { false } }
}
