import ClewNet
import ClewSnapshot

/// The index of a namespace in its world.
struct NamespaceIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: Int32
}

/// A link of a namespace, by its place in ``CompiledNamespace/links``.
struct LinkIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: Int32
    static let none = LinkIndex(rawValue: -1)
}

struct LinkReference: Sendable, Hashable, BitwiseCopyable {
    var namespace: NamespaceIndex
    var link: LinkIndex
}

/// One namespace's kernel state, ready to be walked.
///
/// A class for the reason ``CompiledRules`` is one: it is shared by every walk and never changes.
final class CompiledNamespace: Sendable {
    let index: NamespaceIndex
    let node: String
    /// `nil`: the node's host namespace.
    let pod: PodNamespaceSnapshot?
    let state: NamespaceSnapshot
    /// Collected links, and those that only routes or neighbours name.
    let links: [Link]
    let linkNames: [String: Int32]
    let router: Router
    let layerTwo: LayerTwo
    let rules: [CompiledRules]
    /// What is registered at each hook, by family and hook, rule sets of equal priority in the order of their dumps; and in the opposite order.
    let hooks: [[HookEntry]]
    let hooksReversed: [[HookEntry]]
    /// How many entries of a hook run before IPVS does, where the namespace has virtual servers.
    private let virtualServerCuts: [Int]
    /// Whether the order of base chains of equal priority matters and cannot be read from dumps.
    let hasAmbiguousOrder: Bool
    let ipSets: IPSetTable?
    /// What sysctls say of each link.
    let linkSettings: [LinkSettings]
    /// Whether any sysctl of that family was collected.
    let hasSettings4: Bool
    let hasSettings6: Bool
    /// Whether conntrack had as many entries as it may have when the namespace was collected.
    let isTableFull: Bool
    /// The bits of marks that matter here.
    let markMasks: MarkMasks

    init(index: NamespaceIndex, node: String, pod: PodNamespaceSnapshot?, state: NamespaceSnapshot) {
        self.index = index
        self.node = node
        self.pod = pod
        self.state = state
        links = Self.allLinks(state)
        var names: [String: Int32] = [:]
        for (number, link) in links.enumerated() where names[link.name] == nil { names[link.name] = Int32(number) }
        linkNames = names
        router = Self.router(state, links)
        layerTwo = LayerTwo(state, links)
        ipSets = state.ipSets.map(IPSetTable.init)
        markMasks = MarkMasks(state)
        linkSettings = links.map { LinkSettings(of: $0.name, state.sysctls) }
        hasSettings4 = state.sysctls.keys.contains { $0.hasPrefix("net.ipv4.") }
        hasSettings6 = state.sysctls.keys.contains { $0.hasPrefix("net.ipv6.") }
        func number(_ key: String) -> Int? {
            state.sysctls["net.netfilter.nf_conntrack_\(key)"].flatMap { Int($0.value) }
        }
        // A maximum of 0 is none.
        isTableFull = (number("max") ?? 0) > 0 && (number("count") ?? 0) >= (number("max") ?? Int.max)
        let linkTexts = links.map(\.name)
        let sets = ipSets
        let rules = state.ruleSets.enumerated().map { CompiledRules($1, number: $0, links: linkTexts, ipSets: sets) }
        self.rules = rules
        let tracking = AddressFamily.allCases.filter { Self.tracksConnections(state, rules, $0) }
        let (first, cuts, ambiguous) = Self.hooks(rules, tracking, reversed: false)
        hooks = first
        virtualServerCuts = cuts
        hooksReversed = ambiguous ? Self.hooks(rules, tracking, reversed: true).0 : first
        hasAmbiguousOrder = ambiguous
    }

    var name: String { pod.map { $0.pod?.description ?? $0.name } ?? "host" }
    var isHost: Bool { pod == nil }

    func link(_ index: LinkIndex) -> Link? {
        index.rawValue >= 0 && Int(index.rawValue) < links.count ? links[Int(index.rawValue)] : nil
    }

    func linkIndex(named name: String?) -> LinkIndex {
        LinkIndex(rawValue: name.flatMap { linkNames[$0] } ?? -1)
    }

    /// What of this host was not collected and decides packets, in words; `nil` where all was.
    func uncollected(_ family: AddressFamily) -> String? {
        var missing: [String] = []
        let hasRules = rules.contains { $0.ruleSet.tables.contains { $0.family.covers(family) } }
        // Where dumps failed the answer is unknown, and nothing is taken for granted.
        if !hasRules, !state.lostRules.contains(family) {
            missing.append(family == .ipv4 ? "no iptables rules" : "no ip6tables rules")
        }
        if router.isKnown(family), !state.ruleFamilies.contains(family) {
            missing.append("only the kernel's own policy rules")
        }
        if state.sysctls.isEmpty { missing.append("forwarding on, reverse path filter off") }
        if !state.lookedForBPF { missing.append("no tc or BPF programs") }
        if !state.lookedForEbtables { missing.append("no ebtables rules") }
        if !state.lookedForXfrm { missing.append("no xfrm policies") }
        return missing.isEmpty ? nil : missing.joined(separator: ", ")
    }

    func sysctl(_ key: String) -> Sysctl? { state.sysctls[key] }

    /// The entries of a hook, in the order they run.
    func entries(_ hook: Hook, _ family: AddressFamily, reversed: Bool) -> [HookEntry] {
        (reversed ? hooksReversed : hooks)[Self.slot(hook, family)]
    }

    /// The number of a hook's entries that run before IPVS (`ip_vs_core.c`: at LOCAL_OUT -98, at LOCAL_IN and FORWARD 99).
    func virtualServerCut(_ hook: Hook, _ family: AddressFamily) -> Int { virtualServerCuts[Self.slot(hook, family)] }

    private static func slot(_ hook: Hook, _ family: AddressFamily) -> Int {
        Int(hook.rawValue) + (family == .ipv4 ? 0 : 5)
    }

    // MARK: - Compiling

    private static func allLinks(_ state: NamespaceSnapshot) -> [Link] {
        var links = state.links ?? []
        var known = Set(links.map(\.name))
        func note(_ name: String?, _ source: @autoclosure () -> Link) {
            if let name, known.insert(name).inserted { links.append(source()) }
        }
        for route in state.routes ?? [] {
            for hop in route.nextHops {
                note(hop.device, Link(index: 0, name: hop.device ?? "", source: route.source))
            }
        }
        for neighbor in state.neighbors ?? [] {
            note(neighbor.device, Link(index: 0, name: neighbor.device, source: neighbor.source))
        }
        return links
    }

    /// Adds what the kernel derives from addresses where the `local` table was not shown.
    private static func router(_ state: NamespaceSnapshot, _ links: [Link]) -> Router {
        var derived: [Route] = []
        let collected = state.routes ?? []
        var known = state.routedFamilies
        for family in AddressFamily.allCases {
            let own = collected.filter { $0.destination.family == family }
            if own.contains(where: { $0.table == .local }) {
                known.insert(family)
                continue
            }
            for link in links {
                for address in link.addresses where address.address.family == family {
                    if !address.isTentative { derived.append(contentsOf: localRoutes(address, link)) }
                }
            }
            // Addresses without routes: the connected networks at least are certain.
            if own.isEmpty, state.routes == nil, links.contains(where: { !$0.addresses.isEmpty }) {
                continue
            }
            if !own.isEmpty { known.insert(family) }
        }
        return Router(state, localAddresses: derived, known: known)
    }

    private static func localRoutes(_ address: InterfaceAddress, _ link: Link) -> [Route] {
        let own = address.address.address
        let isLoopbackNetwork = own.family == .ipv4 && own.isLoopback
        let prefix = isLoopbackNetwork ? address.address.network : IPPrefix(host: own)
        var route = Route(
            destination: prefix, type: .local, table: .local, nextHops: [NextHop(device: link.name)],
            source: address.source, text: "local \(own) dev \(link.name)")
        route.preferredSource = own
        var routes = [route]
        if own.family == .ipv4, address.address.length < 31, !isLoopbackNetwork {
            routes.append(
                Route(
                    destination: IPPrefix(host: address.address.last), type: .broadcast, table: .local,
                    nextHops: [NextHop(device: link.name)], source: address.source,
                    text: "broadcast \(address.address.last) dev \(link.name)"))
        }
        return routes
    }

    /// Conntrack's hooks are registered when the first rule of a family needs them (`nf_ct_netns_get`).
    private static func tracksConnections(
        _ state: NamespaceSnapshot, _ rules: [CompiledRules], _ family: AddressFamily
    ) -> Bool {
        if state.virtualServers?.isEmpty == false || state.conntrack?.isEmpty == false { return true }
        return rules.contains { compiled in
            let set = compiled.ruleSet
            guard set.tables.contains(where: { $0.family.covers(family) }) else { return false }
            return set.rules.contains { $0.target.needsConntrack } || set.matches.contains { $0.test.needsConntrack }
                || set.states.contains { $0.kind == .connlimit || $0.kind == .other } || !set.nft.isEmpty
        }
    }

    private static func hooks(_ rules: [CompiledRules], _ tracking: [AddressFamily], reversed: Bool) -> (
        [[HookEntry]], [Int], Bool
    ) {
        var result: [[HookEntry]] = []
        var cuts: [Int] = []
        var ambiguous = false
        for family in AddressFamily.allCases {
            for hook in Hook.allCases {
                let (entries, cut, unclear) = entries(
                    rules, hook, family, tracks: tracking.contains(family), reversed: reversed)
                result.append(entries)
                cuts.append(cut)
                ambiguous = ambiguous || unclear
            }
        }
        return (result, cuts, ambiguous)
    }

    private static func entries(
        _ rules: [CompiledRules], _ hook: Hook, _ family: AddressFamily, tracks: Bool, reversed: Bool
    ) -> ([HookEntry], Int, Bool) {
        var filters: [(priority: Int32, order: Int, entry: HookEntry, effective: Bool)] = []
        var nats: [(priority: Int32, order: Int, rules: CompiledRules, chain: ChainID, effective: Bool)] = []
        for (order, compiled) in rules.enumerated() {
            for (number, chain) in compiled.ruleSet.chains.enumerated() {
                guard let base = chain.base, base.hook == hook else { continue }
                let table = compiled.ruleSet.tables[Int(chain.table.rawValue)]
                guard table.family.covers(family), !table.isDormant else { continue }
                let id = ChainID(rawValue: UInt32(number))
                let effective = chain.ruleCount > 0 || !base.policyAccepts
                if base.type == .nat {
                    nats.append((base.priority, order, compiled, id, effective))
                } else {
                    filters.append((base.priority, order, .chain(compiled, id), effective))
                }
            }
        }
        let sign = reversed ? -1 : 1
        filters.sort { ($0.priority, $0.order * sign) < ($1.priority, $1.order * sign) }
        nats.sort { ($0.priority, $0.order * sign) < ($1.priority, $1.order * sign) }
        var ambiguous = false
        for (a, b) in zip(filters, filters.dropFirst()) where a.effective && b.effective {
            if a.priority == b.priority, a.order != b.order { ambiguous = true }
        }
        for (a, b) in zip(nats, nats.dropFirst()) where a.effective && b.effective {
            if a.priority == b.priority, a.order != b.order { ambiguous = true }
        }
        // Priorities of conntrack and nat: linux/netfilter_ipv4.h.
        var all: [(Int32, HookEntry)] = filters.map { ($0.priority, $0.entry) }
        if tracks, hook == .prerouting || hook == .output { all.append((-200, .conntrack)) }
        let nat = HookEntry.nat(nats.map { ($0.rules, $0.chain) })
        switch hook {
        case .prerouting, .output: all.append((-100, nat))
        case .input, .postrouting: all.append((100, nat))
        case .forward: break
        }
        let order = all.enumerated().sorted { ($0.1.0, $0.0) < ($1.1.0, $1.0) }
        let cut = order.count { $0.1.0 < (hook == .output ? -98 : 99) }
        return (order.map(\.1.1), cut, ambiguous)
    }
}

extension Target {
    /// Whether checking the rule in takes a reference on conntrack.
    fileprivate var needsConntrack: Bool {
        switch self {
        case .dnat4, .nat, .masquerade, .conntrackAssign, .connmark, .unmodelled: true
        default: false
        }
    }
}

extension MatchTest {
    fileprivate var needsConntrack: Bool {
        switch self {
        case .connmark, .conntrackState, .conntrackStatus, .conntrackProtocol, .conntrackAddress, .conntrackPort,
            .conntrackDirection, .unmodelled:
            true
        default: false
        }
    }
}
