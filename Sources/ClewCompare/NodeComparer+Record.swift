import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// What the comparison of one family found.
struct FamilyComparison {
    var destinationCount = 0
    var classCount = 0
    var differences: [Difference] = []
    var undecided: [Undecided] = []
    /// For a later look: which difference or undecided entry a key stands for.
    var index: [FindingKey: Int] = [:]
    var undecidedIndex: [UndecidedKey: Int] = [:]

    /// Takes in what was found of other entries; what comes later has no part in it.
    mutating func append(_ other: FamilyComparison) {
        destinationCount += other.destinationCount
        classCount += other.classCount
        differences += other.differences
        undecided += other.undecided
    }
}

struct FindingKey: Hashable {
    var kind: Difference.Kind
    var destination: ContractDestination
    var service: ServicePortName?
    var arrival: SourceArrival
    var endpoint: SocketAddress?
    var cause: Cause
}

struct UndecidedKey: Hashable {
    var destination: ContractDestination
    var service: ServicePortName?
    var arrival: SourceArrival
    var note: Int32
}

extension NodeComparer {
    mutating func record(_ verdict: CellVerdict, _ entry: ContractEntry, _ cell: Cell) {
        switch verdict {
        case .inOrder: return
        case .undecided(let number): undecided(number, entry, cell)
        case .differs(let findings, let found):
            learnServiceChains()
            let shares = found.map { outcome, ends in
                FoundShare(outcome, ends.reduce(.zero) { $0 + classes.probability(of: $1.state) })
            }
            let isAllExtra = isAllExtra(findings, found, entry)
            let explained = findings.map { ($0, attribution.explain($0, entry, cell, isAllExtra: isAllExtra)) }
            for (finding, why) in culprits(explained) { record(finding, why, shares, entry, cell) }
        }
    }

    /// Whether everything goes to endpoints of other Services.
    private func isAllExtra(
        _ findings: [Finding], _ found: [(outcome: FoundOutcome, ends: [ClassEnd])], _ entry: ContractEntry
    ) -> Bool {
        let extra = findings.filter { $0.kind == .extraEndpoint }.compactMap(\.endpoint)
        guard !extra.isEmpty, extra.count >= found.count else { return false }
        return extra.allSatisfy { endpoint in
            contract.ports.contains { port in
                port.name != entry.service && port.endpoints.contains { $0.address == endpoint }
            }
        }
    }

    /// A wrong share takes from, or leaves to, all rules behind it: of wrong weights only the first line is to blame.
    private func culprits(
        _ explained: [(Finding, (kind: Difference.Kind, cause: Cause))]
    ) -> [(Finding, (kind: Difference.Kind, cause: Cause))] {
        let weights = explained.filter { $0.0.kind == .wrongWeight && $0.1.cause.place != "ipvs" }
        guard weights.count > 1, let first = weights.map(\.1.cause.source).min() else { return explained }
        return explained.filter { finding, why in
            finding.kind != .wrongWeight || why.cause.place == "ipvs" || why.cause.source == first
        }
    }

    private mutating func record(
        _ finding: Finding, _ why: (kind: Difference.Kind, cause: Cause), _ shares: [FoundShare],
        _ entry: ContractEntry, _ cell: Cell
    ) {
        let cause = why.cause
        let isElsewhere =
            cell.outcome == .untouched && why.kind == .extraEndpoint && entry.destination.kind == .nodePort
        let kind = isElsewhere ? .wrongAddress : why.kind
        let senders = classes.sets.addresses(cell.sources, family)
        let key = FindingKey(
            kind: kind, destination: entry.destination, service: entry.service, arrival: cell.arrival,
            endpoint: finding.endpoint, cause: cause)
        if let known = result.index[key] {
            result.differences[known].senders = result.differences[known].senders.union(senders)
            // A sender that exists shows it better than one that could.
            guard !knownSenders(result.differences[known], cell.arrival), let found = knownSender(senders, cell.arrival)
            else { return }
            result.differences[known].found = shares
            result.differences[known].expected = cell.outcome
            result.differences[known].witness = witness(result.differences[known], cell, sender: found)
            return
        }
        var difference = Difference(
            kind: kind, service: entry.service, destination: entry.destination, arrival: cell.arrival,
            senders: senders, expected: cell.outcome, found: shares, endpoint: finding.endpoint, cause: cause)
        difference.witness = witness(difference, cell)
        result.index[key] = result.differences.count
        result.differences.append(difference)
    }

    private mutating func undecided(_ number: Int32, _ entry: ContractEntry, _ cell: Cell) {
        let senders = classes.sets.addresses(cell.sources, family)
        let key = UndecidedKey(
            destination: entry.destination, service: entry.service, arrival: cell.arrival, note: number)
        if let known = result.undecidedIndex[key] {
            result.undecided[known].senders = result.undecided[known].senders.union(senders)
            return
        }
        result.undecidedIndex[key] = result.undecided.count
        result.undecided.append(
            Undecided(
                service: entry.service, destination: entry.destination, arrival: cell.arrival, senders: senders,
                note: classes.note(number) ?? TraceNote("cannot be told")))
    }

    var attribution: Attribution {
        Attribution(
            classes: classes, family: family, serviceChains: serviceChains ?? [],
            masqueradeMark: contract.parameters.masqueradeMark.rawValue, isIPVS: contract.parameters.mode == .ipvs,
            localAddresses: senders.local)
    }

    // MARK: - Which chains are kube-proxy's

    /// Looks which chains lead some entries to what is asked for: those serve Services, whatever they are called.
    mutating func learnServiceChains() {
        guard serviceChains == nil else { return }
        var chains = Set<ChainKey>()
        let stride = max(1, contract.entries.count / 40)
        for index in contract.entries.indices where index % stride == 0 {
            let entry = contract.entries[index]
            guard case .one(let address) = entry.destination.address else { continue }
            let asked = entry.arms.reduce(into: Set<SocketAddress>()) { result, arm in
                if case .translated(let translation) = arm.outcome { result.formUnion(translation.endpoints) }
            }
            for start in starts(classes.sets.set(address.bits)) {
                for end in walk(start, entry.destination.ipProtocol, port: entry.destination.port) {
                    guard end.state.isDestinationTranslated, let endpoint = classes.destination(of: end.state),
                        asked.contains(endpoint)
                    else { continue }
                    for step in classes.steps(of: end.state)
                    where step.depth > 0 && (step.hook == .prerouting || step.hook == .output) {
                        chains.insert(ChainKey(ruleSet: step.ruleSet, chain: step.chainID))
                    }
                }
            }
        }
        serviceChains = chains
    }

    // MARK: - Packets that show it

    /// Whether the difference is shown by a sender that exists.
    private func knownSenders(_ difference: Difference, _ arrival: SourceArrival) -> Bool {
        guard let flow = difference.witness?.flow else { return false }
        switch flow.origin {
        case .host: return true
        case .pod(_, let address, _): return contract.network.knownOwnPods.contains(address)
        case .outside(let address, _): return contract.network.knownOtherPods.contains(address)
        }
    }

    private func knownSender(_ senders: AddressSet, _ arrival: SourceArrival) -> IPAddress? {
        switch arrival {
        case .host: nil
        case .podDevice: contract.network.knownOwnPods.first(where: senders.contains)
        case .network: contract.network.knownOtherPods.first(where: senders.contains)
        }
    }

    mutating func witness(_ difference: Difference, _ cell: Cell, sender: IPAddress? = nil) -> Witness? {
        guard let destination = classes.sets.first(cell.destinations) else { return nil }
        let address = preferredDestination(cell) ?? IPAddress(bits: destination, family)
        guard let source = sender ?? example(of: difference.senders, cell.arrival) else { return nil }
        let port = difference.destination.port
        let ipProtocol = difference.destination.ipProtocol
        let origin: FlowOrigin
        var own: IPAddress?
        switch cell.arrival {
        case .host:
            origin = .host(node: node)
            own = source
        case .podDevice: origin = .pod(node: node, address: source, name: podName(source))
        case .network: origin = .outside(address: source, via: node)
        }
        let flow = Flow(
            origin: origin, source: own, sourcePort: sourcePort(cell), destination: address, destinationPort: port,
            ipProtocol: ipProtocol,
            fromText: source.description, toText: "\(SocketAddress(address, port))/\(ipProtocol)")
        return Witness(flow: flow, sender: podName(source)?.description ?? source.description, isConfirmed: false)
    }

    /// `nil` where the cell holds those that clients take anyway; the simulator then chooses one that is free.
    private func sourcePort(_ cell: Cell) -> UInt16? {
        guard !classes.sets.contains(cell.sourcePorts, 40_000) else { return nil }
        return classes.sets.ranges(of: cell.sourcePorts).last.map { UInt16(truncatingIfNeeded: $0.last) }
    }

    /// The node's own address rather than one of its bridges.
    private func preferredDestination(_ cell: Cell) -> IPAddress? {
        contract.network.nodeAddresses.first { classes.sets.contains(cell.destinations, $0.bits) }
    }

    private func podName(_ address: IPAddress) -> NamespacedName? {
        dataplane.snapshot.objects.pods.first { !$0.usesHostNetwork && !$0.hasEnded && $0.addresses.contains(address) }?
            .name
    }

    /// A sender that exists where there is one, else one that could.
    private func example(of senders: AddressSet, _ arrival: SourceArrival) -> IPAddress? {
        let network = contract.network
        let preferred: [IPAddress]
        switch arrival {
        case .host: preferred = network.nodeAddresses
        case .podDevice: preferred = network.knownOwnPods
        case .network: preferred = network.knownOtherPods + network.outside[family]
        }
        if let known = preferred.first(where: senders.contains) { return known }
        let few = senders.addresses(atMost: 12)
        return few.last { !$0.isZero } ?? few.first
    }
}
