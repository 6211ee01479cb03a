import ClewBundle
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// A destination that some rule, set or virtual server names.
struct DestinationKey: Hashable, Comparable {
    /// `nil`: every local address.
    var address: IPAddress?
    var ipProtocol: IPProtocol
    var port: UInt16

    static func < (a: Self, b: Self) -> Bool {
        let zero = IPAddress(v4: 0)
        return (a.address ?? zero, a.ipProtocol, a.port) < (b.address ?? zero, b.ipProtocol, b.port)
    }
}

/// Destinations that the data plane serves, and no Service asks for.
struct StaleEntries {
    let contract: ServiceContract

    /// Every destination that rules, ipsets, nft maps and virtual servers name literally and no entry asks for.
    func candidates(_ host: NamespaceSnapshot) -> [DestinationKey] {
        var keys = Set<DestinationKey>()
        for rules in host.ruleSets {
            for rule in rules.rules {
                guard rule.matchCount > 1, let key = key(of: rule, rules) else { continue }
                keys.insert(key)
            }
            for set in rules.nftSets {
                for element in set.elements { if let key = Self.key(of: element) { keys.insert(key) } }
            }
        }
        for server in host.virtualServers ?? [] {
            guard let address = server.address, server.firewallMark == nil else { continue }
            keys.insert(DestinationKey(address: address, ipProtocol: server.ipProtocol, port: server.port))
        }
        return keys.filter { key in
            if let address = key.address { return address.family == contract.family && !isAsked(key, at: address) }
            return !isNodePort(key)
        }.sorted()
    }

    private func key(of rule: Rule, _ rules: RuleSet) -> DestinationKey? {
        switch rule.target {
        case .jump, .goto, .dnat4, .nat, .reject, .drop: break
        default: return nil
        }
        var address: IPAddress?
        var ipProtocol: IPProtocol?
        var port: UInt16?
        for match in rules.matches(of: rule) where !match.isNegated {
            switch match.test {
            case .destination4(let value, let mask) where mask == .max: address = IPAddress(v4: value)
            case .destination(let pool):
                let masked = rules.maskedAddresses[Int(pool.rawValue)]
                if masked.prefixLength == masked.value.family.width { address = masked.value }
            case .ipProtocol(let number): ipProtocol = number
            case .destinationPort(let range) where range.first == range.last: port = range.first
            default: break
            }
        }
        guard let ipProtocol, let port else { return nil }
        return DestinationKey(address: address, ipProtocol: ipProtocol, port: port)
    }

    /// Of elements such as `10.96.0.1 . tcp . 443 : goto service-…`.
    private static func key(of element: NftElement) -> DestinationKey? {
        guard element.data != nil, element.key.allSatisfy({ $0.first == $0.last }) else { return nil }
        var address: IPAddress?
        var numbers: [UInt64] = []
        for value in element.key.map(\.first) {
            switch value {
            case .address(let own): address = own
            case .number(let number): numbers.append(number)
            case .name: return nil
            }
        }
        guard numbers.count == 2, element.key.count == (address == nil ? 2 : 3) else { return nil }
        return DestinationKey(
            address: address, ipProtocol: IPProtocol(rawValue: UInt8(truncatingIfNeeded: numbers[0])),
            port: UInt16(truncatingIfNeeded: numbers[1]))
    }

    private func isAsked(_ key: DestinationKey, at address: IPAddress) -> Bool {
        contract.entry(to: address, key.ipProtocol, port: key.port) != nil
    }

    /// Some local address takes the port.
    private func isNodePort(_ key: DestinationKey) -> Bool {
        contract.entries.contains {
            $0.destination.kind == .nodePort && $0.destination.port == key.port
                && $0.destination.ipProtocol == key.ipProtocol
        }
    }
}

extension NodeComparer {
    /// Looks for destinations that are served, and that no Service asks for.
    mutating func findStaleEntries(_ host: NamespaceSnapshot) {
        let keys = StaleEntries(contract: contract).candidates(host)
        let local = senders.local.subtracting(contract.network.loopback)
        for key in keys {
            let destinations = key.address.map { classes.sets.set($0.bits) } ?? classes.sets.set(local)
            let address = key.address.map { ContractDestination.Address.one($0) } ?? .anyLocal(except: .empty(family))
            let destination = ContractDestination(
                key.address == nil ? .nodePort : .clusterIP, address, key.ipProtocol, port: key.port)
            for start in starts(destinations) {
                let ends = walk(start, key.ipProtocol, port: key.port)
                guard recordStale(ends, start, destination) == false else { break }
            }
        }
    }

    /// Looks at all the addresses no Service port is at: none of kube-proxy's rules may serve them.
    ///
    /// Literal destinations are the affair of ``findStaleEntries(_:)``; this finds rules that ask for no address or for too
    /// many.
    mutating func findWideEntries(_ host: NamespaceSnapshot) {
        var taken = contract.network.localAddresses
        let asked = contract.entries.compactMap { entry -> IPAddress? in
            if case .one(let address) = entry.destination.address { address } else { nil }
        }
        let literal = StaleEntries(contract: contract).candidates(host).compactMap(\.address)
        taken = taken.union(AddressSet(asked + literal, family))
        let rest = classes.sets.subtracting(classes.sets.set(SenderSets.unicast(family)), classes.sets.set(taken))
        for ipProtocol in Set(contract.entries.map(\.destination.ipProtocol)).sorted() {
            for start in starts(rest) {
                for end in walk(start, ipProtocol, ports: ports) where end.state.isDestinationTranslated {
                    recordWide(end, start, ipProtocol)
                }
            }
        }
    }

    private mutating func recordWide(_ end: ClassEnd, _ start: Start, _ ipProtocol: IPProtocol) {
        guard end.state.doubt < 0, CellJudge(classes: classes).isUsual(end),
            let endpoint = classes.destination(of: end.state)
        else { return }
        learnServiceChains()
        let steps = classes.steps(of: end.state)
        guard let step = attribution.servingStep(steps),
            let address = classes.sets.first(end.state.originalDestination),
            let port = classes.sets.first(end.state.originalDestinationPort)
        else { return }
        let number = UInt16(truncatingIfNeeded: port)
        let service = owner(of: endpoint, ipProtocol, nodePort: number)
        let destination = ContractDestination(
            service.map { $0.isNodePort ? .nodePort : .clusterIP } ?? .clusterIP,
            .one(IPAddress(bits: address, family)), ipProtocol, port: number)
        let cause = attribution.cause(step)
        let isKnown = result.differences.contains {
            $0.kind == .wrongAddress && $0.cause == cause && $0.service == service?.name
        }
        if isKnown { return }
        // One packet: what becomes of it is certain.
        let single = Start(
            arrival: start.arrival, sources: end.state.originalSource,
            destinations: classes.sets.set(address))
        let ends = walk(single, ipProtocol, port: number)
        let cells = cells(single, single.sources, .untouched, ends, [])
        guard let cell = cells.first else { return }
        var difference = Difference(
            kind: .wrongAddress, service: service?.name, staleName: nil, destination: destination,
            arrival: start.arrival, senders: classes.sets.addresses(cell.sources, family), expected: .untouched,
            found: CellJudge(classes: classes).shares(cell.ends), endpoint: endpoint, cause: cause)
        difference.witness = witness(difference, cell)
        result.differences.append(difference)
    }

    /// The Service port an endpoint serves; that with the NodePort where several do.
    private func owner(
        of endpoint: SocketAddress, _ ipProtocol: IPProtocol, nodePort: UInt16
    ) -> (name: ServicePortName, isNodePort: Bool)? {
        let those = contract.ports.filter { port in
            port.name.ipProtocol == ipProtocol && port.endpoints.contains { $0.address == endpoint }
        }
        if let own = those.first(where: { $0.nodePort == nodePort }) { return (own.name, true) }
        return those.first.map { ($0.name, false) }
    }

    /// One difference is enough for a destination.
    private mutating func recordStale(
        _ ends: [ClassEnd], _ start: Start, _ destination: ContractDestination
    ) -> Bool {
        for end in ends where end.state.doubt < 0 && CellJudge(classes: classes).isUsual(end) {
            switch end.kind {
            case .delivered, .left, .noRoute: if !end.state.isDestinationTranslated { continue }
            case .dropped, .rejected: break
            case .unknown: continue
            }
            let steps = classes.steps(of: end.state)
            guard let (step, name) = staleStep(steps, end) else { continue }
            let outcome = ends.filter {
                classes.sets.intersects($0.state.originalSource, end.state.originalSource)
                    && classes.sets.intersects($0.state.originalSourcePort, end.state.originalSourcePort)
            }
            let found = CellJudge(classes: classes).shares(outcome)
            var difference = Difference(
                kind: .staleEntry, service: nil, staleName: name, destination: destination, arrival: start.arrival,
                senders: classes.sets.addresses(end.state.originalSource, family), expected: .untouched, found: found,
                endpoint: classes.destination(of: end.state), cause: attribution.cause(step))
            let cell = Cell(
                arrival: start.arrival, sources: end.state.originalSource, destinations: end.state.originalDestination,
                sourcePorts: end.state.originalSourcePort, outcome: .untouched, ends: outcome, isEndpoint: nil)
            difference.witness = witness(difference, cell)
            result.differences.append(difference)
            return true
        }
        return false
    }

    private static func isKubeProxys(_ step: ClassStep) -> Bool {
        step.chain.hasPrefix("KUBE-") || step.table == "kube-proxy"
    }

    /// The rule of kube-proxy's chains that names the destination, and the Service its comment names.
    private func staleStep(_ steps: [ClassStep], _ end: ClassEnd) -> (ClassStep, String?)? {
        if let server = steps.first(where: { $0.ruleSet < 0 }) { return (server, nil) }
        let isRefused = !end.state.isDestinationTranslated
        // What another tool translates has only passed kube-proxy's rules by: its published ports are its own.
        if !isRefused, let last = attribution.translationSteps(steps).last, !Self.isKubeProxys(last) { return nil }
        let own = steps.filter { step in
            guard Self.isKubeProxys(step) else { return false }
            return isRefused || step.hook == .prerouting || step.hook == .output
        }
        let chosen =
            isRefused
            ? own.last { $0 == steps.last } : own.first { $0.text.contains("--dport") || $0.text.contains("vmap") }
        return chosen.map { step in
            (step, step.comment.split(separator: " ").first.map(String.init).flatMap { $0.contains("/") ? $0 : nil })
        }
    }
}

extension CellJudge {
    /// What becomes of the usual ends, with exact chances.
    func shares(_ ends: [ClassEnd]) -> [FoundShare] {
        var result: [FoundShare] = []
        for end in ends where isUsual(end) {
            let own = outcome(end)
            let chance = classes.probability(of: end.state)
            if let index = result.firstIndex(where: { $0.outcome == own }) {
                result[index].probability = result[index].probability + chance
            } else {
                result.append(FoundShare(own, chance))
            }
        }
        return result
    }
}
