import ClewNet
package import ClewSnapshot

/// What kube-proxy answers on a Service's `healthCheckNodePort`, at every address of the node.
package struct HealthCheckContract: Sendable, Hashable {
    package var service: NamespacedName
    package var port: UInt16
    /// Ready endpoints of this node; 0 is answered with 503, more with 200 (`healthcheck/service_health.go`).
    package var localEndpoints: Int

    /// One for each port that is asked for; a Service's ports share it, and the one with most endpoints counts.
    static func all(_ ports: [ServicePortIntent]) -> [HealthCheckContract] {
        var found: [UInt16: HealthCheckContract] = [:]
        for port in ports {
            guard let number = port.healthCheckNodePort else { continue }
            let addresses = Set(port.endpoints.filter { $0.isLocal && $0.isReady }.map(\.address.address))
            let known = found[number]?.localEndpoints ?? 0
            found[number] = HealthCheckContract(
                service: port.name.service, port: number, localEndpoints: max(known, addresses.count))
        }
        return found.values.sorted { $0.port < $1.port }
    }
}
