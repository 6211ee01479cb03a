/// Other names for names: the same for the same, and no two alike.
struct NamePseudonyms {
    /// What a pseudonym stands for, in the report.
    enum Kind: String, Sendable, CaseIterable {
        case name, device, rules, identifier
        /// Part of a host's name, and nothing elsewhere.
        case host
        /// Of a comment or a log, where nothing else says that it is a name.
        case word
    }

    private let hash: KeyedHash
    /// What was replaced, and by what.
    private(set) var pseudonyms: [String: (pseudonym: String, kind: Kind)] = [:]
    private var taken: Set<String> = []
    /// Names that begin with one of these, as rules have them (`acme+`), get pseudonyms that begin alike.
    private var devicePrefixes: Set<String> = []
    private var devices: [String: String] = [:]

    init(_ hash: KeyedHash) { self.hash = hash }

    /// Names that every cluster has.
    static let everywhere: Set<String> = [
        "", "default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "coredns",
        "kube-proxy", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kube-flannel",
        "kube-flannel-ds", "flannel", "kube-flannel-cfg", "calico-system", "calico-node", "tigera-operator", "cilium",
        "kindnet", "localhost", "true", "false", "extension-apiserver-authentication", "cluster-info",
        "kubeadm-config", "kubelet-config", "kube-root-ca.crt", "apiserver", "default-scheduler",
    ]

    /// What names of hosts and groups of the API end in, wherever they are.
    private static let endings: Set<Substring> = [
        "local", "localdomain", "svc", "cluster", "pod", "com", "org", "net", "io", "internal", "arpa", "in-addr",
        "ip6", "k8s", "x-k8s",
    ]

    /// Names of ports that say no more than the protocol does.
    private static let publicPorts: Set<String> = [
        "http", "https", "grpc", "dns", "dns-tcp", "metrics", "tcp", "udp", "sctp",
    ]

    static func isEverywhere(_ name: String) -> Bool {
        everywhere.contains(name) || !isNumber(name) && name.allSatisfy { $0.isNumber || $0 == "." || $0 == "-" }
    }

    /// Digits, with dashes between them: a name only where a name must stand.
    static func isNumber(_ name: String) -> Bool {
        name.utf8.contains { $0 &- 0x30 < 10 } && name.utf8.allSatisfy { $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
    }

    /// How much of the end of a name with dots is such that everybody has it: `.svc.cluster.local`.
    static func publicEnding(of name: String) -> Substring {
        guard name.contains(".") else { return "" }
        var rest = name[...]
        while let dot = rest.lastIndex(of: "."), endings.contains(rest[rest.index(after: dot)...]) {
            rest = rest[..<dot]
        }
        if rest.endIndex < name.endIndex, endings.contains(rest) { return name[...] }
        return name[rest.endIndex...]
    }

    /// The pseudonym of a port's name.
    mutating func port(_ name: String) -> String {
        Self.publicPorts.contains(name) ? name : self.name(name)
    }

    /// The pseudonym of a name; of one with dots, as hosts have them, part by part.
    mutating func name(_ name: String, _ kind: Kind = .name) -> String {
        if Self.isEverywhere(name) { return name }
        if name.contains(".") {
            let ending = Self.publicEnding(of: name)
            let parts = name.dropLast(ending.count).split(separator: ".", omittingEmptySubsequences: false)
            return parts.map { self.name(String($0), kind) }.joined(separator: ".") + ending
        }
        // What the API makes names of ends so.
        if name.hasSuffix("-") || name.hasSuffix("_") {
            return self.name(String(name.dropLast()), kind) + String(name.suffix(1))
        }
        if let known = pseudonyms[name] {
            let isNews = known.kind == .host || known.kind == .word && kind != .host
            if isNews { pseudonyms[name]?.kind = kind }
            return known.pseudonym
        }
        return note(name, kind) { hash, round in "n" + Self.letters(hash(name, 32 + round), 9) }
    }

    /// The pseudonym of a part of a host's name.
    mutating func host(_ part: String) -> String { name(part, .host) }

    /// The pseudonym if the name is one that was replaced somewhere; that of mere words too where these are looked for.
    ///
    /// Numbers are not: for them there is ``known(number:)``.
    func known(_ name: String, amongWords: Bool = false) -> String? {
        guard let known = pseudonyms[name], amongWords || known.kind != .word, known.kind != .host,
            known.kind == .identifier || !Self.isNumber(name)
        else { return nil }
        return known.pseudonym
    }

    /// The pseudonym if the digits are a name somewhere.
    func known(number: String) -> String? { Self.isNumber(number) ? pseudonyms[number]?.pseudonym : nil }

    /// The pseudonym of a name with dots each part of which is one that was replaced; `nil` for others.
    func known(dotted name: String) -> String? {
        guard name.contains(".") else { return nil }
        let ending = Self.publicEnding(of: name)
        let parts = name.dropLast(ending.count).split(separator: ".").map { known(String($0)) }
        guard !parts.isEmpty, !parts.contains(nil) else { return nil }
        return parts.compactMap(\.self).joined(separator: ".") + ending
    }

    /// A device's: what it begins with tells its kind, and stays.
    mutating func device(_ name: String) -> String {
        if let known = devices[name] { return known }
        let result = newDevice(name)
        devices[name] = result
        return result
    }

    private mutating func newDevice(_ name: String) -> String {
        if DeviceNames.isOfKernel(name) { return name }
        if let known = pseudonyms[name], known.kind == .device { return known.pseudonym }
        let known = devicePrefixes.filter { name.hasPrefix($0) && name != $0 }.max { $0.count < $1.count }
        let kept = DeviceNames.prefix(of: name)
        let start = known.map { stem(ofDevices: $0) } ?? (kept.isEmpty ? "if" : kept)
        let room = max(15 - start.count, 3)
        return note(name, .device) { hash, round in
            start + Self.letters(hash(name, 64 + round), min(room, 9))
        }
    }

    /// Chooses anew, now that all beginnings are known that rules speak of.
    mutating func renameDevices() {
        guard !devicePrefixes.isEmpty else { return }
        devices = [:]
        let all = pseudonyms.filter { $0.value.kind == .device }.keys.sorted()
        for name in all { pseudonyms[name] = nil }
        for name in all { _ = device(name) }
    }

    /// How pseudonyms of devices begin whose names begin with `prefix`.
    mutating func stem(ofDevices prefix: String) -> String {
        if DeviceNames.isPrefix(prefix) { return prefix }
        devicePrefixes.insert(prefix)
        let kept = DeviceNames.prefix(of: prefix)
        return (kept.isEmpty ? "if" : kept) + Self.letters(hash(prefix, 96), 4)
    }

    /// A chain's, a set's, a table's: words of vendors stay, what may be a name or the hash of one goes.
    mutating func rules(_ name: String) -> String {
        if let known = pseudonyms[name], known.kind == .rules { return known.pseudonym }
        if RuleNames.isBuiltIn(name) || Self.isNumber(name) { return name }
        // Called as an object is.
        if let known = pseudonyms[name], known.kind == .name { return known.pseudonym }
        if DeviceNames.isPlain(name) { return name }
        var result = ""
        var part = ""
        let isVendors = RuleNames.vendors.contains(where: name.hasPrefix)
        for character in name + "-" {
            guard "-_:./+*@|".contains(character) else {
                part.append(character)
                continue
            }
            result += rulePart(part, isVendors: isVendors) + String(character)
            part = ""
        }
        result.removeLast()
        guard result != name else { return name }
        return note(name, .rules) { _, round in round == 0 ? result : result + "\(round)" }
    }

    private mutating func rulePart(_ part: String, isVendors: Bool) -> String {
        if part.isEmpty || part.allSatisfy(\.isNumber) { return part }
        let isCapitals = part.allSatisfy { $0.isUppercase }
        if isVendors, isCapitals, part.count < 13 { return part }
        if known(part) == nil, PlainWords.contains(part) { return part }
        if DeviceNames.isOfKernel(part) { return part }
        if !DeviceNames.prefix(of: part).isEmpty, part.count < 16 { return device(part) }
        if isVendors, part.count > 5 { return identifier(part) }
        return self.name(part, .rules)
    }

    /// Of a number in letters or digits that means nothing, such as a hash: another one of the same form.
    mutating func identifier(_ text: String) -> String {
        if let known = pseudonyms[text] { return known.pseudonym }
        if text.allSatisfy({ $0 == "0" || $0 == "-" }) { return text }
        let isHex = text.allSatisfy { $0.isHexDigit || $0 == "-" }
        let hasCapitals = text.contains(where: \.isUppercase)
        let hasSmall = text.contains(where: \.isLowercase)
        return note(text, .identifier) { hash, round in
            var result = ""
            let seed = hash(text, 128 + round)
            var draws: UInt64 = 0
            for (index, character) in text.enumerated() {
                if index % 8 == 0 { draws = hash(seed, UInt64(index / 8), 14) }
                guard character.isLetter || character.isNumber else {
                    result.append(character)
                    continue
                }
                let draw = draws >> UInt64(8 * (index % 8)) & 255
                let alphabet =
                    isHex
                    ? (hasCapitals ? Self.capitalHex : Self.hex)
                    : hasCapitals && hasSmall ? Self.both : hasCapitals ? Self.capitals : Self.base32
                result.append(alphabet[Int(draw) % alphabet.count])
            }
            return result
        }
    }

    /// Takes what was worked out elsewhere, such as the name of a chain that is the hash of other names.
    mutating func set(_ name: String, to pseudonym: String, _ kind: Kind) {
        pseudonyms[name] = (pseudonym, kind)
        taken.insert(pseudonym)
    }

    private mutating func note(_ name: String, _ kind: Kind, _ make: (KeyedHash, UInt64) -> String) -> String {
        var round: UInt64 = 0
        var result = make(hash, round)
        while round < 64, taken.contains(result) || pseudonyms[result] != nil || result == name {
            round += 1
            result = make(hash, round)
        }
        taken.insert(result)
        pseudonyms[name] = (result, kind)
        return result
    }

    private static let base32 = Array("abcdefghijklmnopqrstuvwxyz234567")
    private static let capitals = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    private static let both = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    private static let hex = Array("0123456789abcdef")
    private static let capitalHex = Array("0123456789ABCDEF")

    /// Some letters of a number, five bits each.
    private static func letters(_ number: UInt64, _ count: Int) -> String {
        String((0..<min(count, 12)).map { base32[Int(number >> UInt64(5 * $0) & 31)] })
    }
}

/// What names of hosts tell.
enum HostNames {
    /// Whether a name with a public ending is one that somebody has registered, and not one of Kubernetes' own.
    static func isOfSomebody(_ name: String, ending: Substring) -> Bool {
        let top = ending.split(separator: ".").last ?? ""
        guard ["com", "org", "net", "io"].contains(top), !ending.contains("k8s") else { return false }
        let last = name.split(separator: ".").suffix(2).joined(separator: ".")
        return !projects.contains(last)
    }

    /// Parts that tell no more than what a host is for.
    static let parts: Set<String> = ["www", "api", "svc", "cluster", "pod"]

    private static let projects: Set<String> = [
        "k8s.io", "x-k8s.io", "kubernetes.io", "projectcalico.org", "coreos.com", "cilium.io", "openshift.io",
        "docker.io", "docker.com", "quay.io", "ghcr.io", "gcr.io", "github.com", "githubusercontent.com",
        "gnu.org", "netfilter.org", "kernel.org", "tigera.io", "containerd.io", "opencontainers.org", "istio.io",
        "networkpolicies.io", "godoc.org", "golang.org", "google.com", "googleapis.com", "kubernetes.org",
    ]
}

/// What names of devices tell.
enum DeviceNames {
    /// Beginnings that say what kind of device it is, the longest first.
    private static let prefixes = [
        "cilium_vxlan", "cilium_geneve", "cilium_", "kube-bridge", "nodelocaldns", "wireguard", "flannel", "docker",
        "podman", "virbr", "vxlan", "weave", "genev", "kube-", "dummy", "macvtap", "vnet", "veth", "cali", "tunl",
        "cni",
        "lxc", "eni", "gke", "azv", "cbr", "ipip", "gre", "tap", "tun", "bond", "br-", "wg", "nic",
    ]

    /// Names that the kernel, systemd or a network plugin gives on every machine.
    static func isOfKernel(_ name: String) -> Bool {
        if [
            "lo", "NONE", "kube-ipvs0", "nodelocaldns", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali",
            "kube-bridge",
        ]
        .contains(name) {
            return true
        }
        if ["cilium_host", "cilium_net", "cilium_vxlan", "cilium_geneve", "lxc_health", "weave", "docker_gwbridge"]
            .contains(name)
        {
            return true
        }
        if isPrefix(name) { return true }
        // eth0, ens3, enp0s3, bond0, cni0, flannel.1, docker0, tunl0, and VLANs of them.
        let letters = name.prefix { $0.isLowercase }
        let rest = name.dropFirst(letters.count)
        let numbered = [
            "eth", "ens", "eno", "em", "wlan", "bond", "team", "cni", "flannel", "docker", "tunl", "gre", "gretap",
            "erspan", "sit", "dummy", "virbr", "wg", "cbr", "br", "tun", "tap", "ip6tnl", "ifb", "vxlan", "ip6gre",
            "ip6_vti", "ip_vti", "nlmon", "bridge", "net", "if",
        ]
        if letters == "enp" || letters == "wlp" {
            return rest.allSatisfy { $0.isNumber || "sfnpvd.".contains($0) } && rest.count < 10
        }
        return numbered.contains(String(letters)) && rest.count < 6 && rest.allSatisfy { $0.isNumber || $0 == "." }
            || ["ip6tnl0", "ip6gre0", "ip6_vti0", "ip_vti0"].contains(name)
    }

    /// The beginning that tells the kind, or nothing.
    static func prefix(of name: String) -> String { prefixes.first { name.hasPrefix($0) && name != $0 } ?? "" }

    /// Whether it is such a beginning: what rules name with `cali+`.
    static func isPrefix(_ name: String) -> Bool {
        prefixes.contains(name) || ["eth", "ens", "en", "enp"].contains(name)
    }

    /// Whether a chain, a table or a set is called by plain words.
    static func isPlain(_ name: String) -> Bool { FormatWords.contains(name) }
}

/// What names of chains and sets tell.
enum RuleNames {
    /// Tables of iptables, and whatever is written in capitals, as its chains and targets are.
    static func isBuiltIn(_ name: String) -> Bool {
        ["filter", "nat", "mangle", "raw", "security"].contains(name) || ofCalico.contains(name)
            || name.allSatisfy(\.isUppercase) && FormatWords.contains(name)
    }

    /// Chains that Calico has on every node (projectcalico/calico, felix/rules/rule_defs.go).
    private static let ofCalico: Set<String> = [
        "cali-nat-outgoing", "cali-fip-dnat", "cali-fip-snat", "cali-from-wl-dispatch", "cali-to-wl-dispatch",
        "cali-from-host-endpoint", "cali-to-host-endpoint", "cali-wl-to-host", "cali-cidr-block", "cali-rpf-skip",
        "cali-from-hep-forward", "cali-to-hep-forward", "cali-set-endpoint-mark", "cali-from-endpoint-mark",
        "cali-forward-check", "cali-forward-endpoint-mark", "cali-failsafe-in", "cali-failsafe-out",
    ]

    /// How those begin that software makes: what follows is made of words in capitals, or hashes.
    static let vendors = [
        "KUBE-", "cali", "CNI-", "DOCKER", "FLANNEL-", "CILIUM_", "OLD_CILIUM_", "WEAVE-", "ISTIO_", "LIBVIRT_",
        "NETAVARK", "ANTREA-", "f2b-", "ufw-", "kube-", "weave-", "cilium_", "service-", "endpoint-", "external-",
        "firewall-", "local-", "affinity-", "AZURE-", "GKE-", "AWS-", "IP-MASQ", "OPENSHIFT-", "OVN-",
    ]
}
