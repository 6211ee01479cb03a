/// The endpoints a Service port uses on one node (`topology.go`, CategorizeEndpoints).
package struct SelectedEndpoints: Sendable {
    package var cluster: [EndpointIntent] = []
    package var local: [EndpointIntent] = []
    /// Those that some rule of this node leads to.
    package var reachable: [EndpointIntent] = []
    /// Whether the Service has any endpoint to use, here or elsewhere.
    package var hasAny = false
}

/// How topology narrows the endpoints of a Service port down.
package enum TopologyScope: Sendable, Hashable {
    case everywhere
    case sameZone(String)
    case sameNode
}

extension ServicePortIntent {
    /// Chooses the endpoints for a node.
    package func selected(for parameters: ProxyParameters) -> SelectedEndpoints {
        guard parameters.version.categorizesEndpoints else { return selectedByReadiness(parameters) }
        var result = SelectedEndpoints()
        guard !endpoints.isEmpty else { return result }
        if usesClusterEndpoints {
            let scope = topologyScope(for: parameters)
            result.cluster = endpoints.filter { $0.isReady && isInside(scope, $0, parameters) }
            if result.cluster.isEmpty { result.cluster = endpoints.filter { $0.isServing && $0.isTerminating } }
            result.hasAny = !result.cluster.isEmpty
        }
        guard usesLocalEndpoints else {
            result.reachable = result.cluster
            return result
        }
        result.local = endpoints.filter { $0.isLocal && $0.isReady }
        if result.local.isEmpty {
            result.local = endpoints.filter { $0.isLocal && $0.isServing && $0.isTerminating }
        }
        if !result.local.isEmpty { result.hasAny = true }
        guard usesClusterEndpoints else {
            result.hasAny = endpoints.contains { $0.isReady || ($0.isServing && $0.isTerminating) }
            result.reachable = result.local
            return result
        }
        let own = Set(result.cluster.map(\.address))
        result.reachable = result.cluster + result.local.filter { !own.contains($0.address) }
        return result
    }

    /// Before 1.24: ready endpoints only, no hints, and a local internal policy leaves no others over
    /// (`topology.go`, FilterEndpoints).
    private func selectedByReadiness(_ parameters: ProxyParameters) -> SelectedEndpoints {
        var result = SelectedEndpoints()
        result.cluster = endpoints.filter { endpoint in
            endpoint.isReady && (endpoint.isLocal || externalPolicyIsLocal || !internalPolicyIsLocal)
        }
        if externalPolicyIsLocal { result.local = result.cluster.filter(\.isLocal) }
        result.reachable = result.cluster
        result.hasAny = !result.cluster.isEmpty
        return result
    }

    /// Topology hints count only where every ready endpoint has one, and one of them is for this node or zone
    /// (`topologyModeFromHints`).
    package func topologyScope(for parameters: ProxyParameters) -> TopologyScope {
        guard parameters.version.categorizesEndpoints, asksForHints || !parameters.version.needsHintsAnnotation
        else { return .everywhere }
        var (lacksNode, lacksZone, hasNode, hasZone, isAny) = (false, false, false, false, false)
        for endpoint in endpoints where endpoint.isReady {
            isAny = true
            if endpoint.hintNodes.isEmpty { lacksNode = true }
            if endpoint.hintZones.isEmpty { lacksZone = true }
            if endpoint.hintNodes.contains(parameters.nodeName) { hasNode = true }
            if let zone = parameters.zone, endpoint.hintZones.contains(zone) { hasZone = true }
        }
        guard isAny else { return .everywhere }
        if parameters.version.readsNodeHints, !lacksNode, hasNode { return .sameNode }
        guard let zone = parameters.zone, !lacksZone, hasZone else { return .everywhere }
        return .sameZone(zone)
    }

    /// Whether topology lets an endpoint be used.
    package func isInside(
        _ scope: TopologyScope, _ endpoint: EndpointIntent, _ parameters: ProxyParameters
    ) -> Bool {
        switch scope {
        case .everywhere: true
        case .sameNode: endpoint.hintNodes.contains(parameters.nodeName)
        case .sameZone(let zone): endpoint.hintZones.contains(zone)
        }
    }
}
