import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// Nodes that a real kube-proxy programmed, with nothing wrong below it.
@Suite struct HealthyNetworksTests {
    private static let name = "HealthyNetworksTests"
    private static let folders = SharedData.folders("kube-proxy", for: name).filter { folder in
        let last = folder.split(separator: "/").last ?? ""
        return !last.hasPrefix("x") && !last.hasPrefix("m-") && !last.hasPrefix("partial")
    }
    /// What lies below Services: those are others' to judge.
    private static let groups: Set<CheckGroup> = [.kernel, .routing, .bridge, .firewall, .calico, .controlPlane]

    @Test(arguments: folders) func nothingIsWrongBelowTheServices(folder: String) {
        let snapshot = ClusterSnapshot(parsing: SharedData.bundle(withObjects: folder), nodeName: nil)
        let checks = CheckCatalogue.all.filter { Self.groups.contains(type(of: $0).metadata.group) }
        let context = CheckContext(Dataplane(compiling: snapshot), connectionLimit: 2_000)
        let found = checks.flatMap { $0.findings(in: context) }.filter { $0.severity > .notice }
        #expect(found.map { "\($0.check.code) \($0.subject) \($0.message)" } == [])
    }
}
