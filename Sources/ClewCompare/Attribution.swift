import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// Finds the line that is to blame for what became of a class of packets, or the chain in which one lacks.
struct Attribution {
    let classes: NodeClasses
    let family: AddressFamily
    /// Chains that serve Services; rules elsewhere are foreign.
    let serviceChains: Set<ChainKey>
    /// The bits that ask for masquerade.
    let masqueradeMark: UInt32
    let isIPVS: Bool
    let localAddresses: AddressSet

    /// The steps of a way where destinations are translated, in nat chains of PREROUTING or OUTPUT.
    func translationSteps(_ steps: [ClassStep]) -> [ClassStep] {
        var isNAT = false
        return steps.filter { step in
            if step.depth == 0, step.ruleSet >= 0 { isNAT = base(step)?.type == .nat }
            return isNAT && (step.hook == .prerouting || step.hook == .output)
        }
    }

    private func base(_ step: ClassStep) -> BaseChain? {
        guard step.ruleSet >= 0 else { return nil }
        return classes.ruleSets[step.ruleSet].chains[Int(step.chainID.rawValue)].base
    }

    private func rule(_ step: ClassStep) -> Rule? {
        guard case .rule(let id) = step.kind, step.ruleSet >= 0 else { return nil }
        return classes.ruleSets[step.ruleSet].rules[Int(id.rawValue)]
    }

    private func isOfService(_ step: ClassStep) -> Bool {
        guard step.ruleSet >= 0 else { return true }
        return serviceChains.contains(ChainKey(ruleSet: step.ruleSet, chain: step.chainID))
            || (step.depth > 0 && step.chain.hasPrefix("KUBE-"))
    }

    /// The steps that led to the last one: one for each depth above it.
    private func stack(_ steps: [ClassStep]) -> [ClassStep] {
        guard let last = steps.last else { return [] }
        var result = [last]
        for step in steps.dropLast().reversed() where step.depth < result[0].depth { result.insert(step, at: 0) }
        return result
    }

    // MARK: - Causes

    func cause(_ step: ClassStep) -> Cause {
        Cause(.line, source: step.source, place: place(step), text: step.text)
    }

    private func place(_ step: ClassStep) -> String {
        step.ruleSet < 0 ? "ipvs" : "\(step.table) \(step.chain)"
    }

    private func lacking(_ chain: ChainID, _ ruleSet: Int, _ what: String) -> Cause {
        // IPVS has no chains: what is missing there is missing in the rules before it.
        guard classes.ruleSets.indices.contains(ruleSet) else { return baseChain(.prerouting, what) }
        let rules = classes.ruleSets[ruleSet]
        let entry = rules.chains[Int(chain.rawValue)]
        return Cause(
            .lacking, source: SourceLine(rules.artifact, line: entry.line),
            place: "\(rules.tables[Int(entry.table.rawValue)].name) \(rules.name(of: chain))", text: what)
    }

    /// Finds the cause of one finding, and the kind it is more exactly.
    func explain(
        _ finding: Finding, _ entry: ContractEntry, _ cell: Cell, isAllExtra: Bool
    ) -> (Difference.Kind, Cause) {
        let arrival = cell.arrival
        let steps = finding.end.map { classes.steps(of: $0.state) } ?? []
        let isTranslated = finding.end?.state.isDestinationTranslated ?? false
        switch finding.kind {
        case .extraEndpoint: return extraEndpoint(steps, entry, arrival, isAllExtra: isAllExtra)
        case .missingEntry: return untranslated(steps, entry, arrival)
        case .missingEndpoint:
            if !isTranslated, finding.end?.kind == .left || finding.end?.kind == .delivered {
                return (.missingEndpoint, untranslated(steps, entry, arrival).1)
            }
            if let empty = emptyEndpoint(cell) {
                return (.missingEndpoint, lacking(empty.chain, empty.ruleSet, "nothing is in it that leads anywhere"))
            }
            return (.missingEndpoint, parent(steps, entry, arrival, "no rule leads to \(text(finding.endpoint))"))
        case .wrongWeight:
            if let empty = emptyEndpoint(cell) {
                return (.wrongWeight, lacking(empty.chain, empty.ruleSet, "nothing is in it that leads anywhere"))
            }
            return (.wrongWeight, weight(steps, entry, arrival))
        case .missingMasquerade: return (.missingMasquerade, missingMasquerade(steps, entry, cell))
        case .extraMasquerade: return (.extraMasquerade, extraMasquerade(steps, entry, arrival))
        case .notAskedDrop, .notAskedReject:
            return (finding.kind, refused(steps, entry, arrival, hasEndpoint: finding.endpoint != nil))
        case .notDropped, .notRejected:
            let hook: Hook = finding.end?.kind == .delivered ? .input : arrival == .host ? .output : .forward
            return notRefused(finding.kind, steps, entry, lackingAt: hook)
        case .affinity: return (.affinity, affinity(steps, entry, finding.end))
        case .takenByForeignRule, .wrongAddress, .staleEntry:
            return (finding.kind, steps.last.map(cause) ?? noRules(arrival, "nothing matches"))
        }
    }

    private func text(_ endpoint: SocketAddress?) -> String { endpoint?.description ?? "an endpoint" }

    private func extraEndpoint(
        _ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival, isAllExtra: Bool
    ) -> (Difference.Kind, Cause) {
        let own = translationSteps(steps)
        guard let last = own.last ?? steps.last(where: { $0.ruleSet < 0 }) else {
            return (.extraEndpoint, noRules(arrival, "no rule leads there"))
        }
        // Packets that all go to another Service's endpoints have taken a wrong turn where Services part.
        if isAllExtra, let turn = servingStep(steps) { return (.extraEndpoint, cause(turn)) }
        let isForeign = !stack(own).contains(where: isOfService) && last.ruleSet >= 0
        return (isForeign ? .takenByForeignRule : .extraEndpoint, cause(last))
    }

    /// A packet that keeps its destination: by a rule that ends the search, or because a chain has none for it.
    private func untranslated(
        _ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival
    ) -> (Difference.Kind, Cause) {
        if let cause = virtual(entry, arrival) { return (.missingEntry, cause) }
        if let step = untrackingStep(steps) { return (.takenByForeignRule, cause(step)) }
        let own = translationSteps(steps)
        let what = "no rule leads \(entry.destination) to an endpoint"
        guard let last = own.last, let target = rule(last)?.target else {
            return (.missingEntry, noRules(arrival, what))
        }
        switch target {
        case .accept, .return:
            if isMarkChain(last) { break }
            return (isOfService(last) ? .missingEntry : .takenByForeignRule, cause(last))
        case .dnat4, .nat: return (.takenByForeignRule, cause(last))
        default: break
        }
        return (.missingEntry, lacking(openChain(own), what, arrival))
    }

    /// The rule that keeps the packets from connection tracking, and so from every nat chain (NodeLocal DNSCache has one).
    private func untrackingStep(_ steps: [ClassStep]) -> ClassStep? {
        steps.first { step in
            if case .notrack? = rule(step)?.target { true } else { false }
        }
    }

    /// IPVS mode: the virtual server lacks, or its address on the node, without which packets pass IPVS by.
    private func virtual(_ entry: ContractEntry, _ arrival: SourceArrival) -> Cause? {
        guard isIPVS, case .one(let address) = entry.destination.address else { return nil }
        let server = classes.virtualServers.first {
            $0.address == address && $0.ipProtocol == entry.destination.ipProtocol && $0.port == entry.destination.port
        }
        let nowhere = SourceLine(classes.ruleSets.first?.artifact ?? ArtifactID(rawValue: .max), line: 0)
        guard server != nil else {
            let file = classes.virtualServers.first.map { SourceLine($0.source.artifact, line: 0) }
            return Cause(
                .lacking, source: file ?? nowhere, place: "ipvs", text: "no virtual server for \(entry.destination)")
        }
        guard arrival != .host, !localAddresses.contains(address) else { return nil }
        return Cause(
            .lacking, source: classes.source(ofLink: "kube-ipvs0") ?? nowhere, place: "kube-ipvs0",
            text: "the address \(address) is not on it, so that packets to it pass IPVS by")
    }

    private func lacking(_ chain: ChainKey?, _ what: String, _ arrival: SourceArrival) -> Cause {
        chain.map { lacking($0.chain, $0.ruleSet, what) } ?? noRules(arrival, what)
    }

    private func isMarkChain(_ step: ClassStep) -> Bool { isMarkChain(step.chainID, step.ruleSet) }

    /// A chain that only marks and returns.
    private func isMarkChain(_ chain: ChainID, _ ruleSet: Int) -> Bool {
        let rules = classes.ruleSets[ruleSet]
        let entry = rules.chains[Int(chain.rawValue)]
        guard entry.base == nil, entry.ruleCount > 0 else { return false }
        return rules.rules[Int(entry.firstRule)..<Int(entry.firstRule + entry.ruleCount)].allSatisfy {
            switch $0.target {
            case .mark, .return, .none: true
            default: false
            }
        }
    }

    /// The chain in which the search ended without a rule: the last one that was entered, marks aside.
    private func openChain(_ steps: [ClassStep]) -> ChainKey? {
        for step in steps.reversed() {
            guard let target = rule(step)?.target else { continue }
            switch target {
            case .jump(let chain), .goto(let chain):
                let isPassing = isMarkChain(chain, step.ruleSet) || isEmptyMark(step)
                let key = ChainKey(ruleSet: step.ruleSet, chain: isPassing ? step.chainID : chain)
                if isOfService(step) || serves(key) { return key }
            default:
                if !isMarkChain(step), step.depth > 0 { return ChainKey(ruleSet: step.ruleSet, chain: step.chainID) }
            }
        }
        return nil
    }

    private func serves(_ key: ChainKey) -> Bool {
        serviceChains.contains(key) || classes.ruleSets[key.ruleSet].name(of: key.chain).hasPrefix("KUBE-")
    }

    /// A jump to a chain that has nothing left in it and was there to mark: its siblings go on behind it.
    private func isEmptyMark(_ step: ClassStep) -> Bool {
        guard case .jump(let chain)? = rule(step)?.target else { return false }
        let name = classes.ruleSets[step.ruleSet].name(of: chain)
        return name.hasPrefix("KUBE-MARK-")
    }

    /// No rule of a nat table matched at all: the base chain lacks the jump.
    private func noRules(_ arrival: SourceArrival, _ what: String) -> Cause {
        let hook: Hook = arrival == .host ? .output : .prerouting
        return baseChain(hook, what)
    }

    private func baseChain(_ hook: Hook, _ what: String) -> Cause {
        var best: (ruleSet: Int, chain: ChainID, size: Int)?
        for (number, rules) in classes.ruleSets.enumerated() {
            for (id, chain) in rules.chains.enumerated() {
                guard let base = chain.base, base.hook == hook, base.type == .nat,
                    rules.tables[Int(chain.table.rawValue)].family.covers(family)
                else { continue }
                if best.map({ rules.rules.count > $0.size }) ?? true {
                    best = (number, ChainID(rawValue: UInt32(id)), rules.rules.count)
                }
            }
        }
        guard let best else {
            let source = classes.ruleSets.first.map { SourceLine($0.artifact, line: 0) }
            return Cause(
                .lacking, source: source ?? SourceLine(ArtifactID(rawValue: .max), line: 0), place: "nat \(hook)",
                text: what)
        }
        return lacking(best.chain, best.ruleSet, what)
    }

    /// The chain that chooses among a Service's endpoints.
    private func parent(
        _ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival, _ what: String
    ) -> Cause {
        if let server = steps.last(where: { $0.ruleSet < 0 }) { return lackingServer(server, what) }
        let own = stack(translationSteps(steps))
        guard own.count > 1 else { return untranslated(steps, entry, arrival).1 }
        let parent = own[own.count - 2]
        return lacking(parent.chainID, parent.ruleSet, what)
    }

    /// A chain that some of the packets come to, and come back from to the next endpoint's, since no rule is left in it that
    /// leads anywhere.
    private func emptyEndpoint(_ cell: Cell) -> ChainKey? {
        for end in cell.ends {
            for step in translationSteps(classes.steps(of: end.state)) where isOfService(step) && !isEmptyMark(step) {
                guard case .jump(let chain)? = rule(step)?.target, leadsNowhere(chain, step.ruleSet) else { continue }
                return ChainKey(ruleSet: step.ruleSet, chain: chain)
            }
        }
        return nil
    }

    /// Whether a chain that is not there to mark does no more than that.
    private func leadsNowhere(_ chain: ChainID, _ ruleSet: Int) -> Bool {
        guard !isMarkChain(chain, ruleSet) else { return false }
        let rules = classes.ruleSets[ruleSet]
        let entry = rules.chains[Int(chain.rawValue)]
        return rules.rules[Int(entry.firstRule)..<Int(entry.firstRule + entry.ruleCount)].allSatisfy {
            switch $0.target {
            case .mark, .none: true
            case .jump(let other): isMarkChain(other, ruleSet)
            default: false
            }
        }
    }

    private func lackingServer(_ step: ClassStep, _ what: String) -> Cause {
        var source = step.source
        if case .virtualServer(let number) = step.kind { source = classes.virtualServers[number].source }
        return Cause(.lacking, source: source, place: "ipvs", text: what)
    }

    /// What kube-proxy's own rules refuse without having sent it anywhere lacks its way to an endpoint; all else is the
    /// rule's own doing.
    private func refused(
        _ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival, hasEndpoint: Bool
    ) -> Cause {
        guard let last = steps.last else { return noRules(arrival, "the packet is lost") }
        guard !hasEndpoint, last.depth > 0, last.ruleSet >= 0, last.chain.hasPrefix("KUBE-") else { return cause(last) }
        if let taker = foreignTaker(steps) { return cause(taker) }
        guard !isIPVS else { return cause(last) }
        let what = "no rule leads \(entry.destination) to an endpoint"
        return lacking(openChain(translationSteps(steps)), what, arrival)
    }

    /// A foreign rule that ended the search for an endpoint.
    private func foreignTaker(_ steps: [ClassStep]) -> ClassStep? {
        guard let last = translationSteps(steps).last, !isOfService(last) else { return nil }
        switch rule(last)?.target {
        case .accept?, .return?: return isMarkChain(last) ? nil : last
        default: return nil
        }
    }

    private func weight(_ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival) -> Cause {
        if let server = steps.last(where: { $0.ruleSet < 0 }) { return cause(server) }
        let own = stack(translationSteps(steps))
        guard own.count > 1 else { return own.last.map(cause) ?? noRules(arrival, "nothing matches") }
        return cause(own[own.count - 2])
    }

    /// The rule by which a Service's chains take the packets: the first that leads out of the chain of all Services.
    func servingStep(_ steps: [ClassStep]) -> ClassStep? {
        let way = stack(translationSteps(steps))
        guard way.contains(where: isOfService) else { return nil }
        return way.first { $0.depth > 0 && $0.depth == (way.first { isOfService($0) }?.depth ?? 1) } ?? way.last
    }

    // MARK: - Masquerade

    private func setsMark(_ step: ClassStep) -> Bool {
        guard case .mark(let value, let mask)? = rule(step)?.target else { return false }
        return value & mask & masqueradeMark != 0
    }

    private func missingMasquerade(_ steps: [ClassStep], _ entry: ContractEntry, _ cell: Cell) -> Cause {
        if steps.contains(where: { $0.ruleSet < 0 }), let untracked { return untracked }
        let source = steps.filter { $0.hook == .postrouting && $0.ruleSet >= 0 }
        if steps.contains(where: { setsMark($0) && $0.hook != .postrouting }) { return unusedMark(source) }
        let own = translationSteps(steps)
        // A chain that should mark, and is empty.
        if let empty = own.last(where: isEmptyMark), case .jump(let chain)? = rule(empty)?.target {
            return lacking(chain, empty.ruleSet, "no rule sets the mark that asks for masquerade")
        }
        let way = stack(own.filter { $0.ruleSet >= 0 })
        let what = "no rule marks the packet for masquerade"
        guard let last = way.last else { return noRules(cell.arrival, what) }
        if case .translated(let wanted) = cell.outcome, wanted.masquerade == .onlyToItself {
            return lacking(last.chainID, last.ruleSet, what)
        }
        // Inside, the chain that chooses the endpoint marks; from outside, the one before it.
        let above = entry.destination.kind == .clusterIP ? 2 : 3
        let marking = way[max(min(1, way.count - 1), way.count - above)]
        return lacking(marking.chainID, marking.ruleSet, what)
    }

    /// Without it conntrack lets go of what IPVS has sent on, and no rule can change its source (`ip_vs_core.c`).
    private var untracked: Cause? {
        guard let setting = classes.sysctl("net.ipv4.vs.conntrack"), setting.value == "0" else { return nil }
        return Cause(.line, source: setting.source, place: "sysctl", text: "net.ipv4.vs.conntrack = 0")
    }

    /// Marked, and not masqueraded: the fault is in POSTROUTING.
    private func unusedMark(_ steps: [ClassStep]) -> Cause {
        let what = "no rule masquerades what is marked"
        guard let last = steps.last, let target = rule(last)?.target else { return baseChain(.postrouting, what) }
        switch target {
        case .jump(let chain), .goto(let chain): return lacking(chain, last.ruleSet, what)
        case .accept, .return, .nat: return cause(last)
        default: return lacking(last.chainID, last.ruleSet, what)
        }
    }

    private func extraMasquerade(_ steps: [ClassStep], _ entry: ContractEntry, _ arrival: SourceArrival) -> Cause {
        guard let mark = steps.firstIndex(where: { setsMark($0) && $0.hook != .postrouting }) else {
            return steps.last(where: { $0.hook == .postrouting }).map(cause) ?? noRules(arrival, "nothing matches")
        }
        // Marked in chains that did not send it anywhere: they should not have had it.
        if let marking = servingStep(Array(steps[...mark])), let sending = servingStep(steps), marking != sending {
            return cause(marking)
        }
        let way = stack(Array(steps[...mark]))
        return cause(way.count > 1 ? way[way.count - 2] : way[way.count - 1])
    }

    // MARK: - Refusals, affinity

    private func notRefused(
        _ kind: Difference.Kind, _ steps: [ClassStep], _ entry: ContractEntry, lackingAt hook: Hook
    ) -> (Difference.Kind, Cause) {
        let what = kind == .notDropped ? "no rule drops \(entry.destination)" : "no rule rejects \(entry.destination)"
        if let empty = emptyChain(steps) { return (kind, lacking(empty.chain, empty.ruleSet, what)) }
        if let step = untrackingStep(steps) { return (kind, cause(step)) }
        // A foreign mark takes packets past the rules that refuse.
        if let mark = steps.first(where: { setsMark($0) && !isOfService($0) && $0.hook != .postrouting }) {
            return (kind, cause(mark))
        }
        // Sent elsewhere, they do not come to those rules as what they were.
        if let last = translationSteps(steps).last, !isOfService(last), let target = rule(last)?.target {
            switch target {
            case .dnat4, .nat: return (.takenByForeignRule, cause(last))
            default: break
            }
        }
        if kind == .notDropped, let admitting = admittingStep(steps) { return (kind, cause(admitting)) }
        let own = steps.filter { $0.hook != .postrouting }
        guard let last = own.last, last.ruleSet >= 0 else { return (kind, noRefusal(hook, what)) }
        if case .policy = last.kind { return (kind, cause(last)) }
        switch rule(last)?.target {
        case .accept, .drop, .reject, .dnat4, .nat: return (kind, cause(last))
        default: break
        }
        // The chain that is there to refuse, if the packets come to it.
        let names =
            entry.destination.kind == .clusterIP
            ? ["KUBE-SERVICES"]
            : entry.destination.kind == .loadBalancer
                ? ["KUBE-PROXY-FIREWALL", "KUBE-EXTERNAL-SERVICES"] : ["KUBE-EXTERNAL-SERVICES"]
        for name in names {
            for step in own where step.table == "filter" {
                if case .jump(let chain)? = rule(step)?.target, classes.ruleSets[step.ruleSet].name(of: chain) == name {
                    return (kind, lacking(chain, step.ruleSet, what))
                }
            }
        }
        return (kind, noRefusal(hook, what))
    }

    /// The rule of a Service's own chains for outside that sent on what nothing was to send on.
    private func admittingStep(_ steps: [ClassStep]) -> ClassStep? {
        let way = stack(translationSteps(steps))
        guard let last = way.last, isOfService(last) else { return nil }
        switch rule(last)?.target {
        case .dnat4?, .nat?: break
        default: return nil
        }
        for prefix in ["KUBE-FW-", "KUBE-EXT-", "KUBE-XLB-"] {
            if let step = way.first(where: { $0.chain.hasPrefix(prefix) }) { return step }
        }
        return nil
    }

    /// The first chain on the way in which there is nothing.
    private func emptyChain(_ steps: [ClassStep]) -> ChainKey? {
        for step in steps where step.ruleSet >= 0 {
            switch rule(step)?.target {
            case .jump(let chain)?, .goto(let chain)?:
                if classes.ruleSets[step.ruleSet].chains[Int(chain.rawValue)].ruleCount == 0, isOfService(step) {
                    return ChainKey(ruleSet: step.ruleSet, chain: chain)
                }
            default: break
            }
        }
        return nil
    }

    private func noRefusal(_ hook: Hook, _ what: String) -> Cause {
        for (number, rules) in classes.ruleSets.enumerated() {
            for (id, chain) in rules.chains.enumerated() {
                guard let base = chain.base, base.hook == hook, base.type == .filter, base.priority == 0,
                    rules.tables[Int(chain.table.rawValue)].family.covers(family)
                else { continue }
                return lacking(ChainID(rawValue: UInt32(id)), number, what)
            }
        }
        return baseChain(.prerouting, what)
    }

    private func affinity(_ steps: [ClassStep], _ entry: ContractEntry, _ end: ClassEnd?) -> Cause {
        if let server = steps.last(where: { $0.ruleSet < 0 }) { return lackingServer(server, "persistence differs") }
        let way = stack(translationSteps(steps))
        guard way.count > 1, let last = way.last else {
            return way.last.map(cause) ?? noRules(.network, "nothing matches")
        }
        let chooser = way[way.count - 2]
        if chooser.text.contains("recent") { return cause(chooser) }
        if let end, classes.remembered(of: end.state).isEmpty {
            return lacking(last.chainID, last.ruleSet, "no rule remembers the client")
        }
        return lacking(chooser.chainID, chooser.ruleSet, "clients do not keep their endpoint as asked")
    }
}
