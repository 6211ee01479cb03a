package import ClewDataplane
package import ClewIntent

/// What the API asks of a connection.
package enum Expectation: Sendable, Hashable {
    case works
    /// The API itself asks for the refusal: no endpoints, source ranges, a Local policy without local endpoints.
    case refused
}

/// One connection of a survey.
package struct SurveyedConnection: Sendable {
    package var flow: Flow
    /// `nil`: between pods, without a Service.
    package var service: ServicePortName?
    package var expectation: Expectation
    /// It leaves the cluster, and is answered only if it does not show a pod's address outside.
    package var needsMasquerade = false

    package init(
        flow: Flow, service: ServicePortName?, expectation: Expectation, needsMasquerade: Bool = false
    ) {
        self.flow = flow
        self.service = service
        self.expectation = expectation
        self.needsMasquerade = needsMasquerade
    }
}

/// Failing branches that one line decides in one way.
package struct LostConnections: Sendable {
    /// Counts from 0 in ``ConnectionSurvey/lost``.
    package var id: Int
    package var decision: Decision?
    package var disposition: Disposition
    /// Where the packet was last: `nil` outside the cluster.
    package var node: String?
    /// The namespace of that node: `host`, or the pod's name.
    package var namespace: String
    /// Whether what was lost is the packet that a tunnel wrapped around.
    package var isTunnelled: Bool
    /// The last look-up or decision of the way that fails.
    package var lastStep: Step?
    /// Whether the request arrived and only its answer is lost.
    package var losesReply: Bool
    package var reason: String
    /// Into ``ConnectionSurvey/connections``, ascending.
    package var connections: [Int]
}
