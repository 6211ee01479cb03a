import ClewBundle
import ClewDataplane
import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Commands that several checks give, in the form that lasts and can be undone.
enum Remedies {
    /// Sets a kernel parameter now, and for the next start.
    static func sysctl(_ key: String, _ value: String, on node: String, was old: String?) -> FixCommand {
        FixCommand(
            .node(node), "sysctl -w \(name(key))=\(value)", persist: persistSysctl(key, value),
            undo: old.map { "sysctl -w \(name(key))=\($0)" })
    }

    /// The parameter's name as sysctl(8) takes it: with slashes where a device's name has a dot.
    private static func name(_ key: String) -> String {
        let parts = key.split(separator: ".").map(String.init)
        guard parts.count > 5, parts[0] == "net", ["conf", "neigh"].contains(parts[2]) else { return key }
        return (parts.prefix(3) + [parts[3..<parts.count - 1].joined(separator: "."), parts[parts.count - 1]])
            .joined(separator: "/")
    }

    /// One word for a shell, whatever is in it.
    static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// The file of Clew's own, which comes after all others.
    static let sysctlFile = "/etc/sysctl.d/99-zz-clew-k8s.conf"

    /// Keeps a kernel parameter over a reboot, by a file that comes after all others.
    static func persistSysctl(_ key: String, _ value: String) -> String {
        // What was written before is taken out, so that the file holds the key once.
        "touch \(sysctlFile) && \(forgetSysctl(key)) "
            + "&& printf '%s = %s\\n' \(name(key)) \(value) >> \(sysctlFile) && sysctl -p \(sysctlFile)"
    }

    /// Takes a kernel parameter out of Clew's own file.
    static func forgetSysctl(_ key: String) -> String {
        "sed -i '\\#^\(name(key)) *=#d' \(sysctlFile)"
    }

    /// Has kube-proxy write its rules anew: they are never to be edited by hand.
    static func restartKubeProxy(on node: String) -> FixCommand {
        FixCommand(
            .workstation,
            "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector spec.nodeName=\(node)")
    }

    /// Has the network plugin's agent of a node start anew.
    static func restartAgent(on node: String, _ context: CheckContext) -> FixCommand {
        let selector =
            context.snapshot.node(named: node)?.hasCalico == true
            ? "-n kube-system delete pod -l k8s-app=calico-node" : "-n kube-flannel delete pod -l app=flannel"
        return FixCommand(.workstation, "kubectl \(selector) --field-selector spec.nodeName=\(node)")
    }

    /// A rule at the top of a chain, once; by the tool that says its backend.
    static func insertRule(_ rule: String, chain: String, table: String, on node: String, tool: String) -> FixCommand {
        let place = "\(tool) -t \(table)"
        return FixCommand(
            .node(node), "\(place) -C \(chain) \(rule) 2>/dev/null || \(place) -I \(chain) 1 \(rule)",
            persist: "install the command as a systemd unit with After=docker.service firewalld.service",
            undo: "\(place) -D \(chain) \(rule)")
    }

    /// Accepts the pods' networks in a FORWARD chain, in both directions.
    static func acceptPods(
        on node: String, in artifacts: [ArtifactID], _ context: CheckContext
    ) -> (edits: [SnapshotEdit], commands: [FixCommand]) {
        var edits: [SnapshotEdit] = []
        var commands: [FixCommand] = []
        for artifact in artifacts {
            guard
                let ruleSet = context.snapshot.node(named: node)?.host.ruleSets.first(where: { $0.artifact == artifact }
                ),
                ruleSet.backend != .native, let family = ruleSet.tables.first?.family
            else { continue }
            let table = EditedTable(node: node, family: family, table: "filter", backend: ruleSet.backend)
            var ranges = context.acceptedPodNetworks(family == .ipv6 ? .ipv6 : .ipv4)
            if ranges.isEmpty { ranges = context.bridgedNetworks(family == .ipv6 ? .ipv6 : .ipv4) }
            for range in ranges {
                for direction in ["-s", "-d"] {
                    let rule = "\(direction) \(range) -j ACCEPT"
                    edits.append(.insertRule(table, chain: "FORWARD", at: 1, rule: rule))
                    commands.append(
                        insertRule(rule, chain: "FORWARD", table: "filter", on: node, tool: ruleSet.tool(family)))
                }
            }
        }
        return (edits, commands)
    }

    /// Takes a rule out of its chain, with the place it is to be put back to.
    static func deleteRule(_ source: SourceLine, on node: String, _ context: CheckContext) -> Fix? {
        guard
            let ruleSet = context.snapshot.node(named: node)?.host.ruleSets.first(where: {
                $0.artifact == source.artifact
            }),
            ruleSet.backend != .native, let place = ruleSet.place(ofLine: source.line), place.text.hasPrefix("-A ")
        else { return nil }
        let rule = place.text.dropFirst(3 + place.chain.count + 1)
        let tool = "\(ruleSet.tool(place.table.family)) -t \(place.table.name)"
        return Fix(
            "take the rule away, once it is known who wrote it and what for",
            edits: [.deleteRule(node: node, source)],
            commands: [
                FixCommand(
                    .node(node), "\(tool) -D \(place.chain) \(rule)", persist: "change it where it is written",
                    undo: "\(tool) -I \(place.chain) \(place.number) \(rule)")
            ])
    }

    /// A route, put there whatever is there now.
    static func route(_ text: String, _ family: AddressFamily, on node: String, was old: Route?) -> FixCommand {
        let tool = family == .ipv6 ? "ip -6 route" : "ip route"
        let undo = old.map { "\(tool) replace \(commandText($0))" } ?? "\(tool) del \(deletion(text))"
        return FixCommand(
            .node(node), "\(tool) replace \(text)",
            persist:
                "the network plugin's agent, or the network's configuration, has to write it: it is lost at a reboot",
            undo: undo)
    }

    /// A route's words as `ip route` takes them.
    static func commandText(_ route: Route) -> String {
        let flags: Set<String> = ["linkdown", "dead", "offload", "pervasive", "notify"]
        return route.text.split(separator: " ").filter { !flags.contains(String($0)) }.joined(separator: " ")
    }

    /// Words that name a route to `ip route del`: its type, destination, next hop and device.
    private static func deletion(_ text: String) -> String {
        text.split(separator: " ").filter { $0 != "onlink" }.joined(separator: " ")
    }
}

extension CheckContext {
    /// The lost connections of some causes, each with the line that decides as evidence.
    func lost(_ isMeant: (LostConnections) -> Bool) -> [LostConnections] { survey.lost.filter(isMeant) }

    /// The networks of bridges that pods are ports of, on every node: what stands for the pods' networks where no
    /// object names them.
    func bridgedNetworks(_ family: AddressFamily) -> [IPPrefix] {
        let found = snapshot.nodes.flatMap(\.podBridges).flatMap(\.addresses).map(\.address)
            .filter { $0.family == family && !$0.address.isLinkLocal }.map(\.network)
        return Set(found).sorted()
    }
}

extension LostConnections {
    /// The line that decides, as evidence; where none does, what was said.
    var evidence: Evidence {
        guard let decision else { return .computed(reason, nil) }
        guard let source = decision.source else { return .computed(decision.text, nil) }
        return .line(node: decision.node, source, text: decision.text)
    }

    /// `worker-a`; a connection that is lost outside of every node has none.
    var place: Subject { node.map(Subject.node) ?? .cluster }
}
