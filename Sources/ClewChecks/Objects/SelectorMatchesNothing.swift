package import ClewDiagnostics
import ClewSnapshot

/// A Service's selector matches no pod.
package struct SelectorMatchesNothing: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ002", name: "selector-matches-nothing", group: .objects, severity: .error,
        finds: "A Service's selector matches no pod of its namespace.",
        matters: "The Service has no endpoints, and every connection to it is refused.",
        confirm: ["kubectl get pods -n NAMESPACE -l SELECTOR --show-labels"],
        fix: "Make the selector and the pods' labels agree.",
        sources: ["https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        guard !context.snapshot.objects.pods.isEmpty else { return [] }
        return context.snapshot.objects.services.compactMap { service in
            guard service.type != "ExternalName", !service.selector.isEmpty,
                context.pods(selectedBy: service).isEmpty, !context.endpoints(of: service).contains(where: \.isUsable)
            else { return nil }
            let near = Self.nearest(to: service, in: context)
            var evidence: [Evidence] = [
                .field(
                    object: "Service \(service.name)", path: "spec.selector", value: service.selectorText,
                    service.source),
                .absent(place: "pods of namespace \(service.name.namespace)", what: "all of these labels", nil),
            ]
            var fixes: [Fix] = []
            if let (pod, key) = near {
                let value = pod.labels[key]
                evidence.append(
                    .field(
                        object: "Pod \(pod.name)", path: "metadata.labels.\(key)", value: value ?? "(none)",
                        pod.source))
                if let value { fixes.append(Self.fix(service, key, value)) }
            }
            // Where no pod is like it, it may be scaled to zero on purpose.
            return Finding(
                Self.metadata, on: .service(service.name), .proven, severity: near == nil ? .notice : .error,
                message: "selects no pod: no pod of the namespace has \(service.selectorText)",
                cause: near.map { pod, key in
                    "pod \(pod.name) differs in one label: \(key) is "
                        + "\(pod.labels[key] ?? "missing"), the Service asks for \(service.selector[key] ?? "")"
                },
                evidence: evidence, fixes: fixes)
        }
    }

    /// The first pod that lacks but one of the labels, and which.
    private static func nearest(to service: Service, in context: CheckContext) -> (Pod, String)? {
        for pod in context.snapshot.objects.pods
        where pod.name.namespace == service.name.namespace && !pod.hasEnded {
            let missing = service.selector.filter { pod.labels[$0.key] != $0.value }.map(\.key)
            guard missing.count == 1, let key = missing.first else { continue }
            // With one label only, a pod is like what was meant if the value is almost the same.
            let isLike = pod.labels[key].map { $0.isAlmost(service.selector[key] ?? "") } ?? false
            if service.selector.count > 1 || isLike { return (pod, key) }
        }
        return nil
    }

    private static func fix(_ service: Service, _ key: String, _ value: String) -> Fix {
        let name = service.name
        func patch(_ value: String) -> String {
            "kubectl -n \(name.namespace) patch service \(name.name) --type=merge "
                + "-p '{\"spec\":{\"selector\":{\"\(key)\":\"\(value)\"}}}'"
        }
        return Fix(
            "let the Service select \(key)=\(value)",
            commands: [FixCommand(.workstation, patch(value), undo: patch(service.selector[key] ?? ""))])
    }
}

extension String {
    /// Whether two letters at most have to be changed, or one text holds the other: a typing error, a plural.
    func isAlmost(_ other: String) -> Bool {
        let (a, b) = (Array(utf8), Array(other.utf8))
        guard min(a.count, b.count) > 2, max(a.count, b.count) < 64 else { return false }
        if hasPrefix(other) || other.hasPrefix(self) || hasSuffix(other) || other.hasSuffix(self) { return true }
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let cost = a[i] == b[j] ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = Swift.min(cost, Swift.min(row[j], row[j + 1]) + 1)
            }
        }
        return row[b.count] <= (min(a.count, b.count) > 4 ? 2 : 1)
    }
}
