package import ClewBundle

/// Why a contract is as it is: one field of one object.
package struct ContractReason: Sendable, Hashable, CustomStringConvertible {
    /// `Service shop/api`, `EndpointSlice shop/api-x7k2p`, `kube-proxy`.
    package var object: String
    /// `spec.internalTrafficPolicy`.
    package var field: String
    package var sentence: String
    /// `nil` where no object says it.
    package var source: SourceLine?

    package init(_ object: String, _ field: String, _ sentence: String, source: SourceLine?) {
        self.object = object
        self.field = field
        self.sentence = sentence
        self.source = source
    }

    package var description: String { "\(sentence) (\(object), \(field))" }
}

/// A Service that kube-proxy leaves alone.
package struct UnservedService: Sendable {
    package var service: String
    package var reason: ContractReason

    package init(_ service: String, _ reason: ContractReason) {
        self.service = service
        self.reason = reason
    }
}
