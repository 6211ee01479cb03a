import ClewBundle
import ClewNet
import ClewSnapshot

/// Turns what was written into a rule set.
///
/// Chains and sets may be named before they are declared, and the rules of a chain need not stand together, so both are
/// numbered when they are first named, and the rules are put in order at the end.
struct NftBuilder {
    struct Key: Hashable {
        var table: TableID
        var name: String
    }

    var ruleSet: RuleSet
    var unread: [UnreadLine] = []
    private var tables: [String: TableID] = [:]
    private var chains: [Key: ChainID] = [:]
    private var chainRules: [[Rule]] = []
    private var sets: [Key: Int] = [:]
    /// The types of a named set's key and data.
    private(set) var setTypes: [(key: [NftDatatype], data: [NftDatatype])] = []
    private var declaredSets: Set<Int> = []
    /// Sets of which an element came before the types that would tell what it is.
    private var brokenSets: Set<Int> = []
    /// Chains whose last rules may be missing.
    private var cutChains: Set<ChainID> = []
    /// Commands that change what was listed before in a way that is not followed, with their lines.
    private var doubts: [(text: String, line: UInt32)] = []
    private var names: [String: NameID] = [:]
    private var texts: [String: TextRange] = [:]
    /// Whether a named limit or quota matches below its limit; the key's name is the kind and the name.
    private var limits: [Key: Bool] = [:]

    init(_ bytes: [UInt8], artifact: ArtifactID) {
        ruleSet = RuleSet(artifact: artifact, backend: .native, text: bytes)
    }

    // MARK: Words

    mutating func name(_ word: String) -> NameID {
        if let known = names[word] { return known }
        let id = NameID(rawValue: UInt32(truncatingIfNeeded: ruleSet.names.count))
        ruleSet.names.append(word)
        names[word] = id
        return id
    }

    /// A range that holds these words: they are appended behind the artifact's own bytes.
    mutating func text(_ words: String) -> TextRange {
        if let known = texts[words] { return known }
        let range = append(words)
        texts[words] = range
        return range
    }

    /// The same for words that will hardly come again.
    mutating func append(_ words: String) -> TextRange {
        let start = ruleSet.text.count
        ruleSet.text.append(contentsOf: words.utf8)
        guard let offset = UInt32(exactly: start), let length = UInt32(exactly: ruleSet.text.count - start) else {
            return .none
        }
        return TextRange(offset: offset, length: length)
    }

    mutating func unmodelled(_ words: String) -> PoolIndex<TextRange> {
        ruleSet.unmodelled.append(text(words))
        return PoolIndex(ruleSet.unmodelled.count - 1)
    }

    mutating func pool(_ expression: NftExpression) -> PoolIndex<NftExpression> {
        ruleSet.nft.append(expression)
        return PoolIndex(ruleSet.nft.count - 1)
    }

    /// Notes what is not nft; `mayBeProse` outside of tables, where people write.
    mutating func unread(line: UInt32, _ text: String, _ reason: String, mayBeProse: Bool = false) {
        unread.append(
            UnreadLine(
                SourceLine(ruleSet.artifact, line: line), text: text, reason: reason,
                mayDecide: !mayBeProse || !RuleProse.isProse(text)))
    }

    // MARK: Tables and chains

    static func family(_ word: String) -> TableFamily? {
        switch word {
        case "ip": .ipv4
        case "ip6": .ipv6
        case "inet": .inet
        case "bridge": .bridge
        case "arp": .arp
        case "netdev": .netdev
        default: nil
        }
    }

    /// The table of that name, made when it is new; `nil` when there are too many.
    mutating func table(_ name: String, _ family: TableFamily, line: UInt32) -> TableID? {
        let key = "\(family.rawValue) " + name
        if let known = tables[key] { return known }
        guard let number = UInt16(exactly: ruleSet.tables.count) else { return nil }
        let id = TableID(rawValue: number)
        ruleSet.tables.append(RuleTable(name: name, family: family, line: line))
        tables[key] = id
        return id
    }

    func family(of table: TableID) -> TableFamily { ruleSet.tables[Int(table.rawValue)].family }

    mutating func setDormant(_ table: TableID) { ruleSet.tables[Int(table.rawValue)].isDormant = true }

    /// A chain that something refers to.
    mutating func chain(_ name: String, in table: TableID, line: UInt32) -> ChainID {
        let key = Key(table: table, name: name)
        if let known = chains[key] { return known }
        let id = newChain(name, in: table, line: line)
        ruleSet.chains[Int(id.rawValue)].isDeclared = false
        chains[key] = id
        return id
    }

    mutating func declareChain(_ name: String, in table: TableID, line: UInt32) -> ChainID {
        let id = chain(name, in: table, line: line)
        if !ruleSet.chains[Int(id.rawValue)].isDeclared {
            ruleSet.chains[Int(id.rawValue)].isDeclared = true
            ruleSet.chains[Int(id.rawValue)].line = line
        }
        return id
    }

    /// A chain for the rest of a rule, which nothing else can name.
    mutating func continuation(of chain: ChainID, line: UInt32) -> ChainID {
        let name = ruleSet.name(of: chain) + "~\(ruleCount(of: chain) + 1)"
        return newChain(name, in: ruleSet.chains[Int(chain.rawValue)].table, line: line)
    }

    private mutating func newChain(_ name: String, in table: TableID, line: UInt32) -> ChainID {
        let id = ChainID(rawValue: UInt32(truncatingIfNeeded: ruleSet.chains.count))
        ruleSet.chains.append(RuleChain(name: text(name), table: table, line: line))
        chainRules.append([])
        return id
    }

    /// What a base chain says of itself.
    struct HookSyntax {
        var type = ""
        var hook = ""
        var priority: Int32?
        var policyAccepts = true
        var text = ""
    }

    /// A chain whose family, type, hook or priority is not one of the IP path is hooked, but where is unknown.
    mutating func setHook(_ syntax: HookSyntax, of chain: ChainID) {
        let table = ruleSet.chains[Int(chain.rawValue)].table
        let hooks: [String: Hook] = [
            "prerouting": .prerouting, "input": .input, "forward": .forward, "output": .output,
            "postrouting": .postrouting,
        ]
        let types: [String: ChainType] = ["filter": .filter, "nat": .nat, "route": .route]
        switch family(of: table) {
        case .ipv4, .ipv6, .inet:
            if let hook = hooks[syntax.hook], let type = types[syntax.type], let priority = syntax.priority {
                ruleSet.chains[Int(chain.rawValue)].base = BaseChain(
                    hook: hook, priority: priority, type: type, policyAccepts: syntax.policyAccepts)
                return
            }
        case .bridge, .arp, .netdev: break
        }
        ruleSet.chains[Int(chain.rawValue)].unmodelledHook = text(syntax.text.isEmpty ? "hook" : syntax.text)
    }

    /// What becomes of a packet that no rule decides; `nil` for a policy that could not be read.
    mutating func setPolicy(accepts: Bool?, of chain: ChainID) {
        let index = Int(chain.rawValue)
        guard let accepts else { return markCut(chain) }
        ruleSet.chains[index].base?.policyAccepts = accepts
        let hook = ruleSet.chains[index].unmodelledHook
        // Such a chain acts even without rules.
        if !accepts, !hook.isEmpty {
            ruleSet.chains[index].unmodelledHook = text(ruleSet.string(hook) + "; policy drop")
        }
    }

    /// Text that ends in the middle of a chain: what it would do is unknown.
    mutating func markCut(_ chain: ChainID) {
        ruleSet.chains[Int(chain.rawValue)].isDeclared = false
        cutChains.insert(chain)
    }

    mutating func markCut(chainsOf table: TableID) {
        for i in ruleSet.chains.indices where ruleSet.chains[i].table == table {
            markCut(ChainID(rawValue: UInt32(truncatingIfNeeded: i)))
        }
    }

    /// `delete`, `include` and their like: rules may be gone, or there may be more.
    mutating func doubtEverything(_ text: String, line: UInt32) { doubts.append((text, line)) }

    mutating func append(_ rule: Rule, to chain: ChainID) { chainRules[Int(chain.rawValue)].append(rule) }

    func ruleCount(of chain: ChainID) -> Int { chainRules[Int(chain.rawValue)].count }

    /// `insert rule`: moves what was appended behind `count` rules to the front.
    mutating func moveToFront(_ chain: ChainID, from count: Int) {
        let index = Int(chain.rawValue)
        guard count <= chainRules[index].count else { return }
        chainRules[index] = Array(chainRules[index][count...] + chainRules[index][..<count])
    }

    // MARK: Sets

    /// A set that something refers to.
    mutating func set(_ name: String, in table: TableID, line: UInt32) -> Int {
        let key = Key(table: table, name: name)
        if let known = sets[key] { return known }
        ruleSet.nftSets.append(NftSet(name: name, table: table, isComplete: false, line: line))
        setTypes.append(([], []))
        let index = ruleSet.nftSets.count - 1
        sets[key] = index
        return index
    }

    mutating func declareSet(
        _ name: String, in table: TableID, key: [NftDatatype], data: [NftDatatype], isDynamic: Bool, line: UInt32
    ) -> Int {
        let index = set(name, in: table, line: line)
        setTypes[index] = (key, data)
        if declaredSets.insert(index).inserted {
            ruleSet.nftSets[index].line = line
            ruleSet.nftSets[index].isComplete = !brokenSets.contains(index)
        }
        if isDynamic { ruleSet.nftSets[index].isDynamic = true }
        return index
    }

    /// Leaves a set incomplete, also if it is declared only later.
    mutating func markBroken(set index: Int) {
        brokenSets.insert(index)
        ruleSet.nftSets[index].isComplete = false
    }

    mutating func anonymousSet(
        in table: TableID, key: [NftDatatype], data: [NftDatatype], _ items: [NftItem], line: UInt32
    ) -> Int {
        ruleSet.nftSets.append(NftSet(name: "", table: table, line: line))
        setTypes.append((key, data))
        let index = ruleSet.nftSets.count - 1
        declaredSets.insert(index)
        addElements(items, to: index)
        return index
    }

    // MARK: Limits

    mutating func setLimit(_ kind: NftLimit.Kind, _ name: String, in table: TableID, matchesBelow: Bool) {
        limits[Key(table: table, name: "\(kind) \(name)")] = matchesBelow
    }

    func limit(_ kind: NftLimit.Kind, _ name: String, in table: TableID) -> Bool? {
        limits[Key(table: table, name: "\(kind) \(name)")]
    }

    // MARK: End

    /// Rules with an unknown effect: in front of all others for what changes them, and where the text breaks off.
    private mutating func addDoubts() {
        if let doubt = doubts.first {
            let rule = unknownRule(doubt.text, line: doubt.line)
            for i in chainRules.indices { chainRules[i].insert(rule, at: 0) }
        }
        for chain in cutChains {
            let chainLine = ruleSet.chains[Int(chain.rawValue)].line
            let line = chainRules[Int(chain.rawValue)].last?.line ?? chainLine
            chainRules[Int(chain.rawValue)].append(unknownRule("the rest of the chain is missing", line: line))
        }
    }

    private mutating func unknownRule(_ words: String, line: UInt32) -> Rule {
        let target = Target.unmodelled(unmodelled(words))
        let first = UInt32(truncatingIfNeeded: ruleSet.matches.count)
        return Rule(firstMatch: first, matchCount: 0, target: target, line: line, text: text(words), comment: .none)
    }

    /// The rule set with the rules of each chain behind one another.
    consuming func finish(lines: Int) -> ParsedRuleSet {
        addDoubts()
        // A look-up in a map that changes with the traffic may find by now what is not listed.
        for i in ruleSet.nftSets.indices where ruleSet.nftSets[i].isDynamic && !setTypes[i].data.isEmpty {
            ruleSet.nftSets[i].isComplete = false
        }
        var total = 0
        for rules in chainRules { total += rules.count }
        ruleSet.rules.reserveCapacity(total)
        for (i, rules) in chainRules.enumerated() {
            ruleSet.chains[i].firstRule = UInt32(truncatingIfNeeded: ruleSet.rules.count)
            ruleSet.chains[i].ruleCount = UInt32(truncatingIfNeeded: rules.count)
            ruleSet.rules += rules
        }
        return ParsedRuleSet(ruleSet: ruleSet, unread: unread, lines: lines)
    }
}
