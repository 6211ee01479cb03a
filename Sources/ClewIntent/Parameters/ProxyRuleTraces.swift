package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// What kube-proxy's own rules on a node give away of its configuration.
///
/// Only rules of chains that kube-proxy names are read. Each trace keeps the line it was first seen in.
package struct ProxyRuleTraces: Sendable {
    package struct Seen<Value: Hashable & Sendable>: Sendable {
        package var value: Value
        package var count: Int
        package var source: SourceLine
    }

    /// Detections of pods, by how often a rule masquerades what is not detected.
    package private(set) var detections: [Seen<LocalTrafficDetection>] = []
    /// Rules that masquerade everything for a ClusterIP.
    package private(set) var masqueradesAll: Seen<Bool>?
    /// Values of marks that ask for masquerade.
    package private(set) var marks: [Seen<UInt32>] = []
    /// Addresses the jumps to the NodePorts ask for; where they ask for any local address, all of the family.
    package private(set) var nodePortJumps: [Seen<IPPrefix>] = []
    /// The jump to the NodePorts spares 127.0.0.0/8.
    package private(set) var sparesLoopback: Seen<Bool>?
    /// KUBE-FORWARD drops packets of state INVALID.
    package private(set) var dropsInvalid: Seen<Bool>?
    /// Chains that tell versions and modes apart, with the line that declares them.
    package private(set) var chains: [String: SourceLine] = [:]
    package private(set) var countsWithNfacct: SourceLine?

    /// Chains that a mode or a version has alone.
    private static let telling: Set<String> = [
        "KUBE-MARK-DROP", "KUBE-PROXY-FIREWALL", "KUBE-LOAD-BALANCER", "KUBE-NODE-PORT", "KUBE-FIREWALL",
        "KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER", "KUBE-SOURCE-RANGES-FIREWALL", "KUBE-EXTERNAL-SERVICES",
        "KUBE-NODEPORTS", "KUBE-FORWARD", "KUBE-SERVICES", "KUBE-PROXY-CANARY",
    ]

    package init(_ ruleSets: [RuleSet]) {
        for rules in ruleSets {
            for chain in rules.chains { read(chain, rules) }
            for set in rules.nftSets where set.name == "nodeport-ips" && set.isComplete { readNodePorts(set, rules) }
        }
    }

    /// nft keeps the addresses that take NodePorts in a set.
    private mutating func readNodePorts(_ set: NftSet, _ rules: RuleSet) {
        guard rules.tables[Int(set.table.rawValue)].name == "kube-proxy" else { return }
        for element in set.elements {
            guard case .address(let address) = element.key.first?.first else { continue }
            let line = SourceLine(rules.artifact, line: element.line)
            Self.count(IPPrefix(host: address), line, in: &nodePortJumps)
        }
    }

    private mutating func read(_ chain: RuleChain, _ rules: RuleSet) {
        let table = rules.tables[Int(chain.table.rawValue)]
        let isOwnTable = rules.backend == .native && table.name == "kube-proxy"
        guard isOwnTable || Self.begins(chain.name, "KUBE-", rules) else { return }
        let line = SourceLine(rules.artifact, line: chain.line)
        if isOwnTable { chains["table kube-proxy"] = chains["table kube-proxy"] ?? line }
        // Most chains are of Services and their endpoints: only those that masquerade by source are looked into.
        if Self.begins(chain.name, "KUBE-SEP-", rules) { return }
        let isService = Self.begins(chain.name, "KUBE-SV", rules) && !Self.begins(chain.name, "KUBE-SERVICES", rules)
        if Self.begins(chain.name, "KUBE-XLB-", rules) { chains["KUBE-XLB"] = chains["KUBE-XLB"] ?? line }
        if isService {
            chains["KUBE-SVC"] = chains["KUBE-SVC"] ?? line
            return readMasquerade(chain, rules)
        }
        let name = rules.string(chain.name)
        if Self.telling.contains(name) { chains[name] = chains[name] ?? line }
        switch name {
        case "KUBE-SERVICES" where table.name == "nat":
            readMasquerade(chain, rules)
            readNodePortJump(chain, rules)
        case "KUBE-MARK-MASQ", "mark-for-masquerade": readMark(chain, rules)
        case "KUBE-FORWARD": readForward(chain, rules)
        default: if isOwnTable { readMasquerade(chain, rules) }
        }
    }

    private static func begins(_ range: TextRange, _ prefix: StaticString, _ rules: RuleSet) -> Bool {
        let start = Int(range.offset)
        guard Int(range.length) >= prefix.utf8CodeUnitCount, start + prefix.utf8CodeUnitCount <= rules.text.count
        else { return false }
        return prefix.withUTF8Buffer { letters in
            letters.indices.allSatisfy { rules.text[start + $0] == letters[$0] }
        }
    }

    private static func rulesOf(_ chain: RuleChain, _ rules: RuleSet) -> ArraySlice<Rule> {
        rules.rules[Int(chain.firstRule)..<Int(chain.firstRule) + Int(chain.ruleCount)]
    }

    /// `! -s 10.244.0.0/16 … -j KUBE-MARK-MASQ`, `! -i cni0 …`, and the same in nft.
    private mutating func readMasquerade(_ chain: RuleChain, _ rules: RuleSet) {
        for rule in Self.rulesOf(chain, rules) {
            switch rule.target {
            case .jump(let target):
                let name = rules.chains[Int(target.rawValue)].name
                guard Self.begins(name, "KUBE-MARK-MASQ", rules) || Self.begins(name, "mark-for-masquerade", rules)
                else { continue }
            case .mark(let value, let mask) where rules.backend == .native && value & mask != 0: break
            default: continue
            }
            let line = SourceLine(rules.artifact, line: rule.line)
            var (hasDestination, looksAtSource) = (false, false)
            var detection: LocalTrafficDetection?
            for match in rules.matches(of: rule) {
                switch match.test {
                case .source4, .source, .inputInterface:
                    looksAtSource = true
                    if match.isNegated { detection = Self.detection(match, rules) }
                case .destination4, .destination: hasDestination = true
                case .set(let reference):
                    guard Int(reference.rawValue) < rules.setReferences.count else { continue }
                    let name = rules.name(rules.setReferences[Int(reference.rawValue)].name)
                    if name.hasSuffix("-CLUSTER-IP") { hasDestination = true }
                case .addressType: looksAtSource = true
                default: break
                }
            }
            if let detection {
                Self.count(detection, line, in: &detections)
            } else if !looksAtSource, isToClusterIP(rule, rules, hasDestination) {
                masqueradesAll = Seen(value: true, count: (masqueradesAll?.count ?? 0) + 1, source: line)
            }
        }
    }

    /// Whether a rule is for ClusterIPs; until 1.23 rules for external addresses stand in the same chains, and nft's
    /// rule of today asks a set.
    private func isToClusterIP(_ rule: Rule, _ rules: RuleSet, _ hasDestination: Bool) -> Bool {
        let comment = rules.string(rule.comment)
        if rules.backend == .native { return hasDestination || comment == "masquerade all clusterIP traffic" }
        return hasDestination && (comment.hasSuffix("cluster IP") || comment.hasPrefix("Kubernetes service cluster ip"))
    }

    private static func detection(_ match: Match, _ rules: RuleSet) -> LocalTrafficDetection? {
        switch match.test {
        case .source4(let value, let mask):
            let length = UInt8(mask.nonzeroBitCount)
            return IPPrefix(IPAddress(v4: value), length: length).map { .sources([$0]) }
        case .source(let index):
            guard Int(index.rawValue) < rules.maskedAddresses.count else { return nil }
            let masked = rules.maskedAddresses[Int(index.rawValue)]
            guard let length = masked.prefixLength else { return nil }
            return IPPrefix(masked.value, length: length).map { .sources([$0]) }
        case .inputInterface(let pattern):
            let name = rules.name(pattern.name)
            return pattern.isPrefix ? .interfacePrefix(name) : .bridge(name)
        default: return nil
        }
    }

    private mutating func readMark(_ chain: RuleChain, _ rules: RuleSet) {
        for rule in Self.rulesOf(chain, rules) {
            guard case .mark(let value, let mask) = rule.target, value & mask != 0 else { continue }
            Self.count(value & mask, SourceLine(rules.artifact, line: rule.line), in: &marks)
        }
    }

    private mutating func readForward(_ chain: RuleChain, _ rules: RuleSet) {
        for rule in Self.rulesOf(chain, rules) where rule.target == .drop {
            for match in rules.matches(of: rule) {
                let line = SourceLine(rules.artifact, line: rule.line)
                switch match.test {
                case .conntrackState(.invalid): dropsInvalid = Seen(value: true, count: 1, source: line)
                case .always: countsWithNfacct = countsWithNfacct ?? line
                default: break
                }
            }
        }
    }

    private mutating func readNodePortJump(_ chain: RuleChain, _ rules: RuleSet) {
        for rule in Self.rulesOf(chain, rules).reversed() {
            guard case .jump(let target) = rule.target,
                Self.begins(rules.chains[Int(target.rawValue)].name, "KUBE-NODEPORTS", rules)
            else { continue }
            let line = SourceLine(rules.artifact, line: rule.line)
            let family = rules.tables[Int(chain.table.rawValue)].family
            var wanted = IPPrefix.all(family == .ipv6 ? .ipv6 : .ipv4)
            for match in rules.matches(of: rule) {
                guard let address = Self.destination(match, rules) else { continue }
                if !match.isNegated {
                    wanted = address.prefixLength.flatMap { IPPrefix(address.value, length: $0) } ?? wanted
                } else if address.value.family == .ipv4 {
                    sparesLoopback = Seen(value: true, count: 1, source: line)
                }
            }
            Self.count(wanted, line, in: &nodePortJumps)
        }
    }

    private static func destination(_ match: Match, _ rules: RuleSet) -> MaskedAddress? {
        switch match.test {
        case .destination4(let value, let mask): return MaskedAddress(IPAddress(v4: value), mask: IPAddress(v4: mask))
        case .destination(let index):
            return Int(index.rawValue) < rules.maskedAddresses.count ? rules.maskedAddresses[Int(index.rawValue)] : nil
        default: return nil
        }
    }

    private static func count<Value>(_ value: Value, _ line: SourceLine, in list: inout [Seen<Value>]) {
        if let index = list.firstIndex(where: { $0.value == value }) {
            list[index].count += 1
        } else {
            list.append(Seen(value: value, count: 1, source: line))
        }
    }
}
