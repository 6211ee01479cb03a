import ClewBundle
import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// What a node shows of flannel.
struct FlannelNode {
    static let prefix = "flannel.alpha.coreos.com/"

    let name: String
    let object: Node?
    let node: NodeSnapshot?

    var subnetText: RecordedValue? { node?.records.flannelSubnet?["FLANNEL_SUBNET"] }
    var networkText: RecordedValue? { node?.records.flannelSubnet?["FLANNEL_NETWORK"] }
    /// The network that flannel gave the node.
    var subnet: IPPrefix? { subnetText.flatMap { IPPrefix($0.text) }?.network }
    /// The networks of all nodes.
    var networks: [IPPrefix] {
        (networkText?.text ?? "").split(separator: ",").compactMap { IPPrefix(String($0)) }
    }
    /// In bytes.
    var mtu: RecordedValue? { node?.records.flannelSubnet?["FLANNEL_MTU"] }
    var backend: String? { object?.annotations[Self.prefix + "backend-type"] }
    var publicIP: String? { object?.annotations[Self.prefix + "public-ip"] }
    /// `flannel.1`, `flannel0`.
    var tunnel: Link? { node?.host.links?.first { $0.name.hasPrefix("flannel") && !$0.name.hasPrefix("flannel-v6") } }

    /// `nil` where nothing of the node is flannel's.
    init?(_ name: String, _ context: CheckContext) {
        self.name = name
        object = context.snapshot.objects.nodes.first { $0.name == name }
        node = context.snapshot.node(named: name)
        let isAnnotated = object?.annotations.keys.contains { $0.hasPrefix(Self.prefix) } ?? false
        guard isAnnotated || node?.records.flannelSubnet != nil || tunnel != nil else { return nil }
    }

    /// Nodes of the API and of the bundle, sorted by name.
    static func all(in context: CheckContext) -> [FlannelNode] {
        let names = Set(context.snapshot.nodes.map(\.name) + context.snapshot.objects.nodes.map(\.name))
        return names.sorted().compactMap { FlannelNode($0, context) }
    }

    func annotation(_ key: String) -> Evidence {
        .field(
            object: "Node \(name)", path: "metadata.annotations[\(Self.prefix)\(key)]",
            value: object?.annotations[Self.prefix + key] ?? "(none)", object?.source)
    }

    func environment(_ key: String) -> Evidence? {
        node?.records.flannelSubnet?[key].map { .line(node: name, $0.source, text: "\(key)=\($0.text)") }
    }

    /// The text of a field in a JSON text, such as the backend's data: `"VtepMAC":"0e:…"`.
    static func field(_ name: String, in json: String) -> String? {
        guard let key = json.firstRange(of: "\"\(name)\"") else { return nil }
        let rest = json[key.upperBound...].drop { $0 == " " || $0 == ":" }
        guard rest.first == "\"" else { return nil }
        let value = rest.dropFirst()
        return value.firstIndex(of: "\"").map { String(value[..<$0]) }
    }

    static func restart(on node: String) -> FixCommand {
        FixCommand(
            .workstation, "kubectl -n kube-flannel delete pod -l app=flannel --field-selector spec.nodeName=\(node)")
    }
}
