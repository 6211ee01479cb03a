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

    mutating func take(_ event: PathEvent, of arena: PathArena) {
        switch event {
        case .enter(let index, let link):
            let namespace = world[index]
            open(namespace, node: namespace.node, name: namespace.name, device: namespace.link(link)?.name)
        case .enterInferred(let address, let host):
            open(nil, node: world[host].node, name: world.podName(arena[address].destination), device: nil)
        case .enterOutside: open(nil, node: nil, name: "outside", device: nil)
        case .hook(let hook): self.hook = hook
        case .matched(let set, let rule, let chain, let depth, let skipped, let mark):
            matched(set, rule, chain, Int(depth), Int(skipped), mark)
        case .marked(let mark):
            self.mark = mark
            if let last = current?.steps.indices.last { current?.steps[last].mark = mark }
        case .policy(let set, let chain, let accepts): policy(set, chain, accepts)
        case .translated(let kind, let before):
            translated(kind, arena[before], arena[TupleIndex(rawValue: before.rawValue + 1)])
        case .tracked(let result, let tuple): add(step(.conntrack, result.text(arena[tuple])))
        case .route(let number):
            hook = nil
            if let route = namespace?.router.routes[Int(number)] { add(step(.route, route.text, route.source)) }
        case .said(let number):
            let saying = arena.sayings[Int(number)]
            // What happens between hooks belongs to none.
            if saying.kind == .route || saying.kind == .socket || saying.kind == .neighbor { hook = nil }
            add(step(saying.kind, saying.text, saying.source))
        case .sent(let link): current?.deviceOut = namespace?.link(link)?.name
        case .encapsulated(let index):
            let outer = arena[index]
            add(step(.encapsulation, "wrapped: \(outer)"))
            innerTuples.append(tuple)
            tuple = outer
        case .decapsulated(let index):
            let inner = arena[index]
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

extension ConntrackResult {
    fileprivate func text(_ tuple: ConntrackTuple) -> String {
        switch self {
        case .new: "a new connection"
        case .invalid: "no connection is known that this answers: INVALID"
        case .known: "known as \(tuple)"
        case .answer: "the answer to \(tuple)"
        case .translatedAnswer: "the answer to \(tuple), translated back"
        }
    }
}

/// The accounts of several branches, made in one walk over the tree of their paths.
struct PathAccounts {
    /// In the order of the leaves.
    let accounts: [PathAccount]

    /// `beginning` is what all of them begin with.
    init(of leaves: [PathIndex], in arena: PathArena, beginning: PathAccount) {
        // By event, one more than its position, the tree of the paths: its first child, and its next sibling.
        var firstChild = [Int32](repeating: -1, count: arena.events.count + 1)
        var nextSibling = [Int32](repeating: -1, count: arena.events.count + 1)
        var isKnown = [Bool](repeating: false, count: arena.events.count + 1)
        var number = [Int32](repeating: -1, count: arena.events.count + 1)
        var doubles: [(leaf: Int, first: Int32)] = []
        for (leaf, path) in leaves.enumerated() {
            guard number[Int(path.rawValue) + 1] < 0 else {
                doubles.append((leaf, number[Int(path.rawValue) + 1]))
                continue
            }
            number[Int(path.rawValue) + 1] = Int32(truncatingIfNeeded: leaf)
            var index = path
            while index != .root, !isKnown[Int(index.rawValue) + 1] {
                isKnown[Int(index.rawValue) + 1] = true
                let parent = arena.parent(of: index)
                nextSibling[Int(index.rawValue) + 1] = firstChild[Int(parent.rawValue) + 1]
                firstChild[Int(parent.rawValue) + 1] = index.rawValue
                index = parent
            }
        }
        var accounts = [PathAccount](repeating: beginning, count: leaves.count)
        var pending: [(index: Int32, account: PathAccount)] = []
        func wait(from first: Int32, _ account: PathAccount) {
            var child = first
            while child >= 0 {
                pending.append((child, account))
                child = nextSibling[Int(child) + 1]
            }
        }
        wait(from: firstChild[0], beginning)
        while var (index, account) = pending.popLast() {
            while true {
                account.take(arena[PathIndex(rawValue: index)], of: arena)
                let leaf = Int(number[Int(index) + 1])
                if leaf >= 0 {
                    accounts[leaf] = account
                    accounts[leaf].close()
                }
                let next = firstChild[Int(index) + 1]
                guard next >= 0 else { break }
                wait(from: nextSibling[Int(next) + 1], account)
                index = next
            }
        }
        for double in doubles { accounts[double.leaf] = accounts[Int(double.first)] }
        self.accounts = accounts
    }
}
