package import ClewDiagnostics
import ClewSnapshot

/// A Service sends to a port by name, and a pod it selects has no port of that name.
package struct NamedPortMissing: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ005", name: "named-port-missing", group: .objects, severity: .error,
        finds: "A Service's targetPort is a name that no container of a selected pod gives to a port.",
        matters: "The endpoint controller leaves the pod, or the whole Service port, without endpoints.",
        confirm: ["kubectl get pods -n NAMESPACE -l SELECTOR -o jsonpath='{..ports}'"],
        fix: "Name the container's port, or use its number as targetPort.",
        sources: ["kubernetes pkg/controller/util/endpoint, FindPort() in pkg/api/v1/pod"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.flatMap { service in
            service.ports.compactMap { finding(service, $0, context) }
        }
    }

    private func finding(_ service: Service, _ port: ServicePort, _ context: CheckContext) -> Finding? {
        guard case .name(let name) = port.targetPort else { return nil }
        let pods = context.pods(selectedBy: service)
        let lacking = pods.filter { Self.lacks($0, name, port) }
        guard let first = lacking.first else { return nil }
        let known = Set(pods.flatMap(\.containerPorts).compactMap(\.name)).sorted()
        return Finding(
            Self.metadata, on: .servicePort(service.name, port: port.name), .proven,
            severity: lacking.count == pods.count ? .error : .warning,
            message: "targetPort '\(name)' is no port of \(lacking.count) of \(pods.count) selected pods",
            cause: known.isEmpty ? "their containers name no ports" : "they name \(known.joined(separator: ", "))",
            evidence: [
                .field(
                    object: "Service \(service.name)", path: "spec.ports[\(port.name)].targetPort", value: name,
                    service.source),
                .absent(
                    place: "Pod \(first.name), spec.containers[].ports[].name", what: "'\(name)'", first.source),
            ])
    }

    private static func lacks(_ pod: Pod, _ name: String, _ port: ServicePort) -> Bool {
        !pod.containerPorts.contains { $0.name == name && $0.ipProtocol == port.ipProtocol }
    }

    /// Whether every port of a Service lacks its name in every pod: then it has no endpoints at all.
    static func isMissing(for service: Service, in context: CheckContext) -> Bool {
        let pods = context.pods(selectedBy: service)
        return !service.ports.isEmpty
            && service.ports.allSatisfy { port in
                guard case .name(let name) = port.targetPort else { return false }
                return pods.allSatisfy { lacks($0, name, port) }
            }
    }
}
