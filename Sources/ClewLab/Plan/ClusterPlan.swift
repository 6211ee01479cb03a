package import ClewNet
package import ClewSnapshot

/// Which of the kernel's two iptables a node's rules are put into.
package enum RuleBackend: String, Sendable, Hashable, CaseIterable, Codable {
    case nft, legacy

    /// `iptables-legacy-restore`, `ip6tables-nft-save` and the like.
    package func tool(_ family: AddressFamily, _ action: String = "") -> String {
        (family == .ipv4 ? "iptables-" : "ip6tables-") + rawValue + (action.isEmpty ? "" : "-\(action)")
    }
}

/// A cluster to be built: everything that is decided before the first namespace is made.
///
/// A value, so that a fault can change what is built, as well as break it afterwards.
package struct ClusterPlan: Sendable {
    package var families: [AddressFamily]
    package var nodes: [NodePlan]
    package var pods: [PodPlan]
    package var services: [ServicePlan]
    package var backend: RuleBackend = .nft
    /// What kube-proxy takes for pods' addresses, one per family; the true prefixes unless a fault says otherwise.
    package var kubeProxyClusterCIDRs: [IPPrefix]
    /// The Services a node's kube-proxy last heard of, where that is not what the API says now.
    package var staleServices: [String: [ServicePlan]] = [:]
    /// Whether bridge ports of pods send frames back out of the port they came in by.
    package var hairpin = true
    /// Bytes; nil is what the network gives its pods.
    package var podMTU: Int?
    package var masqueradeAll = false

    package init(families: [AddressFamily]) {
        self.families = families
        nodes = Self.standardNodes(families)
        pods = Self.standardPods(families)
        services = ServicePlan.standard
        kubeProxyClusterCIDRs = families.map(Addressing.cluster)
    }

    package func node(_ name: String) -> NodePlan? { nodes.first { $0.name == name } }
    package func pod(_ name: NamespacedName) -> PodPlan? { pods.first { $0.name == name } }
    package func pods(on node: String) -> [PodPlan] { pods.filter { $0.node == node } }

    private static func standardNodes(_ families: [AddressFamily]) -> [NodePlan] {
        ["worker-a", "worker-b", "worker-c"].enumerated().map { index, name in
            NodePlan(
                name: name, number: index + 1, addresses: families.map { Addressing.node(index + 1, $0) },
                podPrefixes: families.map { Addressing.pods(onNode: index + 1, $0) })
        }
    }

    private static func standardPods(_ families: [AddressFamily]) -> [PodPlan] {
        let names = [
            ("web-0", "web", 1), ("api-0", "api", 1), ("web-1", "web", 2), ("api-1", "api", 2), ("web-2", "web", 3),
            ("db-0", "db", 3),
        ]
        return names.enumerated().map { index, pod in
            let number = 5 + index % 2
            return PodPlan(
                name: NamespacedName("shop", pod.0), node: "worker-\(["a", "b", "c"][pod.2 - 1])", app: pod.1,
                addresses: families.map { Addressing.pod(number, onNode: pod.2, $0) })
        }
    }
}

/// A machine of the cluster.
package struct NodePlan: Sendable, Hashable {
    package var name: String
    /// From 1; addresses are made of it.
    package var number: Int
    package var addresses: [IPAddress]
    package var podPrefixes: [IPPrefix]

    package func address(_ family: AddressFamily) -> IPAddress? { addresses.first { $0.family == family } }
    package func podPrefix(_ family: AddressFamily) -> IPPrefix? { podPrefixes.first { $0.family == family } }
}

/// A pod with a network namespace of its own.
package struct PodPlan: Sendable, Hashable {
    package var name: NamespacedName
    package var node: String
    /// The value of its label `app`.
    package var app: String
    package var addresses: [IPAddress]
    package var ports: [ContainerPort] = ContainerPort.standard

    package func address(_ family: AddressFamily) -> IPAddress? { addresses.first { $0.family == family } }

    /// Eight or more hexadecimal digits that tell it from others, as runtimes put into device and namespace names.
    package func identifier(digits: Int) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.description.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let text = String(hash, radix: 16)
        return String((String(repeating: "0", count: max(0, 16 - text.utf8.count)) + text).prefix(digits))
    }

    /// The folder of its namespace in a bundle, as containerd names the files of `/run/netns`.
    package var namespaceName: String { "cni-\(identifier(digits: 8))" }
}

/// A port that a pod's process listens at.
package struct ContainerPort: Sendable, Hashable {
    package var name: String
    package var number: UInt16
    package var ipProtocol: IPProtocol
    /// The port of the node that leads to it.
    package var hostPort: UInt16?

    package init(_ name: String, _ number: UInt16, _ ipProtocol: IPProtocol) {
        self.name = name
        self.number = number
        self.ipProtocol = ipProtocol
    }

    package static let standard = [
        ContainerPort("http", 8080, .tcp), ContainerPort("metrics", 9090, .tcp), ContainerPort("dns", 5353, .udp),
        ContainerPort("dns-tcp", 5353, .tcp),
    ]
}
