import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// After an edit only what depends on it is walked again: that must come to the same as walking everything.
@Suite struct EditedSurveyTests {
    /// Small clusters: bridges with and without br_netfilter, flannel, Calico, IPVS.
    private static let bundles = [
        "bridge-nf-off", "bridge-nf-on", "flannel-forward-drop", "calico-two-nodes", "ipvs-cluster-cidr",
    ]

    @Test(arguments: bundles) func randomEditsComeToTheSameAsWalkingAll(_ name: String) throws {
        let bundle = SharedData.bundle(SharedData.packageRoot + "/Examples/" + name)
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        let dataplane = Dataplane(compiling: snapshot)
        let context = CheckContext(dataplane)
        #expect(!context.survey.connections.isEmpty)
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        var (tried, spared, changed) = (0, 0, 0)
        for _ in 0..<40 {
            guard let edit = Self.edit(of: snapshot, &random), let place = edit.place else { continue }
            guard let edited = try? snapshot.applying([edit]) else { continue }
            let whole = ConnectionSurvey(context.survey.connections, through: Dataplane(compiling: edited))
            let (part, parts) = dataplane.edited(to: edited, in: [(place.node, place.pod)])
            let survey = ConnectionSurvey(context.survey, through: part, changed: parts)
            #expect(Self.words(survey) == Self.words(whole), "\(edit), seed \(seed)")
            tried += 1
            if parts != nil { spared += 1 }
            if Self.words(whole) != Self.words(context.survey) { changed += 1 }
        }
        print("\(name): \(tried) edits, \(spared) of them walked again in part, \(changed) changed an answer")
        #expect(tried > 10 && spared > 0)
    }

    private static func words(_ survey: ConnectionSurvey) -> [String] {
        survey.connections.indices.map { index in
            let trouble = survey.troubled[index]
            return "\(survey.verdicts[index]) \(trouble?.reason ?? "") \(trouble?.decidedBy?.text ?? "")"
        } + survey.lost.map { "\($0.id) \($0.node ?? "") \($0.namespace) \($0.reason) \($0.connections)" }
            + survey.unknowns.map { "\($0.note.text) \($0.connections)" }
    }

    /// One edit of a node's host, of any kind.
    private static func edit(of snapshot: ClusterSnapshot, _ random: inout SeededGenerator) -> SnapshotEdit? {
        guard let node = snapshot.nodes.randomElement(using: &random) else { return nil }
        let host = EditPlace.host(node: node.name)
        let rules = node.host.ruleSets.randomElement(using: &random)
        let filter = EditedTable(node: node.name, table: "filter")
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            let keys = node.host.sysctls.keys.sorted().filter { key in
                ["forwarding", "ip_forward", "rp_filter", "call-iptables", "route_localnet", "proxy_arp"]
                    .contains { key.hasSuffix($0) }
            }
            guard let key = keys.randomElement(using: &random) else { return nil }
            return .setSysctl(host, key: key, value: ["0", "1", "2"].randomElement(using: &random) ?? "0")
        case 1:
            let chain = ["INPUT", "FORWARD", "OUTPUT"].randomElement(using: &random) ?? "FORWARD"
            return .setPolicy(filter, chain: chain, accepts: Bool.random(using: &random))
        case 2: return .insertRule(filter, chain: "FORWARD", at: 1, rule: "-p tcp -j DROP")
        case 3: return .appendRule(filter, chain: "INPUT", rule: "-p udp -j DROP")
        case 4:
            guard let rules, let rule = rules.rules.randomElement(using: &random) else { return nil }
            return .deleteRule(node: node.name, SourceLine(rules.artifact, line: rule.line))
        case 5:
            guard let route = node.host.routes?.randomElement(using: &random) else { return nil }
            return .deleteRoute(host, route)
        case 6:
            let other = snapshot.nodes.flatMap { $0.host.routes ?? [] }.randomElement(using: &random)
            guard let other else { return nil }
            return .addRoute(host, other.destination.family, "blackhole \(other.destination.network)")
        case 7:
            guard let entry = node.host.neighbors?.randomElement(using: &random) else { return nil }
            return .deleteNeighbor(host, entry.address, device: entry.device)
        case 8:
            guard let entry = node.host.forwardingEntries?.randomElement(using: &random) else { return nil }
            return .deleteForwardingEntry(node: node.name, entry.mac, device: entry.device, remote: nil)
        case 9:
            guard let link = node.host.links?.filter({ $0.port != nil }).randomElement(using: &random) else {
                return nil
            }
            return .setHairpin(node: node.name, port: link.name, isOn: Bool.random(using: &random))
        case 10:
            guard let link = node.host.links?.randomElement(using: &random) else { return nil }
            return .setMTU(host, link: link.name, mtu: 50)
        default:
            guard let link = node.host.links?.randomElement(using: &random) else { return nil }
            return .setLinkUp(host, link: link.name, isUp: false)
        }
    }
}
