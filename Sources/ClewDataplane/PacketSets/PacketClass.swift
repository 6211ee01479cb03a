package import ClewNet
package import ClewSnapshot

/// Packets that have taken the same way so far: every combination of their fields' values.
///
/// Source, destination and ports are sets; what else decides about packets is the same for all of them, and a walk begins
/// once for each value of it. A match on one field parts a class into two classes, exactly.
package struct PacketClass: Sendable, Hashable, BitwiseCopyable {
    /// As the packets are at this moment.
    package var source: SetID
    package var destination: SetID
    package var sourcePort: SetID
    package var destinationPort: SetID
    /// As they were before translation, where that has happened.
    var sentSource = SetID.empty
    var sentSourcePort = SetID.empty
    var sentDestination = SetID.empty
    var sentDestinationPort = SetID.empty
    package var ipProtocol: IPProtocol
    package var mark: UInt32 = 0
    var connectionMark: UInt32 = 0
    var ttl: UInt8 = 64
    var tos: UInt8 = 0
    var input = LinkIndex.none
    var output = LinkIndex.none
    var hasUnknownInput = false
    var hasUnknownOutput = false
    /// Whether it came through a bridge that calls iptables.
    var hasBridgeInfo = false
    /// Exactly one of invalid, new, untracked; empty before conntrack has seen the packets.
    var conntrackState: ConntrackStates = []
    /// Whether conntrack has an entry for them.
    var hasEntry = false
    var isConfirmed = false
    var destinationSettled = false
    var sourceSettled = false
    /// `IPS_DST_NAT`, `IPS_SRC_NAT`: the entry changes something.
    var translatesDestination = false
    var translatesSource = false
    /// What the entry says, and has not been done yet.
    var pendingDestination = SetID.empty
    var pendingDestinationPort = SetID.empty
    var sourceChange = SourceChange.none
    /// IPVS has handled them in this namespace.
    var isVirtual = false
    /// A rule on the way has changed an ipset: what sets hold is not known any more.
    var changesSets = false
    /// An OUTPUT chain has had them routed again.
    var isRerouted = false
    /// Product of the chances taken, rounded; exactly it is in the path.
    package var share = 1.0
    /// The last event of the way here.
    package var path: Int32 = -1
    /// The last choice taken where something is not known or depends on earlier packets.
    package var choice: Int32 = -1
    /// The first thing that made the end uncertain; -1: nothing.
    package var doubt: Int32 = -1

    package init(source: SetID, destination: SetID, sourcePort: SetID, destinationPort: SetID, ipProtocol: IPProtocol) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.ipProtocol = ipProtocol
    }

    package var isMasqueraded: Bool { sourceChange != .none }
    package var isDestinationTranslated: Bool { !sentDestination.isEmpty }
    /// The sources as they were sent.
    package var originalSource: SetID { sentSource.isEmpty ? source : sentSource }
    package var originalSourcePort: SetID { sentSourcePort.isEmpty ? sourcePort : sentSourcePort }
    package var originalDestination: SetID { sentDestination.isEmpty ? destination : sentDestination }
    package var originalDestinationPort: SetID {
        sentDestinationPort.isEmpty ? destinationPort : sentDestinationPort
    }
}

/// How the source of a class's packets is translated.
enum SourceChange: Sendable, Hashable, BitwiseCopyable {
    case none
    case masquerade
    /// SNAT to one address.
    case to(IPAddress)
}

/// A field whose values a class holds as a set.
enum ClassField: UInt8, Sendable, BitwiseCopyable {
    case source, destination, sourcePort, destinationPort
    case sentSource, sentDestination, sentSourcePort, sentDestinationPort
}

extension PacketClass {
    subscript(_ field: ClassField) -> SetID {
        get {
            switch field {
            case .source: source
            case .destination: destination
            case .sourcePort: sourcePort
            case .destinationPort: destinationPort
            case .sentSource: originalSource
            case .sentDestination: originalDestination
            case .sentSourcePort: originalSourcePort
            case .sentDestinationPort: originalDestinationPort
            }
        }
        set {
            switch field {
            case .source: source = newValue
            case .destination: destination = newValue
            case .sourcePort: sourcePort = newValue
            case .destinationPort: destinationPort = newValue
            case .sentSource: if sentSource.isEmpty { source = newValue } else { sentSource = newValue }
            case .sentDestination:
                if sentDestination.isEmpty { destination = newValue } else { sentDestination = newValue }
            case .sentSourcePort:
                if sentSourcePort.isEmpty { sourcePort = newValue } else { sentSourcePort = newValue }
            case .sentDestinationPort:
                if sentDestinationPort.isEmpty { destinationPort = newValue } else { sentDestinationPort = newValue }
            }
        }
    }
}

/// Something that happened to a class on its way.
enum ClassEvent: Sendable, BitwiseCopyable {
    case hook(Hook)
    case rule(RuleSetIndex, RuleID, ChainID, depth: UInt16)
    case policy(RuleSetIndex, ChainID, accepts: Bool)
    case chance(numerator: UInt32, denominator: UInt32)
    /// `recent --set`: the source is on that list from now on.
    case remembered(RuleSetIndex, NameID)
    /// IPVS chose a real server: its place among the namespace's virtual servers and their real servers.
    case scheduled(server: UInt32, real: UInt32)
}

/// A way taken where the packets alone do not decide.
package struct ClassChoice: Sendable, Hashable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, Hashable, BitwiseCopyable {
        /// What is asked is not known.
        case unknown
        /// A limit that is exhausted, or not.
        case limit
        /// Whether the source is on a `recent` list.
        case recent
    }
    package var kind: Kind
    package var isTaken: Bool
    /// Equal for the two ways of one fork.
    package var fork: Int32
    /// What it hangs on, in words and with its line.
    package var note: Int32
    /// recent: the list's name, the age in seconds and the rule set.
    package var list: NameID
    package var seconds: UInt32
    var ruleSet: RuleSetIndex
    var parent: Int32
}
