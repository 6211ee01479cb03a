import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// Asks the contract of a node which endpoints an address stands for.
enum ServiceEndpoints {
    /// The addresses of all endpoints of the Service port at an address, usable or not; `nil` where no Service has it.
    static func endpoints(
        of address: SocketAddress, _ ipProtocol: IPProtocol, on node: String, _ context: CheckContext
    ) -> Set<IPAddress>? {
        for contract in context.contracts[node] ?? [] where contract.family == address.address.family {
            guard let entry = contract.entry(to: address.address, ipProtocol, port: address.port) else { continue }
            return Set(contract.ports[entry.portIndex].endpoints.map(\.address.address))
        }
        return nil
    }

    /// The Service port at an address.
    static func service(
        at address: SocketAddress, _ ipProtocol: IPProtocol, on node: String, _ context: CheckContext
    ) -> ServicePortName? {
        for contract in context.contracts[node] ?? [] where contract.family == address.address.family {
            if let entry = contract.entry(to: address.address, ipProtocol, port: address.port) { return entry.service }
        }
        return nil
    }
}

/// `5.10.0-8-amd64`: the first two numbers.
struct KernelVersion: Comparable {
    var major: Int
    var minor: Int

    init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    init?(_ release: String) {
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return nil }
        self.init(numbers[0], numbers[1])
    }

    static func < (a: Self, b: Self) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
}
