package import ClewNet

/// Makes rule sets, by a seed, over the matches and targets that the simulator models.
///
/// What the kernel would refuse is left out: which chains a target may stand in depends on the hooks that reach it, so
/// every user chain is given the hooks it may be reached from.
package struct RuleSetGenerator: Sendable {
    var random: FuzzRandom
    let network: FuzzNetwork
    let backend: FuzzBackend
    /// How random matches (`statistic`) are made to come out.
    let chance: ChanceMode
    /// What rules ask, for packets to hit.
    private(set) var hints = FuzzHints()
    var sets: [FuzzSet] = []
    /// Lots of its own, so that what else is drawn does not depend on it.
    private var idioms: FuzzRandom

    /// `statistic` gets probability 0 or 1, or is left open.
    package enum ChanceMode: Sendable, Hashable { case never, always, open }

    package init(seed: UInt64, family: AddressFamily, backend: FuzzBackend, chance: ChanceMode = .always) {
        random = FuzzRandom(seed: seed)
        idioms = FuzzRandom(seed: seed &+ 1)
        network = FuzzNetwork(family)
        self.backend = backend
        self.chance = chance
    }

    var family: AddressFamily { network.family }

    /// Hooks by the names of their chains.
    static let hooks = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

    /// The rule being written: where it stands and what is already said in it.
    struct Draft {
        var table: String
        /// The built-in chain itself; nil in a user chain, where more is allowed.
        var base: String?
        var hooks: Set<String>
        var matches: [String] = []
        var ipProtocol: IPProtocol?
    }

    private struct Plan {
        var name: String
        var base: String?
        var hooks: Set<String>
    }

    package mutating func rules() -> FuzzRules {
        hints = FuzzHints()
        makeSets()
        var tables: [FuzzTable] = []
        for (name, builtIn) in FuzzRules.builtIn where random.chance(Self.tableShare(name), of: 100) {
            tables.append(table(name, builtIn))
        }
        return FuzzRules(family: family, tables: tables, sets: sets, settings: settings())
    }

    private static func tableShare(_ name: String) -> Int {
        switch name {
        case "filter": 95
        case "nat": 85
        case "mangle": 70
        case "raw": 45
        default: 20
        }
    }

    private mutating func settings() -> FuzzSettings {
        var settings = FuzzSettings()
        settings.bridgeCallsIptables = random.chance(5, of: 6)
        settings.reversePathFilter = random.weighted([7, 2, 1])
        settings.forwards = random.chance(15, of: 16)
        settings.routesLocalnet = random.chance(1, of: 4)
        settings.validatesMark = random.chance(1, of: 4)
        settings.hairpin = random.chance(2, of: 3)
        return settings
    }

    private mutating func table(_ name: String, _ builtIn: [String]) -> FuzzTable {
        var plans = builtIn.map { Plan(name: $0, base: $0, hooks: [$0]) }
        for number in 0..<random.below(6) {
            plans.append(Plan(name: "\(name.uppercased())-\(number)", hooks: userHooks(name, builtIn)))
        }
        // All plans first, since rules jump to later ones.
        let chains = plans.indices.map { index -> FuzzChain in
            let plan = plans[index]
            let isBase = plan.base != nil
            let count = random.weighted(isBase ? [1, 2, 3, 3, 2, 1] : [1, 3, 3, 2, 2, 1])
            var rules = (0..<count).map { _ in rule(plan, plans[(index + 1)...].filter { $0.base == nil }, name) }
            if name == "mangle", isBase, idioms.chance(1, of: 8) { rules.insert(contentsOf: marksKept(), at: 0) }
            let mayDrop = isBase && name != "nat"
            let policy = isBase ? (mayDrop && random.chance(1, of: 14) ? "DROP" : "ACCEPT") : nil
            return FuzzChain(plan.name, policy: policy, rules: rules)
        }
        return FuzzTable(name, chains: chains)
    }

    /// What policy routing and VPNs do: a mark is put down in the connection, and taken up again.
    private mutating func marksKept() -> [FuzzRule] {
        func mask() -> String { "0x" + idioms.pick("ff", "ffff", "c000", "ffffffff") }
        return [
            "-j MARK --set-mark 0x" + idioms.pick("4055", "c0aa", "1c0ff"),
            "-j CONNMARK --save-mark --nfmask \(mask()) --ctmask \(mask())",
            "-j MARK --set-mark 0x" + idioms.pick("0", "f00f"),
            "-j CONNMARK --restore-mark --nfmask \(mask()) --ctmask \(mask())",
        ].map { FuzzRule([], $0) }
    }

    /// In nat a chain serves destinations or sources, never both.
    private mutating func userHooks(_ table: String, _ builtIn: [String]) -> Set<String> {
        guard table == "nat" else { return Set(random.some(builtIn, most: builtIn.count)) }
        switch random.below(4) {
        case 0: return ["PREROUTING"]
        case 1: return ["PREROUTING", "OUTPUT"]
        case 2: return ["POSTROUTING"]
        default: return random.chance(1, of: 4) ? ["INPUT", "POSTROUTING"] : ["OUTPUT"]
        }
    }

    private mutating func rule(_ plan: Plan, _ later: [Plan], _ table: String) -> FuzzRule {
        var draft = Draft(table: table, base: plan.base, hooks: plan.hooks)
        let reachable = later.filter { $0.hooks.isSuperset(of: plan.hooks) }.map(\.name)
        addMatches(&draft)
        let target = target(&draft, jumps: reachable)
        return FuzzRule(draft.matches, target)
    }

    private mutating func addMatches(_ draft: inout Draft) {
        if random.chance(1, of: 3) { addProtocol(&draft) }
        for _ in 0..<random.weighted([2, 5, 3, 1]) { addMatch(&draft) }
    }

    // MARK: - Small things

    /// `! ` in one of four cases.
    mutating func not() -> String { random.chance(1, of: 4) ? "! " : "" }

    mutating func address() -> IPAddress {
        let pools = [
            network.pods, network.own, network.outside("eth0"), network.outside("eth1"), network.virtual,
        ]
        let address = random.pick(pools[random.weighted([4, 2, 3, 1, 3])], else: network.eth0)
        hints.addresses.append(address)
        return address
    }

    mutating func addressOrPrefix() -> String {
        random.chance(1, of: 3) ? random.pick(network.prefixes, else: "") : "\(address())"
    }

    mutating func port() -> UInt16 {
        let port = random.pick([53, 80, 80, 81, 443, 8080, 30080, 5000, 40000, 1000], else: UInt16(80))
        hints.ports.append(port)
        return port
    }

    mutating func portRange(_ separator: String = ":") -> String {
        let first = port()
        guard random.chance(1, of: 3) else { return "\(first)" }
        let last = first &+ UInt16(1 + random.below(60))
        guard last > first else { return "\(first)" }
        hints.ports.append(last)
        return "\(first)\(separator)\(last)"
    }

    mutating func markWithMask() -> String {
        let value: UInt32 = random.pick([0, 1, 0x40, 0x4000, 0x8000, 0xC000, 0x10], else: 0)
        switch random.below(4) {
        case 0: return "0x\(String(value, radix: 16))"
        case 1: return "0x\(String(value, radix: 16))/0x\(String(value, radix: 16))"
        default:
            let mask: UInt32 = random.pick([0xFF, 0xC000, 0xFFFF, 0x40, 0xFFFF_FFFF], else: 0xFF)
            return "0x\(String(value & mask, radix: 16))/0x\(String(mask, radix: 16))"
        }
    }

    mutating func hint(_ note: (inout FuzzHints) -> Void) { note(&hints) }
}

/// What the rules of a set ask for: packets take their values from here.
package struct FuzzHints: Sendable, Hashable {
    var addresses: [IPAddress] = []
    var ports: [UInt16] = []
    var protocols: [IPProtocol] = []
    var lengths: [UInt16] = []
    var ttls: [UInt8] = []
    var tos: [UInt8] = []
    var tcpFlags: [UInt8] = []
    var icmpTypes: [UInt16] = []
    package init() {}
}
