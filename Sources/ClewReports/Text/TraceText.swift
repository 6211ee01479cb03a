package import ClewDataplane
import ClewNet
package import ClewSnapshot

/// Writes a trace for people: the answer in one line, what decides it, the path as a tree, what was assumed.
package struct TraceText: Sendable {
    package enum Detail: Sendable, Hashable {
        /// The answer, and a line for each branch.
        case brief
        /// The steps that decide.
        case decisive
        /// Every rule that matched.
        case allRules
    }

    private let snapshot: ClusterSnapshot
    private let style: TextStyle
    private let detail: Detail

    package init(_ snapshot: ClusterSnapshot, style: TextStyle = TextStyle(), detail: Detail = .decisive) {
        self.snapshot = snapshot
        self.style = style
        self.detail = detail
    }

    /// The whole report, ending in a newline.
    package func text(_ trace: Trace) -> String {
        let builder = PathBuilder(snapshot, style, detail)
        var lines = head(trace)
        if detail == .brief {
            lines += trace.branches.flatMap { brief($0, builder) }
            if trace.branches.isEmpty { lines += notes(trace.unknowns, "unknown", .unsure) }
        } else {
            if !trace.branches.isEmpty { lines.append("") }
            let replies = repliesToShow(trace.branches)
            let paths = zip(trace.branches, replies).map { builder.items(of: $0, withReply: $1) }
            var tree = BranchTree(style: style, traced: trace.branches, paths: paths)
            lines += tree.render()
            lines += section("Assumed", trace.assumptions) + section("Unknown", trace.unknowns)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Which branches' ways back are printed: of the working ones that return through the same places, the first.
    private func repliesToShow(_ branches: [TraceBranch]) -> [Bool] {
        var seen: Set<[String]> = []
        return branches.map { branch in
            guard detail != .allRules, branch.outcome == .works, let reply = branch.reply else { return true }
            return seen.insert(reply.hops.map { "\($0.node ?? "") \($0.namespace == "host") \($0.encapsulation)" })
                .inserted
        }
    }

    private func head(_ trace: Trace) -> [String] {
        let summary = TraceSummary(trace)
        let role = role(trace.verdict)
        let text = style.clean(summary.text)
        let end = text.firstIndex { $0 == " " || $0 == ":" } ?? text.endIndex
        var lines = [style.paint(String(text[..<end]), role) + style.paint(String(text[end...]), .heading)]
        lines += style.fitted(route(trace), place: nil, first: "  ", rest: "    ", role: .faint)
        if detail != .brief, let decision = summary.branch?.decidedBy {
            let node = decision.node.map { " on \($0)" } ?? ""
            let rule = RuleText(decision.text)
            let shown = RuleText.shortened(rule.text, to: style.width * 2, style.ellipsis)
            lines += style.fitted(
                "decided\(node) by: \(shown)", place: decision.source.map(snapshot.describe), first: "  ",
                rest: "    ")
        }
        return lines
    }

    /// The flow: `pod/shop/web-0 → svc/shop/api:http (tcp 10.244.1.5 → 10.96.0.10:80, entering at worker-a)`.
    private func route(_ trace: Trace) -> String {
        let flow = trace.flow
        let selected = trace.branches.first?.hops.first?.steps.first?.tuple.source
        let source: String =
            switch flow.origin {
            case .host(let node): (flow.source ?? selected)?.description ?? "node \(node)"
            case .pod(_, let address, _): address.description
            case .outside(let address, _): address.description
            }
        let ports = flow.ipProtocol.hasPorts
        let end = SocketAddress(flow.destination, ports ? flow.destinationPort : 0)
        let name = FlowTransport(flow.ipProtocol)?.rawValue ?? flow.ipProtocol.description
        let via: String = if case .outside(_, let via) = flow.origin { ", entering at \(via)" } else { "" }
        let from = flow.sourcePort.map { ports ? ":\($0)" : "" } ?? ""
        let size = flow.dataSize.map { ", \($0) bytes each way" } ?? ""
        return
            "\(flow.fromText) \(style.arrow) \(flow.toText) (\(name) \(source)\(from) \(style.arrow) \(end)\(via)\(size))"
    }

    private func brief(_ branch: TraceBranch, _ builder: PathBuilder) -> [String] {
        guard case .end(let text, let place, let mark) = builder.end(of: branch, after: .nothing) else { return [] }
        let share = branch.probability.isOne ? "" : "p = \(TraceSummary.decimal(branch.probability)) "
        let end = branch.outcome == .works ? nil : branch.dnat ?? branch.deliveredTo?.address
        let target = end.map { "\(style.arrow) \($0) " } ?? ""
        return style.fitted("\(share)\(target)\(text)", place: place, first: "  ", rest: "    ", role: mark.role)
    }

    private func section(_ title: String, _ notes: [TraceNote]) -> [String] {
        guard !notes.isEmpty else { return [] }
        return ["", style.paint(title, .heading)] + self.notes(notes, nil, nil)
    }

    private func notes(_ notes: [TraceNote], _ label: String?, _ role: TextStyle.Role?) -> [String] {
        notes.flatMap { note in
            let node = note.node.map { "\($0): " } ?? ""
            let before = label.map { "\($0): " } ?? ""
            return style.fitted(
                "\(before)\(node)\(note.text)", place: note.source.map(snapshot.describe), first: "  ", rest: "    ",
                role: role)
        }
    }

    private func role(_ verdict: TraceVerdict) -> TextStyle.Role {
        switch verdict {
        case .works: .good
        case .fails, .partly: .bad
        case .unknown: .unsure
        }
    }
}

extension EndMark {
    var role: TextStyle.Role? {
        switch self {
        case .good: .good
        case .bad: .bad
        case .unsure: .unsure
        case .midway: nil
        }
    }
}
