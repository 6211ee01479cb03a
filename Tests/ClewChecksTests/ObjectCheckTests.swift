import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewIntent
import ClewSnapshot
import ClewTestSupport
import Testing

/// Checks of API objects: a case that fires and a near miss for each.
@Suite struct ObjectCheckTests {
    private static let objects = "cluster/objects.yaml"
    private static let example = EditableBundle.example("bridge-nf-on")

    private static func edited(_ change: @Sendable (inout EditableBundle) -> Void) -> ClusterSnapshot {
        var bundle = example
        change(&bundle)
        return bundle.snapshot
    }

    private static func fires(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .fires, title) { edited(change) } }

    private static func isQuiet(
        _ code: String, _ title: String, _ change: @escaping @Sendable (inout EditableBundle) -> Void
    ) -> RowCase { RowCase(code, .isQuiet, title) { edited(change) } }

    /// A Service of namespace `shop`; lines of `spec`, and what stands behind it.
    private static func service(_ name: String, _ spec: String, labels: String = "", status: String = "") -> String {
        func indented(_ text: String) -> String {
            text.split(separator: "\n").map { "    \($0)\n" }.joined()
        }
        return "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: \(name)\n    namespace: shop\n"
            + (labels.isEmpty ? "" : "    labels:\n      \(labels)\n") + "  spec:\n" + indented(spec)
            + (status.isEmpty ? "" : "  status:\n" + indented(status))
    }

    private static func slice(
        _ name: String, of service: String?, address: String, port: Int = 8080, portName: String = "http",
        pod: String? = nil, type: String = "IPv4"
    ) -> String {
        "- addressType: \(type)\n  apiVersion: discovery.k8s.io/v1\n  endpoints:\n  - addresses:\n    - \"\(address)\"\n"
            + "    conditions:\n      ready: true\n    nodeName: worker-a\n"
            + (pod.map { "    targetRef:\n      kind: Pod\n      name: \($0)\n      namespace: shop\n" } ?? "")
            + "  kind: EndpointSlice\n  metadata:\n    name: \(name)\n    namespace: shop\n"
            + (service.map { "    labels:\n      kubernetes.io/service-name: \($0)\n" } ?? "")
            + "  ports:\n  - name: \(portName)\n    port: \(port)\n    protocol: TCP\n"
    }

    private static let clusterIP =
        "clusterIP: 10.96.0.50\nclusterIPs: [10.96.0.50]\nports:\n- name: http\n  port: 80\n  protocol: TCP\n"

    private static func hostPort(_ pod: String, _ port: Int) -> String {
        """
        - apiVersion: v1
          kind: Pod
          metadata:
            name: \(pod)
            namespace: shop
          spec:
            nodeName: worker-b
            containers:
            - name: c
              ports:
              - containerPort: 80
                hostPort: \(port)
          status:
            phase: Running
        """
    }

    static let endpoints: [RowCase] = [
        fires("OBJ001", "no slice names the pods") {
            $0.replace("kubernetes.io/service-name: api", with: "kubernetes.io/service-name: other", in: objects)
        },
        isQuiet("OBJ001", "the example as it is") { _ in },
        fires("OBJ002", "a letter too many") {
            $0.replace("    selector:\n      app: api\n", with: "    selector:\n      app: apis\n", in: objects)
            $0.replace("kubernetes.io/service-name: api", with: "kubernetes.io/service-name: other", in: objects)
        },
        isQuiet("OBJ002", "the selector is right") { _ in },
        fires("OBJ003", "the only pod is not ready") {
            $0.replace(
                "    conditions:\n    - status: \"True\"\n      type: Ready\n    hostIP: 192.168.50.11\n    phase: Running\n    podIP: 10.244.1.6",
                with:
                    "    conditions:\n    - status: \"False\"\n      type: Ready\n    hostIP: 192.168.50.11\n    phase: Running\n    podIP: 10.244.1.6",
                in: objects)
        },
        isQuiet("OBJ003", "it is ready") { _ in },
        fires("OBJ005", "the name is of no port") {
            $0.replace("targetPort: 8080", with: "targetPort: web", in: objects)
        },
        isQuiet("OBJ005", "the number needs no name") { _ in },
        fires("OBJ006", "two numbers for one name") {
            $0.insertObject(slice("api-2", of: "api", address: "10.244.2.7", port: 9090))
        },
        isQuiet("OBJ006", "one number") { $0.insertObject(slice("api-2", of: "api", address: "10.244.2.7")) },
        fires("OBJ009", "an endpoint is the node's loopback") {
            $0.insertObject(service("db", clusterIP))
            $0.insertObject(slice("db-1", of: "db", address: "127.0.0.1"))
        },
        fires("OBJ009", "the port has another name") {
            $0.insertObject(service("db", clusterIP))
            $0.insertObject(slice("db-1", of: "db", address: "192.0.2.7", portName: "sql"))
        },
        isQuiet("OBJ009", "a database elsewhere") {
            $0.insertObject(service("db", clusterIP))
            $0.insertObject(slice("db-1", of: "db", address: "192.0.2.7"))
        },
        fires("OBJ010", "a slice without a label") { $0.insertObject(slice("db-1", of: nil, address: "192.0.2.7")) },
        isQuiet("OBJ010", "a slice with one") { $0.insertObject(slice("db-1", of: "db", address: "192.0.2.7")) },
        fires("OBJ011", "the pod is gone") {
            $0.insertObject(slice("api-2", of: "api", address: "10.244.2.77", pod: "api-9"))
        },
        isQuiet("OBJ011", "an endpoint that is no pod") {
            $0.insertObject(slice("api-2", of: "api", address: "10.244.2.77"))
        },
        fires("OBJ027", "IPv6 for the Service alone") {
            $0.insertObject(
                service(
                    "two",
                    "clusterIP: 10.96.0.51\nclusterIPs: [10.96.0.51, \"fd00:96::51\"]\nselector:\n  app: api\n"
                        + "ports:\n- name: http\n  port: 80\n"))
            $0.insertObject(slice("two-1", of: "two", address: "10.244.1.6", pod: "api-0"))
        },
        isQuiet("OBJ027", "endpoints of both") {
            $0.insertObject(
                service(
                    "two",
                    "clusterIP: 10.96.0.51\nclusterIPs: [10.96.0.51, \"fd00:96::51\"]\nselector:\n  app: api\n"
                        + "ports:\n- name: http\n  port: 80\n"))
            $0.insertObject(slice("two-1", of: "two", address: "10.244.1.6"))
            $0.insertObject(slice("two-2", of: "two", address: "fd00:244:1::6", type: "IPv6"))
        },
    ]

    private static let sockets = "nodes/worker-a/netns/cni-b81754aa/ss-listen.txt"

    static let listeners: [RowCase] = [
        fires("OBJ004", "another port") { bundle in moveSockets(&bundle, ":8080", ":8081") },
        isQuiet("OBJ004", "the port that is meant") { _ in },
        fires("OBJ008", "the loopback only") { bundle in
            moveSockets(&bundle, "0.0.0.0:8080", "127.0.0.1:8080")
            moveSockets(&bundle, "*:8080", "127.0.0.1:8080")
        },
        isQuiet("OBJ008", "all addresses") { _ in },
        fires("OBJ007", "udp") { bundle in moveSockets(&bundle, "tcp", "udp") },
        isQuiet("OBJ007", "tcp") { _ in },
    ]

    /// Changes what the pods of worker-a listen on.
    private static func moveSockets(_ bundle: inout EditableBundle, _ old: String, _ new: String) {
        for path in bundle.paths where path.hasPrefix("nodes/worker-a/netns/") && path.hasSuffix("ss-listen.txt") {
            bundle[path] = bundle[path]?.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.contains(":8080") ? String(line).replacing(old, with: new) : String(line)
            }.joined(separator: "\n")
        }
    }

    static let exposed: [RowCase] = [
        fires("OBJ016", "worker-b has none") {
            $0.insertNodePort()
            $0.replace(
                "    internalTrafficPolicy: Cluster",
                with: "    externalTrafficPolicy: Local\n    internalTrafficPolicy: Cluster", in: objects)
        },
        isQuiet("OBJ016", "policy Cluster") { $0.insertNodePort() },
        fires("OBJ017", "worker-b has none") {
            $0.replace("    internalTrafficPolicy: Cluster", with: "    internalTrafficPolicy: Local", in: objects)
        },
        isQuiet("OBJ017", "policy Cluster") { _ in },
        fires("OBJ018", "a NodePort with policy Cluster") { $0.insertNodePort() },
        isQuiet("OBJ018", "a ClusterIP") { _ in },
        fires("OBJ020", "no address") { $0.insertObject(service("lb", clusterIP + "type: LoadBalancer\n")) },
        isQuiet("OBJ020", "an address") {
            $0.insertObject(
                service(
                    "lb", clusterIP + "type: LoadBalancer\n", status: "loadBalancer:\n  ingress:\n  - ip: 192.0.2.80\n")
            )
        },
        fires("OBJ021", "one network only") {
            $0.insertObject(
                service("lb", clusterIP + "type: LoadBalancer\nloadBalancerSourceRanges: [\"203.0.113.0/24\"]\n"))
        },
        isQuiet("OBJ021", "everybody") { $0.insertObject(service("lb", clusterIP + "type: LoadBalancer\n")) },
        fires("OBJ023", "an address for a name") {
            $0.insertObject(service("db", "type: ExternalName\nexternalName: 192.0.2.7\n"))
        },
        isQuiet("OBJ023", "a name") {
            $0.insertObject(service("db", "type: ExternalName\nexternalName: db.example.com\n"))
        },
        fires("OBJ024", "a node's address") {
            $0.insertObject(service("ext", clusterIP + "externalIPs: [192.168.50.12]\n"))
        },
        isQuiet("OBJ024", "nobody's address") {
            $0.insertObject(service("ext", clusterIP + "externalIPs: [192.0.2.12]\n"))
        },
        fires("OBJ026", "two pods, one port") {
            $0.insertObject(hostPort("one", 8443))
            $0.insertObject(hostPort("two", 8443))
        },
        isQuiet("OBJ026", "two ports") {
            $0.insertObject(hostPort("one", 8443))
            $0.insertObject(hostPort("two", 8444))
        },
        fires("OBJ033", "another proxy's") {
            $0.insertObject(service("own", clusterIP, labels: "service.kubernetes.io/service-proxy-name: cilium"))
        },
        isQuiet("OBJ033", "another label") { $0.insertObject(service("own", clusterIP, labels: "team: shop")) },
    ]

    @Test(arguments: endpoints + listeners + exposed)
    func aCheckFiresOrIsQuiet(_ rowCase: RowCase) throws { try rowCase.verify() }

    @Test(arguments: listeners.filter { ["OBJ004", "OBJ008"].contains($0.code) && $0.expectation == .fires })
    func aProgramThatListensMendsIt(_ rowCase: RowCase) throws {
        let run = CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: try rowCase.snapshot())))
        let finding = try #require(run.findings.first { $0.check.code == rowCase.code })
        let fix = try #require(finding.fixes.first { $0.title.contains("let the program listen") })
        guard case .proven(let change) = fix.proof else {
            Issue.record("\(fix.proof)")
            return
        }
        #expect(change.repaired.count == finding.affected?.count)
    }

    @Test func slicesWrittenByHandMendWhatNoControllerWrites() throws {
        let bare = Self.edited {
            $0.replace("kubernetes.io/service-name: api", with: "kubernetes.io/service-name: other", in: Self.objects)
        }
        // As kube-proxy does, all refuse the Service now.
        let snapshot = try bare.applying(
            bare.nodes.map { node in
                let others = bare.nodes.filter { $0.name != node.name }
                let found = InferredParameters(of: node, in: bare.objects, otherNodes: others)
                return .rewriteProxyRules(node: node.name, found.parameters)
            })
        let run = CheckRun(CheckCatalogue.all, in: CheckContext(Dataplane(compiling: snapshot)))
        let finding = try #require(run.findings.first { $0.check.code == "OBJ001" })
        let fix = try #require(finding.fixes.first)
        guard case .proven(let change) = fix.proof else {
            Issue.record("\(fix.proof)")
            return
        }
        #expect(!change.repaired.isEmpty)
        let command = try #require(fix.commands.first?.command)
        #expect(command.contains("\"kubernetes.io/service-name\":\"api\""))
    }

    @Test func everyCheckHasBothCases() {
        let checks = CheckCatalogue.all.filter { type(of: $0).metadata.group == .objects }
        RowCase.verifyPairs(Self.endpoints + Self.listeners + Self.exposed, checks)
    }
}
