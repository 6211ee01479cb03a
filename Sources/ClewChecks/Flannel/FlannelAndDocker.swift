import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// docker's bridge does not have flannel's network.
package struct DockerBipMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN005", name: "docker-bip-mismatch", group: .flannel, severity: .error,
        finds: "docker0 has another network than flannel gave the node, and docker is to use flannel's.",
        matters: "Pods of the node get addresses that other nodes do not route.",
        confirm: ["ip addr show docker0", "cat /run/flannel/subnet.env /run/flannel/docker"],
        fix: "Start docker after flanneld, with the options of /run/flannel/docker, and recreate the pods.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/running.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            // With CNI, docker0 is not the pods' bridge, and its network is of no account.
            guard let docker = node.node?.records.flannelDocker, let subnet = node.subnet else { return nil }
            let bip = DockerOptions(docker).bip
            let link = node.node?.host.link(named: "docker0")
            let own = link?.addresses.first { $0.address.family == subnet.family }
            let isOther = own.map { $0.address.network != subnet } ?? false
            let isToldOther = bip.map { $0.network != subnet } ?? false
            guard isOther || isToldOther else { return nil }
            var evidence = [node.environment("FLANNEL_SUBNET")].compactMap(\.self)
            if let own { evidence.append(.line(node: node.name, own.source, text: "docker0 \(own.address)")) }
            if let value = docker["DOCKER_OPT_BIP"] {
                evidence.append(.line(node: node.name, value.source, text: "DOCKER_OPT_BIP=\(value.text)"))
            }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message:
                    "has docker0 in \((isOther ? own?.address.network : bip?.network).map(\.description) ?? "another network"),"
                    + " and flannel's network is \(subnet)",
                cause: "docker started before flanneld, or does not read /run/flannel/docker", evidence: evidence,
                fixes: [DockerOptions.restart(node.name)])
        }
    }
}

/// docker's packets are too large for flannel, or masqueraded twice or never.
package struct DockerOptionsMismatch: Check {
    package static let metadata = CheckMetadata(
        code: "FLN006", name: "docker-mtu-or-masq-mismatch", group: .flannel, severity: .warning,
        finds: "docker's options do not go with flannel's: a larger MTU, or both or neither of them masquerade.",
        matters: "Large packets are lost, or pods reach no address outside, or lose theirs on the way to each other.",
        confirm: ["cat /run/flannel/subnet.env /run/flannel/docker", "ip link show docker0"],
        fix: "Make the options anew with mk-docker-opts.sh, and restart docker.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/dist/mk-docker-opts.sh"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            guard let docker = node.node?.records.flannelDocker, let environment = node.node?.records.flannelSubnet
            else { return nil }
            let options = DockerOptions(docker)
            var evidence: [Evidence] = []
            var message: String?
            if let text = node.mtu?.text, let mtu = UInt32(text) {
                let bridge = node.node?.host.link(named: "docker0")?.mtu ?? 0
                if let own = options.mtu, own > mtu {
                    message = "lets docker send \(own) bytes, and flannel carries \(mtu)"
                }
                if bridge > mtu { message = "has MTU \(bridge) on docker0, and flannel carries \(mtu)" }
            }
            if message == nil, let own = options.masquerades, let other = environment["FLANNEL_IPMASQ"]?.text,
                own == (other == "true")
            {
                message =
                    own
                    ? "masquerades pods twice, by docker and by flannel"
                    : "masquerades pods neither by docker nor by flannel"
            }
            guard let message else { return nil }
            for (key, value) in docker.sorted(by: { $0.key < $1.key }).prefix(3) {
                evidence.append(.line(node: node.name, value.source, text: "\(key)=\(value.text)"))
            }
            evidence += ["FLANNEL_MTU", "FLANNEL_IPMASQ"].compactMap(node.environment)
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: message, evidence: evidence,
                fixes: [DockerOptions.restart(node.name)])
        }
    }
}

/// What `/run/flannel/docker` tells docker.
struct DockerOptions {
    var bip: IPPrefix?
    var mtu: UInt32?
    var masquerades: Bool?

    init(_ values: [String: RecordedValue]) {
        let words = values.sorted { $0.key < $1.key }.flatMap { $0.value.text.split { $0 == " " || $0 == "\"" } }
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "--bip": bip = IPPrefix(String(parts[1]))
            case "--mtu": mtu = UInt32(parts[1])
            case "--ip-masq": masquerades = parts[1] == "true"
            default: break
            }
        }
    }

    static func restart(_ node: String) -> Fix {
        Fix(
            "start docker with flannel's options on \(node)",
            commands: [
                FixCommand(
                    .node(node), "systemctl restart flanneld docker",
                    persist:
                        "a drop-in of docker.service with After=flanneld.service and EnvironmentFile=-/run/flannel/docker"
                )
            ])
    }
}

/// flannel's devices take larger packets than the network below carries.
package struct FlannelMTUUnexpected: Check {
    package static let metadata = CheckMetadata(
        code: "FLN014", name: "flannel-mtu-unexpected", group: .flannel, severity: .warning,
        finds: "flannel's MTU is larger than the uplink's less what its tunnel adds, or its device has another.",
        matters: "Large packets are lost or cut into pieces; connections open and then stall.",
        confirm: ["cat /run/flannel/subnet.env", "ip link"],
        fix: "Restart flannel after a change of the uplink's MTU, or set Backend.MTU.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            guard let host = node.node?.host, let tunnel = node.tunnel, tunnel.mtu > 0 else { return nil }
            let overhead: UInt32 = tunnel.kind == .vxlan || tunnel.name.hasPrefix("flannel.") ? 50 : 28
            let told = node.mtu.flatMap { UInt32($0.text) }
            let uplink = Self.uplink(of: tunnel, host, node)
            var evidence: [Evidence] = [.line(node: node.name, tunnel.source, text: "\(tunnel.name) mtu \(tunnel.mtu)")]
            if let own = node.environment("FLANNEL_MTU") { evidence.append(own) }
            if let uplink, uplink.mtu > overhead, max(tunnel.mtu, told ?? 0) > uplink.mtu - overhead {
                evidence.append(.line(node: node.name, uplink.source, text: "\(uplink.name) mtu \(uplink.mtu)"))
                return finding(
                    node.name, .proven, .warning,
                    "has MTU \(max(tunnel.mtu, told ?? 0)) on flannel, and \(uplink.name) carries \(uplink.mtu - overhead) in its tunnel",
                    evidence, Self.fix(node.name, tunnel.name, uplink.mtu - overhead, was: tunnel.mtu))
            }
            guard let told, told != tunnel.mtu else { return nil }
            return finding(
                node.name, .likely, tunnel.mtu > told ? .warning : .notice,
                "has MTU \(tunnel.mtu) on \(tunnel.name), and subnet.env says \(told)", evidence, nil)
        }
    }

    private func finding(
        _ node: String, _ confidence: Confidence, _ severity: Severity, _ message: String, _ evidence: [Evidence],
        _ fix: Fix?
    ) -> Finding {
        Finding(
            Self.metadata, on: .node(node), confidence, severity: severity, message: message, evidence: evidence,
            fixes: [fix].compactMap(\.self))
    }

    private static func fix(_ node: String, _ device: String, _ mtu: UInt32, was old: UInt32) -> Fix {
        Fix(
            "make flannel's device small enough", edits: [.setMTU(.host(node: node), link: device, mtu: mtu)],
            commands: [
                FixCommand(
                    .node(node), "ip link set dev \(device) mtu \(mtu)", persist: "set Backend.MTU in net-conf.json",
                    undo: "ip link set dev \(device) mtu \(old)"), FlannelNode.restart(on: node),
            ])
    }

    /// The device below the tunnel: the one it names, that of the Node's address, or of the default route.
    private static func uplink(of tunnel: Link, _ host: NamespaceSnapshot, _ node: FlannelNode) -> Link? {
        if let name = tunnel.tunnel?.device { return host.link(named: name) }
        let addresses = node.object?.internalIPs ?? []
        if let link = host.links?.first(where: { link in
            link.addresses.contains { addresses.contains($0.address.address) }
        }) {
            return link
        }
        let route = host.routes?.first { $0.destination.length == 0 && $0.table == .main }
        return route?.nextHops.first?.device.flatMap { host.link(named: $0) }
    }
}

/// flannel's masquerading rules are gone.
package struct FlannelMasqueradeMissing: Check {
    package static let metadata = CheckMetadata(
        code: "FLN015", name: "flannel-masq-rules-missing", group: .flannel, severity: .warning,
        finds: "flannel is to masquerade what pods send outside, and its rules are not there.",
        matters: "Pods reach no address outside the cluster.",
        confirm: ["iptables -t nat -S FLANNEL-POSTRTG", "cat /run/flannel/subnet.env"],
        fix: "Restart flannel, and find out what flushed its rules.",
        sources: ["https://github.com/flannel-io/flannel, pkg/trafficmngr"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        FlannelNode.all(in: context).compactMap { node in
            guard let host = node.node?.host, !host.ruleSets.isEmpty,
                let flag = node.node?.records.flannelSubnet?["FLANNEL_IPMASQ"], flag.text == "true",
                !host.ruleSets.contains(where: Self.masquerades)
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "lacks flannel's rules that masquerade pods",
                evidence: [
                    .line(node: node.name, flag.source, text: "FLANNEL_IPMASQ=true"),
                    .absent(place: "nat POSTROUTING of \(node.name)", what: "FLANNEL-POSTRTG, or flannel's rules", nil),
                ],
                fixes: [Fix("have flannel write its rules again", commands: [FlannelNode.restart(on: node.name)])])
        }
    }

    private static func masquerades(_ rules: RuleSet) -> Bool {
        rules.tables.contains { $0.name.hasPrefix("flannel-ipv") }
            || rules.chains.contains { rules.string($0.name) == "FLANNEL-POSTRTG" && $0.ruleCount > 0 }
            || rules.rules.contains { rule in
                switch rule.target {
                case .masquerade, .nat: rules.string(rule.comment).contains("flannel")
                default: false
                }
            }
    }
}
