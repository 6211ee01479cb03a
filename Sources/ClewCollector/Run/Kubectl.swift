/// `kubectl`, with what tells it the cluster: so that every way to log in works that works there.
package struct Kubectl: Sendable {
    /// The program and its first words.
    private let words: [String]

    package init(program: String, context: String?, kubeconfig: String?) {
        words =
            [program] + (context.map { ["--context", $0] } ?? []) + (kubeconfig.map { ["--kubeconfig", $0] } ?? [])
    }

    func call(_ arguments: [String], input: [UInt8] = []) -> ProgramCall {
        ProgramCall(words + arguments, input: input)
    }

    /// The program and its first words, for a shell.
    var shellWords: String {
        words.map { "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'" }
            .joined(separator: " ")
    }

    /// Lists the nodes, of a label selector or all.
    package func nodesTask(selector: String?, timeout: Duration) -> NodeTask {
        let words =
            ["get", "nodes", "--request-timeout=\(timeout.components.seconds)s", "-o"]
            + [#"jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}"#] + (selector.map { ["-l", $0] } ?? [])
        return NodeTask(
            name: "the list of nodes", stages: [.init("listing nodes", call(words))], timeout: timeout, attempts: 2)
    }

    /// The objects that are asked for: what they are called in the bundle, and the words behind `get`.
    ///
    /// Never Secrets. Of ConfigMaps only those that configure the network.
    package static let objects: [(file: String, words: [String])] =
        [
            "nodes", "pods", "services", "endpointslices.discovery.k8s.io", "endpoints", "namespaces",
            "networkpolicies.networking.k8s.io", "daemonsets.apps",
        ].map { (file: String($0.prefix { $0 != "." }), words: [$0, "--all-namespaces"]) }
        + [
            ("kube-proxy", "kube-system"), ("coredns", "kube-system"), ("kube-flannel-cfg", "kube-flannel"),
            ("kube-flannel-cfg", "kube-system"), ("calico-config", "kube-system"), ("cilium-config", "kube-system"),
            ("kubeadm-config", "kube-system"),
        ].map { name, namespace in
            (
                file: "configmap-\(namespace)-\(name)",
                words: ["configmap", name, "--namespace", namespace, "--ignore-not-found"]
            )
        }

    /// The tasks that get the objects, a page of 500 at a time.
    package func objectTasks(timeout: Duration) -> [NodeTask] {
        Self.objects.map { object in
            let words =
                ["get"] + object.words
                + ["-o", "json", "--chunk-size=500", "--request-timeout=\(timeout.components.seconds)s"]
            return NodeTask(
                name: object.file, stages: [.init("getting \(object.file)", call(words))], timeout: timeout, attempts: 2
            )
        }
    }

    /// The roles that a collection needs, to be applied by somebody who may.
    package static func roles(namespace: String, user: String) -> String {
        """
        # What `clew collect` needs. It never reads Secrets.
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata:
          name: clew-collect
        rules:
        - apiGroups: [""]
          resources: [nodes, pods, services, endpoints, namespaces]
          verbs: [get, list]
        - apiGroups: [discovery.k8s.io]
          resources: [endpointslices]
          verbs: [get, list]
        - apiGroups: [networking.k8s.io]
          resources: [networkpolicies]
          verbs: [get, list]
        - apiGroups: [apps]
          resources: [daemonsets]
          verbs: [get, list]
        - apiGroups: [""]
          resources: [configmaps]
          resourceNames: [\(Set(objects.filter { $0.words[0] == "configmap" }.map { $0.words[1] }).sorted()
            .joined(separator: ", "))]
          verbs: [get]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata:
          name: clew-collect
        roleRef:
          apiGroup: rbac.authorization.k8s.io
          kind: ClusterRole
          name: clew-collect
        subjects:
        - apiGroup: rbac.authorization.k8s.io
          kind: User
          name: \(user)
        ---
        # Only for --via kubectl-debug and --via daemonset: privileged pods, and commands in them.
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata:
          name: clew-collect-pods
          namespace: \(namespace)
        rules:
        - apiGroups: [""]
          resources: [pods]
          verbs: [get, list, watch, create, delete]
        - apiGroups: [""]
          resources: [pods/exec]
          verbs: [get, create]
        - apiGroups: [apps]
          resources: [daemonsets]
          verbs: [get, list, watch, create, delete]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata:
          name: clew-collect-pods
          namespace: \(namespace)
        roleRef:
          apiGroup: rbac.authorization.k8s.io
          kind: Role
          name: clew-collect-pods
        subjects:
        - apiGroup: rbac.authorization.k8s.io
          kind: User
          name: \(user)

        """
    }
}
