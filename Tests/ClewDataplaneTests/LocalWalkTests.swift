import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@testable import ClewDataplane

/// The walk of one node says what a trace says of that node.
@Suite struct LocalWalkTests {
    static func tuple(_ source: String, _ destination: String) throws -> ConntrackTuple {
        ConntrackTuple(
            source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
            ipProtocol: .tcp, sourcePort: 40_000, destinationPort: 80)
    }

    @Test func itsEndsAreTheTracesHopThroughTheNode() throws {
        var bundle = WalkBoundsTests.bundle(
            WalkBoundsTests.statistic(5) { "DNAT --to-destination 10.244.2.\(7 + $0):80" }
                + WalkBoundsTests.filter(["-A FORWARD -d 10.244.2.9/32 -j DROP"]))
        bundle.append("10.96.0.0/16 via 192.168.50.12 dev eth0", to: "nodes/a/ip-route.txt")
        let dataplane = Dataplane(compiling: ClusterSnapshot(parsing: bundle.bundle, nodeName: nil))
        var walk = try #require(LocalWalk(dataplane, node: "b"))
        // Twice: the second walk knows nothing of the first.
        for _ in 0..<2 { walk.walk(try Self.tuple("10.244.1.5", "10.96.0.1"), from: "eth0") }
        let trace = try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.96.0.1:80")
        #expect(walk.ends.count == 6)
        let chances = walk.chances()
        #expect(chances.reduce(Fraction.zero) { $0 + $1 }.isOne)
        for (end, chance) in zip(walk.ends, chances) {
            let isDropped = end.tuple.destination == IPAddress("10.244.2.9")
            #expect(end.disposition == (isDropped ? .dropped : .leavesSnapshot))
            let branch = try #require(trace.branches.first { $0.dnat?.address == end.tuple.destination })
            #expect(branch.probability == chance)
            let hop = try #require(branch.hops.first { $0.node == "b" })
            #expect(walk.steps(to: end).map(\.text) == hop.steps.map(\.text))
        }
    }

    @Test func aProcessOfTheNodeSends() throws {
        let bundle = WalkBoundsTests.bundle(WalkBoundsTests.filter(["-A OUTPUT -d 10.244.1.0/24 -j REJECT"]))
        let dataplane = Dataplane(compiling: ClusterSnapshot(parsing: bundle.bundle, nodeName: nil))
        var walk = try #require(LocalWalk(dataplane, node: "b"))
        walk.walk(try Self.tuple("192.168.50.12", "10.244.1.5"))
        #expect(walk.ends.map(\.disposition) == [.rejected])
        walk.walk(try Self.tuple("192.168.50.12", "10.244.2.6"))
        #expect(walk.ends.map(\.disposition) == [.leavesSnapshot])
        walk.walk(try Self.tuple("192.168.50.12", "192.168.50.12"))
        #expect(walk.ends.map(\.disposition) == [.delivered])
        #expect(LocalWalk(dataplane, node: "z") == nil)
    }
}
