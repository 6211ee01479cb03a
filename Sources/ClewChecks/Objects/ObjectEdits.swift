import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// Edits of the API's objects, with the rules that every kube-proxy makes of them.
extension CheckContext {
    /// A Service as somebody would have it, with its slices where they change too; `nil` where a node's rules cannot be
    /// worked out.
    func edits(replacing service: Service? = nil, slices: (service: NamespacedName, [EndpointSlice])? = nil)
        -> [SnapshotEdit]?
    {
        var edits: [SnapshotEdit] = []
        if let service { edits.append(.replaceService(service)) }
        if let slices { edits.append(.replaceEndpointSlices(service: slices.service, slices.1)) }
        for node in snapshot.nodes where hasProxyRules(node) {
            guard let parameters = proxies[node.name]?.parameters, parameters.mode != .nftables else { return nil }
            edits.append(.rewriteProxyRules(node: node.name, parameters))
        }
        return edits
    }

    /// Connections of a Service that the API itself asks to refuse, by number in the survey.
    func refused(_ service: Service, where isMeant: (SurveyedConnection) -> Bool) -> [Int] {
        survey.connections.indices.filter { index in
            let connection = survey.connections[index]
            return connection.expectation == .refused && connection.service?.service == service.name
                && survey.verdicts[index] == .fails && isMeant(connection)
        }
    }
}
