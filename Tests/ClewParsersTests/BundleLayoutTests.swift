import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct BundleLayoutTests {
    @Test func nodesAndNamespacesAreFolders() throws {
        let snapshot = parse([
            "bundle.json": """
            {"formatVersion":1,"namespaces":{"nodes/worker-a/netns/cni-1":{"pod":"shop/web-0"}},
             "artifacts":{"nodes/worker-a/ss-listen.txt":{"command":"ss -lntu","exitCode":0,"seconds":0.1}}}
            """,
            "cluster/all.json": Snippet.nodes,
            "nodes/worker-b/sysctl.txt": "net.ipv4.ip_forward = 1\n",
            "nodes/worker-a/iptables-save.txt": Snippet.nftDump,
            "nodes/worker-a/ss-listen.txt": "tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\n",
            "nodes/worker-a/proc-xt_recent/KUBE-SEP-A": "src=10.0.0.1 ttl: 63 last_seen: 1 oldest_pkt: 1 1\n",
            "nodes/worker-a/kube-proxy-proxymode.txt": "ipvs",
            "nodes/worker-a/resolv.conf": "nameserver 10.96.0.10\n",
            "nodes/worker-a/notes/sysctl.txt": "net.ipv4.ip_forward = 0\n",
            "nodes/worker-a/netns/cni-1/sysctl.txt": "net.ipv4.ip_forward = 0\n",
            "nodes/worker-a/netns/cni-2/pod.txt": "shop/web-1\n",
            "nodes/worker-a/netns/cni-3/iptables-save.txt": Snippet.legacyDump,
        ])
        #expect(snapshot.nodes.map(\.name) == ["worker-a", "worker-b"])
        let node = try #require(snapshot.node(named: "worker-a"))
        #expect(node.host.ruleSets.map(\.backend) == [.nft])
        #expect(node.proxyMode == "ipvs")
        #expect(node.host.recent["KUBE-SEP-A"]?.map(\.hits) == [1])
        #expect(node.host.sockets?.map(\.port) == [22])
        #expect(node.host.socketProtocols == [.tcp, .udp])
        #expect(node.pods.map(\.name) == ["cni-1", "cni-2", "cni-3"])
        #expect(node.pods.map { $0.pod?.description } == ["shop/web-0", "shop/web-1", nil])
        #expect(node.pods[0].state.sysctls["net.ipv4.ip_forward"]?.value == "0")
        #expect(node.pods[2].state.ruleSets.count == 1)
        #expect(node.host.sysctls.isEmpty)
        #expect(snapshot.node(named: "worker-b")?.host.sysctls["net.ipv4.ip_forward"]?.value == "1")
        #expect(snapshot.fate(of: "nodes/worker-a/resolv.conf") == "kept unknown 0/0")
        #expect(snapshot.fate(of: "nodes/worker-a/notes/sysctl.txt") == "kept unknown 0/0")
        #expect(snapshot.unreadText == [])
        #expect(snapshot.inventory.count == 12)
        #expect(snapshot.objects.nodes.map(\.name) == ["worker-a", "worker-b"])
    }

    @Test func aFolderAroundEverythingIsTakenOff() {
        let snapshot = parse([
            "dump-1/bundle.json": #"{"namespaces":{"nodes/a/netns/x":{"pod":"n/p"}}}"#,
            "dump-1/cluster/nodes.yaml": "apiVersion: v1\nkind: Node\nmetadata:\n  name: a\n",
            "dump-1/nodes/a/sysctl.txt": "net.ipv4.ip_forward = 1\n",
            "dump-1/nodes/a/netns/x/sysctl.txt": "net.ipv4.ip_forward = 0\n",
        ])
        #expect(snapshot.nodes.map(\.name) == ["a"])
        #expect(snapshot.nodes.first?.pods.map { $0.pod?.description } == ["n/p"])
        #expect(snapshot.objects.nodes.map(\.name) == ["a"])
        #expect(snapshot.unreadText == [])
    }

    @Test func aFolderOfOneNodeIsNamedByItsNodeObject() {
        let files = [
            "ip-addr.txt": Snippet.addr, "objects.json": Snippet.nodes, "sysctl.txt": "net.ipv4.ip_forward = 1\n",
        ]
        let snapshot = parse(files, name: "/tmp/some-folder/")
        #expect(snapshot.nodes.map(\.name) == ["worker-a"])
        #expect(snapshot.nodes.first?.host.sysctls.count == 1)
        #expect(parse(files, nodeName: "other").nodes.map(\.name) == ["other"])
        var without = files
        without["objects.json"] = nil
        #expect(parse(without, name: "/tmp/some-folder/").nodes.map(\.name) == ["some-folder"])
        #expect(parse(without, name: "node-7.tar.gz").nodes.map(\.name) == ["node-7"])
        #expect(parse(without, name: "-").nodes.map(\.name) == ["node"])
    }

    @Test func aFolderOfOneNodeMayLieInAnother() {
        let snapshot = parse([
            "worker-x/sysctl.txt": "net.ipv4.ip_forward = 1\n",
            "worker-x/netns/n1/pod.txt": "a/b",
            "worker-x/netns/n1/sysctl.txt": "net.ipv4.ip_forward = 0\n",
            "worker-x/proc-xt_recent/L": "src=10.0.0.1 ttl: 63 last_seen: 1 oldest_pkt: 1 1\n",
        ])
        #expect(snapshot.nodes.map(\.name) == ["worker-x"])
        #expect(snapshot.nodes.first?.pods.map { $0.pod?.description } == ["a/b"])
        #expect(snapshot.nodes.first?.host.recent["L"]?.count == 1)
    }

    @Test func addedFilesJoin() {
        var bundle = makeBundle(["ip-addr.txt": Snippet.addr, "sysctl.txt": "net.ipv4.ip_forward = 1\n"], name: "x")
        bundle.add(makeBundle(["elsewhere/deep/objects.json": Snippet.nodes]))
        bundle.add(makeBundle(["sysctl.txt": "net.ipv4.ip_forward = 0\n"]))
        bundle.add(
            makeBundle([
                "nodes/worker-a/conntrack.txt": "\n", "nodes/worker-a/ip-rule.txt": "0: from all lookup local\n",
            ]))
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        #expect(snapshot.nodes.map(\.name) == ["worker-a"])
        #expect(snapshot.nodes.first?.host.sysctls["net.ipv4.ip_forward"]?.value == "0")
        #expect(snapshot.nodes.first?.host.routingRules.count == 1)
        #expect(snapshot.nodes.first?.host.links?.count == 2)
        #expect(snapshot.fate(of: "sysctl.txt") == "kept sysctl; sysctl.txt~2 is read instead 0/0")
    }

    @Test func singleFilesJoinTheOnlyNode() {
        let joined = ["added/sysctl.txt": "net.ipv4.ip_forward = 0\n", "added/stdin": Snippet.nodes]
        func read(_ files: [String: String], nodeName: String? = nil) -> ClusterSnapshot {
            parse(files.merging(joined) { a, _ in a }, name: "x", nodeName: nodeName)
        }
        func forwarding(_ snapshot: ClusterSnapshot) -> [String] {
            snapshot.nodes.map { "\($0.name) \($0.host.sysctls["net.ipv4.ip_forward"]?.value ?? "-")" }
        }
        let own = ["ip-addr.txt": Snippet.addr, "sysctl.txt": "net.ipv4.ip_forward = 1\n"]
        #expect(forwarding(read(own)) == ["worker-a 0"])
        #expect(forwarding(read(own, nodeName: "mine")) == ["mine 0"])
        #expect(forwarding(read([:])) == ["x 0"])
        #expect(read([:]).objects.nodes.count == 2)
        let two = ["nodes/a/sysctl.txt": "net.ipv4.ip_forward = 1\n", "nodes/b/conntrack.txt": ""]
        #expect(forwarding(read(two)) == ["a 1", "b -"])
        #expect(read(two).unread.map(\.source.line) == [0])
        #expect(forwarding(read(two, nodeName: "b")) == ["a 1", "b 0"])
    }

    @Test func joinedBundlesAndFoldersKeepTheirNodes() {
        let snapshot = parse([
            "nodes/a/sysctl.txt": "net.ipv4.ip_forward = 1\n",
            "added/more/bundle.json": #"{"namespaces":{"nodes/b/netns/x":{"pod":"n/p"}}}"#,
            "added/more/nodes/b/netns/x/sysctl.txt": "net.ipv4.ip_forward = 1\n",
            "added/worker-c/sysctl.txt": "net.ipv4.ip_forward = 1\n",
        ])
        #expect(snapshot.nodes.map(\.name) == ["a", "b", "worker-c"])
        #expect(snapshot.nodes[1].pods.map { $0.pod?.description } == ["n/p"])
        #expect(snapshot.unreadText == [])
    }

    @Test func otherFilesAreKept() {
        let snapshot = parse([
            "README.md": "hello", "flows.json": #"[{"from":"a"}]"#, "values.yaml": "a: 1\n", "empty.json": " \n",
            "cluster/pods.json": #"{"apiVersion":"v1","kind":"List","items":[]}"#,
        ])
        #expect(snapshot.nodes.isEmpty)
        #expect(
            snapshot.inventory.map(\.path) == [
                "README.md", "cluster/pods.json", "empty.json", "flows.json", "values.yaml",
            ])
        #expect(snapshot.inventory.map(\.status) == [.kept, .read, .empty, .kept, .kept])
    }

    @Test func theListShowsWhatTheReaderLeftOut() {
        let bundle = SupportBundle(
            name: "b", artifacts: [], problems: [BundleProblem(path: "nodes/a/x", reason: "a link is not followed")])
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        #expect(snapshot.inventory.map(\.format) == ["left out: a link is not followed"])
    }

    @Test func aDamagedManifestIsSaid() {
        let damaged = parse(["bundle.json": "{\"artifacts\":{\"a\":\n"])
        #expect(damaged.unread.count == 1)
        #expect(damaged.fate(of: "bundle.json") == "read manifest 1/1")
        let newer = parse(["bundle.json": #"{"formatVersion":9,"x":[1,{"y":2}]}"#])
        #expect(newer.unreadText == ["bundle.json format version 9 is newer than 1: parts may be misread"])
    }

    @Test func everyOptionForASingleFileNamesAFormat() {
        #expect(ArtifactFormat.fileName(forOption: "--iptables-save") == "iptables-save.txt")
        #expect(ArtifactFormat.fileName(forOption: "--ip-6-route") == "ip-6-route.txt")
        #expect(ArtifactFormat.fileName(forOption: "--kube-proxy-config") == "kube-proxy-config.yaml")
        #expect(ArtifactFormat.fileName(forOption: "--from") == nil)
        for (option, fileName) in ArtifactFormat.looseFileOptions {
            #expect(ArtifactFormat(fileName: fileName) != nil, "\(option)")
        }
        #expect(Set(ArtifactFormat.looseFileOptions.map(\.option)).count == ArtifactFormat.looseFileOptions.count)
    }
}

/// What `--add` puts below `added/`, and the names of folders.
@Suite struct BundleAdditionTests {
    private static let forwarding = "net.ipv4.ip_forward = 1\n"

    @Test func aWrappedArchiveIsNamedByItsFolder() {
        let bundle = SupportBundle(
            name: "dump.tar.gz", artifacts: [Artifact(path: "sysctl.txt", bytes: Array(Self.forwarding.utf8))],
            folder: "worker-x")
        #expect(ClusterSnapshot(parsing: bundle, nodeName: nil).nodes.map(\.name) == ["worker-x"])
    }

    @Test func aSingleFileJoinsTheOnlyNode() {
        let rule = "0: from all lookup local\n"
        let flat = parse(["sysctl.txt": Self.forwarding, "added/ip-rule.txt": rule], name: "worker-x")
        #expect(flat.nodes.map(\.name) == ["worker-x"])
        #expect(flat.nodes.first?.host.routingRules.count == 1)
        let named = parse(["nodes/a/sysctl.txt": Self.forwarding, "added/ip-rule.txt": rule])
        #expect(named.nodes.map(\.name) == ["a"])
        let files = ["nodes/a/sysctl.txt": Self.forwarding, "nodes/b/sysctl.txt": "", "added/ip-rule.txt": rule]
        #expect(parse(files).nodes.map(\.name) == ["a", "b"])
        #expect(parse(files, nodeName: "b").nodes.map(\.name) == ["a", "b"])
        let renamed = parse(["sysctl.txt": Self.forwarding, "added/ip-rule.txt": rule], nodeName: "c")
        #expect(renamed.nodes.map(\.name) == ["c"])
    }

    @Test func aWholeBundleCanBeJoined() {
        let snapshot = parse([
            "nodes/a/sysctl.txt": Self.forwarding, "added/more/nodes/b/sysctl.txt": Self.forwarding,
            "added/more/bundle.json": #"{"namespaces":{"nodes/b/netns/x":{"pod":"n/p"}}}"#,
            "added/more/nodes/b/netns/x/sysctl.txt": Self.forwarding,
        ])
        #expect(snapshot.nodes.map(\.name) == ["a", "b"])
        #expect(snapshot.nodes.last?.pods.map { $0.pod?.description } == ["n/p"])
        #expect(snapshot.fate(of: "added/more/bundle.json") == "read manifest 1/0")
    }
}
