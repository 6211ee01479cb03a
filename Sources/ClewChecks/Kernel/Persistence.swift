import ClewBundle
package import ClewDiagnostics
import ClewSnapshot

/// What is set now is not what the next start will set.
package struct SysctlNotPersistent: Check {
    package static let metadata = CheckMetadata(
        code: "SYS002", name: "sysctl-not-persistent", group: .kernel, severity: .warning,
        finds: "Forwarding is on, and the files that are read at start turn it off, or say nothing of it.",
        matters: "It works until the next reboot, `sysctl --system` or restart of the network.",
        confirm: ["grep -rs ip_forward /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d"],
        fix: "Write the setting into a file that comes after all others.",
        sources: ["sysctl.d(5)", "https://github.com/kubernetes-sigs/kubespray/issues/680"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node in
            Persistence.findings(
                Self.metadata, node, keys: ["net.ipv4.ip_forward"], aliases: ["net.ipv4.conf.all.forwarding"])
        }
    }
}

/// The bridge's settings, or the module they belong to, will be gone after a reboot.
package struct BridgeSettingsNotPersistent: Check {
    package static let metadata = CheckMetadata(
        code: "BR004", name: "bridge-settings-not-persistent", group: .bridge, severity: .warning,
        finds: "Bridged traffic passes iptables, and the files that are read at start do not see to it.",
        matters: "After a reboot pods no longer reach Services whose endpoints are beside them.",
        confirm: ["cat /etc/modules-load.d/*", "grep -rs bridge-nf-call /etc/sysctl.d /usr/lib/sysctl.d"],
        fix: "Load br_netfilter at boot, and write the settings into a file that comes after all others.",
        sources: ["modules-load.d(5)", "https://kubernetes.io/docs/setup/production-environment/container-runtimes"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard !node.podBridges.isEmpty else { return [] }
            return [module(node)].compactMap(\.self)
                + Persistence.findings(Self.metadata, node, keys: ["net.bridge.bridge-nf-call-iptables"], aliases: [])
        }
    }

    private func module(_ node: NodeSnapshot) -> Finding? {
        guard node.host.sysctls["net.bridge.bridge-nf-call-iptables"]?.value == "1",
            let files = node.text("modules-load"), let loaded = node.text("proc-modules"),
            !loaded.lines(holding: ["br_netfilter "]).isEmpty, files.lines(holding: ["br_netfilter"]).isEmpty
        else { return nil }
        return Finding(
            Self.metadata, on: .node(node.name), .likely, severity: .notice,
            message: "loads br_netfilter by no file of /etc/modules-load.d",
            cause: "somebody loaded it by hand, or a program does; settings read before that are lost",
            evidence: [
                .absent(
                    place: "/etc/modules-load.d of \(node.name)", what: "br_netfilter",
                    SourceLine(files.artifact, line: 0))
            ],
            fixes: [
                Fix(
                    "load it at boot",
                    commands: [
                        FixCommand(
                            .node(node.name), "echo br_netfilter > /etc/modules-load.d/k8s.conf",
                            undo: "rm /etc/modules-load.d/k8s.conf")
                    ])
            ])
    }
}

private enum Persistence {
    /// One line of a file of settings.
    struct Setting {
        var file: String
        var value: String
        var source: SourceLine
        var text: String
    }

    static func findings(
        _ metadata: CheckMetadata, _ node: NodeSnapshot, keys: [String], aliases: [String]
    ) -> [Finding] {
        guard let text = node.text("sysctl-files") else { return [] }
        return keys.compactMap { key in
            guard node.host.sysctls[key]?.value == "1" else { return nil }
            let settings = settings(of: [key] + aliases, in: text)
            let fix = Fix(
                "write \(key) into a file that comes last",
                commands: [
                    FixCommand(
                        .node(node.name), Remedies.persistSysctl(key, "1"),
                        undo: Remedies.forgetSysctl(key))
                ])
            guard let last = settings.last else {
                return Finding(
                    metadata, on: .node(node.name), .likely, severity: .notice,
                    message: "has \(key) set by no file that is read at start",
                    cause: "the kubelet, the network plugin or a person set it",
                    evidence: [
                        .absent(
                            place: "the sysctl files of \(node.name)", what: key, SourceLine(text.artifact, line: 0))
                    ],
                    fixes: [fix])
            }
            guard last.value != "1" else { return nil }
            return Finding(
                metadata, on: .node(node.name), .proven,
                message: "turns \(key) off at the next start: \(last.file) says \(last.value)",
                cause: "of several files the last by name counts",
                evidence: settings.map { .line(node: node.name, $0.source, text: $0.text) }, fixes: [fix])
        }
    }

    /// In the order of `systemd-sysctl`: by file name, whatever folder; the same name in `/etc` hides others;
    /// `/etc/sysctl.conf` last, as `sysctl --system` reads it.
    private static func settings(of keys: [String], in text: NodeText) -> [Setting] {
        var found: [Setting] = []
        for (source, line) in text.lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let path = String(line[..<colon])
            let parts = line[line.index(after: colon)...].split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            var key = parts[0].filter { $0 != " " && $0 != "\t" }
            if key.hasPrefix("-") { key.removeFirst() }
            guard keys.contains(key.replacing("/", with: ".")) else { continue }
            let value = parts[1].filter { $0 != " " && $0 != "\t" }
            found.append(Setting(file: path, value: value, source: source, text: line))
        }
        let names = Dictionary(grouping: found) { name(of: $0.file) }
        return names.sorted { $0.key < $1.key }.flatMap { _, settings in
            let first = settings.map(\.file).min { folder($0) < folder($1) }
            return settings.filter { $0.file == first }
        }
    }

    private static func name(of path: String) -> String {
        path.hasSuffix("/sysctl.conf") ? "~" : path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func folder(_ path: String) -> Int {
        path.contains("/etc/") ? 0 : path.contains("/run/") ? 1 : path.contains("/usr/local/lib/") ? 2 : 3
    }
}
