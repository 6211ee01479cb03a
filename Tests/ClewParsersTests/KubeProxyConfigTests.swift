import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@Suite struct KubeProxyConfigTests {
    private let artifact = ArtifactID(rawValue: 3)

    private func parse(_ text: String) -> (configuration: KubeProxyConfiguration?, unread: [UnreadLine]) {
        KubeProxyConfigParser.parse(Array(text.utf8), artifact: artifact)
    }

    private static let yaml = """
        apiVersion: kubeproxy.config.k8s.io/v1alpha1
        kind: KubeProxyConfiguration
        mode: "nftables"
        clusterCIDR: 10.244.0.0/16,fd00:10::/56
        detectLocalMode: ClusterCIDR
        hostnameOverride: worker-a
        nodePortAddresses: [192.168.0.0/16, primary]
        iptables: {masqueradeAll: false, masqueradeBit: 14}
        nftables:
          masqueradeAll: true
          masqueradeBit: 15
        """

    private func check(_ configuration: KubeProxyConfiguration, line: UInt32) {
        #expect(configuration.mode == "nftables")
        #expect(configuration.clusterCIDRs.map(\.description) == ["10.244.0.0/16", "fd00:10::/56"])
        #expect(configuration.detectLocalMode == "ClusterCIDR" && configuration.hostnameOverride == "worker-a")
        #expect(configuration.nodePortAddresses == ["192.168.0.0/16", "primary"])
        #expect(configuration.masqueradeAll == true && configuration.masqueradeBit == 15)
        #expect(configuration.source.line == line)
    }

    @Test func fileOfYAML() throws {
        let parsed = parse(Self.yaml)
        #expect(parsed.unread == [])
        check(try #require(parsed.configuration), line: 1)
        let among = parse("kind: ClusterConfiguration\nmode: x\n---\n" + Self.yaml + "\n---\nkind: Other\n")
        check(try #require(among.configuration), line: 4)
    }

    @Test func configz() throws {
        let parsed = parse(
            #"{"kubeproxy.config.k8s.io":{"kind":"KubeProxyConfiguration","mode":"ipvs","iptables":{"masqueradeBit":14,"masqueradeAll":true},"#
                + #""nftables":{"masqueradeBit":15},"detectLocalMode":"NodeCIDR","clusterCIDR":"","nodePortAddresses":null}}"#
        )
        #expect(parsed.unread == [])
        let configuration = try #require(parsed.configuration)
        #expect(
            configuration.mode == "ipvs" && configuration.masqueradeAll == true && configuration.masqueradeBit == 14)
        #expect(configuration.clusterCIDRs == [] && configuration.nodePortAddresses == [])
        #expect(configuration.detectLocalMode == "NodeCIDR")
    }

    @Test(arguments: ["", "kubeproxy"]) func detectionAndSections(prefix: String) throws {
        let body =
            #"{"kind":"KubeProxyConfiguration","detectLocalMode":"BridgeInterface","detectLocal":{"bridgeInterface":"cni0","#
            + #""interfaceNamePrefix":""},"iptables":{"localhostNodePorts":false},"ipvs":{"scheduler":"lc","strictARP":true}}"#
        let text = prefix.isEmpty ? body : #"{"kubeproxy.config.k8s.io":"# + body + "}"
        let parsed = parse(text)
        #expect(parsed.unread == [])
        let configuration = try #require(parsed.configuration)
        #expect(configuration.bridgeInterface == "cni0" && configuration.interfaceNamePrefix == nil)
        #expect(configuration.localhostNodePorts == false && configuration.scheduler == "lc")
        let old =
            #"{"kind":"KubeProxyConfiguration","DetectLocal":{"InterfaceNamePrefix":"veth"},"IPTables":{},"IPVS":null}"#
        let other = try #require(parse(old).configuration)
        #expect(other.interfaceNamePrefix == "veth" && other.localhostNodePorts == nil && other.scheduler == nil)
    }

    @Test func modeAlone() {
        #expect(parse("ipvs\n").configuration?.mode == "ipvs")
        #expect(parse("Not Found\n").configuration == nil)
    }

    @Test(arguments: ["config.conf", "config"])
    func configMap(key: String) throws {
        let indented = Self.yaml.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
        let text =
            "kind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\ndata:\n  kubeconfig.conf: x\n  \(key): |\n\(indented)\n"
        check(try #require(parse(text).configuration), line: 1)
        let objects = KubernetesParser.parse(Array(text.utf8), artifact: artifact, isYAML: true).objects
        let map = try #require(objects.configMaps.first)
        check(try #require(KubeProxyConfigParser.parse(map).configuration), line: 1)
    }

    @Test func wrongValuesAreNoted() throws {
        let parsed = parse(
            "kind: KubeProxyConfiguration\nclusterCIDR: 10.0.0.0/40\niptables:\n  masqueradeBit: 40\nmode: [x]\n")
        let configuration = try #require(parsed.configuration)
        #expect(configuration.clusterCIDRs == [] && configuration.masqueradeBit == nil && configuration.mode == nil)
        #expect(parsed.unread.map(\.source.line) == [2, 4, 5])
        #expect(parsed.unread.first?.text == "clusterCIDR: 10.0.0.0/40")
        #expect(parse("{\"kind\":\"KubeProxyConfiguration\",").unread.count == 1)
        #expect(parse("").configuration == nil && parse("kind: [").unread.count == 1)
    }

    /// The three recorded forms of each node agree.
    @Test func recordedForms() throws {
        for folder in SharedData.folders("kube-proxy", for: "recordedForms") {
            guard let file = SharedData.bytes(folder + "/kube-proxy-config.yaml"),
                let configz = SharedData.bytes(folder + "/kube-proxy-configz.json"),
                let mode = SharedData.bytes(folder + "/kube-proxy-proxymode.txt")
            else { continue }
            let texts = [file, configz, mode].filter { !$0.isEmpty }
            let parsed = texts.map { KubeProxyConfigParser.parse($0, artifact: artifact) }
            #expect(parsed.allSatisfy { $0.unread == [] }, "\(folder)")
            let modes = parsed.compactMap(\.configuration?.mode)
            #expect(modes.count == texts.count && Set(modes).count == 1, "\(folder): \(modes)")
            guard texts.count == 3 else { continue }
            #expect(parsed[0].configuration?.clusterCIDRs == parsed[1].configuration?.clusterCIDRs, "\(folder)")
            #expect(parsed[1].configuration?.masqueradeBit == 14, "\(folder)")
        }
    }
}
