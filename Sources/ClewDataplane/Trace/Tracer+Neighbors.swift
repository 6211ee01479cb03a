import ClewNet
import ClewSnapshot

extension Tracer {
    /// IPv6 asks for neighbours with packets that the rules see, as ARP's are not.
    ///
    /// Where INPUT does not let a solicitation in, or OUTPUT the advertisement out, nobody learns this namespace's
    /// Ethernet address, unless an entry for it is left from before or was made by hand. Conntrack leaves both untracked
    /// (`nf_conntrack_icmpv6_error`).
    mutating func doubtNeighborDiscovery(_ namespace: CompiledNamespace, _ state: inout WalkState) {
        guard state.packet.family == .ipv6, let device = namespace.link(state.packet.input), !device.isLoopback,
            state.outer.isEmpty
        else { return }
        switch device.kind {
        case .vxlan, .ipip, .sit, .gre, .tun, .wireguard: return
        default: break
        }
        guard
            let own = device.addresses.first(where: {
                $0.address.family == .ipv6 && !$0.address.address.isLinkLocal
            })?.address.address
        else { return }
        func passes(_ hook: Hook, _ type: UInt16, from source: IPAddress, to destination: IPAddress) -> Bool {
            let entries = namespace.entries(hook, .ipv6, reversed: isReversed)
            guard !entries.isEmpty else { return true }
            var packet = Packet(
                opening: ConntrackTuple(
                    source: source, destination: destination, ipProtocol: .icmpv6, sourcePort: 0,
                    destinationPort: type << 8))
            packet.ttl = 255
            if hook == .input { packet.input = state.packet.input } else { packet.output = state.packet.input }
            var probe = WalkState(packet: packet)
            probe.conntrackState = .untracked
            return interpreter.traverse(hook, entries, probe).allSatisfy { $0.verdict == .accept }
        }
        if !passes(.input, 135, from: state.packet.source, to: own)
            || !passes(.output, 136, from: own, to: state.packet.source)
        {
            doubt(
                "\(namespace.place) does not let neighbour discovery through: who sends to it may not find it",
                &state)
        }
    }
}
