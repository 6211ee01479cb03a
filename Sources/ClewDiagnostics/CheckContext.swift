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
    /// How the survey's connections were chosen; `nil`: they are all there are.
    package let sample: SurveySample?
    /// What checks share among each other.
    package let work = SharedWork()
    /// Where this is a context after an edit of nodes.
    package private(set) var earlier: EarlierWork?

    package init(
        _ dataplane: Dataplane, contracts: [String: [ServiceContract]], survey: ConnectionSurvey,
        sample: SurveySample? = nil
    ) {
        snapshot = dataplane.snapshot
        self.dataplane = dataplane
        self.contracts = contracts
        self.survey = survey
        self.sample = sample
    }

    /// The same with another snapshot than the one that was walked: to ask what an edit leaves to be done.
    package init(
        _ dataplane: Dataplane, snapshot: ClusterSnapshot, contracts: [String: [ServiceContract]],
        survey: ConnectionSurvey
    ) {
        self.snapshot = snapshot
        self.dataplane = dataplane
        self.contracts = contracts
        self.survey = survey
        sample = nil
    }

    /// The same cluster after an edit of some nodes, with the survey's connections walked again.
    init(_ dataplane: Dataplane, survey: ConnectionSurvey, after before: CheckContext, editing nodes: Set<String>) {
        self.init(dataplane, contracts: before.contracts, survey: survey)
        earlier = EarlierWork(work: before.work, editedNodes: nodes)
    }

    /// Finds out what each node's kube-proxy was told, plans the connections, and walks them, up to a limit.
    package init(_ dataplane: Dataplane, connectionLimit limit: Int = 12_000) {
        var timings = CheckTimings.none
        self.init(dataplane, connectionLimit: limit, timings: &timings)
    }

    /// The same, with the time that each part of it took.
    package init(_ dataplane: Dataplane, connectionLimit limit: Int = 12_000, timings: inout CheckTimings) {
        let contracts = timings.measure("Services' contracts") { Self.contracts(of: dataplane.snapshot) }
        let plan = timings.measure("choosing connections") {
            SurveyPlan(dataplane, contracts: contracts, limit: limit)
        }
        timings.explain(plan.sample?.description ?? "all of them")
        let survey = timings.measure("walking connections") {
            ConnectionSurvey(plan.connections, through: dataplane)
        }
        timings.explain("\(plan.connections.count) connections")
        self.init(dataplane, contracts: contracts, survey: survey, sample: plan.sample)
    }

    /// What each collected node's kube-proxy owes, by what it was told.
    static func contracts(of snapshot: ClusterSnapshot) -> [String: [ServiceContract]] {
        let all = [[ServiceContract]](concurrently: snapshot.nodes.count) { number in
            let node = snapshot.nodes[number]
            let others = snapshot.nodes.filter { $0.name != node.name }
            let inferred = InferredParameters(of: node, in: snapshot.objects, otherNodes: others)
            let parameters = withPods(inferred.parameters, snapshot.objects)
            return AddressFamily.allCases.map { family in
                ServiceContract(
                    snapshot.objects, family: family, for: parameters,
                    network: NodeNetwork(
                        node: node.name, objects: snapshot.objects, links: node.host.links,
                        outside: snapshot.outside, family: family))
            }
        }
        return Dictionary(zip(snapshot.nodes.map(\.name), all), uniquingKeysWith: { first, _ in first })
    }

    /// What kube-proxy owes with pods taken for pods: where it was told networks that leave the node's own ones out, it
    /// is the nodes' ranges that count.
    private static func withPods(_ parameters: ProxyParameters, _ objects: KubernetesObjects) -> ProxyParameters {
        guard case .sources(let prefixes) = parameters.localDetection,
            let own = objects.nodes.first(where: { $0.name == parameters.nodeName })?.podCIDRs
        else { return parameters }
        let missing = Set(
            own.filter { range in
                prefixes.contains { $0.family == range.family } && !prefixes.contains { $0.contains(range.address) }
            }.map(\.family))
        guard !missing.isEmpty else { return parameters }
        var parameters = parameters
        let ranges = objects.nodes.flatMap(\.podCIDRs).filter { missing.contains($0.family) }.map(\.network)
        parameters.localDetection = .sources(prefixes.filter { !missing.contains($0.family) } + Set(ranges).sorted())
        return parameters
    }

    package func service(_ name: NamespacedName) -> Service? {
        snapshot.objects.services.first { $0.name == name }
    }

    /// The pods that a Service's selector means, sorted by name; none where it has no selector.
    package func pods(selectedBy service: Service) -> [Pod] { snapshot.objects.pods(selectedBy: service) }

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
