package import ClewNet
package import ClewSnapshot

/// Walks packets through the rules and routes of one node, from where they come in to where they leave it.
///
/// For many packets: events are kept as they are, and put into words for a packet that is asked about. What a trace does
/// between nodes, and with the answer, is not done.
package struct LocalWalk {
    private var tracer: Tracer
    private let namespace: CompiledNamespace

    /// How the packet that was walked last can leave the node, in the order of the rules.
    package var ends: [LocalEnd] { tracer.localEnds }
    /// How many rules were tried for it.
    package private(set) var rulesTried = 0

    /// `nil` where the node was not collected.
    package init?(_ dataplane: Dataplane, node: String) {
        let flow = Flow(
            origin: .host(node: node), destination: .zero(.ipv4), destinationPort: 0, ipProtocol: .tcp, fromText: "",
            toText: "")
        guard let namespace = dataplane.world.host(node),
            let tracer = Tracer(world: dataplane.world, flow: flow, staysLocal: true)
        else { return nil }
        self.tracer = tracer
        self.namespace = namespace
    }

    /// Walks a connection's first packet: in by a link, or sent by a process where `link` is `nil`.
    ///
    /// Its ends are ``ends``.
    package mutating func walk(_ tuple: ConntrackTuple, from link: String? = nil) {
        walk(tuple, in: link.map { namespace.linkIndex(named: $0) })
    }

    /// The same for what a pod of the node sends: it comes in by the link that the node's route to the pod names.
    package mutating func walk(_ tuple: ConntrackTuple, fromPod address: IPAddress) {
        let link = PodAttachment(of: address, on: namespace, in: tracer.world)?.link
        walk(tuple, in: link ?? namespace.defaultLink(address.family))
    }

    /// The same for what comes in from elsewhere, by the link of the default route.
    package mutating func walkFromOutside(_ tuple: ConntrackTuple) {
        walk(tuple, in: namespace.defaultLink(tuple.source.family))
    }

    private mutating func walk(_ tuple: ConntrackTuple, in link: LinkIndex?) {
        var bounds = WalkBounds()
        tracer.interpreter.domain.arena.removeAll()
        tracer.localEnds.removeAll(keepingCapacity: true)
        let state = WalkState(packet: Packet(opening: tuple))
        let namespace = namespace
        tracer.walk(within: &bounds) { tracer in
            if let link {
                tracer.receive(state, on: link, of: namespace)
            } else {
                tracer.sendLocally(state, from: namespace)
            }
        }
        rulesTried = WalkBounds().rules - bounds.rules
    }

    /// The chance of each end, all together one; what cannot be told apart from an end has its chance too.
    package func chances() -> [Fraction] {
        let leaves = ends.map(\.path)
        let graph = PathGraph(tracer.interpreter.domain.arena, leaves: leaves)
        let settlement = Settlement(graph, leaves: leaves, signatures: Array(leaves.indices))
        var result = [Fraction](repeating: .zero, count: leaves.count)
        for (ending, chance) in settlement.endings {
            if case .leaf(let leaf) = ending { result[leaf] = chance }
        }
        return result
    }

    /// What happened to the packet on its way to an end, step by step.
    package func steps(to end: LocalEnd) -> [Step] {
        let arena = tracer.interpreter.domain.arena
        var account = PathAccount(world: tracer.world, opening: end.opening, mostSteps: .max)
        for event in arena.events(to: end.path) { account.take(event, of: arena) }
        account.close()
        return account.hops.flatMap(\.steps)
    }
}

/// How a packet leaves a node, one way.
package struct LocalEnd: Sendable {
    /// `leavesSnapshot`: out by a link; `delivered`: to a process or a tunnel of the node.
    package var disposition: Disposition
    /// The packet then.
    package var tuple: ConntrackTuple
    package var mark: UInt32
    var path: PathIndex
    var opening: ConntrackTuple
}

extension Tracer {
    /// The packet leaves the walk of a node.
    mutating func leaveWalk(_ state: WalkState, _ disposition: Disposition) {
        var state = state
        log(.ended, &state)
        localEnds.append(
            LocalEnd(
                disposition: disposition, tuple: state.packet.tuple, mark: state.packet.mark, path: state.path,
                opening: state.opening))
    }
}
