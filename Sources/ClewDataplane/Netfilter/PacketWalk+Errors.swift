import ClewNet
import ClewSnapshot

/// ICMP errors in conntrack, and what it has no room for.
extension PacketWalk {
    /// `__nf_conntrack_alloc`: where there is no room, an entry nearby makes some that is not ASSURED (`early_drop`).
    mutating func findTableFull(_ state: inout WalkState) {
        guard let entries = namespace.state.conntrack, !entries.isEmpty, entries.allSatisfy(\.isAssured) else {
            let count = namespace.sysctl("net.netfilter.nf_conntrack_count")
            let text = "the conntrack table of \(namespace.place) is full: whether an entry makes room is not known"
            return doubt(text, source: count?.source, &state)
        }
        state.findsTableFull = true
    }

    /// `nf_conntrack_inet_error`: an ICMP error belongs to the connection of the packet it quotes, or is INVALID.
    mutating func attachError(_ quoted: ConntrackTuple, _ state: inout WalkState) {
        let wanted = quoted.reversed
        for number in state.parked.indices where state.parked[number].namespace == namespace.index {
            let known = state.parked[number]
            let isReply = known.reply == wanted
            guard isReply || known.original == wanted else { continue }
            guard (isReply ? known.reply : known.original).destination == state.packet.destination else { break }
            state.connection = state.parked.remove(at: number)
            state.hasConnection = true
            state.isReplyDirection = isReply
            state.conntrackState = .related
            return
        }
        state.conntrackState = .invalid
        state.wasInvalid = true
    }

    /// `nf_nat_icmp_reply_translation`: the quoted packet changes on the side that the error itself does not.
    func rewriteQuoted(_ sent: ConntrackTuple, _ changesDestination: Bool, _ state: inout WalkState) {
        if changesDestination {
            state.quoted?.source = sent.source
            state.quoted?.sourcePort = sent.sourcePort
        } else {
            state.quoted?.destination = sent.destination
            state.quoted?.destinationPort = sent.destinationPort
        }
    }
}
