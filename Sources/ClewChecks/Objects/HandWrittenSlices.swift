import ClewBundle
import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// EndpointSlices of a Service as commands, for as long as the controller that should write them does not.
///
/// Slices that bear another `managed-by` than the controller's are kept as they are, until somebody deletes them
/// (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/, "Management").
struct HandWrittenSlices {
    /// More endpoints than these nobody reads before running the command.
    private static let most = 40

    /// Slices of the ready pods that a Service selects; `nil` where there are none, or too many, or where pods give a
    /// named port different numbers.
    static func fix(for service: Service, _ context: CheckContext) -> Fix? {
        let pods = context.pods(selectedBy: service).filter { $0.isReady ?? false }
        guard !pods.isEmpty, pods.count <= most, let ports = ports(of: service, pods) else { return nil }
        let families = AddressFamily.allCases.filter { family in
            service.clusterIPs.contains { $0.family == family } || service.clusterIPs.isEmpty
        }
        let slices = families.compactMap { slice(of: service, $0, pods, ports) }
        guard !slices.isEmpty, let edits = context.edits(slices: (service.name, slices)) else { return nil }
        return Fix(
            "until the controller writes them: write the slices by hand", edits: edits,
            commands: slices.map { slice in
                FixCommand(
                    .workstation, "printf '%s\\n' \(Remedies.quoted(json(slice))) | kubectl apply -f -",
                    undo: "kubectl -n \(slice.name.namespace) delete --ignore-not-found endpointslice "
                        + slice.name.name)
            })
    }

    private static func ports(of service: Service, _ pods: [Pod]) -> [EndpointPort]? {
        let ports = service.ports.map {
            EndpointPort(name: $0.name, ipProtocol: $0.ipProtocol, port: $0.target(in: pods))
        }
        return ports.isEmpty || ports.contains { $0.port == nil } ? nil : ports
    }

    private static func slice(
        of service: Service, _ family: AddressFamily, _ pods: [Pod], _ ports: [EndpointPort]
    ) -> EndpointSlice? {
        let suffix = family == .ipv4 ? "ipv4" : "ipv6"
        var slice = EndpointSlice(
            name: NamespacedName(service.name.namespace, "\(service.name.name)-by-hand-\(suffix)"),
            addressType: family == .ipv4 ? "IPv4" : "IPv6", source: .edited)
        slice.serviceName = service.name.name
        slice.ports = ports
        slice.endpoints = pods.compactMap { pod -> Endpoint? in
            guard let address = pod.addresses.first(where: { $0.family == family }) else { return nil }
            var endpoint = Endpoint()
            endpoint.addresses = [address]
            endpoint.conditions.ready = true
            endpoint.nodeName = pod.nodeName
            endpoint.pod = pod.name
            return endpoint
        }
        return slice.endpoints.isEmpty ? nil : slice
    }

    private static func json(_ slice: EndpointSlice) -> String {
        let endpoints = slice.endpoints.map { endpoint in
            let node = endpoint.nodeName.map { ",\"nodeName\":\"\($0)\"" } ?? ""
            let pod = endpoint.pod.map {
                ",\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"\($0.namespace)\",\"name\":\"\($0.name)\"}"
            }
            let addresses = endpoint.addresses.map { "\"\($0)\"" }.joined(separator: ",")
            return "{\"addresses\":[\(addresses)],\"conditions\":{\"ready\":true}\(node)\(pod ?? "")}"
        }
        let ports = slice.ports.map { port in
            let name = port.name.isEmpty ? "" : "\"name\":\"\(port.name)\","
            return "{\(name)\"protocol\":\"\(port.ipProtocol.description.uppercased())\",\"port\":\(port.port ?? 0)}"
        }
        let labels =
            "\"kubernetes.io/service-name\":\"\(slice.serviceName ?? "")\","
            + "\"endpointslice.kubernetes.io/managed-by\":\"by-hand\""
        return "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{"
            + "\"namespace\":\"\(slice.name.namespace)\",\"name\":\"\(slice.name.name)\",\"labels\":{\(labels)}},"
            + "\"addressType\":\"\(slice.addressType)\",\"ports\":[\(ports.joined(separator: ","))],"
            + "\"endpoints\":[\(endpoints.joined(separator: ","))]}"
    }
}
