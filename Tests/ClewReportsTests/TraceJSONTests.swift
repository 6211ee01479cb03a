import ClewDataplane
import ClewReports
import ClewSnapshot
import Foundation
import Testing

@Suite struct TraceJSONTests {
    private let sample = SampleTrace()

    private func object(_ line: String) throws -> [String: Any] {
        #expect(!line.contains("\n"))
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func followsTheSchema() throws {
        let root = try object(TraceJSON(sample.snapshot).line(sample.trace))
        #expect(root["schema"] as? String == "clew.trace/v1")
        #expect(root["verdict"] as? String == "partly")
        let flow = try #require(root["flow"] as? [String: Any])
        #expect(flow["from"] as? String == "pod/shop/web-0")
        #expect(flow["protocol"] as? String == "tcp")
        #expect(flow["family"] as? Int == 4)
        let branches = try #require(root["branches"] as? [[String: Any]])
        #expect(branches.map { $0["fraction"] as? String } == ["715827883/2147483648", "715827883/2147483648", "1/3"])
        #expect(branches[0]["probability"] as? Double == 715_827_883.0 / 2_147_483_648.0)
        #expect(branches[2]["dnat"] as? String == "10.244.2.8:8080")
        #expect(branches[2]["snat"] is NSNull)
        #expect(branches[2]["masqueraded"] as? Bool == false)
        let receiver = try #require(branches[2]["delivered_to"] as? [String: Any])
        #expect(receiver["pod"] as? String == "shop/api-2")
        let decision = try #require(branches[2]["decided_by"] as? [String: Any])
        #expect(decision["file"] as? String == "nodes/worker-a/sysctl.txt")
        #expect(decision["line"] as? Int == 3)
        #expect(branches[0]["decided_by"] is NSNull)
        let hops = try #require(branches[2]["hops"] as? [[String: Any]])
        let steps = try #require(hops[1]["steps"] as? [[String: Any]])
        #expect(steps[3]["skipped"] as? Int == 5046)
        #expect(steps[3]["table"] as? String == "nat")
        #expect(steps[3]["hook"] as? String == "prerouting")
        let tuple = try #require(steps[6]["tuple"] as? [String: Any])
        #expect(tuple["destination_port"] as? Int == 8080)
        #expect((branches[2]["reply"] as? [String: Any])?["disposition"] as? String == "dropped")
        let unknowns = try #require(root["unknowns"] as? [[String: Any]])
        #expect(unknowns[0]["line"] as? Int == 77)
    }

    @Test func keysKeepTheirOrder() {
        let line = TraceJSON(sample.snapshot).line(sample.trace, id: "[1,{\"a\":null}]")
        #expect(line.hasPrefix(#"{"id":[1,{"a":null}],"schema":"clew.trace/v1","verdict":"partly","#))
        #expect(line == TraceJSON(sample.snapshot).line(sample.trace, id: "[1,{\"a\":null}]"))
    }

    @Test func errorsKeepTheirIdentifier() throws {
        let root = try object(TraceJSON(ClusterSnapshot()).errorLine("no \"such\"\npod", id: "\"x\"", line: 3))
        #expect(root["id"] as? String == "x")
        let error = try #require(root["error"] as? [String: Any])
        #expect(error["message"] as? String == "no \"such\"\npod")
        #expect(error["line"] as? Int == 3)
    }

    @Test func stringsSurviveEscaping() throws {
        var text = ""
        for value in 0..<0x250 { text.unicodeScalars.append(Unicode.Scalar(UInt16(value)) ?? "?") }
        text += "😀\u{2028}\\\"/"
        let root = try object(JSONValue.object([("text", .string(text)), ("nan", .real(.nan))]).text)
        #expect(root["text"] as? String == text)
        #expect(root["nan"] is NSNull)
    }
}

@Suite struct TraceMermaidTests {
    private let sample = SampleTrace()

    @Test func drawsEveryEndAndSharesTheStart() {
        let lines = TraceMermaid(sample.snapshot).text([sample.trace]).split(separator: "\n").map(String.init)
        #expect(lines.first == "flowchart TD")
        #expect(lines.filter { $0.contains(":::works") }.count == 2)
        #expect(lines.filter { $0.contains(":::fails") }.count == 1)
        #expect(lines.filter { $0.contains("shop/web-0 on worker-a") }.count == 1)
        #expect(lines.contains { $0.contains("|\"p = 0.333\"|") })
    }

    @Test func textCannotBreakTheChart() {
        var trace = sample.trace
        trace.branches[2].reason = "say \"]\"; <b>\n#quot;"
        let text = TraceMermaid(sample.snapshot).text([trace, trace])
        #expect(text.contains("say #quot;]#quot;; #lt;b#gt;<br/>#35;quot;"))
        #expect(text.components(separatedBy: "subgraph").count == 3)
    }
}
