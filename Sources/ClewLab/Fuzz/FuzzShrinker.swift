import ClewNet

/// Makes a difference between Clew and the kernel small: takes away whatever it does not need.
package struct FuzzShrinker {
    private let lab: FuzzLab
    private let backend: FuzzBackend
    package private(set) var tries = 0

    package init(_ lab: FuzzLab, _ backend: FuzzBackend) {
        self.lab = lab
        self.backend = backend
    }

    /// A smaller mismatch, or the same.
    package mutating func shrink(_ mismatch: FuzzMismatch) throws(SystemError) -> FuzzMismatch {
        var best = mismatch
        var changed = true
        while changed, tries < 1500 {
            changed = false
            for candidate in Self.probes(best.probe) {
                var smaller = best
                smaller.probe = candidate
                if try keep(smaller, &best) { changed = true }
            }
            var index = 0
            while true {
                let candidates = Self.candidates(best.rules)
                guard index < candidates.count else { break }
                var smaller = best
                smaller.rules = candidates[index]
                if try keep(smaller, &best) { changed = true } else { index += 1 }
            }
        }
        return best
    }

    private mutating func keep(_ candidate: FuzzMismatch, _ best: inout FuzzMismatch) throws(SystemError) -> Bool {
        tries += 1
        let refusals = lab.refusals
        defer { lab.refusals = refusals }
        guard var loaded = try lab.load(candidate.rules, backend), loaded.refused.isEmpty else { return false }
        let prediction = Simulation(try lab.artifacts(for: loaded)).prediction(of: candidate.probe)
        let (kernel, comparison, _) = try FuzzCampaign.judge(candidate.probe, &loaded, prediction, lab)
        guard let kernel, case .differs(let text) = comparison else { return false }
        best = candidate
        best.kernel = kernel
        best.text = text
        return true
    }

    // MARK: - Candidates

    /// From large cuts to small ones.
    static func candidates(_ rules: FuzzRules) -> [FuzzRules] {
        var result: [FuzzRules] = []
        func add(_ change: (inout FuzzRules) -> Void) {
            var candidate = rules
            change(&candidate)
            candidate.prune()
            if candidate != rules { result.append(candidate) }
        }
        for table in rules.tables.indices { add { $0.tables.remove(at: table) } }
        for table in rules.tables.indices {
            for chain in rules.tables[table].chains.indices {
                let own = rules.tables[table].chains[chain]
                if own.rules.count > 1 { add { $0.tables[table].chains[chain].rules = [] } }
                for rule in own.rules.indices { add { $0.tables[table].chains[chain].rules.remove(at: rule) } }
                if own.policy == "DROP" { add { $0.tables[table].chains[chain].policy = "ACCEPT" } }
            }
        }
        add { $0.settings = FuzzSettings() }
        for set in rules.sets.indices {
            for element in rules.sets[set].elements.indices { add { $0.sets[set].elements.remove(at: element) } }
        }
        for table in rules.tables.indices {
            for chain in rules.tables[table].chains.indices {
                for (number, rule) in rules.tables[table].chains[chain].rules.enumerated() {
                    for match in rule.matches.indices {
                        add { $0.tables[table].chains[chain].rules[number].matches.remove(at: match) }
                    }
                    if !["", "-j ACCEPT", "-j DROP"].contains(rule.target) {
                        add { $0.tables[table].chains[chain].rules[number].target = "" }
                    }
                }
            }
        }
        return result
    }

    private static func probes(_ probe: Probe) -> [Probe] {
        var result: [Probe] = []
        func add(_ change: (inout Probe) -> Void) {
            var candidate = probe
            change(&candidate)
            if candidate != probe { result.append(candidate) }
        }
        add { $0.ttl = 64 }
        add { $0.tos = 0 }
        add { $0.payload = 0 }
        if probe.ipProtocol == .tcp { add { $0.tcpFlags = Probe.syn } }
        return result
    }
}

extension FuzzRules {
    /// Takes out user chains that nothing leads to, tables without rules, and sets that nothing asks.
    mutating func prune() {
        for table in tables.indices {
            while true {
                let targets = Set(
                    tables[table].chains.flatMap(\.rules).compactMap {
                        $0.target.split(separator: " ").last.map(String.init)
                    })
                guard
                    let unused = tables[table].chains.firstIndex(where: {
                        $0.policy == nil && !targets.contains($0.name)
                    })
                else { break }
                tables[table].chains.remove(at: unused)
            }
        }
        tables.removeAll { $0.chains.allSatisfy { $0.rules.isEmpty && $0.policy != "DROP" } }
        let words = Set(
            tables.flatMap(\.chains).flatMap(\.rules).flatMap { $0.text.split(separator: " ").map(String.init) })
        let members = Set(
            sets.filter { $0.definition.hasPrefix("list") && words.contains($0.name) }.flatMap(\.elements))
        sets.removeAll { !words.contains($0.name) && !members.contains($0.name) }
    }
}
