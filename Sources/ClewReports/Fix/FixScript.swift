package import ClewDiagnostics
package import ClewSnapshot

/// Fixes as a shell script that a person reads and runs, place by place.
package struct FixScript: Sendable {
    private let words: CheckWords
    /// The command that prints the script, for its head.
    private let command: String

    package init(_ snapshot: ClusterSnapshot, command: String) {
        words = CheckWords(snapshot)
        self.command = command
    }

    /// One script for all findings, each with one of its fixes; ended by a newline.
    package func text(_ findings: [(Finding, Fix)]) -> String {
        var lines = ["#!/bin/sh"]
        for (finding, fix) in findings { lines += head(finding, fix) }
        let places = Self.places(findings.map(\.1))
        lines += usage(places)
        lines += ["set -eu", ""]
        guard !places.isEmpty else {
            return (lines + ["echo 'There is nothing to run: read the head of this file.' >&2", "exit 2"])
                .map { $0 + "\n" }.joined()
        }
        lines.append("case \"${1:-} ${2:-}\" in")
        for place in places {
            let commands = findings.flatMap { pair in pair.1.commands.filter { $0.place == place }.map { (pair.1, $0) }
            }
            lines += section("apply", place, Self.apply(commands))
            lines += section("persist", place, Self.persist(commands))
            lines += section("undo", place, Self.undo(commands))
        }
        lines += [
            "*)", "    sed -n '2,/^$/s/^# \\{0,1\\}//p' \"$0\" >&2", "    exit 2", "    ;;", "esac",
        ]
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - Head

    private func head(_ finding: Finding, _ fix: Fix) -> [String] {
        var lines: [String] = []
        func add(_ label: String, _ text: String) {
            let label = label + String(repeating: " ", count: max(0, 9 - label.count))
            lines += Self.comment(text, first: "# \(label)", rest: "#          ")
        }
        lines += Self.comment(
            "\(finding.check.code) \(finding.check.name): \(CheckWords.title(finding))", first: "# ", rest: "#   ")
        lines.append("#")
        if let cause = finding.cause { add("Why:", cause) }
        if let affected = finding.affected, affected.count > 0 {
            add("Breaks:", String(CheckWords.text(affected).dropFirst(7)))
        }
        for piece in finding.evidence.prefix(3) {
            let (text, source) = words.text(piece)
            add("Seen:", words.place(source).map { "\(text) (\($0))" } ?? text)
        }
        add("Fix:", fix.title)
        add("Proof:", ProofWords(fix.proof).text)
        lines.append("#")
        return lines
    }

    private func usage(_ places: [FixCommand.Place]) -> [String] {
        guard !places.isEmpty else { return [""] }
        var lines = [
            "# Clew changes nothing itself. Read this, then run it where it says; each command can be run twice:"
        ]
        for place in places {
            let name = Self.name(place)
            let on = if case .node = place { "on node \(name), as root" } else { "where kubectl works" }
            lines.append("#     sh FILE apply \(Self.quoted(name))   \(on)")
        }
        lines += [
            "#     sh FILE persist PLACE   the same, to last over a reboot",
            "#     sh FILE undo PLACE      brings back what was there",
            "# \(Self.clean(command)) --verify shows what it does to every connection.", "",
        ]
        return lines
    }

    // MARK: - Parts

    private func section(_ verb: String, _ place: FixCommand.Place, _ body: [String]) -> [String] {
        let body = body.isEmpty ? ["# nothing to do", ":"] : body
        return ["\(Self.quoted("\(verb) \(Self.name(place))")))"] + body.map { "    \($0)" } + ["    ;;"]
    }

    private static func apply(_ commands: [(Fix, FixCommand)]) -> [String] {
        var lines: [String] = []
        var title = ""
        for (fix, command) in commands {
            if fix.title != title { lines += comment(fix.title, first: "# ", rest: "# ") }
            title = fix.title
            lines += runnable(command.command)
        }
        return lines
    }

    private static func persist(_ commands: [(Fix, FixCommand)]) -> [String] {
        var lines: [String] = []
        for text in commands.compactMap(\.1.persist) where !lines.contains(text) { lines += runnable(text) }
        return lines
    }

    private static func undo(_ commands: [(Fix, FixCommand)]) -> [String] {
        commands.reversed().flatMap { pair in
            guard let undo = pair.1.undo else {
                return comment(
                    "nothing brings this back, and nothing has to: \(pair.1.command)", first: "# ", rest: "# ")
            }
            return runnable(undo)
        }
    }

    /// A command as it is; advice in words as a comment that is also printed.
    private static func runnable(_ text: String) -> [String] {
        guard isCommand(text) else {
            return comment(text, first: "# By hand: ", rest: "#   ") + ["echo \(quoted("by hand: \(clean(text))")) >&2"]
        }
        return text.split(separator: "\n").map { repeatable(String($0)) }
    }

    /// What a command says that adds what is there, or deletes what is not, as it does when it is run again.
    package static let nothingToDo = "nothing to do: it was done before"

    /// A command that adds or deletes one thing, made to do so once however often it is run.
    static func repeatable(_ text: String) -> String {
        let words = text.split(separator: " ").map(String.init)
        let isPlain = !text.contains { "|;&".contains($0) }
        if isPlain, complains(words) { return "\(text) || echo '\(nothingToDo)' >&2" }
        guard isPlain, let tool = words.first, tool.hasPrefix("iptables") || tool.hasPrefix("ip6tables"),
            let verb = words.firstIndex(where: { ["-A", "-I", "-D"].contains($0) }), verb + 2 < words.count
        else { return text }
        let hasNumber = Int(words[verb + 2]) != nil
        // A rule that is named by its number cannot be asked for.
        guard !(words[verb] == "-D" && hasNumber) else { return text }
        let old = words[verb...verb + (hasNumber ? 2 : 1)].joined(separator: " ")
        guard let start = text.firstRange(of: old) else { return text }
        let test = text[..<start.lowerBound] + "-C \(words[verb + 1])" + text[start.upperBound...] + " 2>/dev/null"
        return words[verb] == "-D" ? "! \(test) || \(text)" : "\(test) || \(text)"
    }

    /// Whether a command fails when what it wants is so already.
    private static func complains(_ words: [String]) -> Bool {
        switch words.first {
        case "ip", "bridge": words.contains { ["add", "append", "del"].contains($0) }
        case "conntrack": words.contains("-D")
        default: false
        }
    }

    private static let commands: Set<String> = [
        "arp", "bridge", "cat", "chmod", "conntrack", "cp", "crictl", "echo", "ethtool", "firewall-cmd", "for", "grep",
        "hostname", "if", "ip", "ip6tables", "ip6tables-legacy", "ip6tables-nft", "ip6tables-restore", "ipset",
        "iptables", "iptables-legacy", "iptables-nft", "iptables-restore", "ipvsadm", "kubectl", "ln", "mkdir",
        "modprobe", "mv", "nft", "nsenter", "printf", "rm", "sed", "sh", "sysctl", "systemctl", "tee", "test", "touch",
        "ufw", "docker", "calicoctl", "etcdctl", "nmcli", "rmmod", "tc", "while", "[",
    ]

    static func isCommand(_ text: String) -> Bool {
        let first = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).first.map(String.init) ?? ""
        let name = first.split(separator: "/").last.map(String.init) ?? first
        return commands.contains(name)
    }

    private static func places(_ fixes: [Fix]) -> [FixCommand.Place] {
        var result: [FixCommand.Place] = []
        for place in fixes.flatMap(\.commands).map(\.place) where !result.contains(place) { result.append(place) }
        return result
    }

    private static func name(_ place: FixCommand.Place) -> String {
        switch place {
        case .node(let name): clean(name)
        case .workstation: "workstation"
        }
    }

    // MARK: - Text

    /// Single quotes, which hold anything but themselves.
    static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:".contains($0)) }
        guard !isPlain else { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// One line, without what a terminal or shell would obey in a comment.
    static func clean(_ text: String) -> String { TextStyle(drawing: .unicode).clean(text) }

    private static func comment(_ text: String, first: String, rest: String) -> [String] {
        TextStyle(width: 100).fitted(text, place: nil, first: first, rest: rest)
    }
}
