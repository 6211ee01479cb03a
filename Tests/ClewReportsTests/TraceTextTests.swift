import ClewDataplane
import ClewNet
import ClewReports
import ClewSnapshot
import Foundation
import Testing

@Suite struct TraceTextTests {
    private let sample = SampleTrace()

    private func lines(_ detail: TraceText.Detail = .decisive, _ style: TextStyle = TextStyle()) -> [String] {
        TraceText(sample.snapshot, style: style, detail: detail).text(sample.trace).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
    }

    @Test func leadsWithTheAnswer() {
        #expect(lines().first == "FAILS for 1 of 3 endpoints (p = 0.333): the reply skips conntrack on worker-a")
        #expect(lines()[2].contains("decided on worker-a by: net.bridge.bridge-nf-call-iptables = 0"))
        #expect(lines()[2...3].joined().contains("nodes/worker-a/sysctl.txt:3"))
    }

    @Test func everyLineFitsIntoEightyColumns() {
        for detail in [TraceText.Detail.decisive, .allRules] {
            for line in lines(detail).dropFirst() { #expect(line.count <= 80, "\(line)") }
        }
    }

    /// A Chinese character takes two columns.
    @Test func wideCharactersAreCountedAsTheyAreDrawn() {
        var trace = sample.trace
        let comment = "服务没有可用的后端端点所以连接被拒绝请检查就绪探针和选择器"
        trace.branches[0].hops[0].steps.insert(
            Step(
                kind: .rule, text: "-A KUBE-SERVICES -d 10.96.0.10/32 -m comment --comment \"\(comment)\" -j DROP",
                mark: 0, tuple: trace.branches[0].hops[0].steps[0].tuple), at: 0)
        trace.assumptions = [TraceNote(comment + " " + comment + comment)]
        let text = TraceText(sample.snapshot).text(trace)
        #expect(text.contains("服务没有"))
        for line in text.split(separator: "\n").dropFirst() {
            let wide = line.unicodeScalars.count { (0x4E00...0x9FFF).contains($0.value) }
            #expect(line.count + wide <= 80, "\(line)")
        }
    }

    @Test func whatCannotBeToldHasNoTick() {
        var trace = sample.trace
        trace.branches[0].disposition = .indeterminate
        trace.branches[0].outcome = .unknown
        trace.branches[0].deliveredTo = nil
        let lines = TraceText(sample.snapshot).text(trace).split(separator: "\n")
        #expect(lines.contains { $0.contains("? where it goes cannot be told") })
        #expect(!lines.contains { $0.contains("✓ where") })
    }

    @Test func whatBranchesShareIsPrintedOnce() {
        let text = lines().joined(separator: "\n")
        let shared = text.components(separatedBy: "-A KUBE-SERVICES -d 10.96.0.10/32").count - 1
        // Once on the way there, and once on the way back of the first that works and of the one that fails.
        #expect(shared == 3)
        #expect(lines().filter { $0.contains("├─ p = 0.333 (715827883/2147483648): works") }.count == 2)
        #expect(lines().contains { $0.hasPrefix("└─ p = 0.333 (1/3): fails") })
    }

    @Test func stepsThatLeadNowhereShowOnlyWithAllRules() {
        #expect(!lines().contains { $0.contains("CALI-NOTHING") })
        #expect(lines(.allRules).contains { $0.contains("-A CALI-NOTHING -j RETURN") })
        #expect(lines(.allRules).joined(separator: " ").contains("5046 before it"))
    }

    @Test func everyDecisionHasItsPlace() {
        let all = lines()
        let rule = all.firstIndex { $0.contains("--to-destination 10.244.2.8:8080") } ?? 0
        #expect(all[rule...(rule + 1)].contains { $0.hasSuffix("iptables-save.txt:52") })
        #expect(all.contains { $0.contains("# shop/api:http cluster IP") })
        #expect(all.contains { $0.contains("default via 10.244.1.1") && $0.hasSuffix("netns/web-0/ip-route.txt:1") })
        #expect(!all.contains { $0.contains("--comment") })
    }

    @Test func assumptionsAndUnknownsClose() {
        let all = lines()
        let assumed = all.firstIndex(of: "Assumed") ?? 0
        #expect(all[assumed + 1] == "  worker-a: the client is new to the list \"KUBE-SEP-A\"")
        #expect(all[all.firstIndex(of: "Unknown") ?? 0] == "Unknown")
        #expect(all.contains { $0.hasSuffix("nodes/worker-a/iptables-save.txt:77") })
    }

    @Test func briefIsALineForEachBranch() {
        let all = lines(.brief)
        #expect(all.count == 7)
        #expect(all[2] == "  p = 0.333 works: delivered to 10.244.2.6:8080, pod shop/api-0 on worker-b")
        #expect(all[4].hasPrefix("  p = 0.333 → 10.244.2.8:8080 fails: the reply skips conntrack"))
    }

    @Test func coloursAndBoxesAreAskedFor() {
        let plain = TextStyle(drawing: .ascii, colour: .none)
        #expect(lines(.decisive, plain).allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 && $0 >= 0x20 } })
        #expect(!lines().contains { $0.contains("\u{1B}") })
        let coloured = lines(.decisive, TextStyle(colour: .ansi))
        #expect(coloured[0].hasPrefix("\u{1B}[1;31mFAILS\u{1B}[0m"))
        // Colours change nothing else.
        let stripped = coloured.map { $0.replacing(/\u{1B}\[[0-9;]*m/, with: "") }
        #expect(stripped == lines())
    }

    @Test func textFromFilesCannotSteerTheTerminal() {
        var trace = sample.trace
        trace.branches[2].reason = "a\u{1B}[2Jb\nc\u{9B}d"
        let text = TraceText(sample.snapshot).text(trace)
        #expect(!text.unicodeScalars.contains { $0.value == 0x1B || $0.value == 0x9B })
        #expect(text.hasPrefix("FAILS for 1 of 3 endpoints (p = 0.333): a?[2Jb c?d\n"))
    }

    @Test(arguments: [
        (Fraction(1, 1), "1"), (Fraction(0, 1), "0"), (Fraction(1, 3), "0.333"), (Fraction(1, 2), "0.5"),
        (Fraction(2, 3), "0.667"), (Fraction(1, 1000), "0.001"), (Fraction(1, 30_000), "0.0000333"),
        (Fraction(9999, 10_000), "0.999"), (Fraction(1, 10), "0.1"),
    ])
    func probabilitiesHaveThreeDigits(fraction: Fraction, text: String) {
        #expect(TraceSummary.decimal(fraction) == text)
    }

    @Test func everyVerdictHasItsLine() {
        var trace = sample.trace
        for i in trace.branches.indices { trace.branches[i].outcome = .works }
        trace.verdict = .works
        #expect(TraceSummary(trace).text == "WORKS: all 3 endpoints answer")
        for i in trace.branches.indices { trace.branches[i].outcome = .fails }
        trace.verdict = .fails
        #expect(
            TraceSummary(trace).text
                == "FAILS for all 3 endpoints: delivered, and the answer returns; and the reply skips conntrack on worker-a"
        )
        trace.branches = []
        trace.verdict = .unknown
        #expect(TraceSummary(trace).text == "UNKNOWN: a rule is not modelled")
    }
}
