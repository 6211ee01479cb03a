/// What kind of thing loses a packet: what checks go by, where people read the reason.
package enum LossCause: Sendable, Hashable {
    /// A rule drops or rejects it; in which table and chain.
    case rule(table: String, chain: String)
    /// It meets no rule that lets it through, and the base chain's policy is DROP.
    case policy(table: String, chain: String)
    /// `net.ipv4.ip_forward` and its like.
    case forwardingOff
    /// `rp_filter`.
    case reversePathFilter
    /// A source or destination that no setting lets in.
    case martian
    /// `route_localnet`.
    case routeLocalnet
    /// A bridge does not send a frame back out of the port it came by.
    case hairpinOff
    /// A bridge port that does not forward, or is isolated.
    case bridgePortBlocked
    /// The answer is bridged past the conntrack entry that would translate it back; whether the setting is there at all.
    case skipsConntrack(isModuleLoaded: Bool)
    /// The answer comes from an address that the client did not write to.
    case stranger
    /// A tunnel device knows no neighbour for the next hop.
    case noNeighbor
    /// A tunnel device knows no remote for the neighbour.
    case noForwardingEntry
    case noTunnelDevice
    /// A frame or packet for somebody else.
    case wrongAddress
    case noRoute
    /// A blackhole, unreachable or prohibit route, or such a policy rule.
    case refusingRoute
    /// Nobody answers for the address on the link.
    case noAnswer
    case linkDown
    case tooBig
    /// Conntrack has no room for another entry.
    case tableFull
    case noListener
    /// A ClusterIP that no rule translated leaves the node.
    case untranslated
    case loop
    /// It leaves the cluster with a pod's address that nobody outside knows.
    case notMasqueraded
    case other
}
