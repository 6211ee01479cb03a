import ClewBundle
package import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
package import ClewSnapshot

/// Comparisons of Services for a terminal: the answer, the causes, a line for each Service port.
package struct ServicesText: Sendable {
    package enum Detail: Sendable, Hashable {
        case usual
        /// Every difference by itself, and where each parameter comes from.
        case wide
    }

    private let snapshot: ClusterSnapshot
    private let style: TextStyle
    private let detail: Detail
    private let onlyDifferences: Bool

    package init(_ snapshot: ClusterSnapshot, style: TextStyle, detail: Detail, onlyDifferences: Bool) {
        self.snapshot = snapshot
        self.style = style
        self.detail = detail
        self.onlyDifferences = onlyDifferences
    }

    /// The report of one node, ended by a newline.
    package func text(_ node: NodeComparison) -> String {
        var lines = head(node)
        guard node.notCompared == nil else { return lines.map { $0 + "\n" }.joined() }
        for group in node.causes {
            lines.append("")
            lines += text(group)
        }
        let unsure = node.ports.filter { $0.status == .unknown }
        if !unsure.isEmpty { lines += [""] + undecided(node, unsure) }
        for check in node.healthChecks where check.isListening == false {
            lines += [""]
            lines += style.fitted(
                "\(style.cross) \(check.contract.service): \(check)", place: nil, first: "  ", rest: "    ", role: .bad)
        }
        let shown = node.ports.filter { !onlyDifferences || $0.status != .inOrder }
        if !shown.isEmpty { lines.append("") }
        for port in shown { lines += text(port) }
        lines.append("")
        lines += foot(node)
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - Head

    private func head(_ node: NodeComparison) -> [String] {
        let name = style.paint(node.node, .heading)
        if let why = node.notCompared { return ["\(name): \(style.paint("not compared", .unsure)): \(why)"] }
        let all = node.ports.count
        let differing = node.ports.count { $0.status == .differs }
        let unsure = node.ports.count { $0.status == .unknown }
        let stale = node.causes.count { $0.services.isEmpty }
        var parts: [String] = []
        if differing > 0 {
            parts.append(style.paint("\(differing) of \(ports(all)) \(differing == 1 ? "differs" : "differ")", .bad))
        }
        if unsure > 0 { parts.append(style.paint("\(unsure) cannot be told", .unsure)) }
        let deaf = node.healthChecks.count { $0.isListening == false }
        if deaf > 0 {
            parts.append(style.paint("\(deaf) health check \(deaf == 1 ? "port" : "ports") nobody answers", .bad))
        }
        if stale > 0 { parts.append(style.paint("\(stale) \(stale == 1 ? "entry" : "entries") of no Service", .bad)) }
        if parts.isEmpty {
            return [
                "\(name): " + style.paint("in order", .good)
                    + (all == 1 ? ", the only Service port" : ", all \(ports(all))")
            ]
        }
        return ["\(name): \(parts.joined(separator: ", "))"]
    }

    private func ports(_ count: Int) -> String { count == 1 ? "1 Service port" : "\(count) Service ports" }

    // MARK: - Causes

    private func text(_ group: CauseGroup) -> [String] {
        let isConfirmed = group.example.isConfirmed
        let mark = isConfirmed ? style.cross : style.question
        var lines = style.fitted(
            "\(mark) \(DifferenceWords.cause(group.cause))", place: snapshot.describe(group.cause.source), first: "  ",
            rest: "    ", role: isConfirmed ? .bad : .unsure)
        lines += style.fitted(consequence(group), place: nil, first: "    ", rest: "    ")
        if let witness = DifferenceWords.witness(group.example, arrow: style.arrow) {
            let found = group.example.found.map { share in
                let chance = share.probability.isOne ? "" : " (p = \(TraceSummary.decimal(share.probability)))"
                return DifferenceWords.found(share.outcome) + chance
            }
            let word = isConfirmed ? "shown by" : "not confirmed by the simulator:"
            lines += style.fitted(
                "\(word) \(witness): \(found.joined(separator: " or "))", place: nil, first: "    ", rest: "      ",
                role: .faint)
        }
        return lines
    }

    private func consequence(_ group: CauseGroup) -> String {
        let sentence = DifferenceWords.sentence(group.example)
        if group.services.isEmpty {
            return sentence + (group.staleNames.isEmpty ? "" : "; its rules name \(list(group.staleNames))")
        }
        let names = group.services.map(\.description)
        if names.count == 1 {
            let more = group.count > 1 ? ", and \(group.count - 1) more of it" : ""
            return "\(names[0]): \(sentence)\(more)"
        }
        return "damages \(ports(names.count)): \(list(names)); for one, \(sentence)"
    }

    private func list(_ names: [String]) -> String {
        let limit = detail == .wide ? Int.max : 6
        guard names.count > limit else { return names.joined(separator: ", ") }
        return names.prefix(limit).joined(separator: ", ") + " and \(names.count - limit) more"
    }

    private func undecided(_ node: NodeComparison, _ unsure: [ServicePortComparison]) -> [String] {
        var lines: [String] = []
        var seen = Set<TraceNote>()
        for note in node.unreadFiles + unsure.flatMap(\.undecided).map(\.note) where seen.insert(note).inserted {
            lines += style.fitted(
                "\(style.question) cannot tell, because of this line: \(note.text)",
                place: note.source.map(snapshot.describe), first: "  ", rest: "    ", role: .unsure)
        }
        return lines
    }

    // MARK: - Service ports

    private func text(_ port: ServicePortComparison) -> [String] {
        let name = "\(port.name)\(isAmbiguous(port) ? "/\(port.name.ipProtocol)" : "")"
        let (mark, role): (String, TextStyle.Role) =
            switch port.status {
            case .inOrder: (style.tick, .good)
            case .differs: (style.cross, .bad)
            case .unknown: (style.question, .unsure)
            }
        var words = "\(style.paint(mark, role)) \(name)"
        if port.status != .inOrder {
            var kinds: [String] = []
            for difference in port.differences where !kinds.contains(difference.kind.rawValue) {
                kinds.append(difference.kind.rawValue)
            }
            if kinds.isEmpty { kinds = ["cannot be told"] }
            words += "  " + style.paint(kinds.joined(separator: ", "), role)
            if port.mayBeInFlight { words += "  (may be in flight)" }
        }
        guard detail == .wide else { return [words] }
        return [words] + port.differences.flatMap(text) + port.undecided.flatMap(text)
    }

    private func text(_ difference: Difference) -> [String] {
        var lines = style.fitted(
            "from \(DifferenceWords.senders(difference.arrival)) (\(summary(difference.senders))): "
                + DifferenceWords.sentence(difference), place: snapshot.describe(difference.cause.source),
            first: "    ", rest: "      ")
        if let witness = DifferenceWords.witness(difference, arrow: style.arrow) {
            let word = difference.isConfirmed ? "shown by" : "not confirmed by the simulator:"
            lines += style.fitted("\(word) \(witness)", place: nil, first: "      ", rest: "        ", role: .faint)
        }
        return lines
    }

    private func text(_ undecided: Undecided) -> [String] {
        style.fitted(
            "from \(DifferenceWords.senders(undecided.arrival)) (\(summary(undecided.senders))): cannot tell for "
                + "\(undecided.destination), because of this line: \(undecided.note.text)",
            place: undecided.note.source.map(snapshot.describe), first: "    ", rest: "      ", role: .unsure)
    }

    /// DNS has one name for two protocols.
    private func isAmbiguous(_ port: ServicePortComparison) -> Bool { port.name.port.isEmpty }

    private func summary(_ senders: AddressSet) -> String {
        let prefixes = senders.prefixes
        if prefixes.count <= 3 { return prefixes.map(\.description).joined(separator: ", ") }
        return "\(prefixes[0]) and \(prefixes.count - 1) prefixes more"
    }

    // MARK: - Foot

    private func foot(_ node: NodeComparison) -> [String] {
        var lines = style.fitted(
            "compared \(node.classCount) classes of packets to \(node.destinationCount) destinations", place: nil,
            first: "  ", rest: "  ", role: .faint)
        if !node.looksForStaleEntries {
            lines += style.fitted(
                "entries of no Service were not looked for: without default/kubernetes the bundle does not hold all "
                    + "Services", place: nil, first: "  ", rest: "    ", role: .faint)
        }
        if detail == .wide {
            for finding in node.parameters {
                lines += style.fitted(
                    "\(finding)", place: finding.source.map(snapshot.describe), first: "  ", rest: "    ", role: .faint)
            }
            for service in node.unserved {
                lines += style.fitted(
                    "\(service.service) has no entries: \(service.reason)",
                    place: service.reason.source.map(snapshot.describe), first: "  ", rest: "    ", role: .faint)
            }
        } else {
            let parameters = node.parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
            lines += style.fitted("kube-proxy: \(parameters)", place: nil, first: "  ", rest: "    ", role: .faint)
        }
        return lines
    }
}
