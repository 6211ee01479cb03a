import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet

/// Differences in words.
enum DifferenceWords {
    /// What is wrong, in one sentence without a period.
    static func sentence(_ difference: Difference) -> String {
        let to = difference.destination.description
        let endpoint = difference.endpoint.map(\.description) ?? "an endpoint"
        switch difference.kind {
        case .missingEntry: return "nothing leads \(to) to an endpoint"
        case .missingEndpoint: return "\(to) never leads to the endpoint \(endpoint)"
        case .extraEndpoint: return "\(to) leads to \(endpoint), which is no endpoint of it"
        case .wrongWeight:
            return "\(to) gives \(endpoint) a share of \(share(of: difference)) instead of \(fairShare(difference))"
        case .missingMasquerade: return "\(to) to \(endpoint) is not masqueraded"
        case .extraMasquerade: return "\(to) to \(endpoint) is masqueraded, and should keep its source"
        case .notAskedDrop: return "\(to) is dropped\(onTheWay(difference)), which nothing asks for"
        case .notAskedReject: return "\(to) is rejected\(onTheWay(difference)), which nothing asks for"
        case .notDropped: return "\(to) is meant to be dropped, and is not"
        case .notRejected: return "\(to) is meant to be rejected, and is not"
        case .takenByForeignRule: return "\(to) is taken by a rule that is not kube-proxy's"
        case .wrongAddress: return "\(to) answers at an address that should not take it"
        case .affinity: return affinity(difference, to)
        case .staleEntry: return "\(place(difference)) is served, and no Service asks for it"
        }
    }

    private static func place(_ difference: Difference) -> String {
        let destination = difference.destination
        guard case .one(let address) = destination.address else { return destination.description }
        return "\(SocketAddress(address, destination.port))/\(destination.ipProtocol)"
    }

    private static func affinity(_ difference: Difference, _ to: String) -> String {
        if case .translated(let wanted) = difference.expected, let seconds = wanted.affinitySeconds {
            return "clients of \(to) do not keep their endpoint for \(seconds) s"
        }
        return "clients of \(to) keep their endpoint, which nothing asks for"
    }

    private static func onTheWay(_ difference: Difference) -> String {
        difference.endpoint.map { " on its way to \($0)" } ?? ""
    }

    private static func share(of difference: Difference) -> String {
        let sum = difference.found.reduce(Fraction.zero) { sum, share in
            guard case .translated(difference.endpoint, _) = share.outcome else { return sum }
            return sum + share.probability
        }
        return TraceSummary.decimal(sum)
    }

    private static func fairShare(_ difference: Difference) -> String {
        guard case .translated(let wanted) = difference.expected else { return "an equal one" }
        return "1/\(wanted.endpoints.count)"
    }

    /// Who is concerned: `pods of the node`.
    static func senders(_ arrival: SourceArrival) -> String {
        switch arrival {
        case .host: "processes of the host"
        case .podDevice: "pods of the node"
        case .network: "other hosts and their pods"
        }
    }

    /// What is asked for: `10.0.0.1:80, 10.0.0.2:80, the source kept`.
    static func expected(_ outcome: ContractOutcome) -> String {
        switch outcome {
        case .rejected: return "rejected"
        case .dropped: return "dropped"
        case .untouched: return "left alone"
        case .translated(let wanted):
            let source = wanted.masquerade == .always ? "masqueraded" : "source kept, but towards itself"
            let affinity = wanted.affinitySeconds.map { "; clients keep theirs for \($0) s" } ?? ""
            let each = wanted.endpoints.count > 1 ? " (1/\(wanted.endpoints.count) each)" : ""
            return wanted.endpoints.map(\.description).joined(separator: ", ") + "\(each); \(source)\(affinity)"
        }
    }

    static func found(_ outcome: FoundOutcome) -> String {
        switch outcome {
        case .translated(let endpoint, let isMasqueraded):
            "\(endpoint), \(isMasqueraded ? "masqueraded" : "source kept")"
        case .noRoute(let endpoint): "\(endpoint), to which the node has no route"
        case .untranslated: "goes on untranslated"
        case .dropped(let endpoint): "dropped" + (endpoint.map { " on the way to \($0)" } ?? "")
        case .rejected(let endpoint): "rejected" + (endpoint.map { " on the way to \($0)" } ?? "")
        case .unknown: "cannot be told"
        }
    }

    /// The packet that shows it: `pod shop/web-0 (10.244.1.5) → 10.96.0.10:80/tcp`.
    static func witness(_ difference: Difference, arrow: String) -> String? {
        guard let witness = difference.witness else { return nil }
        let sender: String
        switch witness.flow.origin {
        case .host(let node): sender = "a process of \(node)"
        case .pod(_, let address, let name): sender = name.map { "pod \($0) (\(address))" } ?? "pod \(address)"
        case .outside(let address, _):
            sender = witness.sender == address.description ? "\(address)" : "pod \(witness.sender) (\(address))"
        }
        let port = witness.flow.sourcePort.map { " from port \($0)" } ?? ""
        return "\(sender)\(port) \(arrow) \(witness.flow.toText)"
    }

    static func cause(_ cause: Cause) -> String {
        switch cause.kind {
        case .line: RuleText(cause.text).text
        case .lacking: "\(cause.place): \(cause.text)"
        }
    }
}
