import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@Suite struct KubernetesYAMLTests {
    private func parse(_ text: String) -> ParsedObjects { KubernetesParserTests.parse(text, isYAML: true) }
    private func line(_ number: UInt32) -> SourceLine { KubernetesParserTests.line(number) }

    @Test func objectsKeepTheirLines() throws {
        let parsed = parse(
            """
            # made by hand
            apiVersion: v1
            kind: List
            items:
            - apiVersion: v1
              kind: Service
              metadata:
                name: api
                namespace: shop
                labels: {app: api, "version": "1"}
              spec:
                clusterIP: 10.96.0.9
                ports:
                - name: http
                  port: 80
                  targetPort: web
                - port: 0x50
                selector: null
                publishNotReadyAddresses: true
            - kind: Service
              apiVersion: v1
              metadata: {name: dns, namespace: kube-system}
              spec:
                clusterIP: fd00::a
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: kube-proxy
              namespace: kube-system
            data:
              config.conf: |
                mode: ipvs
                clusterCIDR: ""
            ---
            ---
            kind: Namespace
            metadata: {name: shop}
            """)
        #expect(parsed.count == 4 && parsed.lines == 38)
        #expect(parsed.objects.services.map(\.source) == [line(20), line(5)])
        let api = try #require(parsed.objects.services.last)
        #expect(api.name == NamespacedName("shop", "api") && api.publishNotReadyAddresses)
        #expect(api.labels == ["app": "api", "version": "1"])
        #expect(api.clusterIPs.map(\.description) == ["10.96.0.9"])
        #expect(api.ports.map(\.port) == [80] && api.ports[0].targetPort == .name("web"))
        #expect(parsed.objects.services[0].clusterIPs.map(\.description) == ["fd00::a"])
        #expect(parsed.objects.configMaps.map(\.source) == [line(26)])
        #expect(parsed.objects.configMaps[0].data == ["config.conf": "mode: ipvs\nclusterCIDR: \"\"\n"])
        #expect(parsed.objects.namespaces.map(\.source) == [line(37)])
        #expect(parsed.unread.map(\.source.line) == [17, 17])
        #expect(parsed.unread.first?.text == "- port: 0x50")
    }

    @Test func aBrokenDocumentLeavesTheOthers() {
        let parsed = parse(
            "kind: Namespace\nmetadata: {name: a}\n---\nkind: [\nx: }\n---\nkind: Namespace\nmetadata: {name: b}\n")
        #expect(parsed.objects.namespaces.map(\.name) == ["a", "b"])
        #expect(parsed.unread.count == 1)
        #expect(parsed.unread.allSatisfy { (4...6).contains($0.source.line) && $0.reason.hasPrefix("not YAML") })
    }

    @Test func yamlThatIsJSONIsReadAsJSON() {
        let parsed = parse(KubernetesParserTests.serviceJSON)
        #expect(parsed.objects.services.count == 1 && parsed.unread == [])
    }

    @Test func aliasesAndMerges() {
        let parsed = parse(
            """
            kind: List
            items:
            - kind: Service
              metadata: &meta {name: a, namespace: n, labels: &labels {x: "1"}}
            - kind: Service
              metadata:
                <<: *meta
                name: b
            - kind: Service
              metadata: {name: c, namespace: n, labels: *labels}
            """)
        #expect(parsed.unread == [])
        #expect(parsed.objects.services.map(\.name) == ["a", "b", "c"].map { NamespacedName("n", $0) })
        #expect(parsed.objects.services.allSatisfy { $0.labels == ["x": "1"] })
        #expect(parsed.objects.services.map(\.source.line) == [3, 5, 9])
    }

    @Test func aliasBombsAreRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for i in 1..<30 {
            let aliases = Array(repeating: "*a\(i - 1)", count: 9).joined(separator: ", ")
            text += "a\(i): &a\(i) [\(aliases)]\n"
        }
        let values = parse(text + "kind: Namespace\nmetadata: {name: n}\n")
        #expect(values.unread.count == 1 && values.objects.namespaces.isEmpty)
        for key in ["*a29 : 1\n", "? *a29\n: 1\n", "? [*a29]\n: 1\n", "m: {[*a29]: 1}\n", "? - *a29\n: 1\n"] {
            #expect(parse(text + key + "---\nkind: Namespace\nmetadata: {name: n}\n").objects.namespaces.count == 1)
        }
    }

    @Test func deepNestingIsRefused() {
        for depth in [600, 5000, 200_000] {
            let flow = String(repeating: "[", count: depth)
            #expect(parse(flow).unread.count == 1)
            #expect(parse(flow + String(repeating: "]", count: depth)).unread.count == 1)
            #expect(parse(String(repeating: "- ", count: depth) + "x").unread.count == 1)
        }
    }

    @Test(arguments: [21, 22] as [UInt64])
    func survivesRandomText(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let parts = [
            "kind: Service", "\n", "  ", "- ", "metadata:", "name: a", "---", "{", "}", "[", "]", ": ", "&a ", "*a",
            "? ", "|", ">", "\"", "'", "#", "\u{0}", "<<: ", "80", "\t",
        ]
        for _ in 0..<2000 {
            let count = Int.random(in: 0...30, using: &random)
            let text = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            let parsed = parse(text)
            #expect(
                parsed.unread.allSatisfy { Int($0.source.line) <= max(1, parsed.lines + 1) },
                "seed \(seed): \(text.debugDescription)")
        }
    }
}
