import ClewIntent
import ClewNet
import ClewSnapshot

/// Changes of the API's objects and of kube-proxy's parameters, with the rules that every kube-proxy makes of them.
extension EditGrammar {
    static let objectForms: [Form] = [
        Form(
            kind: "service", syntax: "service:NAMESPACE/NAME:FIELD=VALUE",
            example: "service:shop/api:externalTrafficPolicy=Local"),
        Form(kind: "pod", syntax: "pod:NAMESPACE/NAME:ready=true|false", example: "pod:shop/api-0:ready=false"),
        Form(kind: "proxy", syntax: "proxy:NODE|all:PARAMETER=VALUE", example: "proxy:all:masqueradeAll=true"),
    ]

    // MARK: - Services

    /// A field of a Service's `spec`, by the name that the API gives it.
    func service(_ place: String, _ rest: String, _ text: String, _ form: Form) throws(EditError) -> [SnapshotEdit] {
        let name = try Self.name(place, text, form)
        guard var service = snapshot.objects.services.first(where: { $0.name == name }) else {
            throw EditError("the bundle holds no Service \(name)")
        }
        var (field, value) = try Self.pair(rest, text, form)
        if field.hasPrefix("spec.") { field.removeFirst(5) }
        var slices: [EndpointSlice]?
        switch field {
        case "internalTrafficPolicy":
            service.internalTrafficPolicy = try Self.one(of: ["Cluster", "Local"], value, text)
        case "externalTrafficPolicy":
            service.externalTrafficPolicy = try Self.one(of: ["Cluster", "Local"], value, text)
        case "sessionAffinity": service.sessionAffinity = try Self.one(of: ["None", "ClientIP"], value, text)
        case "loadBalancerSourceRanges":
            service.loadBalancerSourceRanges = try Self.prefixes(value, text).map(\.description)
        case "externalIPs":
            service.externalIPs = try Self.list(value).map { word throws(EditError) in
                guard let address = IPAddress(word) else { throw EditError("'\(text)': '\(word)' is no address") }
                return address
            }
        default: slices = try changePort(of: &service, field, value, text)
        }
        var edits: [SnapshotEdit] = [.replaceService(service)]
        if let slices { edits.append(.replaceEndpointSlices(service: service.name, slices)) }
        return edits + (try rewrites())
    }

    /// `ports[0].targetPort`, `ports[http].nodePort`; the slices, where they change with it.
    private func changePort(
        of service: inout Service, _ field: String, _ value: String, _ text: String
    ) throws(EditError) -> [EndpointSlice]? {
        let parts = field.split(separator: ".").map(String.init)
        guard parts.count == 2, parts[0].hasPrefix("ports["), parts[0].hasSuffix("]") else {
            throw EditError(
                "'\(text)': '\(field)' is none of internalTrafficPolicy, externalTrafficPolicy, sessionAffinity, "
                    + "loadBalancerSourceRanges, externalIPs, ports[PORT].port, ports[PORT].targetPort, "
                    + "ports[PORT].nodePort")
        }
        let which = parts[0].dropFirst(6).dropLast()
        let found = Int(which) ?? service.ports.firstIndex { $0.name == which } ?? -1
        guard service.ports.indices.contains(found) else {
            throw EditError("'\(text)': Service \(service.name) has no port '\(which)'")
        }
        let number = UInt16(value).flatMap { $0 > 0 ? $0 : nil }
        switch parts[1] {
        case "targetPort":
            service.ports[found].targetPort = number.map(TargetPort.number) ?? .name(value)
            return try slices(of: service, service.ports[found], text)
        case "port", "nodePort":
            guard let number else { throw EditError("'\(text)': '\(value)' is no port from 1 to 65535") }
            if parts[1] == "port" { service.ports[found].port = number } else { service.ports[found].nodePort = number }
            return nil
        default: throw EditError("'\(text)': '\(parts[1])' of a port is none of port, targetPort, nodePort")
        }
    }

    /// A Service's slices with the number of one port as the controller writes it.
    private func slices(of service: Service, _ port: ServicePort, _ text: String) throws(EditError) -> [EndpointSlice] {
        guard let number = port.target(in: snapshot.objects.pods(selectedBy: service)) else {
            throw EditError("'\(text)': the Service's pods give that name no port, or not all the same")
        }
        var slices = ownSlices(service.name)
        for slice in slices.indices {
            for index in slices[slice].ports.indices
            where slices[slice].ports[index].name == port.name
                && slices[slice].ports[index].ipProtocol == port.ipProtocol
            {
                slices[slice].ports[index].port = number
            }
        }
        return slices
    }

    private func ownSlices(_ service: NamespacedName) -> [EndpointSlice] {
        snapshot.objects.endpointSlices.filter {
            $0.name.namespace == service.namespace && $0.serviceName == service.name
        }
    }

    // MARK: - Pods

    /// Whether a pod is ready, which its endpoints tell.
    func pod(_ place: String, _ rest: String, _ text: String, _ form: Form) throws(EditError) -> [SnapshotEdit] {
        let name = try Self.name(place, text, form)
        let (field, value) = try Self.pair(rest, text, form)
        guard field == "ready" else { throw Self.malformed(text, form) }
        let isReady = try Self.flag(value, "true", "false", text)
        let addresses = snapshot.objects.pods.first { $0.name == name && !$0.hasEnded }?.addresses ?? []
        func isMeant(_ endpoint: Endpoint) -> Bool {
            endpoint.pod.map { $0 == name } ?? endpoint.addresses.contains(where: addresses.contains)
        }
        let owners = snapshot.objects.endpointSlices.filter { $0.endpoints.contains(where: isMeant) }.compactMap {
            slice in
            slice.serviceName.map { NamespacedName(slice.name.namespace, $0) }
        }
        guard !owners.isEmpty else { throw EditError("no EndpointSlice names pod \(name)") }
        let edits = Set(owners).sorted().map { owner in
            var slices = ownSlices(owner)
            for slice in slices.indices {
                for index in slices[slice].endpoints.indices where isMeant(slices[slice].endpoints[index]) {
                    slices[slice].endpoints[index].conditions.ready = isReady
                    slices[slice].endpoints[index].conditions.serving = isReady
                    slices[slice].endpoints[index].conditions.terminating = false
                }
            }
            return SnapshotEdit.replaceEndpointSlices(service: owner, slices)
        }
        return edits + (try rewrites())
    }

    // MARK: - kube-proxy

    /// A field of kube-proxy's configuration, by the name that it has there.
    mutating func proxy(
        _ place: String, _ rest: String, _ text: String, _ form: Form
    ) throws(EditError) -> [SnapshotEdit] {
        let (field, value) = try Self.pair(rest, text, form)
        let only = place == "all" ? nil : try node(place)
        for node in snapshot.nodes where node.hasProxyRules && only ?? node.name == node.name {
            var own = parameters(of: node)
            switch field {
            case "clusterCIDR":
                let prefixes = try Self.prefixes(value, text)
                own.localDetection = prefixes.isEmpty ? .none : .sources(prefixes)
            case "masqueradeAll": own.masqueradeAll = try Self.flag(value, "true", "false", text)
            case "nodePortAddresses": own.nodePortAddresses = try Self.prefixes(value, text)
            case "localhostNodePorts": own.localhostNodePorts = try Self.flag(value, "true", "false", text)
            case "masqueradeBit":
                guard let bit = UInt8(value), bit < 32 else {
                    throw EditError("'\(text)': a bit is a number from 0 to 31")
                }
                own.masqueradeBit = bit
            case "scheduler": own.scheduler = value
            default:
                throw EditError(
                    "'\(text)': '\(field)' is none of clusterCIDR, masqueradeAll, nodePortAddresses, localhostNodePorts, "
                        + "masqueradeBit, scheduler")
            }
            told[node.name] = own
        }
        return try rewrites(only)
    }

    private func parameters(of node: NodeSnapshot) -> ProxyParameters {
        if let told = told[node.name] { return told }
        let others = snapshot.nodes.filter { $0.name != node.name }
        return InferredParameters(of: node, in: snapshot.objects, otherNodes: others).parameters
    }

    /// Every kube-proxy writes its rules, or that of one node.
    private func rewrites(_ only: String? = nil) throws(EditError) -> [SnapshotEdit] {
        let nodes = snapshot.nodes.filter { $0.hasProxyRules && only ?? $0.name == $0.name }
        guard !nodes.isEmpty else {
            throw EditError(
                "\(only ?? "no node") \(only == nil ? "has" : "has no") rules of kube-proxy that would change")
        }
        return try nodes.map { node throws(EditError) in
            let own = parameters(of: node)
            guard own.mode != .nftables else {
                throw EditError(
                    "kube-proxy on \(node.name) is in nftables mode, whose rules Clew does not write: what it would make "
                        + "of the change is not known")
            }
            return .rewriteProxyRules(node: node.name, own)
        }
    }

    // MARK: - Words

    private static func name(_ text: String, _ whole: String, _ form: Form) throws(EditError) -> NamespacedName {
        let words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 2, words.allSatisfy({ !$0.isEmpty }) else { throw malformed(whole, form) }
        return NamespacedName(words[0], words[1])
    }

    private static func one(of words: [String], _ value: String, _ text: String) throws(EditError) -> String {
        guard words.contains(value) else {
            throw EditError("'\(text)': '\(value)' is none of \(words.joined(separator: ", "))")
        }
        return value
    }

    /// Words between commas; `none` is an empty list.
    private static func list(_ value: String) -> [String] {
        value == "none" ? [] : value.split(separator: ",").map { String($0.trimmingPrefix(" ")) }
    }

    private static func prefixes(_ value: String, _ text: String) throws(EditError) -> [IPPrefix] {
        try list(value).map { word throws(EditError) in
            guard let prefix = IPPrefix(word) else { throw EditError("'\(text)': '\(word)' is no network") }
            return prefix
        }
    }
}
