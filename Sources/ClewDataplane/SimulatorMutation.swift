/// Ways to break the simulator on purpose, to see that the tests against the kernel notice; release builds have none.
///
/// What can be broken by changing a snapshot is broken there (`clew-lab mutants`); these are what no snapshot can say.
package enum SimulatorMutation: String, Sendable, Hashable, CaseIterable {
    /// The nat chains are asked for every packet of a connection.
    case translatesAgain
    /// Answers keep the addresses they were sent with.
    case answersStayTranslated
    /// Forwarding does not decrement the time to live.
    case timeToLiveStays
    /// A packet that OUTPUT gave another destination or mark keeps its route.
    case routesOnce
    /// A packet that comes in by lo has forgotten its connection.
    case loopbackForgets
}
