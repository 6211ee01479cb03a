package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// Reads routing tables: `ip route` as text or JSON, and `route -n`.
package enum IpRouteParser {
    /// Reads the routes of an artifact.
    ///
    /// Every entry's family is told by its addresses; `family` is for entries that have none (`default dev tun0`),
    /// and is IPv4 where it is `nil`.
    ///
    /// A routing table with a name that only the node knows gets a number derived
    /// from its letters, 1,000,000 or more, and one note among the unread lines.
    ///
    /// `table` is the table that the command asked for, if it asked for one: `ip route show table 100` does not print
    /// it. Where it is `nil` and no entry prints a table, routes of the types that live in table `local` (`local`,
    /// `broadcast`, `anycast`, `multicast`) are put there, all others in `main`.
    package static func parse(
        _ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?, table: RoutingTableID? = nil
    ) -> ParsedList<Route> {
        if ToolJSON.isJSON(bytes) {
            return RouteJSON.parse(bytes, artifact: artifact, family: family, table: table)
        }
        var parser = RouteText(bytes, artifact: artifact, family: family, table: table)
        return parser.parse()
    }
}
