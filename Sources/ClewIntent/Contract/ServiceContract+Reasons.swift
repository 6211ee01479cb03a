import ClewNet

/// Why an entry asks what it asks: sentences that each cite one field of one object.
extension ServiceContract {
    package func reasons(for entry: ContractEntry, _ outcome: ContractOutcome) -> [ContractReason] {
        let port = ports[entry.portIndex]
        var result: [ContractReason] = []
        switch outcome {
        case .untouched:
            result.append(
                ContractReason(
                    "kube-proxy", "KUBE-EXTERNAL-SERVICES",
                    "the rules that reject are not asked for what the node itself sends away", source: nil))
        case .rejected:
            result.append(cite(port, "spec.selector", "no endpoint is usable: rejected"))
            result += leftOut(port, using: [], entry)
        case .dropped: result += dropped(port, entry)
        case .translated(let translation): result += translated(port, entry, translation)
        }
        for rival in entry.rivals {
            result.append(
                cite(port, "spec", "Service port \(rival) claims the same address and port; either may be served"))
        }
        return result
    }

    private func cite(_ port: ServicePortIntent, _ field: String, _ sentence: String) -> ContractReason {
        ContractReason("Service \(port.name.service)", field, sentence, source: port.source)
    }

    private func dropped(_ port: ServicePortIntent, _ entry: ContractEntry) -> [ContractReason] {
        let isInternal = entry.destination.kind == .clusterIP
        if entry.destination.kind == .loadBalancer, !port.sourceRanges.isEmpty,
            case .notFrom = entry.arms.first(where: { $0.outcome == .dropped })?.condition
        {
            let ranges = port.sourceRanges.map(\.description).joined(separator: ", ")
            return [cite(port, "spec.loadBalancerSourceRanges", "the source is in none of \(ranges): dropped")]
        }
        let policy = isInternal ? "internalTrafficPolicy" : "externalTrafficPolicy"
        let text = "\(policy) Local and no local endpoint: dropped"
        return [cite(port, "spec.\(policy)", text)] + leftOut(port, using: [], entry)
    }

    private func translated(
        _ port: ServicePortIntent, _ entry: ContractEntry, _ translation: ContractTranslation
    ) -> [ContractReason] {
        let used = Set(translation.endpoints)
        var result = leftOut(port, using: used, entry)
        for endpoint in port.endpoints where used.contains(endpoint.address) && !endpoint.isReady {
            let text = "endpoint \(endpoint.address.address) used though terminating: none that may be used is ready"
            result.append(cite(endpoint, "endpoints[].conditions.terminating", text))
        }
        if let masquerade = masquerade(port, entry, translation) { result.append(masquerade) }
        if let seconds = translation.affinitySeconds {
            result.append(
                cite(
                    port, "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                    "a client keeps its endpoint until it was quiet for \(seconds) s"))
        }
        return result
    }

    private func masquerade(
        _ port: ServicePortIntent, _ entry: ContractEntry, _ translation: ContractTranslation
    ) -> ContractReason? {
        guard translation.masquerade == .always else { return nil }
        if entry.destination.kind != .clusterIP {
            return port.externalPolicyIsLocal
                ? cite(port, "spec.externalTrafficPolicy", "what the node itself sends to all endpoints is masqueraded")
                : cite(
                    port, "spec.externalTrafficPolicy",
                    "externalTrafficPolicy Cluster: masqueraded, so that replies come back through this node")
        }
        if parameters.masqueradeAll {
            return ContractReason(
                "kube-proxy", "masqueradeAll", "everything sent to a ClusterIP is masqueraded", source: nil)
        }
        return ContractReason(
            "kube-proxy", "detectLocalMode",
            "masqueraded: by \(parameters.localDetection) the sender is no pod of the cluster or node", source: nil)
    }

    private func cite(_ endpoint: EndpointIntent, _ field: String, _ sentence: String) -> ContractReason {
        ContractReason("EndpointSlice \(endpoint.slice)", field, sentence, source: endpoint.source)
    }

    /// Why each endpoint that is not used is not.
    private func leftOut(
        _ port: ServicePortIntent, using used: Set<SocketAddress>, _ entry: ContractEntry
    ) -> [ContractReason] {
        let scope = port.topologyScope(for: parameters)
        let isInternal = entry.destination.kind == .clusterIP
        let isLocalOnly = isInternal ? port.internalPolicyIsLocal : port.externalPolicyIsLocal
        return port.endpoints.filter { !used.contains($0.address) }.map { endpoint in
            let name = "endpoint \(endpoint.address.address) left out:"
            if !endpoint.isReady, endpoint.isServing, endpoint.isTerminating {
                return cite(endpoint, "endpoints[].conditions.terminating", "\(name) terminating")
            }
            if !endpoint.isReady {
                let since = unreadySince[endpoint.address.address].map { " since \($0)" } ?? ""
                return cite(endpoint, "endpoints[].conditions.ready", "\(name) not ready\(since)")
            }
            if isLocalOnly, !endpoint.isLocal {
                let policy = isInternal ? "internalTrafficPolicy" : "externalTrafficPolicy"
                return cite(endpoint, "endpoints[].nodeName", "\(name) on another node, and \(policy) is Local")
            }
            switch scope {
            case .sameZone(let zone):
                let zones = endpoint.hintZones.joined(separator: ", ")
                return cite(
                    endpoint, "endpoints[].hints.forZones", "\(name) hinted for \(zones), and this node is in \(zone)")
            case .sameNode:
                let nodes = endpoint.hintNodes.joined(separator: ", ")
                return cite(endpoint, "endpoints[].hints.forNodes", "\(name) hinted for \(nodes), not for this node")
            case .everywhere:
                return cite(endpoint, "endpoints[].nodeName", "\(name) the traffic policy leads elsewhere")
            }
        }
    }
}

extension LocalTrafficDetection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sources(let prefixes): "source prefixes \(prefixes.map(\.description).joined(separator: ", "))"
        case .bridge(let name): "bridge \(name)"
        case .interfacePrefix(let prefix): "interfaces \(prefix)*"
        case .none: "no detection"
        }
    }
}
