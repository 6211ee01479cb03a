import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// IPVS has no virtual server for a Service.
package struct VirtualServerMissing: Check {
    package static let metadata = CheckMetadata(
        code: "IPV002", name: "virtual-server-missing", group: .ipvs, severity: .error,
        finds: "A node in IPVS mode has no virtual server for an address and port of a Service.",
        matters: "The Service does not answer from that node: connections are refused, or time out.",
        confirm: ["ipvsadm -ln"], fix: "See why kube-proxy on the node does not write its servers; restart it.",
        sources: ["kubernetes pkg/proxy/ipvs/proxier.go, syncService()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.ipvsDifferences.compactMap { node in
            let missing = node.missingServers.filter { $0.service != nil }
            guard !missing.isEmpty else { return nil }
            let services = Set(missing.compactMap(\.service))
            return IPVSFinding.make(
                Self.metadata, node.node, services, context,
                message: "has no virtual server for \(ProxyFinding.list(services.sorted()))",
                evidence: missing.prefix(3).map { .absent(place: "ipvsadm -ln of \(node.node)", what: $0.text, nil) })
        }
    }
}

/// A virtual server does not have the endpoints it should.
package struct RealServersDiffer: Check {
    package static let metadata = CheckMetadata(
        code: "IPV003", name: "real-servers-differ", group: .ipvs, severity: .error,
        finds: "The real servers of a Service are not its usable endpoints.",
        matters: "Connections are refused where one is missing, and a share of them is lost where one is gone.",
        confirm: ["ipvsadm -ln -t CLUSTER-IP:PORT", "kubectl get endpointslices -n NAMESPACE"],
        fix: "See why kube-proxy on the node does not hear of the endpoints; restart it.",
        sources: ["kubernetes pkg/proxy/ipvs/proxier.go, syncEndpoint()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.ipvsDifferences.compactMap { node in
            let changed = node.changedServers.filter { !$0.missing.isEmpty || !$0.extra.isEmpty }
            guard let first = changed.first else { return nil }
            let services = Set(changed.compactMap(\.service))
            let what =
                first.missing.first.map { "lacks \($0)" }
                ?? first.extra.first.map { "still has \(SocketAddress($0.address, $0.port))" } ?? ""
            return IPVSFinding.make(
                Self.metadata, node.node, services, context,
                message: "has other real servers than \(ProxyFinding.list(services.sorted())) has endpoints: "
                    + "\(first.text) \(what)",
                evidence: changed.prefix(3).flatMap { Self.evidence($0, node.node) })
        }
    }

    private static func evidence(_ server: IPVSDifferences.Server, _ node: String) -> [Evidence] {
        let place = "real servers of \(server.text) on \(node)"
        return server.missing.prefix(2).map { Evidence.absent(place: place, what: $0.description, server.source) }
            + server.extra.prefix(2).map {
                Evidence.line(
                    node: node, $0.source, text: "-> \(SocketAddress($0.address, $0.port)) weight \($0.weight)")
            }
    }
}

/// An endpoint that is ready gets no connections.
package struct RealServerWeightZero: Check {
    package static let metadata = CheckMetadata(
        code: "IPV004", name: "real-server-weight-zero", group: .ipvs, severity: .error,
        finds: "An endpoint that is ready is a real server of weight 0.",
        matters: "It gets no new connection; where it is the only one, the Service refuses all.",
        confirm: ["ipvsadm -ln -t CLUSTER-IP:PORT"],
        fix: "Restart kube-proxy on the node, which sets the weight back to 1.",
        sources: ["kubernetes pkg/proxy/ipvs/graceful_termination.go", "ipvsadm(8), --weight"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.ipvsDifferences.compactMap { node in
            let changed = node.changedServers.filter { !$0.withoutWeight.isEmpty }
            guard let first = changed.first, let real = first.withoutWeight.first else { return nil }
            let services = Set(changed.compactMap(\.service))
            let address = SocketAddress(real.address, real.port)
            let edits: [SnapshotEdit] = changed.flatMap { server in
                server.withoutWeight.map { real -> SnapshotEdit in
                    var weighted = real
                    weighted.weight = 1
                    return .setRealServer(node: node.node, server.address, server.ipProtocol, weighted)
                }
            }
            let option = first.ipProtocol == .udp ? "-u" : "-t"
            let command = "ipvsadm -e \(option) \(first.address) -r \(address) -m -w"
            return IPVSFinding.make(
                Self.metadata, node.node, services, context,
                message: "gives \(address) of \(ProxyFinding.list(services.sorted())) no connections: its weight is 0",
                evidence: [.line(node: node.node, real.source, text: "-> \(address) weight 0")],
                fixes: [
                    Fix(
                        "give the endpoint its weight back", edits: edits,
                        commands: [
                            FixCommand(
                                .node(node.node), "\(command) 1", persist: "kube-proxy sets it at its next start",
                                undo: "\(command) 0")
                        ])
                ])
        }
    }
}

/// The address of a Service is not the node's.
package struct ServiceAddressMissing: Check {
    package static let metadata = CheckMetadata(
        code: "IPV005", name: "kube-ipvs0-missing-vip", group: .ipvs, severity: .error,
        finds: "kube-ipvs0 lacks the address of a Service that has a virtual server, or is not there itself.",
        matters: "Packets to the Service do not reach IPVS: they leave the node by the default route.",
        confirm: ["ip addr show dev kube-ipvs0", "ip route show table local dev kube-ipvs0"],
        fix: "Restart kube-proxy, and tell NetworkManager or networkd to leave kube-ipvs0 alone.",
        sources: ["kubernetes pkg/proxy/ipvs/netlink_linux.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.ipvsDifferences.compactMap { node in
            let missing = node.missingAddresses
            guard let first = missing.first else { return nil }
            let addresses = Set(missing.map(\.address))
            let services = Set(
                (context.contracts[node.node] ?? []).flatMap(\.entries).filter { entry in
                    guard case .one(let address) = entry.destination.address else { return false }
                    return addresses.contains(address)
                }.map(\.service))
            let adds = missing.map { "ip addr add \(IPPrefix(host: $0.address)) dev kube-ipvs0" }
            let deletes = missing.map { "ip addr del \(IPPrefix(host: $0.address)) dev kube-ipvs0" }
            let direct = Fix(
                "give kube-ipvs0 the address",
                edits: missing.map {
                    .addAddress(.host(node: node.node), link: "kube-ipvs0", IPPrefix(host: $0.address))
                },
                commands: zip(adds, deletes).map { FixCommand(.node(node.node), $0, undo: $1) })
            return IPVSFinding.make(
                Self.metadata, node.node, services, context,
                message: node.hasDevice
                    ? "lacks \(first.address)\(missing.count > 1 ? " and \(missing.count - 1) more" : "") on kube-ipvs0"
                    : "has no device kube-ipvs0",
                evidence: missing.prefix(3).map {
                    .absent(place: "addresses of kube-ipvs0 on \(node.node)", what: $0.address.description, nil)
                },
                fixes: (node.hasDevice ? [direct] : []) + [Remedies.rewriteRules(on: node.node, context)])
        }
    }
}

/// A node keeps the address or virtual server of a Service that is gone.
package struct StaleServiceAddress: Check {
    package static let metadata = CheckMetadata(
        code: "IPV006", name: "stale-vip-or-vs", group: .ipvs, severity: .warning,
        finds: "kube-ipvs0 has an address, or IPVS a virtual server, that no Service asks for.",
        matters: "What is sent to that address from the node goes nowhere, whoever owns it now.",
        confirm: ["ipvsadm -ln", "ip addr show dev kube-ipvs0"],
        fix: "Delete what is stale, unless it is your own; kube-proxy spares what is in ipvs.excludeCIDRs.",
        sources: ["kubernetes pkg/proxy/ipvs/proxier.go, cleanLegacyService()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.ipvsDifferences.compactMap { node in
            let (servers, addresses) = (node.staleServers, node.staleAddresses)
            guard !servers.isEmpty || !addresses.isEmpty else { return nil }
            let what =
                servers.first.map { "virtual server \($0.text)" } ?? addresses.first.map { "address \($0.address)" }
                ?? ""
            return Finding(
                Self.metadata, on: .node(node.node), .likely, message: "keeps \(what), which no Service asks for",
                evidence: servers.prefix(3).compactMap { server in
                    server.source.map { Evidence.line(node: node.node, $0, text: server.text) }
                }
                    + addresses.prefix(3).compactMap { address in
                        address.source.map {
                            Evidence.line(node: node.node, $0, text: "\(address.address) on kube-ipvs0")
                        }
                    },
                fixes: [Self.fix(node)])
        }
    }

    private static func fix(_ node: IPVSDifferences) -> Fix {
        let commands =
            node.staleServers.map { server in
                FixCommand(
                    .node(node.node), "ipvsadm -D \(server.ipProtocol == .udp ? "-u" : "-t") \(server.address)",
                    undo: "ipvsadm -A \(server.ipProtocol == .udp ? "-u" : "-t") \(server.address) -s rr")
            }
            + node.staleAddresses.map { address in
                let host = IPPrefix(host: address.address)
                return FixCommand(
                    .node(node.node), "ip addr del \(host) dev kube-ipvs0", undo: "ip addr add \(host) dev kube-ipvs0")
            }
        return Fix(
            "delete what is stale on \(node.node)",
            edits: node.staleServers.map { .deleteVirtualServer(node: node.node, $0.address, $0.ipProtocol) }
                + node.staleAddresses.map {
                    .deleteAddress(.host(node: node.node), link: "kube-ipvs0", IPPrefix(host: $0.address))
                },
            commands: commands)
    }
}

/// The sets that kube-proxy's rules ask are not what they should be.
package struct IPSetProblem: Check {
    package static let metadata = CheckMetadata(
        code: "IPV011", name: "ipset-problem", group: .ipvs, severity: .warning,
        finds: "A set of kube-proxy's in IPVS mode is missing, or holds other members than the Services ask for.",
        matters: "Connections are not masqueraded, or a NodePort is not taken for one.",
        confirm: ["ipset list -n", "ipset list KUBE-CLUSTER-IP"],
        fix: "Restart kube-proxy; where it says that kernel and tool do not fit, use a newer ipset or image.",
        sources: ["kubernetes pkg/proxy/ipvs/ipset.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let differ: [Finding] = context.ipvsDifferences.compactMap { node in
            guard let first = node.sets.first else { return nil }
            let what =
                first.source == nil
                ? "has no set \(first.name)"
                : "has \(first.missing) members too few and "
                    + "\(first.extra) too many in set \(first.name)"
            let losses = context.lossProbes.filter { probe in
                probe.entryNodes.contains(node.node) && !probe.services.isEmpty && probe.isTranslated
                    && !probe.isMasqueraded && !probe.isLostToOthers && probe.group.decision?.cause != .noListener
            }.map(\.group.id)
            return Finding(
                Self.metadata, on: .node(node.node), .proven, severity: losses.isEmpty ? .warning : .error,
                message: what,
                evidence: node.sets.prefix(3).map {
                    .absent(place: "set \($0.name) on \(node.node)", what: "\($0.missing) members", $0.source)
                },
                fixes: [Remedies.rewriteRules(on: node.node, context)], explains: losses)
        }
        let known = Set(differ.map(\.subject))
        let texts = ["kernel and userspace incompatible", "failed to make sure ip set", "failed to sync ipset"]
        return differ
            + LogLines.findings(
                Self.metadata, of: texts, [.kubeProxy], in: context,
                message: { _ in "runs a kube-proxy that cannot write its sets" }
            ).filter { !known.contains($0.subject) }
    }
}

/// Findings of IPVS look alike.
enum IPVSFinding {
    static func make(
        _ metadata: CheckMetadata, _ node: String, _ services: Set<ServicePortName>, _ context: CheckContext,
        message: String, evidence: [Evidence], fixes: [Fix]? = nil
    ) -> Finding {
        Finding(
            metadata, on: .node(node), .proven, message: message, evidence: evidence,
            fixes: fixes ?? [Remedies.rewriteRules(on: node, context)],
            explains: context.lossesOfServices(services, on: node))
    }
}
