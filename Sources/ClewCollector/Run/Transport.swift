/// A way to run the node script on a node.
package enum Transport: Sendable, Hashable {
    /// On this machine.
    case local
    case ssh(user: String?)
    /// In a container that is a node, as kind and minikube have them: `docker`, `podman`, `nerdctl`.
    case container(engine: String)
    /// In a privileged pod for each node.
    case debugPod
    /// In the pods of one DaemonSet.
    case daemonSet

    /// Reads what follows `--via`.
    package init?(_ text: String) {
        switch text {
        case "local": self = .local
        case "ssh": self = .ssh(user: nil)
        case "docker", "podman", "nerdctl": self = .container(engine: text)
        case "kubectl-debug": self = .debugPod
        case "daemonset": self = .daemonSet
        default:
            guard text.hasPrefix("ssh:") else { return nil }
            let user = text.dropFirst(4).prefix { $0 != "@" }
            // ssh reads what begins with a dash as an option.
            guard !user.isEmpty, !user.hasPrefix("-"), text.hasSuffix("@") || !text.contains("@") else { return nil }
            self = .ssh(user: String(user))
        }
    }

    /// Whether pods are made for it.
    package var needsPods: Bool { self == .debugPod || self == .daemonSet }
}

/// A node to collect from.
package struct NodeTarget: Sendable, Hashable {
    /// As Kubernetes has it.
    package var name: String
    /// Where it is reached, if not by its name.
    package var address: String

    package init(name: String, address: String? = nil) {
        self.name = name
        self.address = address ?? name
    }

    /// Reads `NAME` or `NAME=ADDRESS`; `nil` for what could be taken for an option, or would not be a file's name.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first, !name.isEmpty, !name.hasPrefix("-"), !name.hasPrefix("."),
            name.utf8.allSatisfy(Self.isNamePart)
        else { return nil }
        self.init(name: name, address: parts.count > 1 ? parts[1] : nil)
        guard !address.isEmpty, !address.hasPrefix("-"), !address.contains(where: \.isWhitespace) else { return nil }
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

/// How the script is run on nodes.
package struct NodeCalls: Sendable {
    package var transport: Transport
    /// For one node, from the first word to the last.
    package var timeout: Duration
    /// Words between `ssh` and the host.
    package var sshOptions: [String] = []
    package var script: String = NodeScript.text

    package init(_ transport: Transport, timeout: Duration) {
        self.transport = transport
        self.timeout = timeout
    }

    private var seconds: Int { Int(timeout.components.seconds) }

    /// The script's options: it ends by itself, with what it has, before it is ended.
    package func options(for node: String) -> [String] {
        let deadline = min(240, seconds >= 30 ? seconds - 10 : max(seconds * 2 / 3, 1))
        return [
            "--node", node, "--deadline", "\(deadline)", "--timeout", "\(max(min(20, deadline / 3), 1))", "--gap",
            "\(min(10, deadline / 4))",
        ]
    }

    /// The task for a node that is reached without a pod of our own.
    package func task(_ target: NodeTarget) -> NodeTask {
        let options = options(for: target.name)
        let words: [String]
        switch transport {
        case .local, .debugPod, .daemonSet: words = ["sh", "-s", "--"] + options
        case .container(let engine): words = [engine, "exec", "-i", target.address, "sh", "-s", "--"] + options
        case .ssh(let user):
            let host = user.map { "\($0)@\(target.address)" } ?? target.address
            words =
                ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=\(max(min(10, seconds / 3), 1))", "-o"]
                + ["ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"] + sshOptions
                + ["--", host, Self.asRoot(["-s", "--"] + options)]
        }
        let stage = NodeTask.Stage("collecting", ProgramCall(words, input: Array(script.utf8)))
        return NodeTask(
            name: target.name, stages: [stage], timeout: timeout, attempts: transport == .local ? 1 : 3)
    }

    /// A shell's words that run `sh` as root where that needs no password.
    private static func asRoot(_ arguments: [String]) -> String {
        let words = arguments.map { "'\($0)'" }.joined(separator: " ")
        return
            "if [ \"$(id -u)\" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh \(words); fi; exec sh \(words)"
    }
}

/// Pods in which the script runs, and what `kubectl` is told of them.
package struct CollectorPods: Sendable {
    package var kubectl: Kubectl
    package var namespace: String
    package var image: String
    /// Tells this collection's pods from those of others.
    package var identifier: String
    package var calls: NodeCalls

    package init(
        kubectl: Kubectl, namespace: String, image: String, identifier: String, calls: NodeCalls
    ) {
        self.kubectl = kubectl
        self.namespace = namespace
        self.image = image
        self.identifier = identifier
        self.calls = calls
    }

    package static let label = "clew.dev/collection"

    private var inNamespace: [String] { ["--namespace", namespace] }

    private var lifetime: Int { Int(calls.timeout.components.seconds) + 120 }

    /// The task for a node: makes a pod, waits for it, runs the script in it, removes it.
    package func debugTask(_ target: NodeTarget, number: Int) -> NodeTask {
        let pod = "clew-collect-\(identifier)-\(number)"
        let wait = max(Int(calls.timeout.components.seconds) / 2, 1)
        return NodeTask(
            name: target.name,
            stages: [
                .init(
                    "making a pod",
                    kubectl.call(
                        ["create", "--validate=false"] + inNamespace + ["-f", "-", "-o", "name"],
                        input: podText(pod, on: target.name))),
                .init(
                    "starting the pod",
                    kubectl.call(
                        ["wait"] + inNamespace + ["--for=condition=Ready", "pod/\(pod)", "--timeout=\(wait)s"])),
                execStage(pod: pod, node: target.name),
            ],
            cleanup: [
                .init(
                    "removing the pod",
                    kubectl.call(
                        ["delete", "pod", pod] + inNamespace
                            + ["--ignore-not-found", "--wait=false", "--force", "--grace-period=0"]))
            ],
            timeout: calls.timeout)
    }

    /// Runs the script in a pod that is there.
    package func execStage(pod: String, node: String) -> NodeTask.Stage {
        let words =
            ["exec", "-i"] + inNamespace + [pod, "-c", "collect", "--", "sh", "-c", Self.enterNode, "clew"]
            + calls.options(for: node)
        return .init("collecting", kubectl.call(words, input: Array(calls.script.utf8)))
    }

    /// Runs the script with the node's own shell and tools, or, where it has none, with the image's.
    static let enterNode = """
        if nsenter -t 1 -m -- sh -c : </dev/null >/dev/null 2>&1; then exec nsenter -t 1 -m -n -- sh -s -- "$@"; fi
        if chroot /host sh -c : </dev/null >/dev/null 2>&1; then exec chroot /host sh -s -- "$@"; fi
        exec sh -s -- --root /host "$@"
        """

    /// Makes the DaemonSet and waits until its pods run, as far as they do.
    package func daemonSetStart(nodes: [String]?) -> NodeTask {
        let name = "clew-collect-\(identifier)"
        let wait = max(Int(calls.timeout.components.seconds) / 3, 1)
        let status =
            "\(kubectl.shellWords) rollout status daemonset/\(name) --namespace \(namespace) --timeout=\(wait)s"
        return NodeTask(
            name: "DaemonSet \(name)",
            stages: [
                .init(
                    "making the DaemonSet",
                    kubectl.call(
                        ["create", "--validate=false"] + inNamespace + ["-f", "-", "-o", "name"],
                        input: daemonSetText(name, nodes: nodes))),
                // Nodes that are down never get there: the rest is collected from all the same.
                .init("waiting for its pods", ProgramCall(["sh", "-c", "\(status) >&2 || true"])),
                .init(
                    "listing its pods",
                    kubectl.call(
                        ["get", "pods"] + inNamespace + [
                            "-l", "\(Self.label)=\(identifier)", "-o",
                            #"jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name} {.status.phase}{"\n"}{end}"#,
                        ])),
            ], timeout: calls.timeout)
    }

    /// Removes all that this collection made.
    package var removal: [NodeTask.Stage] {
        [
            .init(
                "removing the pods",
                kubectl.call(
                    ["delete", "daemonset,pod"] + inNamespace
                        + ["-l", "\(Self.label)=\(identifier)", "--wait=false", "--force", "--grace-period=0"]))
        ]
    }

    /// A process that removes the pods when this one is gone, however it ends.
    ///
    /// It waits for the end of its input, which this process holds open. A pod that was being made at that moment may
    /// appear later, so it looks again.
    package func guardWords() -> [String] {
        let delete =
            "\(kubectl.shellWords) delete daemonset,pod --namespace \(namespace) -l \(Self.label)=\(identifier) "
            + "--wait=false --force --grace-period=0 >/dev/null 2>&1"
        return ["sh", "-c", "trap '' INT TERM HUP; read x; for pause in 0 2 5 10; do sleep $pause; \(delete); done"]
    }

    private func podText(_ name: String, on node: String) -> [UInt8] {
        Array(
            """
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"\(name)","labels":{"\(Self.label)":"\(identifier)"}},\
            "spec":{"nodeName":"\(node)",\(podSpec(restart: "Never"))}}
            """.utf8)
    }

    private func daemonSetText(_ name: String, nodes: [String]?) -> [UInt8] {
        let names = nodes.map { $0.map { "\"\($0)\"" }.joined(separator: ",") }
        let affinity =
            names.map {
                """
                "affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":\
                [{"matchFields":[{"key":"metadata.name","operator":"In","values":[\($0)]}]}]}}},
                """
            } ?? ""
        let labels = "{\"\(Self.label)\":\"\(identifier)\"}"
        return Array(
            """
            {"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"\(name)","labels":\(labels)},\
            "spec":{"selector":{"matchLabels":\(labels)},"template":{"metadata":{"labels":\(labels)},\
            "spec":{\(affinity)\(podSpec(restart: "Always"))}}}}
            """.utf8)
    }

    /// The node's namespaces and files, all rights, a shell that waits, and an end of its own.
    private func podSpec(restart: String) -> String {
        // A DaemonSet's pods may not have a deadline.
        let deadline = restart == "Never" ? "\"activeDeadlineSeconds\":\(lifetime)," : ""
        return """
            "restartPolicy":"\(restart)",\(deadline)"hostNetwork":true,"hostPID":true,"hostIPC":true,\
            "automountServiceAccountToken":false,"terminationGracePeriodSeconds":1,"priorityClassName":\
            "system-node-critical","tolerations":[{"operator":"Exists"}],"containers":[{"name":"collect",\
            "image":"\(image)","command":["sh","-c","sleep \(lifetime)"],"securityContext":{"privileged":true},\
            "volumeMounts":[{"name":"host","mountPath":"/host"}]}],\
            "volumes":[{"name":"host","hostPath":{"path":"/"}}]
            """
    }
}
