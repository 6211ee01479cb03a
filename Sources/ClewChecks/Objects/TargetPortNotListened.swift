import ClewDataplane
package import ClewDiagnostics
import ClewIntent
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
        context.lost { $0.decision?.cause == .noListener && !$0.losesReply }.map { group in
            let service = group.connections.first.flatMap { context.survey.connections[$0].service }
            return Finding(
                Self.metadata, on: service.map { .servicePort($0.service, port: $0.port) } ?? group.place, .proven,
                message: group.reason, evidence: [group.evidence], explains: [group.id])
        }
    }
}
