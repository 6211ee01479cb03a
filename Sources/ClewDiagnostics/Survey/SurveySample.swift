/// How connections were chosen where there are more than are walked.
package struct SurveySample: Sendable, Hashable {
    /// How many connections there are to choose from.
    package var planned: Int
    package var chosen: Int
    /// Every Service port is tried from every so-manieth node, by the kinds of senders in turn.
    package var nodeStride: Int
    /// Pairs of a node and a Service port of which the node's rules were tried.
    package var probed: Int
    /// Those of them that the rules do not send where the API asks; they were chosen first.
    package var doubted: Int
}

extension SurveySample: CustomStringConvertible {
    /// One sentence, lower case, without a period.
    package var description: String {
        let nodes =
            nodeStride == 1
            ? "each Service port from every node"
            : "each Service port from every \(nodeStride)\(Self.ending(of: nodeStride)) node"
        let rules = "the rules of every node were tried for every Service port (\(probed))"
        let found =
            doubted == 0
            ? "all as the API asks" : "\(doubted) not as the API asks, of which those walked were chosen first"
        return "\(chosen) of \(planned) connections were walked: \(nodes), senders in turn; \(rules): \(found)"
    }

    private static func ending(of number: Int) -> String {
        if (11...13).contains(number % 100) { return "th" }
        return switch number % 10 {
        case 1: "st"
        case 2: "nd"
        case 3: "rd"
        default: "th"
        }
    }
}
