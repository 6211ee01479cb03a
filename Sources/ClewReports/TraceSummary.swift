package import ClewDataplane
import ClewNet

/// A trace in one line: whether the connection works, how often it does not, and why.
package struct TraceSummary: Sendable {
    /// The line: `FAILS for 1 of 3 endpoints (p = 0.333): the reply skips conntrack on worker-a`.
    package let text: String
    /// The branch that the line speaks of: the most probable one that fails, else is unknown.
    package let branch: TraceBranch?

    package init(_ trace: Trace) {
        let failing = trace.branches.filter { $0.outcome == .fails }
        let unknown = trace.branches.filter { $0.outcome == .unknown }
        switch trace.verdict {
        case .works:
            text = "WORKS" + Self.working(trace.branches)
            branch = nil
        case .fails, .partly:
            let rest = unknown.isEmpty ? "" : "; cannot be told for \(Self.share(unknown, of: trace.branches))"
            let scope = failing.count == trace.branches.count ? Self.all(failing) : Self.part(failing, trace.branches)
            text = "FAILS\(scope): \(Self.reasons(failing))\(rest)"
            branch = failing.first
        case .unknown:
            let scope = unknown.count == trace.branches.count ? "" : Self.part(unknown, trace.branches)
            let reason = unknown.isEmpty ? trace.unknowns.first?.text ?? "" : Self.reasons(unknown)
            text = "UNKNOWN\(scope)" + (reason.isEmpty ? "" : ": \(reason)")
            branch = unknown.first
        }
    }

    private static func working(_ branches: [TraceBranch]) -> String {
        let endpoints = Set(branches.compactMap(\.dnat))
        if endpoints.count > 1, branches.allSatisfy({ $0.dnat != nil }) {
            return ": \(every(endpoints.count)) endpoints answer"
        }
        guard let branch = branches.first else { return "" }
        return branch.reason.isEmpty ? "" : ": \(branch.reason)"
    }

    private static func all(_ failing: [TraceBranch]) -> String {
        guard let endpoints = endpoints(failing), endpoints.count > 1 else { return "" }
        return " for \(every(endpoints.count)) endpoints"
    }

    private static func every(_ count: Int) -> String { count == 2 ? "both" : "all \(count)" }

    /// The share and its probability: ` for 1 of 3 endpoints (p = 0.333)`.
    private static func part(_ some: [TraceBranch], _ all: [TraceBranch]) -> String {
        " for \(share(some, of: all)) (p = \(decimal(probability(some))))"
    }

    private static func share(_ some: [TraceBranch], of all: [TraceBranch]) -> String {
        if let every = endpoints(all), let part = endpoints(some), every.count > 1 {
            return "\(part.count) of \(every.count) endpoints"
        }
        return "\(some.count) of \(all.count) ways"
    }

    /// The endpoints that branches lead to, where every one leads to an endpoint.
    private static func endpoints(_ branches: [TraceBranch]) -> Set<SocketAddress>? {
        let found = branches.compactMap { $0.dnat ?? $0.deliveredTo?.address }
        return found.count == branches.count ? Set(found) : nil
    }

    private static func reasons(_ branches: [TraceBranch]) -> String {
        var reasons: [String] = []
        for branch in branches where !reasons.contains(branch.reason) { reasons.append(branch.reason) }
        guard let first = reasons.first else { return "" }
        switch reasons.count {
        case 1: return first
        case 2: return "\(first); and \(reasons[1])"
        default: return "\(first); and \(reasons.count - 1) other reasons"
        }
    }

    package static func probability(_ branches: [TraceBranch]) -> Fraction {
        branches.reduce(.zero) { $0 + $1.probability }
    }

    /// A probability with three significant digits: `0.333`, `1`, `0.00012`.
    package static func decimal(_ fraction: Fraction) -> String {
        if fraction.isZero { return "0" }
        if fraction.isOne { return "1" }
        let value = fraction.value
        var scale = 1000.0
        var digits = 3
        while value * scale < 100, digits < 12 {
            scale *= 10
            digits += 1
        }
        let scaled = Int((value * scale).rounded())
        if Double(scaled) >= scale { return "0." + String(repeating: "9", count: digits) }
        let text = String(scaled)
        var result = "0." + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        while result.hasSuffix("0") { result.removeLast() }
        return result.hasSuffix(".") ? "0" : result
    }
}
