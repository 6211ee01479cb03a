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

    package mutating func runOne(_ lab: FuzzLab, _ seed: UInt64) throws(SystemError) {
        var generator = RuleSetGenerator(
            seed: seed, family: options.family, backend: options.backend, chance: seed % 2 == 0 ? .always : .never)
        let rules = generator.rules()
        guard let loaded = try lab.load(rules, options.backend) else {
            tally.refused += 1
            return
        }
        tally.ruleSets += 1
        let simulation = Simulation(try lab.artifacts(for: loaded))
        var probes = ProbeGenerator(seed: seed, family: options.family, hints: generator.hints)
        for probe in probes.probes(options.packets) {
            try compare(probe, loaded, simulation, lab, seed)
        }
    }

    private mutating func compare(
        _ probe: Probe, _ loaded: LoadedRules, _ simulation: Simulation, _ lab: FuzzLab, _ seed: UInt64
    ) throws(SystemError) {
        let prediction = simulation.prediction(of: probe)
        let (kernel, comparison) = try Self.judge(probe, loaded, prediction, lab)
        tally.packets += 1
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
    static func judge(
        _ probe: Probe, _ loaded: LoadedRules, _ prediction: Prediction, _ lab: FuzzLab
    ) throws(SystemError) -> (Exchange, Comparison) {
        let ignoringPorts = loaded.rules.translatesPortsAtRandom
        var kernel = try lab.exchange(probe, loaded)
        var comparison = Comparison(kernel, prediction, ignoringPorts: ignoringPorts)
        for patience: Int32 in [20, 100] {
            guard case .differs = comparison else { break }
            lab.patience = patience
            defer { lab.patience = 1 }
            kernel = try lab.exchange(probe, loaded)
            comparison = Comparison(kernel, prediction, ignoringPorts: ignoringPorts)
        }
        // Rules may ask for the port that the kernel drew.
        if ignoringPorts, case .differs = comparison { comparison = .unknown("ports are drawn by lot") }
        return (kernel, comparison)
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
    /// `--random`: ports come out as the kernel likes.
    package var translatesPortsAtRandom: Bool {
        tables.contains { $0.chains.contains { $0.rules.contains { $0.target.contains("--random") } } }
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
