import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// A NodePort or load balancer drops what comes to a node without an endpoint of its own.
package struct ExternalPolicyNoLocalEndpoint: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ016", name: "etp-local-no-local-endpoint", group: .objects, severity: .notice,
        finds: "A Service with externalTrafficPolicy Local has no usable endpoint on some nodes.",
        matters: "Its NodePort and load-balancer address answer on nodes with an endpoint, and time out on the others.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE -o wide"],
        fix: "Send clients to nodes with an endpoint, by healthCheckNodePort; or run a pod on each; or use Cluster.",
        sources: ["https://kubernetes.io/docs/reference/networking/virtual-ips/#external-traffic-policy"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            let isExternal =
                service.type == "NodePort" || service.type == "LoadBalancer" || !service.externalIPs.isEmpty
            guard isExternal, service.externalTrafficPolicy == "Local" else { return nil }
            return LocalPolicy.finding(Self.metadata, service, "externalTrafficPolicy", in: context)
        }
    }
}

/// A ClusterIP drops what comes from pods of a node without an endpoint of its own.
package struct InternalPolicyNoLocalEndpoint: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ017", name: "itp-local-no-local-endpoint", group: .objects, severity: .notice,
        finds: "A Service with internalTrafficPolicy Local has no usable endpoint on some nodes.",
        matters: "Pods of those nodes do not reach it: connections are dropped, not refused.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE -o wide"],
        fix: "Run a pod of it on each node, or take internalTrafficPolicy away.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service-traffic-policy/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.internalTrafficPolicy == "Local", !service.isHeadless else { return nil }
            return LocalPolicy.finding(Self.metadata, service, "internalTrafficPolicy", in: context)
        }
    }
}

private enum LocalPolicy {
    static func finding(
        _ metadata: CheckMetadata, _ service: Service, _ field: String, in context: CheckContext
    ) -> Finding? {
        let usable = context.endpoints(of: service).filter(\.isUsable)
        // Without any, others say so.
        guard !usable.isEmpty else { return nil }
        let with = Set(usable.compactMap(\.nodeName))
        let without = context.snapshot.objects.nodes.filter { ($0.isReady ?? true) && !with.contains($0.name) }
        guard let first = without.first else { return nil }
        let names = without.map(\.name)
        let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
        let path = "spec.\(field)"
        let patch = "kubectl -n \(service.name.namespace) patch service \(service.name.name) --type=merge -p "
        var open = service
        let isInternal = field == "internalTrafficPolicy"
        if isInternal { open.internalTrafficPolicy = "Cluster" } else { open.externalTrafficPolicy = "Cluster" }
        var finding = Finding(
            metadata, on: .service(service.name), .proven,
            message: "is not answered on \(shown), as it asks for itself",
            cause: "\(field) is Local, and its endpoints are on \(with.sorted().prefix(3).joined(separator: ", "))",
            evidence: [
                .field(object: "Service \(service.name)", path: path, value: "Local", service.source),
                .absent(place: "endpoints of \(service.name)", what: "one on \(first.name)", nil),
            ],
            fixes: [
                Fix(
                    "use endpoints of all nodes, at the price of the clients' addresses",
                    edits: context.edits(replacing: open) ?? [],
                    commands: [
                        FixCommand(
                            .workstation, patch + "'{\"spec\":{\"\(field)\":\"Cluster\"}}'",
                            undo: patch + "'{\"spec\":{\"\(field)\":\"Local\"}}'")
                    ])
            ])
        finding.refuses = context.refused(service) {
            service.clusterIPs.contains($0.flow.destination) == isInternal
        }
        return finding
    }
}

/// Clients from outside are seen with a node's address.
package struct ClientSourceLost: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ018", name: "client-source-ip-lost", group: .objects, severity: .notice,
        finds: "A NodePort or load-balancer Service with externalTrafficPolicy Cluster hides its clients' addresses.",
        matters: "Logs and address lists of the program see a node, its bridge or its tunnel device as the client.",
        confirm: ["conntrack -L -d POD-IP"],
        fix: "Use externalTrafficPolicy Local, the PROXY protocol, or X-Forwarded-For.",
        sources: ["https://kubernetes.io/docs/tutorials/services/source-ip/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let services = context.snapshot.objects.services.filter { service in
            (service.type == "NodePort" || service.type == "LoadBalancer") && service.externalTrafficPolicy != "Local"
                && context.endpoints(of: service).contains(where: \.isUsable)
        }
        guard let first = services.first else { return [] }
        return [
            Finding(
                Self.metadata, on: services.count == 1 ? .service(first.name) : .cluster, .proven,
                message: services.count == 1
                    ? "shows its pods a node as the client"
                    : "\(services.count) Services show their pods a node as the client",
                cause: "the source is changed so that answers come back by the same node",
                evidence: services.prefix(3).map {
                    .field(
                        object: "Service \($0.name)", path: "spec.externalTrafficPolicy",
                        value: $0.externalTrafficPolicy ?? "Cluster", $0.source)
                })
        ]
    }
}
