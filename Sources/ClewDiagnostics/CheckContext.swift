package import ClewDataplane
package import ClewIntent
import ClewNet
package import ClewSnapshot

/// What checks look at.
package struct CheckContext: Sendable {
    package let snapshot: ClusterSnapshot
    package let dataplane: Dataplane
    /// Of each collected node, a contract for each family.
    package let contracts: [String: [ServiceContract]]
    package let survey: ConnectionSurvey

    package init(_ dataplane: Dataplane, contracts: [String: [ServiceContract]], survey: ConnectionSurvey) {
        snapshot = dataplane.snapshot
        self.dataplane = dataplane
        self.contracts = contracts
        self.survey = survey
    }

    /// Finds out what each node's kube-proxy was told, plans the connections, and walks them, up to a limit.
    package init(_ dataplane: Dataplane, connectionLimit limit: Int = 20_000) {
        let snapshot = dataplane.snapshot
        let contracts = Self.contracts(of: snapshot)
        let plan = SurveyPlan(snapshot, contracts: contracts, limit: limit)
        self.init(
            dataplane, contracts: contracts, survey: ConnectionSurvey(plan.connections, through: dataplane))
    }

    /// What each collected node's kube-proxy owes, by what it was told.
    static func contracts(of snapshot: ClusterSnapshot) -> [String: [ServiceContract]] {
        var contracts: [String: [ServiceContract]] = [:]
        for node in snapshot.nodes {
            let others = snapshot.nodes.filter { $0.name != node.name }
            let inferred = InferredParameters(of: node, in: snapshot.objects, otherNodes: others)
            contracts[node.name] = AddressFamily.allCases.map { family in
                ServiceContract(
                    snapshot.objects, family: family, for: inferred.parameters,
                    network: NodeNetwork(
                        node: node.name, objects: snapshot.objects, links: node.host.links, family: family))
            }
        }
        return contracts
    }

    package func service(_ name: NamespacedName) -> Service? {
        snapshot.objects.services.first { $0.name == name }
    }

    /// The pods that a Service's selector means, sorted by name; none where it has no selector.
    package func pods(selectedBy service: Service) -> [Pod] {
        guard !service.selector.isEmpty else { return [] }
        return snapshot.objects.pods.filter { pod in
            pod.name.namespace == service.name.namespace && !pod.hasEnded
                && service.selector.allSatisfy { pod.labels[$0.key] == $0.value }
        }
    }

    /// The endpoints of a Service that the API lists: of its slices, else of its Endpoints object.
    package func endpoints(of service: Service) -> [Endpoint] {
        let slices = slices(of: service)
        guard slices.isEmpty else { return slices.flatMap(\.endpoints) }
        let object = snapshot.objects.endpoints.first { $0.name == service.name }
        return (object?.subsets ?? []).flatMap { subset in
            subset.ready.map { $0.with(ready: true) } + subset.notReady.map { $0.with(ready: false) }
        }
    }

    package func slices(of service: Service) -> [EndpointSlice] {
        snapshot.objects.endpointSlices.filter {
            $0.name.namespace == service.name.namespace && $0.serviceName == service.name.name
        }
    }
}

extension Endpoint {
    /// Whether kube-proxy may send to it: ready, or serving while it ends (`EndpointConditions`, `k8s.io/api/discovery`).
    package var isUsable: Bool {
        conditions.ready ?? true || (conditions.serving ?? false) && (conditions.terminating ?? false)
    }

    fileprivate func with(ready: Bool) -> Endpoint {
        var copy = self
        copy.conditions.ready = ready
        return copy
    }
}
