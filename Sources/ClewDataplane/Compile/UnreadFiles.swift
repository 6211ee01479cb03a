import ClewBundle
import ClewNet
import ClewSnapshot

/// What of the namespaces' files could not be read, to be named where packets pass.
struct UnreadFiles: Sendable {
    /// By node, files sorted by path.
    private let byNode: [String: [UnreadFile]]
    var isEmpty: Bool { byNode.isEmpty }

    init(_ snapshot: ClusterSnapshot) {
        let byArtifact = Dictionary(grouping: snapshot.unread, by: \.source.artifact)
        let owners = Dictionary(
            snapshot.inventory.compactMap { entry in entry.node.map { (entry.path, $0) } },
            uniquingKeysWith: { first, _ in first }
        ).merging(snapshot.lostDumps) { first, _ in first }
        var podFolders: [String: [String: String]] = [:]
        for node in snapshot.nodes {
            for pod in node.pods { podFolders[node.name, default: [:]][pod.name] = pod.pod?.description ?? pod.name }
        }
        var result: [String: [UnreadFile]] = [:]
        for (artifact, lines) in byArtifact.sorted(by: { $0.key < $1.key }) {
            let path = snapshot.path(of: artifact)
            guard let node = owners[path] else { continue }
            let parts = path.split(separator: "/").map(String.init)
            let folder = parts.lastIndex(of: "netns").flatMap { $0 + 1 < parts.count ? parts[$0 + 1] : nil }
            let place = folder.flatMap { podFolders[node]?[$0] } ?? "host"
            for decides in [true, false] {
                let those = lines.filter { $0.mayDecide == decides }.sorted { $0.source < $1.source }
                guard let first = those.first else { continue }
                result[node, default: []].append(
                    UnreadFile(path: path, namespace: place, count: those.count, first: first, decides: decides))
            }
        }
        byNode = result
    }

    /// Those that concern packets of a family in a namespace of a node.
    func files(node: String, namespace: String, _ family: AddressFamily) -> [UnreadFile] {
        (byNode[node] ?? []).filter { file in
            // Rules of a pod's bundle without a folder of its own are the host's.
            file.namespace == namespace && (file.family ?? family) == family
        }
    }
}

/// A file of which some lines could not be read.
struct UnreadFile: Sendable, Hashable {
    var path: String
    /// `host`, or the pod's, as hops name it.
    var namespace: String
    var count: Int
    var first: UnreadLine
    /// What they said is lost, and may have decided.
    var decides: Bool

    /// The family that the file's name says, of those that hold one.
    var family: AddressFamily? {
        let name = path.split(separator: "/").last ?? ""
        if name.hasPrefix("ip6tables") || name.hasPrefix("ip-6-") { return .ipv6 }
        return name.hasPrefix("iptables") ? .ipv4 : nil
    }

    var text: String {
        if first.isWholeFile { return "\(path) is not known, and may decide: \(first.reason)" }
        let lines = count == 1 ? "a line" : "\(count) lines"
        if decides {
            return "\(lines) of \(path) could not be read, and may decide: \(first.reason)"
        }
        return
            "\(lines) of \(path) could not be read; \(count == 1 ? "it is" : "they are") taken not to matter"
    }
}
