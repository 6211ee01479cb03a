import ClewBundle
import ClewCompare
import ClewDataplane
import ClewIntent
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// Nodes of the lab in IPVS mode, recorded on a kernel that has it: healthy ones in order, each fault found.
@Suite struct RecordedIPVSNodesTests {
    static func snapshot(_ name: String, _ change: (inout ClusterSnapshot) -> Void = { _ in }) -> ClusterSnapshot {
        let path = "\(SharedData.packageRoot)/Tests/Corpus/lab-ipvs/\(name).tar.zst"
        var snapshot = ClusterSnapshot(parsing: SharedData.bundle(path), nodeName: nil)
        change(&snapshot)
        return snapshot
    }

    static func compare(_ snapshot: ClusterSnapshot, _ node: String) throws -> NodeComparison {
        let result = ServicesComparison(Dataplane(compiling: snapshot)).compare(
            try #require(snapshot.node(named: node)))
        RecordedNodesTests.report("IPVS, \(node)", result, snapshot)
        return result
    }

    /// Service ports that are not in order, with what is said of them.
    static func damaged(_ node: NodeComparison) -> [String: Set<Difference.Kind>] {
        var result: [String: Set<Difference.Kind>] = [:]
        for port in node.ports where port.status != .inOrder {
            result[port.name.description] = Set(port.differences.map(\.kind))
        }
        return result
    }

    @Test(arguments: ["bridge-hostgw-ipvs-healthy", "ipip-ipvs-healthy"]) func healthyNodesAreInOrder(name: String)
        throws
    {
        let snapshot = Self.snapshot(name)
        let nodes = snapshot.objects.nodes.map(\.name)
        #expect(nodes.count == 3)
        for name in nodes {
            let node = try Self.compare(snapshot, name)
            #expect(Self.damaged(node) == [:] && node.causes.isEmpty)
            #expect(node.ports.count >= 14 && node.classCount > 100)
            #expect(node.parameters.contains { $0.name == "mode" && $0.value == "ipvs" })
        }
    }

    @Test func aHostThatIsNoNodeIsNotCompared() throws {
        let snapshot = Self.snapshot("bridge-hostgw-ipvs-healthy")
        let router = try Self.compare(snapshot, "router")
        #expect(router.isForeign && router.notCompared != nil && router.ports.isEmpty)
    }

    @Test(arguments: [
        ("real-server-missing", "shop/api-b", [Difference.Kind.notAskedReject]),
        ("real-server-weight-zero", "shop/api-b", [.notAskedReject]),
        ("vip-missing", "shop/api-b", [.missingEntry]),
    ])
    func theDamagedServiceIsNamed(fault: String, service: String, kinds: [Difference.Kind]) throws {
        let snapshot = Self.snapshot("bridge-hostgw-ipvs-\(fault)")
        let node = try Self.compare(snapshot, "worker-a")
        #expect(Self.damaged(node) == [service: Set(kinds)])
        #expect(node.causes.count == 1 && node.causes.allSatisfy { $0.example.isConfirmed })
        // Only that node was damaged.
        #expect(Self.damaged(try Self.compare(snapshot, "worker-b")) == [:])
    }

    @Test func aStaleVirtualServerIsNamed() throws {
        let snapshot = Self.snapshot("bridge-hostgw-ipvs-stale-virtual-server")
        let node = try Self.compare(snapshot, "worker-a")
        #expect(Self.damaged(node) == [:])
        let cause = try #require(node.causes.first)
        #expect(node.causes.count == 1 && cause.kinds == [.staleEntry] && cause.example.isConfirmed)
        #expect(cause.services.isEmpty)
    }

    @Test func aWrongWeightIsNamed() throws {
        var place: SourceLine?
        let snapshot = Self.snapshot("bridge-hostgw-ipvs-healthy") { snapshot in
            let worker = snapshot.nodes.firstIndex { $0.name == "worker-a" } ?? 0
            var servers = snapshot.nodes[worker].host.virtualServers ?? []
            let several = servers.firstIndex {
                $0.realServers.count > 1 && $0.address.map { "\($0)" } == "10.96.0.20"
            }
            guard let number = several else { return }
            servers[number].realServers[1].weight = 3
            servers[number].scheduler = .init(rawValue: "wrr")
            place = servers[number].realServers[1].source
            snapshot.nodes[worker].host.virtualServers = servers
        }
        let node = try Self.compare(snapshot, "worker-a")
        let damaged = Self.damaged(node)
        #expect(damaged.count == 1 && damaged.values.allSatisfy { $0 == [.wrongWeight] })
        #expect(damaged.keys.allSatisfy { $0.hasPrefix("shop/api:") })
        #expect(node.causes.map(\.cause.source) == [try #require(place)])
    }

    @Test func packetsThatConntrackLetsGoAreNotMasqueraded() throws {
        let snapshot = Self.snapshot("bridge-hostgw-ipvs-vs-conntrack-off")
        let node = try Self.compare(snapshot, "worker-a")
        #expect(node.causes.count == 1)
        let cause = try #require(node.causes.first)
        #expect(cause.kinds == [.missingMasquerade] && cause.cause.text == "net.ipv4.vs.conntrack = 0")
    }
}
