import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation

/// What `clew` says of a bundle, as far as it does not depend on what things are called.
struct Verdicts: Equatable {
    /// By number of the question: verdict and branches of each answer, sorted.
    var traces: [String: [String]] = [:]
    /// How often each status of a Service port occurs, by node's number of destinations.
    var services: [String] = []
    /// Codes of the findings, sorted.
    var findings: [String] = []
    var codes: [Int32] = []

    /// A connection to ask for: both ends in the words of `clew trace`.
    struct Question {
        var from: String
        var to: String
    }

    init(of path: String, asking questions: [Question]) throws {
        let lines = questions.enumerated().map { number, question in
            #"{"id":"\#(number)","from":"\#(question.from)","to":"\#(question.to)"}"# + "\n"
        }
        let trace = try Command.run(["trace", path, "--flows", "-"], input: lines.joined())
        for line in trace.output.split(separator: "\n") {
            let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            let branches = (answer["branches"] as? [[String: Any]] ?? []).map { branch in
                "\(branch["fraction"] ?? "") \(branch["outcome"] ?? "") \(branch["disposition"] ?? "")"
            }
            let id = answer["id"] as? String ?? "?"
            let verdict = answer["error"] == nil ? "\(answer["verdict"] ?? "")" : "error"
            traces[id, default: []].append("\(verdict): \(branches.sorted().joined(separator: ", "))")
            traces[id]?.sort()
        }
        let services = try Command.run(["services", path, "-o", "json"])
        for line in services.output.split(separator: "\n") {
            let node = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            for service in node["services"] as? [[String: Any]] ?? [] {
                let differences = (service["differences"] as? [Any])?.count ?? 0
                self.services.append(
                    "\(service["protocol"] ?? "") \(service["status"] ?? "") \(service["destinations"] ?? "") \(differences)"
                )
            }
        }
        self.services.sort()
        let check = try Command.run(["check", path, "-o", "json"])
        let report = try JSONSerialization.jsonObject(with: Data(check.output.utf8)) as? [String: Any] ?? [:]
        findings = Self.codes(report["findings"]).sorted()
        codes = [trace.code, services.code, check.code]
    }

    /// What another bundle says otherwise, and to which question.
    func differences(from other: Verdicts, asking questions: [Question]) -> [String] {
        let changed = traces.filter { other.traces[$0.key] != $0.value }.keys.compactMap(Int.init).sorted()
        var result = changed.map { number in
            "\(questions[number]): \(traces["\(number)"] ?? []), then \(other.traces["\(number)"] ?? [])"
        }
        if services != other.services { result.append("services: \(services), then \(other.services)") }
        if findings != other.findings { result.append("findings: \(findings), then \(other.findings)") }
        if codes != other.codes { result.append("exit codes: \(codes), then \(other.codes)") }
        return result
    }

    /// Code, severity and confidence of each finding and of what follows from it.
    private static func codes(_ findings: Any?) -> [String] {
        (findings as? [[String: Any]] ?? []).flatMap { finding in
            ["\(finding["code"] ?? "") \(finding["severity"] ?? "") \(finding["confidence"] ?? "")"]
                + codes(finding["consequences"])
        }
    }

    /// Pods, nodes and the world outside, to Services, pods, nodes and out.
    static func questions(_ snapshot: ClusterSnapshot) -> [Question] {
        let pods = snapshot.objects.pods.map(\.name).sorted()
        let services = snapshot.objects.services
        let from =
            pods.prefix(4).map { "pod/\($0)" } + snapshot.nodes.prefix(2).map { "node/\($0.name)" } + ["203.0.113.50"]
        var to = services.prefix(10).map { "svc/\($0.name)" } + pods.prefix(3).map { "pod/\($0):8080" }
        to += services.flatMap(\.clusterIPs).prefix(4).map { $0.family == .ipv4 ? "\($0):81" : "[\($0)]:81" }
        to += snapshot.nodes.prefix(2).map { "node/\($0.name):22" } + ["198.51.100.7:443"]
        return from.flatMap { from in to.map { Question(from: from, to: $0) } }
    }
}

/// What `--mapping` wrote.
struct Mapping {
    var pairs: [(kind: String, original: String, pseudonym: String)] = []
    private var pseudonyms: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: "\t").map(String.init)
            guard words.count == 3 else { continue }
            pairs.append((words[0], words[1], words[2]))
            pseudonyms[words[1]] = words[2]
        }
    }

    /// The same end of a connection in the redacted bundle.
    func renamed(_ end: String) -> String {
        guard let slash = end.firstIndex(of: "/") else {
            guard let colon = end.lastIndex(of: ":") else { return pseudonyms[end] ?? end }
            let address = end[..<colon].filter { $0 != "[" && $0 != "]" }
            let other = pseudonyms[address] ?? address
            return (other.contains(":") ? "[\(other)]" : other) + end[colon...]
        }
        let rest = end[end.index(after: slash)...]
        let port = rest.lastIndex(of: ":").map { rest[$0...] } ?? ""
        let names = rest.dropLast(port.count).split(separator: "/").map { name in
            name.split(separator: ".").map { pseudonyms[String($0)] ?? String($0) }.joined(separator: ".")
        }
        return end[...slash] + names.joined(separator: "/") + port
    }
}
