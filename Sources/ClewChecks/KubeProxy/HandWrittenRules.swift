import ClewDiagnostics
import ClewIntent
import ClewSnapshot

/// kube-proxy's rules as commands, for as long as kube-proxy does not write them itself.
///
/// Only the chains that differ are named, each whole: what is written is what kube-proxy writes, so that the next one
/// that runs finds nothing to change.
struct HandWrittenRules {
    /// More rules than these nobody reads before running them.
    private static let most = 120

    private let node: String
    private var commands: [FixCommand] = []
    private var count = 0

    /// `nil` where nothing differs, or too much, or rules are of a mode that they cannot be written for.
    static func fix(on node: String, _ parameters: ProxyParameters, _ context: CheckContext) -> Fix? {
        let edit = SnapshotEdit.rewriteProxyRules(node: node, parameters)
        guard parameters.mode == .iptables, let old = context.snapshot.node(named: node),
            let new = try? context.snapshot.applying([edit]).node(named: node)
        else { return nil }
        var rules = HandWrittenRules(node: node)
        for (before, after) in zip(old.host.ruleSets, new.host.ruleSets) where before.backend != .native {
            rules.add(before, after)
        }
        guard !rules.commands.isEmpty, rules.count <= most else { return nil }
        return Fix(
            "until kube-proxy writes them: write the chains that differ by hand", edits: [edit],
            commands: rules.commands)
    }

    private init(node: String) { self.node = node }

    private mutating func add(_ before: RuleSet, _ after: RuleSet) {
        for (number, table) in after.tables.enumerated() {
            let old = Self.chains(before, TableID(rawValue: UInt16(number)))
            let new = Self.chains(after, TableID(rawValue: UInt16(number)))
            let own = new.filter { !$0.isBase && old[$0.name]?.rules != $0.rules }
            let tool = after.tool(table.family)
            if !own.isEmpty { restore(own, old, table.name, tool) }
            for chain in new where chain.isBase { correct(chain, old[chain.name]?.rules ?? [], table.name, tool) }
        }
    }

    /// Writes chains anew, and undone as they were.
    private mutating func restore(_ chains: [Chain], _ old: [Chain], _ table: String, _ tool: String) {
        let names = chains.map { ":\($0.name) - [0:0]" }
        let missing = chains.filter { old[$0.name] == nil }
        let apply = ["*\(table)"] + names + chains.flatMap(\.rules) + ["COMMIT"]
        let undo =
            ["*\(table)"] + names + chains.flatMap { old[$0.name]?.rules ?? [] } + missing.map { "-X \($0.name)" }
            + ["COMMIT"]
        count += apply.count
        commands.append(
            FixCommand(
                .node(node), Self.command(apply, tool), persist: "restart kube-proxy, which writes them itself",
                undo: Self.command(undo, tool)))
    }

    /// Puts in the jumps of a base chain that lack, and takes those out that lead nowhere.
    private mutating func correct(_ chain: Chain, _ old: [String], _ table: String, _ tool: String) {
        let place = "\(tool) -t \(table)"
        for (index, rule) in chain.rules.enumerated() where !old.contains(rule) {
            let words = rule.dropFirst("-A \(chain.name) ".count)
            count += 1
            commands.append(
                FixCommand(
                    .node(node), "\(place) -I \(chain.name) \(index + 1) \(words)",
                    persist: "restart kube-proxy, which puts it there itself",
                    undo: "\(place) -D \(chain.name) \(words)"))
        }
        for (index, rule) in old.enumerated() where !chain.rules.contains(rule) {
            let words = rule.dropFirst("-A \(chain.name) ".count)
            count += 1
            commands.append(
                FixCommand(
                    .node(node), "\(place) -D \(chain.name) \(words)",
                    undo: "\(place) -I \(chain.name) \(index + 1) \(words)"))
        }
    }

    /// One line that a shell gives to `iptables-restore`.
    private static func command(_ lines: [String], _ tool: String) -> String {
        let words = lines.map(Remedies.quoted)
        return "printf '%s\\n' \(words.joined(separator: " ")) | \(tool)-restore -w 5 --noflush"
    }

    fileprivate struct Chain {
        var name: String
        var isBase: Bool
        /// As `iptables-save` prints them.
        var rules: [String]
    }

    private static func chains(_ rules: RuleSet, _ table: TableID) -> [Chain] {
        rules.chains.filter { $0.table == table }.map { chain in
            Chain(
                name: rules.string(chain.name), isBase: chain.base != nil,
                rules: rules.rules[Int(chain.firstRule)..<Int(chain.firstRule + chain.ruleCount)].map {
                    rules.string($0.text)
                })
        }
    }
}

extension [HandWrittenRules.Chain] {
    fileprivate subscript(name: String) -> HandWrittenRules.Chain? { first { $0.name == name } }
}

extension Remedies {
    /// Restarts kube-proxy; or, until that helps, writes by hand what it would write.
    static func rewriteFixes(on node: String, _ context: CheckContext) -> [Fix] {
        let parameters = context.proxies[node]?.parameters
        return [rewriteRules(on: node, context)]
            + [parameters.flatMap { HandWrittenRules.fix(on: node, $0, context) }].compactMap(\.self)
    }
}
