import ClewBundle
import ClewDataplane
import ClewLab
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// What a kernel with IPVS and IP in IP did, recorded by `clew-lab vm --record`, against Clew on the same bundles.
@Suite struct RecordedIPVSTests {
    private static let folder = SharedData.packageRoot + "/Tests/Corpus/lab-ipvs"

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".tsv") }.map { String($0.dropLast(4)) }.sorted()
    }()

    private static func dataplane(_ name: String) -> Dataplane {
        Dataplane(
            compiling: ClusterSnapshot(parsing: SharedData.bundle("\(folder)/\(name).tar.zst"), nodeName: nil))
    }

    @Test(arguments: names) func everyConnectionEndsAsItDid(name: String) throws {
        let bytes = try #require(SharedData.bytes("\(Self.folder)/\(name).tsv"))
        let flows = try #require(ProbeRecord.read(String(decoding: bytes, as: UTF8.self)))
        #expect(flows.count >= 131)
        let dataplane = Self.dataplane(name)
        let sticky = dataplane.snapshot.objects.services.filter { $0.sessionAffinity == "ClientIP" }
        var counts: [FlowComparison.Agreement: Int] = [:]
        for (flow, tries) in flows {
            // One try decides what the next does.
            let isSticky = sticky.contains { $0.clusterIPs.contains(flow.destination.address) }
            let comparison = FlowComparison(flow, tries, try flow.trace(in: dataplane), followsLots: !isSticky)
            counts[comparison.agreement, default: 0] += 1
            #expect(comparison.complaints == [], "\(flow.description)")
        }
        #expect(counts[.disagree] == nil)
        #expect(counts[.unknown, default: 0] <= 1)
    }

    @Test func thereAreRecordings() { #expect(Self.names.count >= 9) }

    private static func trace(_ name: String, _ from: String, _ to: String) throws -> Trace {
        let dataplane = dataplane("bridge-hostgw-ipvs-\(name)")
        let flows = try FlowResolver(dataplane).flows(for: try FlowRequest(from: from, to: to))
        return dataplane.trace(try #require(flows.first))
    }

    /// Document 000: the ClusterIP, on kube-ipvs0, becomes the source of the node's own process; it lies inside the
    /// cluster CIDR, so that nothing masquerades it, and a node that has it too takes it for a martian.
    @Test func aServiceRangeInsideTheClusterCIDRFailsFromNodesToOtherNodes() throws {
        let name = "services-in-cluster-cidr"
        let trace = try Self.trace(name, "node/worker-a", "svc/shop/api")
        #expect(trace.verdict == .partly)
        let failed = try #require(trace.branches.first { $0.outcome == .fails })
        #expect(!failed.isMasqueraded && failed.snat == nil)
        #expect(failed.decidedBy?.node == "worker-b")
        #expect(failed.reason.contains("its own address 10.96.0.20") && failed.reason.contains("martian"))
        let works = try #require(trace.branches.first { $0.outcome == .works })
        #expect(works.deliveredTo?.pod == "shop/api-0")
        #expect(try Self.trace(name, "pod/shop/web-0", "svc/shop/api").verdict == .works)
        // With the Services outside of the CIDR the same packet is masqueraded.
        let healthy = try Self.trace("healthy", "node/worker-a", "svc/shop/api")
        #expect(healthy.verdict == .works)
        #expect(!healthy.branches.contains { !$0.isMasqueraded })
    }

    @Test(arguments: [
        ("real-server-missing", "the virtual server 10.96.0.22:80 on worker-a has no real server"),
        ("real-server-weight-zero", "the virtual server 10.96.0.22:80 on worker-a has only real servers of weight 0"),
        ("vip-missing", "no route on router to 10.96.0.22"),
    ])
    func theFaultIsNamed(name: String, reason: String) throws {
        let trace = try Self.trace(name, "pod/shop/web-0", "svc/shop/api-b")
        #expect(trace.verdict == .fails)
        #expect(trace.branches.first?.reason.hasPrefix(reason) == true)
        #expect(try Self.trace("healthy", "pod/shop/web-0", "svc/shop/api-b").verdict == .works)
    }

    /// worker-a's table held all the entries it may hold, each ASSURED: no connection through it was made any more.
    @Test func aFullConntrackTableIsNamed() throws {
        let dataplane = Self.dataplane("ipip-conntrack-full")
        let request = try FlowRequest(from: "pod/shop/web-0", to: "svc/shop/api-b")
        let trace = dataplane.trace(try #require(try FlowResolver(dataplane).flows(for: request).first))
        #expect(trace.verdict == .fails)
        let reason = "the conntrack table of worker-a is full: it holds 12000 entries, and may hold 12000"
        #expect(trace.branches.map(\.reason) == [reason])
        #expect(trace.branches.first?.decidedBy?.text == "net.netfilter.nf_conntrack_max = 12000")
    }
}
