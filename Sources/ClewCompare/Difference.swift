package import ClewBundle
package import ClewDataplane
package import ClewIntent
package import ClewNet

/// One way in which a node's data plane does not do what the API asks for.
package struct Difference: Sendable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case missingEntry = "missing-entry"
        case missingEndpoint = "missing-endpoint"
        case extraEndpoint = "extra-endpoint"
        case wrongWeight = "wrong-weight"
        case missingMasquerade = "missing-masquerade"
        case extraMasquerade = "extra-masquerade"
        case notAskedDrop = "drop-not-asked"
        case notAskedReject = "reject-not-asked"
        case notDropped = "not-dropped"
        case notRejected = "not-rejected"
        case takenByForeignRule = "taken-by-foreign-rule"
        case wrongAddress = "wrong-address"
        case affinity = "affinity"
        case staleEntry = "stale-entry"
    }

    package var kind: Kind
    /// `nil` for an entry of no Service that exists.
    package var service: ServicePortName?
    /// What a stale entry's rules call their Service, where they say.
    package var staleName: String?
    package var destination: ContractDestination
    package var arrival: SourceArrival
    /// The senders it holds for.
    package var senders: AddressSet
    package var expected: ContractOutcome
    package var found: [FoundShare]
    /// Of a missing or an extra endpoint, and of a wrong weight or masquerade.
    package var endpoint: SocketAddress?
    package var cause: Cause
    package var witness: Witness?

    /// Whether the concrete simulator has shown it.
    package var isConfirmed: Bool { witness?.isConfirmed ?? false }
}

/// What becomes of a share of a class's packets.
package struct FoundShare: Sendable, Hashable {
    package var outcome: FoundOutcome
    package var probability: Fraction

    package init(_ outcome: FoundOutcome, _ probability: Fraction) {
        self.outcome = outcome
        self.probability = probability
    }
}

/// What the data plane does with a packet.
package enum FoundOutcome: Sendable, Hashable {
    case translated(SocketAddress, isMasqueraded: Bool)
    /// Sent to an endpoint to which the node has no route; whether it would have been masqueraded cannot be seen.
    case noRoute(SocketAddress)
    /// It goes on with the destination it has.
    case untranslated
    /// Lost to a rule; the endpoint it had been sent to, if any.
    case dropped(SocketAddress?)
    case rejected(SocketAddress?)
    case unknown
}

/// What is to blame: a line, or a chain in which a line lacks.
package struct Cause: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// This rule, policy or real server decides.
        case line
        /// This chain or virtual server has no rule that does it.
        case lacking
    }

    package var kind: Kind
    package var source: SourceLine
    /// `nat KUBE-SVC-…`.
    package var place: String
    /// The line as it stands; for a chain what it lacks.
    package var text: String

    package init(_ kind: Kind, source: SourceLine, place: String, text: String) {
        self.kind = kind
        self.source = source
        self.place = place
        self.text = text
    }
}

/// A packet that shows a difference.
package struct Witness: Sendable {
    package var flow: Flow
    /// Who sends it, where that is known: a pod's name.
    package var sender: String
    /// The concrete simulator does the same with it.
    package var isConfirmed: Bool
}

/// Packets of which it cannot be told what becomes of them.
package struct Undecided: Sendable {
    package var service: ServicePortName?
    package var destination: ContractDestination
    package var arrival: SourceArrival
    package var senders: AddressSet
    /// Because of this line.
    package var note: TraceNote
}
