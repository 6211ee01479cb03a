import ClewBundle
import ClewCompare
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// One way in which a node's kube-proxy rules are not as they should be, put down to a row of the catalogue.
struct ProxyFault: Sendable {
    enum Kind: Sendable, Hashable {
        case entryMissing, chainWrong, deadEndpoint, staleReject, staleEntry, notRefused
        case jumpMissing, masqueradeMissing, hairpinMissing, wrongMasquerade, foreignRule, foreignMasquerade
        case twoRuleSets
        /// Several of the first six at once: kube-proxy does not hear of changes.
        case staleNode
    }

    var kind: Kind
    var node: String
    /// Most damaging first; never empty.
    var causes: [CauseGroup]
    var services: [ServicePortName]
    var explains: [Int]
    var confidence: Confidence

    var first: CauseGroup { causes[0] }

    /// Whether rules that are older than the API's last change look so.
    static func followsTheAPI(_ kind: Kind) -> Bool {
        [.entryMissing, .chainWrong, .deadEndpoint, .staleReject, .staleEntry, .notRefused].contains(kind)
    }
}

/// All of them; worked out once.
struct ProxyFaults: Sendable {
    var all: [ProxyFault]
}

extension CheckContext {
    func proxyFaults(_ kind: ProxyFault.Kind) -> [ProxyFault] {
        work.value(ProxyFaults.self) {
            ProxyFaults(
                all: snapshot.nodes.flatMap { node in
                    comparisons[node.name].map { ProxyFaultFinder(self, node, $0).faults() } ?? []
                })
        }.all.filter { $0.kind == kind }
    }
}

/// Sorts one node's differences by what is wrong.
private struct ProxyFaultFinder {
    private let context: CheckContext
    private let node: NodeSnapshot
    private let comparison: NodeComparison
    private let mode: ProxyMode
    private let probes: [LossProbe]

    init(_ context: CheckContext, _ node: NodeSnapshot, _ comparison: NodeComparison) {
        self.context = context
        self.node = node
        self.comparison = comparison
        mode = context.proxyMode(node.name)
        probes = context.lossProbes
    }

    func faults() -> [ProxyFault] {
        var found: [ProxyFault] = []
        for group in comparison.causes {
            guard let kind = kind(of: group) else { continue }
            // Requests and answers, addresses and NodePorts: one chain or line that lacks is one fault.
            if let known = found.firstIndex(where: { $0.kind == kind && isSame($0.first, group, kind) }) {
                found[known] = joined(found[known], fault(kind, group))
            } else {
                found.append(fault(kind, group))
            }
        }
        if hasTwoRuleSets { return asOne(.twoRuleSets, found) }
        return stale(found)
    }

    /// Faults of many Services at once are one: kube-proxy's.
    private func stale(_ found: [ProxyFault]) -> [ProxyFault] {
        let own = found.filter { ProxyFault.followsTheAPI($0.kind) }
        let kinds = Set(own.map(\.kind))
        let isStale = own.count > 1 && kinds != [.chainWrong] || kinds.contains(.staleEntry)
        guard isStale, mode != .ipvs else { return found }
        let one = own.dropFirst().reduce(own[0], joined)
        let others = found.filter { !ProxyFault.followsTheAPI($0.kind) }
        // What one Service alone has of it is seen from several sides: an endpoint too many is also one too few.
        guard one.services.count > 1 || kinds.contains(.staleEntry) else {
            let nearest: [ProxyFault.Kind] = [.staleReject, .deadEndpoint, .entryMissing]
            return others + [renamed(one, nearest.first(where: kinds.contains) ?? one.kind)]
        }
        return others + [renamed(one, .staleNode)]
    }

    private func asOne(_ kind: ProxyFault.Kind, _ found: [ProxyFault]) -> [ProxyFault] {
        guard let first = found.first else { return [] }
        return [renamed(found.dropFirst().reduce(first, joined), kind)]
    }

    private func renamed(_ fault: ProxyFault, _ kind: ProxyFault.Kind) -> ProxyFault {
        var fault = fault
        fault.kind = kind
        return fault
    }

    private func joined(_ a: ProxyFault, _ b: ProxyFault) -> ProxyFault {
        var result = a
        result.causes += b.causes
        result.services = Set(a.services + b.services).sorted()
        result.explains = Set(a.explains + b.explains).sorted()
        result.confidence = max(a.confidence, b.confidence)
        return result
    }

    private func isSame(_ a: CauseGroup, _ b: CauseGroup, _ kind: ProxyFault.Kind) -> Bool {
        switch kind {
        case .jumpMissing, .masqueradeMissing, .wrongMasquerade: return chain(a) == chain(b) || kind != .jumpMissing
        case .foreignRule, .foreignMasquerade: return a.cause.source == b.cause.source
        default: return !Set(a.services).isDisjoint(with: b.services) || a.services == b.services
        }
    }

    private func fault(_ kind: ProxyFault.Kind, _ group: CauseGroup) -> ProxyFault {
        let own = comparison.ports.filter { group.services.contains($0.name) }
        // No change of the API takes a jump or a mark away.
        let inFlight = ProxyFault.followsTheAPI(kind) && !own.isEmpty && own.allSatisfy(\.mayBeInFlight)
        return ProxyFault(
            kind: kind, node: node.name, causes: [group], services: group.services,
            explains: probes.filter { explains(group, kind, $0) }.map(\.group.id),
            confidence: inFlight ? .possible : group.example.isConfirmed ? .proven : .likely)
    }

    // MARK: - What kind it is

    private func kind(of group: CauseGroup) -> ProxyFault.Kind? {
        let place = group.cause.place
        if mode == .ipvs, place == "ipvs" || !group.kinds.contains(where: Self.isMasquerade) { return nil }
        // A node that sends from a Service's own address: IPV013 tells of it.
        if mode == .ipvs, sendsFromServiceAddress(group) { return nil }
        if group.kinds.contains(.takenByForeignRule) { return .foreignRule }
        if group.cause.kind == .lacking, Self.baseChains.contains(chain(group)) { return baseChain(group) }
        if group.kinds.contains(where: Self.isMasquerade) { return masquerade(group) }
        // nftables mode refuses what is sent to a Service's address and is in no map.
        if chain(group) == "cluster-ips-check" { return .entryMissing }
        // What a chain leads nowhere is dropped or refused later, by no rule that is there for it.
        let isChain = group.cause.kind == .lacking && isOfOneService(group)
        if !isChain, group.kinds.contains(.notAskedReject) || group.kinds.contains(.notAskedDrop) {
            return isOfProxy(group) ? .staleReject : nil
        }
        if group.kinds.contains(.extraEndpoint) { return .deadEndpoint }
        if group.kinds.contains(.missingEntry) { return isOfOneService(group) ? .chainWrong : .entryMissing }
        if group.kinds.contains(.missingEndpoint) || group.kinds.contains(.wrongWeight) { return .chainWrong }
        if group.kinds.contains(.affinity) { return .chainWrong }
        if group.kinds.contains(.staleEntry) { return .staleEntry }
        if group.kinds.contains(.notDropped) || group.kinds.contains(.notRejected) { return .notRefused }
        return nil
    }

    private func sendsFromServiceAddress(_ group: CauseGroup) -> Bool {
        guard case .sources(let prefixes) = context.proxies[node.name]?.parameters.localDetection,
            case .one(let address) = group.example.destination.address
        else { return false }
        return group.kinds.contains(.missingMasquerade) && prefixes.contains { $0.contains(address) }
    }

    private static let baseChains: Set<String> = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

    private static func isMasquerade(_ kind: Difference.Kind) -> Bool {
        kind == .missingMasquerade || kind == .extraMasquerade
    }

    /// `KUBE-SERVICES` of `nat KUBE-SERVICES`.
    private func chain(_ group: CauseGroup) -> String {
        group.cause.place.split(separator: " ").last.map(String.init) ?? ""
    }

    private func isOfProxy(_ group: CauseGroup) -> Bool {
        chain(group).hasPrefix("KUBE-") && !PolicyDrops.isPolicy(chain: chain(group))
            || group.cause.place.hasPrefix("kube-proxy ")
    }

    private func isOfOneService(_ group: CauseGroup) -> Bool {
        [
            "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-", "KUBE-SEP-", "service-", "endpoint-",
            "external-",
        ]
        .contains { chain(group).hasPrefix($0) }
    }

    private func baseChain(_ group: CauseGroup) -> ProxyFault.Kind? {
        let chain = chain(group)
        if group.kinds.contains(where: Self.isMasquerade),
            hasJump("nat", from: "POSTROUTING", group.cause.source.artifact)
        {
            return .masqueradeMissing
        }
        guard context.hasProxyRules(node) else { return .entryMissing }
        // Where the jump is there, what comes before it decides: routes, other tables.
        let table = group.cause.place.split(separator: " ").first.map(String.init) ?? "nat"
        return hasJump(table, from: chain, group.cause.source.artifact) ? nil : .jumpMissing
    }

    /// Whether a base chain jumps to one of kube-proxy's.
    private func hasJump(_ table: String, from name: String, _ artifact: ArtifactID) -> Bool {
        node.host.ruleSets.contains { rules in
            rules.artifact == artifact
                && rules.chains.contains { chain in
                    guard chain.base != nil, rules.string(chain.name) == name,
                        rules.tables[Int(chain.table.rawValue)].name == table
                    else { return false }
                    return rules.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)].contains { rule in
                        guard case .jump(let target) = rule.target else { return false }
                        return rules.name(of: target).hasPrefix("KUBE-")
                    }
                }
        }
    }

    private func masquerade(_ group: CauseGroup) -> ProxyFault.Kind {
        let chain = chain(group)
        if group.kinds.contains(.extraMasquerade) {
            return isOfProxy(group) ? .wrongMasquerade : .foreignMasquerade
        }
        return chain.hasPrefix("KUBE-SEP-") || chain.hasPrefix("endpoint-") ? .hairpinMissing : .masqueradeMissing
    }

    /// kube-proxy's rules stand in both of iptables' backends.
    private var hasTwoRuleSets: Bool {
        RuleSetPair(node).map { !$0.isHarmless } ?? false
    }

    // MARK: - What it explains

    private func explains(_ group: CauseGroup, _ kind: ProxyFault.Kind, _ probe: LossProbe) -> Bool {
        // nft's JSON is one line: chain and Service have to fit too.
        let isDecisive = probe.group.decision?.source == group.cause.source && probe.group.node == node.name
        if isDecisive, probe.services.isSubset(of: group.services) { return true }
        // What nobody has may well be refused by a route.
        let leadsAstray = [.foreignRule, .deadEndpoint, .foreignMasquerade].contains(kind)
        let isRefused = leadsAstray && probe.group.decision?.cause == .refusingRoute
        guard !probe.isLostToOthers || isRefused else { return false }
        let isHere = probe.entryNodes.contains(node.name)
        switch kind {
        case .foreignRule, .deadEndpoint, .foreignMasquerade:
            if let endpoint = group.example.endpoint, kind == .deadEndpoint, probe.endpoints.contains(endpoint), isHere,
                probe.services.isSubset(of: group.services)
            {
                return true
            }
            return probe.sources.contains(group.cause.source)
        case .entryMissing, .chainWrong, .jumpMissing:
            guard isHere, !probe.isTranslated, !probe.services.isEmpty else { return false }
            return probe.services.isSubset(of: group.services)
        case .masqueradeMissing, .hairpinMissing, .wrongMasquerade:
            guard isHere, probe.isTranslated, !probe.services.isEmpty else { return false }
            return probe.services.isSubset(of: group.services) && !probe.isMasqueraded
        case .staleReject: return false
        case .staleEntry, .notRefused, .twoRuleSets, .staleNode: return false
        }
    }
}

/// Two rule sets of one family that both hold kube-proxy's rules.
struct RuleSetPair {
    let live: RuleSet
    let stale: RuleSet

    /// `nil` where one at most does.
    init?(_ node: NodeSnapshot) {
        let own = node.host.ruleSets.filter { rules in
            rules.backend != .native && Self.translations(rules) > 0
        }
        guard own.count > 1 else { return nil }
        for family in AddressFamily.allCases {
            let of = own.filter { $0.tables.contains { $0.family.covers(family) } }
            guard of.count > 1, let live = of.max(by: { Self.age($0) < Self.age($1) }),
                let stale = of.first(where: { $0.backend != live.backend })
            else { continue }
            self.live = live
            self.stale = stale
            return
        }
        return nil
    }

    /// Whether the other set holds nothing that could take a packet.
    var isHarmless: Bool { Self.translations(stale) == 0 }

    /// Rules that lead to an endpoint of kube-proxy's.
    private static func translations(_ rules: RuleSet) -> Int {
        rules.chains.reduce(0) { count, chain in
            rules.string(chain.name).hasPrefix("KUBE-SEP-") ? count + Int(chain.ruleCount) : count
        }
    }

    /// kube-proxy and kubelet keep a chain in the set they use, to notice a flush.
    private static func age(_ rules: RuleSet) -> Int {
        let hints = ["KUBE-PROXY-CANARY", "KUBE-IPTABLES-HINT"]
        let isKept = rules.chains.contains { hints.contains(rules.string($0.name)) }
        return (isKept ? 1 << 30 : 0) + translations(rules)
    }
}
