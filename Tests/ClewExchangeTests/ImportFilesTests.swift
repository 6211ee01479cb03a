import ClewBundle
import Foundation
import Testing

import ClewExchange

@Suite("Import of files by their names and of API objects")
struct ImportFilesTests {
    private func imported(
        _ files: [(String, String)], folder: String? = nil, problems: [BundleProblem] = []
    ) -> (files: [String: String], notUnderstood: [String]) {
        let bundle = SupportBundle(
            name: "x", artifacts: files.map { Artifact(path: $0.0, bytes: Array($0.1.utf8)) }, problems: problems,
            folder: folder)
        let imported = ForeignImport(bundle, nodeName: nil)
        let all = imported.bundle(named: "y").artifacts.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
        return (Dictionary(uniqueKeysWithValues: all), imported.notUnderstood)
    }

    private static let route = "default via 192.168.1.1 dev eth0\n"
    private static let address = "1: lo: <LOOPBACK,UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n"

    @Test("Host collectors of troubleshoot: the file that names the command is not its output")
    func hostCollectors() {
        let (files, notUnderstood) = imported([
            ("host-collectors/run-host/ip-route-table.txt", Self.route),
            ("host-collectors/run-host/ip-route-table-info.json", #"{"command":"/usr/sbin/ip route","exitCode":"0"}"#),
            ("host-collectors/run-host/addresses.txt", Self.address),
            ("host-collectors/run-host/addresses-info.json", #"{"command":"/usr/sbin/ip address show"}"#),
            ("host-collectors/run-host/sysctl-a.txt", "net.ipv4.ip_forward = 0\n"),
            ("host-collectors/run-host/sysctl-a-info.json", #"{"command":"sysctl -a"}"#),
        ])
        #expect(
            files == [
                "nodes/node/ip-route.txt": Self.route, "nodes/node/ip-addr.txt": Self.address,
                "nodes/node/sysctl.txt": "net.ipv4.ip_forward = 0\n",
            ])
        #expect(notUnderstood.count == 3 && notUnderstood.allSatisfy { $0.contains("-info.json: says which command") })
    }

    private func secret(_ name: String) -> String {
        #"{"apiVersion":"v1","data":{"p":"SEKRET"},"kind":"Secret","metadata":{"name":"\#(name)"}}"#
    }

    /// Services, some thousand bytes each, so that neither end of the file says that there is a Secret.
    private func services(_ numbers: Range<Int>) -> [String] {
        numbers.map {
            #"{"kind":"Service","apiVersion":"v1","metadata":{"name":"s\#($0)","annotations":{"a":"\#(String(repeating: "y", count: 500))"}}}"#
        }
    }

    private func names(_ text: String?) throws -> [String] {
        let object = try JSONSerialization.jsonObject(with: Data((text ?? "").utf8)) as? [String: Any]
        let items = object?["items"] as? [[String: Any]] ?? []
        return items.map { ($0["metadata"] as? [String: Any])?["name"] as? String ?? "?" }
    }

    @Test(
        "Secrets are taken out of lists in JSON, wherever they stand, and all else is kept", arguments: [", ", ",\n  "])
    func secretsInJSON(separator: String) throws {
        let orders: [[String]] = [
            services(0..<20) + [secret("a")] + services(20..<40), [secret("a")] + services(0..<2),
            services(0..<2) + [secret("a")],
            [secret("a"), secret("b")] + services(0..<1) + [secret("c"), secret("d")],
        ]
        for items in orders {
            let list = #"{"apiVersion":"v1","items":["# + items.joined(separator: separator) + #"],"kind":"List"}"#
            let (files, notUnderstood) = imported([("all.json", list)])
            let text = files["cluster/all.json"]
            #expect(try names(text) == (0..<items.count { $0.contains("Service") }).map { "s\($0)" })
            #expect(text?.contains("SEKRET") == false)
            let count = items.count { $0.contains("SEKRET") }
            #expect(
                notUnderstood == ["all.json: \(count) \(count == 1 ? "Secret is" : "Secrets are") not taken"])
        }
        let reference = #"{"apiVersion":"v1","kind":"Gateway","spec":{"refs":[{"kind":"Secret","name":"x"}]}}"#
        #expect(imported([("g.json", reference)]).files["cluster/g.json"] == reference)
        let nested = #"{"apiVersion":"v1","kind":"X","a":"# + secret("n") + #","b":1}"#
        #expect(
            imported([("n.json", nested)]).files["cluster/n.json"] == #"{"apiVersion":"v1","kind":"X","a":null,"b":1}"#)
        let all = imported([
            ("list.json", #"{"kind":"SecretList","apiVersion":"v1","items":[{"data":{"p":"SEKRET"}}]}"#)
        ])
        #expect(all.files.isEmpty && all.notUnderstood == ["list.json: Secrets are not taken"])
    }

    @Test("No Secret's data is left where a list is cut off")
    func secretsCutOff() {
        let list = #"{"apiVersion":"v1","kind":"List","items":["# + services(0..<1)[0] + "," + secret("a") + "]}"
        let yaml =
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s\n"
            + "- apiVersion: v1\n  data:\n    p: SEKRET\n  kind: Secret\n  metadata:\n    name: x\n"
        for text in [list, yaml] {
            for count in 0...text.utf8.count {
                guard let clean = SecretFilter.filtered(Array(text.utf8.prefix(count))) else { continue }
                #expect(!String(decoding: clean.bytes, as: UTF8.self).contains("SEKRET"), "cut at \(count)")
            }
        }
    }

    @Test("Secrets are taken out of lists and documents in YAML", arguments: ["", "  "])
    func secretsInYAML(indentation: String) {
        let service = "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s\n"
        let hidden = "- apiVersion: v1\n  data:\n    p: SEKRET\n\n  kind: Secret\n  metadata:\n    name: x\n"
        let first = "- kind: \"Secret\"\n  metadata:\n    name: y\n  stringData:\n    p: |\n      SEKRET\n"
        let indented = { (text: String) in
            text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : indentation + $0 }
                .joined(separator: "\n")
        }
        let head = "apiVersion: v1\nkind: List\nitems:\n"
        let list = head + indented(service + hidden + service + first + service)
        let (files, notUnderstood) = imported([("all.yaml", list)])
        #expect(files["cluster/all.yaml"] == head + indented(service + service + service))
        #expect(notUnderstood == ["all.yaml: 2 Secrets are not taken"])
        let documents =
            "apiVersion: v1\nkind: Service\n---\napiVersion: v1\ndata:\n  p: SEKRET\nkind: Secret\n---\nkind: Pod\n"
            + "apiVersion: v1\nspec:\n  refs:\n  - kind: Secret\n    name: x\n"
        let parts = imported([("parts.yaml", documents)])
        #expect(parts.files["cluster/parts.yaml"]?.contains("SEKRET") == false)
        #expect(parts.files["cluster/parts.yaml"]?.contains("  - kind: Secret\n    name: x\n") == true)
        let braces = imported([("b.yaml", head + "- {apiVersion: v1, kind: Secret, data: {p: SEKRET}}\n")])
        #expect(braces.files.isEmpty && braces.notUnderstood.count == 1)
        let there = imported([("cluster/all.yaml", list), ("nodes/a/ip-route.txt", Self.route)])
        #expect(there.files["cluster/all.yaml"]?.contains("SEKRET") == false)
    }

    @Test("The node's name in names of files of one folder, in front or behind")
    func nodesInNames() {
        let (files, notUnderstood) = imported(
            [
                ("worker-a-ip-route.txt", Self.route), ("worker-b-ip-route.txt", Self.route),
                ("worker-a.ip-addr.txt", Self.address), ("worker-b.ip-addr.txt", Self.address),
                ("worker-a_sysctl.txt", "net.ipv4.ip_forward = 1\n"),
            ], folder: "all")
        #expect(
            Set(files.keys) == [
                "nodes/worker-a/ip-route.txt", "nodes/worker-b/ip-route.txt", "nodes/worker-a/ip-addr.txt",
                "nodes/worker-b/ip-addr.txt", "nodes/worker-a/sysctl.txt",
            ])
        #expect(notUnderstood.isEmpty)
        for (one, other) in [
            ("ip-route-n1.txt", "ip-route-n2.txt"), ("iptables-save.n1", "iptables-save.n2"),
            ("n1_rules.txt", "n2_rules.txt"),
            ("rules-n1", "rules-n2"), ("d/n1 ip r.log", "d/n2 ip r.log"), ("ip_route_n1.txt", "ip_route_n2.txt"),
        ] {
            let text =
                one.contains("ip-r") || one.contains("ip_r") || one.contains("ip r") ? Self.route : "*filter\nCOMMIT\n"
            let (files, _) = imported([(one, text), (other, text + "#\n")], folder: "all")
            #expect(Set(files.keys.map { $0.split(separator: "/")[1] }) == ["n1", "n2"], "\(one)")
        }
        for (one, other) in [
            ("ip_addr_show_eth0", "ip_addr_show_eth1"), ("ip-addr-1.txt", "ip-addr-2.txt"),
            ("ip-addr-before.txt", "ip-addr-after.txt"), ("ip_addr", "ip_-s_addr"), ("ip-addr.txt", "ip-addr-d.txt"),
        ] {
            let (files, _) = imported([(one, Self.address), (other, Self.address)], folder: "all")
            #expect(files.keys.allSatisfy { $0 == "nodes/all/ip-addr.txt" }, "\(one)")
        }
    }

    @Test("API objects are told by their content, in files of any name and in what kubectl printed")
    func objectsByContent() {
        let pods = #"{"apiVersion": "v1", "kind": "PodList", "items": []}"#
        let dump =
            "{\n    \"kind\": \"NodeList\",\n    \"apiVersion\": \"v1\",\n    \"items\": []\n}\n"
            + "==== START logs for container web of pod default/web-0 ====\nline {\n{\"level\":\"info\"}\n"
            + "==== END logs for container web of pod default/web-0 ====\n"
            + "{\n    \"kind\": \"PodList\",\n    \"apiVersion\": \"v1\",\n    \"items\": []\n}\n"
        let yaml = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
        let session =
            "root@a:~# kubectl get svc -o yaml\n\(yaml)root@a:~# kubectl get pods -o json\n\(pods)\n"
            + "root@a:~# kubectl get secret t -o yaml\napiVersion: v1\ndata:\n  p: SEKRET\nkind: Secret\n"
            + "root@a:~# cat pod.yaml\n\(yaml)root@a:~# ip route\n\(Self.route)"
        let (files, notUnderstood) = imported([
            ("pods.txt", pods), ("pods", pods), ("dump.txt", dump), ("svc.out", "---\n" + yaml),
            ("session.log", session),
            ("log.txt", "{\"level\":\"info\"}\n"),
        ])
        #expect(
            Set(files.keys) == [
                "cluster/pods.txt.json", "cluster/pods.json", "cluster/dump.txt.json", "cluster/svc.out.yaml",
                "cluster/session.log.yaml", "cluster/session.log.json", "nodes/a/ip-route.txt",
            ])
        #expect(files["cluster/dump.txt.json"]?.contains("logs") == false)
        #expect(files["cluster/session.log.yaml"] == yaml)
        #expect(
            Set(notUnderstood) == [
                "dump.txt: 4 lines beside the API objects",
                "session.log: kubectl get secret t -o yaml: Secrets are not taken",
                "session.log: cat pod.yaml", "log.txt",
            ])
    }

    @Test("What the reader left out, text in front of the first prompt and empty answers are listed")
    func leftOut() {
        let session = "Hello,\n\nthis is my node:\n$ conntrack -L\n$ ip route\n" + Self.route
        let (_, notUnderstood) = imported(
            [("paste.txt", session)], problems: [BundleProblem(path: "link", reason: "a symbolic link")])
        #expect(
            notUnderstood == [
                "paste.txt: 2 lines before the first prompt", "paste.txt: conntrack -L: printed nothing",
                "link: a symbolic link",
            ])
    }
}
