package import ClewDiagnostics
import ClewSnapshot

/// A Service selects pods, and kube-proxy has no endpoint to send its connections to.
package struct SvcNoEndpoints: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ001", name: "svc-no-endpoints", group: .objects, severity: .error,
        finds: "A Service with a selector has no ready endpoint, and none that serves while it ends.",
        matters: "kube-proxy rejects every new connection to the Service: clients see \"connection refused\" at once.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE -o yaml"],
        fix: "Make the selector match the pods' labels, or make the pods ready.",
        sources: ["kubernetes pkg/proxy/topology.go, CategorizeEndpoints()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.type != "ExternalName", !service.selector.isEmpty else { return nil }
            let endpoints = context.endpoints(of: service)
            // What follows tells why there is none; this is said only where nothing of it applies.
            guard !endpoints.contains(where: \.isUsable), endpoints.isEmpty,
                context.pods(selectedBy: service).contains(where: { $0.isReady ?? false }),
                !NamedPortMissing.isMissing(for: service, in: context)
            else { return nil }
            var finding = Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "has no endpoint, though ready pods match its selector",
                cause: "no EndpointSlice names them: the endpoint slice controller has not written any",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "spec.selector", value: service.selectorText,
                        service.source),
                    .absent(
                        place: "EndpointSlices of \(service.name)", what: "an endpoint", nil),
                ],
                fixes: [HandWrittenSlices.fix(for: service, context)].compactMap(\.self) + [
                    Fix(
                        "see why the controller manager writes no slices",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n kube-system logs -l component=kube-controller-manager --tail=200"
                            )
                        ])
                ])
            finding.refuses = context.refused(service) { _ in true }
            return finding
        }
    }
}

extension Service {
    /// `app=api,tier=web`, sorted.
    var selectorText: String {
        selector.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
}
