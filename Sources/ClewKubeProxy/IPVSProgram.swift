package import ClewIntent
package import ClewNet

/// What kube-proxy puts on a node in IPVS mode, of one family (`pkg/proxy/ipvs/proxier.go`).
///
/// 1.36 and 1.30 by their source; of 1.23 what it had in other places: source ranges by mark, no filter of addresses.
/// Virtual servers, addresses of `kube-ipvs0`, sets, and the rules around them in the words `iptables-save` prints.
package struct IPVSProgram: Sendable {
    /// A virtual server; real servers are masqueraded and of weight 1.
    package struct Server: Sendable, Hashable {
        package var ipProtocol: IPProtocol
        package var address: SocketAddress
        package var scheduler: String
        /// Seconds of persistence (session affinity).
        package var persistence: UInt32?
        /// Sorted.
        package var realServers: [SocketAddress]
        /// The Service port it stands for.
        package var service: ServicePortName
    }

    /// The device that holds the addresses of Services.
    package static let device = "kube-ipvs0"

    package private(set) var servers: [Server] = []
    /// The addresses of `kube-ipvs0`, sorted.
    package private(set) var addresses: [IPAddress] = []
    /// Every set is there, if empty; entries as `ipset save` prints them, sorted.
    package private(set) var sets: [IPVSSet: [String]] = [:]
    /// By chain; a chain of kube-proxy appears even when empty, and a base chain with the jumps into them.
    package private(set) var filter: [String: [String]] = [:]
    package private(set) var nat: [String: [String]] = [:]

    let parameters: ProxyParameters
    let family: AddressFamily
    let scheduler: String
    var version: ProxyVersion { parameters.version }
    /// The sets this version keeps.
    package var usedSets: [IPVSSet] {
        IPVSSet.allCases.filter { $0 != .addresses || version.filtersSourceRanges }
    }
    /// Load-balancer addresses that the node itself must not use: its address is in none of their source ranges.
    var closedToNode: [(address: SocketAddress, ipProtocol: IPProtocol)] = []

    /// Works out the program; `localAddresses` are those of the node's own devices, without loopback and `kube-ipvs0`.
    package init(
        _ intents: [ServicePortIntent], for parameters: ProxyParameters, localAddresses: [IPAddress],
        family: AddressFamily, scheduler: String? = nil
    ) {
        self.parameters = parameters
        self.family = family
        self.scheduler = scheduler ?? parameters.scheduler
        for set in usedSets { sets[set] = [] }
        let own = Set(localAddresses.filter { $0.family == family && !$0.isLoopback })
        for intent in intents { add(intent, own) }
        addresses = Set(addresses).sorted()
        if usedSets.contains(.addresses) { sets[.addresses] = addresses.map(\.description) }
        sets = sets.mapValues { Set($0).sorted() }
        servers.sort { ($0.address, $0.ipProtocol) < ($1.address, $1.ipProtocol) }
        writeRules()
    }

    mutating func filter(_ chain: String, _ rule: String) { filter[chain, default: []].append(rule) }
    mutating func nat(_ chain: String, _ rule: String) { nat[chain, default: []].append(rule) }
    mutating func declare(filter filterChains: [String], nat natChains: [String]) {
        for chain in filterChains { filter[chain] = [] }
        for chain in natChains { nat[chain] = [] }
    }

    // MARK: - One Service port

    private mutating func add(_ intent: ServicePortIntent, _ own: Set<IPAddress>) {
        let ipProtocol = intent.name.ipProtocol
        for endpoint in intent.endpoints where endpoint.isLocal {
            let address = endpoint.address.address
            add("\(address),\(ipProtocol):\(endpoint.address.port),\(address)", to: .loopBack)
        }
        add(entry(intent.clusterIP, intent), to: .clusterIP)
        addServer(intent.clusterIP, intent.port, intent, isLocal: intent.internalPolicyIsLocal)
        addresses.append(intent.clusterIP)
        for address in intent.externalIPs {
            add(entry(address, intent), to: intent.externalPolicyIsLocal ? .externalIPLocal : .externalIP)
            addExternal(address, intent, own)
        }
        for address in intent.loadBalancerIPs {
            addLoadBalancer(address, intent)
            addExternal(address, intent, own)
        }
        addNodePort(intent, own)
        if let port = intent.healthCheckNodePort { add("\(port)", to: .healthCheckNodePort) }
    }

    private mutating func add(_ entry: String, to set: IPVSSet) { sets[set, default: []].append(entry) }

    private func entry(_ address: IPAddress, _ intent: ServicePortIntent) -> String {
        "\(address),\(intent.name.ipProtocol):\(intent.port)"
    }

    /// An address from outside; one that the node already has stays where it is.
    private mutating func addExternal(_ address: IPAddress, _ intent: ServicePortIntent, _ own: Set<IPAddress>) {
        addServer(address, intent.port, intent, isLocal: intent.externalPolicyIsLocal)
        if !own.contains(address) { addresses.append(address) }
    }

    private mutating func addLoadBalancer(_ address: IPAddress, _ intent: ServicePortIntent) {
        let entry = entry(address, intent)
        add(entry, to: .loadBalancer)
        if intent.externalPolicyIsLocal { add(entry, to: .loadBalancerLocal) }
        guard !intent.sourceRanges.isEmpty else { return }
        add(entry, to: .loadBalancerFirewall)
        // A set of this type cannot hold the whole family (ipset(8)), so kube-proxy's entry is refused.
        for range in intent.sourceRanges where range.length > 0 {
            let whole = range.length == family.width
            add("\(entry),\(whole ? "\(range.address)" : "\(range.network)")", to: .loadBalancerSourceCIDR)
        }
        if parameters.addressesInSourceRanges.contains(where: { node in
            intent.sourceRanges.contains { $0.contains(node) }
        }) {
            add("\(entry),\(address)", to: .loadBalancerSourceIP)
        } else {
            closedToNode.append((SocketAddress(address, intent.port), intent.name.ipProtocol))
        }
    }

    private mutating func addNodePort(_ intent: ServicePortIntent, _ own: Set<IPAddress>) {
        guard let port = intent.nodePort, let (all, local) = IPVSSet.nodePorts(intent.name.ipProtocol) else { return }
        let wanted = parameters.nodePortAddresses
        let nodes = own.filter { node in wanted.isEmpty || wanted.contains { $0.contains(node) } }
        guard !nodes.isEmpty else { return }
        for set in [all] + (intent.externalPolicyIsLocal ? [local] : []) {
            if set.isBitmap {
                add("\(port)", to: set)
            } else {
                for node in nodes { add("\(node),\(intent.name.ipProtocol):\(port)", to: set) }
            }
        }
        for node in nodes { addServer(node, port, intent, isLocal: intent.externalPolicyIsLocal) }
    }

    /// `syncEndpoint`: with traffic policy Local and no local endpoint, all are used.
    private mutating func addServer(_ address: IPAddress, _ port: UInt16, _ intent: ServicePortIntent, isLocal: Bool) {
        let selected = intent.selected(for: parameters)
        let used = isLocal && !selected.local.isEmpty ? selected.local : selected.cluster
        servers.append(
            Server(
                ipProtocol: intent.name.ipProtocol, address: SocketAddress(address, port), scheduler: scheduler,
                persistence: intent.affinitySeconds, realServers: used.map(\.address).sorted(), service: intent.name))
    }
}
