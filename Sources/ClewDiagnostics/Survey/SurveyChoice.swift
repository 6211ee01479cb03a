/// Chooses connections of a plan that is over its limit, so that every node, every Service port and every kind of sender
/// has its share.
struct SurveyChoice {
    /// Ascending, into the plan.
    private(set) var chosen: [Int] = []
    private(set) var nodeStride = 1

    /// `offers` come first in the plan, in their order; what stands behind them is the network below the Services.
    init(_ offers: [SurveyOffer], planned: Int, limit: Int) {
        var isChosen = [Bool](repeating: false, count: planned)
        var left = limit
        func choose(_ index: Int) {
            guard left > 0, !isChosen[index] else { return }
            isChosen[index] = true
            left -= 1
        }
        let services = offers.last.map { $0.first + $0.connections.count } ?? 0
        for index in Self.evenly(Array(services..<planned), atMost: limit / 4) { choose(index) }
        let doubted = offers.filter(\.isDoubted).map { $0.first + $0.probed }
        for index in Self.evenly(doubted, atMost: limit / 4) { choose(index) }
        nodeStride = max(1, (offers.count + max(left, 1) - 1) / max(left, 1))
        for offer in offers where (offer.number + offer.node) % nodeStride == 0 {
            choose(offer.first + (offer.number / nodeStride + offer.node) % offer.connections.count)
        }
        for index in Self.evenly(isChosen.indices.filter { !isChosen[$0] }, atMost: left) { choose(index) }
        chosen = isChosen.indices.filter { isChosen[$0] }
    }

    private static func evenly(_ list: [Int], atMost limit: Int) -> [Int] {
        guard list.count > limit else { return list }
        return (0..<max(limit, 0)).map { list[$0 * list.count / limit] }
    }
}
