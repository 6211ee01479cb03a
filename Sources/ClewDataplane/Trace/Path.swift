import ClewBundle
import ClewNet
import ClewSnapshot

/// The index of an event in its ``PathArena``.
struct PathIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: Int32
    static let root = PathIndex(rawValue: -1)
}

/// Something that happened to a branch; kept small, and put into words only for the report.
enum PathEvent: Sendable, BitwiseCopyable {
    case enter(NamespaceIndex, LinkIndex)
    /// A pod that was not collected, by its host and address: a tuple's destination.
    case enterInferred(TupleIndex, NamespaceIndex)
    case enterOutside
    case hook(Hook)
    case matched(RuleSetIndex, RuleID, ChainID, depth: UInt16, skipped: UInt32, mark: UInt32)
    /// The mark that the last rule gave the packet, where its text does not say it.
    case marked(UInt32)
    case policy(RuleSetIndex, ChainID, accepts: Bool)
    /// One of several ways the kernel picks at random.
    case chance(numerator: UInt64, denominator: UInt64)
    /// One of the two ways an unknown could go; the note says what is unknown.
    case unknown(taken: Bool, note: Int32)
    case assumed(note: Int32)
    case uncertain(note: Int32)
    /// From one tuple to the one behind it.
    case translated(Translation.Kind, TupleIndex)
    /// What conntrack makes of the packet, and of which connection it is.
    case tracked(ConntrackResult, TupleIndex)
    /// Takes a route of the namespace.
    case route(Int32)
    /// One of ``PathArena/sayings``.
    case said(Int32)
    case sent(LinkIndex)
    case encapsulated(TupleIndex)
    case decapsulated(TupleIndex)
    case turned
    /// The packet has come to its end, one way.
    case ended
}

/// The index of a tuple in its ``PathArena``.
struct TupleIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: Int32
}

/// What conntrack finds for a packet.
enum ConntrackResult: UInt8, Sendable, BitwiseCopyable {
    case new, invalid, known, answer, translatedAnswer
}

/// Something that happened, in words.
struct Saying: Sendable {
    var kind: Step.Kind
    var text: String
    var source: SourceLine?
}

struct RuleSetIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: UInt16
}

/// The events of all branches of a trace.
///
/// A branch is the way from a leaf to the root. Where packets that came different ways are equal from some point on, the
/// later one is joined to the earlier one: what happened to that one from there on happens to both.
struct PathArena: Sendable {
    /// A packet that goes on as another one does.
    struct Join: Sendable, BitwiseCopyable {
        var from: PathIndex
        var into: PathIndex
    }

    private(set) var events: [PathEvent] = []
    private(set) var parents: [PathIndex] = []
    private(set) var joins: [Join] = []
    private(set) var tuples: [ConntrackTuple] = []
    private(set) var sayings: [Saying] = []

    mutating func append(_ event: PathEvent, to parent: PathIndex) -> PathIndex {
        events.append(event)
        parents.append(parent)
        return PathIndex(rawValue: Int32(truncatingIfNeeded: events.count - 1))
    }

    /// Keeps a tuple for an event.
    mutating func keep(_ tuple: ConntrackTuple) -> TupleIndex {
        tuples.append(tuple)
        return TupleIndex(rawValue: Int32(truncatingIfNeeded: tuples.count - 1))
    }

    /// Keeps words for an event.
    mutating func keep(_ saying: Saying) -> Int32 {
        sayings.append(saying)
        return Int32(truncatingIfNeeded: sayings.count - 1)
    }

    subscript(_ index: TupleIndex) -> ConntrackTuple { tuples[Int(index.rawValue)] }

    /// Forgets all, and keeps the memory.
    mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        parents.removeAll(keepingCapacity: true)
        joins.removeAll(keepingCapacity: true)
        tuples.removeAll(keepingCapacity: true)
        sayings.removeAll(keepingCapacity: true)
    }

    /// From here on the packet at `from` is that of `into`.
    mutating func join(_ from: PathIndex, into: PathIndex) {
        if from != into { joins.append(Join(from: from, into: into)) }
    }

    subscript(_ index: PathIndex) -> PathEvent { events[Int(index.rawValue)] }

    func parent(of index: PathIndex) -> PathIndex { parents[Int(index.rawValue)] }

    /// The events of a branch from its beginning; of those that were joined to it, the first one's.
    func events(to leaf: PathIndex) -> [PathEvent] {
        var result: [PathEvent] = []
        var index = leaf
        while index != .root {
            result.append(self[index])
            index = parent(of: index)
        }
        return result.reversed()
    }

    /// The nearest event of a branch, from its end backwards, for which `choose` gives a value.
    func last<Value>(before leaf: PathIndex, _ choose: (PathEvent) -> Value?) -> Value? {
        var index = leaf
        while index != .root {
            if let value = choose(self[index]) { return value }
            index = parent(of: index)
        }
        return nil
    }
}
