import ClewNet

/// Turns Service ports into contract entries (`pkg/proxy/iptables/proxier.go`, `pkg/proxy/ipvs/proxier.go`,
/// `pkg/proxy/nftables/proxier.go`).
struct ContractBuilder {
    let family: AddressFamily
    let parameters: ProxyParameters
    let network: NodeNetwork
    private(set) var entries: [ContractEntry] = []
    /// Prefixes that local-traffic detection takes for pods; `nil` where it looks at devices or not at all.
    private let podSources: AddressSet?

    init(family: AddressFamily, parameters: ProxyParameters, network: NodeNetwork) {
        self.family = family
        self.parameters = parameters
        self.network = network
        if case .sources(let prefixes) = parameters.localDetection,
            prefixes.contains(where: { $0.family == family })
        {
            podSources = AddressSet(prefixes, family)
        } else {
            podSources = nil
        }
    }

    mutating func add(_ port: ServicePortIntent, index: Int) {
        let selected = port.selected(for: parameters)
        func append(_ kind: ContractDestination.Kind, _ address: ContractDestination.Address, _ arms: [ContractArm]) {
            let number = kind == .nodePort ? port.nodePort ?? 0 : port.port
            let destination = ContractDestination(kind, address, port.name.ipProtocol, port: number)
            entries.append(ContractEntry(destination, service: port.name, arms: arms, portIndex: index))
        }
        append(.clusterIP, .one(port.clusterIP), clusterIP(port, selected))
        for address in port.externalIPs {
            append(.externalIP, .one(address), external(port, selected, .externalIP, address))
        }
        for address in port.loadBalancerIPs {
            append(.loadBalancer, .one(address), loadBalancer(port, selected, address))
        }
        guard port.nodePort != nil else { return }
        let takers = nodePortDestinations()
        for address in takers { append(.nodePort, address, external(port, selected, .nodePort, nil)) }
        if let outcome = refusalOfOtherAddresses(port, selected), let others = others(than: takers) {
            append(.nodePort, others, [ContractArm(.always, outcome)])
        }
    }

    /// What a NodePort's number meets at the node's addresses that do not take NodePorts.
    ///
    /// The rules that reject and drop ask for any local address (`-m addrtype --dst-type LOCAL`), whatever
    /// `nodePortAddresses` say.
    private func refusalOfOtherAddresses(
        _ port: ServicePortIntent, _ selected: SelectedEndpoints
    ) -> ContractOutcome? {
        guard parameters.mode == .iptables else { return nil }
        if !selected.hasAny { return .rejected }
        guard port.externalPolicyIsLocal, selected.local.isEmpty, parameters.version.hasExternalChains else {
            return nil
        }
        return .dropped
    }

    private func others(than takers: [ContractDestination.Address]) -> ContractDestination.Address? {
        var single: [IPAddress] = []
        for taker in takers {
            switch taker {
            case .one(let address): single.append(address)
            case .anyLocal(let excluded): return excluded.isEmpty ? nil : .anyLocal(except: excluded.complement)
            }
        }
        return .anyLocal(except: AddressSet(single, family))
    }

    // MARK: - The destinations

    private func clusterIP(_ port: ServicePortIntent, _ selected: SelectedEndpoints) -> [ContractArm] {
        let endpoints = endpoints(port, selected, isLocalOnly: port.internalPolicyIsLocal)
        guard !endpoints.isEmpty else {
            return [ContractArm(.always, selected.hasAny && parameters.mode != .ipvs ? .dropped : .rejected)]
        }
        let always = translated(endpoints, port, .always)
        if parameters.masqueradeAll { return [ContractArm(.always, always)] }
        let toItself = translated(endpoints, port, .onlyToItself)
        if let pods { return [ContractArm(pods, toItself), ContractArm(.always, always)] }
        guard parameters.mode == .ipvs else { return [ContractArm(.always, toItself)] }
        // A process of the host takes the ClusterIP as its source (`--match-set KUBE-CLUSTER-IP src,dst`).
        let own = AddressSet([port.clusterIP], family)
        return [ContractArm(.from(own), always), ContractArm(.always, toItself)]
    }

    private func loadBalancer(
        _ port: ServicePortIntent, _ selected: SelectedEndpoints, _ address: IPAddress
    ) -> [ContractArm] {
        let arms = external(port, selected, .loadBalancer, address)
        guard !port.sourceRanges.isEmpty, selected.hasAny || parameters.mode == .ipvs else { return arms }
        var allowed = AddressSet(port.sourceRanges, family)
        let admitsNode = parameters.addressesInSourceRanges.contains(where: allowed.contains)
        if admitsNode {
            // A node that holds the address itself may use it as its source; iptables mode lists all of them.
            let own = parameters.mode == .ipvs ? [address] : port.loadBalancerIPs
            allowed = allowed.union(AddressSet(own, family))
        }
        let closed = [ContractArm(.notFrom(allowed), .dropped)] + arms
        // A virtual server without real servers rejects before any rule of OUTPUT is asked.
        let isRefused = arms.allSatisfy { $0.outcome == .rejected }
        guard parameters.mode == .ipvs, parameters.version.filtersSourceRanges || isRefused else { return closed }
        // The ranges are asked at INPUT and FORWARD; the node's own connections go from OUTPUT to IPVS, and only those
        // from the load balancer's address are stopped there (KUBE-IPVS-OUT-FILTER).
        var host: [ContractArm] = []
        if !admitsNode, !isRefused, parameters.version.filtersNodeToLoadBalancer {
            host.append(ContractArm(.fromOwnAddress(AddressSet([address], family)), .dropped))
        }
        for arm in arms { host.append(ContractArm(arm.condition == .always ? .fromHost : arm.condition, arm.outcome)) }
        return host + closed
    }

    private func external(
        _ port: ServicePortIntent, _ selected: SelectedEndpoints, _ kind: ContractDestination.Kind,
        _ address: IPAddress?
    ) -> [ContractArm] {
        if parameters.mode == .ipvs { return externalByIPVS(port, selected, kind) }
        guard selected.hasAny else {
            // KUBE-EXTERNAL-SERVICES is asked at INPUT and FORWARD: what the host sends away passes it by.
            let isLocal = address.map(network.localAddresses.contains) ?? true
            let rejected = ContractArm(.always, .rejected)
            if isLocal || parameters.mode == .nftables { return [rejected] }
            return [ContractArm(.fromHost, .untouched), rejected]
        }
        let cluster = selected.cluster.map(\.address)
        let isOld = !parameters.version.hasExternalChains
        guard port.externalPolicyIsLocal else {
            let always = ContractArm(.always, translated(cluster, port, .always))
            guard isOld, kind == .externalIP, let pods else { return [always] }
            return [ContractArm(pods, translated(cluster, port, .onlyToItself)), always]
        }
        var arms: [ContractArm] = []
        if isOld, kind == .nodePort {
            // -s 127.0.0.0/8 -j KUBE-MARK-MASQ comes before KUBE-XLB.
            arms.append(ContractArm(.fromOwnAddress(network.loopback), translated(cluster, port, .always)))
        }
        if let pods { arms.append(ContractArm(pods, translated(cluster, port, .onlyToItself))) }
        arms.append(
            ContractArm(.fromOwnAddress(network.localAddresses), translated(cluster, port, .always)))
        let local = selected.local.map(\.address)
        arms.append(ContractArm(.always, local.isEmpty ? .dropped : translated(local, port, .onlyToItself)))
        return arms
    }

    private func externalByIPVS(
        _ port: ServicePortIntent, _ selected: SelectedEndpoints, _ kind: ContractDestination.Kind
    ) -> [ContractArm] {
        let endpoints = endpoints(port, selected, isLocalOnly: port.externalPolicyIsLocal)
        guard !endpoints.isEmpty else { return [ContractArm(.always, .rejected)] }
        let masquerade: ContractTranslation.Masquerade = port.externalPolicyIsLocal ? .onlyToItself : .always
        let arm = ContractArm(.always, translated(endpoints, port, masquerade))
        // -A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN comes before all marks.
        guard masquerade == .always else { return [arm] }
        let unmarked = translated(endpoints, port, .onlyToItself)
        return [ContractArm(.fromOwnAddress(network.loopback), unmarked), arm]
    }

    private func nodePortDestinations() -> [ContractDestination.Address] {
        let nodes = network.nodeAddresses
        // kube-ipvs0 and link-local addresses take none (`GetAllLocalAddressesExcept`).
        let linkLocal = AddressSet([IPPrefix("fe80::/10")].compactMap(\.self), family)
        let local = network.localAddresses.subtracting(network.loopback).subtracting(network.proxyAddresses)
            .subtracting(linkLocal)
        guard parameters.nodePortAddresses.isEmpty else {
            let chosen = AddressSet(parameters.nodePortAddresses, family)
            var result = local.intersection(chosen)
            if parameters.mode == .iptables {
                result = AddressSet(parameters.nodeAddresses, family).intersection(chosen).union(result)
            }
            return Self.single(result)
        }
        switch parameters.mode {
        case .iptables:
            let isExcluded =
                parameters.version.sparesLoopbackNodePorts && (family == .ipv6 || !parameters.localhostNodePorts)
            return [.anyLocal(except: isExcluded ? network.loopback : .empty(family))]
        case .nftables:
            return Self.single(AddressSet(nodes, family))
        case .ipvs:
            return Self.single(local)
        }
    }

    private static func single(_ set: AddressSet) -> [ContractDestination.Address] {
        set.addresses(atMost: 1 << 16).map { .one($0) }
    }

    // MARK: - The parts of an arm

    private var pods: SourceCondition? {
        switch parameters.localDetection {
        case .sources: podSources.map(SourceCondition.from)
        case .bridge, .interfacePrefix: .throughPodDevice
        case .none: nil
        }
    }

    private func endpoints(
        _ port: ServicePortIntent, _ selected: SelectedEndpoints, isLocalOnly: Bool
    ) -> [SocketAddress] {
        // Before 1.24 a local internal policy has narrowed the endpoints already.
        guard isLocalOnly, parameters.version.categorizesEndpoints || parameters.mode == .ipvs else {
            return selected.cluster.map(\.address)
        }
        // IPVS mode falls back on all endpoints rather than to leave a virtual server empty (syncEndpoint).
        if parameters.mode == .ipvs, selected.local.isEmpty { return selected.cluster.map(\.address) }
        return selected.local.map(\.address)
    }

    private func translated(
        _ endpoints: [SocketAddress], _ port: ServicePortIntent, _ masquerade: ContractTranslation.Masquerade
    ) -> ContractOutcome {
        let local = parameters.mode == .ipvs ? port.endpoints.filter(\.isLocal).map(\.address.address) : nil
        return .translated(
            ContractTranslation(
                endpoints: endpoints, masquerade: masquerade, affinitySeconds: port.affinitySeconds,
                selfMasqueraded: local))
    }
}
