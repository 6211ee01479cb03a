import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewSnapshot

/// What faults are made of.
extension Lab {
    /// Changes a table of a node by lines of `iptables-save`, in the backend the lab uses unless told otherwise.
    func change(
        _ table: String, on name: String, _ family: AddressFamily, in backend: RuleBackend? = nil,
        _ lines: [String]
    ) throws(SystemError) {
        guard let node = node(name) else { throw .unusable("no node \(name)") }
        let text = (["*\(table)"] + lines + ["COMMIT"]).joined(separator: "\n") + "\n"
        try node.namespace.run((backend ?? plan.backend).tool(family, "restore"), "--noflush", input: text)
    }

    /// Runs lines of `ip -batch` on a node.
    func ip(on name: String, _ lines: [String]) throws(SystemError) {
        guard let node = node(name) else { throw .unusable("no node \(name)") }
        try node.namespace.ip(lines)
    }

    /// A pod's address, by its name in `shop`.
    func address(ofPod name: String, _ family: AddressFamily) throws(SystemError) -> IPAddress {
        guard let address = pod(name)?.plan.address(family) else { throw .unusable("no \(family) pod \(name)") }
        return address
    }

    func address(ofNode name: String, _ family: AddressFamily) throws(SystemError) -> IPAddress {
        guard let address = plan.node(name)?.address(family) else { throw .unusable("no \(family) node \(name)") }
        return address
    }

    func podPrefix(ofNode name: String, _ family: AddressFamily) throws(SystemError) -> IPPrefix {
        guard let prefix = plan.node(name)?.podPrefix(family) else { throw .unusable("no \(family) node \(name)") }
        return prefix.network
    }

    /// `cni0`, `docker0`.
    var bridgeName: String { network.overlay == "flannel0" ? "docker0" : "cni0" }

    /// Does something in each family.
    func eachFamily(_ body: (AddressFamily) throws(SystemError) -> Void) throws(SystemError) {
        for family in plan.families { try body(family) }
    }
}

extension FaultCatalogue {
    /// The default route's destination, by which `ip -batch` knows the family.
    static func everything(_ family: AddressFamily) -> String { family == .ipv4 ? "0.0.0.0/0" : "::/0" }
}

extension LabNetwork {
    /// Whether pods of other nodes see the node's address for the pod's (`ipMasq` of the CNI plugins).
    var masqueradesPods: Bool { isBridged && !isFlannel }
    /// Whether flannel's chains are in the rules of its nodes.
    var isFlannel: Bool { isBridged && name.hasPrefix("bridge-") }
}

extension ClusterPlan {
    /// Changes a Service of `shop`.
    mutating func change(_ name: String, _ change: (inout ServicePlan) -> Void) {
        for index in services.indices where services[index].name == NamespacedName("shop", name) {
            change(&services[index])
        }
    }

    /// Lets a node's kube-proxy still believe in the Service as it is after `change`.
    mutating func makeStale(_ name: String, on node: String, _ change: (inout ServicePlan) -> Void) {
        var copy = self
        copy.services = staleServices[node] ?? services
        copy.change(name, change)
        staleServices[node] = copy.services
    }

    /// An address of worker-b's range that no pod has.
    func deadEndpoints() -> [ServicePlan.Endpoint] {
        families.map { .gone("worker-b", Addressing.pod(200, onNode: 2, $0)) }
    }
}

/// Names and rules of the Service `shop/api-b`, whose one endpoint is `api-1` on worker-b.
enum ProbedService {
    static func chain(_ name: String) -> String {
        ChainNames.service(
            "KUBE-SVC-", ServicePortName(NamespacedName("shop", name), port: "", ipProtocol: .tcp))
    }

    static func endpointChain(_ name: String, _ address: IPAddress) -> String {
        ChainNames.endpoint(
            ServicePortName(NamespacedName("shop", name), port: "", ipProtocol: .tcp), SocketAddress(address, 8080))
    }
}
