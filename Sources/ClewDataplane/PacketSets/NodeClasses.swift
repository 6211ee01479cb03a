package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// One node's data plane, to be asked about whole classes of packets.
package struct NodeClasses {
    private var walk: ClassWalk
    /// Whether rule sets of equal priority are registered, whose order no dump shows.
    package let hasAmbiguousOrder: Bool

    /// Rules tried for one class, after which the rest cannot be told.
    private static var allowance: Int { 2_000_000 }

    /// `nil`: the node was not collected.
    ///
    /// `isReversed`: rule sets of equal priority run in the opposite order.
    package init?(_ dataplane: Dataplane, node: String, family: AddressFamily, isReversed: Bool = false) {
        guard let host = dataplane.world.host(node) else { return nil }
        walk = ClassWalk(world: dataplane.world, namespace: host, family: family, isReversed: isReversed)
        hasAmbiguousOrder = host.hasAmbiguousOrder
    }

    package var sets: ValueSets {
        // Not a copy: sets are asked about all the time.
        _read { yield walk.interpreter.domain.sets }
        _modify { yield &walk.interpreter.domain.sets }
    }

    /// The addresses the node's routes call local; without routes those of its devices.
    package var localAddresses: [ValueRange] { walk.localAddresses }

    /// The addresses the node's routes call broadcast: nobody's packets come from there.
    package var broadcastAddresses: [ValueRange] { walk.broadcastAddresses }

    /// Walks a class through the node; its packets end in exactly one of the results for every choice and chance.
    ///
    /// The results refer to sets and paths that the next ``reset()`` forgets.
    package mutating func ends(of state: PacketClass, from origin: ClassOrigin) -> [ClassEnd] {
        walk.ends.removeAll(keepingCapacity: true)
        walk.interpreter.allowance = Self.allowance
        walk.start(state, from: origin)
        return walk.ends
    }

    /// Forgets the paths of earlier walks.
    package mutating func reset() { walk.reset() }

    // MARK: - What the results say

    /// Where the packets go, if it is one address and port.
    package func destination(of state: PacketClass) -> SocketAddress? {
        guard let address = sets.single(state.destination) else { return nil }
        let port = sets.single(state.destinationPort) ?? 0
        return SocketAddress(IPAddress(bits: address, walk.family), UInt16(truncatingIfNeeded: port))
    }

    package func choices(of state: PacketClass) -> [ClassChoice] { walk.interpreter.domain.choices(to: state.choice) }

    package func note(_ number: Int32) -> TraceNote? {
        number >= 0 && Int(number) < walk.interpreter.domain.walk.notes.count
            ? walk.interpreter.domain.walk.notes[Int(number)] : nil
    }

    /// The chance of a class's way, exactly.
    package func probability(of state: PacketClass) -> Fraction {
        walk.interpreter.domain.events(to: state.path).reduce(.one) { product, event in
            guard case .chance(let numerator, let denominator) = event else { return product }
            return product * Fraction(UInt64(numerator), UInt64(denominator))
        }
    }

    /// The rules that matched on a class's way, and the policy that ended it.
    package func steps(of state: PacketClass) -> [ClassStep] {
        var hook: Hook?
        var result: [ClassStep] = []
        for event in walk.interpreter.domain.events(to: state.path) {
            switch event {
            case .hook(let own): hook = own
            case .rule(let set, let rule, let chain, let depth):
                let rules = walk.namespace.rules[Int(set.rawValue)].ruleSet
                let entry = rules.rules[Int(rule.rawValue)]
                result.append(
                    ClassStep(
                        kind: .rule(rule), hook: hook, table: Self.table(chain, rules), chain: rules.name(of: chain),
                        chainID: chain, ruleSet: Int(set.rawValue), depth: Int(depth),
                        source: SourceLine(rules.artifact, line: entry.line), text: rules.string(entry.text),
                        comment: rules.string(entry.comment)))
            case .policy(let set, let chain, let accepts):
                let rules = walk.namespace.rules[Int(set.rawValue)].ruleSet
                let name = rules.name(of: chain)
                result.append(
                    ClassStep(
                        kind: .policy, hook: hook, table: Self.table(chain, rules), chain: name, chainID: chain,
                        ruleSet: Int(set.rawValue), depth: 0,
                        source: SourceLine(rules.artifact, line: rules.chains[Int(chain.rawValue)].line),
                        text: ":\(name) \(accepts ? "ACCEPT" : "DROP")", comment: ""))
            case .scheduled(let server, let real):
                guard let step = scheduled(Int(server), real, hook) else { continue }
                result.append(step)
            case .chance, .remembered: break
            }
        }
        return result
    }

    private static func table(_ chain: ChainID, _ rules: RuleSet) -> String {
        rules.tables[Int(rules.chains[Int(chain.rawValue)].table.rawValue)].name
    }

    private func scheduled(_ number: Int, _ real: UInt32, _ hook: Hook?) -> ClassStep? {
        let server = walk.virtualServers.servers[number]
        let target = Int(real) < server.realServers.count ? server.realServers[Int(real)] : nil
        return ClassStep(
            kind: .virtualServer(number), hook: hook, table: "ipvs", chain: "", chainID: ChainID(rawValue: .max),
            ruleSet: -1, depth: 0, source: target?.source ?? server.source,
            text: target.map { "-> \($0.address):\($0.port) weight \($0.weight)" }
                ?? (server.realServers.isEmpty ? "no real server" : "only real servers of weight 0"), comment: "")
    }

    /// The lists that remember the packets' source from now on.
    package func remembered(of state: PacketClass) -> [RememberedList] {
        walk.interpreter.domain.events(to: state.path).compactMap { event in
            guard case .remembered(let set, let list) = event else { return nil }
            return RememberedList(ruleSet: Int(set.rawValue), list: list)
        }
    }

    /// The virtual server that took the packets.
    package func virtualServer(of state: PacketClass) -> VirtualServer? {
        guard !walk.virtualServers.isEmpty else { return nil }
        for event in walk.interpreter.domain.events(to: state.path) {
            if case .scheduled(let server, _) = event { return walk.virtualServers.servers[Int(server)] }
        }
        return nil
    }

    /// Where a device of the node was read.
    package func source(ofLink name: String) -> SourceLine? { walk.namespace.links.first { $0.name == name }?.source }

    /// A kernel parameter of the node.
    package func sysctl(_ key: String) -> Sysctl? { walk.namespace.sysctl(key) }

    package var ruleSets: [RuleSet] { walk.namespace.rules.map(\.ruleSet) }
    package var virtualServers: [VirtualServer] { walk.virtualServers.servers }
}

/// A `recent` list, or an nft set that rules fill.
package struct RememberedList: Sendable, Hashable {
    package var ruleSet: Int
    package var list: NameID
}

extension ClassChoice {
    package var rememberedList: RememberedList { RememberedList(ruleSet: Int(ruleSet.rawValue), list: list) }
}

/// A rule that matched, a policy that applied, or a real server that IPVS chose.
package struct ClassStep: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case rule(RuleID)
        case policy
        /// By its place among the node's virtual servers.
        case virtualServer(Int)
    }

    package var kind: Kind
    package var hook: Hook?
    package var table: String
    package var chain: String
    package var chainID: ChainID
    /// Its place among the node's rule sets; -1 for IPVS.
    package var ruleSet: Int
    /// 0 in a base chain.
    package var depth: Int
    package var source: SourceLine
    package var text: String
    package var comment: String
}

extension Dataplane {
    /// Files of a node's host with lines that could not be read and may decide what becomes of packets.
    ///
    /// Kernel parameters are left out: rules and routes do not hang on them.
    package func undecidedFiles(of node: String, _ family: AddressFamily) -> [TraceNote] {
        UnreadFiles(snapshot).files(node: node, namespace: "host", family)
            .filter { $0.decides && !$0.path.contains("sysctl") }
            .map { TraceNote($0.text, node: node, source: $0.first.source) }
    }
}
