import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot

/// Whether what was collected of a node shows what kube-proxy has written there, in one family.
///
/// Nothing collected is not nothing there: without the dump that would hold kube-proxy's rules nothing can be told.
struct CollectedRules {
    private let host: NamespaceSnapshot
    private let family: AddressFamily
    private let mode: ProxyMode

    init(_ node: NodeSnapshot, _ family: AddressFamily, _ mode: ProxyMode) {
        host = node.host
        self.family = family
        self.mode = mode
    }

    /// What lacks, in words; `nil` where the dumps are there.
    var lacking: String? {
        let own = host.ruleSets.filter { rules in rules.tables.contains { $0.family.covers(family) } }
        let save = family == .ipv4 ? "iptables-save" : "ip6tables-save"
        if mode == .ipvs, host.virtualServers == nil { return "ipvsadm-save was not collected" }
        // A list of all tables in which the family has none says that there are none.
        let isWholeList = host.ruleSets.contains { $0.backend == .native }
        if own.isEmpty, !isWholeList { return "no \(family == .ipv4 ? "IPv4" : "IPv6") rules were collected (\(save))" }
        if own.contains(where: isKubeProxys) { return nil }
        switch mode {
        case .nftables:
            return isWholeList ? nil : "the tables of nftables were not collected (nft list ruleset)"
        case .iptables, .ipvs:
            // Tables of iptables-legacy are in no list of nft.
            let hasSave = own.contains { $0.backend != .native }
            return hasSave ? nil : "\(save) was not collected, and none of the rules that were is kube-proxy's"
        }
    }

    private func isKubeProxys(_ rules: RuleSet) -> Bool {
        rules.chains.contains { chain in
            let table = rules.tables[Int(chain.table.rawValue)]
            guard table.family.covers(family) else { return false }
            return table.name == "kube-proxy" || rules.string(chain.name).hasPrefix("KUBE-SERVICES")
        }
    }
}

extension NodeComparer {
    /// Marks everything that is asked for as not known.
    static func undecided(_ contract: ServiceContract, because text: String, node: String) -> FamilyComparison {
        var result = FamilyComparison()
        for entry in contract.entries {
            result.destinationCount += 1
            for arrival in SourceArrival.allCases {
                result.undecided.append(
                    Undecided(
                        service: entry.service, destination: entry.destination, arrival: arrival,
                        senders: .all(contract.family), note: TraceNote(text, node: node)))
            }
        }
        return result
    }
}

extension FamilyComparison {
    /// What holds in both orders of rule sets whose order no dump shows; all else cannot be told.
    func agreeing(with other: FamilyComparison, note: TraceNote) -> FamilyComparison {
        var result = self
        let own = Set(differences.map(Self.key))
        let others = Set(other.differences.map(Self.key))
        result.differences = differences.filter { others.contains(Self.key($0)) }
        let open =
            differences.filter { !others.contains(Self.key($0)) }
            + other.differences.filter { !own.contains(Self.key($0)) }
        result.undecided += open.map { difference in
            Undecided(
                service: difference.service, destination: difference.destination, arrival: difference.arrival,
                senders: difference.senders, note: note)
        }
        let known = Set(undecided.map(Self.key))
        result.undecided += other.undecided.filter { !known.contains(Self.key($0)) }
        return result
    }

    private static func key(_ difference: Difference) -> DifferenceKey {
        DifferenceKey(
            kind: difference.kind, service: difference.service, destination: difference.destination,
            arrival: difference.arrival, endpoint: difference.endpoint)
    }

    private static func key(_ undecided: Undecided) -> UndecidedPlace {
        UndecidedPlace(
            service: undecided.service, destination: undecided.destination, arrival: undecided.arrival,
            note: undecided.note)
    }

    private struct DifferenceKey: Hashable {
        var kind: Difference.Kind
        var service: ServicePortName?
        var destination: ContractDestination
        var arrival: SourceArrival
        var endpoint: SocketAddress?
    }

    private struct UndecidedPlace: Hashable {
        var service: ServicePortName?
        var destination: ContractDestination
        var arrival: SourceArrival
        var note: TraceNote
    }
}
