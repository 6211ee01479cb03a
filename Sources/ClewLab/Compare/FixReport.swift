import Foundation

/// What `clew check` says of a network, and what the kernel says of its fix.
package struct FixReport: Sendable, Codable {
    package enum Kernel: String, Sendable, Codable {
        /// It failed, worked with the printed commands, and failed again when they were undone.
        case agrees
        /// It failed and worked with the commands, which nothing has to undo: entries that are forgotten.
        case mended
        /// Some step ended otherwise; ``FixReport/notes`` say which.
        case differs
        /// The commands are kubectl's: there is no API server to run them.
        case objects = "edits objects"
        /// There is nothing to try.
        case notTried = "-"
    }

    package var network: String
    package var backend: RuleBackend
    /// None: the network is as it should be.
    package var faults: [String] = []
    /// The rows of the catalogue that each fault stands for.
    package var rows: [[String]] = []
    package var mending = Fault.Mending.onNodes
    /// The code of the first finding above notice, or of the first at all that the client's question brings; `nil`
    /// where there is none.
    package var first: String?
    /// `clew check --from … --to …` named it, and `clew check` alone did not.
    package var wasAsked = false
    /// Codes of further findings at error, and of warnings.
    package var others: [String] = []
    /// `proven`, `partly`, `not proven`, `advice`: the best of the first finding's fixes.
    package var proof: String?
    package var kernel = Kernel.notTried
    /// What is wrong with it, a sentence each.
    package var complaints: [String] = []
    package var notes: [String] = []
    package var seconds = 0.0

    package var name: String { faults.isEmpty ? "-" : faults.joined(separator: " + ") }
    package var isGood: Bool { complaints.isEmpty }
    /// Whether the first finding is one of the fault's rows.
    package var isNamed: Bool { first.map { code in rows.contains { $0.contains(code) } } ?? false }

    package init(network: String, backend: RuleBackend, faults: [Fault]) {
        self.network = network
        self.backend = backend
        self.faults = faults.map(\.name)
        rows = faults.map(\.codes)
        mending = faults.first?.mending ?? .onNodes
    }

    // MARK: - For another process

    /// One line.
    package var line: String {
        guard let data = try? JSONEncoder().encode(self) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads ``line``; nil for another text.
    package init?(line: Substring) {
        guard let report = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else { return nil }
        self = report
    }
}

/// What a whole run of `clew-lab fixes` came to.
package struct FixTally: Sendable {
    package let reports: [FixReport]
    package init(_ reports: [FixReport]) { self.reports = reports }

    package var isGood: Bool { reports.allSatisfy(\.isGood) }

    /// A table of the reports, and the counts.
    package var text: String {
        var rows = [["network", "rules", "fault", "row", "first", "also", "fix", "kernel", ""]]
        rows += reports.map { report in
            [
                report.network, report.backend.rawValue, report.name,
                report.rows.compactMap(\.first).joined(separator: "+"),
                (report.first ?? "-") + (report.wasAsked ? " (asked)" : ""), Self.list(report.others),
                report.proof ?? "-", report.kernel.rawValue, report.isGood ? "" : "WRONG",
            ]
        }
        let widths = (0..<rows[0].count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            var line = row.enumerated().map { column, cell in
                cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            text += line + "\n"
        }
        return text + sentences
    }

    private static func list(_ codes: [String]) -> String {
        guard !codes.isEmpty else { return "-" }
        return codes.prefix(3).joined(separator: ",") + (codes.count > 3 ? " and \(codes.count - 3) more" : "")
    }

    private var sentences: String {
        let healthy = reports.filter(\.faults.isEmpty)
        let pairs = reports.filter { $0.faults.count > 1 }
        let single = reports.filter { $0.faults.count == 1 }
        let faults = Set(single.flatMap(\.faults))
        /// Faults of which it is so in every network where they were tried.
        func count(_ isMeant: (FixReport) -> Bool) -> Int {
            faults.count { fault in single.filter { $0.faults == [fault] }.allSatisfy(isMeant) }
        }
        var text = ""
        if !single.isEmpty {
            text +=
                "\(faults.count) faults in \(Set(single.map(\.network)).count) networks, \(single.count) labs: "
                + "\(count(\.isNamed)) named first, \(count { $0.proof == "proven" }) with a proven fix, "
                + "\(count { $0.kernel == .agrees }) mended and broken again in the kernel by the printed commands, "
                + "\(count { $0.kernel == .objects }) by edits of objects, \(count { $0.mending == .byPeople }) by people\n"
        }
        if !healthy.isEmpty {
            text += "\(healthy.count) healthy networks: \(healthy.count(where: \.isGood)) without an error or warning\n"
        }
        if !pairs.isEmpty {
            text += "\(pairs.count) pairs of faults: \(pairs.count(where: \.isGood)) found both, each once\n"
        }
        for report in reports {
            for complaint in report.complaints {
                text += "WRONG \(report.network), \(report.backend.rawValue), \(report.name): \(complaint)\n"
            }
        }
        return text
    }
}
