import ClewBundle
import ClewCollector
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation
import Testing

/// `clew bundle redact`: nothing of the original is left, and the verdicts are the same.
@Suite(.serialized, .timeLimit(.minutes(25))) struct RedactTests {
    /// Redacts, compares, and looks for what is left.
    private func holds(_ path: String, _ location: SourceLocation = #_sourceLocation) throws {
        let folder = try TemporaryFolder()
        let (archive, map) = (folder.path + "/redacted.tar", folder.path + "/mapping")
        let run = try Command.run(["bundle", "redact", path, archive, "--mapping", map])
        #expect(run.code == 0, "\(path): \(run.error)", sourceLocation: location)
        #expect(!run.error.contains("differs"), "\(path): \(run.error)", sourceLocation: location)
        let mapping = Mapping(try String(contentsOfFile: map, encoding: .utf8))
        #expect(mapping.pairs.count > 20)
        let original = ClusterSnapshot(parsing: SharedData.bundle(path), nodeName: nil)
        let questions = Verdicts.questions(original)
        let before = try Verdicts(of: path, asking: questions)
        let after = try Verdicts(
            of: archive,
            asking: questions.map { .init(from: mapping.renamed($0.from), to: mapping.renamed($0.to)) })
        #expect(before.differences(from: after, asking: questions) == [], "\(path)", sourceLocation: location)
        #expect(Set(before.traces.values.map { $0.first ?? "" }).count > 1, "\(path): a grid that says one thing only")
        try nothingIsLeft(mapping, original, in: archive, location)
    }

    /// Every original name and address, in every form that could give it away.
    private func nothingIsLeft(
        _ mapping: Mapping, _ original: ClusterSnapshot, in archive: String, _ location: SourceLocation
    ) throws {
        let bundle = try BundleReader.read(path: archive)
        var runs: Set<String> = []
        var text = ""
        for artifact in bundle.artifacts {
            text += artifact.path + "\n" + String(decoding: artifact.bytes, as: UTF8.self).lowercased() + "\n"
        }
        // Words between anything that is neither letter nor digit, and pairs of them, as `web-0` is one.
        for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber && !".-_:".contains($0) }) {
            runs.insert(String(word))
            for part in word.split(whereSeparator: { ".:_".contains($0) }) { runs.insert(String(part)) }
            for part in word.split(separator: "-") { runs.insert(String(part)) }
        }
        var forms: [(String, String)] = []
        var names = Set(mapping.pairs.filter { ["name", "device", "rules"].contains($0.kind) }.map(\.original))
        // Names that the mapping may not know, and hashes that are made of names.
        names.formUnion(original.objects.pods.map(\.name.name))
        names.formUnion(original.objects.services.map(\.name.name).filter { !["kubernetes", "kube-dns"].contains($0) })
        names.formUnion(original.nodes.map(\.name))
        // Words of the formats: that these are left where the format means them, and nowhere as a name, is what
        // RedactionProofTests shows.
        let words = [
            "invalid", "ingress", "router", "local", "legacy", "tool", "name", "node", "pod", "port", "service", "type",
            "status", "app", "default",
        ]
        for name in names where name.count > 2 && !words.contains(name) {
            let bytes = Array(name.utf8)
            forms.append((name, name.lowercased()))
            forms.append((name, String(name.lowercased().reversed())))
            forms.append((name, bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()))
            let base64 = Data(bytes).base64EncodedString().lowercased().filter { $0 != "=" }
            if base64.count > 5 { forms.append((name, base64)) }
        }
        for pair in mapping.pairs where pair.kind == "address" || pair.kind == "MAC" {
            forms.append((pair.original, pair.original))
            forms.append((pair.original, String(pair.original.reversed())))
            let parts = pair.original.split(separator: ".").compactMap { UInt8($0) }
            guard parts.count == 4 else { continue }
            let hex = parts.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            forms.append((pair.original, hex.joined()))
            forms.append((pair.original, hex.reversed().joined()))
            forms.append((pair.original, "::ffff:" + pair.original))
            forms.append((pair.original, "::ffff:\(hex[0])\(hex[1]):\(hex[2])\(hex[3])"))
            forms.append((pair.original, parts.map(String.init).joined(separator: "-")))
            forms.append((pair.original, Data(pair.original.utf8).base64EncodedString().lowercased()))
        }
        let left = forms.filter { runs.contains($0.1) }.map { "\($0.0) as \($0.1)" }
        #expect(left == [], "\(archive)", sourceLocation: location)
    }

    @Test(arguments: ["bridge-nf-off", "bridge-nf-on", "calico-two-nodes", "flannel-forward-drop", "ipvs-cluster-cidr"])
    func ofTheExamples(name: String) throws { try holds(SharedData.packageRoot + "/Examples/" + name) }

    @Test(arguments: [
        "k-dualstack--iptables-nft", "x1-stale-endpoints--iptables-nft", "x4-flushed-service-chain--iptables-nft",
        "x6-nft-element-missing--nftables", "z-mixed--iptables-legacy", "z-mixed--nftables",
    ])
    func ofRecordedNodes(name: String) throws {
        let folders = SharedData.folders("kube-proxy", for: "redaction of recorded nodes")
        guard let folder = folders.first(where: { $0.hasSuffix("/" + name) }) else { return }
        try holds(folder)
    }

    @Test(arguments: ["bridge-vxlan", "routed", "bridge-hostgw-dual"])
    func ofLabs(network: String) throws {
        guard LabScript.isAble("python3", "ip") else { return }
        let folder = try TemporaryFolder()
        let name = "redact-\(getpid())-\(network)"
        let output = try LabScript.run(
            """
            \(LabScript.program) up \(network) --name \(name) >/dev/null || exit
            \(LabScript.program) bundle \(folder.path)/bundle --name \(name) >/dev/null && echo collected
            \(LabScript.program) down --name \(name)
            """, in: folder, seconds: 120)
        #expect(output.contains("collected"), "\(output)")
        try holds(folder.path + "/bundle")
    }

    /// A bundle with everything in it that names are hidden in.
    @Test func namesInEveryKindOfFile() throws {
        let folder = try TemporaryFolder()
        let root = folder.path + "/bundle"
        try folder.write(
            "bundle/cluster/all.yaml",
            """
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Node, metadata: {name: berlin-7.acme.example, labels: {team.acme.example/owner: falcon}},
               spec: {podCIDR: 10.32.4.0/24}, status: {addresses: [{type: InternalIP, address: 10.9.8.7}]}}
            - {apiVersion: v1, kind: Pod, metadata: {name: ledger-0, namespace: payroll, uid: 3e9d4f3a-0b1c-4d5e-8f90-123456789abc},
               spec: {nodeName: berlin-7.acme.example, containers: [{image: "registry.acme.example/fin/ledger:4.2",
               env: [{name: PASS, value: hunter2}]}]}, status: {podIP: 10.32.4.9}}
            - {apiVersion: v1, kind: Service, metadata: {name: ledger, namespace: payroll}, spec: {clusterIP: 10.40.0.77,
               clusterIPs: [10.40.0.77], selector: {app: ledger}, ports: [{name: rpc-in, port: 80, targetPort: 8080, protocol: TCP}]}}
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: kube-proxy, namespace: kube-system}, data: {config.conf: "mode: iptables\\nclusterCIDR: 10.32.0.0/14\\nhostnameOverride: berlin-7\\n"}}
            """)
        let chain = "KUBE-SVC-" + "ABCDEFGHIJKLMNOP"
        try folder.write(
            "bundle/nodes/berlin-7.acme.example/iptables-save.txt",
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :ACME-FALCON - [0:0]
            :\(chain) - [0:0]
            -A FORWARD -i acme0 -j ACME-FALCON
            -A ACME-FALCON -s 10.32.0.0/14 -m comment --comment "asked for by Bertha, ticket FALC-9" -j LOG --log-prefix "berlin: "
            -A ACME-FALCON -m iprange --src-range 10.9.8.1-10.9.8.66 -m set --match-set falcon-block src -j DROP
            -A ACME-FALCON -m mac --mac-source 00:16:3e:12:34:56 -j ACCEPT
            COMMIT

            """)
        let node = "bundle/nodes/berlin-7.acme.example/"
        try folder.write(
            node + "ipset-save.txt",
            "create falcon-block hash:net family inet hashsize 1024 maxelem 65536\nadd falcon-block 10.9.8.64/26\n")
        try folder.write(
            node + "journal-services.txt",
            "2026-01-31T09:30:00 berlin-7 kubelet: Bertha said ledger-0.payroll at 10.32.4.9 (ip-10-9-8-7) failed, 0708090A:1F90\n"
        )
        try folder.write(node + "proc-net-tcp.txt", "  0: 0708090A:1F90 00000000:0000 0A\n")
        try folder.write(node + "netns/ledger-0/pod.txt", "payroll/ledger-0\n")
        try folder.write(
            node + "netns/ledger-0/ip-addr.txt",
            "2: eth0@if9: <BROADCAST,UP> mtu 1500\n    link/ether 00:16:3e:12:34:56 brd ff:ff:ff:ff:ff:ff\n    inet 10.32.4.9/24 scope global eth0\n    inet6 2a01:db8:aa::216:3eff:fe12:3456/64 scope global\n"
        )
        try folder.write(
            node + "sysctl.txt",
            "kernel.hostname = berlin-7\nnet.ipv4.conf.acme0.rp_filter = 1\nnet.ipv4.ip_forward = 1\n")
        try folder.write(node + "core.bin", Data([0, 1, 2]))
        let (archive, map) = (folder.path + "/o.tar", folder.path + "/map")
        // One key, lest a pseudonym happens to begin as an address of the original does.
        try folder.write("key", "0123456789abcdef0123456789abcdef")
        let run = try Command.run(
            ["bundle", "redact", root, archive, "--mapping", map, "--key", folder.path + "/key"])
        #expect(run.code == 0, "\(run.error)")
        #expect(run.error.contains("left out: nodes/berlin-7.acme.example/core.bin: it is no text"), "\(run.error)")
        let bundle = try BundleReader.read(path: archive)
        let text = bundle.artifacts.map { $0.path + "\n" + String(decoding: $0.bytes, as: UTF8.self) }.joined()
            .lowercased()
        for word in [
            "berlin", "acme", "ledger", "payroll", "falcon", "falc", "bertha", "hunter2", "rpc-in", "owner", "10.32.4",
            "10.9.8", "10.40", "10-9-8-7", "0708090a", "00:16:3e", "3e12:3456", "2a01:db8", "3e9d4f3a", "registry.acme",
            chain.lowercased(), "fin/", "ticket",
        ] { #expect(!text.contains(word), "\(word) in \(text)") }
        for word in [
            "net.ipv4.ip_forward = 1", "rp_filter = 1", "hash:net family inet", "mode\\\": \\\"iptables",
            "log --log-prefix",
        ] {
            #expect(text.contains(word), "\(word) not in \(text)")
        }
        // What belonged together still does.
        let mapping = Mapping(try String(contentsOfFile: map, encoding: .utf8))
        let pods = ClusterSnapshot(parsing: bundle, nodeName: nil).objects.pods
        #expect(
            pods.first.map { "\($0.name)" }
                == mapping.renamed("pod/payroll/ledger-0").split(separator: "/", maxSplits: 1).last.map(String.init))
        let attributes = try FileManager.default.attributesOfItem(atPath: map)
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
    }

    /// Names that are addresses or numbers are replaced where they are names, and nowhere else.
    @Test func namesThatAreAddressesAndNumbers() throws {
        let folder = try TemporaryFolder()
        let root = folder.path + "/bundle"
        try folder.write(
            "bundle/cluster/all.yaml",
            """
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Node, metadata: {name: 10.9.8.7, labels: {kubernetes.io/hostname: 10.9.8.7,
               topology.kubernetes.io/zone: "3001"}}, status: {addresses: [{type: InternalIP, address: 10.9.8.7}], capacity: {pods: "2001"}}}
            - {apiVersion: v1, kind: Node, metadata: {name: ip-10-9-8-6.acme.internal, labels: {kubernetes.io/hostname: ip-10-9-8-6.acme.internal}},
               status: {addresses: [{type: InternalIP, address: 10.9.8.6}]}}
            - {apiVersion: v1, kind: Pod, metadata: {name: ledger-0, namespace: "471147", labels: {customer: "2001", version: "2001"}},
               spec: {nodeName: 10.9.8.7}, status: {podIP: 10.32.4.9}}
            - {apiVersion: v1, kind: Service, metadata: {name: ledger, namespace: "471147"}, spec: {clusterIP: 10.40.0.77,
               clusterIPs: [10.40.0.77], externalIPs: [203.0.113.7], selector: {customer: "2001"}, ports: [{name: "2001", port: 2001, targetPort: 2001, protocol: TCP}]}}

            """)
        try folder.write(
            "bundle/nodes/10.9.8.7/iptables-save.txt",
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :KUBE-SERVICES - [0:0]
            -A PREROUTING -j KUBE-SERVICES
            -A KUBE-SERVICES -d 10.40.0.77/32 -p tcp -m comment --comment "471147/ledger:2001 has no endpoints" -m tcp --dport 2001 -j REJECT
            -A KUBE-SERVICES -d 203.0.113.0/24 -p tcp -m comment --comment "771177/31:http cluster IP" -m tcp --dport 31 -j RETURN
            -A KUBE-SERVICES -s 2001:db8:7::/48 -m comment --comment "for 471147, 2001 of them" -j RETURN
            COMMIT

            """)
        try folder.write("bundle/nodes/ip-10-9-8-6.acme.internal/sysctl.txt", "net.core.somaxconn = 2001\n")
        try folder.write(
            "bundle/nodes/10.9.8.7/journal-services.txt",
            "21:30 ip-10-9-8-6.acme.internal kubelet: namespace 471147 on 10.9.8.7 and 198.51.100.7\n")
        let (archive, map) = (folder.path + "/o.tar", folder.path + "/map")
        // One key, lest a pseudonym happens to begin as an address of the original does.
        try folder.write("key", "0123456789abcdef0123456789abcdef")
        let run = try Command.run(
            ["bundle", "redact", root, archive, "--mapping", map, "--key", folder.path + "/key"])
        #expect(run.code == 0, "\(run.error)")
        let mapping = Mapping(try String(contentsOfFile: map, encoding: .utf8))
        let bundle = try BundleReader.read(path: archive)
        let text = bundle.artifacts.map { $0.path + "\n" + String(decoding: $0.bytes, as: UTF8.self) }.joined(
            separator: "\n")
        for word in [
            "10.9.8", "10-9-8", "471147", "771177", "3001", "203.0.113", "198.51.100", "2001:db8", "acme", "ledger",
        ] {
            #expect(!text.contains(word), "\(word) in \(text)")
        }
        let node = mapping.renamed("10.9.8.7")
        let other = mapping.renamed("node/ip-10-9-8-6.acme.internal").dropFirst(5)
        let (namespace, service) = (
            mapping.renamed("node/471147").dropFirst(5), mapping.renamed("node/ledger").dropFirst(5)
        )
        let number = mapping.renamed("node/2001").dropFirst(5)
        #expect(node != "10.9.8.7" && number != "2001")
        for words in [
            "nodes/\(node)/iptables-save.txt", "nodes/\(other)/sysctl.txt", "somaxconn = 2001",
            "--comment \"\(namespace)/\(service):\(number) has no endpoints\" -m tcp --dport 2001 -j",
            "--dport 31 -j RETURN", "\"version\": \"2001\"", "\": \"\(number)\",\"version\"",
            "\": \"\(number)\"},\"ports\"", "\"pods\": \"2001\"",
            "\"name\": \"\(number)\",\"port\": 2001,\"targetPort\": 2001", "for \(namespace), \(number) of them",
            "\"kubernetes.io/hostname\": \"\(other)\"", "21:30 \(other) kubelet: namespace \(namespace) on \(node) and",
        ] {
            #expect(text.contains(words), "\(words) not in \(text)")
        }
        let redacted = ClusterSnapshot(parsing: bundle, nodeName: nil)
        #expect(redacted.nodes.map(\.name).sorted() == redacted.objects.nodes.map(\.name).sorted())
        // What stood for the world outside still stands where it stood.
        let outside = redacted.outside
        #expect("\(outside.client(.ipv4))" == mapping.renamed("203.0.113.50"))
        #expect("\(outside.stranger(.ipv4))" == mapping.renamed("198.51.100.7"))
        let prefix = mapping.renamed("203.0.113.7").split(separator: ".").dropLast().joined(separator: ".")
        #expect("\(outside.client(.ipv4))".hasPrefix(prefix + "."))
        // Redacted once more: it is those of the redacted bundle that are taken along.
        let again = try Command.run(["bundle", "redact", archive, folder.path + "/p.tar", "--mapping", map])
        #expect(again.code == 0, "\(again.error)")
        let second = Mapping(try String(contentsOfFile: map, encoding: .utf8))
        let twice = ClusterSnapshot(parsing: try BundleReader.read(path: folder.path + "/p.tar"), nodeName: nil).outside
        #expect("\(twice.client(.ipv4))" == second.renamed("\(outside.client(.ipv4))"))
        #expect(twice.client(.ipv4) != outside.client(.ipv4))
    }

    @Test func aKeyGivesTheSamePseudonymsAndNoneGivesOthers() throws {
        let folder = try TemporaryFolder()
        let example = SharedData.packageRoot + "/Examples/bridge-nf-on"
        func redact(_ name: String, _ options: [String]) throws -> Data {
            let path = folder.path + "/" + name + ".tar"
            let run = try Command.run(["bundle", "redact", example, path] + options)
            #expect(run.code == 0, "\(run.error)")
            let files = try BundleReader.read(path: path).artifacts
            return Data(files.flatMap { Array($0.path.utf8) + $0.bytes })
        }
        let key = ["--key", folder.path + "/key"]
        let first = try redact("a", key)
        #expect(first == (try redact("b", key)))
        let drawn = try redact("c", [])
        #expect(drawn != first)
        #expect(drawn != (try redact("d", [])))
        try folder.write("short", "x")
        #expect(
            try Command.run(["bundle", "redact", example, folder.path + "/e.tar", "--key", folder.path + "/short"]).code
                == 2)
    }
}
