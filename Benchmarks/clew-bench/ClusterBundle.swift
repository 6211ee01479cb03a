import ClewBundle
import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot
import Foundation

/// A bundle of a large cluster, made up: flannel with VXLAN, kube-proxy in iptables mode, the pods' namespaces left out.
///
/// Service `s` has the endpoints `s × endpoints …`, and pod `p` runs on node `p mod nodes`.
struct ClusterBundle {
    /// 1 to 250.
    let nodes: Int
    let services: Int
    let endpoints: Int
    /// Breaks six nodes, each in another way (``Fault``).
    var isFaulty = false

    /// What is broken on a node, by the node's number.
    enum Fault: Int, CaseIterable {
        case forwardDrop = 3
        case bridgeNetfilterOff = 7
        case routeMissing = 11
        case staleReject = 13
        case forwardingOff = 17
        case serviceMissing = 19
    }

    var pods: Int { services * endpoints }
    private var podsPerNode: Int { (pods + nodes - 1) / nodes }

    /// `nil`: more pods than a node's network of 250 addresses holds, or more nodes than networks.
    init?(nodes: Int, services: Int, endpoints: Int) {
        guard (1...250).contains(nodes), services > 0, services < 60_000, endpoints > 0 else { return nil }
        guard (services * endpoints + nodes - 1) / nodes <= 250 else { return nil }
        self.nodes = nodes
        self.services = services
        self.endpoints = endpoints
    }

    static func nodeName(_ node: Int) -> String { "node-" + padded(node, 3) }
    static func nodeIP(_ node: Int) -> String { "192.168.50.\(node + 1)" }
    static func clusterIP(_ service: Int) -> String { "10.96.\((service + 256) >> 8).\(service & 255)" }
    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    func node(ofPod pod: Int) -> Int { pod % nodes }
    /// The place of a pod among those of its node.
    func slot(ofPod pod: Int) -> Int { pod / nodes }
    func podIP(_ pod: Int) -> String { "10.244.\(node(ofPod: pod)).\(slot(ofPod: pod) + 2)" }
    func podCount(on node: Int) -> Int { (pods - node + nodes - 1) / nodes }

    /// Writes the bundle; gives its size in bytes.
    func write(to folder: String) throws -> Int {
        var size = 0
        func put(_ text: String, _ path: String) throws {
            let url = URL(fileURLWithPath: folder).appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            let data = Data(text.utf8)
            size += data.count
            try data.write(to: url)
        }
        let objects = objects()
        try put(objects, "cluster/objects.json")
        let parsed = KubernetesParser.parse(
            Array(objects.utf8), artifact: ArtifactID(rawValue: 0), isYAML: false
        ).objects
        for node in 0..<nodes {
            let files = NodeFiles(self, node)
            let place = "nodes/\(Self.nodeName(node))/"
            try put(rules(of: node, parsed), place + "iptables-save.txt")
            for (name, text) in files.all { try put(text, place + name) }
        }
        return size
    }

    // MARK: - Rules

    private func rules(of node: Int, _ objects: KubernetesObjects) -> String {
        var parameters = ProxyParameters(
            nodeName: Self.nodeName(node), nodeAddresses: [IPAddress(Self.nodeIP(node))].compactMap(\.self),
            localDetection: .sources([IPPrefix("10.244.0.0/16")].compactMap(\.self)))
        parameters.version = .v1_30
        var intents = ServiceIntents.all(in: objects, family: .ipv4, for: parameters)
        let fault = isFaulty ? Fault(rawValue: node) : nil
        if fault == .serviceMissing { intents.removeLast() }
        if fault == .staleReject, !intents.isEmpty { intents[0].endpoints = [] }
        var text = IptablesRules(intents, for: parameters, family: .ipv4).saveText
        // flannel's own rules (`pkg/trafficmngr/iptables`).
        text = text.replacingOccurrences(
            of: "-A POSTROUTING ",
            with: "-A POSTROUTING -m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG\n"
                + "-A POSTROUTING ", options: [], range: nil)
        let masquerade = """
            :FLANNEL-POSTRTG - [0:0]
            -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
            -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully

            """
        if let end = text.range(of: "COMMIT\n", options: .backwards) {
            let declared = masquerade.split(separator: "\n").map(String.init)
            text.insert(contentsOf: declared.dropFirst().joined(separator: "\n") + "\n", at: end.lowerBound)
            if let start = text.range(of: "*nat\n") {
                text.insert(contentsOf: declared[0] + "\n", at: start.upperBound)
            }
        }
        if fault == .forwardDrop {
            text = text.replacingOccurrences(of: ":FORWARD ACCEPT", with: ":FORWARD DROP")
        } else {
            text = text.replacingOccurrences(
                of: "-A OUTPUT -j KUBE-FIREWALL\n",
                with:
                    "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n-A OUTPUT -j KUBE-FIREWALL\n"
                    + "-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\n"
                    + "-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\n")
            text = text.replacingOccurrences(of: "*filter\n", with: "*filter\n:FLANNEL-FWD - [0:0]\n")
        }
        return "# Generated by iptables-save v1.8.9\n" + text
    }
}

// MARK: - Objects

extension ClusterBundle {
    /// A List of Nodes, Pods, Services and EndpointSlices, as `kubectl get -o json` prints it.
    private func objects() -> String {
        var items: [String] = []
        items.reserveCapacity(nodes + pods + 2 * services)
        for node in 0..<nodes { items.append(object(ofNode: node)) }
        for pod in 0..<pods { items.append(object(ofPod: pod)) }
        for service in 0..<services {
            items.append(object(ofService: service))
            items.append(slice(of: service))
        }
        return "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n" + items.joined(separator: ",\n") + "]}\n"
    }

    private func object(ofNode node: Int) -> String {
        """
        {"apiVersion":"v1","kind":"Node","metadata":{"name":"\(Self.nodeName(node))","labels":{"kubernetes.io/hostname":"\(Self.nodeName(node))"}},\
        "spec":{"podCIDR":"10.244.\(node).0/24","podCIDRs":["10.244.\(node).0/24"]},\
        "status":{"addresses":[{"type":"InternalIP","address":"\(Self.nodeIP(node))"},{"type":"Hostname","address":"\(Self.nodeName(node))"}],\
        "nodeInfo":{"kubeProxyVersion":"v1.30.4","kubeletVersion":"v1.30.4"},"conditions":[{"type":"Ready","status":"True"}]}}
        """
    }

    private func namespace(_ service: Int) -> String { "ns-\(service % 40)" }
    private func podName(_ pod: Int) -> String { "service-\(pod / endpoints)-\(pod % endpoints)" }

    private func object(ofPod pod: Int) -> String {
        let service = pod / endpoints
        return """
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"\(podName(pod))","namespace":"\(namespace(service))",\
            "labels":{"app":"service-\(service)"}},"spec":{"nodeName":"\(Self.nodeName(node(ofPod: pod)))","containers":[{"name":"main",\
            "ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}]}]},\
            "status":{"phase":"Running","podIP":"\(podIP(pod))","podIPs":[{"ip":"\(podIP(pod))"}],"hostIP":"\(Self.nodeIP(node(ofPod: pod)))",\
            "conditions":[{"type":"Ready","status":"True"}]}}
            """
    }

    /// Every tenth Service has a NodePort.
    private func object(ofService service: Int) -> String {
        let isNodePort = service % 10 == 9
        let nodePort = isNodePort ? ",\"nodePort\":\(30_000 + service / 10)" : ""
        return """
            {"apiVersion":"v1","kind":"Service","metadata":{"name":"service-\(service)","namespace":"\(namespace(service))"},\
            "spec":{"type":"\(isNodePort ? "NodePort" : "ClusterIP")","clusterIP":"\(Self.clusterIP(service))","clusterIPs":["\(Self.clusterIP(service))"],\
            "ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster","sessionAffinity":"None",\
            "selector":{"app":"service-\(service)"},"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080\(nodePort)}]}}
            """
    }

    private func slice(of service: Int) -> String {
        let ends = (0..<endpoints).map { endpoint in
            let pod = service * endpoints + endpoint
            return """
                {"addresses":["\(podIP(pod))"],"conditions":{"ready":true,"serving":true,"terminating":false},\
                "nodeName":"\(Self.nodeName(node(ofPod: pod)))","targetRef":{"kind":"Pod","name":"\(podName(pod))","namespace":"\(namespace(service))"}}
                """
        }
        return """
            {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"service-\(service)-x","namespace":"\(namespace(service))",\
            "labels":{"kubernetes.io/service-name":"service-\(service)"}},"addressType":"IPv4","endpoints":[\(ends.joined(separator: ","))],\
            "ports":[{"name":"http","port":8080,"protocol":"TCP"}]}
            """
    }
}
