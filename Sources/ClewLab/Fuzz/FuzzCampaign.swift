package import ClewBundle
package import ClewNet

/// Rule sets by number: each is made, loaded, probed and compared.
package struct FuzzCampaign {
    package struct Options: Sendable {
        package var seed: UInt64
        package var count: Int
        package var backend: FuzzBackend
        package var family: AddressFamily
        package var packets = 60
        package init(seed: UInt64, count: Int, backend: FuzzBackend, family: AddressFamily) {
            self.seed = seed
            self.count = count
            self.backend = backend
            self.family = family
        }
    }

    package struct Tally: Sendable {
        package var ruleSets = 0
        package var refused = 0
        package var packets = 0
        package var agreed = 0
        package var delivered = 0
        package var events = 0
        package var answered = 0
        /// Packets whose ways were counted, of rule sets that draw lots.
        package var lots = 0
        /// Exchanges of which the kernel lost a message, and which were sent again.
        package var repeated = 0
        /// Packets that lost a message each time: neither agreement nor difference.
        package var lost = 0
        package var unknown: [String: Int] = [:]
        package var mismatches: [FuzzMismatch] = []
        package init() {}
    }

    package let options: Options
    package var tally = Tally()

    package init(_ options: Options) { self.options = options }

    /// The seed of one rule set, from which everything of it follows.
    package static func seed(_ campaign: UInt64, _ number: Int) -> UInt64 {
        var random = FuzzRandom(seed: campaign &+ UInt64(number) &* 0xD1B5_4A32_D192_ED03)
        return random.next()
    }

    package mutating func run(_ lab: FuzzLab, progress: (Tally) -> Void = { _ in }) throws(SystemError) {
        for number in 0..<options.count {
            try runOne(lab, Self.seed(options.seed ^ salt, number))
            progress(tally)
        }
    }

    /// Each backend and family gets rule sets of its own.
    private var salt: UInt64 {
        (options.backend == .nft ? 0x6E66_7400 : 0) | (options.family == .ipv6 ? 0x36 : 0)
    }

    /// A rule set that draws lots is loaded once for each way they can fall, and now and then with true lots.
    package mutating func runOne(_ lab: FuzzLab, _ seed: UInt64) throws(SystemError) {
        func generator(_ chance: RuleSetGenerator.ChanceMode) -> (FuzzRules, FuzzHints) {
            var generator = RuleSetGenerator(
                seed: seed, family: options.family, backend: options.backend, chance: chance)
            let rules = generator.rules()
            return (rules, generator.hints)
        }
        let (rules, hints) = generator(.always)
        var made = ProbeGenerator(seed: seed, family: options.family, hints: hints)
        let probes = made.probes(options.packets)
        guard rules.drawsLots else {
            try run(rules, probes, lab, seed)
            return
        }
        let half = probes.count / 2
        try run(rules, Array(probes[..<half]), lab, seed)
        try run(generator(.never).0, Array(probes[half...]), lab, seed)
        if seed % 8 == 0 { try countLots(generator(.open).0, probes, lab, seed) }
    }

    private mutating func run(
        _ rules: FuzzRules, _ probes: [Probe], _ lab: FuzzLab, _ seed: UInt64
    ) throws(SystemError) {
        guard let loaded = try lab.load(rules, options.backend) else {
            tally.refused += 1
            return
        }
        tally.ruleSets += 1
        let simulation = Simulation(try lab.artifacts(for: loaded))
        var current = loaded
        for probe in probes { try compare(probe, &current, simulation, lab, seed) }
    }

    /// Sends a packet that may go several ways many times, and holds how often it went each against Clew's probability.
    private mutating func countLots(
        _ rules: FuzzRules, _ probes: [Probe], _ lab: FuzzLab, _ seed: UInt64
    ) throws(SystemError) {
        guard !rules.translatesPortsAtRandom, let loaded = try lab.load(rules, options.backend) else { return }
        let simulation = Simulation(try lab.artifacts(for: loaded))
        for probe in probes {
            let prediction = simulation.prediction(of: probe)
            guard prediction.unknowns.isEmpty, (2...6).contains(prediction.ways.count) else { continue }
            let count = FuzzLots(prediction)
            var lots = count
            for _ in 0..<300 { lots.note(try lab.exchange(probe, loaded)) }
            tally.lots += 1
            if let text = lots.difference {
                let kernel = try lab.exchange(probe, loaded)
                tally.mismatches.append(
                    FuzzMismatch(seed: seed, probe: probe, rules: rules, kernel: kernel, text: text))
            }
            return
        }
    }

    private mutating func compare(
        _ probe: Probe, _ loaded: inout LoadedRules, _ simulation: Simulation, _ lab: FuzzLab, _ seed: UInt64
    ) throws(SystemError) {
        let prediction = simulation.prediction(of: probe)
        let (kernel, comparison, repeated) = try Self.judge(probe, &loaded, prediction, lab)
        tally.packets += 1
        tally.repeated += repeated
        guard let kernel else {
            tally.lost += 1
            return
        }
        tally.events += kernel.there.events.count + (kernel.back?.events.count ?? 0)
        if kernel.there.end.isDelivered { tally.delivered += 1 }
        if kernel.works { tally.answered += 1 }
        switch comparison {
        case .agrees: tally.agreed += 1
        case .unknown(let reason): tally.unknown[reason, default: 0] += 1
        case .differs(let text):
            tally.mismatches.append(
                FuzzMismatch(seed: seed, probe: probe, rules: loaded.rules, kernel: kernel, text: text))
        }
    }

    /// Looks again, and longer, before a difference counts: what came late is no difference.
    ///
    /// Nor is what packets before it left behind in the rules: the last look is at rules loaded anew. A packet of which
    /// a message was lost is sent again; nil where one was lost each time.
    static func judge(
        _ probe: Probe, _ loaded: inout LoadedRules, _ prediction: Prediction, _ lab: FuzzLab
    ) throws(SystemError) -> (kernel: Exchange?, comparison: Comparison, repeated: Int) {
        let leaving = loaded.rules.leniency
        var repeated = 0
        var seen: (kernel: Exchange, comparison: Comparison)?
        defer { lab.patience = 1 }
        for patience: Int32 in [1, 20, 100] {
            if patience == 100, loaded.rules.remembersPackets { try lab.reload(&loaded) }
            lab.patience = patience
            let losses = lab.losses
            let kernel = try lab.exchange(probe, loaded)
            guard lab.losses == losses else {
                repeated += 1
                continue
            }
            let comparison = Comparison(kernel, prediction, leaving: leaving)
            seen = (kernel, comparison)
            guard case .differs = comparison else { break }
        }
        guard var seen else { return (nil, .unknown("messages were lost"), repeated) }
        // Rules may ask for the port that the kernel drew.
        if leaving.contains(.ports), case .differs = seen.comparison {
            seen.comparison = .unknown("ports are drawn by lot")
        }
        return (seen.kernel, seen.comparison, repeated)
    }
}

/// A packet for which Clew and the kernel differ.
package struct FuzzMismatch: Sendable {
    package var seed: UInt64
    package var probe: Probe
    package var rules: FuzzRules
    package var kernel: Exchange
    package var text: String

    package func asCase(_ backend: FuzzBackend) -> FuzzCase {
        FuzzCase(
            title: "Seed \(seed)", prose: text, backend: backend, rules: rules, probe: probe, kernel: kernel.lines)
    }
}

extension FuzzRules {
    /// Whether the kernel draws lots.
    var drawsLots: Bool {
        tables.contains { $0.chains.contains { $0.rules.contains { $0.text.contains("-m statistic") } } }
    }

    /// What Clew cannot be held to.
    package var leniency: Leniency {
        let rules = tables.flatMap(\.chains).flatMap(\.rules)
        let open = [
            "-m mac", "--tcp-option", "-m tcpmss", "--probability 0.5", "ASSURED", "--header none", "--header prot",
            "! --header",
        ]
        let isOpen =
            rules.contains { rule in open.contains { rule.text.contains($0) } }
            || sets.contains { $0.definition.contains("mac") }
            || rules.contains { $0.target.hasPrefix("-j SET") } && sets.contains { $0.definition.contains("netmask") }
            || remembersTwoWays || asksLengthsThatChange
        var leniency: Leniency = translatesPortsAtRandom ? .ports : []
        if isOpen { leniency.insert(.rules) }
        return leniency
    }

    /// Whether rules ask for a length that a rule may have changed: TCPMSS gives a SYN that has none an option.
    private var asksLengthsThatChange: Bool {
        let rules = tables.flatMap(\.chains).flatMap(\.rules)
        return rules.contains { $0.target.hasPrefix("-j TCPMSS") } && rules.contains { $0.text.contains("-m length") }
    }

    /// Whether rules write a mask for a list of `recent` that other rules name without: who came first decides.
    private var remembersTwoWays: Bool {
        let rules = tables.flatMap(\.chains).flatMap(\.rules).filter { $0.text.contains("-m recent") }
        return rules.contains { $0.text.contains(" --mask ") } && rules.count > 1
    }

    /// Whether rules count packets in themselves, which only loading them again forgets.
    var remembersPackets: Bool {
        tables.contains { table in
            table.chains.contains { chain in
                chain.rules.contains { rule in ["connlimit", "limit", "quota"].contains { rule.text.contains($0) } }
            }
        }
    }

    /// `--random`, and source ports from a range: they come out as the kernel likes.
    package var translatesPortsAtRandom: Bool {
        tables.contains { table in
            table.chains.contains { chain in
                chain.rules.contains {
                    $0.target.contains("--random") || $0.target.contains("-j MASQUERADE --to-ports 2000-")
                }
            }
        }
    }
}

extension FuzzLab {
    /// The bundle of the node as it is now.
    package func artifacts(for loaded: LoadedRules) throws(SystemError) -> [Artifact] {
        let settings = loaded.rules.settings
        if collected[settings] == nil { collected[settings] = try FuzzLayout(network).collect(node, peers) }
        return (collected[settings] ?? []) + loaded.artifacts
    }
}
