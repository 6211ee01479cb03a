import ClewBundle
import ClewParsers
import ClewSnapshot

/// What files are called by tools whose names neither a command nor the content tells.
enum ForeignLayouts {
    /// The file of a bundle for a file of `calicoctl node diags` or of the EKS log collector.
    static func fileName(for name: String) -> String? { names[name] }

    private static let names: [String: String] = [
        // projectcalico/calico, calicoctl/commands/node/diags.go
        "ipv4_route": "ip-route.txt", "ipv6_route": "ip-6-route.txt", "ipv4_addr": "ip-addr.txt",
        "ipv6_addr": "ip-addr.txt", "ipv4_tables": "iptables-save.txt", "ipv6_tables": "ip6tables-save.txt",
        "ipsets": "ipset-list.txt", "ipset_container": "ipset-list.txt", "nft_ruleset": "nft-list-ruleset.txt",
        // awslabs/amazon-eks-ami, log-collector-script/linux/eks-log-collector.sh
        "iprule.txt": "ip-rule.txt", "iproute.txt": "ip-route.txt", "ip6rule.txt": "ip-6-rule.txt",
        "ip6route.txt": "ip-6-route.txt", "sysctl_all.txt": "sysctl.txt",
    ]

    /// Halves of one answer, to be put together.
    static let halves: Set<String> = ["ipv4_addr", "ipv6_addr"]

    /// The output in a file that says in front which command it is of: `*** Output of conntrack -L ***`.
    static func announced(_ bytes: [UInt8]) -> [(command: String, output: [UInt8])] {
        guard bytes.starts(with: "*** Output of ".utf8) else { return [] }
        var sections: [(command: String, output: [UInt8])] = []
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if line.starts(with: "*** Output of ".utf8) {
                let words = String(decoding: line, as: UTF8.self).split(separator: " ").dropFirst(3)
                sections.append((words.filter { !$0.hasPrefix("***") }.joined(separator: " "), []))
            } else if !sections.isEmpty {
                sections[sections.count - 1].output += line + [0x0A]
            }
        }
        return sections
    }

    /// The command and output of a file of cilium-bugtool: a heading and a block of code.
    static func markdown(_ bytes: [UInt8]) -> (command: String, output: [UInt8])? {
        guard bytes.starts(with: "# ".utf8) else { return nil }
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0.starts(with: "```".utf8) }),
            let end = lines.lastIndex(where: { $0.starts(with: "```".utf8) }), start < end, start < 4
        else { return nil }
        let command = String(decoding: lines[0].dropFirst(2), as: UTF8.self)
        return (command, lines[(start + 1)..<end].flatMap { Array($0) + [0x0A] })
    }

    /// The nodes on which the pods run whose names are in the names of cilium-bugtool's folders.
    static func nodesOfBugtool(_ artifacts: [Artifact], isObject: (Artifact) -> Bool) -> [String: String] {
        var folders: Set<String> = []
        for artifact in artifacts {
            for part in artifact.path.split(separator: "/").dropLast() where part.contains("bugtool") {
                folders.insert(String(part))
            }
        }
        guard !folders.isEmpty else { return [:] }
        var nodes: [String: String] = [:]
        for artifact in artifacts where isObject(artifact) {
            let isYAML = !artifact.path.lowercased().hasSuffix(".json")
            let objects = KubernetesParser.parse(artifact.bytes, artifact: .init(rawValue: 0), isYAML: isYAML).objects
            for pod in objects.pods {
                guard let node = pod.nodeName else { continue }
                for folder in folders where folder.contains(pod.name.name) { nodes[folder] = node }
            }
        }
        return nodes
    }
}
