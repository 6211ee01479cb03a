/// Labels, annotations, and fields whose values are words of the API.
enum LabelNames {
    private static let publicDomains = [
        "kubernetes.io", "k8s.io", "projectcalico.org", "coreos.com", "cilium.io", "x-k8s.io", "openshift.io",
    ]

    /// Whether a key belongs to Kubernetes or a network plugin.
    static func isPublic(_ key: String) -> Bool {
        guard let slash = key.firstIndex(of: "/") else { return false }
        let domain = key[..<slash]
        return publicDomains.contains { domain == $0 || domain.hasSuffix("." + $0) }
            && !key.hasSuffix("last-applied-configuration")
    }

    static func key(_ key: String, _ redactor: inout Redactor) -> String {
        if isPublic(key) { return key }
        if publicKeys.contains(key) { return key }
        if key.contains("/"), !key.contains(":") {
            return key.split(separator: "/", omittingEmptySubsequences: false).map {
                redactor.names.name(String($0))
            }.joined(separator: "/")
        }
        if key.contains(where: { "./: ".contains($0) }) {
            return JSONRewriter.rewritten(key, .free, &redactor)
        }
        return redactor.names.name(key)
    }

    /// Labels that half of the world has, resources, and what ConfigMaps of network components hold.
    private static let publicKeys: Set<String> = [
        "app", "name", "component", "tier", "k8s-app", "role", "version", "controller-revision-hash",
        "pod-template-hash", "pod-template-generation", "cpu", "memory", "pods", "ephemeral-storage", "hugepages-1Gi",
        "hugepages-2Mi", "kubeproxy.config.k8s.io", "kubelet.config.k8s.io", "config.conf", "kubeconfig.conf",
        "cni-conf.json", "net-conf.json", "Corefile", "kubelet",
        "cni_network_config", "calico_backend", "typha_service_name", "veth_mtu", "ClusterConfiguration",
    ]

    /// Labels whose numbers count something.
    private static let counted: Set<String> = [
        "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index", "pod-template-generation",
        "app.kubernetes.io/version", "version",
    ]

    /// A label's value of digits: a name too, where it does not count something.
    static func number(_ text: String, of key: String, _ redactor: inout Redactor) -> String {
        counted.contains(key) ? text : redactor.names.name(text)
    }

    /// The value of a label: a name, but for numbers and what addresses are in it.
    static func value(_ text: String, of key: String, _ redactor: inout Redactor) -> String {
        // A quantity, such as how many pods a node takes.
        if NamePseudonyms.isNumber(text) { return text }
        if Redactor.isNumber(text) { return JSONRewriter.rewritten(text, .free, &redactor) }
        if text.utf8.allSatisfy({ TokenScanner.isWordByte($0) || $0 == UInt8(ascii: "-") }) {
            return publicLabels.contains(key) && publicValues.contains(text) ? text : redactor.names.name(text)
        }
        return JSONRewriter.rewritten(text, .free, &redactor)
    }

    /// A registry, folders in it, and a version: all are names, but those that everybody pulls.
    static func image(_ text: String, _ redactor: inout Redactor) -> String {
        let isPublic = publicImages.contains(repository(text))
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { part -> String in
            let words = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = words.first else { return "" }
            let other = isPublic || registries.contains(name) ? name : redactor.names.name(name)
            let rest = words.dropFirst().map {
                Redactor.isNumber($0) ? $0 : JSONRewriter.rewritten($0, .free, &redactor)
            }
            return ([other] + rest).joined(separator: ":")
        }
        return parts.joined(separator: "/")
    }

    /// An image's name without a well-known registry, and without tag and digest.
    private static func repository(_ image: String) -> String {
        var parts = image.split(separator: "/").map(String.init)
        if let first = parts.first, registries.contains(first) { parts.removeFirst() }
        if parts.first == "library" { parts.removeFirst() }
        if let last = parts.popLast() { parts.append(String(last.prefix { $0 != ":" && $0 != "@" })) }
        return parts.joined(separator: "/")
    }

    private static let registries: Set<String> = ["registry.k8s.io", "k8s.gcr.io", "docker.io", "quay.io", "ghcr.io"]

    private static let publicImages: Set<String> = [
        "pause", "busybox", "kube-proxy", "coredns/coredns", "coredns", "calico/node", "calico/cni", "calico/typha",
        "calico/kube-controllers", "flannel/flannel", "flannel/flannel-cni-plugin", "flannel-io/flannel",
        "flannel-io/flannel-cni-plugin", "coreos/flannel", "cilium/cilium", "cilium/operator-generic",
        "kindest/kindnetd",
    ]

    /// Values of fields that are words of the API in small letters, besides those of the formats.
    static let fieldValues: Set<String> = [
        "linux", "windows", "amd64", "arm64", "arm", "s390x", "ppc64le", "v1", "systemd", "cgroupfs", "userspace",
        "host-local", "loopback", "portmap", "bandwidth", "tuning", "calico", "calico-ipam", "flannel", "cilium-cni",
        "kindnet", "http", "https", "grpc", "lc", "dh", "sh", "sed", "nq", "wrr", "wlc", "lblc", "lblcr", "mh",
    ]

    /// Labels and annotations whose values are words of Kubernetes or of a network plugin.
    private static let publicLabels: Set<String> = [
        "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
        "endpointslice.kubernetes.io/managed-by", "app.kubernetes.io/managed-by", "service.kubernetes.io/topology-mode",
        "service.kubernetes.io/topology-aware-hints", "kubernetes.io/cluster-service",
        "flannel.alpha.coreos.com/backend-type", "pod-security.kubernetes.io/enforce", "node.kubernetes.io/role",
    ]

    private static let publicValues: Set<String> = [
        "linux", "amd64", "arm64", "node", "control-plane", "Helm", "Auto", "auto", "Disabled", "PreferZone",
        "PreferClose", "endpointslice-controller", "apiserver", "vxlan", "host-gw", "cluster-service",
    ]

    static let keptFields: Set<String> = [
        "kind", "apiVersion", "type", "protocol", "phase", "status", "addressType", "ipFamilyPolicy", "ipFamilies",
        "internalTrafficPolicy", "externalTrafficPolicy", "sessionAffinity", "operator", "effect", "restartPolicy",
        "dnsPolicy", "imagePullPolicy", "mode", "scheduler", "detectLocalMode", "kubeletVersion", "kubeProxyVersion",
        "containerRuntimeVersion", "architecture", "operatingSystem", "policyTypes", "ipMode", "creationTimestamp",
        "lastTransitionTime", "lastHeartbeatTime", "startTime", "trafficDistribution", "Backend", "Type", "cniVersion",
        "syncPeriod", "minSyncPeriod", "tcpTimeout", "tcpFinTimeout", "udpTimeout", "tcpEstablishedTimeout",
        "tcpCloseWaitTimeout", "appProtocol", "cgroupDriver", "iptables", "deletionTimestamp", "endpointslice",
    ]

    static func isPlainValue(_ text: String) -> Bool {
        text.utf8.count < 64
            && text.utf8.allSatisfy { TokenScanner.isWordByte($0) || ".-+:/~".utf8.contains($0) }
    }
}
