import ClewNet
import ClewSnapshot

/// A node that is there.
package struct LabNode: Sendable {
    package let plan: NodePlan
    package let namespace: NetworkNamespace
    package var name: String { plan.name }
}

/// A pod that is there.
package struct LabPod: Sendable {
    package let plan: PodPlan
    package let namespace: NetworkNamespace

    /// The node's end of the pod's veth pair, at most 15 letters.
    package func deviceOnNode(prefix: String) -> String {
        prefix + plan.identifier(digits: prefix == "cali" ? 11 : 8)
    }
}

/// A namespace of the lab, by what users call it.
package enum LabPlace: Sendable, Hashable, CustomStringConvertible {
    case node(String)
    case pod(String)
    case outside
    case router

    package var description: String {
        switch self {
        case .node(let name): "node/\(name)"
        case .pod(let name): "pod/\(name)"
        case .outside: "outside"
        case .router: "router"
        }
    }

    /// Reads `worker-a`, `node/worker-a`, `shop/web-0`, `web-0`, `pod/shop/web-0`, `outside`, `router`.
    package init?(_ text: String, in lab: Lab) {
        let name = text.hasPrefix("node/") ? String(text.dropFirst(5)) : text
        let pod = text.hasPrefix("pod/") ? String(text.dropFirst(4)) : text
        if text == "outside" {
            self = .outside
        } else if text == "router" {
            self = .router
        } else if lab.node(name) != nil {
            self = .node(name)
        } else if let found = lab.pods.first(where: {
            $0.plan.name.description == pod || $0.plan.name.name == pod
        }) {
            self = .pod(found.plan.name.description)
        } else {
            return nil
        }
    }
}
