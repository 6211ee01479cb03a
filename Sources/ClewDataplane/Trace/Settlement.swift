/// What becomes of the connection, with the chance of each end, and of what cannot be told.
///
/// A fork on something unknown is no lot: the packet goes one way, and only the way is not known. Where both ways come to
/// the same, the doubt is gone; where they do so in part, that part is certain; the rest is one end that cannot be told.
struct Settlement {
    /// One entry of the answer.
    enum Ending: Hashable {
        case leaf(Int)
        /// What follows from a fork that matters.
        case open(at: Int32)
        /// Chances that led nowhere.
        case lost
    }

    /// With their chances; together one.
    private(set) var endings: [(ending: Ending, chance: Fraction)] = []
    /// By leaf and by node: how many ways through the rules lead there, at most ``mostWays``.
    private(set) var ways: [Int]
    /// Nodes that an ending hangs on.
    private(set) var matters: [Bool]

    static var mostWays: Int { 1_000_000_000 }
    /// How much work comparing what is chance on both sides may take.
    private static var mostComparisons: Int { 50_000 }

    private let graph: PathGraph
    /// By position, the leaf there; -1 where is none.
    private let leafAt: [Int32]
    private var kinds: [Kind] = [.lost]
    private var numbers: [Kind: Int32] = [.lost: 0]
    /// What each node comes to, as an index of `kinds`.
    private var kindOf: [Int32]
    private var forks: [Int32: Fork] = [:]
    private var comparisons = 0

    /// What a node comes to.
    private enum Kind: Hashable {
        case lost
        case leaf(signature: Int)
        case open(at: Int32)
        case mixed([Share])
    }

    private struct Share: Hashable {
        var kind: Int32
        var chance: Fraction
    }

    /// What is settled of a fork on something unknown.
    private enum Fork {
        case decided(by: Int32)
        /// What is certain all the same, and how much is not.
        ///
        /// `kinds` are those that one way comes to more likely than the other; `nil`: not compared.
        case open(certain: [Share], rest: Fraction, kinds: Set<Int32>?)
    }

    /// `signatures` says of each leaf what it comes to, by number: equal ones do not differ for the answer.
    init(_ graph: PathGraph, leaves: [PathIndex], signatures: [Int]) {
        self.graph = graph
        var leafAt = [Int32](repeating: -1, count: graph.count)
        for (number, leaf) in leaves.enumerated() {
            leafAt[Int(graph.position(of: leaf))] = Int32(truncatingIfNeeded: number)
        }
        self.leafAt = leafAt
        kindOf = Array(repeating: 0, count: graph.count)
        ways = Array(repeating: 0, count: graph.count)
        matters = Array(repeating: false, count: graph.count)
        if graph.hasUnknowns {
            for position in (0..<graph.count).reversed() { classify(position, signatures) }
        }
        share(among: leaves.count)
    }

    private func leaf(at position: Int) -> Int? { leafAt[position] < 0 ? nil : Int(leafAt[position]) }

    // MARK: - What each node comes to

    private mutating func number(of kind: Kind) -> Int32 {
        if let known = numbers[kind] { return known }
        kinds.append(kind)
        let number = Int32(truncatingIfNeeded: kinds.count - 1)
        numbers[kind] = number
        return number
    }

    private mutating func classify(_ position: Int, _ signatures: [Int]) {
        if let leaf = leaf(at: position) {
            kindOf[position] = number(of: .leaf(signature: signatures[leaf]))
            return
        }
        switch graph.step(from: position) {
        case .end: kindOf[position] = 0
        case .on(let next): kindOf[position] = kindOf[Int(next)]
        case .chance(let ways): kindOf[position] = mixed(ways)
        case .unknown(let taken, let other, _): settle(position, taken, other)
        case .unexplained(let ways):
            let all = Set(ways.map { kindOf[Int($0)] })
            if all.count == 1, let first = ways.first {
                forks[Int32(position)] = .decided(by: first)
                kindOf[position] = kindOf[Int(first)]
            } else {
                leaveOpen(position, certain: [])
            }
        }
    }

    private func chance(of position: Int32) -> Fraction {
        guard case .chance(let numerator, let denominator) = graph.event(at: Int(position)) else { return .one }
        return Fraction(numerator, denominator)
    }

    private mutating func mixed(_ ways: ArraySlice<Int32>) -> Int32 {
        var shares: [Share] = []
        var left = Fraction.one
        for way in ways {
            let chance = chance(of: way)
            left = left - chance
            if let known = shares.firstIndex(where: { $0.kind == kindOf[Int(way)] }) {
                shares[known].chance = shares[known].chance + chance
            } else {
                shares.append(Share(kind: kindOf[Int(way)], chance: chance))
            }
        }
        if !left.isZero { shares.append(Share(kind: 0, chance: left)) }
        return mixed(shares)
    }

    private mutating func mixed(_ shares: [Share]) -> Int32 {
        if shares.count == 1, let only = shares.first, only.chance.isOne { return only.kind }
        return number(of: .mixed(shares.sorted { $0.kind < $1.kind }))
    }

    private mutating func settle(_ position: Int, _ taken: Int32?, _ other: Int32?) {
        guard let taken, let other else { return leaveOpen(position, certain: []) }
        let (left, right) = (kindOf[Int(taken)], kindOf[Int(other)])
        if left == right { return decide(position, by: taken) }
        guard let a = distribution(left), let b = distribution(right) else { return leaveOpen(position, certain: []) }
        if a == b { return decide(position, by: taken) }
        let certain = a.keys.filter { b[$0] != nil }.sorted().compactMap { kind -> Share? in
            guard let x = a[kind], let y = b[kind] else { return nil }
            return Share(kind: kind, chance: min(x, y))
        }
        let differing = Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }
        leaveOpen(position, certain: certain, kinds: differing)
    }

    private mutating func decide(_ position: Int, by way: Int32) {
        forks[Int32(position)] = .decided(by: way)
        kindOf[position] = kindOf[Int(way)]
    }

    private mutating func leaveOpen(_ position: Int, certain: [Share], kinds: Set<Int32>? = nil) {
        let rest = certain.reduce(Fraction.one) { $0 - $1.chance }
        forks[Int32(position)] = .open(certain: certain, rest: rest, kinds: kinds)
        let own = Share(kind: number(of: .open(at: Int32(position))), chance: rest)
        kindOf[position] = mixed(certain + [own])
    }

    /// The chances of what a node comes to; `nil`: too many to compare.
    private mutating func distribution(_ kind: Int32) -> [Int32: Fraction]? {
        guard case .mixed = kinds[Int(kind)] else { return [kind: .one] }
        var result: [Int32: Fraction] = [:]
        var pending: [Share] = [Share(kind: kind, chance: .one)]
        while let share = pending.popLast() {
            comparisons += 1
            if comparisons > Self.mostComparisons { return nil }
            if case .mixed(let parts) = kinds[Int(share.kind)] {
                for part in parts { pending.append(Share(kind: part.kind, chance: share.chance * part.chance)) }
            } else {
                result[share.kind] = (result[share.kind] ?? .zero) + share.chance
            }
        }
        return result
    }

    // MARK: - The chances

    private mutating func share(among leafCount: Int) {
        var chances = [Fraction?](repeating: nil, count: graph.count)
        var open: [Int32: Fraction] = [:]
        var leaves = [Fraction](repeating: .zero, count: leafCount)
        chances[0] = .one
        ways[0] = 1
        for position in 0..<graph.count {
            for next in graph.successors(of: position) {
                ways[Int(next)] = min(Self.mostWays, ways[Int(next)] + ways[position])
            }
            guard chances[position] != nil else { continue }
            matters[position] = true
            // Most events lead on to one other: what they have is handed on as it is.
            if case .on(let next) = graph.step(from: position), leaf(at: position) == nil, chances[Int(next)] == nil {
                chances.swapAt(position, Int(next))
                continue
            }
            guard let chance = chances[position] else { continue }
            chances[position] = nil
            if let leaf = leaf(at: position) {
                leaves[leaf] = leaves[leaf] + chance
                continue
            }
            func give(_ part: Fraction, to next: Int32) {
                chances[Int(next)] = chances[Int(next)].map { $0 + part } ?? part
            }
            switch graph.step(from: position) {
            case .end: break
            case .on(let next): give(chance, to: next)
            case .chance(let parts): for part in parts { give(chance * self.chance(of: part), to: part) }
            case .unknown, .unexplained:
                switch forks[Int32(position)] {
                case .decided(let way): give(chance, to: way)
                case .open(let certain, let rest, _):
                    open[Int32(position), default: .zero] = open[Int32(position), default: .zero] + chance * rest
                    spread(certain, chance, below: position, &leaves, &open)
                case nil: break
                }
            }
        }
        collect(leaves, open)
    }

    /// What is certain below an open fork goes to leaves of that kind.
    private mutating func spread(
        _ certain: [Share], _ chance: Fraction, below position: Int, _ leaves: inout [Fraction],
        _ open: inout [Int32: Fraction]
    ) {
        guard !certain.isEmpty else { return }
        let below = self.leaves(below: Int32(position))
        for share in certain {
            switch kinds[Int(share.kind)] {
            case .leaf:
                guard let leaf = below.first(where: { kindOf[Int($0.position)] == share.kind })?.leaf else { continue }
                leaves[leaf] = leaves[leaf] + chance * share.chance
            case .open(let at): open[at] = (open[at] ?? .zero) + chance * share.chance
            case .lost, .mixed: break
            }
        }
    }

    private mutating func collect(_ leaves: [Fraction], _ open: [Int32: Fraction]) {
        var left = Fraction.one
        for (leaf, chance) in leaves.enumerated() where !chance.isZero {
            endings.append((.leaf(leaf), chance))
            left = left - chance
        }
        for (position, chance) in open.sorted(by: { $0.key < $1.key }) where !chance.isZero {
            endings.append((.open(at: position), chance))
            left = left - chance
        }
        if !left.isZero { endings.append((.lost, left)) }
    }

    // MARK: - Reading

    /// The leaves that an open fork is about, in their order: those that one way comes to more likely than the other.
    func leaves(openAt position: Int32) -> [Int] {
        let below = leaves(below: position)
        guard case .open(_, _, let differing?) = forks[position] else { return below.map(\.leaf) }
        var result: Set<Int> = []
        for leaf in below where differing.contains(kindOf[Int(leaf.position)]) { result.insert(leaf.leaf) }
        for kind in differing {
            if case .open(let at) = kinds[Int(kind)] { result.formUnion(leaves(below: at).map(\.leaf)) }
        }
        return result.sorted()
    }

    /// The leaves that a node leads to, in their order.
    func leaves(below position: Int32) -> [(leaf: Int, position: Int32)] {
        nodes(below: position).compactMap { node in leaf(at: Int(node)).map { ($0, node) } }.sorted { $0.0 < $1.0 }
    }

    /// All that follows from a node, itself included.
    func nodes(below position: Int32) -> [Int32] {
        var seen: Set<Int32> = [position]
        var result = [position]
        var head = 0
        while head < result.count {
            for next in graph.successors(of: Int(result[head])) where seen.insert(next).inserted { result.append(next) }
            head += 1
        }
        return result
    }

    /// Whether a fork on something unknown makes a difference.
    func isOpen(_ position: Int32) -> Bool {
        if case .open = forks[position] { return true }
        return false
    }
}
