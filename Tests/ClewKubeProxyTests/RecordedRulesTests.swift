import ClewBundle
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// The rules Clew expects of kube-proxy, against those the real one wrote.
@Suite struct RecordedRulesTests {
    @Test func everyHealthyNodesChainsAreTheOnesExpected() throws {
        var compared = 0
        for recorded in RecordedNode.healthy(for: "rendered rules") where recorded.scenario.mode == "iptables" {
            let snapshot = recorded.snapshot
            let name = recorded.name
            for family in AddressFamily.allCases {
                let chains = Self.recordedChains(snapshot, family)
                guard !chains.isEmpty else { continue }
                let parameters = recorded.parameters
                let intents = ServiceIntents.all(in: snapshot.objects, family: family, for: parameters)
                let rules = IptablesRules(intents, for: parameters, family: family)
                var expected: [String: [String]] = [:]
                for (chain, lines) in rules.filter { expected["filter " + chain] = lines.map { "-A \(chain) \($0)" } }
                for (chain, lines) in rules.nat { expected["nat " + chain] = lines.map { "-A \(chain) \($0)" } }
                for (table, jumps) in [("filter", rules.filterJumps), ("nat", rules.natJumps)] {
                    for chain in Set(jumps.map(\.chain)) {
                        expected["\(table) \(chain)"] = jumps.filter { $0.chain == chain }.map {
                            "-A \(chain) \($0.rule)"
                        }
                    }
                }
                let wrong = Self.differences(expected, chains)
                compared += chains.count
                print("rendered rules: \(name) \(family): \(chains.count) chains, \(wrong.count) differ")
                for line in wrong.prefix(6) { print("  \(line)") }
                #expect(wrong.count == 0, "\(name) \(family)")
            }
        }
        print("rendered rules: \(compared) chains compared")
        #expect(compared > 0 || SharedData.root == nil)
    }

    /// Chains of kube-proxy with their rules, without the canaries.
    private static func recordedChains(_ snapshot: ClusterSnapshot, _ family: AddressFamily) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for rules in snapshot.nodes.first?.host.ruleSets ?? [] where rules.backend != .native {
            for chain in rules.chains {
                let table = rules.tables[Int(chain.table.rawValue)]
                let name = rules.string(chain.name)
                guard table.family.covers(family), name.hasPrefix("KUBE-") || chain.base != nil,
                    !name.hasSuffix("CANARY")
                else { continue }
                var lines = (chain.firstRule..<chain.firstRule + chain.ruleCount).map {
                    rules.string(rules.rules[Int($0)].text)
                }
                if chain.base != nil { lines.removeAll { !$0.contains("-j KUBE-") } }
                if chain.base != nil, lines.isEmpty { continue }
                result["\(table.name) \(name)"] = lines
            }
        }
        return result
    }

    /// Order counts where it decides: in the chains of a Service and its endpoints.
    private static func differences(_ expected: [String: [String]], _ recorded: [String: [String]]) -> [String] {
        Set(expected.keys).union(recorded.keys).sorted().compactMap { chain in
            guard let own = expected[chain] else { return "\(chain): not expected" }
            guard let real = recorded[chain] else { return own.isEmpty ? nil : "\(chain): not there" }
            let isOrdered =
                !chain.contains("KUBE-")
                || ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-", "KUBE-SEP-"].contains {
                    chain.hasPrefix("nat " + $0)
                }
            if isOrdered ? own == real : own.sorted() == real.sorted() { return nil }
            let missing = Set(own).subtracting(real).sorted().first
            let extra = Set(real).subtracting(own).sorted().first
            return "\(chain): expected \(missing ?? "–"), recorded \(extra ?? "–")"
        }
    }
}
