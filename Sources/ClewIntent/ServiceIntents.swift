package import ClewNet
package import ClewSnapshot

/// All Service ports of one family that kube-proxy programs on one node, sorted by name.
package enum ServiceIntents {
    /// Reads Services and EndpointSlices as kube-proxy does (`servicechangetracker.go`, `endpointslicecache.go`).
    ///
    /// Headless and ExternalName Services, and those handed to another proxy by label, have none.
    package static func all(
        in objects: KubernetesObjects, family: AddressFamily, for parameters: ProxyParameters
    ) -> [ServicePortIntent] {
        var slices: [NamespacedName: [EndpointSlice]] = [:]
        let known = objects.endpointSlices.isEmpty ? mirrored(objects, family) : objects.endpointSlices
        for slice in known
        where slice.addressType == (family == .ipv4 ? "IPv4" : "IPv6") && !isForeign(slice.labels) {
            guard let service = slice.serviceName else { continue }
            slices[NamespacedName(slice.name.namespace, service), default: []].append(slice)
        }
        var result: [ServicePortIntent] = []
        for service in objects.services where isProxied(service) {
            guard let clusterIP = service.clusterIPs.first(where: { $0.family == family }) else { continue }
            for port in service.ports {
                let endpoints = endpoints(of: port, in: slices[service.name] ?? [], parameters)
                result.append(intent(service, port, clusterIP, endpoints, family, parameters))
            }
        }
        return result.map { (text: $0.name.description, intent: $0) }
            .sorted { ($0.text, $0.intent.name.ipProtocol) < ($1.text, $1.intent.name.ipProtocol) }.map(\.intent)
    }

    private static func isForeign(_ labels: [String: String]) -> Bool {
        labels["service.kubernetes.io/service-proxy-name"] != nil || labels["service.kubernetes.io/headless"] != nil
    }

    private static func isProxied(_ service: Service) -> Bool {
        !service.isHeadless && service.externalName == nil && service.type != "ExternalName"
            && !isForeign(service.labels)
    }

    private static func intent(
        _ service: Service, _ port: ServicePort, _ clusterIP: IPAddress, _ endpoints: [EndpointIntent],
        _ family: AddressFamily, _ parameters: ProxyParameters
    ) -> ServicePortIntent {
        // Until 1.23 the policy counted for these types only (RequestsOnlyLocalTraffic).
        let isExternal = service.type == "NodePort" || service.type == "LoadBalancer"
        let isLocal =
            service.externalTrafficPolicy == "Local" && (isExternal || parameters.version.hasExternalChains)
        return ServicePortIntent(
            name: ServicePortName(service.name, port: port.name, ipProtocol: port.ipProtocol), clusterIP: clusterIP,
            port: port.port, nodePort: port.nodePort == 0 ? nil : port.nodePort,
            externalIPs: service.externalIPs.filter { $0.family == family },
            loadBalancerIPs: service.loadBalancerIngress
                .filter { $0.ipMode != "Proxy" || !parameters.version.honoursIPMode }
                .compactMap(\.address).filter { $0.family == family },
            sourceRanges: service.loadBalancerSourceRanges.compactMap { IPPrefix(trimmed($0)) }
                .filter { $0.family == family },
            affinitySeconds: service.sessionAffinity == "ClientIP" ? service.sessionAffinityTimeout ?? 10_800 : nil,
            internalPolicyIsLocal: service.internalTrafficPolicy == "Local", externalPolicyIsLocal: isLocal,
            healthCheckNodePort: isLocal && service.healthCheckNodePort != 0 ? service.healthCheckNodePort : nil,
            asksForHints: asksForHints(service), endpoints: endpoints, source: service.source)
    }

    private static func asksForHints(_ service: Service) -> Bool {
        let value =
            service.annotations["service.kubernetes.io/topology-mode"]
            ?? service.annotations["service.kubernetes.io/topology-aware-hints"] ?? ""
        return value != "" && value != "disabled" && value != "Disabled"
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private static func endpoints(
        of port: ServicePort, in slices: [EndpointSlice], _ parameters: ProxyParameters
    ) -> [EndpointIntent] {
        var byAddress: [SocketAddress: EndpointIntent] = [:]
        for slice in slices {
            for slicePort in slice.ports where slicePort.name == port.name && slicePort.ipProtocol == port.ipProtocol {
                guard let number = slicePort.port else { continue }
                for endpoint in slice.endpoints {
                    guard let address = endpoint.addresses.first else { continue }
                    let isReady = endpoint.conditions.ready ?? true
                    let intent = EndpointIntent(
                        address: SocketAddress(address, number), isLocal: endpoint.nodeName == parameters.nodeName,
                        isReady: isReady, isServing: endpoint.conditions.serving ?? isReady,
                        isTerminating: endpoint.conditions.terminating ?? false, hintZones: endpoint.hintZones,
                        hintNodes: endpoint.hintNodes, slice: slice.name, source: slice.source)
                    // One address in two slices: the ready one counts.
                    if byAddress[intent.address].map({ !$0.isReady }) ?? true { byAddress[intent.address] = intent }
                }
            }
        }
        // The order is that of the texts, made once each.
        return byAddress.values.map { (text: $0.address.description, endpoint: $0) }.sorted { $0.text < $1.text }
            .map(\.endpoint)
    }

    /// Endpoints written as slices, for a bundle of a time or a tool without slices.
    private static func mirrored(_ objects: KubernetesObjects, _ family: AddressFamily) -> [EndpointSlice] {
        objects.endpoints.flatMap { endpoints in
            endpoints.subsets.map { subset in
                var slice = EndpointSlice(
                    name: endpoints.name, addressType: family == .ipv4 ? "IPv4" : "IPv6", source: endpoints.source)
                slice.serviceName = endpoints.name.name
                slice.ports = subset.ports
                let notReady = subset.notReady.map { endpoint in
                    var endpoint = endpoint
                    endpoint.conditions.ready = false
                    return endpoint
                }
                slice.endpoints = (subset.ready + notReady).filter { $0.addresses.first?.family == family }
                return slice
            }
        }
    }

    /// Services that this proxy leaves alone in one family, and why.
    package static func unserved(in objects: KubernetesObjects, family: AddressFamily) -> [UnservedService] {
        objects.services.compactMap { service in
            let name = service.name.description
            func because(_ field: String, _ sentence: String) -> UnservedService {
                UnservedService(name, ContractReason("Service \(name)", field, sentence, source: service.source))
            }
            if service.type == "ExternalName" || service.externalName != nil {
                return because("spec.type", "an ExternalName Service is a name in DNS and has no address")
            }
            if service.isHeadless {
                return because("spec.clusterIP", "a headless Service has no address; clients go to its endpoints")
            }
            if service.labels["service.kubernetes.io/service-proxy-name"] != nil {
                return because(
                    "metadata.labels[service.kubernetes.io/service-proxy-name]", "another proxy serves it")
            }
            if service.labels["service.kubernetes.io/headless"] != nil {
                return because("metadata.labels[service.kubernetes.io/headless]", "it is labelled as headless")
            }
            guard service.clusterIPs.contains(where: { $0.family == family }) else {
                let text = family == .ipv4 ? "IPv4" : "IPv6"
                return because("spec.clusterIPs", "it has no \(text) address")
            }
            return nil
        }
    }
}
