import ClewBundle
import ClewNet
import ClewSnapshot

/// A rule set in words that do not depend on the order of its pools, so that two forms of it can be compared.
struct NftDescription {
    let ruleSet: RuleSet

    /// Tables, chains with their rules, and sets, sorted by name.
    var lines: [String] {
        var lines = ruleSet.tables.map { "table \($0.family) \($0.name) dormant \($0.isDormant)" }
        for i in ruleSet.chains.indices {
            let chain = ruleSet.chains[i]
            let name = "\(table(chain.table)) \(ruleSet.string(chain.name))"
            let hook = chain.base.map { "\($0.type) \($0.hook) \($0.priority) \($0.policyAccepts)" } ?? ""
            let rules = ruleSet.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)]
            lines.append("chain \(name) \(hook) \(chain.unmodelledHook.isEmpty) \(chain.isDeclared)")
            for (number, rule) in rules.enumerated() {
                lines.append("rule \(name) \(10000 + number) " + self.rule(rule))
            }
        }
        for set in ruleSet.nftSets where !set.name.isEmpty { lines.append("set " + self.set(set)) }
        return lines.sorted()
    }

    func rule(_ rule: Rule) -> String {
        (ruleSet.matches(of: rule).map(match) + ["→ " + target(rule.target), "# " + ruleSet.string(rule.comment)])
            .joined(separator: "; ")
    }

    private func table(_ id: TableID) -> String {
        "\(ruleSet.tables[Int(id.rawValue)].family) \(ruleSet.tables[Int(id.rawValue)].name)"
    }

    func set(_ set: NftSet) -> String {
        "\(table(set.table)) \(set.name) dynamic \(set.isDynamic) complete \(set.isComplete) "
            + set.elements.map(element).sorted().joined(separator: ", ") + (set.catchAll.map { " * " + data($0) } ?? "")
    }

    private func element(_ element: NftElement) -> String {
        element.key.map { "\($0.first)-\($0.last)" }.joined(separator: " . ")
            + (element.data.map { " : " + data($0) } ?? "")
    }

    private func data(_ data: NftData) -> String {
        switch data {
        case .jump(let chain): "jump " + ruleSet.name(of: chain)
        case .goto(let chain): "goto " + ruleSet.name(of: chain)
        default: "\(data)"
        }
    }

    func match(_ match: Match) -> String {
        let test: String =
            switch match.test {
            case .source(let i), .destination(let i), .conntrackAddress(_, let i):
                "\(label(match.test)) \(ruleSet.maskedAddresses[Int(i.rawValue)])"
            case .sourceRange(let i), .destinationRange(let i):
                "\(label(match.test)) \(ruleSet.addressRanges[Int(i.rawValue)])"
            case .inputInterface(let p): "in \(ruleSet.name(p.name))\(p.isPrefix ? "+" : "")"
            case .outputInterface(let p): "out \(ruleSet.name(p.name))\(p.isPrefix ? "+" : "")"
            case .multiport(let side, let i): "multiport \(side) \(ruleSet.portLists[Int(i.rawValue)].ranges)"
            case .addressType(let i): "\(ruleSet.addressTypes[Int(i.rawValue)])"
            case .stateful(let i):
                "\(ruleSet.states[Int(i.rawValue)].kind) below \(ruleSet.states[Int(i.rawValue)].matchesBelowLimit)"
            case .sourceMAC(let i): "mac \(ruleSet.macs[Int(i.rawValue)])"
            case .unmodelled(let i): "UNMODELLED \(ruleSet.string(ruleSet.unmodelled[Int(i.rawValue)]))"
            case .always(let i): "always \(ruleSet.string(ruleSet.unmodelled[Int(i.rawValue)]))"
            case .nft(let i): expression(ruleSet.nft[Int(i.rawValue)])
            default: "\(match.test)"
            }
        return (match.isNegated ? "! " : "") + test
    }

    private func label(_ test: MatchTest) -> Substring { "\(test)".prefix { $0 != "(" } }

    func target(_ target: Target) -> String {
        switch target {
        case .jump(let chain): "jump " + ruleSet.name(of: chain)
        case .goto(let chain): "goto " + ruleSet.name(of: chain)
        case .connmark(let i): "\(ruleSet.connmarkTargets[Int(i.rawValue)])"
        case .nat(let i): "\(ruleSet.natTargets[Int(i.rawValue)])"
        case .tproxy(let i): "\(ruleSet.tproxyTargets[Int(i.rawValue)])"
        case .transparent: "transparent"
        case .conntrackAssign: "conntrackAssign"
        case .queue: "queue"
        case .unmodelled(let i): "UNMODELLED \(ruleSet.string(ruleSet.unmodelled[Int(i.rawValue)]))"
        case .verdictMap(let i): expression(ruleSet.nft[Int(i.rawValue)])
        default: "\(target)"
        }
    }

    private func expression(_ expression: NftExpression) -> String {
        switch expression {
        case .compare: "\(expression)"
        case .lookup(let fields, let masks, let i): "lookup \(fields) \(masks) \(reference(i))"
        case .verdictMap(let fields, let masks, let i): "vmap \(fields) \(masks) \(reference(i))"
        case .numberVerdictMap(let modulus, let offset, let isRandom, let i):
            "vmap \(isRandom) \(modulus) \(offset) \(reference(i))"
        case .natMap(let kind, let fields, let i): "map \(kind) \(fields) \(reference(i))"
        case .numberNATMap(let kind, let modulus, let offset, let isRandom, let i):
            "map \(kind) \(isRandom) \(modulus) \(offset) \(reference(i))"
        case .dynamicUpdate(let i): "update \(reference(i))"
        }
    }

    private func reference(_ index: Int) -> String {
        let set = ruleSet.nftSets[index]
        return set.name.isEmpty ? "{ " + self.set(set) + " }" : "@" + set.name
    }
}
