package import ClewNet
package import ClewSnapshot

/// What a file of a node or a pod's namespace holds, told by its name (`docs/bundle.md`).
package struct ArtifactFormat: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case iptables, nft, ebtables, trafficControl, bpf, xfrm, ipset, ipvsadmSave, ipvsadmList
        case addresses, links, routes, rules, neighbors, bridgeLinks, bridgeEntries
        case sysctls, connections, sockets, recentList
        case proxyConfiguration, proxyConfigz, proxyMode
        /// `pod.txt`: whose namespace it is.
        case pod
    }

    package var kind: Kind
    /// Of an entry that does not tell its own.
    package var family: AddressFamily?
    /// `nil`: the header says.
    package var backend: RuleBackend?
    /// A listing (`iptables -S`, `-L`) tells less than a dump.
    package var isListing = false
    /// The list's name, of ``Kind/recentList``.
    package var listName: String?

    init(_ kind: Kind, family: AddressFamily? = nil, backend: RuleBackend? = nil, isListing: Bool = false) {
        self.kind = kind
        self.family = family
        self.backend = backend
        self.isListing = isListing
    }

    /// The format of a file by its name, or `nil` for a file that is only kept.
    ///
    /// The ending does not matter: text and JSON are told apart by content.
    package init?(fileName: String) {
        guard let known = Self.byStem[Self.stem(of: fileName)] else { return nil }
        self = known
    }

    /// A list of `-m recent`: a file in the folder `proc-xt_recent`.
    package static func recentList(_ name: String) -> ArtifactFormat {
        var format = ArtifactFormat(.recentList)
        format.listName = name
        return format
    }

    /// The name without its ending, and without the `~2` of a second file at the same path.
    package static func stem(of fileName: String) -> String {
        var name = splitCopyNumber(fileName).name.lowercased()
        for ending in [".txt", ".json", ".yaml", ".yml", ".out"] where name.hasSuffix(ending) {
            name.removeLast(ending.count)
            break
        }
        return name
    }

    /// Takes the `~2` off that ``SupportBundle/add(_:)`` puts behind the path of a second file.
    package static func splitCopyNumber(_ fileName: String) -> (name: String, number: Int) {
        guard let tilde = fileName.lastIndex(of: "~"), tilde != fileName.startIndex,
            let number = Int(fileName[fileName.index(after: tilde)...]), number > 0
        else { return (fileName, 1) }
        return (String(fileName[..<tilde]), number)
    }

    /// The options of `clew trace` that take a single file, each with the name that file gets in a bundle.
    package static let looseFileOptions: [(option: String, fileName: String)] = stems.filter(\.isCanonical).map {
        let ending =
            switch $0.format.kind {
            case .proxyConfiguration: ".yaml"
            case .proxyConfigz, .bpf: ".json"
            default: ".txt"
            }
        return ("--" + $0.stem, $0.stem + ending)
    }

    /// The name in a bundle for the file given with an option: `--ip-route` → `ip-route.txt`; `nil` for other options.
    package static func fileName(forOption option: String) -> String? {
        looseFileOptions.first { $0.option == option }?.fileName
    }
}

extension ArtifactFormat {
    private struct Stem {
        var stem: String
        var format: ArtifactFormat
        /// The name that `docs/bundle.md` gives, not another spelling of it.
        var isCanonical = true
    }

    private static let byStem = Dictionary(stems.map { ($0.stem, $0.format) }, uniquingKeysWith: { first, _ in first })

    private static let stems: [Stem] =
        ruleStems + [
            Stem(stem: "nft-list-ruleset", format: .init(.nft)),
            Stem(stem: "ebtables-save", format: .init(.ebtables)),
            Stem(stem: "tc-filter", format: .init(.trafficControl)),
            Stem(stem: "bpf-net", format: .init(.bpf)),
            Stem(stem: "xfrm", format: .init(.xfrm)),
            Stem(stem: "ipset-save", format: .init(.ipset)),
            Stem(stem: "ipset-list", format: .init(.ipset, isListing: true), isCanonical: false),
            Stem(stem: "ipvsadm-save", format: .init(.ipvsadmSave)),
            Stem(stem: "ipvsadm-list", format: .init(.ipvsadmList)),
            Stem(stem: "ip-addr", format: .init(.addresses)),
            Stem(stem: "ifconfig", format: .init(.addresses, isListing: true), isCanonical: false),
            Stem(stem: "ip-link", format: .init(.links)),
            Stem(stem: "ip-route", format: .init(.routes)),
            Stem(stem: "ip-6-route", format: .init(.routes, family: .ipv6)),
            Stem(stem: "route", format: .init(.routes, isListing: true), isCanonical: false),
            Stem(stem: "ip-rule", format: .init(.rules)),
            Stem(stem: "ip-6-rule", format: .init(.rules, family: .ipv6)),
            Stem(stem: "ip-neigh", format: .init(.neighbors)),
            Stem(stem: "ip-6-neigh", format: .init(.neighbors, family: .ipv6), isCanonical: false),
            Stem(stem: "arp", format: .init(.neighbors, isListing: true), isCanonical: false),
            Stem(stem: "bridge-link", format: .init(.bridgeLinks)),
            Stem(stem: "bridge-fdb", format: .init(.bridgeEntries)),
            Stem(stem: "sysctl", format: .init(.sysctls)),
            Stem(stem: "conntrack", format: .init(.connections)),
            Stem(stem: "nf_conntrack", format: .init(.connections, isListing: true), isCanonical: false),
            Stem(stem: "ss-listen", format: .init(.sockets)),
            Stem(stem: "netstat", format: .init(.sockets, isListing: true), isCanonical: false),
            Stem(stem: "kube-proxy-config", format: .init(.proxyConfiguration)),
            Stem(stem: "kube-proxy-configz", format: .init(.proxyConfigz)),
            Stem(stem: "kube-proxy-proxymode", format: .init(.proxyMode)),
            Stem(stem: "pod", format: .init(.pod), isCanonical: false),
        ]

    private static let ruleStems: [Stem] = [AddressFamily.ipv4, .ipv6].flatMap { family in
        let tool = family == .ipv4 ? "iptables" : "ip6tables"
        let backends: [(String, RuleBackend?)] = [("", nil), ("-legacy", .legacy), ("-nft", .nft)]
        return backends.flatMap { name, backend in
            [
                Stem(stem: "\(tool)\(name)-save", format: .init(.iptables, family: family, backend: backend)),
                Stem(
                    stem: "\(tool)\(name)-list",
                    format: .init(.iptables, family: family, backend: backend, isListing: true), isCanonical: false),
            ]
        }
    }
}

extension ArtifactFormat {
    /// The command whose output it is, for lists.
    var title: String {
        switch kind {
        case .iptables:
            let tool = family == .ipv6 ? "ip6tables" : "iptables"
            let name =
                switch backend {
                case .legacy: "-legacy"
                case .nft: "-nft"
                case .native, .unknown, nil: ""
                }
            return tool + name + (isListing ? " listing" : "-save")
        case .nft: return "nft list ruleset"
        case .ebtables: return "ebtables-save"
        case .trafficControl: return "tc filter"
        case .bpf: return "bpftool net"
        case .xfrm: return "ip xfrm policy"
        case .ipset: return isListing ? "ipset list" : "ipset save"
        case .ipvsadmSave: return "ipvsadm -Sn"
        case .ipvsadmList: return "ipvsadm -ln"
        case .addresses: return isListing ? "ifconfig" : "ip addr"
        case .links: return "ip link"
        case .routes: return isListing ? "route" : family == .ipv6 ? "ip -6 route" : "ip route"
        case .rules: return family == .ipv6 ? "ip -6 rule" : "ip rule"
        case .neighbors: return isListing ? "arp" : family == .ipv6 ? "ip -6 neigh" : "ip neigh"
        case .bridgeLinks: return "bridge link"
        case .bridgeEntries: return "bridge fdb"
        case .sysctls: return "sysctl"
        case .connections: return "conntrack"
        case .sockets: return isListing ? "netstat" : "ss"
        case .recentList: return "xt_recent list"
        case .proxyConfiguration: return "kube-proxy configuration"
        case .proxyConfigz: return "kube-proxy configz"
        case .proxyMode: return "kube-proxy mode"
        case .pod: return "name of the pod"
        }
    }
}
