import ClewBundle
import ClewDataplane
import ClewNet
import ClewSnapshot

/// One printed thing on a branch's path; branches share the items they begin with.
enum PathItem: Hashable {
    /// The packet enters a namespace.
    case place(title: String, device: String?, folder: String)
    /// It reaches the chains of a hook.
    case hook(String)
    case step(label: String, text: String, comment: String?, place: String?, change: String?)
    /// What the step before it made of the packet.
    case change(String)
    case turn
    case end(text: String, place: String?, mark: EndMark)
}

enum EndMark: Hashable { case good, bad, unsure, midway }

/// Lays a branch out as a list of items.
struct PathBuilder {
    let snapshot: ClusterSnapshot
    let style: TextStyle
    let detail: TraceText.Detail
    /// Nodes that have a folder of their own in the bundle.
    let folders: Set<String>

    init(_ snapshot: ClusterSnapshot, _ style: TextStyle, _ detail: TraceText.Detail) {
        self.snapshot = snapshot
        self.style = style
        self.detail = detail
        folders = Set(
            snapshot.paths.lazy.filter { $0.hasPrefix("nodes/") }.compactMap {
                $0.split(separator: "/").dropFirst().first.map(String.init)
            })
    }

    /// The items of a branch; `withReply` false leaves the steps of the way back out.
    func items(of branch: TraceBranch, withReply: Bool) -> [PathItem] {
        let decided = [branch.decidedBy, branch.reply?.decidedBy].compactMap { $0 }
        var items = branch.hops.flatMap { hop in self.items(of: hop, decided) }
        guard let reply = branch.reply, withReply else { return items + [end(of: branch, after: .arrival)] }
        let isOpen = branch.disposition == .indeterminate
        items.append(.end(text: arrival(branch), place: nil, mark: isOpen ? .unsure : .midway))
        items.append(.turn)
        items += reply.hops.flatMap { hop in self.items(of: hop, decided) }
        return items + [end(of: branch, after: .reply)]
    }

    /// What was printed of a branch before its end is.
    enum Printed { case nothing, arrival, reply }

    /// How it arrived: `delivered to 10.244.1.6:8080, pod shop/api-0 on worker-a`.
    func arrival(_ branch: TraceBranch) -> String {
        guard let receiver = branch.deliveredTo else {
            return branch.outcome == .works && !branch.reason.isEmpty ? branch.reason : branch.disposition.phrase
        }
        let whom =
            switch (receiver.pod, receiver.node) {
            case (.some(let pod), .some(let node)): "pod \(pod) on \(node)"
            case (.some(let pod), nil): "pod \(pod)"
            case (nil, .some(let node)): "\(node)"
            case (nil, nil): "outside"
            }
        let from = branch.snat.map { ", seen as from \($0)" } ?? ""
        return "delivered to \(receiver.address), \(whom)\(from)"
    }

    func end(of branch: TraceBranch, after printed: Printed) -> PathItem {
        let decision = branch.decidedBy ?? branch.reply?.decidedBy
        let place = decision?.source.map(snapshot.describe)
        switch branch.outcome {
        case .works:
            let text =
                switch printed {
                case .reply: "the reply comes back"
                case .arrival where branch.reply != nil: "\(arrival(branch)); the reply comes back as above"
                case .arrival, .nothing: arrival(branch)
                }
            return .end(text: "works: \(text)", place: nil, mark: .good)
        case .fails: return .end(text: "fails: \(branch.reason)", place: place, mark: .bad)
        case .unknown: return .end(text: "unknown: \(branch.reason)", place: place, mark: .unsure)
        }
    }

    func items(of hop: Hop, _ decided: [Decision]) -> [PathItem] {
        let folder = hop.node.flatMap { folders.contains($0) ? "nodes/\($0)/" : nil } ?? ""
        var items: [PathItem] = [.place(title: title(hop), device: hop.deviceIn, folder: folder)]
        let kept = detail == .allRules ? Array(hop.steps.indices) : decisive(hop.steps, decided)
        var hook = ""
        var tuple = hop.steps.first?.tuple
        for index in kept {
            let step = hop.steps[index]
            if step.kind == .nat {
                items.append(.change(step.text))
                tuple = step.tuple
                continue
            }
            let current = self.hook(step)
            if current != hook, !current.isEmpty { items.append(.hook(current)) }
            hook = current
            items.append(item(step, before: tuple, folder: folder))
            tuple = step.tuple
        }
        return items
    }

    private func title(_ hop: Hop) -> String {
        var title = hop.node ?? "outside"
        if hop.namespace != "host", !hop.namespace.isEmpty {
            title = hop.node == nil ? hop.namespace : "\(hop.namespace) on \(title)"
        }
        return hop.encapsulation > 0 ? "\(title), in the tunnel's packet" : title
    }

    /// `PREROUTING nat` for the rules of a chain; other steps stand for themselves.
    private func hook(_ step: Step) -> String {
        guard step.kind == .rule || step.kind == .policy, let hook = step.hook else { return "" }
        return "\(hook)".uppercased() + (step.table.map { " \($0)" } ?? "")
    }

    private func item(_ step: Step, before: ConntrackTuple?, folder: String) -> PathItem {
        let isRule = step.kind == .rule
        let rule = RuleText(step.text)
        var text = isRule ? rule.text : step.text
        // What nft prints of a rule does not name its chain.
        if isRule, !text.hasPrefix("-"), let chain = step.chain {
            // `name~1` holds the rest of a rule of several statements.
            text = "\(chain.split(separator: "~").first ?? ""): \(text)"
        }
        if detail == .allRules, step.skipped > 0 { text += " (\(step.skipped) before it do not match)" }
        let label = isRule || step.kind == .policy ? "" : step.kind.rawValue
        if text.hasPrefix("\(label): ") { text.removeFirst(label.count + 2) }
        let limit = style.width * 3
        var change: String?
        switch step.kind {
        case .nat, .ipvs, .encapsulation, .route: break
        case .rule, .policy, .conntrack, .bridge, .neighbor, .socket, .device:
            if let before, before != step.tuple { change = "\(step.tuple)" }
        }
        let comment = isRule ? rule.comment.map { RuleText.shortened($0, to: 56, style.ellipsis) } : nil
        return .step(
            label: label, text: RuleText.shortened(text, to: limit, style.ellipsis), comment: comment,
            place: step.source.map { place($0, below: folder) }, change: change)
    }

    private func place(_ source: SourceLine, below folder: String) -> String {
        let place = snapshot.describe(source)
        return !folder.isEmpty && place.hasPrefix(folder) ? String(place.dropFirst(folder.count)) : place
    }

    /// The steps a reader needs: those that change or end something, and the jumps that lead to them.
    private func decisive(_ steps: [Step], _ decided: [Decision]) -> [Int] {
        var kept: [Int] = []
        var open: [Int] = []
        for (i, step) in steps.enumerated() {
            while let last = open.last, !isInside(step, steps[last]) { open.removeLast() }
            let before = i > 0 ? steps[i - 1] : nil
            let changes = before.map { $0.tuple != step.tuple || $0.mark != step.mark } ?? false
            let isDecision = decided.contains { isPlace($0, of: step, in: steps) }
            // One rule can be several in a row where a line holds several statements: the last has the outcome.
            if i + 1 < steps.count, step.kind == .rule, steps[i + 1].kind == .rule, step.source == steps[i + 1].source,
                step.text == steps[i + 1].text
            {
                continue
            }
            var keep = changes || isDecision
            switch step.kind {
            case .rule:
                switch RuleText(step.text).effect {
                case .acts: keep = true
                case .jumps where !keep:
                    open.append(i)
                    continue
                case .jumps, .returns, .none: break
                }
            case .policy: keep = keep || step.text.uppercased().contains("DROP")
            case .conntrack:
                // A connection's first packet passes conntrack everywhere; what matters is what it translates.
                keep = keep || i + 1 < steps.count && steps[i + 1].kind == .nat
            case .route, .nat, .ipvs, .bridge, .neighbor, .encapsulation, .socket, .device: keep = true
            }
            guard keep else { continue }
            kept += open
            open = []
            kept.append(i)
        }
        return kept
    }

    /// Whether a step is what decided.
    ///
    /// A line of JSON can hold many steps: there the text has to be the same.
    private func isPlace(_ decision: Decision, of step: Step, in steps: [Step]) -> Bool {
        guard let source = decision.source, step.source == source else { return false }
        return step.text == decision.text || steps.allSatisfy { $0.source != source || $0.text == step.text }
    }

    private func isInside(_ step: Step, _ jump: Step) -> Bool {
        step.hook == jump.hook && step.table == jump.table && step.depth > jump.depth
    }
}

extension Disposition {
    /// What became of the packet, in words.
    var phrase: String {
        switch self {
        case .delivered: "delivered"
        case .dropped: "dropped"
        case .rejected: "rejected"
        case .noRoute: "no route"
        case .looped: "goes round in a loop"
        case .leavesSnapshot: "leaves the cluster"
        case .indeterminate: "where it goes cannot be told"
        }
    }
}
