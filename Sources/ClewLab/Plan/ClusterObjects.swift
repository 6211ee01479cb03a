import ClewBundle
import ClewNet
import ClewParsers
import ClewReports
package import ClewSnapshot

/// The API's objects of a plan, as `kubectl get … -o json` prints them.
package enum ClusterObjects {
    /// One List of Nodes, Namespaces, Pods, Services and EndpointSlices.
    package static func json(_ plan: ClusterPlan, services: [ServicePlan]? = nil) -> String {
        let services = services ?? plan.services
        var items = plan.nodes.map { node($0) }
        items += Set(plan.pods.map(\.name.namespace) + services.map(\.name.namespace)).sorted().map {
            object("v1", "Namespace", NamespacedName("", $0), [])
        }
        items += plan.pods.map { pod($0, plan) }
        items += services.map { service($0, plan) }
        for service in services { items += plan.families.map { slice(service, plan, $0) } }
        return JSONValue.object([
            ("apiVersion", .string("v1")), ("kind", .string("List")), ("items", .array(items)),
        ]).text + "\n"
    }

    /// The objects as every reader of a bundle sees them: written, then parsed.
    package static func parsed(_ plan: ClusterPlan, services: [ServicePlan]? = nil) -> KubernetesObjects {
        let file = Artifact(path: "cluster/all.json", bytes: Array(json(plan, services: services).utf8))
        return ClusterSnapshot(parsing: SupportBundle(name: "lab", artifacts: [file]), nodeName: nil).objects
    }

    private static func object(
        _ version: String, _ kind: String, _ name: NamespacedName, labels: [(String, String)] = [],
        _ members: [(String, JSONValue)]
    ) -> JSONValue {
        var metadata: [(String, JSONValue)] = [("name", .string(name.name))]
        if !name.namespace.isEmpty { metadata.append(("namespace", .string(name.namespace))) }
        if !labels.isEmpty { metadata.append(("labels", .object(labels.map { ($0.0, .string($0.1)) }))) }
        return .object(
            [("apiVersion", .string(version)), ("kind", .string(kind)), ("metadata", .object(metadata))] + members)
    }

    private static func strings(_ values: [some CustomStringConvertible]) -> JSONValue {
        .array(values.map { .string($0.description) })
    }

    private static func name(_ ipProtocol: IPProtocol) -> JSONValue { .string(ipProtocol.description.uppercased()) }

    private static func node(_ node: NodePlan) -> JSONValue {
        object(
            "v1", "Node", NamespacedName("", node.name), labels: [("kubernetes.io/hostname", node.name)],
            [
                (
                    "spec",
                    .object([
                        ("podCIDR", .optional(node.podPrefixes.first?.description)),
                        ("podCIDRs", strings(node.podPrefixes)),
                    ])
                ),
                (
                    "status",
                    .object([
                        (
                            "addresses",
                            .array(
                                node.addresses.map {
                                    .object([("type", .string("InternalIP")), ("address", .string($0.description))])
                                } + [.object([("type", .string("Hostname")), ("address", .string(node.name))])])
                        ),
                        (
                            "conditions",
                            .array([.object([("type", .string("Ready")), ("status", .string("True"))])])
                        ),
                        (
                            "nodeInfo",
                            .object([("kubeletVersion", .string("v1.36.2")), ("kubeProxyVersion", .string("v1.36.2"))])
                        ),
                    ])
                ),
            ])
    }

    private static func pod(_ pod: PodPlan, _ plan: ClusterPlan) -> JSONValue {
        let ports = pod.ports.map { port in
            JSONValue.object(
                [
                    ("name", .string(port.name)), ("containerPort", .number(Int(port.number))),
                    ("protocol", name(port.ipProtocol)),
                ] + (port.hostPort.map { [("hostPort", .number(Int($0)))] } ?? []))
        }
        let host = plan.node(pod.node)?.addresses.first?.description
        return object(
            "v1", "Pod", pod.name,
            labels: [("app", pod.app)]
                + plan.services.filter { $0.members.contains(pod.name) }.map { ($0.label, "true") },
            [
                (
                    "spec",
                    .object([
                        ("nodeName", .string(pod.node)),
                        (
                            "containers",
                            .array([.object([("name", .string("server")), ("ports", .array(ports))])])
                        ),
                    ])
                ),
                (
                    "status",
                    .object([
                        ("phase", .string("Running")),
                        (
                            "conditions",
                            .array([.object([("type", .string("Ready")), ("status", .string("True"))])])
                        ),
                        ("hostIP", .optional(host)),
                        ("podIP", .optional(pod.addresses.first?.description)),
                        ("podIPs", .array(pod.addresses.map { .object([("ip", .string($0.description))]) })),
                    ])
                ),
            ])
    }

    private static func service(_ service: ServicePlan, _ plan: ClusterPlan) -> JSONValue {
        let clusterIPs = plan.families.map { Addressing.service(service.number, $0) }
        var spec: [(String, JSONValue)] = [
            ("type", .string(service.kind.rawValue)), ("clusterIP", .optional(clusterIPs.first?.description)),
            ("clusterIPs", strings(clusterIPs)),
            ("ipFamilies", strings(plan.families.map { $0 == .ipv4 ? "IPv4" : "IPv6" })),
            ("ipFamilyPolicy", .string(plan.families.count > 1 ? "RequireDualStack" : "SingleStack")),
            ("internalTrafficPolicy", .string(service.internalTrafficPolicy.rawValue)),
            ("sessionAffinity", .string(service.affinity == nil ? "None" : "ClientIP")),
            ("ports", .array(service.ports.map(port))),
        ]
        if service.hasSelector { spec.append(("selector", .object([(service.label, .string("true"))]))) }
        if let seconds = service.affinity {
            spec.append(
                ("sessionAffinityConfig", .object([("clientIP", .object([("timeoutSeconds", .number(seconds))]))])))
        }
        if service.kind != .clusterIP || !service.externals.isEmpty {
            spec.append(("externalTrafficPolicy", .string(service.externalTrafficPolicy.rawValue)))
        }
        let families = plan.families
        if !service.externals.isEmpty {
            spec.append(
                ("externalIPs", strings(families.flatMap { f in service.externals.map { Addressing.external($0, f) } }))
            )
        }
        let ranges = service.sourceRanges.filter { families.contains($0.family) }
        if !ranges.isEmpty { spec.append(("loadBalancerSourceRanges", strings(ranges))) }
        let ingress = families.flatMap { family in
            service.loadBalancers.map { number in
                JSONValue.object([
                    ("ip", .string(Addressing.loadBalancer(number, family).description)), ("ipMode", .string("VIP")),
                ])
            }
        }
        return object(
            "v1", "Service", service.name,
            [
                ("spec", .object(spec)),
                (
                    "status",
                    .object([("loadBalancer", .object(ingress.isEmpty ? [] : [("ingress", .array(ingress))]))])
                ),
            ])
    }

    private static func port(_ port: ServicePlan.Port) -> JSONValue {
        var members: [(String, JSONValue)] = port.name.isEmpty ? [] : [("name", .string(port.name))]
        members += [
            ("protocol", name(port.ipProtocol)), ("port", .number(Int(port.number))),
            ("targetPort", .number(Int(port.target))),
        ]
        if let number = port.nodePort { members.append(("nodePort", .number(Int(number)))) }
        return .object(members)
    }

    private static func slice(_ service: ServicePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> JSONValue {
        let suffix = family == .ipv4 ? "v4" : "v6"
        let ports = service.ports.map { port in
            JSONValue.object([
                ("name", .string(port.name)), ("port", .number(Int(port.target))), ("protocol", name(port.ipProtocol)),
            ])
        }
        return object(
            "discovery.k8s.io/v1", "EndpointSlice",
            NamespacedName(service.name.namespace, "\(service.name.name)-\(suffix)"),
            labels: [
                ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
                ("kubernetes.io/service-name", service.name.name),
            ],
            [
                ("addressType", .string(family == .ipv4 ? "IPv4" : "IPv6")),
                ("endpoints", .array(service.endpoints.compactMap { endpoint($0, plan, family) })),
                ("ports", .array(ports)),
            ])
    }

    private static func endpoint(
        _ endpoint: ServicePlan.Endpoint, _ plan: ClusterPlan, _ family: AddressFamily
    ) -> JSONValue? {
        let found: (address: IPAddress?, node: String, pod: NamespacedName?)
        switch endpoint {
        case .pod(let name): found = (plan.pod(name)?.address(family), plan.pod(name)?.node ?? "", name)
        case .host(let name): found = (plan.node(name)?.address(family), name, nil)
        case .gone(let node, let address):
            found = (address.family == family ? address : nil, node, NamespacedName("shop", "api-gone"))
        }
        guard let address = found.address else { return nil }
        var members: [(String, JSONValue)] = [
            ("addresses", strings([address])),
            (
                "conditions",
                .object([("ready", .bool(true)), ("serving", .bool(true)), ("terminating", .bool(false))])
            ),
            ("nodeName", .string(found.node)),
        ]
        if let pod = found.pod {
            members.append(
                (
                    "targetRef",
                    .object([
                        ("kind", .string("Pod")), ("name", .string(pod.name)), ("namespace", .string(pod.namespace)),
                    ])
                ))
        }
        return .object(members)
    }
}
