package import ClewSnapshot

/// What a file of a node holds that is read for checks alone, told by its name (`docs/bundle.md`).
package enum RecordFormat: Sendable, Hashable {
    case log(name: String, LogOrigin)
    case conntrackCounters, networkCounters, proxyMetrics
    case flannelSubnet, flannelDocker
    case ipvsTimeouts, ipvsConnections
    case kernelRelease, iptablesVersion, loadedModules, builtinModules, sysctlFiles, services

    /// The format of a file by its path below the node's folder; `nil` for one that is only kept.
    package init?(path: some Collection<String>) {
        guard let name = path.map({ $0 }).last else { return nil }
        let stem = Self.stem(name)
        if path.count == 2, path.first == "pod-logs" {
            self = .log(name: "pod-logs/" + stem, Self.origin(of: stem))
            return
        }
        guard path.count == 1, let format = Self.byStem[stem] else { return nil }
        self = format
    }

    /// The name without its endings.
    private static func stem(_ fileName: String) -> String {
        var name = ArtifactFormat.stem(of: fileName)
        for ending in [".log", ".env"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
        return name
    }

    private static func origin(of name: String) -> LogOrigin {
        if name.contains("kube-proxy") { return .kubeProxy }
        return name.contains("flannel") ? .flannel : .other
    }

    private static let byStem: [String: RecordFormat] = [
        "dmesg": .log(name: "dmesg", .kernel), "journal-kernel": .log(name: "journal-kernel", .kernel),
        "journal-services": .log(name: "journal-services", .services),
        "kube-proxy": .log(name: "kube-proxy", .kubeProxy), "flannel": .log(name: "flannel", .flannel),
        "flanneld": .log(name: "flanneld", .flannel),
        "conntrack-stats": .conntrackCounters, "conntrack-stats-1": .conntrackCounters,
        "conntrack-stats-2": .conntrackCounters, "nstat": .networkCounters, "nstat-1": .networkCounters,
        "nstat-2": .networkCounters, "kube-proxy-metrics": .proxyMetrics, "flannel-subnet": .flannelSubnet,
        "subnet": .flannelSubnet, "flannel-docker": .flannelDocker, "ipvsadm-timeouts": .ipvsTimeouts,
        "ipvsadm-connections": .ipvsConnections, "uname": .kernelRelease, "iptables-version": .iptablesVersion,
        "proc-modules": .loadedModules, "lsmod": .loadedModules, "modules-builtin": .builtinModules,
        "sysctl-files": .sysctlFiles, "systemctl-is-active": .services,
    ]
}
