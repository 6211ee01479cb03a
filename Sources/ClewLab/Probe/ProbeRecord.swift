import ClewNet
import ClewSnapshot

/// Outcomes of probes as text, to be kept beside a bundle: a line for each that differs.
///
/// Columns are parted by tabs: from, the client's address if it was chosen, to, protocol, the node where it enters,
/// outcome, who answered, at which address, what source address it saw, the client's own address, how often, label, and
/// the bytes it carried if those were many. `-` is nothing.
package enum ProbeRecord {
    package static func text(_ results: [ProbeResult]) -> String {
        var counts: [String: Int] = [:]
        var order: [String] = []
        var labels: [String: String] = [:]
        for result in results {
            let flow = result.flow
            let line = [
                flow.from.description, flow.source?.description ?? "-", "\(flow.destination)", "\(flow.ipProtocol)",
                flow.via ?? "-", word(result.outcome), result.answer?.place ?? "-",
                result.answer.map { "\($0.local)" } ?? "-", result.answer.map { "\($0.peer.address)" } ?? "-",
                result.client.map { "\($0.address)" } ?? "-", flow.size > 0 ? "\(flow.size)" : "",
            ].joined(separator: "\t")
            if counts[line] == nil { order.append(line) }
            counts[line, default: 0] += 1
            labels[line] = flow.label
        }
        return order.map { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false)
            let size = words.last.map { $0.isEmpty ? "" : "\t\($0)" } ?? ""
            let rest = words.dropLast().joined(separator: "\t")
            return "\(rest)\t\(counts[line] ?? 0)\t\(labels[line] ?? "")\(size)\n"
        }.joined()
    }

    /// The probes of each flow, in the order of the text; nil if a line is none.
    package static func read(_ text: String) -> [(flow: ProbeFlow, tries: [ProbeResult])]? {
        var flows: [(flow: ProbeFlow, tries: [ProbeResult])] = []
        for line in text.split(separator: "\n") {
            guard let (result, count) = result(line.split(separator: "\t").map(String.init)) else { return nil }
            let tries = Array(repeating: result, count: count)
            if let index = flows.firstIndex(where: { $0.flow == result.flow }) {
                flows[index].tries += tries
            } else {
                flows.append((result.flow, tries))
            }
        }
        return flows
    }

    private static func result(_ words: [String]) -> (ProbeResult, Int)? {
        guard words.count == 12 || words.count == 13, let place = place(words[0]),
            let to = SocketAddress(text: words[2]),
            let ipProtocol = IPProtocol(name: words[3]), let outcome = outcome(words[5]), let count = Int(words[10]),
            (1...10_000).contains(count), let size = words.count == 13 ? Int(words[12]) : 0
        else { return nil }
        let flow = ProbeFlow(
            from: place, source: IPAddress(words[1]), to: to, ipProtocol, words[11],
            via: words[4] == "-" ? nil : words[4], size: size)
        var answer: ServerAnswer?
        if let local = SocketAddress(text: words[7]), let peer = IPAddress(words[8]) {
            answer = ServerAnswer(place: words[6], local: local, peer: SocketAddress(peer, 0))
        }
        let client = IPAddress(words[9]).map { SocketAddress($0, 0) }
        return (ProbeResult(flow: flow, outcome: outcome, answer: answer, client: client, sightings: []), count)
    }

    private static func place(_ text: String) -> LabPlace? {
        if text == "outside" { return .outside }
        if text.hasPrefix("node/") { return .node(String(text.dropFirst(5))) }
        return text.hasPrefix("pod/") ? .pod(String(text.dropFirst(4))) : nil
    }

    private static let words: [(ClientOutcome, String)] = [
        (.answered, "answered"), (.refused, "refused"), (.reset, "reset"), (.timedOut, "timed-out"), (.hung, "hung"),
        (.cutOff, "cut-off"),
    ]

    private static func word(_ outcome: ClientOutcome) -> String {
        if case .unreachable(let code) = outcome { return "unreachable-\(code)" }
        return words.first { $0.0 == outcome }?.1 ?? "-"
    }

    private static func outcome(_ word: String) -> ClientOutcome? {
        if word.hasPrefix("unreachable-"), let code = Int32(word.dropFirst("unreachable-".count)) {
            return .unreachable(errno: code)
        }
        return words.first { $0.1 == word }?.0
    }
}
