package import ClewBundle

/// A whole bundle, parsed.
package struct ClusterSnapshot: Sendable {
    /// Sorted by name.
    package var nodes: [NodeSnapshot] = []
    package var objects = KubernetesObjects()
    /// What the ConfigMap `kube-system/kube-proxy` tells kube-proxy.
    package var proxyConfigMap: KubeProxyConfiguration?
    /// When the bundle was collected, as its manifest says (RFC 3339).
    package var collected: String?
    /// What the bundle held and what became of it, sorted by path.
    package var inventory: [InventoryEntry] = []
    package var unread: [UnreadLine] = []
    /// What could not be collected, as the manifest says: nodes, and kinds of objects.
    package var missing: [MissingPart] = []
    /// The nodes of rule dumps that are not in the bundle since their commands failed, by path.
    package var lostDumps: [String: String] = [:]
    /// Who stands for the world outside.
    package var outside = OutsideAddresses.documentation
    /// Artifact paths by ``ArtifactID``.
    package var paths: [String] = []

    package init() {}

    package func node(named name: String) -> NodeSnapshot? { nodes.first { $0.name == name } }

    /// `nodes/worker-a/iptables-save.txt:14`.
    package func describe(_ source: SourceLine) -> String {
        let path = path(of: source.artifact)
        return source.line == 0 ? path : "\(path):\(source.line)"
    }

    package func path(of artifact: ArtifactID) -> String {
        Int(artifact.rawValue) < paths.count ? paths[Int(artifact.rawValue)] : "?"
    }
}

/// Something that is not in the bundle.
package struct MissingPart: Sendable, Hashable {
    /// `node worker-c`, or what else.
    package var what: String
    package var reason: String

    package init(what: String, reason: String) {
        self.what = what
        self.reason = reason
    }
}

/// The objects of a cluster, each kind sorted by name.
package struct KubernetesObjects: Sendable {
    package var services: [Service] = []
    package var endpointSlices: [EndpointSlice] = []
    package var endpoints: [Endpoints] = []
    package var pods: [Pod] = []
    package var nodes: [Node] = []
    package var namespaces: [Namespace] = []
    package var configMaps: [ConfigMap] = []
    /// Kinds that were there but are not used, with their number.
    package var otherKinds: [String: Int] = [:]
    package init() {}
}

/// One node: its host namespace and its pods' namespaces.
package struct NodeSnapshot: Sendable {
    package var name: String
    package var host: NamespaceSnapshot
    package var pods: [PodNamespaceSnapshot] = []
    /// `iptables`, `ipvs`, `nftables`, where the node says.
    package var proxyMode: String?
    /// What its kube-proxy was told: by its `/configz`, else its file, else the cluster's ConfigMap.
    package var proxyConfiguration: KubeProxyConfiguration?
    /// Files of the node, and of its pods' namespaces, that no parser makes values of; sorted by path.
    package var texts: [NodeText] = []
    /// The files of `/etc/cni/net.d` (`cni/*` in a bundle), in the order in which a runtime looks at them.
    package var cni: [CNIConfiguration] = []
    /// Logs, counters and versions.
    package var records = NodeRecords()

    package init(name: String, host: NamespaceSnapshot) {
        self.name = name
        self.host = host
    }
}

/// A pod's network namespace as collected.
package struct PodNamespaceSnapshot: Sendable {
    /// The folder's name under `netns/`.
    package var name: String
    /// Of the manifest or `pod.txt`; `nil` where neither says.
    package var pod: NamespacedName?
    package var state: NamespaceSnapshot

    package init(name: String, pod: NamespacedName?, state: NamespaceSnapshot) {
        self.name = name
        self.pod = pod
        self.state = state
    }
}

/// What became of one artifact.
package struct InventoryEntry: Sendable, Hashable {
    package enum Status: String, Sendable, Hashable { case read, empty, kept }
    package var path: String
    /// `iptables-save`, `ip-route (JSON)`; `unknown` for a file that no parser reads.
    package var format: String
    package var status: Status
    package var lines: Int
    package var unread: Int
    /// The node that the file was read for; `nil` for files of no node, and those that no parser reads.
    package var node: String?

    package init(path: String, format: String, status: Status, lines: Int, unread: Int, node: String? = nil) {
        self.path = path
        self.format = format
        self.status = status
        self.lines = lines
        self.unread = unread
        self.node = node
    }
}
