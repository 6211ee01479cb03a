import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// A load balancer Service gets no address.
package struct LoadBalancerPending: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ020", name: "lb-pending", group: .objects, severity: .notice,
        finds: "A Service of type LoadBalancer has no address: no controller has given it one.",
        matters: "It shows <pending>, and cannot be reached from outside but by its NodePort.",
        confirm: ["kubectl describe service -n NAMESPACE SERVICE"],
        fix: "Install or repair the controller that gives such addresses; free its pool; correct loadBalancerClass.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.type == "LoadBalancer",
                !service.loadBalancerIngress.contains(where: { $0.address != nil || $0.hostname != nil })
            else { return nil }
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "waits for an address that no controller gives",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "spec.type", value: "LoadBalancer", service.source),
                    .absent(
                        place: "status.loadBalancer of Service \(service.name)", what: "an address", service.source),
                ])
        }
    }
}

/// Only some clients may use a load balancer.
package struct SourceRangesBlock: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ021", name: "lb-source-ranges-block", group: .objects, severity: .notice,
        finds: "A Service lets in clients of some networks only, as it asks for.",
        matters: "Other clients time out, pods and nodes among them.",
        confirm: ["kubectl get service -n NAMESPACE SERVICE -o jsonpath='{.spec.loadBalancerSourceRanges}'"],
        fix: "Add the clients' network to loadBalancerSourceRanges.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.type == "LoadBalancer", !service.loadBalancerSourceRanges.isEmpty else { return nil }
            let ranges = service.loadBalancerSourceRanges.joined(separator: ", ")
            let refused = context.refused(service) { connection in
                if case .outside = connection.flow.origin {
                    service.loadBalancerIngress.contains { $0.address == connection.flow.destination }
                } else {
                    false
                }
            }
            var finding = Finding(
                Self.metadata, on: .service(service.name), .proven, message: "lets in clients of \(ranges) only",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "spec.loadBalancerSourceRanges", value: ranges,
                        service.source)
                ], fixes: [Self.admit(refused, to: service, context)].compactMap(\.self))
            finding.refuses = refused
            return finding
        }
    }

    /// Adds the clients that are refused.
    private static func admit(_ refused: [Int], to service: Service, _ context: CheckContext) -> Fix? {
        let found = refused.compactMap { index -> IPAddress? in
            guard case .outside(let address, _) = context.survey.connections[index].flow.origin else { return nil }
            return address
        }
        let clients = Set(found).sorted()
        guard !clients.isEmpty else { return nil }
        var open = service
        open.loadBalancerSourceRanges += clients.map { IPPrefix(host: $0).description }
        func patch(_ ranges: [String]) -> String {
            "kubectl -n \(service.name.namespace) patch service \(service.name.name) --type=merge -p "
                + "'{\"spec\":{\"loadBalancerSourceRanges\":[\(ranges.map { "\"\($0)\"" }.joined(separator: ","))]}}'"
        }
        return Fix(
            "let \(clients.map(\.description).joined(separator: ", ")) in, if they are meant",
            edits: context.edits(replacing: open) ?? [],
            commands: [
                FixCommand(
                    .workstation, patch(open.loadBalancerSourceRanges), undo: patch(service.loadBalancerSourceRanges))
            ])
    }
}

/// A name that is to be an alias is an address.
package struct ExternalNameMisuse: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ023", name: "externalname-misuse", group: .objects, severity: .warning,
        finds: "A Service of type ExternalName names an IP address.",
        matters: "It becomes an alias for a name that does not exist: clients get NXDOMAIN.",
        confirm: ["kubectl get service -n NAMESPACE SERVICE -o jsonpath='{.spec.externalName}'"],
        fix: "Use a Service without a selector and an EndpointSlice with the address.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service/#externalname"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            guard service.type == "ExternalName", let name = service.externalName, IPAddress(name) != nil else {
                return nil
            }
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "is an alias for \(name), which is no name",
                evidence: [
                    .field(object: "Service \(service.name)", path: "spec.externalName", value: name, service.source)
                ])
        }
    }
}

/// An external address belongs to somebody else already.
package struct ExternalIPConflict: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ024", name: "externalip-conflict", group: .objects, severity: .warning,
        finds: "An external address of a Service is a node's, or an address and port of another Service.",
        matters: "Each node takes packets to that address for its own; in IPVS mode the node that owns it is cut off.",
        confirm: ["kubectl get services -A -o wide", "ip addr show dev kube-ipvs0"],
        fix: "Take the address out of the Service, and let nobody but trusted people set externalIPs.",
        sources: [
            "kubernetes issue 127410", "https://kubernetes.io/docs/concepts/services-networking/service/#external-ips",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        let owners = Dictionary(objects.nodes.flatMap { node in node.internalIPs.map { ($0, node) } }) { first, _ in
            first
        }
        let isIPVS = context.snapshot.nodes.contains { context.proxyMode($0.name) == .ipvs }
        return objects.services.compactMap { service in
            let addresses = service.externalIPs + service.loadBalancerIngress.compactMap(\.address)
            for address in addresses {
                if let node = owners[address] {
                    return finding(
                        service, address, "is also the address of node \(node.name)",
                        .field(
                            object: "Node \(node.name)", path: "status.addresses", value: address.description,
                            node.source),
                        // iptables' rules take the Service's ports only.
                        severity: isIPVS ? .error : .notice)
                }
                let other = objects.services.first { other in
                    other.name != service.name && other.name < service.name
                        && (other.externalIPs + other.clusterIPs + other.loadBalancerIngress.compactMap(\.address))
                            .contains(address)
                        && other.ports.contains { own in
                            service.ports.contains { $0.port == own.port && $0.ipProtocol == own.ipProtocol }
                        }
                }
                if let other {
                    return finding(
                        service, address, "is claimed with the same port by Service \(other.name)",
                        .field(object: "Service \(other.name)", path: "spec", value: address.description, other.source),
                        severity: .warning)
                }
            }
            return nil
        }
    }

    private func finding(
        _ service: Service, _ address: IPAddress, _ what: String, _ other: Evidence, severity: Severity
    ) -> Finding {
        Finding(
            Self.metadata, on: .service(service.name), .proven, severity: severity,
            message: "has the address \(address), which \(what)",
            evidence: [
                .field(
                    object: "Service \(service.name)", path: "spec.externalIPs", value: address.description,
                    service.source),
                other,
            ])
    }
}

/// Two programs want one port of a node.
package struct HostPortConflict: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ026", name: "hostport-or-hostnetwork-conflict", group: .objects, severity: .error,
        finds: "Two pods of one node want the same hostPort, or a pod's hostPort is a Service's NodePort.",
        matters: "One of the two does not start, or never sees its clients.",
        confirm: ["kubectl get pods -A -o jsonpath='{..hostPort}'", "ss -lntup"],
        fix: "Give one of them another port, or keep them on different nodes.",
        sources: ["https://kubernetes.io/docs/concepts/configuration/overview/#services"])

    package init() {}

    private struct Key: Hashable {
        var node: String
        var port: UInt16
        var ipProtocol: IPProtocol
    }

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        var taken: [Key: [(pod: Pod, port: ContainerPort)]] = [:]
        for pod in objects.pods where !pod.hasEnded {
            guard let node = pod.nodeName else { continue }
            for port in pod.containerPorts {
                guard let number = port.hostPort ?? (pod.usesHostNetwork ? port.containerPort : nil) else { continue }
                taken[Key(node: node, port: number, ipProtocol: port.ipProtocol), default: []].append((pod, port))
            }
        }
        var result: [Finding] = []
        for (key, users) in taken.sorted(by: { ($0.key.node, $0.key.port) < ($1.key.node, $1.key.port) }) {
            let pods = users.map(\.pod).sorted { $0.name < $1.name }
            let text = "port \(key.port)/\(key.ipProtocol) of node \(key.node)"
            if Set(pods.map(\.name)).count > 1, !Self.haveOwnAddresses(users.map(\.port)) {
                result.append(
                    finding(
                        pods[0], "wants \(text), as \(pods[1].name) does", .error,
                        pods.prefix(2).map { Self.field($0, key.port) }))
            }
            let service = objects.services.first { service in
                service.ports.contains { $0.nodePort == key.port && $0.ipProtocol == key.ipProtocol }
            }
            if let service, let pod = pods.first {
                result.append(
                    finding(
                        pod, "wants \(text), which is a NodePort of Service \(service.name)", .warning,
                        [
                            Self.field(pod, key.port),
                            .field(
                                object: "Service \(service.name)", path: "spec.ports[].nodePort", value: "\(key.port)",
                                service.source),
                        ]))
            }
        }
        return result
    }

    /// Whether each names another hostIP.
    private static func haveOwnAddresses(_ ports: [ContainerPort]) -> Bool {
        let addresses = ports.compactMap(\.hostIP)
        return addresses.count == ports.count && Set(addresses).count == addresses.count
    }

    private static func field(_ pod: Pod, _ port: UInt16) -> Evidence {
        .field(object: "Pod \(pod.name)", path: "spec.containers[].ports[].hostPort", value: "\(port)", pod.source)
    }

    private func finding(_ pod: Pod, _ message: String, _ severity: Severity, _ evidence: [Evidence]) -> Finding {
        Finding(Self.metadata, on: .pod(pod.name), .proven, severity: severity, message: message, evidence: evidence)
    }
}

/// A Service is none of kube-proxy's.
package struct ServiceIgnored: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ033", name: "service-ignored-by-kube-proxy", group: .objects, severity: .notice,
        finds: "A label hands a Service to another proxy, so that kube-proxy writes no rules for it.",
        matters: "Its ClusterIP answers only where that other proxy runs.",
        confirm: ["kubectl get service -n NAMESPACE SERVICE --show-labels"],
        fix: "Take the label service.kubernetes.io/service-proxy-name away, if no other proxy is meant.",
        sources: ["kubernetes pkg/proxy/config, noProxyName selector"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            let key = "service.kubernetes.io/service-proxy-name"
            guard let name = service.labels[key], !service.clusterIPs.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "is left to the proxy '\(name)' by a label",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "metadata.labels[\(key)]", value: name, service.source)
                ])
        }
    }
}
