import ClewBundle
import ClewNet
import ClewSnapshot

/// The index of an event in its ``PathArena``.
struct PathIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: Int32
    static let root = PathIndex(rawValue: -1)
}

/// Something that happened to a branch; kept small, and put into words only for the report.
enum PathEvent: Sendable {
    case enter(NamespaceIndex, LinkIndex)
    /// A pod that was not collected, by its host and address.
    case enterInferred(String, NamespaceIndex)
    case enterOutside
    case hook(Hook)
    case matched(RuleSetIndex, RuleID, ChainID, depth: UInt16, skipped: UInt32, mark: UInt32)
    /// The mark that the last rule gave the packet, where its text does not say it.
    case marked(UInt32)
    case policy(RuleSetIndex, ChainID, accepts: Bool)
    /// One of several ways the kernel picks at random.
    case chance(numerator: UInt64, denominator: UInt64)
    /// One of the two ways an unknown could go; the note says what is unknown.
    case unknown(fork: Int32, taken: Bool, note: Int32)
    case assumed(note: Int32)
    case uncertain(note: Int32)
    case translated(Translation.Kind, before: ConntrackTuple, after: ConntrackTuple)
    case text(Step.Kind, String, SourceLine?)
    case sent(LinkIndex)
    case encapsulated(ConntrackTuple)
    case decapsulated(ConntrackTuple)
    case turned
}

struct RuleSetIndex: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    let rawValue: UInt16
}

/// The events of all branches of a trace: a tree, in which a branch is the way from a leaf to the root.
struct PathArena: Sendable {
    private var events: [(event: PathEvent, parent: PathIndex)] = []

    mutating func append(_ event: PathEvent, to parent: PathIndex) -> PathIndex {
        events.append((event, parent))
        return PathIndex(rawValue: Int32(events.count - 1))
    }

    /// The events of a branch from its beginning.
    func events(to leaf: PathIndex) -> [PathEvent] {
        var result: [PathEvent] = []
        var index = leaf
        while index != .root, Int(index.rawValue) < events.count {
            result.append(events[Int(index.rawValue)].event)
            index = events[Int(index.rawValue)].parent
        }
        return result.reversed()
    }
}
