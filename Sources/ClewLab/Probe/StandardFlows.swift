import ClewNet
import ClewSnapshot

/// The connections that tell networks and faults apart: every Service by every way in, and pods, nodes and the world
/// among each other.
package struct StandardFlows {
    private let lab: Lab
    private let family: AddressFamily
    private var flows: [ProbeFlow] = []

    /// All of them, in every family of the lab.
    package static func all(in lab: Lab) -> [ProbeFlow] {
        lab.plan.families.flatMap { family in
            var builder = StandardFlows(lab: lab, family: family)
            builder.addClusterIPs()
            builder.addNodePorts()
            builder.addExternal()
            builder.addHostPorts()
            builder.addDirect()
            return builder.flows
        }
    }

    /// Some that carry more than one packet holds.
    package static func large(in lab: Lab) -> [ProbeFlow] {
        lab.plan.families.flatMap { family in
            var builder = StandardFlows(lab: lab, family: family)
            let pods: [(LabPlace, String)] = [
                (web0, "api-1"), (web0, "api-0"), (web1, "web-0"), (.node("worker-a"), "api-1"), (web0, "db-0"),
            ]
            for (from, name) in pods {
                builder.add(from, lab.pod(name)?.plan.address(family), 8080, .tcp, "\(name), much data")
            }
            for service in lab.plan.services where ["api-a", "api-b"].contains(service.name.name) {
                let address = Addressing.service(service.number, family)
                for from in [web0, web1] { builder.add(from, address, 80, .tcp, "\(service.name), much data") }
            }
            return builder.flows.map { flow in
                var flow = flow
                flow.size = largeSize
                return flow
            }
        }
    }

    /// Bytes: several packets on any of the lab's links.
    private static let largeSize = 4000

    private init(lab: Lab, family: AddressFamily) {
        self.lab = lab
        self.family = family
    }

    private static let web0 = LabPlace.pod("shop/web-0")
    private static let api0 = LabPlace.pod("shop/api-0")
    private static let web1 = LabPlace.pod("shop/web-1")

    private mutating func add(
        _ from: LabPlace, _ address: IPAddress?, _ port: UInt16, _ ipProtocol: IPProtocol, _ label: String,
        via: String? = nil, outside number: Int = 50
    ) {
        guard let address else { return }
        let isOutside = from == .outside
        flows.append(
            ProbeFlow(
                from: from, source: isOutside ? Addressing.outside(number, family) : nil,
                to: SocketAddress(address, port), ipProtocol, label, via: via))
    }

    private mutating func addClusterIPs() {
        for service in lab.plan.services {
            let address = Addressing.service(service.number, family)
            for port in service.ports {
                let label = "\(service.name) ClusterIP" + (port.name.isEmpty ? "" : " \(port.name)")
                for from in [Self.web0, Self.api0, Self.web1, .node("worker-a")] {
                    add(from, address, port.number, port.ipProtocol, label)
                }
            }
        }
    }

    private mutating func addNodePorts() {
        for service in lab.plan.services {
            for port in service.ports {
                guard let number = port.nodePort else { continue }
                let label = "\(service.name) NodePort"
                for node in lab.plan.nodes {
                    add(.outside, node.address(family), number, port.ipProtocol, label, via: node.name)
                }
                add(Self.web0, lab.plan.node("worker-a")?.address(family), number, port.ipProtocol, label)
                add(Self.web0, lab.plan.node("worker-b")?.address(family), number, port.ipProtocol, label)
                add(.node("worker-a"), lab.plan.node("worker-a")?.address(family), number, port.ipProtocol, label)
                add(.node("worker-a"), lab.plan.node("worker-b")?.address(family), number, port.ipProtocol, label)
                if family == .ipv4 {
                    add(.node("worker-b"), IPAddress(v4: 127, 0, 0, 1), number, port.ipProtocol, label)
                }
            }
        }
    }

    private mutating func addExternal() {
        for service in lab.plan.services {
            for port in service.ports {
                for number in service.loadBalancers {
                    let address = Addressing.loadBalancer(number, family)
                    let label = "\(service.name) load balancer"
                    for client in Lab.outsideNumbers {
                        add(.outside, address, port.number, port.ipProtocol, label, via: "worker-a", outside: client)
                    }
                    add(Self.web0, address, port.number, port.ipProtocol, label)
                    add(.node("worker-a"), address, port.number, port.ipProtocol, label)
                }
                for number in service.externals {
                    let address = Addressing.external(number, family)
                    let label = "\(service.name) external IP"
                    add(.outside, address, port.number, port.ipProtocol, label, via: "worker-b")
                    add(Self.web0, address, port.number, port.ipProtocol, label)
                    add(.node("worker-a"), address, port.number, port.ipProtocol, label)
                }
            }
        }
    }

    private mutating func addHostPorts() {
        for pod in lab.plan.pods {
            guard let node = lab.plan.node(pod.node), let address = node.address(family) else { continue }
            for port in pod.ports {
                guard let number = port.hostPort else { continue }
                let label = "\(pod.name) hostPort \(port.name)"
                add(.outside, address, number, port.ipProtocol, label, via: node.name)
                for from in [Self.web0, Self.web1, .pod(pod.name.description), .node(node.name), .node("worker-c")] {
                    add(from, address, number, port.ipProtocol, label)
                }
                if family == .ipv4 {
                    add(.node(node.name), IPAddress(v4: 127, 0, 0, 1), number, port.ipProtocol, label)
                }
            }
        }
    }

    /// The port of a client of `dns-b` that has used it before.
    package static let oldClientPort: UInt16 = 61_053

    /// A client that sends from the port it always had, as resolvers and log shippers do.
    private mutating func addOldClient() {
        for service in lab.plan.services where service.name.name == "dns-b" {
            flows.append(
                ProbeFlow(
                    from: Self.web0, sourcePort: Self.oldClientPort,
                    to: SocketAddress(Addressing.service(service.number, family), 53), .udp, "shop/dns-b, old client"))
        }
    }

    private mutating func addDirect() {
        let pods: [(LabPlace, String, String)] = [
            (Self.web0, "api-0", "same node"), (Self.web0, "api-1", "other node"), (Self.web1, "web-0", "other node"),
            (Self.web0, "db-0", "other node"), (.node("worker-a"), "api-0", "own pod"),
            (.node("worker-a"), "api-1", "other node's pod"), (Self.web0, "web-0", "itself"),
        ]
        for (from, name, label) in pods {
            add(from, lab.pod(name)?.plan.address(family), 8080, .tcp, "\(name), \(label)")
        }
        add(Self.web0, lab.pod("api-1")?.plan.address(family), 5353, .udp, "api-1, other node")
        add(Self.web0, lab.pod("api-0")?.plan.address(family), 5353, .udp, "api-0, same node")
        for name in ["worker-a", "worker-b"] {
            add(Self.web0, lab.plan.node(name)?.address(family), 10250, .tcp, "kubelet of \(name)")
            add(.outside, lab.plan.node(name)?.address(family), 10250, .tcp, "kubelet of \(name)", via: name)
        }
        add(.node("worker-a"), lab.plan.node("worker-c")?.address(family), 10250, .tcp, "kubelet of worker-c")
        addOldClient()
        let world = Addressing.outside(50, family)
        for from in [Self.web0, Self.web1, .node("worker-b")] { add(from, world, 443, .tcp, "the world") }
        add(Self.web0, world, 53, .udp, "the world")
        guard lab.network.podsAreRoutable else { return }
        for name in ["api-0", "db-0"] {
            guard let pod = lab.pod(name) else { continue }
            add(.outside, pod.plan.address(family), 8080, .tcp, "\(name) from outside", via: pod.plan.node)
        }
    }
}
