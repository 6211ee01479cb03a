/// The ways of a walk that lead to an end, from the one beginning on; every node is an event of the ``PathArena``.
///
/// Where packets were joined, ways come together, so that there are far fewer nodes than ways. Nodes have positions in an
/// order in which each stands before those it leads to; position 0 is the beginning.
struct PathGraph {
    /// How a node leads on.
    enum Step {
        case end
        /// One way on.
        case on(Int32)
        /// One of several, by chance; parts that lead nowhere are left out.
        case chance(ArraySlice<Int32>)
        /// One of two, and it is not known which; `nil`: it leads nowhere.
        case unknown(taken: Int32?, other: Int32?, note: Int32)
        /// Several, though no event says why.
        case unexplained(ArraySlice<Int32>)
    }

    let arena: PathArena
    /// By position, the event; at position 0, none.
    private(set) var events: [PathIndex]
    /// By event, its position, or -1.
    private var positions: [Int32]
    private var firstChild: [Int32]
    private var children: [Int32]

    var count: Int { events.count }

    /// Whether anything but chance makes ways part.
    private(set) var hasUnknowns = false

    init(_ arena: PathArena, leaves: [PathIndex]) {
        self.arena = arena
        positions = Array(repeating: -1, count: arena.events.count)
        events = [.root]
        firstChild = []
        children = []
        let joins = markLive(leaves)
        connect(joins)
    }

    /// Marks what leads to a leaf with 0; gives back the joins among it.
    private mutating func markLive(_ leaves: [PathIndex]) -> [PathArena.Join] {
        var joinsInto: [PathIndex: [PathIndex]] = [:]
        for join in arena.joins { joinsInto[join.into, default: []].append(join.from) }
        var pending = leaves
        while let last = pending.popLast() {
            var index = last
            while index != .root, positions[Int(index.rawValue)] < 0 {
                positions[Int(index.rawValue)] = 0
                if !joinsInto.isEmpty, let others = joinsInto[index] { pending += others }
                index = arena.parent(of: index)
            }
        }
        return arena.joins.filter { positions[Int($0.into.rawValue)] == 0 && positions[Int($0.from.rawValue)] == 0 }
    }

    private mutating func connect(_ joins: [PathArena.Join]) {
        var live: [PathIndex] = []
        for number in positions.indices where positions[number] == 0 {
            live.append(PathIndex(rawValue: Int32(truncatingIfNeeded: number)))
        }
        order(live, joins)
        var counts = [Int32](repeating: 0, count: events.count + 1)
        var edges: [(from: Int32, to: Int32)] = []
        edges.reserveCapacity(live.count + joins.count)
        for index in live where position(of: index) > 0 {
            let parent = arena.parent(of: index)
            edges.append((parent == .root ? 0 : position(of: parent), position(of: index)))
        }
        for join in joins where position(of: join.from) > 0 && position(of: join.into) > 0 {
            edges.append((position(of: join.from), position(of: join.into)))
        }
        for edge in edges { counts[Int(edge.from) + 1] += 1 }
        for number in counts.indices.dropFirst() { counts[number] += counts[number - 1] }
        firstChild = counts
        children = Array(repeating: 0, count: edges.count)
        for edge in edges {
            children[Int(counts[Int(edge.from)])] = edge.to
            counts[Int(edge.from)] += 1
        }
        hasUnknowns =
            hasUnknowns || (0..<count).contains { if case .unexplained = step(from: $0) { true } else { false } }
    }

    /// Gives live events their positions: as they happened, except that all that is joined into one comes before it.
    private mutating func order(_ live: [PathIndex], _ joins: [PathArena.Join]) {
        guard !joins.isEmpty else {
            for index in live { place(index) }
            return
        }
        // What each event waits for: its parent, and all that is joined to it.
        var waiting = [Int32](repeating: 0, count: positions.count)
        // Who waits for an event: the first of a list for each.
        var firstFollower = [Int32](repeating: -1, count: positions.count)
        var followers: [(event: PathIndex, next: Int32)] = []
        func follow(_ index: PathIndex, after other: PathIndex) {
            waiting[Int(index.rawValue)] += 1
            followers.append((index, firstFollower[Int(other.rawValue)]))
            firstFollower[Int(other.rawValue)] = Int32(truncatingIfNeeded: followers.count - 1)
        }
        var ready: [PathIndex] = []
        for join in joins { follow(join.into, after: join.from) }
        for index in live.reversed() {
            positions[Int(index.rawValue)] = -1
            let parent = arena.parent(of: index)
            if parent != .root {
                follow(index, after: parent)
            } else if waiting[Int(index.rawValue)] == 0 {
                ready.append(index)
            }
        }
        var head = 0
        while head < ready.count {
            let index = ready[head]
            head += 1
            place(index)
            var entry = firstFollower[Int(index.rawValue)]
            while entry >= 0 {
                let follower = followers[Int(entry)]
                waiting[Int(follower.event.rawValue)] -= 1
                if waiting[Int(follower.event.rawValue)] == 0 { ready.append(follower.event) }
                entry = follower.next
            }
        }
    }

    private mutating func place(_ index: PathIndex) {
        positions[Int(index.rawValue)] = Int32(truncatingIfNeeded: events.count)
        events.append(index)
        if case .unknown = arena[index] { hasUnknowns = true }
    }

    // MARK: - Reading

    func position(of index: PathIndex) -> Int32 { positions[Int(index.rawValue)] }

    func event(at position: Int) -> PathEvent? { position == 0 ? nil : arena[events[position]] }

    func successors(of position: Int) -> ArraySlice<Int32> {
        children[Int(firstChild[position])..<Int(firstChild[position + 1])]
    }

    func step(from position: Int) -> Step {
        let ways = successors(of: position)
        guard let first = ways.first else { return .end }
        switch event(at: Int(first)) {
        // What an event says of itself does not concern a packet that is joined to it.
        case _ where arena.parent(of: events[Int(first)]) != events[position]: return .on(first)
        case .chance: return .chance(ways)
        case .unknown(_, let note):
            var taken: Int32?
            var other: Int32?
            for way in ways {
                if case .unknown(true, _) = event(at: Int(way)) { taken = way } else { other = way }
            }
            return .unknown(taken: taken, other: other, note: note)
        default: return ways.count == 1 ? .on(first) : .unexplained(ways)
        }
    }
}
