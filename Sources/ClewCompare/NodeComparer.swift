import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// Compares one node's data plane with its contract, in one family.
struct NodeComparer {
    let dataplane: Dataplane
    let contract: ServiceContract
    let node: String
    private let isReversed: Bool
    var classes: NodeClasses
    let senders: SenderSets
    let ports: SetID
    /// Addresses of Services, which IPVS mode puts on the node.
    let virtualAddresses: AddressSet
    /// Other nodes, what is taken for pods of the cluster, and what runs on the node beside pods: nobody who comes from
    /// outside.
    private let insiders: AddressSet
    var result = FamilyComparison()
    /// Chains that lead contract entries to what is asked for, by rule set: kube-proxy's own, whatever their names.
    var serviceChains: Set<ChainKey>?
    private var parts: [PartsKey: [(sources: SetID, arm: Int)]] = [:]
    private var direct: [DirectKey: Double] = [:]

    private struct PartsKey: Hashable {
        var conditions: [SourceCondition]
        var arrival: SourceArrival
        var base: SetID
    }

    private struct DirectKey: Hashable {
        var sources: SetID
        var sourcePorts: SetID
        var arrival: SourceArrival
        var endpoint: SocketAddress
        var ipProtocol: IPProtocol
    }

    init?(_ dataplane: Dataplane, contract: ServiceContract, node: String, isReversed: Bool = false) {
        guard
            var classes = NodeClasses(dataplane, node: node, family: contract.family, isReversed: isReversed)
        else { return nil }
        self.dataplane = dataplane
        self.contract = contract
        self.node = node
        self.isReversed = isReversed
        senders = SenderSets(contract.network, in: &classes)
        // Clients do not use the lowest ports, but nothing keeps them from it.
        ports = classes.sets.set(ValueRange(1, 65535))
        self.classes = classes
        var insiders = contract.network.otherPods.union(contract.network.otherNodes)
            .union(contract.network.attachedNetworks)
        if case .sources(let prefixes) = contract.parameters.localDetection {
            insiders = insiders.union(AddressSet(prefixes, contract.family))
        }
        self.insiders = insiders
        virtualAddresses = AddressSet(
            contract.entries.compactMap { entry in
                guard entry.destination.kind != .nodePort, case .one(let address) = entry.destination.address
                else { return nil }
                return address
            }, contract.family)
    }

    var family: AddressFamily { contract.family }

    /// Why both orders of rule sets are looked at.
    var orderNote: TraceNote {
        let files = classes.ruleSets.map(\.artifact).map(dataplane.snapshot.path)
        return TraceNote(
            "no dump says which of \(files.joined(separator: " and ")) comes first at equal priority", node: node,
            source: classes.ruleSets.last.map { SourceLine($0.artifact, line: 0) })
    }

    // MARK: - Entries

    /// Compares all that is asked for, and looks for what is not.
    mutating func compareAll(_ host: NamespaceSnapshot, findsStale: Bool) {
        compareAll()
        guard findsStale else { return }
        findStaleEntries(host)
        findWideEntries(host)
    }

    /// Entries that one processor compares in a row: a comparer of its own has to pay for itself.
    private static var entriesInARow: Int { 1_024 }

    private mutating func compareAll() {
        let count = contract.entries.count
        let parts = count / Self.entriesInARow
        guard parts > 1 else { return compare(contract.entries.indices) }
        let (dataplane, contract, node, isReversed) = (dataplane, contract, node, isReversed)
        // No entry's verdict hangs on another's: parts of the contract are compared side by side.
        let results = [FamilyComparison](concurrently: parts) { part in
            guard
                var own = NodeComparer(dataplane, contract: contract, node: node, isReversed: isReversed)
            else { return FamilyComparison() }
            own.compare(part * count / parts..<(part + 1) * count / parts)
            return own.result
        }
        for part in results { result.append(part) }
    }

    private mutating func compare(_ entries: Range<Int>) {
        for (number, index) in entries.enumerated() {
            compare(contract.entries[index])
            if number % 256 == 255 { classes.reset() }
        }
    }

    mutating func compare(_ entry: ContractEntry) {
        result.destinationCount += 1
        for start in starts(of: entry) { compare(entry, start) }
    }

    /// One way in, with all senders that can take it.
    struct Start {
        var arrival: SourceArrival
        var sources: SetID
        var destinations: SetID
        var origin: ClassOrigin { arrival == .host ? .host : .network }
    }

    private mutating func starts(of entry: ContractEntry) -> [Start] {
        switch entry.destination.address {
        case .one(let address):
            let destination = classes.sets.set(address.bits)
            if address.isLoopback {
                return [Start(arrival: .host, sources: senders.loopback, destinations: destination)]
            }
            return starts(destination, host: hostSenders(to: address, entry.destination.kind))
        case .anyLocal(let excluded):
            let local = senders.local
            let plain = classes.sets.set(local.subtracting(contract.network.loopback).subtracting(excluded))
            let loopback = classes.sets.set(local.intersection(contract.network.loopback).subtracting(excluded))
            var result = starts(plain)
            if !loopback.isEmpty {
                result.append(Start(arrival: .host, sources: senders.loopback, destinations: loopback))
            }
            return result
        }
    }

    /// The host takes an address of its own as source: with IPVS all Services' addresses are on the node, but only the
    /// one that is asked for is taken.
    private mutating func hostSenders(to address: IPAddress, _ kind: ContractDestination.Kind) -> SetID? {
        guard contract.parameters.mode == .ipvs else { return nil }
        let own = AddressSet(kind == .nodePort ? [] : [address], family)
        return classes.sets.set(
            senders.local.subtracting(virtualAddresses).subtracting(contract.network.loopback).union(own))
    }

    func starts(_ destinations: SetID, host: SetID? = nil) -> [Start] {
        [
            Start(arrival: .podDevice, sources: senders.pods, destinations: destinations),
            Start(arrival: .host, sources: host ?? senders.host, destinations: destinations),
            Start(arrival: .network, sources: senders.network, destinations: destinations),
        ].filter { !$0.sources.isEmpty && !$0.destinations.isEmpty }
    }

    private mutating func compare(_ entry: ContractEntry, _ start: Start) {
        let ends = walk(start, entry.destination.ipProtocol, port: entry.destination.port)
        for part in senderParts(entry, start) {
            let outcome = entry.arms[part.arm].outcome
            let own = ends.filter { classes.sets.intersects($0.state.originalSource, part.sources) }
            result.classCount += own.count
            if isInOrder(own, part.sources, outcome, entry.destination) { continue }
            judge(entry, start, part.sources, outcome, own)
        }
    }

    mutating func walk(_ start: Start, _ ipProtocol: IPProtocol, port: UInt16) -> [ClassEnd] {
        walk(start, ipProtocol, ports: classes.sets.set(UInt128(port)))
    }

    /// `from`: the source ports; without them all that there are.
    mutating func walk(
        _ start: Start, _ ipProtocol: IPProtocol, ports: SetID, from sourcePorts: SetID? = nil
    ) -> [ClassEnd] {
        let state = PacketClass(
            source: start.sources, destination: start.destinations, sourcePort: sourcePorts ?? self.ports,
            destinationPort: ports, ipProtocol: ipProtocol)
        return classes.ends(of: state, from: start.origin)
    }

    /// The senders of a start by the arm that decides for them.
    private mutating func senderParts(_ entry: ContractEntry, _ start: Start) -> [(sources: SetID, arm: Int)] {
        let key = PartsKey(conditions: entry.arms.map(\.condition), arrival: start.arrival, base: start.sources)
        if let known = parts[key] { return known }
        var rest = start.sources
        var result: [(sources: SetID, arm: Int)] = []
        for (number, arm) in entry.arms.enumerated() where !rest.isEmpty {
            let wanted = classes.sets.set(arm.condition.addresses(arrival: start.arrival, family))
            let halves = classes.sets.split(rest, by: wanted)
            if !halves.inside.isEmpty { result.append((halves.inside, number)) }
            rest = halves.outside
        }
        parts[key] = result
        return result
    }

    // MARK: - The usual case

    /// Whether all ends do what is asked of their part, seen without parting it further.
    ///
    /// Every end must have an equal share; the ends of one endpoint must not overlap. Then each packet has each endpoint
    /// exactly once, since its ways' chances sum up to one.
    private func isInOrder(
        _ ends: [ClassEnd], _ sources: SetID, _ outcome: ContractOutcome, _ destination: ContractDestination
    ) -> Bool {
        guard !ends.contains(where: { $0.state.choice >= 0 || $0.state.doubt >= 0 || $0.kind == .unknown }) else {
            return false
        }
        switch outcome {
        case .rejected:
            return ends.allSatisfy { if case .rejected = $0.kind { true } else { false } }
        case .dropped: return ends.allSatisfy { $0.kind == .dropped }
        case .untouched: return !ends.contains { $0.state.isDestinationTranslated }
        case .translated(let translation):
            return translation.affinitySeconds == nil && isTranslated(ends, sources, translation)
        }
    }

    private func isTranslated(_ ends: [ClassEnd], _ sources: SetID, _ wanted: ContractTranslation) -> Bool {
        let fair = 1 / Double(wanted.endpoints.count)
        for (number, end) in ends.enumerated() {
            guard end.kind == .left || end.kind == .delivered, end.state.isDestinationTranslated,
                abs(end.state.share - fair) < 1e-6, let endpoint = classes.destination(of: end.state),
                wanted.endpoints.contains(endpoint)
            else { return false }
            let holdsItself =
                classes.sets.contains(end.state.originalSource, endpoint.address.bits)
                && classes.sets.contains(sources, endpoint.address.bits)
                && wanted.isMasqueraded(from: endpoint.address, to: endpoint)
            if end.state.isMasqueraded {
                guard
                    wanted.masquerade == .always
                        || (holdsItself && classes.sets.single(end.state.originalSource) == endpoint.address.bits)
                else { return false }
            } else if wanted.masquerade == .always || holdsItself {
                return false
            }
            for other in ends[..<number]
            where other.state.destination == end.state.destination
                && other.state.destinationPort == end.state.destinationPort
            {
                if classes.sets.intersects(other.state.originalSource, end.state.originalSource)
                    && overlap(other, end, within: sources)
                {
                    return false
                }
            }
        }
        return true
    }

    /// Whether two ends share a packet whose sender is one of these.
    private func overlap(_ a: ClassEnd, _ b: ClassEnd, within sources: SetID) -> Bool {
        guard classes.sets.intersects(a.state.originalDestination, b.state.originalDestination),
            classes.sets.intersects(a.state.originalSourcePort, b.state.originalSourcePort)
        else { return false }
        var sets = ValueSets()
        let first = sets.set(union: Array(classes.sets.ranges(of: a.state.originalSource)))
        let second = sets.set(union: Array(classes.sets.ranges(of: b.state.originalSource)))
        let both = sets.intersection(first, second)
        let wanted = sets.set(union: Array(classes.sets.ranges(of: sources)))
        return sets.intersects(both, wanted)
    }

    // MARK: - The unusual case

    /// Parts the senders until each part goes the same ways, and judges every part.
    private mutating func judge(
        _ entry: ContractEntry, _ start: Start, _ sources: SetID, _ outcome: ContractOutcome, _ ends: [ClassEnd]
    ) {
        var endpoints: Set<IPAddress> = []
        if case .translated(let translation) = outcome { endpoints = Set(translation.endpoints.map(\.address)) }
        for cell in cells(start, sources, outcome, ends, endpoints) { judge(entry, cell) }
    }

    private mutating func judge(_ entry: ContractEntry, _ cell: Cell) {
        var verdict = judge().verdict(cell)
        if case .differs(let findings, let found) = verdict {
            let tolerated = findings.compactMap { finding -> SocketAddress? in
                guard finding.kind == .extraMasquerade, let endpoint = finding.endpoint,
                    isMasqueradedAnyway(endpoint, found, cell, entry.destination.ipProtocol)
                else { return nil }
                return endpoint
            }
            if !tolerated.isEmpty {
                verdict = judge(tolerating: Set(tolerated)).verdict(cell)
            }
        }
        // Where two Services claim one destination, either may be served.
        if case .differs = verdict, servesRival(entry, cell) { return }
        record(verdict, entry, cell)
    }

    func judge(tolerating endpoints: Set<SocketAddress> = []) -> CellJudge {
        CellJudge(
            classes: classes, masqueradedAnyway: endpoints,
            sparesEndpointsElsewhere: contract.parameters.mode == .nftables)
    }

    private mutating func servesRival(_ entry: ContractEntry, _ cell: Cell) -> Bool {
        guard !entry.rivals.isEmpty, let example = classes.sets.first(cell.sources) else { return false }
        let source = IPAddress(bits: example, family)
        let others = contract.entries.filter {
            entry.rivals.contains($0.service) && $0.destination.address == entry.destination.address
                && $0.destination.port == entry.destination.port
                && $0.destination.ipProtocol == entry.destination.ipProtocol
        }
        return others.contains { other in
            let outcome = other.outcome(from: source, arrival: cell.arrival)
            var isEndpoint = false
            if case .translated(let translation) = outcome, classes.sets.single(cell.sources) != nil {
                isEndpoint = translation.endpoints.contains { $0.address == source }
            }
            let own = Cell(
                arrival: cell.arrival, sources: cell.sources, destinations: cell.destinations,
                sourcePorts: cell.sourcePorts, outcome: outcome, ends: cell.ends,
                isEndpoint: isEndpoint ? source : nil)
            if case .inOrder = judge().verdict(own) { return true }
            return false
        }
    }

    /// Senders, and destinations where there are many, in parts that every end holds wholly or not at all.
    mutating func cells(
        _ start: Start, _ sources: SetID, _ outcome: ContractOutcome, _ ends: [ClassEnd], _ endpoints: Set<IPAddress>
    ) -> [Cell] {
        var cuts = ends.map(\.state.originalSource)
        cuts += endpoints.sorted().map { classes.sets.set($0.bits) }
        if start.arrival == .network { cuts.append(classes.sets.set(insiders)) }
        var result: [Cell] = []
        for part in refined(sources, by: cuts) {
            let own = ends.filter { classes.sets.intersects($0.state.originalSource, part) }
            let single = classes.sets.single(part).map { IPAddress(bits: $0, family) }
            let itself = single.flatMap { endpoints.contains($0) ? $0 : nil }
            for destinations in refined(start.destinations, by: own.map(\.state.originalDestination)) {
                let ends = own.filter { classes.sets.intersects($0.state.originalDestination, destinations) }
                for ports in refined(self.ports, by: ends.map(\.state.originalSourcePort)) {
                    result.append(
                        Cell(
                            arrival: start.arrival, sources: part, destinations: destinations,
                            sourcePorts: ports, outcome: outcome,
                            ends: ends.filter { classes.sets.intersects($0.state.originalSourcePort, ports) },
                            isEndpoint: itself))
                }
            }
        }
        return result
    }

    /// More parts than that are not told apart: the rest is judged as one, which finds no less.
    private static var mostParts: Int { 512 }

    private mutating func refined(_ set: SetID, by cuts: [SetID]) -> [SetID] {
        var parts = [set]
        for cut in Set(cuts).sorted(by: { $0.rawValue < $1.rawValue }) where parts.count < Self.mostParts {
            var next: [SetID] = []
            for part in parts {
                let halves = classes.sets.split(part, by: cut)
                if !halves.inside.isEmpty { next.append(halves.inside) }
                if !halves.outside.isEmpty { next.append(halves.outside) }
            }
            parts = next
        }
        return parts
    }

    /// Whether the node masquerades connections that go to an endpoint directly, without any Service, as often as those
    /// that come by it.
    ///
    /// From outside of the cluster only towards endpoints elsewhere, as network plugins do: endpoints of the node itself
    /// see the sources they are asked to see.
    private mutating func isMasqueradedAnyway(
        _ endpoint: SocketAddress, _ found: [(outcome: FoundOutcome, ends: [ClassEnd])], _ cell: Cell,
        _ ipProtocol: IPProtocol
    ) -> Bool {
        let isOwn =
            contract.network.ownPods.contains(endpoint.address)
            || contract.network.localAddresses.contains(endpoint.address)
        if cell.arrival == .network, isOwn {
            guard classes.sets.split(cell.sources, by: classes.sets.set(insiders)).outside.isEmpty else { return false }
        }
        func share(_ isMasqueraded: Bool) -> Double {
            let ends = found.first { $0.outcome == .translated(endpoint, isMasqueraded: isMasqueraded) }?.ends ?? []
            return ends.reduce(0) { $0 + $1.state.share }
        }
        let (masqueraded, plain) = (share(true), share(false))
        return directMasquerade(endpoint, cell, ipProtocol) > masqueraded / (masqueraded + plain) - 1e-6
    }

    /// With which chance, at least, a connection of a cell's senders to an endpoint itself is masqueraded.
    private mutating func directMasquerade(
        _ endpoint: SocketAddress, _ cell: Cell, _ ipProtocol: IPProtocol
    ) -> Double {
        let key = DirectKey(
            sources: cell.sources, sourcePorts: cell.sourcePorts, arrival: cell.arrival, endpoint: endpoint,
            ipProtocol: ipProtocol)
        if let known = direct[key] { return known }
        let start = Start(
            arrival: cell.arrival, sources: cell.sources, destinations: classes.sets.set(endpoint.address.bits))
        let ends = walk(
            start, ipProtocol, ports: classes.sets.set(UInt128(endpoint.port)), from: cell.sourcePorts)
        // No sender's other ways have more chances than those of all senders together.
        let others = ends.filter { !$0.state.isMasqueraded || $0.state.isDestinationTranslated }
        let answer = ends.isEmpty ? 0 : others.reduce(1) { $0 - $1.state.share }
        direct[key] = answer
        return answer
    }
}

/// A chain of one of a node's rule sets.
struct ChainKey: Hashable {
    var ruleSet: Int
    var chain: ChainID
}
