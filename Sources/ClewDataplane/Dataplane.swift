package import ClewNet
package import ClewSnapshot

/// What the nodes' kernels do with packets, compiled from a snapshot.
package struct Dataplane: Sendable {
    package let snapshot: ClusterSnapshot

    package init(compiling snapshot: ClusterSnapshot) {
        self.snapshot = snapshot
    }

    /// Walks one connection there and back.
    package func trace(_ flow: Flow) -> Trace {
        Trace(flow: flow, verdict: .unknown, branches: [], assumptions: [], unknowns: [])
    }

    /// Whose an address is, as far as the snapshot shows.
    package func owner(of address: IPAddress) -> AddressOwner { .nobody }
}
