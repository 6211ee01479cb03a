import ClewBundle
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// What the checks say of nodes whose rules a real kube-proxy wrote, and of rule sets from anywhere.
@Suite struct RecordedFolderTests {
    private static func run(_ bundle: SupportBundle) -> CheckRun {
        CheckRun(
            CheckCatalogue.all, in: CheckContext(Dataplane(compiling: ClusterSnapshot(parsing: bundle, nodeName: nil))))
    }

    private static func name(_ folder: String) -> String {
        folder.split(separator: "/").last.map(String.init) ?? folder
    }

    /// Scenarios whose objects are wrong by design: Services of which all pods are not ready, or that name no port.
    private static let faultyByDesign = ["b-noendpoints"]

    @Test func healthyNodesHaveNoErrorsAndNoWarnings() {
        let folders = SharedData.folders("kube-proxy", for: "healthy kube-proxy folders").filter { folder in
            let name = Self.name(folder)
            // 25,000 endpoints are walked in the benchmarks, not here.
            return !name.hasPrefix("x") && !name.hasPrefix("m-scale") && !name.hasPrefix("partial-sync")
                && !Self.faultyByDesign.contains { name.hasPrefix($0) }
        }
        for folder in folders {
            let found = Self.run(SharedData.bundle(withObjects: folder)).findings.filter { $0.severity > .notice }
            #expect(found.map { "\($0.check.code) \($0.message)" } == [], "\(Self.name(folder))")
        }
    }

    @Test func eachRealFaultIsOneFinding() {
        let expected = [
            "x1": ["KPX002", "KPX006"], "x2": ["KPX007"], "x3": ["FW001"], "x4": ["KPX005"], "x5": ["FW008"],
            "x6": ["KPX004"],
        ]
        for folder in SharedData.folders("kube-proxy", for: "real faults") where Self.name(folder).hasPrefix("x") {
            let key = String(Self.name(folder).prefix(2))
            let found = Self.run(SharedData.bundle(withObjects: folder)).findings.filter { $0.severity > .notice }
            #expect(found.count == 1, "\(key): \(found.map { "\($0.check.code) \($0.message)" })")
            #expect(
                expected[key]?.contains(found.first?.check.code ?? "") ?? false, "\(key): \(found.map(\.check.code))")
        }
    }

    /// Without objects there is nothing that the API asks for: what is said of rules alone is a guess at most.
    @Test func rulesAloneProveNothing() {
        var files = 0
        for folder in SharedData.folders("corpus", for: "rule sets alone") where Self.name(folder) == "iptables-save" {
            for artifact in SharedData.bundle(folder).artifacts {
                files += 1
                let renamed = Artifact(path: "nodes/node/iptables-save.txt", bytes: artifact.bytes)
                let run = Self.run(SupportBundle(name: "case", artifacts: [renamed]))
                let proven = run.findings.filter { $0.confidence == .proven && $0.severity > .notice }
                #expect(proven.map { "\($0.check.code) \($0.message)" } == [], "\(artifact.path)")
            }
        }
        print("rule sets alone: \(files) files")
    }
}
