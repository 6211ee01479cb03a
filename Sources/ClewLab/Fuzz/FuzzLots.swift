import ClewDataplane

/// How often a packet went each of the ways that Clew names, with the probability Clew gives it.
struct FuzzLots {
    private struct Way {
        var branches: [Prediction.Branch]
        var probability: Double
        var count = 0
    }

    private var ways: [Way]
    private var total = 0
    private var strangers: [String] = []

    init(_ prediction: Prediction) {
        ways = prediction.ways.map { branches in
            Way(branches: branches, probability: branches.reduce(0) { $0 + $1.probability.value })
        }
    }

    /// The packets behind the first two draw lots of their own.
    mutating func note(_ exchange: Exchange) {
        var kernel = exchange
        kernel.goesOn = nil
        total += 1
        let index = ways.firstIndex { way in
            way.branches.contains { branch in
                var branch = branch
                branch.outcome = .unknown
                return Comparison.difference(kernel, branch, .steps) == nil
            }
        }
        if let index {
            ways[index].count += 1
        } else {
            strangers.append(kernel.lines.joined(separator: ", "))
        }
    }

    /// What is not as Clew says; six standard deviations are never reached by chance.
    var difference: String? {
        // As elsewhere, what is seen once or twice may be a machine that is late.
        if strangers.count > 2 { return "a way that Clew does not know: \(strangers[0])" }
        for way in ways {
            let expected = Double(total) * way.probability
            let deviation = (expected * (1 - way.probability)).squareRoot()
            if abs(Double(way.count) - expected) > 6 * deviation + 1 {
                return "\(way.count) of \(total) packets went a way of probability \(way.probability)"
            }
        }
        return nil
    }
}

extension Prediction {
    /// Branches that the first packet and its answer cannot tell apart, together.
    ///
    /// Those of a packet that is not answered differ in its way only. What becomes of later packets, which draw anew,
    /// makes no way of its own.
    var ways: [[Branch]] {
        var result: [[Branch]] = []
        for branch in branches {
            if let index = result.firstIndex(where: {
                $0[0].exchange.there.end == branch.exchange.there.end
                    && (!hasAnswer || $0[0].exchange.back?.end == branch.exchange.back?.end)
            }) {
                result[index].append(branch)
            } else {
                result.append([branch])
            }
        }
        return result
    }
}
