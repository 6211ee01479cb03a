import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// What is walked of a cluster that has more connections than are walked.
@Suite struct SurveyPlanTests {
    private static func snapshot(_ example: String) -> ClusterSnapshot {
        ClusterSnapshot(
            parsing: SharedData.bundle(SharedData.packageRoot + "/Examples/" + example), nodeName: nil)
    }

    private static func flows(_ context: CheckContext) -> [String] {
        context.survey.connections.map { "\($0.flow.origin) \($0.flow.toText)" }
    }

    @Test func allAreWalkedWhereTheyAreFew() {
        let context = CheckContext(Dataplane(compiling: Self.snapshot("bridge-nf-off")))
        #expect(context.sample == nil)
    }

    /// Twice as many connections as may be walked: each node and each Service port has its share, and it is said.
    @Test func everyNodeAndServicePortHasItsShare() throws {
        let dataplane = Dataplane(compiling: Self.snapshot("calico-two-nodes"))
        let all = CheckContext(dataplane)
        let limit = all.survey.connections.count / 2
        let some = CheckContext(dataplane, connectionLimit: limit)
        let sample = try #require(some.sample)
        #expect(some.survey.connections.count == limit)
        #expect(sample.planned == all.survey.connections.count && sample.chosen == limit)
        #expect(sample.description.hasPrefix("\(limit) of \(sample.planned) connections were walked"))
        let services = Set(all.survey.connections.compactMap(\.service))
        #expect(Set(some.survey.connections.compactMap(\.service)) == services)
        let nodes = Set(all.survey.connections.map(\.flow.node))
        #expect(Set(some.survey.connections.map(\.flow.node)) == nodes)
        // Chosen connections are connections of the plan, in its order, each once.
        let (whole, part) = (Self.flows(all), Self.flows(some))
        #expect(Set(part).count == part.count)
        #expect(part == whole.filter(Set(part).contains))
    }

    /// One Service that one node's rules do not know is walked, however few connections are.
    @Test func whatTheRulesDoNotDoIsWalkedFirst() throws {
        var snapshot = Self.snapshot("bridge-nf-on")
        let nodes = snapshot.nodes.map(\.name)
        let node = try #require(nodes.last)
        let index = try #require(snapshot.nodes.firstIndex { $0.name == node })
        let rules = try #require(snapshot.nodes[index].host.ruleSets.first { !$0.rules.isEmpty })
        let line = try #require(
            rules.rules.first { rule in
                let text = rules.string(rule.text)
                return text.contains("KUBE-SVC-") && text.contains("-A KUBE-SERVICES")
            }?.line)
        try snapshot.apply(.deleteRule(node: node, .init(rules.artifact, line: line)))
        let context = CheckContext(Dataplane(compiling: snapshot), connectionLimit: 8)
        let sample = try #require(context.sample)
        #expect(sample.doubted > 0)
        let lost = context.survey.lost.filter { $0.node == node && $0.decision?.cause == .untranslated }
        #expect(!lost.isEmpty)
    }

    /// Without the API's pods, those whose namespaces were collected send.
    @Test func collectedNamespacesSendWherePodsWereNotListed() {
        var snapshot = Self.snapshot("bridge-nf-off")
        let named = snapshot.nodes.flatMap(\.pods).compactMap(\.pod)
        #expect(!named.isEmpty)
        snapshot.objects.pods = []
        let context = CheckContext(Dataplane(compiling: snapshot))
        let senders = context.survey.connections.filter {
            if case .pod = $0.flow.origin { true } else { false }
        }
        #expect(!senders.isEmpty)
    }
}

extension Flow {
    /// The node it begins on, or enters by.
    fileprivate var node: String {
        switch origin {
        case .host(let node), .pod(let node, _, _), .outside(_, let node): node
        }
    }
}
