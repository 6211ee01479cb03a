import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// A Service sends to a port that no socket of the pod listens on.
package struct TargetPortNotListened: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ004", name: "targetport-not-listened", group: .objects, severity: .error,
        finds: "A Service's targetPort is one that the pod's sockets do not listen on.",
        matters: "Connections are refused at once, though the Service has endpoints.",
        confirm: ["kubectl exec POD -- ss -lntu"],
        fix: "Set targetPort to the port that the program listens on, or let it listen there.",
        sources: ["https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        UnheardPort.all(in: context).filter { $0.reason == .nobody }.map { unheard in
            unheard.finding(
                Self.metadata, message: unheard.probe.group.reason,
                fixes: unheard.portFixes(context) + unheard.listenerFixes(context))
        }
    }
}

/// A Service asks for one transport protocol, and the program listens on the other.
package struct ProtocolMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ007", name: "protocol-mismatch", group: .objects, severity: .error,
        finds: "The pod listens on the Service's target port with another transport protocol.",
        matters: "The Service refuses or loses all, though the port is right.",
        confirm: ["kubectl exec POD -- ss -lntu"],
        fix: "Set the port's protocol, which is TCP where none is given, to what the program uses.",
        sources: ["https://kubernetes.io/docs/reference/networking/service-protocols/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        UnheardPort.all(in: context).compactMap { unheard in
            guard case .otherProtocol(let other) = unheard.reason else { return nil }
            return unheard.finding(
                Self.metadata,
                message:
                    "asks for \(unheard.ipProtocol), and pod \(unheard.pod) listens on port \(unheard.port) with \(other)"
            )
        }
    }
}

/// A program listens on the loopback address of its pod only.
package struct BoundToLoopback: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ008", name: "app-bound-to-loopback", group: .objects, severity: .error,
        finds: "The pod's program listens on 127.0.0.1 or ::1 only.",
        matters: "It answers within its pod, and refuses everything that a Service sends.",
        confirm: ["kubectl exec POD -- ss -lntup"],
        fix: "Let the program listen on 0.0.0.0 or [::].",
        sources: ["https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        UnheardPort.all(in: context).compactMap { unheard in
            guard case .loopbackOnly(let socket) = unheard.reason else { return nil }
            var finding = unheard.finding(
                Self.metadata,
                message: "sends to port \(unheard.port) of pod \(unheard.pod), which listens on its loopback only",
                fixes: unheard.listenerFixes(context))
            let address = socket.address.map { SocketAddress($0, socket.port).description } ?? "\(socket.port)"
            finding.evidence.append(.line(node: unheard.probe.group.node, socket.source, text: "LISTEN \(address)"))
            return finding
        }
    }
}

/// A port that connections of a Service reach, and nobody listens on, and what is there instead.
private struct UnheardPort {
    enum Reason: Hashable {
        case nobody
        case otherProtocol(IPProtocol)
        case loopbackOnly(ListeningSocket)
    }

    var probe: LossProbe
    var service: ServicePortName?
    var pod: String
    var port: UInt16
    var ipProtocol: IPProtocol
    var sockets: [ListeningSocket]
    var reason: Reason

    static func all(in context: CheckContext) -> [UnheardPort] {
        context.lossProbes.filter { $0.group.decision?.cause == .noListener && !$0.group.losesReply }.map { probe in
            let first = probe.group.connections.first.map { context.survey.connections[$0] }
            let address =
                probe.endpoints.min() ?? first.map { SocketAddress($0.flow.destination, $0.flow.destinationPort) }
            let ipProtocol = first?.flow.ipProtocol ?? .tcp
            let pod = context.snapshot.objects.pods.first { pod in
                !pod.usesHostNetwork && !pod.hasEnded && address.map { pod.addresses.contains($0.address) } ?? false
            }
            let sockets = context.snapshot.nodes.lazy.flatMap(\.pods).first { $0.pod == pod?.name }?.state.sockets ?? []
            let port = address?.port ?? 0
            let same = sockets.filter { $0.port == port }
            var reason = Reason.nobody
            if let socket = same.first(where: { $0.ipProtocol == ipProtocol && $0.address?.isLoopback ?? false }) {
                reason = .loopbackOnly(socket)
            } else if let socket = same.first(where: { $0.ipProtocol != ipProtocol }) {
                reason = .otherProtocol(socket.ipProtocol)
            }
            return UnheardPort(
                probe: probe, service: first?.service, pod: pod?.name.description ?? "of the node", port: port,
                ipProtocol: ipProtocol, sockets: sockets, reason: reason)
        }
    }

    func finding(_ metadata: CheckMetadata, message: String, fixes: [Fix] = []) -> Finding {
        Finding(
            metadata, on: service.map { .servicePort($0.service, port: $0.port) } ?? probe.group.place, .proven,
            message: message, evidence: [probe.group.evidence], fixes: fixes, explains: [probe.group.id])
    }

    /// The only port on which the pod listens, or the one to which other Services send what comes to the same port.
    private func meantPort(_ context: CheckContext) -> UInt16? {
        let heard = Set(
            sockets.filter { $0.ipProtocol == ipProtocol && !($0.address?.isLoopback ?? false) }.map(\.port))
        guard heard.count > 1 else { return heard.first }
        let own = service.flatMap { name in
            context.service(name.service)?.ports.first { $0.name == name.port && $0.ipProtocol == name.ipProtocol }
        }
        guard let own else { return nil }
        let used = context.snapshot.objects.services.filter { $0.name != service?.service }.flatMap { other in
            other.ports.filter { $0.port == own.port && $0.ipProtocol == own.ipProtocol }
        }.compactMap { port -> UInt16? in
            guard case .number(let number) = port.targetPort, heard.contains(number) else { return nil }
            return number
        }
        return Set(used).count == 1 ? used.first : nil
    }

    /// Sending to the port that is meant.
    func portFixes(_ context: CheckContext) -> [Fix] {
        guard let service, let only = meantPort(context), var object = context.service(service.service),
            let index = object.ports.firstIndex(where: {
                $0.name == service.port && $0.ipProtocol == service.ipProtocol
            })
        else { return [] }
        let old = object.ports[index].targetPort
        object.ports[index].targetPort = .number(only)
        var slices = context.slices(of: object)
        for slice in slices.indices {
            for port in slices[slice].ports.indices
            where slices[slice].ports[port].name == service.port && slices[slice].ports[port].port == self.port {
                slices[slice].ports[port].port = only
            }
        }
        guard let edits = context.edits(replacing: object, slices: (object.name, slices)) else { return [] }
        func patch(_ target: TargetPort?) -> String {
            let value =
                switch target {
                case .number(let number): "\(number)"
                case .name(let name): "\"\(name)\""
                case nil: "\(object.ports[index].port)"
                }
            return "kubectl -n \(object.name.namespace) patch service \(object.name.name) --type=json "
                + "-p '[{\"op\":\"replace\",\"path\":\"/spec/ports/\(index)/targetPort\",\"value\":\(value)}]'"
        }
        return [
            Fix(
                "send to port \(only), on which the pod listens", edits: edits,
                commands: [FixCommand(.workstation, patch(.number(only)), undo: patch(old))])
        ]
    }

    /// The program listens where it is asked for: no command does that, but whether it would mend all, or something else
    /// is in the way too, can be tried.
    func listenerFixes(_ context: CheckContext) -> [Fix] {
        let first = probe.group.connections.first.map { context.survey.connections[$0].flow }
        let direct = first.map { SocketAddress($0.destination, $0.destinationPort) }
        let asked = probe.endpoints.isEmpty ? [direct].compactMap(\.self) : probe.endpoints.sorted()
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for address in asked {
            let pod = context.snapshot.objects.pods.first {
                !$0.usesHostNetwork && !$0.hasEnded && $0.addresses.contains(address.address)
            }?.name
            guard let pod, let node = context.snapshot.nodes.first(where: { $0.pods.contains { $0.pod == pod } }) else {
                return []
            }
            let socket = ListeningSocket(
                ipProtocol: ipProtocol, address: nil, port: address.port, acceptsIPv4: true, acceptsIPv6: true,
                source: .edited)
            edits.append(.addListener(.pod(node: node.name, pod), socket))
            commands.append(
                FixCommand(.workstation, "kubectl -n \(pod.namespace) logs \(pod.name) --all-containers --tail=100"))
        }
        guard !edits.isEmpty else { return [] }
        let isOnLoopback = if case .loopbackOnly = reason { true } else { false }
        return [
            Fix(
                "let the program listen on port \(port)/\(ipProtocol)\(isOnLoopback ? ", not on its loopback alone" : "")",
                edits: edits, commands: []),
            Fix("see in its log why it does not", commands: commands),
        ]
    }
}
