import ClewTestSupport
import Foundation
import Testing

/// `clew check` on the examples: what it prints, in which form, and with which exit code.
@Suite struct CheckCommandTests {
    static func example(_ name: String) -> String { SharedData.packageRoot + "/Examples/" + name }

    private static func check(
        _ example: String, _ more: [String] = [], environment: [String: String] = ["LC_ALL": "C.UTF-8"]
    ) throws -> CommandResult {
        try Command.run(["check", Self.example(example)] + more, environment: environment)
    }

    private static func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func theTextSaysWhatWhereProofAndFix() throws {
        let result = try Self.check("bridge-nf-off")
        #expect(result.code == 1)
        #expect(result.error.isEmpty)
        let text = result.output.replacingOccurrences(of: Self.example("bridge-nf-off"), with: "BUNDLE")
            .replacingOccurrences(of: "of [0-9]+ connections", with: "of N connections", options: .regularExpression)
        #expect(
            text.hasPrefix(
                """
                1 error: 1 of N connections fail though the API asks for them

                error[BR001] node/worker-a bridges answers of Services past conntrack
                  because the answer reaches the client with the pod's address, which it never
                    wrote to
                  breaks 1 of N connections, such as pod/shop/web-0 → 10.96.0.20:80/tcp
                  net.bridge.bridge-nf-call-iptables = 0             nodes/worker-a/sysctl.txt:3
                  fix (proven: 1 connection works again, none is lost): show bridged traffic to
                    iptables on worker-a
                    $ sysctl -w net.bridge.bridge-nf-call-iptables=1                 on worker-a

                clew explain BR001 says more; clew fix
                """), "\(text)")
    }

    @Test(arguments: [
        ("bridge-nf-on", 0), ("calico-two-nodes", 0), ("bridge-nf-off", 1), ("flannel-forward-drop", 1),
        ("ipvs-cluster-cidr", 1),
    ])
    func exitCodes(example: String, code: Int32) throws {
        let result = try Self.check(example)
        #expect(result.code == code, "\(result)")
        #expect(result.error.isEmpty)
    }

    /// The first of the examples' faults is the one its README tells of.
    @Test(arguments: [("bridge-nf-off", "BR001"), ("flannel-forward-drop", "FW001")])
    func theExampleShowsItsFault(example: String, code: String) throws {
        let report = try Self.json(try Self.check(example, ["-o", "json"]).output)
        let findings = try #require(report["findings"] as? [[String: Any]])
        let loud = findings.filter { $0["severity"] as? String != "notice" }
        #expect(loud.map { $0["code"] as? String } == [code])
    }

    @Test func aFindingTakesFewerThanTwelveLines() throws {
        for example in ["bridge-nf-off", "flannel-forward-drop", "ipvs-cluster-cidr"] {
            let text = try Self.check(example).output
            for part in text.components(separatedBy: "\n\n") where part.contains("[") {
                #expect(part.split(separator: "\n").count < 12, "\(part)")
            }
        }
    }

    /// The times go to standard error, and the answer is the same.
    @Test func timingsNameEveryStage() throws {
        let (plain, timed) = (try Self.check("bridge-nf-off"), try Self.check("bridge-nf-off", ["--timings"]))
        #expect(timed.output == plain.output && timed.code == plain.code)
        let stages = timed.error.split(separator: "\n").map(String.init)
        for stage in ["reading the bundle", "compiling the nodes", "walking connections", "trying fixes", "in all"] {
            #expect(stages.count { $0.hasPrefix(stage) && $0.contains(" s") } == 1, "\(timed.error)")
        }
    }

    @Test func badInputIsOneLineAndCodeTwo() throws {
        for arguments in [
            ["--select", "XY999"], ["--node", "nobody"], ["--service", "a/b"], ["--service", "a"],
            ["--from", "pod/shop/web-0"], ["--to", "svc/shop/api"], ["-o", "pdf"], ["--min-severity", "bad"],
            ["--baseline", "/nonexistent"], ["--from", "pod/shop/nobody", "--to", "svc/shop/api"],
        ] {
            let result = try Self.check("bridge-nf-off", arguments)
            #expect(result.code == 2, "\(arguments): \(result)")
            #expect(result.errorLines.count == 1, "\(result)")
            #expect(result.output.isEmpty)
        }
        let folder = try TemporaryFolder()
        let other = try folder.write("other.json", "{\"schema\":\"clew.trace/v1\"}")
        let result = try Self.check("bridge-nf-off", ["--baseline", other])
        #expect(result.code == 2 && result.error.contains("is not a report"), "\(result)")
    }

    /// Where no rule masquerades what IPVS sends on, there is no chain of IPVS to name.
    @Test func ipvsWithoutAClusterCIDR() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: Self.example("ipvs-cluster-cidr"), toPath: folder.path + "/bundle")
        let path = folder.path + "/bundle/cluster/objects.yaml"
        let objects = try String(contentsOfFile: path, encoding: .utf8)
        let lines = objects.split(separator: "\n", omittingEmptySubsequences: false)
        let rest = lines.filter { !$0.contains("clusterCIDR:") }
        #expect(rest.count == lines.count - 1)
        try rest.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let result = try Command.run(["check", folder.path + "/bundle"])
        #expect((0...3).contains(result.code) && result.error.isEmpty, "\(result.code): \(result.error)")
        #expect(!result.output.isEmpty)
        let services = try Command.run(["services", folder.path + "/bundle"])
        #expect((0...3).contains(services.code) && services.error.isEmpty, "\(services.code): \(services.error)")
    }

    @Test func aBundleWithoutNodesCannotBeTold() throws {
        let folder = try TemporaryFolder()
        let objects = try String(
            contentsOfFile: Self.example("bridge-nf-off") + "/cluster/objects.yaml", encoding: .utf8)
        try folder.write("cluster/objects.yaml", objects)
        let result = try Command.run(["check", folder.path])
        #expect(result.code == 3, "\(result)")
        #expect(result.output.contains("no connection could be walked"))
    }

    @Test func filtersNarrowItDown() throws {
        #expect(try Self.check("bridge-nf-off", ["--select", "FW"]).code == 0)
        #expect(try Self.check("bridge-nf-off", ["--select", "br"]).code == 1)
        #expect(try Self.check("bridge-nf-off", ["--ignore", "BR001"]).code == 0)
        #expect(try Self.check("bridge-nf-off", ["--node", "worker-a"]).code == 1)
        #expect(try Self.check("bridge-nf-off", ["--node", "node/worker-b"]).code == 0)
        #expect(try Self.check("bridge-nf-off", ["--service", "shop/api"]).code == 1)
        #expect(try Self.check("bridge-nf-off", ["--min-severity", "error"]).code == 1)
    }

    @Test func oneConnectionsTroubles() throws {
        let why = try Self.check("bridge-nf-off", ["--from", "pod/shop/web-0", "--to", "svc/shop/api"])
        #expect(why.code == 1)
        #expect(why.output.hasPrefix("pod/shop/web-0 → svc/shop/api FAILS: the reply skips conntrack"))
        #expect(why.output.contains("error[BR001]"))
        let works = try Self.check("bridge-nf-off", ["--from", "pod/shop/web-1", "--to", "svc/shop/api"])
        #expect(works.code == 0, "\(works)")
        #expect(works.output.contains("WORKS") && !works.output.contains("BR001"))
        let ping = try Self.check("flannel-forward-drop", ["--from", "node/k8s-master", "--to", "10.1.28.3/icmp"])
        #expect(ping.code == 1 && ping.output.contains("error[FW001]"), "\(ping)")
    }

    @Test func onlyWhatIsNewBesideABaseline() throws {
        let folder = try TemporaryFolder()
        let known = try folder.write("known.json", try Self.check("bridge-nf-off", ["-o", "json"]).output)
        let same = try Self.check("bridge-nf-off", ["--baseline", known])
        #expect(same.code == 0, "\(same)")
        #expect(same.output.contains("1 known before is left out, 0 of before are gone"))
        let other = try Self.json(try Self.check("flannel-forward-drop", ["--baseline", known, "-o", "json"]).output)
        let summary = try #require(other["summary"] as? [String: Any])
        #expect(summary["errors"] as? Int == 1)
        #expect(summary["known"] as? Int == 0 && summary["gone"] as? Int == 1)
        let clean = try folder.write("clean.json", try Self.check("bridge-nf-on", ["-o", "json"]).output)
        #expect(try Self.check("bridge-nf-off", ["--baseline", clean]).code == 1)
    }

    @Test func equalInputGivesEqualBytes() throws {
        for form in ["text", "json", "sarif", "junit", "markdown"] {
            let (a, b) = (
                try Self.check("bridge-nf-off", ["-o", form]), try Self.check("bridge-nf-off", ["-o", form])
            )
            #expect(a.code == 1 && a.output == b.output && a.output.hasSuffix("\n"), "\(form)")
        }
    }

    @Test func coloursOnlyWhenAskedFor() throws {
        #expect(try !Self.check("bridge-nf-off").output.contains("\u{1B}"))
        #expect(try Self.check("bridge-nf-off", ["--color", "always"]).output.contains("\u{1B}[1;31m"))
        let plain = try Self.check("bridge-nf-off", ["--color", "auto"], environment: ["NO_COLOR": "1"])
        #expect(plain.output.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func aReaderThatGoesAwayIsNoError() throws {
        let folder = try TemporaryFolder()
        let error = try folder.write("err", "")
        for form in ["text", "json", "sarif"] {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = [
                "-c", "( \"$1\" check \"$2\" -o \(form); echo $? >&2 ) | true", "sh", Command.path,
                Self.example("bridge-nf-off"),
            ]
            shell.standardError = FileHandle(forWritingAtPath: error)
            try shell.run()
            shell.waitUntilExit()
            #expect(try String(contentsOfFile: error, encoding: .utf8).hasPrefix("1\n"), "\(form)")
        }
    }

    @Test func theCatalogueListsAndExplains() throws {
        let list = try Command.run(["checks"])
        #expect(list.code == 0 && list.output.contains("BR001  bridge-nf-call-iptables-off"), "\(list)")
        let all = try Self.json(try Command.run(["checks", "-o", "json"]).output)
        let checks = try #require(all["checks"] as? [[String: Any]])
        #expect(checks.contains { $0["code"] as? String == "WLK001" })
        let one = try Command.run(["explain", "br001", "forward-policy-drop"])
        #expect(one.code == 0 && one.output.contains("BR001") && one.output.contains("FW001"), "\(one)")
        #expect(try Command.run(["explain", "nothing"]).code == 2)
        for command in ["check", "checks", "explain"] {
            #expect(try Command.run([command, "--help"]).output.contains("EXAMPLES:"), "\(command)")
        }
    }
}

/// The forms that other programs read, against the schemas they are checked with.
@Suite struct CheckFormatTests {
    /// A folder with `sarif-2.1.0.json` and `junit-10.xsd`; neither is part of the repository.
    private static let schemas = ProcessInfo.processInfo.environment["CLEW_SCHEMAS"]

    private static func run(_ command: String, _ arguments: [String]) throws -> (code: Int32, error: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command] + arguments
        let error = Pipe()
        process.standardError = error
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test func sarifHoldsWhatReadersNeed() throws {
        let text = try Command.run(["check", CheckCommandTests.example("bridge-nf-off"), "-o", "sarif"]).output
        let log = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(log["version"] as? String == "2.1.0")
        let run = try #require((log["runs"] as? [[String: Any]])?.first)
        let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
        let rules = try #require(driver["rules"] as? [[String: Any]])
        let result = try #require((run["results"] as? [[String: Any]])?.first)
        #expect(result["ruleId"] as? String == "BR001")
        #expect(rules[try #require(result["ruleIndex"] as? Int)]["id"] as? String == "BR001")
        let location = try #require(
            (result["locations"] as? [[String: Any]])?.first?["physicalLocation"] as? [String: Any])
        #expect((location["artifactLocation"] as? [String: Any])?["uri"] as? String == "nodes/worker-a/sysctl.txt")
        #expect((location["region"] as? [String: Any])?["startLine"] as? Int == 3)
    }

    @Test func junitCountsWhatItHolds() throws {
        let text = try Command.run(["check", CheckCommandTests.example("bridge-nf-off"), "-o", "junit"]).output
        let cases = text.components(separatedBy: "<testcase ").count - 1
        let failures = text.components(separatedBy: "<failure ").count - 1
        #expect(failures == 1)
        #expect(text.contains("<testsuites name=\"clew check\" tests=\"\(cases)\" failures=\"1\""))
    }

    @Test func schemasAgree() throws {
        guard let schemas = Self.schemas else {
            print("SKIP schemasAgree: CLEW_SCHEMAS names no folder with sarif-2.1.0.json and junit-10.xsd")
            return
        }
        let folder = try TemporaryFolder()
        for example in ["bridge-nf-off", "bridge-nf-on", "flannel-forward-drop", "ipvs-cluster-cidr"] {
            let path = CheckCommandTests.example(example)
            let junit = try folder.write("junit.xml", try Command.run(["check", path, "-o", "junit"]).output)
            let xml = try Self.run("xmllint", ["--noout", "--schema", schemas + "/junit-10.xsd", junit])
            #expect(xml.code == 0, "\(example): \(xml.error)")
            let sarif = try folder.write("log.sarif", try Command.run(["check", path, "-o", "sarif"]).output)
            let json = try Self.run(
                "python3",
                [
                    "-c",
                    "import json,sys,jsonschema; jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(sys.argv[1])))",
                    schemas + "/sarif-2.1.0.json", sarif,
                ])
            #expect(json.code == 0, "\(example): \(json.error)")
        }
    }
}
