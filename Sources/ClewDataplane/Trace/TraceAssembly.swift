import ClewBundle
import ClewNet
import ClewSnapshot

/// Puts walked branches into words, and draws the verdict.
///
/// What branches have in common is walked once: they are leaves of one graph of events (``PathGraph``), and the paths that
/// are shown are a tree.
struct TraceAssembly {
    private let tracer: Tracer
    private let branches: [WalkedBranch]
    private let graph: PathGraph
    /// By node of the graph, the first file on the way there that could not be read where it may decide.
    private var unread: [UnreadFile?] = []
    private var judged: [JudgedBranch] = []

    private var world: World { tracer.world }
    private var flow: Flow { tracer.flow }
    private var notes: [TraceNote] { tracer.interpreter.domain.notes }

    init(tracer: Tracer, branches: [WalkedBranch]) {
        self.tracer = tracer
        self.branches = branches
        graph = PathGraph(tracer.interpreter.domain.arena, leaves: branches.map(\.leaf))
        unread = unreadOnTheWay()
        let judge = BranchJudge(tracer: tracer)
        judged = branches.map { judge.judge($0, unread: unread[Int(graph.position(of: $0.leaf))]) }
    }

    /// A branch of the answer.
    private struct Shown {
        var branch: TraceBranch
        /// Whose path is shown.
        var leaf: Int
        /// Notes on why it cannot be told.
        var uncertain: [Int32] = []
    }

    func trace(_ detail: TraceDetail) -> Trace {
        let settlement = Settlement(graph, leaves: branches.map(\.leaf), signatures: signatures())
        var open: [Int32] = []
        var shown = self.shown(settlement, &open)
        // The order of the rules for equal ones: `sort` alone does not promise it.
        let order = shown.indices.sorted {
            let (a, b) = (shown[$0].branch.probability, shown[$1].branch.probability)
            return a == b ? $0 < $1 : b < a
        }
        shown = order.map { shown[$0] }
        let verdict = Self.verdict(shown.map(\.branch.outcome))
        if verdict == .works, detail == .onlyTrouble {
            return Trace(
                flow: flow, verdict: verdict, branches: shown.map(\.branch), assumptions: [], unknowns: [])
        }
        addPaths(&shown)
        var result = Trace(
            flow: flow, verdict: verdict, branches: shown.map(\.branch), assumptions: [], unknowns: [])
        addNotes(shown, settlement, open, &result)
        return result
    }

    static func verdict(_ outcomes: [BranchOutcome]) -> TraceVerdict {
        if outcomes.isEmpty { return .unknown }
        if outcomes.allSatisfy({ $0 == .works }) { return .works }
        if outcomes.allSatisfy({ $0 == .fails }) { return .fails }
        return outcomes.contains(.fails) ? .partly : .unknown
    }

    // MARK: - Which branches are shown

    /// What must be equal on both sides of an unknown for it not to matter.
    private struct Signature: Hashable {
        var disposition: Disposition
        var dnat: SocketAddress?
        var snat: IPAddress?
        var outcome: BranchOutcome
        var reply: Disposition?
        var receiver: Receiver?
        var sign: RefusalSign?
        var isCut: Bool
        /// Of a loss: where it is lost is what is asked.
        var reason: String?
        var line: SourceLine?
    }

    private func signatures() -> [Int] {
        var numbers: [Signature: Int] = [:]
        return judged.map { judged in
            let branch = judged.branch
            let signature = Signature(
                disposition: branch.disposition, dnat: branch.dnat, snat: branch.snat, outcome: branch.outcome,
                reply: branch.reply?.disposition, receiver: branch.deliveredTo, sign: branch.sign, isCut: judged.isCut,
                reason: branch.outcome == .fails ? branch.reason : nil,
                line: branch.outcome == .fails ? branch.decidedBy?.source : nil)
            let number = numbers[signature] ?? numbers.count
            numbers[signature] = number
            return number
        }
    }

    private func shown(_ settlement: Settlement, _ open: inout [Int32]) -> [Shown] {
        var result: [Shown] = []
        var cut: Int?
        for (ending, chance) in settlement.endings {
            var own: Shown
            switch ending {
            case .leaf(let leaf):
                if judged[leaf].isCut, let cut {
                    result[cut].branch.probability = result[cut].branch.probability + chance
                    result[cut].uncertain += judged[leaf].uncertain
                    continue
                }
                if judged[leaf].isCut { cut = result.count }
                own = Shown(branch: judged[leaf].branch, leaf: leaf, uncertain: judged[leaf].uncertain)
                own.branch.alternatives = settlement.ways[Int(graph.position(of: branches[leaf].leaf))] - 1
            case .open(let position):
                guard let region = region(at: position, settlement, &open) else { continue }
                own = region
            case .lost:
                guard let first = branches.indices.first else { continue }
                own = Shown(branch: TraceBranch(probability: chance, disposition: .indeterminate), leaf: first)
                own.branch.reason = "the packet was lost sight of"
            }
            own.branch.probability = chance
            result.append(own)
        }
        return result
    }

    /// All that follows from a fork that matters, as one branch: what its ends have in common is certain.
    private func region(at position: Int32, _ settlement: Settlement, _ open: inout [Int32]) -> Shown? {
        let leaves = settlement.leaves(openAt: position)
        let all = leaves.map { judged[$0].branch }
        guard let representative = leaves.first(where: { judged[$0].branch.outcome == .fails }) ?? leaves.first else {
            return nil
        }
        var own = Shown(branch: judged[representative].branch, leaf: representative)
        func agree<Value: Hashable>(_ value: (TraceBranch) -> Value) -> Bool { Set(all.map(value)).count == 1 }
        if !agree(\.disposition) { own.branch.disposition = .indeterminate }
        if !agree(\.dnat) { own.branch.dnat = nil }
        if !agree(\.snat) { own.branch.snat = nil }
        if !agree(\.isMasqueraded) { own.branch.isMasqueraded = false }
        if !agree(\.sign) { own.branch.sign = nil }
        if !agree(\.deliveredTo) { own.branch.deliveredTo = nil }
        if all.contains(where: { $0.reply == nil }) { own.branch.reply = nil }
        if !agree({ $0.reply?.disposition }) { own.branch.reply?.disposition = .indeterminate }
        own.branch.alternatives = settlement.ways[Int(position)] + leaves.count - 2
        own.uncertain = leaves.flatMap { judged[$0].uncertain }
        var reasons: [String] = []
        for branch in all where !reasons.contains(branch.reason) && reasons.count < 3 { reasons.append(branch.reason) }
        if reasons.count > 2 { reasons = [reasons[0], "another way"] }
        if all.allSatisfy({ $0.outcome == .fails }) {
            own.branch.outcome = .fails
            own.branch.reason = reasons.joined(separator: ", or ")
            return own
        }
        own.branch.outcome = .unknown
        let forks = settlement.nodes(below: position).filter(settlement.isOpen)
        let notes = forks.compactMap { note(of: $0) }
        open += notes
        guard let first = notes.first else { return own }
        own.branch.reason = "\(self.notes[Int(first)].text): " + reasons.joined(separator: ", or ")
        own.branch.decidedBy = decision(first)
        return own
    }

    private func note(of position: Int32) -> Int32? {
        guard case .unknown(_, _, let note) = graph.step(from: Int(position)) else { return nil }
        return note
    }

    /// The rule that a fork is at.
    private func decision(_ note: Int32) -> Decision {
        let place = notes[Int(note)]
        let rule = tracer.interpreter.domain.noteRules[note]
        let text = rule.map { $0.rules.ruleSet.string($0.rules.rule($0.rule).text) }
        return Decision(node: place.node, source: place.source, text: text ?? place.text)
    }

    // MARK: - Files that could not be read

    private func unreadOnTheWay() -> [UnreadFile?] {
        var result = [UnreadFile?](repeating: nil, count: graph.count)
        if world.unread.isEmpty { return result }
        var known: [NamespaceIndex: UnreadFile?] = [:]
        result[0] = unreadAtSource()
        for position in 0..<graph.count {
            if result[position] == nil, case .enter(let index, _) = graph.event(at: position) {
                let file = known[index] ?? unreadFiles(in: index).first(where: \.decides)
                known[index] = .some(file)
                result[position] = file
            }
            guard let file = result[position] else { continue }
            for next in graph.successors(of: position) where result[Int(next)] == nil { result[Int(next)] = file }
        }
        return result
    }

    private func unreadFiles(in index: NamespaceIndex) -> [UnreadFile] {
        world.unread.files(node: world[index].node, namespace: world[index].name, flow.family)
    }

    /// A packet that found no route at its source entered no namespace.
    private func unreadAtSource() -> UnreadFile? {
        let hasEntered = (0..<graph.count).contains { position in
            switch graph.event(at: position) {
            case .enter, .enterInferred, .enterOutside: true
            default: false
            }
        }
        if hasEntered { return nil }
        return sourceFiles().first(where: \.decides)
    }

    private func sourceFiles() -> [UnreadFile] {
        switch flow.origin {
        case .host(let node): return world.unread.files(node: node, namespace: "host", flow.family)
        case .pod(let node, let address, _):
            return (["host"] + world.pods(having: address).map { world[$0].name }).flatMap {
                world.unread.files(node: node, namespace: $0, flow.family)
            }
        case .outside: return []
        }
    }

    // MARK: - Paths

    private func addPaths(_ shown: inout [Shown]) {
        guard let opening = branches.first?.forward.state.opening else { return }
        let most = max(24, Self.mostSteps / max(1, shown.count))
        let accounts = PathAccounts(
            of: shown.map { branches[$0.leaf].leaf }, in: tracer.interpreter.domain.arena,
            beginning: PathAccount(world: world, opening: opening, mostSteps: most)
        ).accounts
        for index in shown.indices {
            let account = accounts[index]
            shown[index].branch.hops = account.hops
            shown[index].branch.translations = account.translations
            shown[index].branch.reply?.hops = account.replyHops
        }
    }

    /// How many steps of rules one trace shows, over all branches.
    private static var mostSteps: Int { 20_000 }

    // MARK: - Notes

    private func addNotes(_ shown: [Shown], _ settlement: Settlement, _ open: [Int32], _ trace: inout Trace) {
        var seen = Set<TraceNote>()
        func add(_ note: TraceNote, isUnknown: Bool) {
            guard seen.insert(note).inserted else { return }
            if isUnknown { trace.unknowns.append(note) } else { trace.assumptions.append(note) }
        }
        let events = events(of: shown, settlement)
        for event in events {
            if case .uncertain(let note) = event { add(notes[Int(note)], isUnknown: true) }
        }
        for number in shown.flatMap(\.uncertain) + open { add(notes[Int(number)], isUnknown: true) }
        for event in events {
            if case .assumed(let note) = event { add(notes[Int(note)], isUnknown: false) }
        }
        var entered: [NamespaceIndex] = []
        var inferred: Set<NamespaceIndex> = []
        var known: Set<NamespaceIndex> = []
        for event in events {
            switch event {
            case .enter(let index, _): if known.insert(index).inserted { entered.append(index) }
            case .enterInferred(_, let host): inferred.insert(host)
            default: break
            }
        }
        let files = entered.isEmpty && inferred.isEmpty ? sourceFiles() : entered.flatMap(unreadFiles)
        for file in files { add(TraceNote(file.text, source: file.first.source), isUnknown: file.decides) }
        for node in Set((entered + inferred).map { world[$0].node }).sorted() {
            guard let missing = world.host(node)?.uncollected(flow.family) else { continue }
            add(TraceNote("not collected, and taken for granted: \(missing)", node: node), isUnknown: false)
        }
        if shown.contains(where: { $0.branch.reason == "the packet was lost sight of" }) {
            add(TraceNote("a way of the packet was lost sight of"), isUnknown: true)
        }
    }

    /// What happened on the paths shown, and then on those that come to the same.
    private func events(of shown: [Shown], _ settlement: Settlement) -> [PathEvent] {
        let arena = tracer.interpreter.domain.arena
        var isSeen = [Bool](repeating: false, count: graph.count)
        var result: [PathEvent] = []
        for entry in shown {
            var own: [PathEvent] = []
            var index = branches[entry.leaf].leaf
            while index != .root, !isSeen[Int(graph.position(of: index))] {
                isSeen[Int(graph.position(of: index))] = true
                own.append(arena[index])
                index = arena.parent(of: index)
            }
            result += own.reversed()
        }
        for position in 0..<graph.count where settlement.matters[position] && !isSeen[position] {
            isSeen[position] = true
            if let event = graph.event(at: position) { result.append(event) }
        }
        for case (.open(let position), _) in settlement.endings {
            for node in settlement.nodes(below: position) where !isSeen[Int(node)] {
                isSeen[Int(node)] = true
                if let event = graph.event(at: Int(node)) { result.append(event) }
            }
        }
        return result
    }
}

extension Trace {
    /// Keeps what does not depend on the order of rule sets of equal priority, which no dump shows.
    func agreeing(with other: Trace) -> Trace {
        func signature(_ trace: Trace) -> [String] {
            trace.branches.map {
                "\($0.probability) \($0.disposition) \($0.dnat?.description ?? "") \($0.snat?.description ?? "") \($0.outcome)"
            }.sorted()
        }
        if signature(self) == signature(other) { return self }
        var result = self
        let note = TraceNote(
            "two rule sets are registered at the same hook with the same priority; which runs first is not in any dump, and it matters"
        )
        if verdict == other.verdict, verdict == .fails { return self }
        result.unknowns.append(note)
        for index in result.branches.indices {
            result.branches[index].outcome = .unknown
            let same = other.branches.contains {
                $0.dnat == result.branches[index].dnat && $0.disposition == result.branches[index].disposition
            }
            if !same { result.branches[index].disposition = .indeterminate }
        }
        result.verdict = .unknown
        return result
    }
}
