package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// Where a parameter of kube-proxy was taken from, the surest first.
package enum ParameterOrigin: String, Sendable, Hashable, CaseIterable {
    /// Told by whoever asks.
    case given
    /// kube-proxy's configuration: `/configz`, its file, its ConfigMap.
    case configuration
    /// An object of the API.
    case object
    /// Rules, sets and sysctls of the node itself.
    case rules
    /// What the rules of other nodes agree on.
    case otherNodes = "other nodes"
    /// kube-proxy's default.
    case `default`
}

/// One parameter, its value in words, and where that comes from.
package struct ParameterFinding: Sendable, Hashable, CustomStringConvertible {
    package var name: String
    package var value: String
    package var origin: ParameterOrigin
    package var source: SourceLine?

    package init(_ name: String, _ value: String, _ origin: ParameterOrigin, source: SourceLine? = nil) {
        self.name = name
        self.value = value
        self.origin = origin
        self.source = source
    }

    package var description: String { "\(name) \(value) (\(origin.rawValue))" }
}

/// Parameters that are set by hand; `nil` is to be found out.
package struct ParameterOverrides: Sendable, Hashable {
    package var nodeName: String?
    package var mode: ProxyMode?
    package var version: ProxyVersion?
    package var localDetection: LocalTrafficDetection?
    package var masqueradeAll: Bool?
    package var masqueradeBit: UInt8?
    package var nodePortAddresses: [IPPrefix]?
    package var localhostNodePorts: Bool?
    package init() {}
}

/// What kube-proxy on a node works with, as far as a bundle tells.
package struct InferredParameters: Sendable {
    package private(set) var parameters: ProxyParameters
    /// Sorted by name.
    package private(set) var findings: [ParameterFinding] = []

    private let node: NodeSnapshot
    private let object: Node?
    private let traces: ProxyRuleTraces
    private let others: [ProxyRuleTraces]
    private let overrides: ParameterOverrides

    /// Works them out; `otherNodes` help where this node's rules do not tell.
    package init(
        of node: NodeSnapshot, in objects: KubernetesObjects, otherNodes: [NodeSnapshot] = [],
        overrides: ParameterOverrides = ParameterOverrides()
    ) {
        self.node = node
        self.overrides = overrides
        let name = overrides.nodeName ?? Self.nodeName(of: node, objects)
        object = objects.nodes.first { $0.name == name }
        traces = ProxyRuleTraces(node.host.ruleSets)
        others = traces.detections.isEmpty ? otherNodes.map { ProxyRuleTraces($0.host.ruleSets) } : []
        parameters = ProxyParameters(
            nodeName: name, nodeAddresses: object?.internalIPs ?? Self.uplinkAddresses(node.host),
            localDetection: .none)
        findNode()
        findMode()
        findVersion()
        findDetection()
        findMasquerade()
        findNodePorts()
        findConntrack()
        findings.sort { $0.name < $1.name }
    }

    private static func nodeName(of node: NodeSnapshot, _ objects: KubernetesObjects) -> String {
        let told = node.proxyConfiguration?.hostnameOverride ?? ""
        if !told.isEmpty, objects.nodes.contains(where: { $0.name == told }) { return told }
        guard objects.nodes.isEmpty, !objects.names(node: node.name) else { return node.name }
        // Without Nodes, what the objects call it: by the pods and endpoints at its own devices' addresses and networks.
        let links = (node.host.links ?? []).filter { !$0.isLoopback && $0.name != "kube-ipvs0" }
        let own = Set(links.flatMap(\.addresses).map(\.address.address))
        let networks = NodeNetwork.innerBridges(links).flatMap(\.addresses).map(\.address)
        let places = objects.placed.filter { place in
            own.contains(place.address) || place.isPod && networks.contains { $0.contains(place.address) }
        }
        let names = Set(places.map(\.node))
        return names.count == 1 ? names.first ?? node.name : node.name
    }

    /// Of the devices that default routes leave by, the first of each family: what a Node most often has.
    private static func uplinkAddresses(_ host: NamespaceSnapshot) -> [IPAddress] {
        AddressFamily.allCases.compactMap { family in
            let routes = (host.routes ?? []).filter {
                $0.destination.length == 0 && $0.destination.address.family == family
            }
            let devices = routes.flatMap(\.nextHops).compactMap(\.device)
            let addresses = (host.links ?? []).filter { devices.contains($0.name) }.flatMap(\.addresses)
            return addresses.first { $0.address.family == family && $0.scope == "global" && !$0.isSecondary }?.address
                .address
        }
    }

    private mutating func note(
        _ name: String, _ value: some CustomStringConvertible, _ origin: ParameterOrigin, _ source: SourceLine? = nil
    ) {
        findings.append(ParameterFinding(name, value.description, origin, source: source))
    }

    private mutating func findNode() {
        let origin: ParameterOrigin = overrides.nodeName == nil ? (object == nil ? .default : .object) : .given
        note("node name", parameters.nodeName, origin, object?.source)
        guard let object else { return }
        let zone =
            object.labels["topology.kubernetes.io/zone"] ?? object.labels["failure-domain.beta.kubernetes.io/zone"]
        parameters.zone = zone
        if let zone { note("zone", zone, .object, object.source) }
    }

    private mutating func findMode() {
        if let mode = overrides.mode {
            parameters.mode = mode
            return note("mode", mode.rawValue, .given)
        }
        if let mode = node.proxyMode.flatMap(ProxyMode.init(rawValue:)) {
            parameters.mode = mode
            return note("mode", mode.rawValue, .configuration, node.proxyConfiguration?.source)
        }
        if let configuration = node.proxyConfiguration, let word = configuration.mode {
            if let mode = ProxyMode(rawValue: word) ?? (word.isEmpty ? .iptables : nil) {
                parameters.mode = mode
                return note("mode", mode.rawValue, .configuration, configuration.source)
            }
        }
        let chains = traces.chains
        if let source = chains["KUBE-LOAD-BALANCER"] ?? chains["KUBE-NODE-PORT"] {
            parameters.mode = .ipvs
            note("mode", "ipvs", .rules, source)
        } else if let source = chains["KUBE-SVC"] ?? chains["KUBE-NODEPORTS"] {
            note("mode", "iptables", .rules, source)
        } else if let source = chains["table kube-proxy"] {
            parameters.mode = .nftables
            note("mode", "nftables", .rules, source)
        } else {
            note("mode", "iptables", .default)
        }
    }

    /// Rules tell three ages apart; within an age the Node's own word counts.
    private mutating func findVersion() {
        if let version = overrides.version {
            parameters.version = version
            return note("version", version, .given)
        }
        let chains = traces.chains
        let stated = Self.minor(object?.kubeProxyVersion) ?? Self.minor(object?.kubeletVersion)
        var (oldest, newest) = (0, Int.max)
        var source: SourceLine?
        if let line = traces.countsWithNfacct {
            (oldest, source) = (33, line)
        } else if let line = chains["KUBE-IPVS-OUT-FILTER"] {
            (oldest, source) = (29, line)
        } else if let line = chains["KUBE-PROXY-FIREWALL"] {
            (oldest, source) = (24, line)
        } else if parameters.mode != .nftables, let line = chains["KUBE-XLB"] ?? chains["KUBE-MARK-DROP"] {
            (newest, source) = (23, line)
        }
        if let stated, (oldest...newest).contains(stated) {
            parameters.version = ProxyVersion(minor: stated)
            return note("version", parameters.version, .object, object?.source)
        }
        if let source {
            parameters.version = newest == 23 ? .v1_23 : (oldest >= 33 ? .v1_36 : .v1_30)
            return note("version", parameters.version, .rules, source)
        }
        note("version", parameters.version, .default)
    }

    private static func minor(_ text: String?) -> Int? {
        guard let parts = text?.split(separator: "."), parts.count >= 2, parts[0] == "v1" || parts[0] == "1" else {
            return nil
        }
        return Int(parts[1].prefix { $0.isNumber })
    }

    private mutating func findDetection() {
        let name = "local traffic detection"
        if let detection = overrides.localDetection {
            parameters.localDetection = detection
            return note(name, detection, .given)
        }
        if let (detection, source) = configuredDetection() {
            parameters.localDetection = detection
            return note(name, detection, .configuration, source)
        }
        if let (detection, source) = Self.prevailing([traces]) {
            parameters.localDetection = detection
            return note(name, detection, .rules, source)
        }
        // Rules without a test of the source say that there is none, unless all is masqueraded.
        if let source = traces.chains["KUBE-SVC"], traces.masqueradesAll == nil {
            return note(name, LocalTrafficDetection.none, .rules, source)
        }
        if let (detection, source) = Self.prevailing(others) {
            parameters.localDetection = detection
            return note(name, detection, .otherNodes, source)
        }
        note(name, LocalTrafficDetection.none, .default)
    }

    private func configuredDetection() -> (LocalTrafficDetection, SourceLine)? {
        guard let configuration = node.proxyConfiguration else { return nil }
        switch configuration.detectLocalMode ?? "" {
        case "", "ClusterCIDR":
            let prefixes = configuration.clusterCIDRs
            return (prefixes.isEmpty ? .none : .sources(prefixes), configuration.source)
        case "NodeCIDR":
            guard let object, !object.podCIDRs.isEmpty else { return nil }
            return (.sources(object.podCIDRs), configuration.source)
        case "BridgeInterface": return configuration.bridgeInterface.map { (.bridge($0), configuration.source) }
        case "InterfaceNamePrefix":
            return configuration.interfaceNamePrefix.map { (.interfacePrefix($0), configuration.source) }
        default: return nil
        }
    }

    /// What most rules ask for, one prefix of each family.
    private static func prevailing(_ traces: [ProxyRuleTraces]) -> (LocalTrafficDetection, SourceLine)? {
        let seen = traces.flatMap(\.detections).sorted { $0.count > $1.count }
        guard let first = seen.first else { return nil }
        guard case .sources(let prefixes) = first.value, let prefix = prefixes.first else {
            return (first.value, first.source)
        }
        for other in seen.dropFirst() {
            if case .sources(let more) = other.value, let second = more.first, second.family != prefix.family {
                return (.sources([prefix, second].sorted()), first.source)
            }
        }
        return (first.value, first.source)
    }

    private mutating func findMasquerade() {
        let configuration = node.proxyConfiguration
        if let all = overrides.masqueradeAll {
            parameters.masqueradeAll = all
            note("masqueradeAll", all, .given)
        } else if let all = configuration?.masqueradeAll {
            parameters.masqueradeAll = all
            note("masqueradeAll", all, .configuration, configuration?.source)
        } else if let seen = traces.masqueradesAll {
            parameters.masqueradeAll = true
            note("masqueradeAll", true, .rules, seen.source)
        } else {
            note("masqueradeAll", false, traces.detections.isEmpty ? .default : .rules, traces.detections.first?.source)
        }
        if let bit = overrides.masqueradeBit {
            parameters.masqueradeBit = bit & 31
            note("masqueradeBit", bit, .given)
        } else if let bit = configuration?.masqueradeBit {
            parameters.masqueradeBit = bit & 31
            note("masqueradeBit", bit, .configuration, configuration?.source)
        } else if let seen = traces.marks.first(where: { $0.value.nonzeroBitCount == 1 }) {
            parameters.masqueradeBit = UInt8(seen.value.trailingZeroBitCount)
            note("masqueradeBit", parameters.masqueradeBit, .rules, seen.source)
        } else {
            note("masqueradeBit", parameters.masqueradeBit, .default)
        }
    }

    private mutating func findNodePorts() {
        let name = "nodePortAddresses"
        let every = "every local address"
        if let wanted = overrides.nodePortAddresses {
            parameters.nodePortAddresses = wanted
            note(name, wanted.isEmpty ? every : Self.list(wanted), .given)
        } else if let configuration = node.proxyConfiguration, !configuration.nodePortAddresses.isEmpty {
            parameters.nodePortAddresses = configuration.nodePortAddresses.flatMap { word in
                word == "primary"
                    ? parameters.nodeAddresses.map { IPPrefix(host: $0) } : [IPPrefix(word)].compactMap(\.self)
            }.filter { $0.length > 0 }
            note(name, configuration.nodePortAddresses.joined(separator: ", "), .configuration, configuration.source)
        } else {
            let jumps = traces.nodePortJumps.map(\.value)
            let whole = Set(jumps.filter { $0.length == 0 }.map(\.family))
            let addresses = jumps.filter { $0.length > 0 && !whole.contains($0.family) }
            // Until 1.26 addresses of one family left the other family's NodePorts at every address.
            if !addresses.isEmpty { parameters.nodePortAddresses = (addresses + whole.map(IPPrefix.all)).sorted() }
            let seen = traces.nodePortJumps.first?.source
            let text = addresses.isEmpty ? every : Self.list(parameters.nodePortAddresses)
            note(name, text, seen == nil ? .default : .rules, seen)
        }
        findLocalhost()
    }

    private static func list(_ prefixes: [IPPrefix]) -> String { prefixes.map(\.description).joined(separator: ", ") }

    private mutating func findLocalhost() {
        let name = "localhostNodePorts"
        if let value = overrides.localhostNodePorts {
            parameters.localhostNodePorts = value
            note(name, value, .given)
        } else if let value = node.proxyConfiguration?.localhostNodePorts {
            parameters.localhostNodePorts = value
            note(name, value, .configuration, node.proxyConfiguration?.source)
        } else if let seen = traces.sparesLoopback {
            parameters.localhostNodePorts = false
            note(name, false, .rules, seen.source)
        } else {
            note(name, true, traces.nodePortJumps.isEmpty ? .default : .rules, traces.nodePortJumps.first?.source)
        }
    }

    private mutating func findConntrack() {
        if parameters.mode == .ipvs { findScheduler() }
        guard let forward = traces.chains["KUBE-FORWARD"], parameters.mode == .iptables else { return }
        parameters.conntrackIsLiberal = traces.dropsInvalid == nil
        note("conntrack.tcpBeLiberal", traces.dropsInvalid == nil, .rules, traces.dropsInvalid?.source ?? forward)
    }

    private mutating func findScheduler() {
        if let name = node.proxyConfiguration?.scheduler {
            parameters.scheduler = name
            return note("ipvs.scheduler", name, .configuration, node.proxyConfiguration?.source)
        }
        var counts: [String: Int] = [:]
        for server in node.host.virtualServers ?? [] { counts[server.scheduler.rawValue, default: 0] += 1 }
        guard let most = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else {
            return note("ipvs.scheduler", parameters.scheduler, .default)
        }
        parameters.scheduler = most.key
        note("ipvs.scheduler", most.key, .rules, node.host.virtualServers?.first?.source)
    }
}

extension KubernetesObjects {
    /// Where a pod or an endpoint is said to be.
    fileprivate struct Place {
        var address: IPAddress
        var node: String
        /// It has an address of its own, and not its node's.
        var isPod: Bool
    }

    fileprivate var placed: [Place] {
        let hosts = Set(pods.filter(\.usesHostNetwork).flatMap(\.addresses))
        var result: [Place] = []
        for pod in pods {
            guard let node = pod.nodeName, !pod.hasEnded else { continue }
            result += pod.addresses.map { Place(address: $0, node: node, isPod: !pod.usesHostNetwork) }
        }
        for endpoint in endpointSlices.flatMap(\.endpoints) {
            guard let node = endpoint.nodeName else { continue }
            result += endpoint.addresses.map { Place(address: $0, node: node, isPod: !hosts.contains($0)) }
        }
        return result
    }

    /// Whether any object knows a node of that name.
    package func names(node: String) -> Bool {
        nodes.contains { $0.name == node } || pods.contains { $0.nodeName == node }
            || endpointSlices.contains { slice in slice.endpoints.contains { $0.nodeName == node } }
    }
}
