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
        if isPublic(key) {
            // Of these the last part is what the cluster's owners call something.
            guard let slash = key.lastIndex(of: "/"), ownParts.contains(String(key[..<slash])) else { return key }
            let name = String(key[key.index(after: slash)...])
            return key[...slash] + (PlainWords.contains(name) ? name : redactor.names.name(name))
        }
        if publicKeys.contains(key) { return key }
        if TokenScanner.holdsAddress(key) { return JSONRewriter.rewritten(key, .free, &redactor) }
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

    private static let ownParts: Set<String> = [
        "node-role.kubernetes.io", "node-restriction.kubernetes.io", "kubernetes.io/cluster",
        "container.apparmor.security.beta.kubernetes.io", "container.seccomp.security.alpha.kubernetes.io",
    ]

    /// Whether an `apiVersion` is Kubernetes' own or that of a network plugin.
    static func isOfKubernetes(group text: String) -> Bool {
        !text.prefix { $0 != "/" }.contains(".") || isPublic(text)
    }

    /// Fields of configurations, besides those that are made of plain words.
    static let fields: Set<String> = [
        "ipMasq", "isGateway", "isDefaultGateway", "hairpinMode", "promiscMode", "rangeStart", "rangeEnd", "dataDir",
        "ipam", "bipMode", "EnableIPv4", "EnableIPv6", "EnableNFTables", "IPv6Network", "SubnetLen", "SubnetMin",
        "SubnetMax", "DirectRouting", "GBP", "VNI", "MTU", "mtu", "datastore_type", "nodename", "log_level",
        "assign_ipv4", "assign_ipv6", "clusterCIDR", "podCIDR", "featureGates", "masqueradeBit", "excludeCIDRs", "qps",
        "strictARP", "tcpBeLiberal", "verbosity", "insecure-skip-tls-verify", "certificate-authority-data",
        "client-certificate-data", "client-key-data", "current-context", "bip", "ipmasq", "cidr", "cidrs",
    ]

    /// `apps/v1`: groups of the API but those of Kubernetes and its network plugins are their owners' domains.
    static func group(_ text: String, _ redactor: inout Redactor) -> String {
        guard let slash = text.firstIndex(of: "/"), !isOfKubernetes(group: text) else { return text }
        let rest = text[text.index(after: slash)...]
        let isVersion = Redactor.isNumber(String(rest)) || rest.hasPrefix("v1") || rest.hasPrefix("v2")
        return redactor.names.name(String(text[..<slash])) + "/"
            + (isVersion ? String(rest) : redactor.names.name(String(rest)))
    }

    /// `aws:///eu-west-1a/i-0abc`: a machine, as its cloud calls it.
    static func provider(_ text: String, _ redactor: inout Redactor) -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let others = parts.enumerated().map { index, part in
            index == 0 && part.hasSuffix(":") || part.isEmpty ? part : redactor.objectName(part)
        }
        return others.joined(separator: "/")
    }

    /// Kinds of the API's own objects, and of network plugins'.
    static let kinds: Set<String> = [
        "APIService", "Binding", "CertificateSigningRequest", "ClusterCIDR", "ClusterRole", "ClusterRoleBinding",
        "ClusterTrustBundle", "ComponentStatus", "ConfigMap", "ControllerRevision", "CronJob", "CSIDriver", "CSINode",
        "CSIStorageCapacity", "CustomResourceDefinition", "DaemonSet", "Deployment", "DeviceClass", "Endpoints",
        "EndpointSlice", "Event", "Eviction", "FlowSchema", "Gateway", "GatewayClass", "GRPCRoute",
        "HorizontalPodAutoscaler", "HTTPRoute", "Ingress", "IngressClass", "IPAddress", "Job", "Lease", "LimitRange",
        "List", "LocalSubjectAccessReview", "MutatingWebhookConfiguration", "Namespace", "NetworkPolicy", "Node",
        "PersistentVolume", "PersistentVolumeClaim", "Pod", "PodDisruptionBudget", "PodSecurityPolicy", "PodTemplate",
        "PriorityClass", "PriorityLevelConfiguration", "ReplicaSet", "ReplicationController", "ResourceClaim",
        "ResourceClaimTemplate", "ResourceQuota", "ResourceSlice", "Role", "RoleBinding", "RuntimeClass", "Secret",
        "Scale", "Service", "ServiceAccount", "ServiceCIDR", "StatefulSet", "StorageClass", "StorageVersion",
        "TCPRoute", "TLSRoute", "UDPRoute", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration", "VolumeAttachment", "User", "Group", "Config", "Status", "Table",
        "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "IPPool", "IPAMBlock", "BlockAffinity", "IPAMHandle",
        "IPAMConfig", "FelixConfiguration", "BGPConfiguration", "BGPPeer", "ClusterInformation", "GlobalNetworkPolicy",
        "GlobalNetworkSet", "HostEndpoint", "NetworkSet", "Tier", "WorkloadEndpoint", "Installation", "APIServer",
        "TigeraStatus", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "CiliumEndpoint", "CiliumNode",
        "CiliumIdentity", "CiliumEndpointSlice", "CiliumLoadBalancerIPPool", "CiliumLocalRedirectPolicy",
        "NetworkAttachmentDefinition", "KubeProxyConfiguration", "KubeletConfiguration", "ClusterConfiguration",
        "InitConfiguration", "JoinConfiguration", "PodList", "NodeList", "ServiceList", "EndpointsList",
        "EndpointSliceList", "NamespaceList", "ConfigMapList", "DaemonSetList", "DeploymentList", "EventList",
        "NetworkPolicyList", "ReplicationControllerList", "ReplicaSetList", "StatefulSetList", "IngressList",
        "APIResourceList", "APIGroupList",
    ]

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
            let other = isPublic || registries.contains(name) ? name : redactor.objectName(name)
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
        "kindnet", "multus", "whereabouts", "canal", "antrea", "kube-ovn", "http", "https", "grpc", "lc", "dh", "sh",
        "sed", "nq", "wrr", "wlc", "lblc", "lblcr", "mh",
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

    /// Whether all words of a value are such as the API and its machines use: `RequireDualStack`, `linux`, `1.36.2`.
    static func isOfTheAPI(_ text: String) -> Bool {
        if TokenScanner.holdsAddress(text) { return false }
        var word = ""
        for character in text + "/" {
            let isHump = character.isUppercase && word.last?.isLowercase == true
            if isHump || !(character.isLetter || character.isNumber) {
                guard word.isEmpty || Redactor.isNumber(word) || PlainWords.contains(word) || FormatWords.contains(word)
                else { return false }
                word = ""
            }
            if character.isLetter || character.isNumber { word.append(character) }
        }
        return true
    }

    static func isPlainValue(_ text: String) -> Bool {
        text.utf8.count < 64
            && text.utf8.allSatisfy { TokenScanner.isWordByte($0) || ".-+:/~".utf8.contains($0) }
    }
}
