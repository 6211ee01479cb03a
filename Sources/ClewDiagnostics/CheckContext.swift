package import ClewDataplane
package import ClewIntent
package import ClewSnapshot

/// What checks look at.
package struct CheckContext: Sendable {
    package let snapshot: ClusterSnapshot
    package let dataplane: Dataplane
    /// Of each collected node, a contract for each family.
    package let contracts: [String: [ServiceContract]]
    package let survey: ConnectionSurvey

    package init(_ dataplane: Dataplane, contracts: [String: [ServiceContract]], survey: ConnectionSurvey) {
        snapshot = dataplane.snapshot
        self.dataplane = dataplane
        self.contracts = contracts
        self.survey = survey
    }

    /// The value of a host's kernel parameter, without blanks around it; `nil` where it was not collected.
    package func sysctl(_ key: String, on node: NodeSnapshot) -> Sysctl? { node.host.sysctls[key] }
}
