import ClewDataplane
import ClewNet
import ClewSnapshot

/// Clew's word against the kernel's, for one probe.
package enum Comparison: Sendable, Hashable {
    case agrees
    /// Clew is not certain, for that reason.
    case unknown(String)
    case differs(String)

    package init(_ kernel: Exchange, _ prediction: Prediction, ignoringPorts: Bool = false) {
        if prediction.branches.contains(where: { Self.difference(kernel, $0, ignoringPorts) == nil }) {
            self = .agrees
        } else if let reason = prediction.unknowns.first {
            self = .unknown(reason)
        } else {
            let differences = prediction.branches.compactMap { branch in
                Self.difference(kernel, branch, ignoringPorts).map { "\($0) (\(branch.reason))" }
            }
            self = .differs(
                differences.joined(separator: "; or ").isEmpty ? "no branch" : differences.joined(separator: "; or "))
        }
    }

    /// The first thing in which a branch is not what the kernel did; nil where there is none.
    static func difference(_ kernel: Exchange, _ branch: Prediction.Branch, _ ignoringPorts: Bool) -> String? {
        if let text = difference(kernel.there, branch.exchange.there, ignoringPorts) { return text }
        guard let back = kernel.back, !branch.endsInPod else { return nil }
        guard let own = branch.exchange.back else { return "answered, by Clew it is not" }
        if let text = difference(back, own, ignoringPorts) { return "the answer: " + text }
        let works = kernel.works
        switch branch.outcome {
        case .works where !works: return "the connection does not work, by Clew it does"
        case .fails where works: return "the connection works, by Clew it does not"
        default: return nil
        }
    }

    private static func difference(_ kernel: Walk, _ own: Walk, _ ignoringPorts: Bool) -> String? {
        for (number, event) in kernel.events.enumerated() {
            guard number < own.events.count else { return "kernel: \(event), Clew: nothing more" }
            var other = own.events[number]
            var event = event
            if event.mark == nil { other.mark = nil }
            if event.tuple == nil { other.tuple = nil }
            if ignoringPorts {
                event.tuple = event.tuple.map(withoutPorts)
                other.tuple = other.tuple.map(withoutPorts)
            }
            if event != other { return "kernel: \(event), Clew: \(other)" }
        }
        if own.events.count > kernel.events.count {
            return "kernel: nothing more, Clew: \(own.events[kernel.events.count])"
        }
        return same(kernel.end, own.end, ignoringPorts) ? nil : "kernel: \(kernel.end), Clew: \(own.end)"
    }

    private static func same(_ kernel: WalkEnd, _ own: WalkEnd, _ ignoringPorts: Bool) -> Bool {
        func plain(_ tuple: ConntrackTuple) -> ConntrackTuple { ignoringPorts ? withoutPorts(tuple) : tuple }
        switch (kernel, own) {
        case (.local(let a), .local(let b)): return plain(a) == plain(b)
        case (.peer(let name, let a), .peer(let other, let b)): return name == other && plain(a) == plain(b)
        // The trace ends at a REJECT; what is never answered, such as a RST, shows no answer.
        case (.rejected(let kind), .rejected(let other)): return kind == nil || kind == other
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

extension Exchange {
    /// Whether the one who asked got an answer it takes for one, and its next packet arrived too.
    package var works: Bool { isAnswered && goesOn != false }
}
