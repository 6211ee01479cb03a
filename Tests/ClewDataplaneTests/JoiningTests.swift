import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@testable import ClewDataplane

/// That equal packets go on as one changes no answer: against a walk in which each goes alone.
@Suite struct JoiningTests {
    /// What a leaf comes to.
    struct Outcome: Hashable {
        var disposition: Disposition
        var dnat: SocketAddress?
        var snat: IPAddress?
        var outcome: BranchOutcome
        var reply: Disposition?

        init(_ branch: TraceBranch) {
            disposition = branch.disposition
            dnat = branch.dnat
            snat = branch.snat
            outcome = branch.outcome
            reply = branch.reply?.disposition
        }
    }

    /// Random rules of two tables and NAT on the receiving node.
    static func bundle(_ generator: inout SeededGenerator) -> TextBundle {
        var bundle = SimulatorTests.pair()
        bundle.append("10.96.0.0/16 via 192.168.50.12 dev eth0", to: "nodes/a/ip-route.txt")
        func matches() -> String {
            let choices = [
                "", "-m time --timestart 08:00 ", "-m statistic --mode random --probability 0.5 ",
                "-m mark --mark 0x1/0x1 ", "-m mark ! --mark 0x2/0x2 ", "-d 10.244.2.6/32 ", "-d 10.244.2.7/32 ",
                "-s 10.244.1.0/24 ", "-m mark --mark 0x2/0x2 -m time --timestop 09:00 ",
            ]
            return choices[Int.random(in: 0..<choices.count, using: &generator)]
        }
        func rules(_ chain: String, _ count: Int, _ targets: [String]) -> [String] {
            (0..<count).map { _ in
                "-A \(chain) \(matches())-j \(targets[Int.random(in: 0..<targets.count, using: &generator)])"
            }
        }
        let marks = ["MARK --set-xmark 0x1/0x1", "MARK --set-xmark 0x0/0x1", "MARK --set-xmark 0x2/0x2"]
        let mangle = rules("PREROUTING", 3, marks + ["m"]) + rules("m", 2, marks + ["RETURN"])
        let nat = (0..<2).map { number in
            "-A PREROUTING -d 10.96.0.1/32 -p tcp \(matches())-j DNAT --to-destination 10.244.2.\(6 + number):80"
        }
        let filter =
            rules("FORWARD", 3, ["f", "f", "DROP", "ACCEPT", "REJECT"]) + rules("f", 2, ["DROP", "RETURN", "ACCEPT"])
        bundle["nodes/b/iptables-save.txt"] = """
            *mangle
            :PREROUTING ACCEPT [0:0]
            :m - [0:0]
            \(mangle.joined(separator: "\n"))
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            \(nat.joined(separator: "\n"))
            -A PREROUTING -d 10.96.0.1/32 -p tcp -j DNAT --to-destination 10.244.2.6:80
            COMMIT
            *filter
            :FORWARD ACCEPT [0:0]
            :f - [0:0]
            \(filter.joined(separator: "\n"))
            COMMIT

            """
        return bundle
    }

    /// The least and the greatest chance of an outcome, over all that the unknowns may be.
    static func bounds(
        _ graph: PathGraph, _ leafAt: [Int32: Outcome], _ wanted: Outcome
    ) -> (least: Fraction, greatest: Fraction) {
        var least = [Fraction](repeating: .zero, count: graph.count)
        var greatest = least
        for position in (0..<graph.count).reversed() {
            if let own = leafAt[Int32(position)] {
                least[position] = own == wanted ? .one : .zero
                greatest[position] = least[position]
                continue
            }
            switch graph.step(from: position) {
            case .end: break
            case .on(let next): (least[position], greatest[position]) = (least[Int(next)], greatest[Int(next)])
            case .chance(let ways):
                for way in ways {
                    guard case .chance(let numerator, let denominator)? = graph.event(at: Int(way)) else { continue }
                    let chance = Fraction(numerator, denominator)
                    least[position] = least[position] + chance * least[Int(way)]
                    greatest[position] = greatest[position] + chance * greatest[Int(way)]
                }
            case .unknown(let taken, let other, _):
                let ways = [taken, other].compactMap { $0 }
                least[position] = ways.map { least[Int($0)] }.min() ?? .zero
                greatest[position] = ways.map { greatest[Int($0)] }.max() ?? .zero
            case .unexplained: Issue.record("a node leads on in several ways")
            }
        }
        return (least[0], greatest[0])
    }

    @Test(arguments: 0..<250)
    func packetsThatGoAloneComeToTheSame(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let dataplane = Dataplane(
            compiling: ClusterSnapshot(parsing: Self.bundle(&generator).bundle, nodeName: nil))
        let request = try FlowRequest(from: "10.244.1.5", to: "10.96.0.1:80")
        let flow = try #require(try FlowResolver(dataplane).flows(for: request).first)
        var alone = try #require(Tracer(world: dataplane.world, flow: flow))
        alone.interpreter.domain.joinsEqual = false
        let branches = alone.branches()
        // Too many ways to be walked one by one.
        guard
            !branches.contains(where: { branch in
                branch.forward.state.isCut || branch.reply?.state.isCut == true
                    || branch.next.contains { $0.state.isCut }
            })
        else { return }
        let graph = PathGraph(alone.interpreter.domain.arena, leaves: branches.map(\.leaf))
        var leafAt: [Int32: Outcome] = [:]
        let judge = BranchJudge(tracer: alone)
        for branch in branches {
            leafAt[graph.position(of: branch.leaf)] = Outcome(judge.judge(branch, unread: nil).branch)
        }
        var joined = try #require(Tracer(world: dataplane.world, flow: flow))
        let trace = joined.run()
        #expect(trace.branches.reduce(Fraction.zero) { $0 + $1.probability }.isOne, "seed \(seed)")
        var certain: [Outcome: Fraction] = [:]
        for branch in trace.branches where branch.outcome != .unknown && branch.disposition != .indeterminate {
            certain[Outcome(branch), default: .zero] = certain[Outcome(branch), default: .zero] + branch.probability
        }
        for (outcome, chance) in certain {
            let bounds = Self.bounds(graph, leafAt, outcome)
            // A failing end may stand for several that all fail.
            guard outcome.outcome == .works else { continue }
            #expect(chance <= bounds.least, "seed \(seed), \(outcome): \(chance) of at least \(bounds.least)")
        }
        for outcome in Set(leafAt.values) where certain[outcome] == nil && outcome.outcome != .unknown {
            let least = Self.bounds(graph, leafAt, outcome).least
            #expect(least.isZero || trace.verdict != .works, "seed \(seed), \(outcome)")
        }
        if trace.verdict == .works { #expect(Set(leafAt.values).allSatisfy { $0.outcome == .works }, "seed \(seed)") }
        if trace.verdict == .fails { #expect(Set(leafAt.values).allSatisfy { $0.outcome == .fails }, "seed \(seed)") }
        if !graph.hasUnknowns {
            for (outcome, chance) in certain {
                #expect(chance == Self.bounds(graph, leafAt, outcome).least, "seed \(seed), \(outcome)")
            }
        }
    }
}
