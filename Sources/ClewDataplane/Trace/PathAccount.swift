import ClewBundle
import ClewNet
import ClewSnapshot

/// The events of one branch as hops and steps.
///
/// Events are given to it in their order; where branches part, it is copied.
struct PathAccount {
    private(set) var hops: [Hop] = []
    private(set) var replyHops: [Hop] = []
    private(set) var translations: [Translation] = []

    private let world: World
    private var current: Hop?
    private var namespace: CompiledNamespace?
    private var hook: Hook?
    private var tuple: ConntrackTuple
    private var innerTuples: [ConntrackTuple] = []
    private var mark: UInt32 = 0
    private var hasTurned = false
    /// How many more steps are kept, and what came beyond: its last steps, and how many there were.
    private var left: Int
    private var beyond: [Step] = []
    private var beyondCount = 0
    private static var mostBeyond: Int { 8 }

    /// Of paths with more than `mostSteps` steps, the end of a hop is left out, but for its last steps.
    init(world: World, opening: ConntrackTuple, mostSteps: Int) {
        self.world = world
        tuple = opening
        left = mostSteps
    }

    /// Ends the last hop.
    mutating func close() {
        guard var hop = current else { return }
        if beyondCount > beyond.count {
            var gap = step(.device, "\(beyondCount - beyond.count) more steps here are not shown")
            gap.source = beyond.first?.source
            hop.steps.append(gap)
        }
        hop.steps += beyond
        beyond = []
        beyondCount = 0
        if hasTurned { replyHops.append(hop) } else { hops.append(hop) }
        current = nil
    }

    private mutating func open(_ namespace: CompiledNamespace?, node: String?, name: String, device: String?) {
        close()
        self.namespace = namespace
        hook = nil
        current = Hop(node: node, namespace: name, deviceIn: device, encapsulation: innerTuples.count)
    }

    private mutating func add(_ step: Step) {
        var step = step
        step.hook = hook
        if left > 0 {
            left -= 1
            current?.steps.append(step)
        } else {
            beyondCount += 1
            if beyond.count == Self.mostBeyond { beyond.removeFirst() }
            beyond.append(step)
        }
    }

    private func step(_ kind: Step.Kind, _ text: String, _ source: SourceLine? = nil) -> Step {
        var step = Step(kind: kind, text: text, mark: mark, tuple: tuple)
        step.source = source
        return step
    }

    mutating func take(_ event: PathEvent) {
        switch event {
        case .enter(let index, let link):
            let namespace = world[index]
            open(namespace, node: namespace.node, name: namespace.name, device: namespace.link(link)?.name)
        case .enterInferred(let name, let host):
            open(nil, node: world[host].node, name: name, device: nil)
        case .enterOutside: open(nil, node: nil, name: "outside", device: nil)
        case .hook(let hook): self.hook = hook
        case .matched(let set, let rule, let chain, let depth, let skipped, let mark):
            matched(set, rule, chain, Int(depth), Int(skipped), mark)
        case .marked(let mark):
            self.mark = mark
            if let last = current?.steps.indices.last { current?.steps[last].mark = mark }
        case .policy(let set, let chain, let accepts): policy(set, chain, accepts)
        case .translated(let kind, let before, let after): translated(kind, before, after)
        case .text(let kind, let text, let source):
            // What happens between hooks belongs to none.
            if kind == .route || kind == .socket || kind == .neighbor { hook = nil }
            add(step(kind, text, source))
        case .sent(let link): current?.deviceOut = namespace?.link(link)?.name
        case .encapsulated(let outer):
            add(step(.encapsulation, "wrapped: \(outer)"))
            innerTuples.append(tuple)
            tuple = outer
        case .decapsulated(let inner):
            tuple = inner
            if !innerTuples.isEmpty { innerTuples.removeLast() }
            add(step(.encapsulation, "unwrapped: \(inner)"))
        case .turned:
            close()
            hasTurned = true
            tuple = tuple.reversed
            mark = 0
        case .chance, .unknown, .assumed, .uncertain, .ended: break
        }
    }

    private mutating func matched(
        _ set: RuleSetIndex, _ rule: RuleID, _ chain: ChainID, _ depth: Int, _ skipped: Int, _ mark: UInt32
    ) {
        guard let namespace, Int(set.rawValue) < namespace.rules.count else { return }
        let rules = namespace.rules[Int(set.rawValue)].ruleSet
        let entry = rules.rules[Int(rule.rawValue)]
        let parent = rules.chains[Int(chain.rawValue)]
        self.mark = mark
        if case .mark(let value, let mask) = entry.target { self.mark = (mark & ~mask) ^ value }
        var step = step(.rule, rules.string(entry.text), SourceLine(rules.artifact, line: entry.line))
        step.table = rules.tables[Int(parent.table.rawValue)].name
        step.chain = rules.name(of: chain)
        step.rule = Int(rule.rawValue - parent.firstRule) + 1
        step.skipped = skipped
        step.depth = depth
        add(step)
    }

    private mutating func policy(_ set: RuleSetIndex, _ chain: ChainID, _ accepts: Bool) {
        guard let namespace, Int(set.rawValue) < namespace.rules.count else { return }
        let rules = namespace.rules[Int(set.rawValue)].ruleSet
        let entry = rules.chains[Int(chain.rawValue)]
        let name = rules.name(of: chain)
        var step = step(
            .policy, "policy \(accepts ? "ACCEPT" : "DROP")", SourceLine(rules.artifact, line: entry.line))
        step.table = rules.tables[Int(entry.table.rawValue)].name
        step.chain = name
        add(step)
    }

    private mutating func translated(_ kind: Translation.Kind, _ before: ConntrackTuple, _ after: ConntrackTuple) {
        tuple = after
        let ports = before.ipProtocol.hasPorts
        let isDestination = before.source == after.source && before.sourcePort == after.sourcePort
        func end(_ tuple: ConntrackTuple) -> SocketAddress {
            isDestination
                ? SocketAddress(tuple.destination, ports ? tuple.destinationPort : 0)
                : SocketAddress(tuple.source, ports ? tuple.sourcePort : 0)
        }
        let label = isDestination ? "destination" : "source"
        add(step(kind == .ipvs ? .ipvs : .nat, "\(label) \(end(before)) → \(end(after))"))
        guard !hasTurned else { return }
        translations.append(
            Translation(node: namespace?.node ?? "", hook: hook, kind: kind, before: end(before), after: end(after)))
    }
}

/// The accounts of several branches, made in one walk over the tree of their paths.
struct PathAccounts {
    private var accounts: [PathIndex: PathAccount] = [:]
    private let empty: PathAccount

    /// `beginning` is what all of them begin with.
    init(of leaves: [PathIndex], in arena: PathArena, beginning: PathAccount) {
        empty = beginning
        var children: [PathIndex: [PathIndex]] = [:]
        var known: Set<PathIndex> = [.root]
        for leaf in leaves {
            var index = leaf
            while known.insert(index).inserted {
                children[arena.parent(of: index), default: []].append(index)
                index = arena.parent(of: index)
            }
        }
        let wanted = Set(leaves)
        var pending: [(index: PathIndex, account: PathAccount)] = (children[.root] ?? []).map { ($0, beginning) }
        while var (index, account) = pending.popLast() {
            while true {
                account.take(arena[index])
                if wanted.contains(index) {
                    accounts[index] = account
                    accounts[index]?.close()
                }
                let next = children[index] ?? []
                guard let first = next.first else { break }
                for other in next.dropFirst() { pending.append((other, account)) }
                index = first
            }
        }
    }

    subscript(_ leaf: PathIndex) -> PathAccount { accounts[leaf] ?? empty }
}
