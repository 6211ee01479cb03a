import ClewBundle
import ClewNet
import ClewSnapshot

/// Walks one flow through the world, there and back, over every branch.
struct Tracer {
    let world: World
    let flow: Flow
    var interpreter: RuleInterpreter<PacketWalk>
    var ends: [WalkEnd] = []
    /// Rule sets of equal priority run in the opposite order.
    let isReversed: Bool
    /// Whether that order mattered anywhere.
    var metAmbiguousOrder = false

    /// Packets that IPVS gave to a local real server: they go on through the hook they were in.
    var scheduled: [(hook: Hook, state: WalkState)] = []

    /// Where packets of the walk have arrived, by which equal ones are found.
    var arrivals: [Arrival: (path: PathIndex, isDone: Bool)] = [:]
    var endPaths: [EndKey: PathIndex] = [:]
    /// The walk ends where the packet leaves the namespace it is in (``LocalWalk``); how it did so.
    let staysLocal: Bool
    var localEnds: [LocalEnd] = []
    /// What the walk began with, and the number of events it ends at.
    var left = WalkBounds()
    var lastEvent = 0
    /// Where packets that are not followed any further are joined.
    var cutPath: PathIndex?
    /// Frames carried by bridges in a row before it is called a loop.
    static var mostLayer2Steps: UInt8 { 24 }

    init?(world: World, flow: Flow, isReversed: Bool = false, staysLocal: Bool = false) {
        guard let first = world.anyNamespace else { return nil }
        self.world = world
        self.flow = flow
        self.isReversed = isReversed
        self.staysLocal = staysLocal
        interpreter = RuleInterpreter(domain: PacketWalk(world: world, namespace: first))
        interpreter.domain.usesRecordedConnections = flow.sourcePort != nil
    }

    // MARK: - Ends

    /// Records how a branch ended.
    mutating func end(
        _ state: WalkState, _ disposition: Disposition, _ reason: @autoclosure () -> String,
        place: EndPlace = .nowhere, source: SourceLine? = nil, text: @autoclosure () -> String? = nil,
        cause: LossCause = .other, refusal: Refusal? = nil
    ) {
        if staysLocal { return leaveWalk(state, disposition) }
        guard ends.count < left.ends else { return cut(state) }
        conclude(
            state, disposition, reason(), place: place, source: source, text: text(), cause: cause, refusal: refusal)
    }

    /// An end, or one more way to one that is known.
    mutating func conclude(
        _ state: WalkState, _ disposition: Disposition, _ reason: String, place: EndPlace, source: SourceLine?,
        text: String?, cause: LossCause = .other, refusal: Refusal? = nil
    ) {
        let decision = Decision(
            node: interpreter.domain.namespace.node, source: source, text: text ?? reason, cause: cause)
        if interpreter.domain.hasForked, interpreter.domain.joinsEqual {
            let key = EndKey(
                disposition: disposition, reason: reason, decision: decision, place: place,
                key: WalkKey(ended: state, of: world))
            if let known = endPaths[key] {
                interpreter.domain.arena.join(state.path, into: known)
                return
            }
            endPaths[key] = state.path
        }
        var state = state
        log(.ended, &state)
        ends.append(
            WalkEnd(
                state: state, disposition: disposition, reason: reason, decision: decision, place: place,
                refusal: refusal, namespace: interpreter.domain.namespace.index))
    }

    mutating func log(_ event: PathEvent, _ state: inout WalkState) { interpreter.domain.log(event, &state) }

    mutating func say(_ kind: Step.Kind, _ text: String, _ source: SourceLine? = nil, _ state: inout WalkState) {
        interpreter.domain.say(kind, text, source, &state)
    }

    mutating func keep(_ tuple: ConntrackTuple) -> TupleIndex { interpreter.domain.arena.keep(tuple) }

    mutating func assume(_ text: String, source: SourceLine? = nil, _ state: inout WalkState) {
        interpreter.domain.assume(text, source: source, &state)
    }

    mutating func doubt(_ text: String, source: SourceLine? = nil, _ state: inout WalkState) {
        interpreter.domain.doubt(text, source: source, &state)
    }

    func namespace(_ index: NamespaceIndex) -> CompiledNamespace { world[index] }

    mutating func move(to namespace: CompiledNamespace) { interpreter.domain.namespace = namespace }

    // MARK: - Hooks

    /// Sends a branch through a hook; those that do not pass it end here.
    mutating func traverse(_ hook: Hook, _ namespace: CompiledNamespace, _ state: WalkState) -> [WalkState] {
        let family = state.packet.family
        if namespace.hasAmbiguousOrder { metAmbiguousOrder = true }
        let entries = namespace.entries(hook, family, reversed: isReversed)
        guard namespace.state.virtualServers?.isEmpty == false, hook != .prerouting, hook != .postrouting else {
            return run(hook, entries, namespace, state)
        }
        let cut = namespace.virtualServerCut(hook, family)
        var result: [WalkState] = []
        for state in run(hook, Array(entries[..<cut]), namespace, state) {
            for state in balance(hook, namespace, state) {
                result += run(hook, Array(entries[cut...]), namespace, state, isContinued: true)
            }
        }
        move(to: namespace)
        return interpreter.domain.merged(result)
    }

    private mutating func run(
        _ hook: Hook, _ entries: [HookEntry], _ namespace: CompiledNamespace, _ state: WalkState,
        isContinued: Bool = false
    ) -> [WalkState] {
        move(to: namespace)
        var state = state
        if !isContinued { log(.hook(hook), &state) }
        var passed: [WalkState] = []
        for (state, verdict) in interpreter.traverse(hook, entries, state) {
            if state.isCut {
                cut(state)
                continue
            }
            switch verdict {
            case .accept: passed.append(state)
            case .drop where state.findsTableFull: endByFullTable(state, namespace)
            case .drop: endByRule(state, .dropped, "dropped", namespace)
            case .reject(let type):
                endByRule(
                    state, .rejected, "rejected with \(type.name(state.packet.family))", namespace,
                    Refusal(type, state.packet.family))
            case .unknown: endByDoubt(state, namespace)
            case .noWay where state.leavesAnotherWay:
                end(
                    state, .dropped,
                    "dropped on \(namespace.place): its connection was masqueraded for another device than \(namespace.link(state.packet.output)?.name ?? "this one")"
                )
            // The look-up says why, and ends the branch.
            case .noWay: _ = routeOutput(state, namespace, as: state.rerouted)
            }
        }
        return passed
    }

    /// `nf_conntrack: table full, dropping packet`.
    private mutating func endByFullTable(_ state: WalkState, _ namespace: CompiledNamespace) {
        let most = namespace.sysctl("net.netfilter.nf_conntrack_max")
        let count = namespace.sysctl("net.netfilter.nf_conntrack_count")
        end(
            state, .dropped,
            "the conntrack table of \(namespace.place) is full: it holds \(count?.value ?? "?") entries, and may hold \(most?.value ?? "?")",
            source: most?.source, text: "net.netfilter.nf_conntrack_max = \(most?.value ?? "?")", cause: .tableFull)
    }

    /// What could not be told is the last doubt of the path.
    private mutating func endByDoubt(_ state: WalkState, _ namespace: CompiledNamespace) {
        let last = interpreter.domain.arena.last(before: state.path) { event -> Int32? in
            if case .uncertain(let note) = event { note } else { nil }
        }
        guard let last else { return endByRule(state, .indeterminate, "not modelled", namespace) }
        let note = interpreter.domain.notes[Int(last)]
        end(state, .indeterminate, "on \(namespace.place), \(note.text)", source: note.source, text: note.text)
    }

    /// The rule or policy that decided is the last event of the path.
    private mutating func endByRule(
        _ state: WalkState, _ disposition: Disposition, _ word: String, _ namespace: CompiledNamespace,
        _ refusal: Refusal? = nil
    ) {
        let last = interpreter.domain.arena.last(before: state.path) { event -> PathEvent? in
            switch event {
            case .matched, .policy: event
            default: nil
            }
        }
        switch last {
        case .matched(let set, let rule, let chain, _, _, _)?:
            let rules = namespace.rules[Int(set.rawValue)].ruleSet
            let line = rules.rules[Int(rule.rawValue)]
            let table = rules.tables[Int(rules.chains[Int(chain.rawValue)].table.rawValue)].name
            end(
                state, disposition, "\(word) on \(namespace.place) in \(table) \(rules.name(of: chain))",
                source: SourceLine(rules.artifact, line: line.line), text: rules.string(line.text),
                cause: .rule(table: table, chain: rules.name(of: chain)), refusal: refusal)
        case .policy(let set, let chain, _)?:
            let rules = namespace.rules[Int(set.rawValue)].ruleSet
            let entry = rules.chains[Int(chain.rawValue)]
            let table = rules.tables[Int(entry.table.rawValue)].name
            let name = rules.name(of: chain)
            end(
                state, disposition, "\(word) on \(namespace.place) by the policy of \(table) \(name)",
                source: SourceLine(rules.artifact, line: entry.line), text: ":\(name) DROP (table \(table))",
                cause: .policy(table: table, chain: name))
        default: end(state, disposition, "\(word) on \(namespace.place)")
        }
    }
}

/// How one branch ended, one way.
struct WalkEnd {
    var state: WalkState
    var disposition: Disposition
    var reason: String
    var decision: Decision
    var place: EndPlace
    /// What the sender is told of a packet that is not delivered; `nil`: nothing.
    var refusal: Refusal?
    /// Where it ended.
    var namespace: NamespaceIndex
}

/// Where a packet has arrived.
enum EndPlace: Hashable {
    case nowhere
    case namespace(NamespaceIndex)
    case inferredPod(PodAttachment, IPAddress)
    /// Nobody in the cluster has the address.
    case outside
    /// Nobody at all: a ClusterIP that no rule has translated.
    case untranslated
    /// A node or pod that was not collected has it.
    case uncollected
}

extension CompiledNamespace {
    /// `worker-a`, or the pod's name.
    var place: String { isHost ? node : "pod \(name)" }
}
