import ClewBundle
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewParsers
package import ClewSnapshot

extension NodeSnapshot {
    /// Whether any rule on the node is kube-proxy's.
    package var hasProxyRules: Bool {
        host.ruleSets.contains { rules in
            rules.chains.contains { chain in
                let name = rules.string(chain.name)
                return name.hasPrefix("KUBE-SERVICES") || name.hasPrefix("KUBE-SVC-")
            } || rules.tables.contains { $0.name == "kube-proxy" }
        }
    }
}

extension ClusterSnapshot {
    /// Writes a node's kube-proxy rules anew from the API's objects, as a kube-proxy that was restarted does.
    mutating func rewriteProxyRules(of name: String, _ parameters: ProxyParameters) throws(EditError) {
        guard let node = nodes.firstIndex(where: { $0.name == name }) else {
            throw EditError("node \(name) was not collected")
        }
        switch parameters.mode {
        case .nftables: throw EditError("Clew does not write the rules of kube-proxy's nftables mode")
        case .iptables: try rewriteIptables(node, parameters)
        case .ipvs: try rewriteIPVS(node, parameters)
        }
    }

    /// Takes kube-proxy's rules out of one of a node's rule sets.
    mutating func removeProxyRules(of name: String, _ backend: RuleBackend) throws(EditError) {
        guard let node = nodes.firstIndex(where: { $0.name == name }) else {
            throw EditError("node \(name) was not collected")
        }
        for index in nodes[node].host.ruleSets.indices where nodes[node].host.ruleSets[index].backend == backend {
            let rules = nodes[node].host.ruleSets[index]
            nodes[node].host.ruleSets[index] = try ProxyRuleText(rules).replaced(by: [])
        }
    }

    private mutating func rewriteIptables(_ node: Int, _ parameters: ProxyParameters) throws(EditError) {
        for family in AddressFamily.allCases {
            guard let index = proxyRuleSet(node, family) else { continue }
            let intents = ServiceIntents.all(in: objects, family: family, for: parameters)
            let rules = IptablesRules(intents, for: parameters, family: family)
            nodes[node].host.ruleSets[index] = try ProxyRuleText(nodes[node].host.ruleSets[index]).replaced(by: [
                ProxyTable(name: "filter", chains: rules.filter, jumps: rules.filterJumps),
                ProxyTable(name: "nat", chains: rules.nat, jumps: rules.natJumps),
            ])
        }
    }

    /// The rule set that kube-proxy writes to: the one that has its chains, else the first of the family.
    private func proxyRuleSet(_ node: Int, _ family: AddressFamily) -> Int? {
        let own = nodes[node].host.ruleSets.indices.filter { index in
            let rules = nodes[node].host.ruleSets[index]
            return rules.backend != .native
                && rules.tables.contains { $0.name == "nat" && $0.family.covers(family) }
        }
        return own.first { index in
            let rules = nodes[node].host.ruleSets[index]
            return rules.chains.contains { rules.string($0.name) == "KUBE-SERVICES" }
        } ?? own.first
    }

    private mutating func rewriteIPVS(_ node: Int, _ parameters: ProxyParameters) throws(EditError) {
        var servers: [VirtualServer] = []
        var addresses: [IPAddress] = []
        for family in AddressFamily.allCases {
            let local = (nodes[node].host.links ?? []).filter { !$0.isLoopback && $0.name != IPVSProgram.device }
                .flatMap(\.addresses).map(\.address.address).filter { $0.family == family }
            let intents = ServiceIntents.all(in: objects, family: family, for: parameters)
            guard !intents.isEmpty || family == .ipv4 else { continue }
            let program = IPVSProgram(intents, for: parameters, localAddresses: local, family: family)
            servers += IpvsadmParser.parse(Array(program.ipvsadmRestore.utf8), artifact: .edited).value
            addresses += program.addresses
            let sets = IpsetParser.parse(Array(program.ipsetRestore.utf8), artifact: .edited).value
            let names = Set(sets.map(\.name))
            nodes[node].host.ipSets = (nodes[node].host.ipSets ?? []).filter { !names.contains($0.name) } + sets
            guard let index = proxyRuleSet(node, family) else { continue }
            nodes[node].host.ruleSets[index] = try ProxyRuleText(nodes[node].host.ruleSets[index]).replaced(by: [
                ProxyTable(name: "filter", chains: program.filter), ProxyTable(name: "nat", chains: program.nat),
            ])
        }
        nodes[node].host.virtualServers = servers
        nodes[node].host.setServiceAddresses(addresses)
        // Runner.go of IPVS mode sets it when it starts.
        if nodes[node].host.sysctls["net.ipv4.vs.conntrack"] != nil {
            nodes[node].host.sysctls["net.ipv4.vs.conntrack"] = Sysctl("1", source: .edited)
        }
    }
}

extension NamespaceSnapshot {
    /// Gives `kube-ipvs0` these addresses and no others, and the local routes that come with them.
    fileprivate mutating func setServiceAddresses(_ addresses: [IPAddress]) {
        let device = IPVSProgram.device
        var links = self.links ?? []
        if !links.contains(where: { $0.name == device }) {
            let number = (links.map(\.index).max() ?? 0) + 1
            var link = Link(index: number, name: device, kind: .dummy, source: .edited)
            link.isUp = false
            link.isNoARP = true
            links.append(link)
        }
        for index in links.indices where links[index].name == device {
            links[index].addresses = addresses.map { InterfaceAddress(address: IPPrefix(host: $0), source: .edited) }
        }
        self.links = links
        var routes = (self.routes ?? []).filter { route in
            !(route.table == .local && route.nextHops.contains { $0.device == device })
        }
        routes += addresses.map { address in
            var route = Route(
                destination: IPPrefix(host: address), type: .local, table: .local,
                nextHops: [NextHop(device: device)], source: .edited, text: "local \(address) dev \(device) table local"
            )
            route.preferredSource = address
            route.scope = "host"
            return route
        }
        self.routes = routes
    }
}

/// A table of kube-proxy's, as it is to be.
struct ProxyTable {
    var name: String
    /// Rules by chain; base chains hold the jumps into kube-proxy's.
    var chains: [String: [String]]
    /// Rules of base chains, where they are not among the chains.
    var jumps: [(chain: String, rule: String)] = []

    init(name: String, chains: [String: [String]], jumps: [(chain: String, rule: String)] = []) {
        self.name = name
        self.chains = chains.filter { $0.key.hasPrefix("KUBE-") }
        self.jumps = jumps
        for (chain, rules) in chains.sorted(by: { $0.key < $1.key }) where !chain.hasPrefix("KUBE-") {
            self.jumps += rules.map { (chain, $0) }
        }
    }
}

/// The text of an iptables dump in which kube-proxy's chains are exchanged.
struct ProxyRuleText {
    private let ruleSet: RuleSet
    private let family: AddressFamily

    init(_ ruleSet: RuleSet) throws(EditError) {
        guard ruleSet.backend != .native, let first = ruleSet.tables.first else {
            throw EditError("rules that only nft lists cannot be edited in iptables' words")
        }
        self.ruleSet = ruleSet
        family = first.family == .ipv6 ? .ipv6 : .ipv4
    }

    /// Takes kube-proxy's chains out, with the jumps into them, and puts those of the tables in.
    func replaced(by tables: [ProxyTable]) throws(EditError) -> RuleSet {
        var lines: [String] = []
        var table: ProxyTable?
        var head = 0
        var old: [String] = []
        for line in String(decoding: ruleSet.text, as: UTF8.self).split(separator: "\n").map(String.init) {
            if line.hasPrefix("*") {
                let name = String(line.dropFirst())
                let isProxied = name == "filter" || name == "nat"
                table =
                    tables.first { $0.name == name } ?? (isProxied ? ProxyTable(name: name, chains: [:]) : nil)
                lines.append(line)
                head = lines.count
                old = []
            } else if let current = table, line.hasPrefix("COMMIT") {
                lines.insert(contentsOf: current.chains.keys.sorted().map { ":\($0) - [0:0]" }, at: head)
                lines += Self.jumps(current, besides: old) + old
                for (chain, rules) in current.chains.sorted(by: { $0.key < $1.key }) {
                    lines += rules.map { "-A \(chain) \($0)" }
                }
                lines.append(line)
                table = nil
            } else if let current = table, let chain = Self.chain(of: line) {
                if Self.isOwned(chain, current) { continue }
                if line.hasPrefix(":") { lines.append(line) } else if Self.isKept(line, current) { old.append(line) }
            } else {
                lines.append(line)
            }
        }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        let parsed = IptablesSaveParser.parse(
            text, artifact: ruleSet.artifact, family: family, backend: ruleSet.backend)
        guard parsed.ruleSet.tables.count == ruleSet.tables.count else {
            throw EditError("the rules cannot be read once kube-proxy's are exchanged")
        }
        return parsed.ruleSet
    }

    /// The jumps that are not there: kube-proxy puts each before what its chain holds (`EnsureRule`, prepend).
    private static func jumps(_ table: ProxyTable, besides old: [String]) -> [String] {
        let needed = table.jumps.map { "-A \($0.chain) \($0.rule)" }
        return needed.filter { rule in
            !old.contains { chain(of: $0) == chain(of: rule) && target(of: $0) == target(of: rule) }
        }
    }

    /// Whether a rule of somebody else's chain may stay: it jumps to no chain that is gone.
    private static func isKept(_ line: String, _ table: ProxyTable) -> Bool {
        guard let target = target(of: line), isOwned(target, table) else { return true }
        return table.chains[target] != nil
    }

    /// The chain of `:CHAIN …`, `-A CHAIN …` or `[1:60] -A CHAIN …`.
    private static func chain(of line: String) -> String? {
        let words = line.split(separator: " ", maxSplits: 3)
        guard let first = words.first else { return nil }
        if first.hasPrefix(":") { return String(first.dropFirst()) }
        guard let index = words.firstIndex(of: "-A"), index + 1 < words.count else { return nil }
        return String(words[index + 1])
    }

    private static func target(of line: String) -> String? {
        let words = line.split(separator: " ")
        guard let index = words.lastIndex(where: { $0 == "-j" || $0 == "-g" }), index + 1 < words.count else {
            return nil
        }
        return String(words[index + 1])
    }

    private static let owned: Set<String> = [
        "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ",
        "KUBE-FORWARD", "KUBE-PROXY-FIREWALL", "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER", "KUBE-IPVS-FILTER",
        "KUBE-SOURCE-RANGES-FIREWALL", "KUBE-IPVS-OUT-FILTER",
    ]

    /// Whether a chain is kube-proxy's; KUBE-FIREWALL and KUBE-MARK-DROP are kubelet's too, in some versions.
    private static func isOwned(_ chain: String, _ table: ProxyTable) -> Bool {
        if owned.contains(chain) { return true }
        if ["KUBE-FIREWALL", "KUBE-MARK-DROP"].contains(chain) { return table.chains[chain]?.isEmpty == false }
        return ["KUBE-SVC-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-SVL-", "KUBE-XLB-", "KUBE-FW-"].contains {
            chain.hasPrefix($0)
        }
    }
}

extension ArtifactID {
    static var edited: ArtifactID { SourceLine.edited.artifact }
}
