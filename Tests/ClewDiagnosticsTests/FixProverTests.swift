import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// A fix counts as proven only where every broken connection works afterwards and no other is lost.
@Suite struct FixProverTests {
    private static let context = CheckContext(
        Dataplane(
            compiling: ClusterSnapshot(
                parsing: SharedData.bundle(SharedData.packageRoot + "/Examples/bridge-nf-off"), nodeName: nil)))

    private static func proof(_ edits: [SnapshotEdit]) -> FixProof {
        let metadata = CheckMetadata(
            code: "TST001", name: "test", group: .walk, severity: .error, finds: "", matters: "", fix: "", sources: [])
        let finding = Finding(
            metadata, on: .cluster, .proven, message: "", explains: context.survey.lost.map(\.id))
        return FixProver(context).proof(of: Fix("a change", edits: edits, commands: []), for: finding)
    }

    private static let bridge = "net.bridge.bridge-nf-call-iptables"

    @Test func theSurveyFindsTheLineThatLosesTheReply() throws {
        let lost = try #require(Self.context.survey.lost.first)
        #expect(Self.context.survey.lost.count == 1)
        #expect(lost.decision?.text == "\(Self.bridge) = 0")
        #expect(lost.node == "worker-a")
        #expect(lost.losesReply)
    }

    @Test func theRightKernelParameterIsProven() {
        guard case .proven(let change) = Self.proof([.setSysctl(.host(node: "worker-a"), key: Self.bridge, value: "1")])
        else {
            Issue.record("not proven")
            return
        }
        #expect(change.repaired.count == Self.context.survey.failing)
        #expect(change.broken.isEmpty && change.stillFailing.isEmpty)
    }

    @Test func aChangeOfSomethingElseIsNot() {
        let proof = Self.proof([.setSysctl(.host(node: "worker-b"), key: Self.bridge, value: "1")])
        guard case .notProven(let change?, _) = proof else {
            Issue.record("\(proof)")
            return
        }
        #expect(change.repaired.isEmpty && !change.stillFailing.isEmpty)
    }

    @Test func aRemedyThatBreaksMoreIsNot() {
        let proof = Self.proof([
            .setSysctl(.host(node: "worker-a"), key: Self.bridge, value: "1"),
            .setSysctl(.host(node: "worker-a"), key: "net.ipv4.ip_forward", value: "0"),
        ])
        guard case .notProven(let change?, let why) = proof else {
            Issue.record("another proof than notProven")
            return
        }
        #expect(!change.broken.isEmpty)
        #expect(why.contains("works now and would not"))
    }
}
