import ClewBundle
package import ClewDiagnostics
import ClewSnapshot

/// The connection table is full: new connections are dropped.
package struct ConntrackTableFull: Check {
    package static let metadata = CheckMetadata(
        code: "CT001", name: "conntrack-table-full", group: .conntrack, severity: .error,
        finds: "The node tracks as many connections as it may, or its kernel has dropped packets for that.",
        matters: "New connections time out at busy hours, whatever they are.",
        confirm: [
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max", "dmesg | grep 'table full'",
        ],
        fix:
            "Raise net.netfilter.nf_conntrack_max, and kube-proxy's conntrack.maxPerCore and min, which set it at start.",
        sources: ["linux net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let fill = ConntrackFill(node)
            let isFull = fill.map { $0.share >= 1 } ?? false
            let lines = LogLines.matching(["table full, dropping packet"], in: node, of: [.kernel])
            let dropped = ConntrackCounters.growth(of: "drop", on: node) ?? 0
            let early = ConntrackCounters.growth(of: "early_drop", on: node) ?? 0
            guard isFull || !lines.isEmpty || early > 0 else { return nil }
            var evidence = fill.map { $0.evidence(node.name) } ?? []
            evidence += lines.suffix(2).map {
                Evidence.line(node: node.name, $0.source, text: String($0.text.prefix(300)))
            }
            if dropped + early > 0 {
                evidence.append(.computed("drop grew by \(dropped), early_drop by \(early)", nil))
            }
            // An old line of the log says nothing of now: the table may have been made larger since.
            let isNow = isFull || early > 0
            return Finding(
                Self.metadata, on: .node(node.name), isFull ? .proven : isNow ? .likely : .possible,
                severity: isNow ? .error : .warning,
                message: isFull
                    ? "tracks as many connections as it may" : "has dropped packets since its table was full",
                evidence: evidence, fixes: [ConntrackFill.larger(node)])
        }
    }
}

/// The connection table is nearly full.
package struct ConntrackNearFull: Check {
    package static let metadata = CheckMetadata(
        code: "CT002", name: "conntrack-near-full", group: .conntrack, severity: .warning,
        finds: "The node tracks at least 80 % of the connections that it may.",
        matters: "At the next busy hour new connections are dropped.",
        confirm: ["sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"],
        fix: "Raise the limit, and see with conntrack -L who has so many connections.",
        sources: ["linux net/netfilter/nf_conntrack_core.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let fill = ConntrackFill(node), fill.share >= 0.8, fill.share < 1 else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "tracks \(fill.count) of at most \(fill.limit) connections",
                evidence: fill.evidence(node.name),
                fixes: [ConntrackFill.larger(node)])
        }
    }
}

/// How full the connection table of a node is.
struct ConntrackFill {
    var count: UInt64
    var limit: UInt64
    private let sources: [SourceLine]

    /// `nil` where the node does not say.
    init?(_ node: NodeSnapshot) {
        guard let count = node.host.sysctls["net.netfilter.nf_conntrack_count"], let number = UInt64(count.value),
            let limit = node.host.sysctls["net.netfilter.nf_conntrack_max"], let most = UInt64(limit.value), most > 0
        else { return nil }
        self.count = number
        self.limit = most
        sources = [count.source, limit.source]
    }

    /// 1 is full.
    var share: Double { Double(count) / Double(limit) }

    func evidence(_ node: String) -> [Evidence] {
        [
            .line(node: node, sources[0], text: "net.netfilter.nf_conntrack_count = \(count)"),
            .line(node: node, sources[1], text: "net.netfilter.nf_conntrack_max = \(limit)"),
        ]
    }

    static func larger(_ node: NodeSnapshot) -> Fix {
        let key = "net.netfilter.nf_conntrack_max"
        let old = node.host.sysctls[key].flatMap { UInt64($0.value) } ?? 131_072
        return Fix(
            "let \(node.name) track twice as many connections",
            commands: [
                Remedies.sysctl(key, "\(old * 2)", on: node.name, was: "\(old)"),
                FixCommand(
                    .workstation,
                    "kubectl -n kube-system get configmap kube-proxy -o yaml | grep -A3 'conntrack:' "
                        + "# raise min or maxPerCore: kube-proxy writes the sysctl at its start"),
            ])
    }
}

/// Connections are lost while they are entered into the table.
package struct InsertFailed: Check {
    package static let metadata = CheckMetadata(
        code: "CT003", name: "insert-failed-snat-clash", group: .conntrack, severity: .warning,
        finds: "conntrack's counter insert_failed grows: packets were dropped because their connection clashed.",
        matters: "Some connections take one or three seconds more, some names are not resolved at the first try.",
        confirm: ["conntrack -S; sleep 10; conntrack -S"],
        fix: "Have all MASQUERADE rules choose ports at random, use a newer kernel, and a DNS cache on each node.",
        sources: ["linux net/netfilter/nf_conntrack_core.c, __nf_conntrack_confirm()", "kubernetes issue 56903"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let last = node.records.conntrackCounters.last, let total = last.values["insert_failed"], total > 0
            else { return nil }
            let growth = ConntrackCounters.growth(of: "insert_failed", on: node) ?? 0
            return Finding(
                Self.metadata, on: .node(node.name), growth > 0 ? .proven : .possible,
                severity: growth > 0 ? .warning : .notice,
                message: growth > 0
                    ? "lost \(growth) new connections to clashes between the two samples"
                    : "has lost \(total) new connections to clashes since its start",
                evidence: [.computed("insert_failed = \(total)", last.source)])
        }
    }
}

/// The table's buckets hold too many connections each.
package struct HashTooSmall: Check {
    package static let metadata = CheckMetadata(
        code: "CT004", name: "hash-too-small", group: .conntrack, severity: .notice,
        finds: "The connection table may hold more than eight connections for each of its buckets.",
        matters: "With many connections each packet costs more, and some are refused by chains that are too long.",
        confirm: ["sysctl net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_max"],
        fix: "Raise /sys/module/nf_conntrack/parameters/hashsize, also in /etc/modprobe.d.",
        sources: ["linux Documentation/networking/nf_conntrack-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard let buckets = node.host.sysctls["net.netfilter.nf_conntrack_buckets"],
                let number = UInt64(buckets.value),
                number > 0, let limit = node.host.sysctls["net.netfilter.nf_conntrack_max"],
                let most = UInt64(limit.value), most / number > 8
            else { return nil }
            let long = ConntrackCounters.growth(of: "chaintoolong", on: node) ?? 0
            let isFelt = long > 0 || (ConntrackFill(node).map { $0.count / number > 4 } ?? false)
            let size = most / 4
            return Finding(
                Self.metadata, on: .node(node.name), isFelt ? .likely : .possible,
                severity: isFelt ? .warning : .notice,
                message: "has \(number) buckets for up to \(most) connections",
                evidence: [
                    .line(node: node.name, buckets.source, text: "net.netfilter.nf_conntrack_buckets = \(number)"),
                    .line(node: node.name, limit.source, text: "net.netfilter.nf_conntrack_max = \(most)"),
                ],
                fixes: [
                    Fix(
                        "give the table more buckets",
                        commands: [
                            FixCommand(
                                .node(node.name), "echo \(size) > /sys/module/nf_conntrack/parameters/hashsize",
                                persist:
                                    "echo 'options nf_conntrack hashsize=\(size)' > /etc/modprobe.d/nf_conntrack.conf",
                                undo: "echo \(number) > /sys/module/nf_conntrack/parameters/hashsize")
                        ])
                ])
        }
    }
}

/// kube-proxy sets the table's size at its start, whatever the node's files say.
package struct KubeProxyOverridesMax: Check {
    package static let metadata = CheckMetadata(
        code: "CT011", name: "kube-proxy-overrides-conntrack-max", group: .conntrack, severity: .warning,
        finds: "A file in /etc/sysctl.d sets nf_conntrack_max, and the kernel has another value.",
        matters: "The table is smaller than somebody meant, since kube-proxy writes the value at each start.",
        confirm: ["grep -rs nf_conntrack_max /etc/sysctl.d /etc/sysctl.conf", "sysctl net.netfilter.nf_conntrack_max"],
        fix: "Set kube-proxy's conntrack.maxPerCore and conntrack.min: both 0 leaves the kernel's value alone.",
        sources: ["kubernetes cmd/kube-proxy/app/conntrack.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let key = "net.netfilter.nf_conntrack_max"
        return context.snapshot.nodes.compactMap { node in
            guard let setting = node.records.sysctlFiles?.last(where: { $0.key == key }),
                let actual = node.host.sysctls[key], actual.value != setting.value
            else { return nil }
            let log = LogLines.matching(["set sysctl", "setting conntrack"], in: node, of: [.kubeProxy])
                .filter { $0.text.contains("nf_conntrack_max") }
            return Finding(
                Self.metadata, on: .node(node.name), log.isEmpty ? .likely : .proven,
                message: "has nf_conntrack_max \(actual.value), and \(setting.file) says \(setting.value)",
                cause: "kube-proxy has set it since",
                evidence: [
                    .line(node: node.name, setting.source, text: "\(setting.file): \(setting.key) = \(setting.value)"),
                    .line(node: node.name, actual.source, text: "\(key) = \(actual.value)"),
                ] + log.suffix(1).map { Evidence.line(node: node.name, $0.source, text: $0.text) })
        }
    }
}

/// kube-proxy cannot track connections, or not clean up after them.
package struct ConntrackMissing: Check {
    package static let metadata = CheckMetadata(
        code: "CT015", name: "conntrack-tools-or-module-missing", group: .conntrack, severity: .warning,
        finds: "The node has no module nf_conntrack, or kube-proxy finds no conntrack program.",
        matters:
            "UDP clients stick to pods that are gone, and kube-proxy does not start where it cannot set its limits.",
        confirm: ["lsmod | grep nf_conntrack", "which conntrack"],
        fix: "Load nf_conntrack, also at boot, and install conntrack-tools.",
        sources: ["kubernetes pkg/proxy/conntrack"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let lines = LogLines.matching(
                ["\"conntrack\": executable file not found", "conntrack not found"], in: node, of: [.kubeProxy])
            var isAbsent = false
            if let loaded = node.records.loadedModules, let builtin = node.records.builtinModules {
                isAbsent = !loaded.contains("nf_conntrack") && !builtin.contains("nf_conntrack")
            }
            guard isAbsent || !lines.isEmpty else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), isAbsent ? .proven : .likely,
                message: isAbsent ? "has no module nf_conntrack" : "has no conntrack program that kube-proxy finds",
                evidence: (isAbsent
                    ? [Evidence.absent(place: "modules of \(node.name)", what: "nf_conntrack", nil)] : [])
                    + lines.suffix(2).map { Evidence.line(node: node.name, $0.source, text: $0.text) },
                fixes: [
                    Fix(
                        "have the kernel track connections",
                        commands: [
                            FixCommand(
                                .node(node.name), "modprobe nf_conntrack",
                                persist: "echo nf_conntrack >> /etc/modules-load.d/k8s.conf")
                        ])
                ])
        }
    }
}
