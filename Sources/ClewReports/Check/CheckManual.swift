package import ClewDiagnostics

/// What is to be known of checks without running them: for `clew explain`, `clew checks` and `docs/checks`.
package enum CheckManual {
    /// One check for a terminal, ended by a newline.
    package static func text(_ check: CheckMetadata, style: TextStyle) -> String {
        var lines = [style.paint("\(check.code) \(check.name)", .heading) + " (\(check.severity.rawValue))"]
        func section(_ title: String, _ texts: [String], first: String = "  ") {
            guard !texts.isEmpty else { return }
            lines += ["", style.paint(title, .heading)]
            for text in texts {
                lines += style.fitted(
                    text, place: nil, first: first, rest: String(repeating: " ", count: first.count))
            }
        }
        section("What is wrong", [check.finds])
        section("What users notice", [check.matters])
        section("What to do", [check.fix])
        section("See it by hand", check.confirm, first: "  $ ")
        section("Where it is written", check.sources)
        return lines.map { $0 + "\n" }.joined()
    }

    /// All checks for a terminal, a line each below their groups.
    package static func list(_ checks: [CheckMetadata], style: TextStyle) -> String {
        var lines: [String] = []
        let width = (checks.map(\.name.count).max() ?? 0) + 2
        for group in CheckGroup.allCases {
            let members = checks.filter { $0.group == group }
            guard !members.isEmpty else { continue }
            if !lines.isEmpty { lines.append("") }
            lines.append(style.paint("\(group.rawValue)  \(group.title)", .heading))
            for check in members {
                let name = check.name + String(repeating: " ", count: width - check.name.count)
                let level = check.severity.rawValue
                lines.append("  \(check.code)  \(name)\(level)")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// All checks as one JSON object, schema `clew.checks/v1`, ended by a newline.
    package static func json(_ checks: [CheckMetadata]) -> String {
        JSONValue.object([
            ("schema", .string("clew.checks/v1")), ("checks", .array(checks.map(value))),
        ]).text + "\n"
    }

    package static func json(_ check: CheckMetadata) -> String { value(check).text + "\n" }

    private static func value(_ check: CheckMetadata) -> JSONValue {
        .object([
            ("code", .string(check.code)),
            ("name", .string(check.name)),
            ("group", .string(check.group.rawValue)),
            ("severity", .string(check.severity.rawValue)),
            ("finds", .string(check.finds)),
            ("matters", .string(check.matters)),
            ("confirm", .array(check.confirm.map { .string($0) })),
            ("fix", .string(check.fix)),
            ("sources", .array(check.sources.map { .string($0) })),
        ])
    }

    // MARK: - Pages

    /// The pages of `docs/checks`, by file name: an index, and one for each check.
    package static func pages(_ checks: [CheckMetadata]) -> [(name: String, text: String)] {
        [("README.md", index(checks))] + checks.map { ("\($0.code)-\($0.name).md", page($0)) }
    }

    private static let notice = "<!-- Written by `make docs`; do not edit. -->"

    private static func index(_ checks: [CheckMetadata]) -> String {
        var lines = [
            notice, "# Checks", "",
            "What `clew check` looks for. `clew explain CODE` prints the same pages, `clew checks -o json` all of them.",
        ]
        for group in CheckGroup.allCases {
            let members = checks.filter { $0.group == group }
            guard !members.isEmpty else { continue }
            lines += [
                "", "## \(group.rawValue): \(group.title)", "", "| check | severity | finds |", "| --- | --- | --- |",
            ]
            lines += members.map { check in
                "| [\(check.code) \(check.name)](\(check.code)-\(check.name).md) | \(check.severity.rawValue) "
                    + "| \(MarkupText.markdown(check.finds)) |"
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func page(_ check: CheckMetadata) -> String {
        var lines = [
            notice, "# \(check.code) \(check.name)", "",
            "\(check.group.rawValue), \(check.group.title). Severity: \(check.severity.rawValue).", "",
            "**What is wrong.** \(MarkupText.markdown(check.finds))", "",
            "**What users notice.** \(MarkupText.markdown(check.matters))", "",
            "**What to do.** \(MarkupText.markdown(check.fix))",
        ]
        if !check.confirm.isEmpty {
            lines += ["", "## See it by hand", "", "```sh"] + check.confirm + ["```"]
        }
        lines += [
            "", "## With Clew", "", "```sh", "clew check BUNDLE --select \(check.code) --verbose",
            "clew fix BUNDLE \(check.code)", "```", "", "## Where it is written", "",
        ]
        lines += check.sources.map { "- \(MarkupText.markdown($0))" }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension CheckGroup {
    /// What its checks are about.
    package var title: String {
        switch self {
        case .objects: "Services, EndpointSlices and pods"
        case .kubeProxy: "kube-proxy and its rules"
        case .ipvs: "kube-proxy's virtual servers (IPVS)"
        case .kernel: "kernel parameters and modules"
        case .routing: "routes, overlays and the path MTU"
        case .bridge: "bridges and the CNI plugins' devices"
        case .firewall: "host firewalls"
        case .policy: "network policies"
        case .conntrack: "connection tracking"
        case .flannel: "Flannel"
        case .calico: "Calico"
        case .controlPlane: "the control plane and the nodes' agents"
        case .walk: "connections that nothing else explains"
        case .normal: "looks alarming, and is normal"
        }
    }
}
