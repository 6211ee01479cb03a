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
    struct Scenario: Decodable {
        var mode: String
        var kube_proxy: String
        var node: String
        var zone: String?
        var node_ip: String
        var local_detection: String
        var masqueradeAll: Bool
    }

    @Test func everyHealthyNodesChainsAreTheOnesExpected() throws {
        var compared = 0
        for folder in SharedData.folders("kube-proxy", for: "rendered rules") {
            let name = String(folder.split(separator: "/").last ?? "")
            guard let text = SharedData.bytes(folder + "/scenario.json"), !name.hasPrefix("x"),
                let scenario = try? JSONDecoder().decode(Scenario.self, from: Data(text)), scenario.mode == "iptables",
                let minor = Int(scenario.kube_proxy.split(separator: ".").dropFirst().first ?? ""), minor >= 30
            else { continue }
            let snapshot = ClusterSnapshot(parsing: SharedData.bundle(withObjects: folder), nodeName: scenario.node)
            for family in AddressFamily.allCases {
                let recorded = Self.recordedChains(snapshot, family)
                guard !recorded.isEmpty else { continue }
                var parameters = Self.parameters(scenario, snapshot, clusterCIDRs: Self.clusterCIDRs(folder))
                parameters.version = ProxyVersion(minor: minor)
                let intents = ServiceIntents.all(in: snapshot.objects, family: family, for: parameters)
                let rules = IptablesRules(intents, for: parameters, family: family)
                var expected: [String: [String]] = [:]
                for (chain, lines) in rules.filter { expected["filter " + chain] = lines.map { "-A \(chain) \($0)" } }
                for (chain, lines) in rules.nat { expected["nat " + chain] = lines.map { "-A \(chain) \($0)" } }
                let wrong = Self.differences(expected, recorded)
                compared += recorded.count
                print("rendered rules: \(name) \(family): \(recorded.count) chains, \(wrong.count) differ")
                for line in wrong.prefix(6) { print("  \(line)") }
                #expect(wrong.isEmpty, "\(name) \(family)")
            }
        }
        print("rendered rules: \(compared) chains compared")
    }

    private static func parameters(
        _ scenario: Scenario, _ snapshot: ClusterSnapshot, clusterCIDRs prefixes: [IPPrefix]
    ) -> ProxyParameters {
        let node = snapshot.objects.nodes.first { $0.name == scenario.node }
        var parameters = ProxyParameters(
            nodeName: scenario.node, nodeAddresses: node?.internalIPs ?? [],
            localDetection: scenario.local_detection.hasPrefix("none") ? .none : .sources(prefixes))
        parameters.zone = node?.labels["topology.kubernetes.io/zone"]
        parameters.masqueradeAll = scenario.masqueradeAll
        return parameters
    }

    /// Of kube-proxy's own configuration; one prefix per family.
    private static func clusterCIDRs(_ folder: String) -> [IPPrefix] {
        let text = String(decoding: SharedData.bytes(folder + "/kube-proxy-config.yaml") ?? [], as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("clusterCIDR:") } ?? ""
        return line.dropFirst("clusterCIDR:".count).split { " \",".contains($0) }.compactMap { IPPrefix(String($0)) }
    }

    /// Chains of kube-proxy with their rules, without the canaries.
    private static func recordedChains(_ snapshot: ClusterSnapshot, _ family: AddressFamily) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for rules in snapshot.nodes.first?.host.ruleSets ?? [] where rules.backend != .native {
            for chain in rules.chains {
                let table = rules.tables[Int(chain.table.rawValue)]
                let name = rules.string(chain.name)
                guard table.family.covers(family), name.hasPrefix("KUBE-"), !name.hasSuffix("CANARY") else { continue }
                let lines = (chain.firstRule..<chain.firstRule + chain.ruleCount).map {
                    rules.string(rules.rules[Int($0)].text)
                }
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
            let isOrdered = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-"].contains {
                chain.hasPrefix("nat " + $0)
            }
            if isOrdered ? own == real : own.sorted() == real.sorted() { return nil }
            let missing = Set(own).subtracting(real).sorted().first
            let extra = Set(real).subtracting(own).sorted().first
            return "\(chain): expected \(missing ?? "–"), recorded \(extra ?? "–")"
        }
    }
}
