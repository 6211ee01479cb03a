import ClewBundle
import ClewReports
import ClewSnapshot
import Foundation
import Testing

@Suite struct BundleReportTests {
    private let report: BundleReport

    init() {
        var snapshot = ClusterSnapshot()
        snapshot.paths = [
            "cluster/objects.json", "nodes/a/iptables-save.txt", "nodes/a/notes.md", "nodes/b/sysctl.txt",
        ]
        let host = NamespaceSnapshot()
        snapshot.nodes = [NodeSnapshot(name: "a", host: host), NodeSnapshot(name: "b", host: host)]
        snapshot.inventory = [
            InventoryEntry(path: snapshot.paths[0], format: "API objects (JSON)", status: .read, lines: 9, unread: 0),
            InventoryEntry(path: snapshot.paths[1], format: "iptables-save", status: .read, lines: 100, unread: 2),
            InventoryEntry(path: snapshot.paths[2], format: "unknown", status: .kept, lines: 0, unread: 0),
            InventoryEntry(path: snapshot.paths[3], format: "sysctl", status: .empty, lines: 0, unread: 0),
        ]
        let artifact = ArtifactID(rawValue: 1)
        snapshot.unread = [
            UnreadLine(SourceLine(artifact, line: 9), text: "-A X -q", reason: "unknown option -q"),
            UnreadLine(SourceLine(artifact, line: 4), text: "\u{1B}]0;x\u{7}", reason: "not a rule"),
        ]
        snapshot.objects.namespaces = [Namespace(name: "n", source: SourceLine(ArtifactID(rawValue: 0), line: 1))]
        snapshot.objects.otherKinds = ["Secret": 3]
        let bundle = SupportBundle(
            name: "b.tgz", artifacts: [], problems: [BundleProblem(path: "nodes/a/link", reason: "is a link")])
        report = BundleReport(snapshot, of: bundle)
    }

    @Test func listsEveryFileUnderItsNode() {
        let lines = report.text(style: TextStyle()).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0] == "b.tgz: 2 nodes, 4 files, 109 lines, 2 lines unread")
        let a = lines.firstIndex(of: "Node a") ?? 0
        #expect(lines[a + 1].hasPrefix("  iptables-save.txt") && lines[a + 1].hasSuffix("100 lines, 2 unread"))
        #expect(lines[a + 2].hasSuffix("kept, not read"))
        let b = lines.firstIndex(of: "Node b") ?? 0
        #expect(lines[b + 1].hasSuffix("empty: counts as not collected"))
        #expect(lines.contains { $0.hasPrefix("  Secret") && $0.hasSuffix("3  not used") })
        #expect(lines.contains("  nodes/a/link: is a link"))
    }

    @Test func listsEveryUnreadLineWithItsReason() {
        let text = report.text(style: TextStyle())
        #expect(text.contains("  nodes/a/iptables-save.txt:9: unknown option -q\n    -A X -q\n"))
        #expect(text.contains("  nodes/a/iptables-save.txt:4: not a rule\n    ?]0;x?\n"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test func jsonSaysTheSame() throws {
        let json = try #require(try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
        #expect(json["schema"] as? String == "clew.bundle/v1")
        #expect((json["files"] as? [[String: Any]])?.count == 4)
        #expect((json["unread"] as? [[String: Any]])?.first?["line"] as? Int == 4)
        #expect((json["left_out"] as? [[String: Any]])?.first?["path"] as? String == "nodes/a/link")
    }
}
