import ClewDataplane
import ClewNet
import ClewSnapshot

/// Sends single packets through the concrete simulator, and reads off what one node does with them.
struct WitnessCheck {
    let dataplane: Dataplane
    let node: String

    /// What recorded clients have left behind is taken out: a class is of new clients.
    init(_ dataplane: Dataplane, node: String) {
        self.node = node
        let host = dataplane.snapshot.node(named: node)?.host
        let remembers =
            !(host?.recent.isEmpty ?? true)
            || (host?.ruleSets.contains { $0.nftSets.contains { $0.isDynamic && !$0.elements.isEmpty } } ?? false)
        guard remembers else {
            self.dataplane = dataplane
            return
        }
        var snapshot = dataplane.snapshot
        for index in snapshot.nodes.indices where snapshot.nodes[index].name == node {
            snapshot.nodes[index].host.recent = [:]
            for set in snapshot.nodes[index].host.ruleSets.indices {
                for own in snapshot.nodes[index].host.ruleSets[set].nftSets.indices
                where snapshot.nodes[index].host.ruleSets[set].nftSets[own].isDynamic {
                    snapshot.nodes[index].host.ruleSets[set].nftSets[own].elements = []
                }
            }
        }
        self.dataplane = Dataplane(compiling: snapshot)
    }

    /// Whether the simulator sends the witness where the classes do.
    func confirms(_ difference: Difference) -> Bool {
        guard let flow = difference.witness?.flow else { return false }
        let found = outcomes(of: dataplane.trace(flow))
        var wanted: [FoundOutcome: Double] = [:]
        for share in difference.found { wanted[Self.plain(share.outcome), default: 0] += share.probability.value }
        guard Set(found.keys) == Set(wanted.keys) else { return false }
        return wanted.allSatisfy { abs($0.value - (found[$0.key] ?? 0)) < 1e-6 }
    }

    /// Where the node has no route, the trace ends before a source could be translated.
    private static func plain(_ outcome: FoundOutcome) -> FoundOutcome {
        switch outcome {
        case .dropped: .dropped(nil)
        case .rejected: .rejected(nil)
        default: outcome
        }
    }

    func outcomes(of trace: Trace) -> [FoundOutcome: Double] {
        var result: [FoundOutcome: Double] = [:]
        for branch in trace.branches { result[outcome(branch), default: 0] += branch.probability.value }
        return result
    }

    private func outcome(_ branch: TraceBranch) -> FoundOutcome {
        let endpoint = branch.translations.last { translation in
            translation.node == node && [.dnat, .ipvs, .redirect].contains(translation.kind)
        }?.after
        let own = branch.hops.filter { $0.node == node && $0.namespace == "host" }
        switch branch.disposition {
        case .indeterminate: return .unknown
        case .dropped where isRuled(branch, own): return .dropped(nil)
        case .rejected where isRuled(branch, own): return .rejected(nil)
        case .noRoute:
            if let endpoint, branch.decidedBy?.node == node { return .noRoute(endpoint) }
        case .delivered, .dropped, .rejected, .looped, .leavesSnapshot: break
        }
        guard let endpoint else { return .untranslated }
        let isMasqueraded = own.contains { hop in
            hop.steps.contains { $0.kind == .rule && $0.hook == .postrouting && Self.translatesSource($0.text) }
        }
        return .translated(endpoint, isMasqueraded: isMasqueraded)
    }

    private static func translatesSource(_ text: String) -> Bool {
        text.contains("-j MASQUERADE") || text.contains("-j SNAT") || text.contains("masquerade")
            || text.contains("snat to") || text.contains("snat ip")
    }

    /// Whether a rule or policy of the node ended the branch, or a virtual server without real servers.
    private func isRuled(_ branch: TraceBranch, _ own: [Hop]) -> Bool {
        guard branch.decidedBy?.node == node, let last = branch.hops.last, last.node == node else { return false }
        let servers = dataplane.snapshot.node(named: node)?.host.virtualServers ?? []
        if let source = branch.decidedBy?.source, servers.contains(where: { $0.source == source }) { return true }
        guard let step = last.steps.last else { return false }
        switch step.kind {
        case .rule, .policy: return step.source == branch.decidedBy?.source
        default: return false
        }
    }
}
