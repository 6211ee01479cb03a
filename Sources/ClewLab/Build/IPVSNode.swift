import ClewIntent
import ClewKubeProxy
import ClewNet
import Glibc

/// Puts what kube-proxy in IPVS mode writes into a node: needs a kernel with `ip_vs`.
struct IPVSNode {
    let lab: Lab
    let node: LabNode

    func apply() throws(SystemError) {
        try greetNeighbors()
        try node.namespace.setSysctls(Self.sysctls)
        try node.namespace.ip(["link add \(IPVSProgram.device) type dummy"])
        for family in lab.plan.families {
            let program = try program(family)
            let length = family == .ipv4 ? 32 : 128
            try node.namespace.ip(program.addresses.map { "addr add \($0)/\(length) dev \(IPVSProgram.device)" })
            try node.namespace.run("ipset", "restore", input: program.ipsetRestore)
            try node.namespace.run("ipvsadm", "--restore", input: program.ipvsadmRestore)
            try node.namespace.run(
                lab.plan.backend.tool(family, "restore"), "--noflush", input: program.iptablesRestore)
        }
    }

    /// Lets the node know its neighbours, as a kubelet's traffic does in real life.
    ///
    /// Else the first packet of a connection to a Service may be what asks for them: with a ClusterIP as the sender of
    /// the ARP request, which a node that has the same ClusterIP does not answer, being asked by itself.
    private func greetNeighbors() throws(SystemError) {
        let addresses =
            lab.plan.nodes.filter { $0 != node.plan }.flatMap(\.addresses)
            + lab.plan.families.map(Addressing.router)
        try node.namespace.perform { () throws(SystemError) in
            for address in addresses {
                let socket = try Socket(address.family == .ipv4 ? AF_INET : AF_INET6, CInt(SOCK_DGRAM.rawValue))
                guard socket.connect(address, 9) == nil else { continue }
                _ = send(socket.descriptor, [0], 1, 0)
            }
        }
    }

    private func program(_ family: AddressFamily) throws(SystemError) -> IPVSProgram {
        let parameters = NodeRules.parameters(node.plan, lab.plan, family)
        let objects = ClusterObjects.parsed(lab.plan, services: lab.plan.staleServices[node.name])
        let intents = ServiceIntents.all(in: objects, family: family, for: parameters)
        return IPVSProgram(intents, for: parameters, localAddresses: try localAddresses(family), family: family)
    }

    /// Those of the node's own devices, which kube-proxy asks the kernel for too.
    private func localAddresses(_ family: AddressFamily) throws(SystemError) -> [IPAddress] {
        let text = try node.namespace.run("ip", family == .ipv4 ? "-4" : "-6", "-o", "addr", "show")
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(where: { $0.hasPrefix("inet") }), index + 1 < words.count else {
                return nil
            }
            let address = IPPrefix(String(words[index + 1]))?.address
            return address.flatMap { $0.isLoopback || (family == .ipv6 && $0.isLinkLocal) ? nil : $0 }
        }
    }

    /// What kube-proxy sets (`NewProxier`), `strictARP` being off; `conn_reuse_mode` stays on kernels from 5.9 on.
    private static let sysctls = [
        (key: "net/ipv4/vs/conntrack", value: "1"), (key: "net/ipv4/vs/expire_nodest_conn", value: "1"),
        (key: "net/ipv4/vs/expire_quiescent_template", value: "1"), (key: "net/ipv4/ip_forward", value: "1"),
    ]
}
