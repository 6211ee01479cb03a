import ClewNet
import ClewSnapshot

extension PacketWalk {
    /// `-m ipvs` (`xt_ipvs.c`).
    ///
    /// Only on its way to the real server is a packet's connection found; an answer that IPVS has translated has none.
    func virtual(_ match: IPVSMatch, _ state: WalkState) -> Ternary {
        let asksMore =
            match.ipProtocol != nil || match.address != nil || match.port != nil || match.isReply != nil
            || match.method != nil || match.controlPort != nil
        guard asksMore else { return Ternary(match.isHandled == state.isVirtual) }
        let packet = state.packet
        let client = SocketAddress(packet.source, packet.sourcePort)
        let real = SocketAddress(packet.destination, packet.destinationPort)
        let found = state.virtualConnections.first {
            $0.namespace == namespace.index && $0.ipProtocol == packet.ipProtocol && $0.client == client
                && $0.real == real
        }
        guard state.isVirtual, let found else { return .no }
        if let wanted = match.ipProtocol, (wanted.value == packet.ipProtocol) == wanted.isNegated { return .no }
        if let wanted = match.address, wanted.value.contains(found.virtual.address) == wanted.isNegated { return .no }
        if let wanted = match.port, (wanted.value == found.virtual.port) == wanted.isNegated { return .no }
        // Only masquerading is walked.
        if let wanted = match.method, (wanted.value == .masquerade) == wanted.isNegated { return .no }
        if let isReply = match.isReply, !state.hasConnection || isReply != state.isReplyDirection { return .no }
        return match.controlPort == nil ? .yes : .unknown
    }
}
