package import ClewNet
package import ClewSnapshot

/// What the nodes' kernels do with packets, compiled from a snapshot.
package struct Dataplane: Sendable {
    package let snapshot: ClusterSnapshot
    let world: World

    package init(compiling snapshot: ClusterSnapshot) {
        self.snapshot = snapshot
        world = World(snapshot)
    }

    init(_ world: World) {
        snapshot = world.snapshot
        self.world = world
    }

    #if DEBUG
        /// A simulator that is wrong in these ways.
        package init(compiling snapshot: ClusterSnapshot, breaking mutations: Set<SimulatorMutation>) {
            self.snapshot = snapshot
            world = World(snapshot, mutations: mutations)
        }
    #endif

    /// Walks one connection there and back.
    package func trace(_ flow: Flow) -> Trace {
        Tracer.trace(flow, in: world)
    }

    /// Whose an address is, as far as the snapshot shows.
    package func owner(of address: IPAddress) -> AddressOwner { world.owner(of: address) }
}
