import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// Every recorded kube-proxy node: a folder that holds one node's files, with objects beside them.
@Suite struct BundleRecordedTests {
    @Test func everyRecordedNodeIsReadWhole() {
        let folders = SharedData.folders("kube-proxy", for: "BundleRecordedTests").filter {
            SharedData.hasFile($0 + "/sysctl.txt")
        }
        for folder in folders {
            let bundle = SharedData.bundle(withObjects: folder)
            let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
            #expect(snapshot.nodes.map(\.name) == ["worker-a"], "\(folder)")
            #expect(snapshot.unreadText.prefix(5) == [], "\(folder)")
            guard let host = snapshot.nodes.first?.host else { continue }
            let isNative = folder.contains("--nftables")
            #expect(snapshot.nodes.first?.proxyMode == (isNative ? "nftables" : "iptables"), "\(folder)")
            #expect(snapshot.nodes.first?.proxyConfiguration?.mode == (isNative ? "nftables" : "iptables"), "\(folder)")
            #expect(host.ruleSets.contains { $0.backend == .native } == isNative || folder.contains("iptables-nft"))
            #expect(host.links?.contains { $0.name == "eth0" && !$0.addresses.isEmpty } == true, "\(folder)")
            #expect(host.routedFamilies == [.ipv4, .ipv6], "\(folder)")
            #expect(host.routes?.isEmpty == false && host.neighbors != nil, "\(folder)")
            #expect(host.conntrack?.isEmpty == false && host.sockets?.isEmpty == false, "\(folder)")
            #expect(host.sysctls["net.bridge.bridge-nf-call-iptables"]?.value == "1", "\(folder)")
            #expect(!snapshot.objects.services.isEmpty && !snapshot.objects.endpointSlices.isEmpty, "\(folder)")
        }
        if !folders.isEmpty { print("recorded nodes read whole: \(folders.count)") }
    }
}
