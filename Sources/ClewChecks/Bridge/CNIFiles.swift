import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// No network is configured for pods.
package struct CNIConfigurationMissing: Check {
    package static let metadata = CheckMetadata(
        code: "BR009", name: "cni-conf-missing", group: .bridge, severity: .error,
        finds: "/etc/cni/net.d holds no network configuration.",
        matters: "The node is not ready (\"cni plugin not initialized\"); pods hang in ContainerCreating.",
        confirm: ["ls -l /etc/cni/net.d", "kubectl describe node NODE | grep -i network"],
        fix: "Install the network plugin, or see why its init container does not write the file.",
        sources: ["https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let listing = CNIListing(of: node), let folder = listing.configurations, node.cni.isEmpty,
                !folder.files.contains(where: { name in [".conf", ".conflist", ".json"].contains { name.hasSuffix($0) }
                })
            else { return nil }
            let isReady = context.object(ofNode: node.name)?.isReady ?? false
            let logged = node.logLines(holding: [
                "cni plugin not initialized", "no networks found in /etc/cni/net.d", "cni config uninitialized",
            ])
            return Finding(
                Self.metadata, on: .node(node.name), isReady && logged.isEmpty ? .likely : .proven,
                severity: isReady ? .warning : .error,
                message: "has no network configuration for pods in /etc/cni/net.d",
                evidence: [
                    .absent(place: "/etc/cni/net.d of \(node.name)", what: "a .conf or .conflist file", folder.source)
                ]
                    + logged.prefix(2).map { .line(node: node.name, $0.source, text: $0.text) },
                fixes: [
                    Fix(
                        "see why the network plugin does not write it",
                        commands: [FixCommand(.workstation, "kubectl get ds -A -o wide")])
                ])
        }
    }
}

/// The runtime uses another file than the network plugin's.
package struct CNIConfigurationOrder: Check {
    package static let metadata = CheckMetadata(
        code: "BR010", name: "cni-conf-order", group: .bridge, severity: .warning,
        finds: "The first file of /etc/cni/net.d is not the network plugin's, though one of it is there.",
        matters: "New pods get addresses of another network (10.88.0.0/16, 172.19.0.0/16), and reach no other node.",
        confirm: ["ls /etc/cni/net.d", "kubectl get pods -A -o wide"],
        fix: "Move the stray file away and delete the pods that were made with it.",
        sources: ["https://github.com/containerd/containerd/blob/main/docs/cri/config.md, max_conf_num"])

    package init() {}

    /// Plugins that are a cluster's network; the others are parts, or for single hosts.
    private static let networks = ["flannel", "calico", "cilium", "weave", "kube-router", "canal", "antrea", "kindnet"]

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let files = node.cni.filter { $0.fault == nil }
            guard let first = files.first, let meant = files.first(where: Self.isNetwork), meant.file != first.file,
                !first.plugins.contains(where: { $0.type.contains("multus") })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "gives pods the network of \(first.file), not of \(meant.file)",
                cause: "a runtime takes the first file by name",
                evidence: [first, meant].map {
                    .computed("\($0.file): \($0.plugins.map(\.type).joined(separator: ", "))", $0.source)
                },
                fixes: [
                    Fix(
                        "move the stray file away",
                        commands: [
                            FixCommand(
                                .node(node.name), "mv /etc/cni/net.d/\(first.file) /root/\(first.file).unused",
                                undo: "mv /root/\(first.file).unused /etc/cni/net.d/\(first.file)")
                        ])
                ])
        }
    }

    private static func isNetwork(_ file: CNIConfiguration) -> Bool {
        let words = [file.file, file.name] + file.plugins.flatMap { [$0.type, $0.delegateType ?? ""] }
        return networks.contains { network in words.contains { $0.lowercased().contains(network) } }
    }
}

/// A plugin that a network configuration names is not installed.
package struct CNIBinaryMissing: Check {
    package static let metadata = CheckMetadata(
        code: "BR011", name: "cni-binary-missing", group: .bridge, severity: .error,
        finds: "A network configuration names a plugin that is not in /opt/cni/bin.",
        matters: "No new pod gets a network: failed to find plugin \"portmap\" in path [/opt/cni/bin].",
        confirm: ["ls -l /opt/cni/bin", "cat /etc/cni/net.d/*"],
        fix: "Install the plugins (package containernetworking-plugins, or the network plugin's init container).",
        sources: ["https://github.com/flannel-io/flannel/issues/890", "https://www.cni.dev/docs/spec"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let binaries = CNIListing(of: node)?.binaries, !binaries.files.isEmpty,
                let file = node.cni.first(where: { $0.fault == nil })
            else { return nil }
            let wanted = file.plugins.flatMap { [$0.type, $0.ipamType, $0.delegateType].compactMap(\.self) }
            let missing = Set(wanted).subtracting(binaries.files).sorted()
            guard !missing.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "lacks \(missing.joined(separator: ", ")) in /opt/cni/bin, which \(file.file) asks for",
                evidence: [
                    .computed("\(file.file): \(wanted.joined(separator: ", "))", file.source),
                    .absent(
                        place: "/opt/cni/bin of \(node.name)", what: missing.joined(separator: ", "), binaries.source),
                ],
                fixes: [
                    Fix(
                        "install the plugins",
                        commands: [
                            FixCommand(
                                .node(node.name),
                                "apt-get install -y containernetworking-plugins && mkdir -p /opt/cni/bin "
                                    + "&& cp -n /usr/lib/cni/* /opt/cni/bin/")
                        ])
                ])
        }
    }
}

/// A network configuration cannot be read.
package struct CNIConfigurationInvalid: Check {
    package static let metadata = CheckMetadata(
        code: "BR012", name: "cni-conf-invalid", group: .bridge, severity: .error,
        finds: "A file of /etc/cni/net.d is not a network configuration that a runtime can use.",
        matters: "The runtime takes the next file, or none: pods get the wrong network, or hang.",
        confirm: ["python3 -m json.tool /etc/cni/net.d/FILE"],
        fix: "Correct the file, or have the network plugin write it again.",
        sources: ["https://www.cni.dev/docs/spec/#configuration-format"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.flatMap { node in
            node.cni.compactMap { file in
                guard let fault = file.fault else { return nil }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    severity: node.cni.contains { $0.fault == nil } ? .warning : .error,
                    message: "has a network configuration that cannot be used, \(file.file): \(fault)",
                    evidence: [.computed("\(file.file): \(fault)", file.source)])
            }
        }
    }
}

/// The runtime could not make pods' networks, and says why.
package struct SandboxCreationFailed: Check {
    package static let metadata = CheckMetadata(
        code: "BR021", name: "sandbox-creation-failed", group: .bridge, severity: .warning,
        finds: "The kubelet's or the runtime's log says that a pod's network could not be made.",
        matters: "Pods of the node hang in ContainerCreating.",
        confirm: ["kubectl describe pod POD", "journalctl -u kubelet -u containerd | grep -i sandbox"],
        fix: "What to do depends on the reason that the log gives.",
        sources: ["kubernetes pkg/kubelet/kuberuntime/kuberuntime_sandbox.go"])

    package init() {}

    /// Words of the log, what they mean, and the check that tells more.
    private static let reasons: [(words: String, meaning: String)] = [
        ("/run/flannel/subnet.env", "flanneld has not written its subnet (FLN002)"),
        ("failed to find plugin", "a plugin is not installed (BR011)"),
        ("already has an IP address different", "the bridge is left of another range (BR007)"),
        ("no IP addresses available", "the node's range of addresses is used up (BR013)"),
        ("/var/lib/calico/nodename", "calico-node is not running (CAL001)"),
        ("error getting ClusterInformation", "Calico's token is refused or the API is not reached (CAL014)"),
        ("cni plugin not initialized", "no network is configured (BR009)"),
        ("i/o timeout", "the API server is not reached from the node (CP002)"),
        ("connection refused", "the API server is not reached from the node (CP002)"),
    ]

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let lines = node.logLines(
                holding: [
                    "FailedCreatePodSandBox", "ailed to create pod sandbox", "RunPodSandbox",
                    "failed to setup network for sandbox",
                ],
                in: ["journal-services"]
            ).filter { line in ["rror", "ailed"].contains { line.text.contains($0) } }
            guard let last = lines.last else { return nil }
            let meaning = Self.reasons.first { last.text.contains($0.words) }?.meaning
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "could not make pods' networks" + (meaning.map { ": \($0)" } ?? ""),
                cause: meaning, evidence: lines.suffix(2).map { .line(node: node.name, $0.source, text: $0.text) })
        }
    }
}

/// What `ls -l` of the CNI folders says.
private struct CNIListing {
    struct Folder {
        var files: Set<String>
        var source: SourceLine
    }

    private(set) var configurations: Folder?
    private(set) var binaries: Folder?

    init?(of node: NodeSnapshot) {
        guard let text = node.text("cni-files") else { return nil }
        var current: String?
        var folders: [String: Folder] = [:]
        for (source, line) in text.lines {
            if line.hasSuffix(":"), line.contains("/") {
                current = String(line.dropLast())
                folders[current ?? ""] = Folder(files: [], source: source)
            } else if let current, !line.hasPrefix("total"), let name = line.split(separator: " ").last {
                // A link is printed with what it points at: `bridge -> /usr/lib/cni/bridge`.
                let words = line.split(separator: " ")
                let own = words.firstIndex(of: "->").flatMap { $0 > 0 ? words[$0 - 1] : nil } ?? name
                folders[current]?.files.insert(String(own))
            }
        }
        configurations = folders.first { $0.key.hasSuffix("/etc/cni/net.d") }?.value
        binaries = folders.first { $0.key.hasSuffix("/opt/cni/bin") }?.value
    }
}
