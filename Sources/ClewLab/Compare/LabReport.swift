/// The outcome of a network with a fault: how many flows agree, and what the fault changed.
package struct LabReport: Sendable, Hashable {
    package var network: String
    package var backend: RuleBackend
    /// `-` without a fault.
    package var fault: String
    package var agree = 0
    package var unknown = 0
    package var disagree = 0
    /// Flows that were tried again by themselves, and only then agreed; they count as agreeing.
    package var retried = 0
    /// Flows whose answer differs from the same network's without a fault.
    package var changed = 0
    /// What is wrong with the fault: it changes nothing, looks otherwise to a client, or Clew does not name it.
    package var unsaid: [String] = []
    package var seconds = 0.0

    package init(network: String, backend: RuleBackend, fault: String) {
        self.network = network
        self.backend = backend
        self.fault = fault
    }

    package var isGood: Bool { disagree == 0 && unsaid.isEmpty }
    package var flows: Int { agree + unknown + disagree }

    /// One line, for another process to read.
    package var line: String {
        let numbers = [agree, unknown, disagree, retried, changed, Int((seconds * 1000).rounded())].map(String.init)
        let words = unsaid.map { $0.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined() }
        return ([network, backend.rawValue, fault] + numbers + words).joined(separator: "\t")
    }

    /// Reads ``line``; nil for another text.
    package init?(line: Substring) {
        let words = line.split(separator: "\t" as Character, omittingEmptySubsequences: false).map { String($0) }
        let numbers = words.dropFirst(3).prefix(6).compactMap { Int($0) }
        guard words.count >= 9, numbers.count == 6, let backend = RuleBackend(rawValue: words[1]) else { return nil }
        self.init(network: words[0], backend: backend, fault: words[2])
        (agree, unknown, disagree) = (numbers[0], numbers[1], numbers[2])
        (retried, changed) = (numbers[3], numbers[4])
        seconds = Double(numbers[5]) / 1000
        unsaid = Array(words.dropFirst(9))
    }
}

/// What a whole run of the lab came to.
package struct LabTally: Sendable {
    package let reports: [LabReport]
    package init(_ reports: [LabReport]) { self.reports = reports }

    private func sum(_ number: (LabReport) -> Int) -> Int { reports.reduce(0) { $0 + number($1) } }
    package var flows: Int { sum(\.flows) }
    package var unknown: Int { sum(\.unknown) }
    /// Faults that changed the outcome of a flow somewhere.
    package var changing: Set<String> { Set(reports.filter { $0.changed > 0 }.map(\.fault)) }

    /// At most this share of all flows may be unknown: one of so many.
    package static let leastKnown = 50

    /// No disagreement, every fault seen and named, and at most 2 % unknown.
    package var isGood: Bool { reports.allSatisfy(\.isGood) && unknown * Self.leastKnown <= flows }

    /// A table of the reports with a line of sums, and a few sentences.
    package var text: String {
        var rows = [["network", "rules", "fault", "flows", "agree", "unknown", "disagree", "retried", "changed", "s"]]
        rows += reports.map { report in
            [report.network, report.backend.rawValue, report.fault]
                + [report.flows, report.agree, report.unknown, report.disagree, report.retried, report.changed].map {
                    "\($0)"
                } + [Self.tenths(report.seconds)]
        }
        rows.append(
            ["all", "", "\(changing.count) change a verdict"]
                + [flows, sum(\.agree), unknown, sum(\.disagree), sum(\.retried), sum(\.changed)].map { "\($0)" }
                + [Self.tenths(reports.reduce(0) { $0 + $1.seconds })])
        let widths = (0..<rows[0].count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (index, row) in rows.enumerated() {
            if index == 1 || index == rows.count - 1 {
                text += widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ") + "\n"
            }
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column < 3 ? cell + space : space + cell
            }
            text += cells.joined(separator: "  ") + "\n"
        }
        return text + sentences
    }

    private var sentences: String {
        let faults = Set(reports.map(\.fault)).subtracting(["-"])
        let idle = faults.subtracting(changing).sorted()
        let share = flows == 0 ? 0 : unknown * 1000 / flows
        var text =
            "\(Set(reports.map(\.network)).count) networks, \(faults.count) faults, \(reports.count) labs, "
            + "\(flows) flows: \(sum(\.agree)) agree, \(unknown) unknown (\(share / 10).\(share % 10) %), "
            + "\(sum(\.disagree)) disagree; \(sum(\.retried)) were tried twice\n"
        if !idle.isEmpty {
            text += "faults that change how connections fail, not which: \(idle.joined(separator: ", "))\n"
        }
        for report in reports {
            for reason in report.unsaid { text += "WRONG \(report.network) \(report.fault): \(reason)\n" }
        }
        return text
    }

    private static func tenths(_ seconds: Double) -> String {
        let value = Int((seconds * 10).rounded())
        return "\(value / 10).\(value % 10)"
    }
}
