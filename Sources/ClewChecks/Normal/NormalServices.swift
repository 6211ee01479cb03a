import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// A ClusterIP does not answer ping.
package struct PingClusterIPUnanswered: Check {
    package static let metadata = CheckMetadata(
        code: "OK001", name: "ping-clusterip-unanswered", group: .normal, severity: .notice,
        finds: "kube-proxy translates ports of Services, and no ICMP.",
        matters: "A ClusterIP does not answer ping, or says that it is unreachable, however well the Service works.",
        confirm: ["nc -zv CLUSTER-IP PORT"],
        fix: "Nothing is to be done: try the Service's port instead.",
        sources: ["https://kubernetes.io/docs/reference/networking/virtual-ips"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let services = context.snapshot.objects.services.filter { !$0.clusterIPs.isEmpty }
        guard let service = services.first(where: { $0.type == "ClusterIP" }) ?? services.first,
            let address = service.clusterIPs.first(where: { $0.family == .ipv4 }),
            let node = context.clusterNodes.first(where: { $0.host.virtualServers?.isEmpty ?? true })
        else { return [] }
        let flow = Flow(
            origin: .host(node: node.name), destination: address, destinationPort: 8 << 8, ipProtocol: .icmp,
            fromText: "node/\(node.name)", toText: "\(address)/icmp")
        let trace = context.dataplane.trace(flow)
        guard trace.verdict == .fails else { return [] }
        return [
            Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "does not answer ping at \(address), and need not",
                cause: "no rule is about ICMP to a ClusterIP", evidence: [.trace(TracedConnection(trace))])
        ]
    }
}

/// Connections that conntrack has seen no answer of, since none is meant to come.
package struct UnrepliedOneWayUDP: Check {
    package static let metadata = CheckMetadata(
        code: "OK005", name: "unreplied-oneway-udp", group: .normal, severity: .notice,
        finds: "conntrack has UDP entries without an answer, of tunnels, logs or metrics.",
        matters: "[UNREPLIED] says that nothing came back, and nothing was to come.",
        confirm: ["conntrack -L -p udp | grep UNREPLIED"],
        fix: "Nothing is to be done; entries with a ClusterIP would be another matter (CT007, CT008).",
        sources: ["conntrack(8)"])

    package init() {}

    /// VXLAN (8472, 4789), flannel's UDP, Geneve, WireGuard; syslog, StatsD, GELF, sFlow, NetFlow.
    private static let ports: Set<UInt16> = [8472, 4789, 8285, 6081, 51820, 514, 8125, 12201, 6343, 2055]

    package func findings(in context: CheckContext) -> [Finding] {
        let virtual = Set(context.snapshot.objects.services.flatMap(\.clusterIPs))
        return context.clusterNodes.compactMap { node in
            let entries = (node.host.conntrack ?? []).filter { entry in
                entry.isUnreplied && entry.original.ipProtocol == .udp
                    && Self.ports.contains(entry.original.destinationPort)
                    && !virtual.contains(entry.original.destination)
            }
            guard let first = entries.first else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message:
                    "has \(entries.count) UDP connection\(entries.count == 1 ? "" : "s") that no answer is meant to come to",
                evidence: [.line(node: node.name, first.source, text: "\(first.original) [UNREPLIED]")])
        }
    }
}

/// Servers see a node where somebody else asked.
package struct MasqueradeByDesign: Check {
    package static let metadata = CheckMetadata(
        code: "OK007", name: "masquerade-by-design", group: .normal, severity: .notice,
        finds: "Connections to Services are masqueraded where their answers must come back by the same node.",
        matters:
            "Servers see a node's or a tunnel's address for clients outside, for nodes, and for a pod that asks itself.",
        confirm: ["iptables -t nat -S KUBE-POSTROUTING"],
        fix: "Nothing is to be done; externalTrafficPolicy Local keeps the address of clients outside.",
        sources: [
            "kubernetes pkg/proxy/iptables/proxier.go", "https://kubernetes.io/docs/tutorials/services/source-ip",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            for ruleSet in node.host.ruleSets {
                for rule in ruleSet.rules {
                    let text = ruleSet.string(rule.text)
                    guard text.hasPrefix("-A KUBE-POSTROUTING"), text.contains("-j MASQUERADE") else { continue }
                    return Finding(
                        Self.metadata, on: .node(node.name), .proven,
                        message: "gives connections to Services its own address where answers must come back by it",
                        evidence: [.line(node: node.name, SourceLine(ruleSet.artifact, line: rule.line), text: text)])
                }
            }
            return nil
        }
    }
}

/// Warnings that mean nothing here.
package struct HarmlessWarnings: Check {
    package static let metadata = CheckMetadata(
        code: "OK008", name: "harmless-kube-proxy-or-iptables-warnings", group: .normal, severity: .notice,
        finds: "A log or tool warns of what does no harm on this node.",
        matters:
            "Tables of iptables-legacy without rules, or a missing br_netfilter where no pod is on a bridge, change nothing.",
        confirm: ["iptables-legacy-save", "ls /sys/class/net/*/brport"],
        fix: "Nothing is to be done.",
        sources: ["iptables(8)", "kubernetes cmd/kube-proxy"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node in [emptyTables(node), module(node)].compactMap(\.self) }
    }

    private func emptyTables(_ node: NodeSnapshot) -> Finding? {
        guard
            let empty = node.host.ruleSets.first(where: { ruleSet in
                ruleSet.backend == .legacy && ruleSet.rules.isEmpty && !ruleSet.chains.isEmpty
                    && ruleSet.chains.allSatisfy { $0.base?.policyAccepts ?? true }
            }), node.host.ruleSets.contains(where: { $0.backend == .nft && $0.hasChain(["KUBE-"]) })
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: "has tables of iptables-legacy without any rule: the warning about them can be passed over",
            evidence: [.computed("no rule, and every policy ACCEPT", SourceLine(empty.artifact, line: 1))])
    }

    private func module(_ node: NodeSnapshot) -> Finding? {
        guard node.podBridges.isEmpty, !(node.host.links ?? []).isEmpty,
            let line = node.logLines(holding: ["missing br-netfilter module"], in: node.texts.map(\.path)).first
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .proven,
            message: "does not need br_netfilter: no pod is a port of a bridge",
            evidence: [.line(node: node.name, line.source, text: line.text)])
    }
}

/// Nobody listens on a NodePort.
package struct NodePortNotListening: Check {
    package static let metadata = CheckMetadata(
        code: "OK011", name: "nodeport-not-listening", group: .normal, severity: .notice,
        finds: "No socket listens on the NodePorts.",
        matters: "Rules translate NodePorts before a socket is looked for; since 1.24 kube-proxy opens none.",
        confirm: ["nc -zv NODE NODEPORT", "iptables -t nat -S KUBE-NODEPORTS"],
        fix: "Nothing is to be done.",
        sources: ["https://github.com/kubernetes/kubernetes/pull/108496"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let ports = context.snapshot.objects.services.flatMap { service in
            service.ports.compactMap { port in port.nodePort.map { (service.name, port.ipProtocol, $0) } }
        }
        return context.clusterNodes.compactMap { node in
            guard let sockets = node.host.sockets,
                let (service, ipProtocol, port) = ports.first(where: { _, ipProtocol, port in
                    node.host.socketProtocols.contains(ipProtocol)
                        && !sockets.contains { $0.ipProtocol == ipProtocol && $0.port == port }
                })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "has no socket on NodePort \(port)/\(ipProtocol) of \(service), and needs none",
                evidence: [
                    .absent(
                        place: "the listening sockets of \(node.name)", what: "\(port)/\(ipProtocol)",
                        sockets.first.map { SourceLine($0.source.artifact, line: 0) })
                ])
        }
    }
}

/// A NodePort answers only on nodes with an endpoint.
package struct LocalPolicySingleNode: Check {
    package static let metadata = CheckMetadata(
        code: "OK012", name: "single-node-pending-etp-local", group: .normal, severity: .notice,
        finds: "A Service with externalTrafficPolicy Local has endpoints on some nodes only.",
        matters:
            "Clients outside get no answer from the other nodes: load balancers leave them out by the health check.",
        confirm: [
            "kubectl get svc SERVICE -o yaml | grep externalTrafficPolicy", "curl NODE:HEALTHCHECKNODEPORT/healthz",
        ],
        fix: "Nothing is to be done; for every node to answer, set the policy to Cluster or run a pod on each.",
        sources: ["https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = context.snapshot.objects.nodes.map(\.name)
        return context.snapshot.objects.services.compactMap { service in
            guard service.externalTrafficPolicy == "Local" else { return nil }
            let usable = context.endpoints(of: service).filter(\.isUsable)
            let with = Set(usable.compactMap(\.nodeName))
            let without = nodes.filter { !with.contains($0) }
            guard !with.isEmpty, let first = without.first else { return nil }
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message:
                    "answers clients outside on \(with.sorted().joined(separator: ", ")) only, not on \(first)\(without.count > 1 ? " and others" : "")",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "spec.externalTrafficPolicy", value: "Local",
                        service.source)
                ])
        }
    }
}
