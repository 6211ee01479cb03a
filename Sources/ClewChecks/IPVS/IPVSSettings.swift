import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// kube-proxy is to use IPVS, and the kernel has none.
package struct IPVSModulesMissing: Check {
    package static let metadata = CheckMetadata(
        code: "IPV001", name: "ipvs-modules-missing", group: .ipvs, severity: .error,
        finds: "kube-proxy is told to use IPVS on a node whose kernel lacks what it needs.",
        matters: "kube-proxy does not start, or falls back to iptables mode.",
        confirm: ["lsmod | grep ip_vs", "kubectl -n kube-system logs KUBE-PROXY-POD | grep -i ipvs"],
        fix: "Load ip_vs, ip_vs_rr, ip_vs_wrr, ip_vs_sh and nf_conntrack, also at boot, and restart kube-proxy.",
        sources: ["kubernetes pkg/proxy/ipvs/README.md"])

    package init() {}

    private static let needed = ["ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "nf_conntrack"]

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let wanted = context.snapshot.proxyConfigMap?.mode ?? node.proxyConfiguration?.mode
            let lines = LogLines.matching(
                ["ipvs proxier will not be used", "can't use the ipvs proxier", "kernel modules are not loaded"],
                in: node, of: [.kubeProxy]
            ).filter { !Self.isHarmless($0.text) }
            let missing = wanted == "ipvs" ? Self.missing(on: node) : []
            guard !missing.isEmpty || !lines.isEmpty else { return nil }
            let evidence =
                missing.prefix(3).map { Evidence.absent(place: "modules of \(node.name)", what: $0, nil) }
                + lines.suffix(2).map { Evidence.line(node: node.name, $0.source, text: String($0.text.prefix(300))) }
            return Finding(
                Self.metadata, on: .node(node.name), missing.isEmpty ? .likely : .proven,
                message:
                    "lacks what kube-proxy's IPVS mode needs\(missing.isEmpty ? "" : ": \(missing.joined(separator: ", "))")",
                evidence: evidence,
                fixes: [
                    Fix(
                        "load the modules on \(node.name)",
                        commands: [
                            FixCommand(
                                .node(node.name), "modprobe -a \(Self.needed.joined(separator: " "))",
                                persist:
                                    "printf '%s\\n' \(Self.needed.joined(separator: " ")) > /etc/modules-load.d/ipvs.conf"
                            ),
                            Remedies.restartKubeProxy(on: node.name),
                        ])
                ])
        }
    }

    private static func missing(on node: NodeSnapshot) -> [String] {
        // A kernel may have them built in, which only the list of those shows.
        guard let loaded = node.records.loadedModules, let builtin = node.records.builtinModules else { return [] }
        return needed.filter { !loaded.contains($0) && !builtin.contains($0) }
    }

    /// kube-proxy asks for `nf_conntrack_ipv4`, which is part of `nf_conntrack` since 4.19.
    private static func isHarmless(_ text: String) -> Bool {
        text.contains("nf_conntrack_ipv4") && !text.contains("ip_vs")
    }
}

/// IPVS chooses endpoints by a scheduler that is not there, or not the one that is meant.
package struct SchedulerMisconfigured: Check {
    package static let metadata = CheckMetadata(
        code: "IPV007", name: "scheduler-misconfigured", group: .ipvs, severity: .error,
        finds: "kube-proxy's IPVS scheduler does not exist, or its module is not loaded.",
        matters:
            "Virtual servers cannot be made; with a hash of the source, one pod gets all clients behind one address.",
        confirm: ["ipvsadm -ln", "lsmod | grep ip_vs_"],
        fix: "Set ipvs.scheduler to rr, lc or wlc, or load the scheduler's module.",
        sources: ["ipvsadm(8), --scheduler"])

    package init() {}

    private static let known: Set<String> = [
        "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "mh", "fo", "ovf", "twos",
    ]

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes: [Finding] = context.snapshot.nodes.compactMap { node in
            guard context.proxyMode(node.name) == .ipvs, let configuration = node.proxyConfiguration,
                let name = configuration.scheduler
            else { return nil }
            let field = Evidence.field(
                object: "KubeProxyConfiguration", path: "ipvs.scheduler", value: name, configuration.source)
            guard Self.known.contains(name) else {
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "is to use the IPVS scheduler '\(name)', which does not exist",
                    evidence: [field])
            }
            let module = "ip_vs_\(name)"
            if let loaded = node.records.loadedModules, let builtin = node.records.builtinModules,
                !loaded.contains(module), !builtin.contains(module)
            {
                return Finding(
                    Self.metadata, on: .node(node.name), .proven, severity: .warning,
                    message: "is to use the IPVS scheduler \(name), and \(module) is not loaded",
                    evidence: [field, .absent(place: "modules of \(node.name)", what: module, nil)],
                    fixes: [
                        Fix(
                            "load the scheduler",
                            commands: [
                                FixCommand(
                                    .node(node.name), "modprobe \(module)",
                                    persist: "echo \(module) >> /etc/modules-load.d/ipvs.conf",
                                    undo: "modprobe -r \(module)")
                            ])
                    ])
            }
            guard ["sh", "dh", "mh"].contains(name) else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, severity: .notice,
                message: "chooses endpoints by a hash (\(name)): clients behind one address share one endpoint",
                evidence: [field])
        }
        let seen = Set(nodes.map(\.subject))
        return nodes
            + LogLines.findings(
                Self.metadata, of: ["is not loaded", "scheduler not found"], [.kubeProxy], in: context,
                message: { _ in "runs a kube-proxy whose IPVS scheduler the kernel does not know" }
            ).filter { finding in
                !seen.contains(finding.subject)
                    && finding.evidence.contains { evidence in
                        guard case .line(_, _, let text) = evidence else { return false }
                        return text.contains("scheduler")
                    }
            }
    }
}

/// IPVS goes on with connections that have ended.
package struct ConnReuseTimeWait: Check {
    package static let metadata = CheckMetadata(
        code: "IPV008", name: "conn-reuse-time-wait", group: .ipvs, severity: .notice,
        finds: "IPVS keeps connections to endpoints that are gone, or drops the first packet of a port used again.",
        matters: "Under load from few clients some connections take a second more, or go to a dead pod.",
        confirm: [
            "sysctl net.ipv4.vs.conn_reuse_mode net.ipv4.vs.expire_nodest_conn", "ipvsadm -lnc | grep -c TIME_WAIT",
        ],
        fix: "Use Linux 5.9 or later; set net.ipv4.vs.expire_nodest_conn to 1, as kube-proxy does at its start.",
        sources: ["linux Documentation/networking/ipvs-sysctl.rst", "kubernetes pkg/proxy/ipvs/proxier.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard context.proxyMode(node.name) == .ipvs else { return nil }
            let (reuse, expire) = ("net.ipv4.vs.conn_reuse_mode", "net.ipv4.vs.expire_nodest_conn")
            let kernel = node.records.kernelRelease.flatMap { KernelVersion($0.text) }
            let isOldReuse =
                node.host.sysctls[reuse]?.value == "1" && (kernel.map { $0 < KernelVersion(5, 9) } ?? false)
            let isKept = node.host.sysctls[expire]?.value == "0"
            guard isOldReuse || isKept else { return nil }
            let connections = node.records.ipvsConnections ?? []
            let waiting = connections.count { $0.state == "TIME_WAIT" }
            let isFelt = waiting > 100 && waiting * 2 > connections.count
            var evidence: [Evidence] = []
            for key in [reuse, expire] {
                if let sysctl = node.host.sysctls[key] {
                    evidence.append(.line(node: node.name, sysctl.source, text: "\(key) = \(sysctl.value)"))
                }
            }
            if isFelt, let first = connections.first {
                evidence.append(
                    .computed("\(waiting) of \(connections.count) connections are in TIME_WAIT", first.source))
            }
            return Finding(
                Self.metadata, on: .node(node.name), isFelt ? .likely : .possible,
                severity: isFelt ? .warning : .notice,
                message: isOldReuse
                    ? "drops the first packet of a connection whose port was used a short time ago"
                    : "keeps connections to endpoints that are gone",
                evidence: evidence,
                fixes: isKept
                    ? [
                        Fix(
                            "let IPVS forget connections without an endpoint",
                            edits: [.setSysctl(.host(node: node.name), key: expire, value: "1")],
                            commands: [Remedies.sysctl(expire, "1", on: node.name, was: "0")])
                    ] : [])
        }
    }
}

/// IPVS forgets quiet connections before the ends ask for a sign of life.
package struct IdleTimeoutReset: Check {
    package static let metadata = CheckMetadata(
        code: "IPV009", name: "idle-timeout-reset", group: .ipvs, severity: .notice,
        finds: "IPVS forgets quiet TCP connections sooner than keepalive would make a sign.",
        matters: "Connections that were quiet for a quarter of an hour are reset at the next packet.",
        confirm: ["ipvsadm -l --timeout", "sysctl net.ipv4.tcp_keepalive_time"],
        fix: "Set kube-proxy's ipvs.tcpTimeout above, or the clients' keepalive time below, 900 seconds.",
        sources: ["linux net/netfilter/ipvs/ip_vs_proto_tcp.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            guard context.proxyMode(node.name) == .ipvs, let timeouts = node.records.ipvsTimeouts,
                let keepalive = node.host.sysctls["net.ipv4.tcp_keepalive_time"], let seconds = UInt32(keepalive.value),
                timeouts.tcp < seconds
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "forgets TCP connections after \(timeouts.tcp) s, and keepalive begins after \(seconds) s",
                evidence: [
                    .line(node: node.name, timeouts.source, text: "Timeout (tcp tcpfin udp): \(timeouts.tcp) …"),
                    .line(node: node.name, keepalive.source, text: "net.ipv4.tcp_keepalive_time = \(keepalive.value)"),
                ])
        }
    }
}

/// Every node answers for a load balancer's address.
package struct StrictARPOff: Check {
    package static let metadata = CheckMetadata(
        code: "IPV012", name: "strictarp-off-with-l2-lb", group: .ipvs, severity: .warning,
        finds: "A program announces load-balancer addresses by ARP, and nodes in IPVS mode answer for them too.",
        matters: "Clients on the link see several machines claim one address, and connections come and go.",
        confirm: ["sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce", "arping -c 3 LB-ADDRESS"],
        fix: "Set ipvs.strictARP to true in kube-proxy's ConfigMap, and restart kube-proxy.",
        sources: ["https://metallb.io/installation/#preparation", "linux Documentation/networking/ip-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        let announcers = objects.pods.filter { pod in
            let isSpeaker =
                pod.labels["component"] == "speaker" || pod.labels["app.kubernetes.io/component"] == "speaker"
            let app = pod.labels["app"] ?? pod.labels["app.kubernetes.io/name"] ?? ""
            return isSpeaker && app.contains("metallb") || app.contains("kube-vip")
                || pod.name.name.hasPrefix("kube-vip")
        }
        guard let announcer = announcers.first,
            objects.services.contains(where: { $0.loadBalancerIngress.contains { $0.address != nil } })
        else { return [] }
        let (ignore, announce) = ("net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce")
        let nodes = context.snapshot.nodes.filter { node in
            guard context.proxyMode(node.name) == .ipvs else { return false }
            if let value = node.host.sysctls[ignore]?.value { return value == "0" }
            return node.proxyConfiguration.map { !($0.strictARP ?? false) } ?? false
        }
        guard let node = nodes.first else { return [] }
        var evidence: [Evidence] = [
            .field(object: "Pod \(announcer.name)", path: "metadata.name", value: announcer.name.name, announcer.source)
        ]
        for key in [ignore, announce] {
            if let sysctl = node.host.sysctls[key] {
                evidence.append(.line(node: node.name, sysctl.source, text: "\(key) = \(sysctl.value)"))
            }
        }
        return [
            Finding(
                Self.metadata, on: nodes.count == 1 ? .node(node.name) : .cluster, .proven,
                message:
                    "\(nodes.count) of \(context.snapshot.nodes.count) nodes answer ARP for every load-balancer address",
                cause: "strictARP is off, and kube-ipvs0 has all of them", evidence: evidence,
                fixes: [
                    Fix(
                        "answer for addresses of the asking device only",
                        commands: [
                            FixCommand(
                                .workstation,
                                "kubectl -n kube-system get configmap kube-proxy -o yaml "
                                    + "| sed 's/strictARP: false/strictARP: true/' | kubectl apply -f -",
                                undo: "kubectl -n kube-system get configmap kube-proxy -o yaml "
                                    + "| sed 's/strictARP: true/strictARP: false/' | kubectl apply -f -"),
                            FixCommand(.workstation, "kubectl -n kube-system rollout restart daemonset kube-proxy"),
                        ])
                ])
        ]
    }
}

/// A node sends to Services from the Services' own addresses, and nobody can answer it.
package struct ServiceSourceNotMasqueraded: Check {
    package static let metadata = CheckMetadata(
        code: "IPV013", name: "vip-source-not-masqueraded", group: .ipvs, severity: .error,
        finds: "The Services' addresses are inside the networks that kube-proxy takes for pods', in IPVS mode.",
        matters: "From any node a Service answers only by pods of that node.",
        confirm: ["tcpdump -ni any host CLUSTER-IP", "iptables -t nat -S KUBE-SERVICES"],
        fix: "Keep Services and pods in networks that do not overlap; until then let kube-proxy tell pods otherwise.",
        sources: ["kubernetes pull 63319", "linux net/ipv4/fib_frontend.c, fib_validate_source()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let probes = context.lossProbes.filter { probe in
            let nodes = probe.entryNodes.filter { context.proxyMode($0) == .ipvs }
            return !nodes.isEmpty && !probe.isLostToOthers && !probe.senders.isDisjoint(with: probe.destinations)
        }
        guard let first = probes.first, let example = first.senders.intersection(first.destinations).min() else {
            return []
        }
        let nodes = Set(probes.flatMap(\.entryNodes)).sorted()
        guard let proxy = context.proxies[nodes[0]], case .sources(let prefixes) = proxy.parameters.localDetection,
            let prefix = prefixes.first(where: { $0.contains(example) })
        else { return [] }
        let source = proxy.findings.first { $0.name == "local traffic detection" }?.source
        var fixes = ClusterCIDRFix.fixes(nodes, context)
        fixes.append(Self.masqueradeAll(nodes, context))
        return [
            Finding(
                Self.metadata, on: nodes.count == 1 ? .node(nodes[0]) : .cluster, .proven,
                message: "\(nodes.count == 1 ? "sends" : "nodes send") to Services from the Services' own addresses: "
                    + "\(example) is inside \(prefix), which kube-proxy takes for pods'",
                cause: "in IPVS mode the address is the node's own and is chosen as source; the other node has it too, "
                    + "and drops what comes from it",
                evidence: [.computed("local traffic is told by source prefix \(prefix)", source)]
                    + probes.prefix(2).map(\.group.evidence),
                fixes: fixes, explains: probes.map(\.group.id))
        ]
    }

    private static func masqueradeAll(_ nodes: [String], _ context: CheckContext) -> Fix {
        let edits: [SnapshotEdit] = nodes.compactMap { name in
            guard var parameters = context.proxies[name]?.parameters else { return nil }
            parameters.masqueradeAll = true
            return .rewriteProxyRules(node: name, parameters)
        }
        func set(_ value: String, was old: String) -> String {
            "kubectl -n kube-system get configmap kube-proxy -o yaml "
                + "| sed 's/masqueradeAll: \(old)/masqueradeAll: \(value)/' | kubectl apply -f -"
        }
        return Fix(
            "masquerade everything sent to a ClusterIP, at the price of the clients' addresses", edits: edits,
            commands: [
                FixCommand(.workstation, set("true", was: "false"), undo: set("false", was: "true")),
                FixCommand(
                    .workstation, "kubectl -n kube-system rollout restart daemonset kube-proxy",
                    undo: "kubectl -n kube-system rollout restart daemonset kube-proxy"),
            ])
    }
}

/// IPVS passes conntrack by.
package struct IPVSConntrackOff: Check {
    package static let metadata = CheckMetadata(
        code: "IPV014", name: "vs-conntrack-off", group: .ipvs, severity: .error,
        finds: "net.ipv4.vs.conntrack is 0: what IPVS sends is not tracked.",
        matters: "Nothing of it can be masqueraded, so that NodePorts reach other nodes' pods in vain.",
        confirm: ["sysctl net.ipv4.vs.conntrack"],
        fix: "Set net.ipv4.vs.conntrack to 1, as kube-proxy does at its start, and keep it so over a reboot.",
        sources: ["linux Documentation/networking/ipvs-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let key = "net.ipv4.vs.conntrack"
        return context.snapshot.nodes.compactMap { node in
            guard context.proxyMode(node.name) == .ipvs, let sysctl = node.host.sysctls[key], sysctl.value == "0" else {
                return nil
            }
            let losses = context.lossProbes.filter { probe in
                probe.entryNodes.contains(node.name) && !probe.services.isEmpty && !probe.isMasqueraded
                    && !probe.isLostToOthers && probe.group.decision?.cause != .noListener
            }.map(\.group.id)
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "does not track what IPVS sends",
                evidence: [.line(node: node.name, sysctl.source, text: "\(key) = 0")],
                fixes: [
                    Fix(
                        "track connections of IPVS on \(node.name)",
                        edits: [.setSysctl(.host(node: node.name), key: key, value: "1")],
                        commands: [Remedies.sysctl(key, "1", on: node.name, was: "0")])
                ], explains: losses)
        }
    }
}

/// A client sticks to an endpoint that is gone.
package struct UDPPersistStale: Check {
    package static let metadata = CheckMetadata(
        code: "IPV010", name: "udp-persist-stale", group: .ipvs, severity: .warning,
        finds: "IPVS keeps a UDP connection, or a client's stickiness, to an address that is none of the endpoints.",
        matters: "A client that keeps its port gets no answer for as long as it goes on asking.",
        confirm: ["ipvsadm -lnc | grep UDP"],
        fix: "Set net.ipv4.vs.expire_nodest_conn to 1, and let the client open its socket anew.",
        sources: ["linux Documentation/networking/ipvs-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let stale = (node.records.ipvsConnections ?? []).filter { connection in
                guard connection.ipProtocol == .udp || connection.state == "NONE",
                    let known = ServiceEndpoints.endpoints(
                        of: connection.virtual, connection.ipProtocol, on: node.name, context)
                else { return false }
                return !known.contains(connection.real.address)
            }
            guard let first = stale.first else { return nil }
            let key = "net.ipv4.vs.expire_nodest_conn"
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "keeps \(first.client) at \(first.real), which is no endpoint of \(first.virtual)",
                evidence: stale.prefix(3).map {
                    Evidence.line(node: node.name, $0.source, text: "UDP \($0.client) \($0.virtual) \($0.real)")
                },
                fixes: [
                    Fix(
                        "let IPVS forget connections without an endpoint",
                        edits: [.setSysctl(.host(node: node.name), key: key, value: "1")],
                        commands: [
                            Remedies.sysctl(key, "1", on: node.name, was: node.host.sysctls[key]?.value)
                        ])
                ])
        }
    }
}

/// Connections to an endpoint never get beyond their first packet.
package struct BackendUnreachable: Check {
    package static let metadata = CheckMetadata(
        code: "IPV019", name: "backend-unreachable-syn-recv", group: .ipvs, severity: .warning,
        finds: "IPVS has several connections in SYN_RECV to one endpoint, and none that is established.",
        matters: "The way from the node to the pod, or back, is broken; IPVS itself does what it should.",
        confirm: ["ipvsadm -lnc | grep SYN_RECV"], fix: "Trace the way from the node to the endpoint.",
        sources: ["linux net/netfilter/ipvs/ip_vs_proto_tcp.c"])

    package init() {}

    /// So many that it is not a moment's chance.
    private static let least = 3

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.flatMap { node -> [Finding] in
            let byServer = Dictionary(grouping: node.records.ipvsConnections ?? [], by: \.real)
            return byServer.sorted { $0.key < $1.key }.compactMap { real, connections in
                let waiting = connections.filter { $0.state == "SYN_RECV" }
                guard waiting.count >= Self.least, !connections.contains(where: { $0.state == "ESTABLISHED" }) else {
                    return nil
                }
                return Finding(
                    Self.metadata, on: .node(node.name), .likely,
                    message: "has \(waiting.count) connections to \(real) that were not answered, and none that was",
                    evidence: waiting.prefix(2).map {
                        Evidence.line(
                            node: node.name, $0.source, text: "SYN_RECV \($0.client) \($0.virtual) \($0.real)")
                    })
            }
        }
    }
}
