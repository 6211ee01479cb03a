import ClewIntent
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Foundation

/// A node as a real kube-proxy left it, with what the recording says of it.
struct RecordedNode {
    struct Scenario: Decodable {
        var mode: String
        var kube_proxy: String
        var node: String
        var zone: String?
        var node_ip: String
        var local_detection: String
        var masqueradeAll: Bool
    }

    let folder: String
    let name: String
    let scenario: Scenario
    let snapshot: ClusterSnapshot
    /// Instead of the recorded one.
    var mode: ProxyMode?

    /// Every recorded node without a fault, sorted by name; none where the data is absent.
    static func healthy(for test: String) -> [RecordedNode] { all(for: test).filter { !$0.name.hasPrefix("x") } }

    enum Size {
        /// Without the folders of 1,000 and 5,000 Services (`m…`).
        case small
        case any
    }

    /// Every recorded node, those with faults (`x…`) too.
    static func all(for test: String, _ size: Size = .any) -> [RecordedNode] {
        SharedData.folders("kube-proxy", for: test).compactMap { folder in
            let name = String(folder.split(separator: "/").last ?? "")
            guard size == .any || !name.hasPrefix("m-") else { return nil }
            guard let text = SharedData.bytes(folder + "/scenario.json"),
                let scenario = try? JSONDecoder().decode(Scenario.self, from: Data(text))
            else { return nil }
            let snapshot = ClusterSnapshot(parsing: SharedData.bundle(withObjects: folder), nodeName: scenario.node)
            return RecordedNode(folder: folder, name: name, scenario: scenario, snapshot: snapshot)
        }
    }

    /// Of kube-proxy's own configuration, and of the scenario.
    var parameters: ProxyParameters {
        let node = snapshot.objects.nodes.first { $0.name == scenario.node }
        var parameters = ProxyParameters(
            nodeName: scenario.node, nodeAddresses: node?.internalIPs ?? [],
            localDetection: scenario.local_detection.hasPrefix("none") ? .none : .sources(clusterCIDRs))
        parameters.zone = node?.labels["topology.kubernetes.io/zone"]
        parameters.masqueradeAll = scenario.masqueradeAll
        parameters.mode = mode ?? ProxyMode(rawValue: scenario.mode) ?? .iptables
        parameters.version = ProxyVersion(minor: minorVersion)
        return parameters
    }

    var minorVersion: Int { Int(scenario.kube_proxy.split(separator: ".").dropFirst().first ?? "") ?? 0 }

    /// One prefix per family.
    private var clusterCIDRs: [IPPrefix] {
        let text = String(decoding: SharedData.bytes(folder + "/kube-proxy-config.yaml") ?? [], as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("clusterCIDR:") } ?? ""
        return line.dropFirst("clusterCIDR:".count).split { " \",".contains($0) }.compactMap { IPPrefix(String($0)) }
    }
}
