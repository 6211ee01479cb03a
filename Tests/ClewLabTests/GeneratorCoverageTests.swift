import ClewBundle
import ClewLab
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

/// Random rule sets hold every match, target and type of set that the simulator models.
///
/// The lists are checked by the compiler: who adds a case to `MatchTest` or `Target` has to say here whether it is
/// generated.
@Suite struct GeneratorCoverageTests {
    /// What stands in the rule sets of 800 seeds.
    private struct Found {
        var matches = Set<MatchKind>()
        var negated = Set<MatchKind>()
        var targets = Set<TargetKind>()
        var setTypes = Set<String>()
        var refusals: Set<RejectType> = []
        var stateful: Set<StatefulMatch.Kind> = []
        var translations: Set<NATTarget.Kind> = []
        var unread: [String] = []

        mutating func take(_ state: NamespaceSnapshot) {
            for set in state.ruleSets {
                for match in set.matches {
                    matches.insert(MatchKind(match.test))
                    if match.isNegated { negated.insert(MatchKind(match.test)) }
                }
                for rule in set.rules {
                    targets.insert(TargetKind(rule.target))
                    if case .reject(let type) = rule.target { refusals.insert(type) }
                }
                stateful.formUnion(set.states.map(\.kind))
                translations.formUnion(set.natTargets.map(\.kind))
            }
            setTypes.formUnion(state.ipSets?.map(\.type) ?? [])
        }
    }

    private static func found(_ family: AddressFamily) -> Found {
        var found = Found()
        for number in 0..<800 {
            var generator = RuleSetGenerator(
                seed: FuzzCampaign.seed(1, number), family: family, backend: .legacy,
                chance: number % 2 == 0 ? .always : .open)
            let rules = generator.rules()
            let tool = family == .ipv4 ? "iptables" : "ip6tables"
            let artifacts = [
                Artifact(path: "nodes/n/\(tool)-legacy-save.txt", bytes: Array(rules.restoreText().utf8)),
                Artifact(path: "nodes/n/ipset-save.txt", bytes: Array(rules.setText.utf8)),
            ]
            let snapshot = ClusterSnapshot(parsing: SupportBundle(name: "case", artifacts: artifacts), nodeName: nil)
            for node in snapshot.nodes { found.take(node.host) }
            found.unread += snapshot.unread.map { "\($0)" }
        }
        return found
    }

    @Test(arguments: [AddressFamily.ipv4, .ipv6]) func everyModelledMatchAndTargetIsGenerated(family: AddressFamily) {
        let found = Self.found(family)
        #expect(found.unread == [])
        let matches = Set(MatchKind.allCases.filter { $0.isGenerated(family) })
        #expect(matches.subtracting(found.matches) == [])
        #expect(matches.filter(\.canBeNegated).subtracting(found.negated) == [])
        let targets = Set(TargetKind.allCases.filter { $0.isGenerated(family) })
        #expect(targets.subtracting(found.targets) == [])
        #expect(found.translations == [.destination, .source, .masquerade, .redirect, .netmap])
        #expect(found.stateful.isSuperset(of: [.recent, .limit, .hashlimit, .connlimit, .quota]))
        let refusals: Set<RejectType> =
            family == .ipv4
            ? [
                .netUnreachable, .hostUnreachable, .protocolUnreachable, .portUnreachable, .netProhibited,
                .hostProhibited, .adminProhibited, .tcpReset,
            ]
            : [
                .noRoute, .adminProhibited, .addressUnreachable, .portUnreachable, .policyFail, .rejectRoute, .tcpReset,
            ]
        #expect(refusals.subtracting(found.refusals) == [])
    }

    /// Debian's kernels and this lab's have no `hash:mac`, `hash:ip,mac`, `hash:net,net`, `hash:ip,mark` and
    /// `hash:net,port,net` in common; the others are all there.
    @Test func everyTypeOfSetIsGenerated() {
        let types = Self.found(.ipv4).setTypes
        let wanted: Set<String> = [
            "bitmap:ip", "bitmap:ip,mac", "bitmap:port", "hash:ip", "hash:net", "hash:ip,port", "hash:net,port",
            "hash:ip,port,ip", "hash:ip,port,net", "hash:net,iface", "list:set",
        ]
        #expect(wanted.subtracting(types) == [])
    }
}

private enum MatchKind: Hashable, CaseIterable {
    case source, destination, sourceRange, destinationRange, inputInterface, outputInterface, ipProtocol, family
    case sourcePort, destinationPort, multiport, tcpFlags, tcpOption, icmp, mark, connmark
    case conntrackState, conntrackStatus, conntrackProtocol, conntrackAddress, conntrackPort, conntrackDirection
    case addressType, set, random, nth, stateful, physicalDevice, ipvs, sourceMAC, length, packetType, reversePath
    case tcpMSS, timeToLive, dscp, tos, fragment, extensionHeader, always, unmodelled, nft

    init(_ test: MatchTest) {
        self =
            switch test {
            case .source4, .source: .source
            case .destination4, .destination: .destination
            case .sourceRange: .sourceRange
            case .destinationRange: .destinationRange
            case .inputInterface: .inputInterface
            case .outputInterface: .outputInterface
            case .ipProtocol: .ipProtocol
            case .family: .family
            case .sourcePort: .sourcePort
            case .destinationPort: .destinationPort
            case .multiport: .multiport
            case .tcpFlags: .tcpFlags
            case .tcpOption: .tcpOption
            case .icmp: .icmp
            case .mark: .mark
            case .connmark: .connmark
            case .conntrackState: .conntrackState
            case .conntrackStatus: .conntrackStatus
            case .conntrackProtocol: .conntrackProtocol
            case .conntrackAddress: .conntrackAddress
            case .conntrackPort: .conntrackPort
            case .conntrackDirection: .conntrackDirection
            case .addressType: .addressType
            case .set: .set
            case .random: .random
            case .nth: .nth
            case .stateful: .stateful
            case .physicalDevice: .physicalDevice
            case .ipvs: .ipvs
            case .sourceMAC: .sourceMAC
            case .length: .length
            case .packetType: .packetType
            case .reversePath: .reversePath
            case .tcpMSS: .tcpMSS
            case .timeToLive: .timeToLive
            case .dscp: .dscp
            case .tos: .tos
            case .fragment: .fragment
            case .extensionHeader: .extensionHeader
            case .always: .always
            case .unmodelled: .unmodelled
            case .nft: .nft
            }
    }

    func isGenerated(_ family: AddressFamily) -> Bool {
        switch self {
        // The rules of nftables itself; kernels with IPVS: `clew-lab vm`; what is not modelled.
        case .family, .nft, .ipvs, .unmodelled: false
        case .fragment: family == .ipv4
        case .extensionHeader: family == .ipv6
        default: true
        }
    }

    /// Those that say `!` in a value of their own, or cannot.
    var canBeNegated: Bool {
        switch self {
        case .family, .nft, .ipvs, .unmodelled, .addressType, .physicalDevice, .reversePath, .extensionHeader: false
        case .conntrackDirection, .always: false
        default: true
        }
    }
}

private enum TargetKind: Hashable, CaseIterable {
    case none, accept, drop, `return`, jump, goto, reject, mark, connmark, nat, notrack, conntrackAssign, tproxy
    case tcpMSS, timeToLive, tos, set, transparent, queue, unmodelled, verdictMap

    init(_ target: Target) {
        self =
            switch target {
            case .none: .none
            case .accept: .accept
            case .drop: .drop
            case .return: .return
            case .jump: .jump
            case .goto: .goto
            case .reject: .reject
            case .mark: .mark
            case .connmark: .connmark
            case .dnat4, .nat, .masquerade: .nat
            case .notrack: .notrack
            case .conntrackAssign: .conntrackAssign
            case .tproxy: .tproxy
            case .tcpMSS: .tcpMSS
            case .timeToLive: .timeToLive
            case .tos: .tos
            case .set: .set
            case .transparent: .transparent
            case .queue: .queue
            case .unmodelled: .unmodelled
            case .verdictMap: .verdictMap
            }
    }

    func isGenerated(_ family: AddressFamily) -> Bool {
        switch self {
        // Programs decide of these, so that Clew never claims to know; verdict maps are nftables' own.
        case .tproxy, .queue, .unmodelled, .verdictMap: false
        default: true
        }
    }
}
