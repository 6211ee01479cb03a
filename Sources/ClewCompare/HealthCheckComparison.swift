package import ClewIntent
import ClewNet
import ClewSnapshot

/// A Service's health check node port: what kube-proxy is to answer there, and whether anybody answers at all.
package struct HealthCheckComparison: Sendable, Hashable {
    package var contract: HealthCheckContract
    /// Whether a socket of the host listens on the port; `nil`: TCP sockets were not collected.
    package var isListening: Bool?

    static func all(_ contract: ServiceContract, _ host: NamespaceSnapshot) -> [HealthCheckComparison] {
        let sockets = host.socketProtocols.contains(.tcp) ? host.sockets : nil
        return contract.healthChecks.map { check in
            HealthCheckComparison(
                contract: check,
                isListening: sockets.map { $0.contains { $0.ipProtocol == .tcp && $0.port == check.port } })
        }
    }
}

extension HealthCheckComparison: CustomStringConvertible {
    package var description: String {
        let count = contract.localEndpoints
        let answer = count == 0 ? "503, having no ready endpoint here" : "200, having \(count) ready here"
        let end =
            switch isListening {
            case true?: ""
            case false?: "; nothing listens there"
            case nil: "; sockets were not collected"
            }
        return "health check node port \(contract.port): kube-proxy is to answer \(answer)\(end)"
    }
}
