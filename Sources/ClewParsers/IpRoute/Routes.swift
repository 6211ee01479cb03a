import ClewBundle
import ClewNet
package import ClewSnapshot

/// Operations on lists of routes.
package enum Routes {
    /// The routes without repetitions; the first of equal ones stays.
    ///
    /// A node's routes are often collected twice: `ip route show table all` prints both families, and so does
    /// `ip -6 route` for its own. Equal are routes that lead the same packets the same way, wherever they were read.
    package static func deduplicated(_ routes: [Route]) -> [Route] {
        var seen: Set<Route> = []
        seen.reserveCapacity(routes.count)
        return routes.filter { seen.insert($0.withoutOrigin).inserted }
    }
}

extension Route {
    /// The route without what does not decide where a packet goes.
    fileprivate var withoutOrigin: Route {
        var copy = Route(
            destination: destination.network, type: type, table: table, nextHops: nextHops,
            source: SourceLine(ArtifactID(rawValue: 0), line: 0), text: "")
        copy.metric = metric
        copy.preferredSource = preferredSource
        copy.tos = tos
        copy.sourcePrefix = sourcePrefix
        return copy
    }
}
