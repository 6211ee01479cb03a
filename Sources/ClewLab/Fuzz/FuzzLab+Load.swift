package import ClewBundle
import ClewNet

/// Rules as they were loaded, with what a collector would have found.
package struct LoadedRules: Sendable {
    package var rules: FuzzRules
    package var backend: FuzzBackend
    /// The bundle's files of rules and sets.
    package var artifacts: [Artifact]
    /// Lines that the tools refused, with their reason.
    package var refused: [String]
    /// Rules in each chain, by `table:chain`.
    var counts: [String: Int] = [:]
    /// Rules with REJECT, by `table:chain:number`.
    var rejecting: Set<String> = []
    /// Rules that change the packet's mark.
    var marking: Set<String> = []
    /// nf_tables: the rule of a table's handle.
    var handles: [RuleHandle: (chain: String, rule: Int)] = [:]

    /// `recent` keeps lists, SET changes sets: both are put back before each packet.
    var recentLists: [String] = []
    var changesSets = false

    struct RuleHandle: Hashable {
        var table: String
        var handle: UInt64
    }
}

extension FuzzLab {
    private var tool: String { ground.family == .ipv4 ? "iptables" : "ip6tables" }

    /// Replaces all rules, sets and settings; nil, with the reasons, where the tools refuse it as a whole.
    package func load(_ rules: FuzzRules, _ backend: FuzzBackend) throws(SystemError) -> LoadedRules? {
        var loaded = LoadedRules(rules: rules, backend: backend, artifacts: [], refused: [])
        // A recorded node has the tables it was recorded with, and no others that packets would pass.
        if hasSettings { for used in dirty { try clear(used) } }
        dirty = [backend]
        try run(["ipset", "-exist", "restore"], input: "flush\ndestroy\n").output()
        if hasSettings { try apply(rules.settings) }
        if !rules.sets.isEmpty {
            let result = try run(["ipset", "-exist", "restore"], input: rules.setText)
            guard result.status == .exited(0) else {
                loaded.refused.append(result.errorText)
                return refuse(loaded)
            }
        }
        for _ in 0..<20 {
            let text = loaded.rules.restoreText(emptyTables: backend == .legacy && hasSettings)
            let result = try run(["\(tool)-\(backend)-restore"], input: text)
            if result.status == .exited(0) {
                try collectRules(&loaded)
                return loaded
            }
            guard drop(result.errorText, text, &loaded) else { return refuse(loaded) }
        }
        return refuse(loaded)
    }

    /// Loads the same rules once more.
    func reload(_ loaded: inout LoadedRules) throws(SystemError) {
        guard let again = try load(loaded.rules, loaded.backend) else {
            throw .unusable("rules that were loaded were refused: \(refusals.last ?? "")")
        }
        loaded = again
    }

    private func refuse(_ loaded: LoadedRules) -> LoadedRules? {
        refusals += loaded.refused
        return nil
    }

    /// Empties what an earlier load left behind.
    private func clear(_ backend: FuzzBackend) throws(SystemError) {
        let family = ground.family == .ipv4 ? "ip" : "ip6"
        if backend == .nft {
            let lines = FuzzRules.builtIn.map { "add table \(family) \($0.0)\ndelete table \(family) \($0.0)\n" }
            try run(["nft", "-f", "-"], input: lines.joined()).output()
        } else {
            let empty = FuzzRules(family: ground.family, tables: [])
            try run(["\(tool)-legacy-restore"], input: empty.restoreText()).output()
        }
    }

    /// Takes out the rule that an error names; false where it names none.
    private func drop(_ message: String, _ text: String, _ loaded: inout LoadedRules) -> Bool {
        let digits = message.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let named = digits.filter { $0 > 0 && $0 <= lines.count && lines[$0 - 1].hasPrefix("-A ") }
        guard message.contains("line"), let number = named.last else {
            loaded.refused.append(message + text)
            return false
        }
        loaded.refused.append("\(lines[number - 1]): \(message)")
        var at = 0
        for (index, line) in lines.prefix(number).enumerated() where line.hasPrefix("-A ") && index < number - 1 {
            at += 1
        }
        loaded.rules.remove(ruleAt: at)
        return true
    }

    private func collectRules(_ loaded: inout LoadedRules) throws(SystemError) {
        let folder = "nodes/\(FuzzNetwork.node)/"
        let name = "\(tool)-\(loaded.backend)-save"
        let save = try run([name])
        try save.output()
        loaded.artifacts.append(Artifact(path: "\(folder)\(name).txt", bytes: save.standardOutput))
        if !loaded.rules.sets.isEmpty {
            let sets = try run(["ipset", "save"])
            try sets.output()
            loaded.artifacts.append(Artifact(path: folder + "ipset-save.txt", bytes: sets.standardOutput))
        }
        for table in loaded.rules.tables {
            for chain in table.chains {
                loaded.counts["\(table.name):\(chain.name)"] = chain.rules.count
                for (index, rule) in chain.rules.enumerated() {
                    if rule.target.hasPrefix("-j REJECT") {
                        loaded.rejecting.insert("\(table.name):\(chain.name):\(index + 1)")
                    }
                    if rule.target.contains("MARK ") {
                        loaded.marking.insert("\(table.name):\(chain.name):\(index + 1)")
                    }
                    if rule.target.hasPrefix("-j SET") { loaded.changesSets = true }
                }
            }
        }
        loaded.recentLists = loaded.rules.words(behind: "--name").sorted()
        if loaded.backend == .nft { try collectHandles(&loaded) }
    }

    /// `NFT_MSG_GETRULE`: the rules of each chain come in their order.
    private func collectHandles(_ loaded: inout LoadedRules) throws(SystemError) {
        var numbers: [String: Int] = [:]
        for message in try control.dump(0xA07, family: ground.family == .ipv4 ? 2 : 10) where message.type == 0xA06 {
            let attributes = message.attributes
            guard let table = attributes[1], let chain = attributes[2],
                let handle = NetlinkMessage.number(attributes[3])
            else { continue }
            let (tableName, chainName) = (NetlinkMessage.text(table), NetlinkMessage.text(chain))
            let number = (numbers["\(tableName):\(chainName)"] ?? 0) + 1
            numbers["\(tableName):\(chainName)"] = number
            loaded.handles[.init(table: tableName, handle: handle)] = (chainName, number)
        }
    }

    /// The state that packets change: connections, lists of `recent`, sets that rules add to.
    func forgetPackets(_ loaded: LoadedRules) throws(SystemError) {
        try flushConnections()
        if !loaded.recentLists.isEmpty {
            let lists = loaded.recentLists
            try node.perform { () throws(SystemError) in
                for list in lists {
                    // Absent where the kernel made no such list.
                    try? Sysctl.write("/../thread-self/net/xt_recent/\(list)", "/")
                }
            }
        }
        if loaded.changesSets {
            let lines = loaded.rules.sets.reversed().map { "flush \($0.name)\n" }
            let adds = loaded.rules.sets.flatMap { set in set.elements.map { "add \(set.name) \($0)\n" } }
            try run(["ipset", "-exist", "restore"], input: (lines + adds).joined()).output()
        }
    }
}

extension FuzzRules {
    /// Removes the rule of that number, counted over all tables in the order of ``restoreText(emptyTables:)``.
    mutating func remove(ruleAt number: Int) {
        var rest = number
        for (name, _) in Self.builtIn {
            guard let table = tables.firstIndex(where: { $0.name == name }) else { continue }
            for chain in tables[table].chains.indices {
                let count = tables[table].chains[chain].rules.count
                if rest < count {
                    tables[table].chains[chain].rules.remove(at: rest)
                    return
                }
                rest -= count
            }
        }
    }
}
