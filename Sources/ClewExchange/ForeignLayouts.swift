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
        "ip6route.txt": "ip-6-route.txt", "sysctl_all.txt": "sysctl.txt", "uname.txt": "uname.txt",
        "dmesg.current": "dmesg.txt", "resolv.conf": "resolv.conf", "kube-proxy.log": "kube-proxy.log",
        // sosreport
        "uname_-a": "uname.txt", "dmesg": "dmesg.txt",
    ]

    /// The table and the family of a listing of one table, by the file's name: `iptables-nat.txt` of the EKS log
    /// collector, `iptables-t-nat-nL.out` of ovs-bugtool; `nil` for other names.
    static func table(ofListing name: String) -> (tool: String, table: String)? {
        let words = name.split { "-_ .".contains($0) }.map(String.init)
        guard let tool = words.first, tool == "iptables" || tool == "ip6tables", words.count > 1 else { return nil }
        let rest = words.dropFirst().filter { !["t", "txt", "out", "log"].contains($0) }
        let tables = rest.filter { ["filter", "nat", "mangle", "raw", "security"].contains($0) }
        let flags = rest.filter { !tables.contains($0) }
        guard tables.count < 2, flags.allSatisfy({ $0.count < 5 && $0.allSatisfy { "nvxLS".contains($0) } }) else {
            return nil
        }
        return (tool, tables.first ?? "filter")
    }

    /// A listing of one table as a part of a listing of several, without what the EKS log collector adds.
    static func listing(_ bytes: [UInt8], table: String) -> [UInt8] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let own = lines.filter { !$0.hasPrefix("=======") && !$0.hasPrefix("Total Number of Rules: ") }
        return Array("*\(table)\n\(own.joined(separator: "\n"))\nCOMMIT\n".utf8)
    }

    /// The file for the output of a command that only checks look at.
    static func fileName(forCommand command: String) -> String? {
        command == "conntrack -S" ? "conntrack-stats-1.txt" : nil
    }

    /// A file `NAME-info.json` that a host collector of troubleshoot writes beside the output, `NAME.txt`.
    static func isAboutCommand(_ artifact: Artifact) -> Bool {
        guard artifact.path.hasSuffix("-info.json"), artifact.bytes.count < 1 << 20 else { return false }
        let text = String(decoding: artifact.bytes, as: UTF8.self).drop(while: \.isWhitespace)
        return text.hasPrefix("{") && text.contains("\"command\"")
    }

    /// By path of an output: the command that the file beside it names.
    static func namedCommands(_ artifacts: [Artifact]) -> [String: String] {
        var commands: [String: String] = [:]
        for artifact in artifacts where isAboutCommand(artifact) {
            var reader = JSONReader(artifact.bytes)
            var command: String?
            do throws(JSONError) {
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    let isWanted = reader.isEqual(key, "command")
                    if isWanted, reader.peek() == .string {
                        command = try reader.string()
                    } else {
                        try reader.skipValue()
                    }
                }
            } catch {
                continue
            }
            if let command { commands[artifact.path.dropLast("-info.json".count) + ".txt"] = command }
        }
        return commands
    }

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
