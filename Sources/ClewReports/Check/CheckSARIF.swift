import ClewBundle
import ClewDataplane
package import ClewDiagnostics
package import ClewSnapshot

/// Writes findings as SARIF 2.1.0 (OASIS), for code hosts and dashboards.
package struct CheckSARIF: Sendable {
    private let words: CheckWords
    private let checks: [CheckMetadata]
    private let version: String

    /// `checks` are the rules that the log lists, found or not.
    package init(_ snapshot: ClusterSnapshot, checks: [CheckMetadata], version: String) {
        words = CheckWords(snapshot)
        self.checks = checks
        self.version = version
    }

    /// One log, ended by a newline.
    package func text(_ report: CheckReport) -> String {
        let run: [(String, JSONValue)] = [
            (
                "tool",
                .object([
                    (
                        "driver",
                        .object([
                            ("name", .string("clew")), ("semanticVersion", .string(version)),
                            ("rules", .array(checks.map(rule))),
                        ])
                    )
                ])
            ),
            ("results", .array(report.entries.map(result))),
            ("columnKind", .string("utf16CodeUnits")),
            (
                "invocations",
                .array([
                    .object([
                        ("executionSuccessful", .bool(true)),
                        ("toolExecutionNotifications", .array(report.reasons.map(notification))),
                    ])
                ])
            ),
        ]
        return JSONValue.object([
            ("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")),
            ("version", .string("2.1.0")),
            ("runs", .array([.object(run)])),
        ]).text + "\n"
    }

    private func rule(_ check: CheckMetadata) -> JSONValue {
        .object([
            ("id", .string(check.code)),
            ("name", .string(Self.pascalCase(check.name))),
            ("shortDescription", .object([("text", .string(check.finds))])),
            ("fullDescription", .object([("text", .string("\(check.finds) \(check.matters)"))])),
            ("help", .object([("text", .string(help(check))), ("markdown", .string(help(check)))])),
            ("defaultConfiguration", .object([("level", .string(Self.level(check.severity)))])),
            ("properties", .object([("tags", .array([.string(check.group.rawValue), .string("kubernetes")]))])),
        ])
    }

    private func help(_ check: CheckMetadata) -> String {
        let confirm = check.confirm.isEmpty ? "" : "\n\nConfirm by hand: `\(check.confirm.joined(separator: "`, `"))`"
        return "\(check.fix)\(confirm)"
    }

    private func result(_ entry: CheckReport.Entry) -> JSONValue {
        let finding = entry.finding
        var members: [(String, JSONValue)] = [
            ("ruleId", .string(finding.check.code)),
            ("level", .string(Self.level(finding.severity))),
            ("message", .object([("text", .string(message(finding)))])),
            ("locations", .array([location(finding)])),
            ("partialFingerprints", .object([("clewFinding/v1", .string(entry.id))])),
        ]
        if let index = checks.firstIndex(where: { $0.code == finding.check.code }) {
            members.insert(("ruleIndex", .number(index)), at: 1)
        }
        let related = finding.evidence.compactMap(physical)
        if related.count > 1 {
            members.append(
                (
                    "relatedLocations",
                    .array(related.enumerated().dropFirst().map { .object([("id", .number($0))] + $1) })
                ))
        }
        members.append(
            (
                "properties",
                .object([
                    ("confidence", .string(finding.confidence.rawValue)),
                    ("connections", .number(finding.affected?.count ?? 0)),
                    ("fixProof", .optional(finding.fixes.first.map { ProofWords($0.proof).status })),
                    (
                        "fixCommands",
                        .array((finding.fixes.first?.commands ?? []).map { .string($0.command) })
                    ),
                ])
            ))
        return .object(members)
    }

    private func message(_ finding: Finding) -> String {
        var text = "\(CheckWords.title(finding))."
        if let cause = finding.cause { text += " Because \(cause)." }
        if let affected = finding.affected, affected.count > 0 {
            text += " It \(CheckWords.text(affected))."
        }
        if let fix = finding.fixes.first { text += " Fix (\(ProofWords(fix.proof).text)): \(fix.title)." }
        return text
    }

    private func location(_ finding: Finding) -> JSONValue {
        let logical: (String, JSONValue) = (
            "logicalLocations",
            .array([
                .object([
                    ("name", .string(finding.subject.name)),
                    ("fullyQualifiedName", .string(finding.subject.description)),
                    ("kind", .string(finding.subject.kind)),
                ])
            ])
        )
        return .object((finding.evidence.lazy.compactMap(physical).first ?? []) + [logical])
    }

    /// Where a piece of evidence was read, with its text; `nil` where it was not read from a file.
    private func physical(_ evidence: Evidence) -> [(String, JSONValue)]? {
        let (text, source) = words.text(evidence)
        guard let source else { return nil }
        var place: [(String, JSONValue)] = [
            ("artifactLocation", .object([("uri", .string(Self.uri(words.path(source))))]))
        ]
        if source.line > 0 {
            place.append(
                (
                    "region",
                    .object([
                        ("startLine", .number(Int(source.line))), ("snippet", .object([("text", .string(text))])),
                    ])
                ))
        }
        return [("physicalLocation", .object(place)), ("message", .object([("text", .string(text))]))]
    }

    private func notification(_ reason: CheckReport.Untold) -> JSONValue {
        .object([
            ("level", .string("warning")),
            (
                "message",
                .object([
                    (
                        "text",
                        .string("cannot be told for \(CheckWords.connections(reason.connections)): \(reason.note.text)")
                    )
                ])
            ),
        ])
    }

    private static func level(_ severity: Severity) -> String {
        switch severity {
        case .error: "error"
        case .warning: "warning"
        case .notice: "note"
        }
    }

    private static func pascalCase(_ name: String) -> String {
        name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// A path as a relative reference (RFC 3986): what is no unreserved character is escaped.
    private static func uri(_ path: String) -> String {
        var result = ""
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
        return result
    }
}
