import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// A Service's port means different ports of its pods.
package struct NamedPortDiffers: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ006", name: "named-port-differs-per-pod", group: .objects, severity: .notice,
        finds: "One port of a Service leads to different port numbers, depending on the pod.",
        matters: "During a rollout that is meant; else some requests reach a port where another program listens.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE -o yaml"],
        fix: "Finish the rollout, or split the Service.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.flatMap { service -> [Finding] in
            let slices = context.slices(of: service)
            return service.ports.compactMap { port in
                let numbers = Set(
                    slices.filter { !$0.endpoints.isEmpty }.flatMap(\.ports)
                        .filter { $0.name == port.name && $0.ipProtocol == port.ipProtocol }.compactMap(\.port))
                guard numbers.count > 1 else { return nil }
                return Finding(
                    Self.metadata, on: .servicePort(service.name, port: port.name), .proven,
                    message:
                        "leads to ports \(numbers.sorted().map(String.init).joined(separator: " and ")) of its pods",
                    evidence: slices.prefix(3).map { slice in
                        .field(
                            object: "EndpointSlice \(slice.name)", path: "ports[\(port.name)].port",
                            value: slice.ports.first { $0.name == port.name }?.port.map(String.init) ?? "(none)",
                            slice.source)
                    })
            }
        }
    }
}

/// The endpoints of a Service that somebody makes by hand are missing or cannot be.
package struct ManualEndpointsWrong: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ009", name: "manual-endpoints-wrong", group: .objects, severity: .error,
        finds: "A Service without a selector has no endpoints, or has some that kube-proxy cannot send to.",
        matters: "Connections to the Service are refused or lost.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE -o yaml"],
        fix: "Write an EndpointSlice with the label kubernetes.io/service-name and the Service's port name.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        let clusterIPs = Set(objects.services.flatMap(\.clusterIPs))
        return objects.services.compactMap { service in
            guard service.selector.isEmpty, service.type != "ExternalName", !service.clusterIPs.isEmpty,
                !objects.endpointSlices.isEmpty || !objects.endpoints.isEmpty
            else { return nil }
            let endpoints = context.endpoints(of: service)
            let bad = endpoints.flatMap(\.addresses).first { address in
                address.isLoopback || address.isLinkLocal || clusterIPs.contains(address)
            }
            if let bad {
                return Finding(
                    Self.metadata, on: .service(service.name), .proven,
                    message: "has the endpoint \(bad), to which nothing can be sent on",
                    evidence: [
                        .field(
                            object: "Service \(service.name)", path: "endpoints[].addresses", value: bad.description,
                            service.source)
                    ])
            }
            let names = Set(context.slices(of: service).flatMap(\.ports).map(\.name))
            if !endpoints.isEmpty, !names.isEmpty, let port = service.ports.first(where: { !names.contains($0.name) }) {
                return Finding(
                    Self.metadata, on: .servicePort(service.name, port: port.name), .proven,
                    message: "has endpoints, and none for its port '\(port.name)'",
                    cause: "they name \(names.sorted().map { "'\($0)'" }.joined(separator: ", "))",
                    evidence: [
                        .field(
                            object: "Service \(service.name)", path: "spec.ports[].name", value: port.name,
                            service.source)
                    ])
            }
            guard endpoints.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .service(service.name), .proven, severity: .warning,
                message: "has neither a selector nor endpoints",
                evidence: [.absent(place: "EndpointSlices of \(service.name)", what: "an endpoint", service.source)])
        }
    }
}

/// An EndpointSlice belongs to no Service.
package struct SliceWithoutService: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ010", name: "slice-label-or-mirroring", group: .objects, severity: .notice,
        finds: "An EndpointSlice lacks the label that names its Service: kube-proxy passes it over.",
        matters: "Endpoints that somebody wrote by hand get no connections.",
        confirm: ["kubectl get endpointslices -A --show-labels"],
        fix: "Add the label kubernetes.io/service-name with the Service's name.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#ownership"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.endpointSlices.filter { $0.serviceName == nil && !$0.endpoints.isEmpty }.map { slice in
            let isWanted = context.snapshot.objects.services.contains {
                $0.name.namespace == slice.name.namespace && slice.name.name.hasPrefix($0.name.name)
                    && !context.endpoints(of: $0).contains(where: \.isUsable)
            }
            return Finding(
                Self.metadata, on: .other("EndpointSlice \(slice.name)"), .proven,
                severity: isWanted ? .warning : .notice,
                message: "names no Service, so that kube-proxy does not use it",
                evidence: [
                    .absent(
                        place: "labels of EndpointSlice \(slice.name)", what: "kubernetes.io/service-name", slice.source
                    )
                ])
        }
    }
}

/// An endpoint is the address of a pod that is gone.
package struct StaleEndpointAddress: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ011", name: "stale-endpoint-address", group: .objects, severity: .error,
        finds: "An endpoint of a Service names a pod that does not exist, has ended, or has another address.",
        matters: "A fixed share of the connections times out, from every node.",
        confirm: ["kubectl get endpointslices -n NAMESPACE -o yaml", "kubectl get pods -n NAMESPACE -o wide"],
        fix: "Delete the EndpointSlice, which its controller makes anew, and see why the controller is behind.",
        sources: ["kubernetes issue 69668", "kubernetes pkg/controller/endpointslice"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        guard !objects.pods.isEmpty else { return [] }
        let pods = Dictionary(objects.pods.map { ($0.name, $0) }) { first, _ in first }
        return objects.services.compactMap { service in
            guard !service.selector.isEmpty else { return nil }
            let stale = context.endpoints(of: service).filter { endpoint in
                guard endpoint.isUsable, let name = endpoint.pod else { return false }
                guard let pod = pods[name] else { return true }
                if pod.hasEnded { return true }
                guard let address = endpoint.addresses.first, !pod.addresses.isEmpty else { return false }
                return !pod.addresses.contains(address)
            }
            guard let first = stale.first, let address = first.addresses.first else { return nil }
            let slice = context.slices(of: service).first { $0.endpoints.contains { $0.addresses.contains(address) } }
            let dead = Set(stale.flatMap(\.addresses))
            let lost = context.lossProbes.filter { probe in
                !probe.endpoints.isEmpty && probe.endpoints.allSatisfy { dead.contains($0.address) }
                    && probe.services.allSatisfy { $0.service == service.name }
            }
            var slices = context.slices(of: service)
            for index in slices.indices {
                slices[index].endpoints.removeAll { !dead.isDisjoint(with: $0.addresses) }
            }
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "has the endpoint \(address) of pod \(first.pod?.description ?? ""), which is not there",
                evidence: [
                    .field(
                        object: "EndpointSlice \(slice?.name.description ?? service.name.description)",
                        path: "endpoints[].addresses", value: address.description, slice?.source),
                    .absent(place: "pods", what: "\(first.pod?.description ?? "") with \(address)", nil),
                ],
                fixes: slice.map { slice in
                    [
                        Fix(
                            "have the controller write the slice anew",
                            edits: context.edits(slices: (service.name, slices)) ?? [],
                            commands: [
                                FixCommand(
                                    .workstation,
                                    "kubectl -n \(slice.name.namespace) delete endpointslice \(slice.name.name)")
                            ])
                    ]
                } ?? [], explains: lost.map(\.group.id))
        }
    }
}

/// A Service wants addresses of a family that its pods do not have.
package struct FamilyMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "OBJ027", name: "ip-family-mismatch", group: .objects, severity: .warning,
        finds: "A Service has addresses of both families, and endpoints of one only.",
        matters: "Connections to the other address are refused.",
        confirm: [
            "kubectl get service SERVICE -o yaml", "kubectl get endpointslices -l kubernetes.io/service-name=SERVICE",
        ],
        fix: "Let the pods have and listen on both families, or the Service one.",
        sources: ["https://kubernetes.io/docs/concepts/services-networking/dual-stack/"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.objects.services.compactMap { service in
            let families = Set(service.clusterIPs.map(\.family))
            let usable = context.endpoints(of: service).filter(\.isUsable).flatMap(\.addresses)
            guard families.count > 1 || families.first.map({ own in usable.contains { $0.family != own } }) ?? false,
                !usable.isEmpty, !service.selector.isEmpty,
                let missing = families.sorted(by: { $0.width < $1.width }).first(where: { family in
                    !usable.contains { $0.family == family }
                })
            else { return nil }
            let name = missing == .ipv4 ? "IPv4" : "IPv6"
            return Finding(
                Self.metadata, on: .service(service.name), .proven,
                message: "has an \(name) address, and no \(name) endpoint",
                evidence: [
                    .field(
                        object: "Service \(service.name)", path: "spec.clusterIPs",
                        value: service.clusterIPs.map(\.description).joined(separator: ", "), service.source),
                    .absent(place: "EndpointSlices of \(service.name)", what: "an \(name) address", nil),
                ])
        }
    }
}
