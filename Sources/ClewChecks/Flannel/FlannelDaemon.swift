import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// flanneld does not run on a node.
package struct FlanneldNotRunning: Check {
    package static let metadata = CheckMetadata(
        code: "FLN001", name: "flanneld-not-running", group: .flannel, severity: .warning,
        finds: "A node has no flannel pod that is ready, or its flanneld is not active.",
        matters: "Routes and tunnel entries follow no change; a node that joins is not reached.",
        confirm: ["kubectl -n kube-flannel get pods -l app=flannel -o wide", "systemctl status flanneld"],
        fix: "Read flannel's log of the run before, remove the cause, and delete the pod.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/troubleshooting.md"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let objects = context.snapshot.objects
        let pods = objects.pods.filter { pod in
            (pod.labels["app"] == "flannel" || pod.labels["k8s-app"] == "flannel") && !pod.hasEnded
        }
        return FlannelNode.all(in: context).compactMap { node in
            if let unit = node.node?.records.services?["flanneld"], unit.text == "failed" || unit.text == "inactive",
                pods.isEmpty
            {
                return finding(
                    node.name, .line(node: node.name, unit.source, text: "flanneld \(unit.text)"),
                    "has no active flanneld")
            }
            // k3s has flannel inside of itself, and no pods.
            guard !pods.isEmpty, node.object?.isReady ?? true else { return nil }
            let own = pods.filter { $0.nodeName == node.name }
            guard !own.contains(where: { $0.isReady ?? true }) else { return nil }
            let evidence: Evidence =
                own.first.map {
                    .field(object: "Pod \($0.name)", path: "status.conditions[Ready].status", value: "False", $0.source)
                } ?? .absent(place: "pods of \(node.name)", what: "one labelled app=flannel", node.object?.source)
            return finding(node.name, evidence, own.isEmpty ? "runs no flannel" : "runs a flannel that is not ready")
        }
    }

    private func finding(_ node: String, _ evidence: Evidence, _ message: String) -> Finding {
        Finding(
            Self.metadata, on: .node(node), .proven, message: message, evidence: [evidence],
            fixes: [
                Fix(
                    "see why flannel does not run",
                    commands: [
                        FixCommand(
                            .workstation,
                            "kubectl -n kube-flannel logs ds/kube-flannel-ds -c kube-flannel --previous --tail=100")
                    ])
            ])
    }
}

/// The file by which the CNI plugin knows the node's network is not there.
package struct SubnetFileMissing: Check {
    package static let metadata = CheckMetadata(
        code: "FLN002", name: "subnet-env-missing", group: .flannel, severity: .error,
        finds: "/run/flannel/subnet.env is not there: flanneld has not got a network for the node.",
        matters: "New pods of the node stay in ContainerCreating.",
        confirm: ["cat /run/flannel/subnet.env", "kubectl describe pod POD | grep loadFlannelSubnetEnv"],
        fix: "Repair flanneld, which writes the file; do not write it by hand.",
        sources: ["https://github.com/flannel-io/cni-plugin"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let nodes = FlannelNode.all(in: context)
        let isElsewhere = nodes.contains { $0.node?.records.flannelSubnet != nil }
        return context.snapshot.nodes.compactMap { node in
            let lines = LogLines.matching(
                ["loadflannelsubnetenv failed", "open /run/flannel/subnet.env: no such file"], in: node,
                of: [.services, .flannel, .other])
            // A node of which other files of this kind were collected was asked for it.
            let wasAsked = node.records.kernelRelease != nil || node.texts.contains { $0.path.hasPrefix("cni") }
            let isAbsent =
                isElsewhere && wasAsked && node.records.flannelSubnet == nil
                && nodes.contains { $0.name == node.name }
            guard isAbsent || !lines.isEmpty, node.records.flannelSubnet == nil else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), lines.isEmpty ? .likely : .proven,
                message: "has no /run/flannel/subnet.env, while flannel is its network",
                evidence: lines.suffix(2).map {
                    Evidence.line(node: node.name, $0.source, text: String($0.text.prefix(300)))
                }
                    + [.absent(place: "files of \(node.name)", what: "/run/flannel/subnet.env", nil)],
                fixes: [Fix("have flannel get a network again", commands: [FlannelNode.restart(on: node.name)])])
        }
    }
}

/// flannel does not come up.
package struct FlannelStartupError: Check {
    package static let metadata = CheckMetadata(
        code: "FLN010", name: "flannel-startup-error", group: .flannel, severity: .error,
        finds: "flannel's log says why it does not start.",
        matters: "The node gets no network, and its pods do not start.",
        confirm: ["kubectl -n kube-flannel logs ds/kube-flannel-ds -c kube-flannel --previous"],
        fix: "Do what the line asks for: a podCIDR for the node, rights of the service account, the right interface.",
        sources: ["https://github.com/flannel-io/flannel/blob/master/Documentation/troubleshooting.md"])

    package init() {}

    private static let classes: [(text: String, cause: String)] = [
        ("pod cidr not assigned", "the Node has no podCIDR: the controller manager gives none"),
        ("error parsing subnet config", "net-conf.json cannot be read"),
        ("failed to create subnetmanager", "flannel does not reach the API server, or is refused"),
        ("failed to find interface", "the interface that flannel is to use is not there"),
        ("could not find valid interface", "the interface that flannel is to use is not there"),
        ("couldn't fetch network config", "etcd does not answer, or has no configuration for flannel"),
        ("violates podsecurity", "the namespace does not allow privileged pods"),
    ]

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            for (text, cause) in Self.classes {
                let lines = LogLines.matching([text], in: node, of: [.flannel, .services])
                guard !lines.isEmpty else { continue }
                return Finding(
                    Self.metadata, on: .node(node.name), .likely, message: "runs a flannel that could not start",
                    cause: cause,
                    evidence: lines.suffix(2).map {
                        Evidence.line(node: node.name, $0.source, text: String($0.text.prefix(300)))
                    },
                    fixes: [
                        Fix(
                            "start flannel again once the cause is gone", commands: [FlannelNode.restart(on: node.name)]
                        )
                    ])
            }
            return nil
        }
    }
}
