import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// Packets that the contract treats alike, and the ways they go, seen from one sender among them.
struct Cell {
    let arrival: SourceArrival
    let sources: SetID
    let destinations: SetID
    let sourcePorts: SetID
    let outcome: ContractOutcome
    /// Ends that hold all of the cell.
    let ends: [ClassEnd]
    /// Where the cell is one endpoint's own address.
    let isEndpoint: IPAddress?
}

/// What is wrong with a cell.
struct Finding {
    var kind: Difference.Kind
    var endpoint: SocketAddress?
    /// The end whose way shows it; `nil` where nothing leads there.
    var end: ClassEnd?
}

enum CellVerdict {
    case inOrder
    case differs([Finding], found: [(outcome: FoundOutcome, ends: [ClassEnd])])
    /// The note says on what it hangs.
    case undecided(Int32)
}

/// Holds what becomes of a cell's packets against what is asked for.
struct CellJudge {
    let classes: NodeClasses
    /// Endpoints to which the cell's connections are masqueraded as often without a Service as by one.
    var masqueradedAnyway: Set<SocketAddress> = []
    /// Whether an endpoint elsewhere that is sent to itself may keep its address.
    ///
    /// nftables mode has only the node's own endpoints in `hairpin-connections`: a pod of another node does not use this
    /// node's Services.
    var sparesEndpointsElsewhere = false

    private static let tolerance = 1e-6

    func verdict(_ cell: Cell) -> CellVerdict { verdict(cell, cell.ends) }

    /// Both ways of every unknown must come to the same.
    private func verdict(_ cell: Cell, _ ends: [ClassEnd]) -> CellVerdict {
        guard let fork = firstUnknown(ends) else { return judge(cell, ends) }
        let taken = verdict(cell, ends.filter { takes($0, fork.fork) ?? true })
        let other = verdict(cell, ends.filter { !(takes($0, fork.fork) ?? false) })
        switch (taken, other) {
        case (.inOrder, .inOrder): return .inOrder
        case (.differs(let findings, let found), .differs(let others, _)):
            return Set(findings.map(\.kind)).isDisjoint(with: Set(others.map(\.kind)))
                ? .undecided(fork.note) : .differs(findings, found: found)
        case (.undecided(let note), _), (_, .undecided(let note)): return .undecided(note)
        default: return .undecided(fork.note)
        }
    }

    /// The earliest unknown any of the ends hangs on.
    private func firstUnknown(_ ends: [ClassEnd]) -> ClassChoice? {
        var known: [Int32: Set<Bool>] = [:]
        var all: [Int32: ClassChoice] = [:]
        for end in ends {
            for choice in classes.choices(of: end.state) where choice.kind == .unknown {
                known[choice.fork, default: []].insert(choice.isTaken)
                all[choice.fork] = choice
            }
        }
        // A fork of which one side is left was settled before.
        return known.filter { $0.value.count == 2 }.keys.min().flatMap { all[$0] }
    }

    private func takes(_ end: ClassEnd, _ fork: Int32) -> Bool? {
        classes.choices(of: end.state).first { $0.fork == fork }?.isTaken
    }

    // MARK: - Without unknowns

    private func judge(_ cell: Cell, _ ends: [ClassEnd]) -> CellVerdict {
        let usual = ends.filter(isUsual)
        for end in usual {
            if end.state.doubt >= 0 { return .undecided(end.state.doubt) }
            if end.kind == .unknown { return .undecided(end.state.doubt) }
        }
        let found = distribution(usual)
        var findings: [Finding]
        switch cell.outcome {
        case .translated(let translation):
            findings = translated(translation, found, cell)
            if findings.isEmpty { findings = affinity(translation, ends, usual) }
        case .rejected: findings = refused(found, asDrop: false)
        case .dropped: findings = refused(found, asDrop: true)
        case .untouched: findings = untouched(found)
        }
        return findings.isEmpty ? .inOrder : .differs(findings, found: found)
    }

    /// The way of a new client within every limit.
    func isUsual(_ end: ClassEnd) -> Bool {
        guard end.state.choice >= 0 else { return true }
        return classes.choices(of: end.state).allSatisfy { choice in
            switch choice.kind {
            case .unknown: true
            case .limit: choice.isTaken
            case .recent: !choice.isTaken
            }
        }
    }

    func outcome(_ end: ClassEnd) -> FoundOutcome {
        let endpoint = end.state.isDestinationTranslated ? classes.destination(of: end.state) : nil
        switch end.kind {
        case .dropped: return .dropped(endpoint)
        case .rejected: return .rejected(endpoint)
        case .unknown: return .unknown
        case .delivered, .left, .noRoute:
            guard let endpoint else { return .untranslated }
            if end.kind == .noRoute { return .noRoute(endpoint) }
            return .translated(endpoint, isMasqueraded: end.state.isMasqueraded)
        }
    }

    private func distribution(_ ends: [ClassEnd]) -> [(outcome: FoundOutcome, ends: [ClassEnd])] {
        var result: [(outcome: FoundOutcome, ends: [ClassEnd])] = []
        for end in ends {
            let own = outcome(end)
            if let index = result.firstIndex(where: { $0.outcome == own }) {
                result[index].ends.append(end)
            } else {
                result.append((own, [end]))
            }
        }
        return result
    }

    private func share(_ ends: [ClassEnd]) -> Double { ends.reduce(0) { $0 + $1.state.share } }

    // MARK: - By what is asked for

    private func translated(
        _ wanted: ContractTranslation, _ found: [(outcome: FoundOutcome, ends: [ClassEnd])], _ cell: Cell
    ) -> [Finding] {
        var findings: [Finding] = []
        var shares: [SocketAddress: Double] = [:]
        let asked = Set(wanted.endpoints)
        for (outcome, ends) in found {
            switch outcome {
            case .translated(let endpoint, let isMasqueraded):
                shares[endpoint, default: 0] += share(ends)
                guard asked.contains(endpoint) else {
                    findings.append(Finding(kind: .extraEndpoint, endpoint: endpoint, end: ends.first))
                    continue
                }
                let isAsked =
                    wanted.masquerade == .always
                    || cell.isEndpoint.map { wanted.isMasqueraded(from: $0, to: endpoint) } ?? false
                // What comes in by a device and ends on the node never meets POSTROUTING, where sources are changed.
                let endsHere = cell.arrival != .host && ends.allSatisfy { $0.kind == .delivered }
                let isSpared =
                    endsHere
                    || (sparesEndpointsElsewhere && cell.arrival == .network && wanted.masquerade == .onlyToItself)
                if isAsked, !isMasqueraded, !isSpared {
                    findings.append(Finding(kind: .missingMasquerade, endpoint: endpoint, end: ends.first))
                } else if !isAsked, isMasqueraded, !masqueradedAnyway.contains(endpoint) {
                    findings.append(Finding(kind: .extraMasquerade, endpoint: endpoint, end: ends.first))
                }
            case .noRoute(let endpoint):
                shares[endpoint, default: 0] += share(ends)
                if !asked.contains(endpoint) {
                    findings.append(Finding(kind: .extraEndpoint, endpoint: endpoint, end: ends.first))
                }
            case .dropped(let endpoint):
                if let endpoint { shares[endpoint, default: 0] += share(ends) }
                findings.append(Finding(kind: .notAskedDrop, endpoint: endpoint, end: ends.first))
            case .rejected(let endpoint):
                if let endpoint { shares[endpoint, default: 0] += share(ends) }
                findings.append(Finding(kind: .notAskedReject, endpoint: endpoint, end: ends.first))
            case .untranslated, .unknown: break
            }
        }
        let plain = found.first { $0.outcome == .untranslated }
        if let plain, shares.isEmpty, findings.isEmpty {
            return [Finding(kind: .missingEntry, endpoint: nil, end: plain.ends.first)]
        }
        if findings.contains(where: { ($0.kind == .notAskedDrop || $0.kind == .notAskedReject) && $0.endpoint == nil })
        {
            return findings
        }
        let missing = wanted.endpoints.filter { shares[$0] == nil }
        findings += missing.map { endpoint in
            Finding(kind: .missingEndpoint, endpoint: endpoint, end: (plain ?? found.first)?.ends.first)
        }
        if missing.isEmpty, plain != nil || !findings.contains(where: { $0.kind == .extraEndpoint }) {
            findings += weights(wanted, found, shares)
        }
        return findings
    }

    private func weights(
        _ wanted: ContractTranslation, _ found: [(outcome: FoundOutcome, ends: [ClassEnd])],
        _ shares: [SocketAddress: Double]
    ) -> [Finding] {
        let fair = 1 / Double(wanted.endpoints.count)
        var wrong = Set(wanted.endpoints.filter { abs((shares[$0] ?? 0) - fair) > Self.tolerance })
        if let first = found.first?.ends.first, classes.virtualServer(of: first.state) != nil, !wrong.isEmpty {
            wrong = outliers(wanted.endpoints, shares)
        }
        var seen = Set<SocketAddress>()
        return found.compactMap { outcome, ends in
            guard case .translated(let endpoint, _) = outcome, wrong.contains(endpoint), seen.insert(endpoint).inserted
            else { return nil }
            return Finding(kind: .wrongWeight, endpoint: endpoint, end: ends.first)
        }
    }

    /// Weights of real servers stand for themselves: those that are not the usual one are wrong.
    private func outliers(_ endpoints: [SocketAddress], _ shares: [SocketAddress: Double]) -> Set<SocketAddress> {
        let counts = Dictionary(grouping: endpoints) { Int(((shares[$0] ?? 0) * 1e6).rounded()) }
        let usual = counts.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.key
        return Set(counts.filter { $0.key != usual }.flatMap(\.value))
    }

    private func refused(_ found: [(outcome: FoundOutcome, ends: [ClassEnd])], asDrop: Bool) -> [Finding] {
        found.compactMap { outcome, ends in
            switch outcome {
            case .dropped where asDrop, .rejected where !asDrop: return nil
            case .translated(let endpoint, _) where !asDrop, .noRoute(let endpoint) where !asDrop:
                return Finding(kind: .extraEndpoint, endpoint: endpoint, end: ends.first)
            default: return Finding(kind: asDrop ? .notDropped : .notRejected, endpoint: nil, end: ends.first)
            }
        }
    }

    private func untouched(_ found: [(outcome: FoundOutcome, ends: [ClassEnd])]) -> [Finding] {
        found.compactMap { outcome, ends in
            switch outcome {
            case .translated(let endpoint, _), .noRoute(let endpoint):
                return Finding(kind: .extraEndpoint, endpoint: endpoint, end: ends.first)
            case .untranslated, .dropped, .rejected, .unknown: return nil
            }
        }
    }

    // MARK: - Affinity

    /// A client that was sent to an endpoint must be sent there again.
    private func affinity(_ wanted: ContractTranslation, _ ends: [ClassEnd], _ usual: [ClassEnd]) -> [Finding] {
        if let persistence = persistence(usual) {
            guard persistence != wanted.affinitySeconds else { return [] }
            return [Finding(kind: .affinity, endpoint: nil, end: usual.first)]
        }
        let asksLists = ends.count != usual.count && ends.contains { !isFresh($0) }
        guard wanted.affinitySeconds != nil || asksLists else { return [] }
        for end in usual {
            let lists = Set(classes.remembered(of: end.state))
            let next = ends.filter { agrees($0, with: lists) }
            let own = classes.destination(of: end.state)
            let stays = !next.isEmpty && next.allSatisfy { classes.destination(of: $0.state) == own }
            if let seconds = wanted.affinitySeconds {
                // With one endpoint there is nothing to keep to.
                let keeps = stays && (wanted.endpoints.count == 1 || next.contains { !isFresh($0) })
                guard keeps, next.allSatisfy({ keepsFor($0, seconds) }) else {
                    return [Finding(kind: .affinity, endpoint: own, end: next.first { !isFresh($0) } ?? end)]
                }
            } else if wanted.endpoints.count > 1, next.contains(where: { !isFresh($0) }) {
                return [Finding(kind: .affinity, endpoint: own, end: next.first { !isFresh($0) } ?? end)]
            }
        }
        return []
    }

    private func isFresh(_ end: ClassEnd) -> Bool {
        !classes.choices(of: end.state).contains { $0.kind == .recent && $0.isTaken }
    }

    /// Whether a way is the one of a client that is on exactly these lists.
    private func agrees(_ end: ClassEnd, with lists: Set<RememberedList>) -> Bool {
        classes.choices(of: end.state).allSatisfy { choice in
            switch choice.kind {
            case .recent: choice.isTaken == lists.contains(choice.rememberedList)
            case .limit: choice.isTaken
            case .unknown: true
            }
        }
    }

    /// nft sets have their timeout in themselves, which is not read.
    private func keepsFor(_ end: ClassEnd, _ seconds: UInt32) -> Bool {
        classes.choices(of: end.state).allSatisfy { choice in
            choice.kind != .recent || !choice.isTaken || choice.list.rawValue >= 0x8000_0000
                || choice.seconds == seconds
        }
    }

    /// Of the virtual server that took the packets; `nil`: none did.
    private func persistence(_ usual: [ClassEnd]) -> UInt32?? {
        for end in usual {
            if let server = classes.virtualServer(of: end.state) { return .some(server.persistence) }
        }
        return nil
    }
}
