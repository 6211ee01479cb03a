import ClewDataplane
import ClewNet

/// One way of a connection as a map: places in rows, and the visits that the packets pay them.
///
/// Places lie in boxes, a box for each node. The packets' way is a line with a lane for each time it turns: down with the
/// request, mostly, and up with the answer.
struct PathMap {
    /// A namespace, or the world outside.
    struct Station {
        var title: String
        var kind: Kind
        /// Into ``visits``, in the order of their rows.
        var rows: [Int]

        enum Kind { case pod, host, outside }
    }

    struct Box {
        /// `nil` outside of every node.
        var node: String?
        var stations: [Station]
    }

    /// A hop, where it is drawn.
    struct Visit {
        var hop: Hop
        var isReply: Bool
        var lane: Int
        /// What happens there, shortest words.
        var events: [Event]
        /// The packet is lost, or spoiled, here.
        var isFault = false
        /// Behind the fault.
        var isSpoiled = false
    }

    struct Event {
        enum Kind { case translation, bridge, tunnel, route, ipvs, fault, arrival }
        var kind: Kind
        var text: String
    }

    private(set) var boxes: [Box] = []
    private(set) var visits: [Visit] = []
    let outcome: BranchOutcome
    var laneCount: Int { (visits.map(\.lane).max() ?? 0) + 1 }

    init(_ branch: TraceBranch) {
        outcome = branch.outcome
        var keys: [StationKey] = []
        var order: [StationKey] = []
        for (isReply, hops) in [(false, branch.hops), (true, branch.reply?.hops ?? [])] {
            for hop in hops {
                let key = StationKey(node: hop.node, namespace: hop.namespace)
                if !order.contains(key) { order.append(key) }
                keys.append(key)
                visits.append(Visit(hop: hop, isReply: isReply, lane: 0, events: Self.events(of: hop)))
            }
        }
        let nodes = order.map(\.node).reduce(into: [String?]()) { if !$0.contains($1) { $0.append($1) } }
        let sorted = nodes.flatMap { node in order.filter { $0.node == node } }
        let downward = layLanes(keys.map { sorted.firstIndex(of: $0) ?? 0 })
        for node in nodes {
            let stations = sorted.filter { $0.node == node }.map { key in
                Station(
                    title: key.title, kind: key.kind,
                    rows: Self.rows(visits.indices.filter { keys[$0] == key }, visits, downward))
            }
            boxes.append(Box(node: node, stations: stations))
        }
        markFault(branch)
        markArrival(branch)
    }

    // MARK: - Layout

    private struct StationKey: Hashable {
        var node: String?
        var namespace: String

        var title: String {
            guard let node else { return namespace.isEmpty || namespace == "host" ? "outside" : namespace }
            return namespace == "host" || namespace.isEmpty ? node : namespace
        }

        var kind: Station.Kind {
            node == nil ? .outside : namespace == "host" || namespace.isEmpty ? .host : .pod
        }
    }

    /// Gives each visit its lane, a new one wherever the way turns; returns for each lane whether it leads down.
    private mutating func layLanes(_ places: [Int]) -> [Bool] {
        var downward = [true]
        for index in visits.indices.dropFirst() {
            let move = places[index] - places[index - 1]
            let turns = visits[index].isReply != visits[index - 1].isReply
            let isDown = downward[downward.count - 1]
            if turns {
                // The answer sets out the other way; whether it does is seen at its first move.
                let next = places[index...].first { $0 != places[index] } ?? (isDown ? -1 : Int.max)
                downward.append(next > places[index])
            } else if move != 0, (move > 0) != isDown {
                downward.append(move > 0)
            }
            visits[index].lane = downward.count - 1
        }
        return downward
    }

    /// Rows of one place: lane by lane, upward lanes in reverse, so that no line crosses itself.
    private static func rows(_ indices: [Int], _ visits: [Visit], _ downward: [Bool]) -> [Int] {
        indices.sorted { a, b in
            let (first, second) = (visits[a].lane, visits[b].lane)
            if first != second { return first < second }
            return downward[first] ? a < b : a > b
        }
    }

    // MARK: - What happens

    private static func events(of hop: Hop) -> [Event] {
        var events: [Event] = []
        for step in hop.steps {
            let event: Event? =
                switch step.kind {
                case .nat: Event(kind: .translation, text: step.text)
                case .bridge: Event(kind: .bridge, text: step.text)
                case .encapsulation: Event(kind: .tunnel, text: step.text)
                case .ipvs: Event(kind: .ipvs, text: step.text)
                case .route: Event(kind: .route, text: "route \(shortRoute(step.text))")
                case .rule, .policy, .conntrack, .neighbor, .socket, .device: nil
                }
            if let event, events.last?.text != event.text { events.append(event) }
        }
        return events
    }

    /// `10.244.1.0/24 dev cni0`, without what only the kernel needs.
    private static func shortRoute(_ text: String) -> String {
        var words = text.split(separator: " ").map(String.init)
        for word in ["proto", "scope", "src", "metric", "table"] {
            guard let index = words.firstIndex(of: word), index + 1 < words.count else { continue }
            words.removeSubrange(index...index + 1)
        }
        return words.joined(separator: " ")
    }

    private mutating func markFault(_ branch: TraceBranch) {
        guard branch.outcome != .works, !visits.isEmpty else { return }
        let decision = branch.decidedBy ?? branch.reply?.decidedBy
        let isLostReply =
            branch.reply != nil && (branch.disposition == .delivered || branch.disposition == .leavesSnapshot)
        let own = visits.indices.filter { visits[$0].isReply == isLostReply }
        let place = decision?.source.flatMap { source in
            own.last { index in visits[index].hop.steps.contains { $0.source == source } }
        }
        let fault = place ?? own.last { visits[$0].hop.node == decision?.node } ?? own.last ?? visits.count - 1
        visits[fault].isFault = true
        visits[fault].events.append(Event(kind: .fault, text: decision?.text ?? branch.reason))
        for index in visits.indices where index > fault { visits[index].isSpoiled = true }
    }

    private mutating func markArrival(_ branch: TraceBranch) {
        guard branch.disposition == .delivered, let last = visits.lastIndex(where: { !$0.isReply }) else { return }
        let place = branch.deliveredTo?.address.description ?? ""
        visits[last].events.append(Event(kind: .arrival, text: "arrives at \(place)"))
    }
}
