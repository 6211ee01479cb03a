import ClewDataplane
import ClewDiagnostics
import ClewSnapshot

/// Commands that several checks give, in the form that lasts and can be undone.
enum Remedies {
    /// Sets a kernel parameter now, and for the next start.
    static func sysctl(_ key: String, _ value: String, on node: String, was old: String?) -> FixCommand {
        FixCommand(
            .node(node), "sysctl -w \(key)=\(value)",
            persist:
                "printf '%s = %s\\n' \(key) \(value) >> /etc/sysctl.d/99-zz-clew-k8s.conf && sysctl -p /etc/sysctl.d/99-zz-clew-k8s.conf",
            undo: old.map { "sysctl -w \(key)=\($0)" })
    }

    /// Has kube-proxy write its rules anew: they are never to be edited by hand.
    static func restartKubeProxy(on node: String) -> FixCommand {
        FixCommand(
            .workstation,
            "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector spec.nodeName=\(node)")
    }

    /// A rule at the top of a chain, once.
    static func insertRule(_ rule: String, chain: String, table: String, on node: String, isIPv6: Bool) -> FixCommand {
        let tool = isIPv6 ? "ip6tables" : "iptables"
        let place = "-t \(table)"
        return FixCommand(
            .node(node), "\(tool) \(place) -C \(chain) \(rule) 2>/dev/null || \(tool) \(place) -I \(chain) 1 \(rule)",
            persist: "install the command as a systemd unit with After=docker.service firewalld.service",
            undo: "\(tool) \(place) -D \(chain) \(rule)")
    }
}

extension CheckContext {
    /// The lost connections of some causes, each with the line that decides as evidence.
    func lost(_ isMeant: (LostConnections) -> Bool) -> [LostConnections] { survey.lost.filter(isMeant) }
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
