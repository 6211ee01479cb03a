package import ClewNet
import ClewSnapshot
import Foundation

/// A network that the CNI plugins of Debian's `containernetworking-plugins` make, so that nobody here wrote its parts.
///
/// On worker-b each pod is on a link of its own (`ptp`), elsewhere on `cni0` (`bridge`); `host-local` gives the
/// addresses, `portmap` the host ports, `firewall` lets pods through. Nodes know each other's pods by routes.
package struct CNINetwork: LabNetwork {
    package init() {}

    package let name = "cni"
    package let summary = "wired by the CNI plugins bridge, ptp, host-local, portmap and firewall"
    package let families: [AddressFamily] = [.ipv4]
    package let podMTU = 1500
    package let isBridged = true
    package let overlay: String? = nil
    package let podsAreRoutable = false

    /// Where Debian's package and others put plugins.
    private static let folders = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"]
    private static let plugins = ["bridge", "ptp", "host-local", "portmap", "firewall"]

    private static var folder: String? {
        folders.first { folder in plugins.allSatisfy { Command.path(of: "\(folder)/\($0)") != nil } }
    }

    package var obstacle: String? {
        Self.folder == nil ? "no CNI plugins: install containernetworking-plugins" : nil
    }

    /// The plugins call `iptables`: its backend is the network's.
    package var backend: RuleBackend? {
        guard let result = try? Command(["iptables", "--version"]).run() else { return nil }
        return result.outputText.contains("nf_tables") ? .nft : .legacy
    }

    package func prepare(_ plan: inout ClusterPlan) {
        for index in plan.pods.indices where plan.pods[index].name.name.hasPrefix("api") {
            for port in plan.pods[index].ports.indices {
                switch plan.pods[index].ports[port].name {
                case "http": plan.pods[index].ports[port].hostPort = 8088
                case "dns": plan.pods[index].ports[port].hostPort = 8053
                default: break
                }
            }
        }
    }

    package func wire(_ node: LabNode, in lab: Lab) throws(SystemError) {
        guard let folder = Self.folder else { throw .unusable(obstacle ?? name) }
        let state = try TemporaryFolder("cni-\(node.name)")
        lab.keep(state)
        for pod in lab.pods(on: node) {
            let call = PluginCall(folder: folder, node: node, pod: pod, mtu: lab.plan.podMTU ?? podMTU)
            try call.add(isPointToPoint: node.plan.number == 2, hairpin: lab.plan.hairpin, state: state.path)
        }
        var lines: [String] = []
        for other in lab.plan.nodes where other != node.plan {
            guard let prefix = other.podPrefix(.ipv4), let gateway = other.address(.ipv4) else { continue }
            lines.append("route add \(prefix.network) via \(gateway) dev eth0")
        }
        try node.namespace.ip(lines)
    }

    package func rules(for node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] { [] }
}

/// What a container runtime does for one pod: it calls the plugins of its list in order, each with the last one's
/// result.
private struct PluginCall {
    let folder: String
    let node: LabNode
    let pod: LabPod
    let mtu: Int

    func add(isPointToPoint: Bool, hairpin: Bool, state: String) throws(SystemError) {
        guard let own = node.plan.podPrefix(.ipv4), let address = pod.plan.address(.ipv4) else { return }
        let first = isPointToPoint ? "ptp" : "bridge"
        let more =
            isPointToPoint
            ? "" : "\"bridge\":\"cni0\",\"isGateway\":true,\"isDefaultGateway\":true,\"hairpinMode\":\(hairpin),"
        let routes = isPointToPoint ? ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]" : ""
        let range = "{\"subnet\":\"\(own.network)\",\"rangeStart\":\"\(address)\",\"rangeEnd\":\"\(address)\"}"
        let ipam = "{\"type\":\"host-local\",\"dataDir\":\"\(state)\",\"ranges\":[[\(range)]]\(routes)}"
        let result = try call(first, "\(more)\"ipMasq\":true,\"mtu\":\(mtu),\"ipam\":\(ipam)")
        let mappings = pod.plan.ports.compactMap { port in
            port.hostPort.map {
                "{\"hostPort\":\($0),\"containerPort\":\(port.number),\"protocol\":\"\(port.ipProtocol)\"}"
            }
        }
        let previous = "\"prevResult\":\(result)"
        if !mappings.isEmpty {
            let ports = "\"portMappings\":[\(mappings.joined(separator: ","))]"
            try call("portmap", "\"capabilities\":{\"portMappings\":true},\"runtimeConfig\":{\(ports)},\(previous)")
        }
        try call("firewall", "\"backend\":\"iptables\",\(previous)")
    }

    @discardableResult
    private func call(_ plugin: String, _ members: String) throws(SystemError) -> String {
        let environment = [
            "CNI_COMMAND": "ADD", "CNI_CONTAINERID": pod.plan.identifier(digits: 16),
            "CNI_NETNS": pod.namespace.path, "CNI_IFNAME": "eth0", "CNI_PATH": folder,
        ]
        let input = "{\"cniVersion\":\"0.4.0\",\"name\":\"pods\",\"type\":\"\(plugin)\",\(members)}"
        return try node.namespace.run(Command(["\(folder)/\(plugin)"], input: input, environment: environment)).output()
    }
}
