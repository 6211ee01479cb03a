package import ClewBundle
import ClewDataplane
package import ClewNet
import ClewSnapshot

/// A rule set, a packet, and what the kernel did with it: a section of a file in `Tests/Cases/lab`.
///
/// What the kernel did is recorded by `clew-lab fuzz --update FILE`; a test that needs no root holds Clew against it.
package struct FuzzCase: Sendable, Hashable {
    package var title: String
    /// What is to be seen here, in a sentence or two.
    package var prose: String
    package var backend: FuzzBackend
    package var rules: FuzzRules
    package var probe: Probe
    /// A line for each event, and the ends.
    package var kernel: [String]

    package init(
        title: String, prose: String, backend: FuzzBackend, rules: FuzzRules, probe: Probe, kernel: [String]
    ) {
        self.title = title
        self.prose = prose
        self.backend = backend
        self.rules = rules
        self.probe = probe
        self.kernel = kernel
    }

    package var family: AddressFamily { rules.family }

    /// The files of a bundle that the case is about; those of the network are recorded once for all cases.
    package var artifacts: [Artifact] {
        let folder = "nodes/\(FuzzNetwork.node)/"
        let tool = family == .ipv4 ? "iptables" : "ip6tables"
        var result = [
            Artifact(
                path: "\(folder)\(tool)-\(backend)-save.txt",
                bytes: Array(rules.restoreText(emptyTables: backend == .legacy).utf8))
        ]
        if !rules.sets.isEmpty {
            result.append(Artifact(path: folder + "ipset-save.txt", bytes: Array(rules.setText.utf8)))
        }
        return result
    }

    /// What Clew says, given the recorded files of the network, whose settings are put as the case has them.
    package func prediction(on network: [Artifact]) -> Prediction {
        let files = network.map { artifact -> Artifact in
            var text = String(decoding: artifact.bytes, as: UTF8.self)
            if artifact.path == "nodes/\(FuzzNetwork.node)/sysctl.txt" {
                let own = rules.settings.sysctls
                let kept = text.split(separator: "\n").filter { line in !own.contains { line.hasPrefix($0.key + " ") } }
                text = (kept.map(String.init) + own.map { "\($0.key) = \($0.value)" }).joined(separator: "\n") + "\n"
            } else if !rules.settings.hairpin {
                text = text.replacing("\"hairpin\":true", with: "\"hairpin\":false")
            }
            return Artifact(path: artifact.path, bytes: Array(text.utf8))
        }
        return Simulation(files + artifacts).prediction(of: probe)
    }

    // MARK: - Text

    package var markdown: String {
        var text = "## \(title)\n\n\(prose)\n\n"
        func block(_ name: String, _ body: String) {
            text += "```\(name)\n\(body)\(body.hasSuffix("\n") ? "" : "\n")```\n"
        }
        block("iptables-save \(backend) \(family == .ipv4 ? 4 : 6)", rules.shortText)
        if !rules.sets.isEmpty { block("ipset-save", rules.setText) }
        if rules.settings != FuzzSettings() { block("settings", rules.settings.text) }
        block("probe", probe.text)
        block("kernel", kernel.joined(separator: "\n"))
        return text
    }

    /// Reads the sections of a file; what stands before the first is its introduction.
    package static func read(_ text: String) throws(SystemError) -> (introduction: String, cases: [FuzzCase]) {
        var sections: [[String]] = [[]]
        var isFenced = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") { isFenced.toggle() }
            if line.hasPrefix("## "), !isFenced { sections.append([]) }
            sections[sections.count - 1].append(line)
        }
        let introduction = sections[0].joined(separator: "\n")
        var cases: [FuzzCase] = []
        for section in sections.dropFirst() { cases.append(try FuzzCase(section)) }
        return (introduction, cases)
    }

    private init(_ lines: [String]) throws(SystemError) {
        title = String((lines.first ?? "").dropFirst(3))
        var prose: [String] = []
        var blocks: [String: [String]] = [:]
        var words: [String] = []
        var open: String?
        for line in lines.dropFirst() {
            guard line.hasPrefix("```") else {
                if let open { blocks[open, default: []].append(line) } else { prose.append(line) }
                continue
            }
            let own = line.dropFirst(3).split(separator: " ").map(String.init)
            if open == nil, own.first == "iptables-save" { words = own }
            open = open == nil ? own.first ?? "" : nil
        }
        self.prose = prose.drop { $0.isEmpty }.reversed().drop { $0.isEmpty }.reversed().joined(separator: "\n")
        guard words.count == 3, let backend = FuzzBackend(rawValue: words[1]), let rules = blocks["iptables-save"],
            let probe = blocks["probe"]?.first.flatMap({ Probe(text: $0) })
        else { throw .unusable("\(title): no rules, or no probe that can be read") }
        self.backend = backend
        self.probe = probe
        self.rules = FuzzRules(
            family: words[2] == "6" ? .ipv6 : .ipv4, restoreText: rules, setText: blocks["ipset-save"] ?? [])
        self.rules.settings = FuzzSettings(text: blocks["settings"] ?? [])
        kernel = blocks["kernel"] ?? []
    }
}

extension Exchange {
    /// A line for each event and end, as ``FuzzCase`` keeps them.
    package var lines: [String] {
        var lines = there.events.map(\.description) + ["→ \(there.end)"]
        guard let back else { return lines }
        lines += back.events.map { "back \($0)" } + ["← \(back.end)"]
        return lines + [works ? "works" : "does not work"]
    }
}

extension Prediction.Branch {
    /// Whether these lines tell of this branch; a line may leave out the mark and the addresses.
    package func agrees(with lines: [String]) -> Bool {
        let there = exchange.there
        var own = there.events.map { Self.variants($0, "") } + [Self.variants(there.end, "→ ")]
        if lines.contains(where: { $0.hasPrefix("←") }) {
            guard let back = exchange.back else { return endsInPod && lines.starts(own) }
            own += back.events.map { Self.variants($0, "back ") } + [Self.variants(back.end, "← ")]
            own.append(
                outcome == .works ? ["works"] : outcome == .fails ? ["does not work"] : ["works", "does not work"])
        }
        return own.count == lines.count && lines.starts(own)
    }

    private static func variants(_ event: WalkEvent, _ prefix: String) -> Set<String> {
        var (bare, unmarked) = (event, event)
        unmarked.mark = nil
        bare.mark = nil
        bare.tuple = nil
        return [prefix + event.description, prefix + unmarked.description, prefix + bare.description]
    }

    private static func variants(_ end: WalkEnd, _ prefix: String) -> Set<String> {
        if case .rejected = end { return [prefix + end.description, prefix + WalkEnd.rejected(nil).description] }
        return [prefix + end.description]
    }
}

extension [String] {
    /// Whether each of the first lines is one of its variants.
    fileprivate func starts(_ variants: [Set<String>]) -> Bool {
        count >= variants.count && zip(self, variants).allSatisfy { $1.contains($0) }
    }
}
