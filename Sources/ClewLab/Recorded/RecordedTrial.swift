import ClewBundle
import ClewDataplane
package import ClewNet
import ClewSnapshot

/// Loads the rules that a bundle recorded into a copy of its node, sends packets to every Service port, and compares
/// what the kernel does with what Clew says of the bundle.
package struct RecordedTrial {
    package struct Tally: Sendable {
        package var family: AddressFamily
        package var backend: FuzzBackend
        package var rules = 0
        package var probes = 0
        package var packets = 0
        package var events = 0
        package var delivered = 0
        package var works = 0
        package var rejected = 0
        package var agreed = 0
        /// Of those that agree: what answers was not collected, so that Clew tells the way there alone.
        package var oneWay = 0
        package var lost = 0
        package var unknown: [String: Int] = [:]
        /// What differs, with the packet and what the kernel did.
        package var differences: [String] = []

        package var text: String {
            "\(backend) \(family): \(rules) rules, \(probes) connections, \(packets) packets sent, \(delivered) delivered,"
                + " \(works) answered, \(rejected) refused, \(events) matched rules compared, \(agreed) agree"
                + " (\(oneWay) as to the way there, to what was not collected),"
                + " \(unknown.values.reduce(0, +)) unknown, \(lost) lost, \(differences.count) differ"
        }
    }

    private let node: RecordedNode
    /// Connections at most, of each family.
    package var most = 1000
    /// How often each is tried, where chance has a part in it.
    package var tries = 3

    package init(_ node: RecordedNode) { self.node = node }

    /// One tally for each family that has rules.
    package func run() throws(SystemError) -> [Tally] {
        var result: [Tally] = []
        for family in [AddressFamily.ipv4, .ipv6] {
            guard let (rules, backend) = try node.rules(family) else { continue }
            let ground = try node.ground(family)
            let probes = RecordedProbes(node: node, ground: ground).all(most: most)
            if probes.isEmpty { continue }
            result.append(try run(probes, rules, backend, ground))
        }
        return result
    }

    private func run(
        _ probes: [Probe], _ rules: FuzzRules, _ backend: FuzzBackend, _ ground: LabGround
    ) throws(SystemError) -> Tally {
        let layout = RecordedLayout(node: node, ground: ground)
        let lab = try FuzzLab(ground) { node, peers throws(SystemError) in try layout.build(node, peers) }
        let strange = try layout.differences(lab.node)
        guard strange.isEmpty else {
            throw .unusable("\(node.name) could not be built as it was: \(strange.joined(separator: "; "))")
        }
        for name in rules.words(behind: "--nfacct-name") { try lab.makeAccount(name) }
        guard let loaded = try lab.load(rules, backend), loaded.refused.isEmpty else {
            throw .unusable("\(node.name): its rules were refused: \(lab.refusals.joined(separator: "; "))")
        }
        let dataplane = Dataplane(compiling: node.snapshot)
        var tally = Tally(family: ground.family, backend: backend)
        tally.rules = rules.ruleCount
        tally.probes = probes.count
        for probe in probes {
            let trace = dataplane.trace(Simulation.flow(probe, node: node.name))
            let prediction = Prediction(trace, probe, on: node, ground)
            for _ in 0..<(prediction.branches.count > 1 ? tries : 1) {
                try compare(probe, loaded, prediction, lab, &tally)
            }
        }
        return tally
    }

    /// Three looks, each more patient, as ``FuzzCampaign`` has them.
    private func compare(
        _ probe: Probe, _ loaded: LoadedRules, _ prediction: Prediction, _ lab: FuzzLab, _ tally: inout Tally
    ) throws(SystemError) {
        var seen: (kernel: Exchange, comparison: Comparison)?
        defer { lab.patience = 1 }
        for patience: Int32 in [1, 20, 100] {
            lab.patience = patience
            let losses = lab.losses
            let kernel = try lab.exchange(probe, loaded).byDevice(lab.ground)
            guard lab.losses == losses else { continue }
            let comparison = Comparison(kernel, prediction, leaving: .senderPorts)
            seen = (kernel, comparison)
            guard case .differs = comparison else { break }
        }
        tally.packets += 1
        guard let (kernel, comparison) = seen else {
            tally.lost += 1
            return
        }
        tally.events += kernel.there.events.count + (kernel.back?.events.count ?? 0)
        if kernel.there.end.isDelivered { tally.delivered += 1 }
        if case .rejected = kernel.there.end { tally.rejected += 1 }
        if kernel.works { tally.works += 1 }
        switch comparison {
        case .agrees:
            tally.agreed += 1
            if kernel.back != nil, prediction.branches.contains(where: \.endsInPod) { tally.oneWay += 1 }
        case .unknown(let reason): tally.unknown[reason, default: 0] += 1
        case .differs(let text):
            tally.differences.append("\(probe.text)\n  \(text)\n  " + kernel.lines.joined(separator: "\n  "))
        }
    }
}

extension Exchange {
    /// The ends as a bundle can tell them: a bridge is one device, whichever of its ports a pod is behind.
    fileprivate func byDevice(_ ground: LabGround) -> Exchange {
        func plain(_ walk: Walk) -> Walk {
            guard case .peer(let name, let tuple) = walk.end else { return walk }
            return Walk(events: walk.events, end: .peer(ground.peer(name)?.bridge ?? name, tuple))
        }
        var result = self
        result.there = plain(there)
        result.back = back.map(plain)
        return result
    }
}

extension Prediction {
    /// As ``init(_:_:)``, of a node whose pods were not collected: packets end where they leave it.
    fileprivate init(_ trace: Trace, _ probe: Probe, on node: RecordedNode, _ ground: LabGround) {
        self.init(trace, probe)
        branches = trace.branches.map { branch in
            let (events, tuple) = Branch.events(branch.hops, opening: probe.tuple, node: node.name)
            let end = Self.end(branch.disposition, branch.reason, branch.hops, tuple, node.name, ground)
            var exchange = Exchange(there: Walk(events: events, end: end))
            if let reply = branch.reply, end.isDelivered {
                let (back, last) = Branch.events(reply.hops, opening: tuple.reversed, node: node.name)
                let end = Self.end(reply.disposition, reply.reason, reply.hops, last, node.name, ground)
                exchange.back = Walk(events: back, end: end)
            }
            var result = Branch(
                exchange: exchange, outcome: branch.outcome, reason: branch.reason, probability: branch.probability)
            // Whoever got it was not collected: the answer is a guess. Here everything that leaves is answered, so that
            // what Clew knows of the world outside (that nobody has a ClusterIP) is not held against it.
            let leaves = branch.reply == nil && branch.disposition == .leavesSnapshot
            let isTold =
                branch.reply.map { $0.disposition != .indeterminate } ?? (branch.outcome != .unknown && !leaves)
            result.endsInPod = !isTold
            return result
        }
    }

    private static func end(
        _ disposition: Disposition, _ reason: String, _ hops: [Hop], _ tuple: ConntrackTuple, _ node: String,
        _ ground: LabGround
    ) -> WalkEnd {
        switch disposition {
        case .rejected: return .rejected(Branch.refusal(reason))
        case .dropped, .noRoute, .looped, .indeterminate: return .lost
        case .delivered, .leavesSnapshot: break
        }
        guard let hop = hops.last(where: { $0.node == node && $0.namespace == "host" }), let device = hop.deviceOut,
            device != "lo"
        else { return .local(tuple) }
        return .peer(ground.peer(device)?.bridge ?? device, tuple)
    }
}
