import ClewNet
import ClewSnapshot
import Synchronization

/// A running cluster of namespaces: nodes, pods, a router and the world outside.
///
/// It is gone with its last reference.
package final class Lab: Sendable {
    // A class, as it owns namespaces, sockets and threads that many places use.

    package let network: any LabNetwork
    package let plan: ClusterPlan
    package let nodes: [LabNode]
    package let pods: [LabPod]
    package let router: NetworkNamespace
    package let outside: NetworkNamespace
    private let kept = Mutex<[any Sendable]>([])

    /// Builds the network with each fault's preparations, then lets the faults happen.
    package init(_ network: any LabNetwork, plan given: ClusterPlan? = nil, faults: [Fault] = []) throws(SystemError) {
        var plan = given ?? ClusterPlan(families: network.families)
        if let backend = network.backend { plan.backend = backend }
        network.prepare(&plan)
        for fault in faults { fault.prepare(&plan) }
        self.network = network
        self.plan = plan
        router = try NetworkNamespace("router")
        outside = try NetworkNamespace("outside")
        nodes = try plan.nodes.mapThrowing { node throws(SystemError) in
            LabNode(plan: node, namespace: try NetworkNamespace(node.name))
        }
        pods = try plan.pods.mapThrowing { pod throws(SystemError) in
            LabPod(plan: pod, namespace: try NetworkNamespace(pod.name.description))
        }
        try GroundBuilder(lab: self).build()
        _ = try Threads.map(nodes) { node throws(SystemError) in
            try network.wire(node, in: self)
            try NodeRules(lab: self, node: node).apply()
        }
        keep(try LabServers(self))
        for fault in faults { try fault.apply(self) }
    }

    /// Holds something that has to live as long as the lab.
    package func keep(_ value: some Sendable) { kept.withLock { $0.append(value) } }

    package func node(_ name: String) -> LabNode? { nodes.first { $0.name == name } }
    package func pods(on node: LabNode) -> [LabPod] { pods.filter { $0.plan.node == node.name } }

    /// A pod by its name in the namespace `shop`, or by `NAMESPACE/NAME`.
    package func pod(_ name: String) -> LabPod? {
        pods.first { $0.plan.name.description == name || $0.plan.name == NamespacedName("shop", name) }
    }

    package func namespace(of place: LabPlace) -> NetworkNamespace? {
        switch place {
        case .node(let name): node(name)?.namespace
        case .pod(let name): pod(name)?.namespace
        case .outside: outside
        case .router: router
        }
    }

    /// All namespaces with what they are.
    package var places: [(place: LabPlace, namespace: NetworkNamespace)] {
        nodes.map { (.node($0.name), $0.namespace) }
            + pods.map { (.pod($0.plan.name.description), $0.namespace) }
            + [(.router, router), (.outside, outside)]
    }

    /// Numbers of `Addressing.outside` that the client outside has.
    package static let outsideNumbers = [5, 50]
}

extension Sequence {
    /// `map` for a closure that throws one type.
    func mapThrowing<Value, Failure: Error>(
        _ transform: (Element) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try transform(element)) }
        return values
    }
}
