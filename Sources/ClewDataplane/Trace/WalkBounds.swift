import ClewBundle
import ClewSnapshot

/// How much of a flow is followed.
///
/// Whatever a bundle holds, a walk ends soon: what lies beyond is one end that cannot be told, with the chance that is left.
/// Each direction has bounds of its own, all branches of it together.
struct WalkBounds: Sendable {
    /// The interpreter's allowance for rules, over all branches.
    var rules = 500_000
    /// Events on all paths.
    var events = 100_000
    /// Ends told apart.
    var ends = 2_000

    /// What a note says of them.
    static let text =
        "there are more ways from here on than are followed: one trace tries at most \(WalkBounds().rules) rules in one direction, fewer where many match, and tells \(WalkBounds().ends) ends apart"
}

extension Tracer {
    // MARK: - Bounds

    /// Whether nothing more may be followed in this direction.
    var isSpent: Bool {
        interpreter.allowance <= 0 || interpreter.domain.arena.events.count >= lastEvent || ends.count >= left.ends
    }

    /// Follows one packet from where it is sent, within what is left of the bounds of its direction.
    ///
    /// Its ends are ``ends``.
    mutating func walk<Result>(within bounds: inout WalkBounds, _ send: (inout Tracer) -> Result) -> Result {
        ends.removeAll(keepingCapacity: true)
        arrivals.removeAll(keepingCapacity: true)
        endPaths.removeAll(keepingCapacity: true)
        cutPath = nil
        left = bounds
        interpreter.allowance = bounds.rules
        interpreter.mostResults = bounds.ends
        interpreter.domain.beginWalk()
        let first = interpreter.domain.arena.events.count
        lastEvent = first + bounds.events
        let result = send(&self)
        bounds.rules = max(0, interpreter.allowance)
        bounds.events = max(0, lastEvent - interpreter.domain.arena.events.count)
        bounds.ends = max(0, bounds.ends - ends.count)
        return result
    }

    /// A packet that is not followed any further; all of them have one end.
    mutating func cut(_ state: WalkState) {
        if staysLocal { return leaveWalk(state, .indeterminate) }
        if let cutPath {
            interpreter.domain.arena.join(state.path, into: cutPath)
            return
        }
        var state = state
        state.isCut = true
        let source = interpreter.domain.cutSource ?? lastRule(of: state)
        doubt(WalkBounds.text, source: source, &state)
        cutPath = state.path
        conclude(
            state, .indeterminate, "there are more ways than are followed", place: .nowhere, source: source,
            text: WalkBounds.text)
    }

    /// The line of the last rule that a packet met.
    private func lastRule(of state: WalkState) -> SourceLine? {
        var rule: (set: RuleSetIndex, id: RuleID)?
        let namespace = interpreter.domain.arena.last(before: state.path) { event -> NamespaceIndex? in
            switch event {
            case .matched(let set, let id, _, _, _, _):
                rule = rule ?? (set, id)
                return nil
            case .enter(let namespace, _): return rule == nil ? nil : namespace
            default: return nil
            }
        }
        guard let rule, let namespace, Int(rule.set.rawValue) < world[namespace].rules.count else { return nil }
        let rules = world[namespace].rules[Int(rule.set.rawValue)].ruleSet
        return SourceLine(rules.artifact, line: rules.rules[Int(rule.id.rawValue)].line)
    }

    // MARK: - Equal packets

    /// Begins to follow a packet from where it arrives, unless an equal one has been there.
    ///
    /// False: what became of that one becomes of this one.
    mutating func begins(_ point: Arrival.Point, _ namespace: CompiledNamespace, _ state: WalkState) -> Arrival?? {
        guard interpreter.domain.hasForked, interpreter.domain.joinsEqual else { return .some(nil) }
        let arrival = Arrival(
            point: point, namespace: namespace.index, key: WalkKey(state, in: namespace, of: world))
        guard let known = arrivals[arrival] else {
            arrivals[arrival] = (state.path, false)
            return arrival
        }
        // One that is still on its way has come round.
        guard known.isDone else { return .some(nil) }
        interpreter.domain.arena.join(state.path, into: known.path)
        return nil
    }

    mutating func finish(_ arrival: Arrival?) {
        if let arrival { arrivals[arrival]?.isDone = true }
    }
}
