package import ClewDiagnostics
import ClewSnapshot

/// Pods that a Service selects are not ready, so that kube-proxy leaves them out.
package struct PodsNotReady: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ003", name: "pods-not-ready", group: .objects, severity: .error,
        finds: "Pods that a Service selects are not ready.",
        matters: "kube-proxy sends them nothing; without a ready one every connection is refused.",
        confirm: ["kubectl describe pod -n NAMESPACE POD"],
        fix: "Make the readiness probe pass: correct its port, its path or its patience, or the program.",
        sources: ["kubernetes pkg/proxy/topology.go, CategorizeEndpoints()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.type != "ExternalName", !service.publishNotReadyAddresses else { return nil }
            let pods = context.pods(selectedBy: service)
            let waiting = pods.filter { !($0.isReady ?? true) && $0.deletionTimestamp == nil }
            guard let first = waiting.first else { return nil }
            let isAll = waiting.count == pods.count
            return Finding(
                Self.metadata, on: .service(service.name), .proven, severity: isAll ? .error : .warning,
                message:
                    "\(waiting.count) of \(pods.count) selected pods \(waiting.count == 1 ? "is" : "are") not ready"
                    + (isAll ? ", and the Service has no endpoint to use" : ""),
                evidence: waiting.prefix(5).map { pod in
                    .field(
                        object: "Pod \(pod.name)", path: "status.conditions[Ready].status", value: "False", pod.source)
                },
                fixes: [
                    Fix(
                        "read why the readiness probe fails",
                        commands: [
                            FixCommand(
                                .workstation, "kubectl -n \(first.name.namespace) describe pod \(first.name.name)")
                        ])
                ])
        }
    }
}
