import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

@testable import ClewCompare

/// Rules that are in order are damaged at random: what changes a decision is found and put down to the right Service, what
/// changes none is not reported.
///
/// What a decision is, the simulator of single packets says, before and after.
@Suite struct MutationTests {
    /// Damages in all; `CLEW_MUTATIONS` asks for more (5,000 is the full number).
    static let runs = ProcessInfo.processInfo.environment["CLEW_MUTATIONS"].flatMap { Int($0) } ?? 60
    static let seed = ProcessInfo.processInfo.environment["CLEW_SEED"].flatMap { UInt64($0) } ?? 1

    static let bases: [MutationBase] = {
        let cluster = LocalTrafficDetection.sources([IPPrefix("10.244.0.0/16")].compactMap(\.self))
        return [
            MutationBase.generated(.v1_36, cluster, seed: 1), MutationBase.generated(.v1_30, cluster, seed: 2),
            MutationBase.generated(.v1_36, .bridge("cni0"), seed: 3), MutationBase.generated(.v1_30, .none, seed: 4),
        ].compactMap(\.self) + MutationBase.recorded()
    }()

    @Test func basesAreInOrder() throws {
        #expect(Damage.all.count >= 40, "\(Damage.all.count) kinds of damage")
        for base in Self.bases {
            let snapshot = base.damaged(base.rules)
            let node = try #require(snapshot.nodes.first)
            let result = ServicesComparison(Dataplane(compiling: snapshot)).compare(node, base.parameters)
            #expect(result.causes.isEmpty && result.ports.allSatisfy { $0.status == .inOrder }, "\(base.name)")
            for group in result.causes { print(base.name, group.cause, group.kinds, group.services) }
        }
    }

    @Test func damageIsFoundAndNothingElse() throws {
        let all = Self.campaign(Damage.all, runs: Self.runs)
        #expect(all.applied == Self.runs)
        #expect(all.changing > all.applied / 3)
        #expect(all.found == all.changing && all.attributed == all.changing)
    }

    /// Nobody knows what they do but the simulator of single packets.
    @Test func randomForeignRulesAreFoundAndNothingElse() throws {
        let runs = max(8, Self.runs / 5)
        let all = Self.campaign(Damage.random, runs: runs)
        #expect(all.applied == runs)
        #expect(all.found == all.changing && all.attributed == all.changing)
    }

    static func campaign(_ kinds: [Damage], runs: Int) -> Tally {
        var random = SeededGenerator(seed: Self.seed)
        var counts: [String: Tally] = [:]
        var wrong = 0
        var shown = 0
        var run = 0
        var tried = 0
        while run < runs, tried < runs * 4 {
            let damage = kinds[tried % kinds.count]
            tried += 1
            guard let base = Self.bases.randomElement(using: &random) else { break }
            var rules = base.rules
            guard let blame = damage.apply(&rules, &random) else { continue }
            run += 1
            let verdict = Self.judge(base, rules, blame, damage)
            counts[damage.name, default: Tally()].add(verdict)
            wrong += verdict.complaints.count
            guard !verdict.complaints.isEmpty, shown < 30 else { continue }
            shown += 1
            for complaint in verdict.complaints.prefix(4) {
                print("mutation \(run): \(damage.name) on \(base.name): \(complaint)")
            }
            for line in Set(rules.lines).subtracting(base.rules.lines) { print("    + \(line.table) \(line.text)") }
            for line in Set(base.rules.lines).subtracting(rules.lines) { print("    - \(line.table) \(line.text)") }
        }
        let all = counts.values.reduce(into: Tally()) { $0.add($1) }
        print(
            "mutations: seed \(Self.seed), \(counts.count) kinds on \(Self.bases.count) nodes, \(all); \(wrong) complaints"
        )
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) where runs >= 500 {
            print("  \(name): \(count)")
        }
        #expect(wrong == 0)
        return all
    }

    // MARK: - Judging one

    /// What became of the damages of one kind.
    struct Tally: CustomStringConvertible {
        var applied = 0
        /// Single packets are treated in another way.
        var changing = 0
        /// Of those: something is reported that simulated packets show, or cannot be told where no packet's way is known.
        var found = 0
        /// Of those found: put down to the place of the damage, to no other Service, with nothing missed.
        var attributed = 0
        /// No packet is treated in another way, and nothing is reported.
        var silent = 0
        /// One packet shows no change, rightly reported: clients do not keep their endpoint, or it cannot be told.
        var other = 0

        mutating func add(_ verdict: Verdict) {
            applied += 1
            let isRight = verdict.complaints.isEmpty
            if verdict.isChanging {
                changing += 1
                if verdict.isReported { found += 1 }
                if verdict.isReported, isRight { attributed += 1 }
            } else if isRight {
                if verdict.isReported { other += 1 } else { silent += 1 }
            }
        }

        mutating func add(_ other: Tally) {
            applied += other.applied
            changing += other.changing
            found += other.found
            attributed += other.attributed
            silent += other.silent
            self.other += other.other
        }

        var description: String {
            """
            \(applied) applied, \(changing) changed a decision, \(found) found, \(attributed) attributed; \
            \(silent) changed none and silent, \(other) affinity or cannot be told
            """
        }
    }

    struct Verdict {
        var isChanging = false
        /// Something differs or cannot be told.
        var isReported = false
        var complaints: [String] = []
    }

    static func judge(_ base: MutationBase, _ rules: SaveText, _ blame: Damage.Blame, _ damage: Damage) -> Verdict {
        let snapshot = base.damaged(rules)
        let dataplane = Dataplane(compiling: snapshot)
        let node = snapshot.nodes[0]
        let result = ServicesComparison(dataplane).compare(node, base.parameters)
        let oracle = Oracle(base, snapshot, dataplane)
        var verdict = Verdict()
        verdict.isChanging = !oracle.changed.isEmpty || oracle.changesStrangers
        verdict.isReported = !result.causes.isEmpty || result.ports.contains { $0.status != .inOrder }
        // What single packets do differently must be reported.
        for (service, example) in oracle.changed.sorted(by: { $0.key < $1.key }) {
            let status = result.ports.first { $0.name == service }?.status
            if status == .differs || (status == .unknown && oracle.unknown[service] != nil) { continue }
            verdict.complaints.append("\(service) is \(status?.rawValue ?? "gone"), but \(example)")
        }
        for (service, example) in oracle.unknown where oracle.changed[service] == nil {
            let status = result.ports.first { $0.name == service }?.status
            if status == .inOrder {
                verdict.complaints.append("\(service) is in order, but cannot be told: \(example)")
            }
        }
        if oracle.changesStrangers, result.causes.isEmpty { verdict.complaints.append("strangers: nothing reported") }
        // What is reported must be different for a single packet.
        for port in result.ports where port.status != .inOrder {
            let isUnknown = port.status == .unknown
            if isUnknown, oracle.unknown[port.name] == nil, port.differences.isEmpty {
                verdict.complaints.append("\(port.name) cannot be told: \(port.undecided.first?.note.text ?? "?")")
            }
            for difference in port.differences {
                if let complaint = oracle.complaint(about: difference) { verdict.complaints.append(complaint) }
            }
            if !isUnknown, let complaint = unjustBlame(port, blame, rules) { verdict.complaints.append(complaint) }
        }
        for group in result.causes where group.services.isEmpty {
            if let complaint = oracle.complaint(about: group.example) { verdict.complaints.append(complaint) }
        }
        if case .none = blame, !result.causes.isEmpty { verdict.complaints.append("harmless, but reported") }
        return verdict
    }

    /// Some cause of a damaged Service must be the place of the damage.
    private static func unjustBlame(_ port: ServicePortComparison, _ blame: Damage.Blame, _ rules: SaveText) -> String?
    {
        guard case .chains(let chains) = blame else { return nil }
        let places = port.differences.map(\.cause.place)
        let isJust = places.contains { place in
            chains.contains(place) || chains.contains(place.split(separator: " ").last.map(String.init) ?? "")
        }
        if isJust { return nil }
        return "\(port.name): blame on \(Set(places).sorted()) instead of \(chains)"
    }
}

/// What single packets do before and after.
struct Oracle {
    let base: MutationBase
    private let confirmation: WitnessCheck
    private let before: WitnessCheck
    private let node: String
    /// With an example in words.
    private(set) var changed: [ServicePortName: String] = [:]
    private(set) var unknown: [ServicePortName: String] = [:]
    private(set) var changesStrangers = false

    init(_ base: MutationBase, _ snapshot: ClusterSnapshot, _ dataplane: Dataplane) {
        self.base = base
        node = snapshot.nodes[0].name
        confirmation = WitnessCheck(dataplane, node: node)
        before = base.check
        for (probe, healthy) in zip(base.probes, base.healthy) {
            let trace = dataplane.trace(probe.flow)
            let now = confirmation.outcomes(of: trace)
            let text = "\(probe.description): \(now) was \(healthy)"
            if now.keys.contains(.unknown) {
                if let service = probe.service { unknown[service] = text }
                continue
            }
            guard isDifferent(now, healthy, probe.flow, probe.arrival) else { continue }
            if let service = probe.service {
                changed[service] = text
            } else {
                changesStrangers = (isServed(now) && isTranslatedByKubeProxy(trace)) || changesStrangers
            }
        }
    }

    /// Packets to no Service: only those that come to a Service's endpoint concern Services.
    private func isServed(_ outcomes: [FoundOutcome: Double]) -> Bool {
        let endpoints = base.snapshot.objects.endpointSlices.flatMap { slice in
            slice.endpoints.flatMap(\.addresses)
        }
        return outcomes.keys.contains { outcome in
            if case .translated(let endpoint, _) = outcome { endpoints.contains(endpoint.address) } else { false }
        }
    }

    /// What another tool's rule sends to a pod, without kube-proxy's chains, is that tool's affair, as a published port of
    /// Docker's is.
    private func isTranslatedByKubeProxy(_ trace: Trace) -> Bool {
        trace.branches.flatMap(\.hops).filter { $0.node == node && $0.namespace == "host" }.flatMap(\.steps).contains {
            $0.kind == .rule && ($0.chain ?? "").hasPrefix("KUBE-") && $0.text.contains("-j DNAT")
        }
    }

    private func isDifferent(
        _ now: [FoundOutcome: Double], _ healthy: [FoundOutcome: Double], _ flow: Flow, _ arrival: SourceArrival
    ) -> Bool {
        let (a, b) = (tolerating(now, flow, arrival), tolerating(healthy, flow, arrival))
        return Set(a.keys) != Set(b.keys) || a.contains { abs($0.value - (b[$0.key] ?? 0)) > 1e-6 }
    }

    /// Within the cluster, a masquerade that direct connections get too, and as often, is no Service's affair.
    private func tolerating(
        _ outcomes: [FoundOutcome: Double], _ flow: Flow, _ arrival: SourceArrival
    ) -> [FoundOutcome: Double] {
        var result: [FoundOutcome: Double] = [:]
        for (outcome, share) in outcomes {
            var own = outcome
            if case .translated(let endpoint, isMasqueraded: true) = outcome, isWithin(flow) || !isOwn(endpoint),
                directMasquerade(endpoint, flow) > share / (share + plainShare(endpoint, outcomes)) - 1e-6
            {
                own = .translated(endpoint, isMasqueraded: wasMasqueraded(endpoint, flow))
            }
            result[own, default: 0] += share
        }
        return result
    }

    private func plainShare(_ endpoint: SocketAddress, _ outcomes: [FoundOutcome: Double]) -> Double {
        outcomes[.translated(endpoint, isMasqueraded: false)] ?? 0
    }

    private func isWithin(_ flow: Flow) -> Bool {
        guard case .outside(let address, _) = flow.origin else { return true }
        if case .sources(let prefixes) = base.parameters.localDetection,
            prefixes.contains(where: { $0.contains(address) })
        {
            return true
        }
        return base.snapshot.objects.nodes.contains { node in
            (node.internalIPs + node.externalIPs).contains(address)
                || node.podCIDRs.contains { $0.contains(address) }
        }
    }

    /// Pods of the node, and the node itself.
    private func isOwn(_ endpoint: SocketAddress) -> Bool {
        ["10.244.1.0/24", "192.168.50.11/32"].contains { IPPrefix($0)?.contains(endpoint.address) ?? false }
    }

    /// The chance with which a connection to the endpoint itself comes there masqueraded.
    private func directMasquerade(_ endpoint: SocketAddress, _ flow: Flow) -> Double {
        var direct = flow
        direct.destination = endpoint.address
        direct.destinationPort = endpoint.port
        let trace = confirmation.dataplane.trace(direct)
        return trace.branches.reduce(0) { sum, branch in
            let own = branch.hops.filter { $0.node == node && $0.namespace == "host" }.flatMap(\.steps)
            let isMasqueraded = own.contains {
                $0.kind == .rule && $0.hook == .postrouting && $0.text.contains("MASQUERADE")
            }
            let isDiverted = branch.translations.contains { $0.node == node && [.dnat, .redirect].contains($0.kind) }
            return sum + (isMasqueraded && !isDiverted ? branch.probability.value : 0)
        }
    }

    private func wasMasqueraded(_ endpoint: SocketAddress, _ flow: Flow) -> Bool {
        before.outcomes(of: before.dataplane.trace(flow)).keys.contains(.translated(endpoint, isMasqueraded: true))
    }

    /// Why a reported difference is none; `nil` where its packet shows it.
    func complaint(about difference: Difference) -> String? {
        guard let flow = difference.witness?.flow else { return "\(difference.kind.rawValue) without a packet" }
        if !difference.isConfirmed {
            return "\(difference.kind.rawValue) of \(difference.destination) is not confirmed"
        }
        if difference.kind == .affinity { return nil }
        let now = confirmation.outcomes(of: confirmation.dataplane.trace(flow))
        let healthy = before.outcomes(of: before.dataplane.trace(flow))
        if isDifferent(now, healthy, flow, difference.arrival) { return nil }
        return
            "\(difference.kind.rawValue) of \(difference.destination) reported, but \(flow.fromText) is treated as before"
    }
}
