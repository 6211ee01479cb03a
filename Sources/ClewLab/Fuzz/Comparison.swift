import ClewDataplane
import ClewNet
import ClewSnapshot

/// What a comparison leaves out, since Clew does not claim to know it.
package struct Leniency: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Ports, which the kernel draws by lot.
    package static let ports = Self(rawValue: 1)
    /// Which rules matched and what they changed: ways that come to the same are one for Clew.
    package static let rules = Self(rawValue: 2)
    /// The sender's port behind MASQUERADE, which the kernel draws by lot; an answer goes to it.
    package static let senderPorts = Self(rawValue: 8)
    /// Which rules matched.
    package static let steps = Self(rawValue: 4)
}

/// Clew's word against the kernel's, for one probe.
package enum Comparison: Sendable, Hashable {
    case agrees
    /// Clew is not certain, for that reason.
    case unknown(String)
    case differs(String)

    package init(_ kernel: Exchange, _ prediction: Prediction, leaving: Leniency = []) {
        if prediction.branches.contains(where: { Self.difference(kernel, $0, leaving) == nil }) {
            self = .agrees
        } else if let reason = prediction.unknowns.first {
            self = .unknown(reason)
        } else if leaving.contains(.rules), prediction.branches.contains(where: { $0.isOfSeveral || $0.endsInPod }) {
            self = .unknown("ways that come to the same for Clew, and not for who watches")
        } else {
            let differences = prediction.branches.compactMap { branch in
                Self.difference(kernel, branch, leaving).map { "\($0) (\(branch.reason))" }
            }
            self = .differs(
                differences.joined(separator: "; or ").isEmpty ? "no branch" : differences.joined(separator: "; or "))
        }
    }

    /// The first thing in which a branch is not what the kernel did; nil where there is none.
    static func difference(_ kernel: Exchange, _ branch: Prediction.Branch, _ leaving: Leniency) -> String? {
        if let text = difference(kernel.there, branch.exchange.there, leaving, isBack: false) { return text }
        guard let back = kernel.back, !branch.endsInPod else { return nil }
        guard let own = branch.exchange.back else { return "answered, by Clew it is not" }
        if let text = difference(back, own, leaving, isBack: true) { return "the answer: " + text }
        let works = kernel.works
        switch branch.outcome {
        case .works where !works: return "the connection does not work, by Clew it does"
        case .fails where works: return "the connection works, by Clew it does not"
        default: return nil
        }
    }

    private static func difference(_ kernel: Walk, _ own: Walk, _ leaving: Leniency, isBack: Bool) -> String? {
        if leaving.contains(.senderPorts) {
            return difference(kernel.withoutSenderPort(isBack), own.withoutSenderPort(isBack), [], isBack: isBack)
        }
        if leaving.contains(.steps) {
            return same(kernel.end, own.end, leaving) ? nil : "kernel: \(kernel.end), Clew: \(own.end)"
        }
        if leaving.contains(.rules) {
            return kernel.end.kind == own.end.kind ? nil : "kernel: \(kernel.end), Clew: \(own.end)"
        }
        if let text = differentEvents(kernel, own, leaving) { return text }
        return same(kernel.end, own.end, leaving) ? nil : "kernel: \(kernel.end), Clew: \(own.end)"
    }

    private static func differentEvents(_ kernel: Walk, _ own: Walk, _ leaving: Leniency) -> String? {
        for (number, event) in kernel.events.enumerated() {
            guard number < own.events.count else { return "kernel: \(event), Clew: nothing more" }
            var other = own.events[number]
            var event = event
            if event.mark == nil { other.mark = nil }
            if event.tuple == nil { other.tuple = nil }
            if leaving.contains(.ports) {
                event.tuple = event.tuple.map(withoutPorts)
                other.tuple = other.tuple.map(withoutPorts)
            }
            if event != other { return "kernel: \(event), Clew: \(other)" }
        }
        if own.events.count > kernel.events.count {
            return "kernel: nothing more, Clew: \(own.events[kernel.events.count])"
        }
        return nil
    }

    private static func same(_ kernel: WalkEnd, _ own: WalkEnd, _ leaving: Leniency) -> Bool {
        func plain(_ tuple: ConntrackTuple) -> ConntrackTuple { leaving.contains(.ports) ? withoutPorts(tuple) : tuple }
        switch (kernel, own) {
        case (.local(let a), .local(let b)): return plain(a) == plain(b)
        case (.peer(let name, let a), .peer(let other, let b)): return name == other && plain(a) == plain(b)
        // The trace ends at a REJECT; what is never answered, such as a RST, shows no answer.
        // A RST may be refused in its turn, which is what can be seen then; the rule that sent it was compared before.
        case (.rejected(let kind), .rejected(let other)):
            return kind == nil || kind == other || other == "tcp-reset"
        case (.lost, .lost): return true
        default: return false
        }
    }

    private static func withoutPorts(_ tuple: ConntrackTuple) -> ConntrackTuple {
        var tuple = tuple
        tuple.sourcePort = 0
        if tuple.ipProtocol.hasPorts { tuple.destinationPort = 0 }
        return tuple
    }
}

extension WalkEnd {
    /// Where it ended, but not as what.
    fileprivate var kind: String {
        switch self {
        case .local: "local"
        case .peer(let name, _): name == "x1" ? "x0" : name
        case .rejected: "rejected"
        case .lost: "lost"
        }
    }
}

extension Walk {
    fileprivate func withoutSenderPort(_ isBack: Bool) -> Walk {
        func plain(_ tuple: ConntrackTuple) -> ConntrackTuple {
            var tuple = tuple
            if isBack { tuple.destinationPort = 0 } else { tuple.sourcePort = 0 }
            return tuple
        }
        var result = self
        for index in events.indices { result.events[index].tuple = events[index].tuple.map(plain) }
        switch end {
        case .local(let tuple): result.end = .local(plain(tuple))
        case .peer(let name, let tuple): result.end = .peer(name, plain(tuple))
        case .rejected, .lost: break
        }
        return result
    }
}

extension Exchange {
    /// Whether the one who asked got an answer it takes for one, and its next packet arrived too.
    package var works: Bool { isAnswered && goesOn != false }
}
