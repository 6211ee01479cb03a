import ClewBundle
import ClewNet
import ClewSnapshot

/// Collects tables, chains and rules in the order a dump names them.
///
/// Rules are appended as they come; a run is a stretch of them that belongs to one chain. Where a chain has more than
/// one run, ``finish()`` moves them together.
struct RuleSetBuilder {
    var out: RuleSet
    var unread: [UnreadLine] = []
    /// Unread lines beyond the limit: a file that is no dump at all has many.
    private var unlisted = 0
    /// Lines of which nothing is kept.
    private var lost = 0
    /// Between `*table` and `COMMIT`, where nothing but rules stands.
    private var isInSection = false
    /// Tables that a `*table` line opened.
    private var sections: Set<UInt16> = []
    private static let unreadLimit = 20_000
    let text: ByteText

    /// The table that chain and rule lines belong to.
    private(set) var table: TableID?
    private var implicitTables: Set<UInt16> = []
    private var policies: [UInt32: Bool] = [:]

    private var chainTable: ChainTable
    private var lastChain: Int = -1
    private var runs: [Run] = []
    private var isScattered = false
    var edits: [Edit] = []

    private var nameIDs: [String: UInt32] = [:]

    private var jumps: [Jump] = []
    private static let jumpBatch = 512

    private struct Jump {
        var start: UInt32
        var length: UInt16
        var isGoto: Bool
        var rule: UInt32
        var line: UInt32
    }

    private struct Run {
        var chain: UInt32
        var firstRule: UInt32
    }

    /// A line that does not append: it counts from rule `before` on.
    struct Edit {
        enum Kind { case insert(position: Int), flush }
        var kind: Kind
        var chain: ChainID
        var before: UInt32
    }

    init(text: ByteText, bytes: [UInt8], artifact: ArtifactID, backend: RuleBackend) {
        self.text = text
        out = RuleSet(artifact: artifact, backend: backend, text: bytes)
        // Not-yet-touched memory costs nothing, moving arrays as they grow does. A line of a kube-proxy dump has about
        // 100 bytes, a rule half that at least.
        out.rules.reserveCapacity(bytes.count / 64)
        out.matches.reserveCapacity(bytes.count / 28)
        out.chains.reserveCapacity(bytes.count / 200)
        chainTable = ChainTable(estimate: bytes.count / 200)
    }

    /// Notes a line that could not be read.
    ///
    /// `isKept`: it stands in the rules as one whose effect is unknown, so that nothing of it is lost.
    mutating func fail(_ line: UInt32, _ start: Int, _ end: Int, _ reason: String, isKept: Bool = false) {
        let cut = text.string(start, min(end, start &+ 480))
        let mayDecide = !isKept && (isInSection || !RuleProse.isProse(cut))
        if !isKept { lost += 1 }
        guard unread.count < Self.unreadLimit else {
            unlisted += 1
            return
        }
        unread.append(
            UnreadLine(SourceLine(out.artifact, line: line), text: cut, reason: reason, mayDecide: mayDecide))
    }

    // MARK: Jumps

    /// Notes that the rule appended next jumps to a chain.
    ///
    /// Jumps are looked up some hundred at a time: the processor then waits for many of them at once, which each miss
    /// its cache in a large dump.
    @inline(__always)
    mutating func addJump(to name: ByteText.Slice, isGoto: Bool, line: UInt32) {
        jumps.append(
            Jump(
                start: UInt32(truncatingIfNeeded: name.start), length: UInt16(truncatingIfNeeded: name.count),
                isGoto: isGoto, rule: UInt32(truncatingIfNeeded: out.rules.count), line: line))
        if jumps.count == Self.jumpBatch { resolveJumps() }
    }

    @inline(never)
    private mutating func resolveJumps() {
        // The rule of the last jump is appended only after it.
        let open = jumps.last.flatMap { Int($0.rule) >= out.rules.count ? $0 : nil }
        if open != nil { jumps.removeLast() }
        for jump in jumps {
            let start = Int(jump.start)
            let chain = ChainID(
                rawValue: UInt32(truncatingIfNeeded: chain(start, start &+ Int(jump.length), line: jump.line)))
            out.rules[Int(jump.rule)].target = jump.isGoto ? .goto(chain) : .jump(chain)
        }
        jumps.removeAll(keepingCapacity: true)
        if let open { jumps.append(open) }
    }

    // MARK: Tables

    /// Begins the table `name`; one of that name and family that came before is replaced, as `iptables-restore` does.
    mutating func openTable(_ name: String, family: AddressFamily, line: UInt32, isImplicit: Bool = false) {
        guard out.tables.count < Int(UInt16.max) else { return }
        resolveJumps()
        let id = UInt16(out.tables.count)
        out.tables.append(RuleTable(name: name, family: family == .ipv4 ? .ipv4 : .ipv6, line: line))
        if isImplicit { implicitTables.insert(id) }
        isInSection = false
        table = TableID(rawValue: id)
        lastChain = -1
    }

    /// The table of that name that is open for further lines (`-t` on a line), or a new one.
    mutating func continueTable(_ name: String, family: AddressFamily, line: UInt32) {
        resolveJumps()
        let family: TableFamily = family == .ipv4 ? .ipv4 : .ipv6
        if let index = out.tables.lastIndex(where: { $0.name == name && $0.family == family }) {
            table = TableID(rawValue: UInt16(index))
        } else {
            openTable(name, family: family == .ipv4 ? .ipv4 : .ipv6, line: line)
        }
    }

    mutating func closeTable() {
        resolveJumps()
        table = nil
        isInSection = false
    }

    /// `*table`: what follows belongs to it up to `COMMIT`.
    mutating func openSection(_ name: String, family: AddressFamily, line: UInt32) {
        noteMissingCommit(line)
        openTable(name, family: family, line: line)
        isInSection = true
        if let table { sections.insert(table.rawValue) }
    }

    var hasTables: Bool { !out.tables.isEmpty }

    /// The tools say that they are done; a text that stops before is cut off.
    mutating func noteMissingEnd(_ line: UInt32, header: UInt32) {
        unread.append(
            UnreadLine(
                SourceLine(out.artifact, line: line), text: "",
                reason: "no '# Completed on' follows the '# Generated by' of line \(header): the dump is cut off",
                mayDecide: true))
    }

    /// Every tool ends a table with `COMMIT`: without one, the rest of the table is missing.
    mutating func noteMissingCommit(_ line: UInt32) {
        guard isInSection, let table else { return }
        isInSection = false
        let name = out.tables[Int(table.rawValue)].name
        unread.append(
            UnreadLine(
                SourceLine(out.artifact, line: line), text: "",
                reason: "no COMMIT ends the table \(name): it is cut off",
                mayDecide: true))
    }

    /// Whether the table that is open has its name from a guess.
    var isImplicit: Bool { table.map { implicitTables.contains($0.rawValue) } ?? false }

    // MARK: Chains

    @inline(__always)
    private func isChain(_ index: Int, _ start: Int, _ length: Int, _ table: TableID) -> Bool {
        let chain = out.chains[index]
        return Int(chain.name.length) == length && chain.table.rawValue == table.rawValue
            && text.equal(Int(chain.name.offset), start, length: length)
    }

    /// The chain that a rule line names: most often that of the rule before, or the one declared after it.
    @inline(__always)
    mutating func chainOfRule(_ start: Int, _ end: Int, line: UInt32) -> Int? {
        guard let table else { return nil }
        let last = lastChain
        if last >= 0 {
            if isChain(last, start, end &- start, table) { return last }
            if last &+ 1 < out.chains.count, isChain(last &+ 1, start, end &- start, table) {
                lastChain = last &+ 1
                return lastChain
            }
        }
        lastChain = chain(start, end, line: line)
        return lastChain
    }

    /// The chain of that name in the open table, made undeclared where no line declared it yet.
    @inline(__always)
    mutating func chain(_ start: Int, _ end: Int, line: UInt32) -> Int {
        let table = table ?? TableID(rawValue: 0)
        let length = end &- start
        let key = ChainTable.key(text, start, length, table: table.rawValue)
        let known = chainTable.find(key, length: length) { isChain($0, start, length, table) }
        return known ?? addChain(start, end, table, key, line)
    }

    @inline(never)
    private mutating func addChain(
        _ start: Int, _ end: Int, _ table: TableID, _ key: ChainTable.Key, _ line: UInt32
    ) -> Int {
        if chainTable.isFull {
            let (text, chains) = (text, out.chains)
            chainTable.grow { number in
                let chain = chains[number]
                return ChainTable.key(
                    text, Int(chain.name.offset), Int(chain.name.length), table: chain.table.rawValue)
            }
        }
        chainTable.insert(key)
        let name = ByteText.Slice(start: start, end: end).range
        out.chains.append(RuleChain(name: name, table: table, line: line, isDeclared: false))
        return out.chains.count &- 1
    }

    /// A line that declares a chain; `policyAccepts` is `nil` for one without policy.
    mutating func declare(_ start: Int, _ end: Int, policyAccepts: Bool?, line: UInt32) {
        let index = chain(start, end, line: line)
        out.chains[index].isDeclared = true
        out.chains[index].line = line
        if let policyAccepts { policies[UInt32(index)] = policyAccepts }
    }

    /// Whether a line of the open table declared that chain already.
    func isDeclared(_ start: Int, _ end: Int) -> Bool {
        guard let table else { return false }
        let length = end &- start
        let key = ChainTable.key(text, start, length, table: table.rawValue)
        let known = chainTable.find(key, length: length) { isChain($0, start, length, table) }
        return known.map { out.chains[$0].isDeclared } ?? false
    }

    // MARK: Rules and names

    @inline(__always)
    mutating func append(_ rule: Rule, to chain: Int) {
        if runs.last?.chain != UInt32(truncatingIfNeeded: chain) {
            runs.append(
                Run(
                    chain: UInt32(truncatingIfNeeded: chain),
                    firstRule: UInt32(truncatingIfNeeded: out.rules.count)))
            if out.chains[chain].ruleCount > 0 { isScattered = true }
        }
        out.rules.append(rule)
        out.chains[chain].ruleCount &+= 1
    }

    mutating func intern(_ name: String) -> NameID {
        if let known = nameIDs[name] { return NameID(rawValue: known) }
        let id = UInt32(out.names.count)
        out.names.append(name)
        nameIDs[name] = id
        return NameID(rawValue: id)
    }

    // MARK: The end

    mutating func finish() {
        resolveJumps()
        chainTable = ChainTable(estimate: 0)
        nameIDs = [:]
        if edits.isEmpty {
            isScattered ? gatherRuns() : placeRuns()
        } else {
            replayEdits()
        }
        runs = []
        nameImplicitTables()
        retireReplacedTables()
        hookChains()
        noteStrayRules()
        // Of a file that is mostly something else, it is not known what the rest of it was.
        if lost > out.rules.count + out.chains.count {
            for index in unread.indices { unread[index].mayDecide = true }
        }
        unread.sort { $0.source < $1.source }
        if unlisted > 0, let last = unread.last {
            unread.append(
                UnreadLine(
                    last.source, text: "", reason: "\(unlisted) unread lines more in this file", mayDecide: true))
        }
    }

    private mutating func placeRuns() {
        for run in runs { out.chains[Int(run.chain)].firstRule = run.firstRule }
    }

    /// Moves the runs of each chain together, in the order of the chains' first rules.
    private mutating func gatherRuns() {
        var next: UInt32 = 0
        var isPlaced = [Bool](repeating: false, count: out.chains.count)
        for run in runs where !isPlaced[Int(run.chain)] {
            isPlaced[Int(run.chain)] = true
            out.chains[Int(run.chain)].firstRule = next
            next += out.chains[Int(run.chain)].ruleCount
        }
        var cursor = out.chains.map(\.firstRule)
        var sorted = out.rules
        for (i, run) in runs.enumerated() {
            let end = i + 1 < runs.count ? Int(runs[i + 1].firstRule) : out.rules.count
            for index in Int(run.firstRule)..<end {
                sorted[Int(cursor[Int(run.chain)])] = out.rules[index]
                cursor[Int(run.chain)] += 1
            }
        }
        out.rules = sorted
    }

    /// Applies `-I` and `-F` in their order.
    private mutating func replayEdits() {
        var lists = [[UInt32]](repeating: [], count: out.chains.count)
        var edit = 0
        func flush(upTo rule: Int, _ lists: inout [[UInt32]], _ edit: inout Int) -> Int? {
            while edit < edits.count, Int(edits[edit].before) <= rule {
                let current = edits[edit]
                edit += 1
                switch current.kind {
                case .flush: lists[Int(current.chain.rawValue)] = []
                case .insert(let position): return position
                }
            }
            return nil
        }
        for (i, run) in runs.enumerated() {
            let end = i + 1 < runs.count ? Int(runs[i + 1].firstRule) : out.rules.count
            for index in Int(run.firstRule)..<end {
                let chain = Int(run.chain)
                if let position = flush(upTo: index, &lists, &edit) {
                    lists[chain].insert(UInt32(index), at: min(max(position - 1, 0), lists[chain].count))
                } else {
                    lists[chain].append(UInt32(index))
                }
            }
        }
        while edit < edits.count { _ = flush(upTo: out.rules.count, &lists, &edit) }
        var sorted: [Rule] = []
        sorted.reserveCapacity(out.rules.count)
        for (chain, list) in lists.enumerated() {
            out.chains[chain].firstRule = UInt32(sorted.count)
            out.chains[chain].ruleCount = UInt32(list.count)
            for index in list { sorted.append(out.rules[Int(index)]) }
        }
        out.rules = sorted
    }
}

// MARK: - Names and hooks of tables

extension RuleSetBuilder {
    /// Names the tables that no line named, by what stands in them.
    private mutating func nameImplicitTables() {
        guard !implicitTables.isEmpty else { return }
        var chainsOfTable: [UInt16: [Int]] = [:]
        for (index, chain) in out.chains.enumerated() where implicitTables.contains(chain.table.rawValue) {
            chainsOfTable[chain.table.rawValue, default: []].append(index)
        }
        for id in implicitTables { out.tables[Int(id)].name = guess(chainsOfTable[id] ?? []) }
    }

    /// A whole dump declares its chains: rules of another were written for a chain whose name is damaged.
    private mutating func noteStrayRules() {
        let declaring = Set(out.chains.lazy.filter(\.isDeclared).map(\.table.rawValue))
        let builtIn: Set<String> = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
        for chain in out.chains where !chain.isDeclared && chain.ruleCount > 0 {
            let table = chain.table.rawValue
            guard sections.contains(table), declaring.contains(table), !out.tables[Int(table)].isDormant,
                !builtIn.contains(out.string(chain.name))
            else { continue }
            let rule = out.rules[Int(chain.firstRule)]
            unread.append(
                UnreadLine(
                    SourceLine(out.artifact, line: rule.line), text: out.string(rule.text),
                    reason: "a rule of a chain that no line declares", mayDecide: true))
        }
    }

    private func guess(_ indices: [Int]) -> String {
        var chains: Set<String> = []
        var hasMark = false
        var hasNotrack = false
        for chain in indices.map({ out.chains[$0] }) {
            if chain.name.length <= 24 { chains.insert(out.string(chain.name)) }
            let first = Int(chain.firstRule)
            for rule in out.rules[first..<first + Int(chain.ruleCount)] {
                switch rule.target {
                case .dnat4, .nat, .masquerade: return "nat"
                case .reject: return "filter"
                case .mark, .tcpMSS, .timeToLive, .tos, .tproxy: hasMark = true
                case .notrack, .conntrackAssign: hasNotrack = true
                default: break
                }
            }
        }
        if hasNotrack { return "raw" }
        let isPreAndPost = chains.contains("PREROUTING") && chains.contains("POSTROUTING")
        if isPreAndPost { return chains.contains("FORWARD") ? "mangle" : "nat" }
        if chains.contains("FORWARD") || chains.contains("KUBE-FORWARD") || chains.contains("KUBE-FIREWALL") {
            return "filter"
        }
        if chains.contains("POSTROUTING") || chains.contains("KUBE-POSTROUTING") || chains.contains("KUBE-MARK-MASQ") {
            return "nat"
        }
        if chains.contains(where: { $0.hasPrefix("KUBE-SVC-") || $0.hasPrefix("KUBE-SEP-") }) { return "nat" }
        if chains.contains("PREROUTING") { return hasMark ? "mangle" : chains.contains("INPUT") ? "nat" : "raw" }
        return "filter"
    }

    /// A table that comes again replaces what came before: the earlier one hooks nothing.
    private mutating func retireReplacedTables() {
        var seen: Set<String> = []
        let used = Set(out.chains.map(\.table))
        for index in out.tables.indices.reversed() {
            let table = out.tables[index]
            guard used.contains(TableID(rawValue: UInt16(index))) else { continue }
            guard !seen.insert("\(table.family) \(table.name)").inserted else { continue }
            out.tables[index].isDormant = true
            unread.append(
                UnreadLine(
                    SourceLine(out.artifact, line: table.line), text: "*\(table.name)",
                    reason: "the table comes again further down: this one is taken as replaced"))
        }
    }

    private mutating func hookChains() {
        for index in out.chains.indices {
            let length = out.chains[index].name.length
            guard length >= 5, length <= 11 else { continue }
            let table = out.tables[Int(out.chains[index].table.rawValue)]
            guard !table.isDormant else { continue }
            out.chains[index].base = BaseChain.iptables(
                table: table.name, chain: out.string(out.chains[index].name),
                policyAccepts: policies[UInt32(index)] ?? true, backend: out.backend)
        }
    }
}
