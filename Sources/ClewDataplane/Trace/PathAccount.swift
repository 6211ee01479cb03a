import ClewBundle
import ClewNet
import ClewSnapshot

/// The events of one branch as hops and steps.
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

    init(world: World, opening: ConntrackTuple, events: [PathEvent]) {
        self.world = world
        tuple = opening
        for event in events { take(event) }
        close()
    }

    private mutating func close() {
        guard let hop = current else { return }
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
        current?.steps.append(step)
    }

    private func step(_ kind: Step.Kind, _ text: String, _ source: SourceLine? = nil) -> Step {
        var step = Step(kind: kind, text: text, mark: mark, tuple: tuple)
        step.source = source
        return step
    }

    private mutating func take(_ event: PathEvent) {
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
        case .chance, .unknown, .assumed, .uncertain: break
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
