import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// What `clew check` says of the examples, and of each with one fault more.
@Suite struct ExampleFindingsTests {
    static func snapshot(_ example: String) -> ClusterSnapshot {
        ClusterSnapshot(parsing: SharedData.bundle(SharedData.packageRoot + "/Examples/" + example), nodeName: nil)
    }

    static func run(_ snapshot: ClusterSnapshot) -> CheckRun {
        CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: snapshot)))
    }

    private static func isProven(_ finding: Finding) -> Bool {
        finding.fixes.contains { if case .proven = $0.proof { true } else { false } }
    }

    @Test(arguments: ["bridge-nf-on", "calico-two-nodes"])
    func aHealthyClusterHasNoFindings(example: String) {
        let findings = Self.run(Self.snapshot(example)).findings
        #expect(findings.filter { $0.severity > .notice }.map(\.check.code) == [])
    }

    @Test func bridgedAnswersAreOneCauseWithAProvenFix() throws {
        let run = Self.run(Self.snapshot("bridge-nf-off"))
        let finding = try #require(run.findings.first)
        #expect(run.findings.map(\.check.code) == ["BR001"])
        #expect(finding.subject == .node("worker-a"))
        #expect(finding.affected?.count == run.failing)
        #expect(Self.isProven(finding))
    }

    /// Each edit breaks the healthy cluster of document 002 in one way.
    @Test(arguments: [
        (SnapshotEdit.setSysctl(.host(node: "worker-a"), key: "net.ipv4.ip_forward", value: "0"), "SYS001", true),
        (.setSysctl(.host(node: "worker-b"), key: "net.ipv4.conf.cni0.forwarding", value: "0"), "SYS003", true),
        (
            .insertRule(
                EditedTable(node: "worker-a", table: "filter"), chain: "FORWARD", at: 1, rule: "-i cni0 -j DROP"),
            "FW008", true
        ),
        (
            .insertRule(
                EditedTable(node: "worker-b", table: "filter"), chain: "FORWARD", at: 1,
                rule: "-j REJECT --reject-with icmp-host-prohibited"), "FW004", true
        ),
        (
            .insertRule(
                EditedTable(node: "worker-a", table: "filter"), chain: "OUTPUT", at: 1, rule: "-d 10.244.0.0/16 -j DROP"
            ),
            "FW009", true
        ),
    ])
    func aFaultIsTheFirstFinding(edit: SnapshotEdit, code: String, isFixProven: Bool) throws {
        let run = Self.run(try Self.snapshot("bridge-nf-on").applying([edit]))
        let finding = try #require(run.findings.first)
        #expect(run.findings.filter { $0.severity == .error }.map(\.check.code) == [code])
        #expect(Self.isProven(finding) == isFixProven)
    }

    @Test func twoFaultsAreBothTold() throws {
        let snapshot = try Self.snapshot("bridge-nf-off").applying([
            .insertRule(
                EditedTable(node: "worker-b", table: "filter"), chain: "FORWARD", at: 1, rule: "-i cni0 -j DROP")
        ])
        #expect(Set(Self.run(snapshot).findings.map(\.check.code)) == ["BR001", "FW008"])
    }
}

/// The catalogue is consistent in itself.
@Suite struct CheckCatalogueTests {
    private let all = CheckCatalogue.all.map { type(of: $0).metadata }

    @Test func codesAreUniqueSortedAndOfTheirGroup() {
        #expect(Set(all.map(\.code)).count == all.count)
        #expect(Set(all.map(\.name)).count == all.count)
        for group in CheckGroup.allCases {
            let codes = all.filter { $0.group == group }.map(\.code)
            #expect(codes == codes.sorted())
        }
        for check in all { #expect(check.code == check.group.rawValue + check.code.suffix(3)) }
    }

    @Test func everyCheckExplainsItself() {
        for check in all {
            for text in [check.finds, check.matters, check.fix] {
                #expect(text.hasSuffix("."), "\(check.code)")
            }
            #expect(!check.sources.isEmpty && !check.confirm.isEmpty, "\(check.code)")
        }
    }
}
