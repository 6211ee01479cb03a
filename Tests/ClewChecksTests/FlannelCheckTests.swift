import ClewChecks
import ClewDiagnostics
import ClewSnapshot
import ClewTestSupport
import Testing

/// Checks of flannel: a case that fires and a near miss for each.
///
/// The healthy cluster of document 002, whose nodes are given what flannel leaves behind.
@Suite struct FlannelCheckTests {
    private static let objects = "cluster/objects.yaml"
    private static let environment = "nodes/worker-a/flannel-subnet.env"
    private static let docker = "nodes/worker-a/flannel-docker.env"
    private static let log = "nodes/worker-a/pod-logs/kube-flannel_kube-flannel-ds-x_1-kube-flannel-0.log"

    private static func subnet(_ subnet: String, mtu: Int = 1450, masquerades: Bool = true) -> String {
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=\(subnet)\nFLANNEL_MTU=\(mtu)\nFLANNEL_IPMASQ=\(masquerades)\n"
    }

    private static let example: EditableBundle = {
        var bundle = EditableBundle.example("bridge-nf-on")
        bundle["nodes/worker-a/flannel-subnet.env"] = subnet("10.244.1.1/24")
        bundle["nodes/worker-b/flannel-subnet.env"] = subnet("10.244.2.1/24")
        return bundle
    }()

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

    private static func annotate(_ annotations: [String: [String: String]]) -> @Sendable (inout EditableBundle) -> Void
    {
        { bundle in
            for (node, values) in annotations {
                let lines = values.sorted { $0.key < $1.key }
                    .map { "      flannel.alpha.coreos.com/\($0.key): '\($0.value)'" }.joined(separator: "\n")
                bundle.replace(
                    "    name: \(node)\n    labels:",
                    with: "    name: \(node)\n    annotations:\n\(lines)\n    labels:",
                    in: objects)
            }
        }
    }

    private static func pod(_ node: String, ready: String = "True") -> String {
        """
        - apiVersion: v1
          kind: Pod
          metadata:
            name: kube-flannel-ds-\(node)
            namespace: kube-flannel
            labels:
              app: flannel
          spec:
            hostNetwork: true
            nodeName: \(node)
          status:
            conditions:
            - status: "\(ready)"
              type: Ready
            phase: Running
        """
    }

    private static func netConf(_ network: String) -> String {
        """
        - apiVersion: v1
          kind: ConfigMap
          metadata:
            name: kube-flannel-cfg
            namespace: kube-flannel
          data:
            net-conf.json: '{"Network": "\(network)", "Backend": {"Type": "vxlan"}}'
        """
    }

    private static func link(_ name: String, mtu: Int, mac: String = "0e:00:00:00:00:01", node: String = "worker-a")
        -> @Sendable (inout EditableBundle) -> Void
    {
        { bundle in
            let text =
                "90: \(name): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu \(mtu) qdisc noqueue state UNKNOWN group default \n"
                + "    link/ether \(mac) brd ff:ff:ff:ff:ff:ff\n"
            bundle.append(text + "    inet 10.244.1.0/32 scope global \(name)", to: "nodes/\(node)/ip-addr.txt")
        }
    }

    static let daemon: [RowCase] = [
        fires("FLN001", "worker-b runs none") { $0.insertObject(pod("worker-a")) },
        isQuiet("FLN001", "both run one") {
            $0.insertObject(pod("worker-a"))
            $0.insertObject(pod("worker-b"))
        },
        isQuiet("FLN001", "flannel is no pod, as in k3s") { _ in },
        fires("FLN002", "the kubelet says so") {
            $0[environment] = nil
            $0.append(
                "kubelet: FailedCreatePodSandBox: loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory",
                to: "nodes/worker-a/journal-services.txt")
        },
        isQuiet("FLN002", "an old line, and the file is there now") {
            $0.append(
                "loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file",
                to: "nodes/worker-a/journal-services.txt")
        },
        fires("FLN010", "the Node has no podCIDR") {
            $0.append(
                "Error registering network: failed to acquire lease: node \"worker-a\" pod cidr not assigned", to: log)
        },
        isQuiet("FLN010", "it runs") { $0.append("I0101 Running backend.", to: log) },
        fires("FLN007", "two nodes, one network") { $0["nodes/worker-b/flannel-subnet.env"] = subnet("10.244.1.1/24") },
        isQuiet("FLN007", "two nodes, two networks") { _ in },
    ]

    static let networks: [RowCase] = [
        fires("FLN003", "not the podCIDR") { $0[environment] = subnet("10.244.9.1/24") },
        isQuiet("FLN003", "the podCIDR") { _ in },
        fires("FLN004", "the manifest's default") { $0.insertObject(netConf("10.42.0.0/16")) },
        isQuiet("FLN004", "a larger network") { $0.insertObject(netConf("10.240.0.0/12")) },
        fires("FLN008", "one uses udp") {
            annotate(["worker-a": ["backend-type": "udp"], "worker-b": ["backend-type": "vxlan"]])(&$0)
        },
        isQuiet("FLN008", "both use vxlan") {
            annotate(["worker-a": ["backend-type": "vxlan"], "worker-b": ["backend-type": "vxlan"]])(&$0)
        },
        fires("FLN009", "udev changed it") {
            annotate(["worker-a": ["backend-data": "{\"VNI\":1,\"VtepMAC\":\"0e:00:00:00:00:02\"}"]])(&$0)
            link("flannel.1", mtu: 1450)(&$0)
        },
        isQuiet("FLN009", "it is the same") {
            annotate(["worker-a": ["backend-data": "{\"VNI\":1,\"VtepMAC\":\"0E:00:00:00:00:01\"}"]])(&$0)
            link("flannel.1", mtu: 1450)(&$0)
        },
        fires("FLN011", "Vagrant's address everywhere") {
            annotate(["worker-a": ["public-ip": "10.0.2.15"], "worker-b": ["public-ip": "10.0.2.15"]])(&$0)
        },
        isQuiet("FLN011", "each its own") {
            annotate(["worker-a": ["public-ip": "192.168.50.11"], "worker-b": ["public-ip": "192.168.50.12"]])(&$0)
        },
        isQuiet("FLN011", "told on purpose") {
            annotate(["worker-a": ["public-ip": "198.51.100.7", "public-ip-overwrite": "198.51.100.7"]])(&$0)
        },
        fires("FLN014", "no room for the tunnel") { link("flannel.1", mtu: 1500)(&$0) },
        isQuiet("FLN014", "room for the tunnel") { link("flannel.1", mtu: 1450)(&$0) },
        fires("FLN015", "flushed") { $0.removeLines("flanneld masq", in: "nodes/worker-a/iptables-save.txt") },
        isQuiet("FLN015", "not asked for") {
            $0[environment] = subnet("10.244.1.1/24", masquerades: false)
            $0.removeLines("flanneld masq", in: "nodes/worker-a/iptables-save.txt")
        },
        fires("FLN013", "FORWARD drops what leaves the tunnel") {
            link("flannel.1", mtu: 1450)(&$0)
            $0.removeLines("-A FLANNEL-FWD", in: "nodes/worker-a/iptables-save.txt")
            $0.replace(
                ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD",
                with: ":FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD", in: "nodes/worker-a/iptables-save.txt")
        },
        isQuiet("FLN013", "flannel accepts it") {
            link("flannel.1", mtu: 1450)(&$0)
            $0.replace(
                ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD",
                with: ":FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:FLANNEL-FWD", in: "nodes/worker-a/iptables-save.txt")
        },
    ]

    private static let options =
        "DOCKER_OPT_BIP=\"--bip=10.244.1.1/24\"\nDOCKER_OPT_IPMASQ=\"--ip-masq=false\"\nDOCKER_OPT_MTU=\"--mtu=1450\"\n"

    static let dockerCases: [RowCase] = [
        fires("FLN005", "docker started first") {
            $0[docker] = options.replacing("10.244.1.1/24", with: "172.17.0.1/16")
        },
        isQuiet("FLN005", "docker has flannel's network") { $0[docker] = options },
        fires("FLN006", "both masquerade") {
            $0[docker] = options.replacing("--ip-masq=false", with: "--ip-masq=true")
        },
        fires("FLN006", "docker's packets are larger") {
            $0[docker] = options.replacing("--mtu=1450", with: "--mtu=1500")
        },
        isQuiet("FLN006", "docker masquerades where flannel does not") {
            $0[environment] = subnet("10.244.1.1/24", masquerades: false)
            $0[docker] = options.replacing("--ip-masq=false", with: "--ip-masq=true")
        },
    ]

    @Test(arguments: daemon + networks + dockerCases)
    func aCheckFiresOrIsQuiet(_ rowCase: RowCase) throws { try rowCase.verify() }

    @Test func everyCheckHasBothCases() {
        let checks = CheckCatalogue.all.filter { type(of: $0).metadata.group == .flannel }
        RowCase.verifyPairs(Self.daemon + Self.networks + Self.dockerCases, checks)
    }
}
