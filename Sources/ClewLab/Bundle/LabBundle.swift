package import ClewBundle
import ClewNet
import ClewReports
import Glibc

/// Takes a bundle of a running lab: the raw output of the tools that `docs/bundle.md` lists.
package struct LabBundle: Sendable {
    private let lab: Lab

    package init(_ lab: Lab) { self.lab = lab }

    /// Runs the tools in every node and pod and on the router; the world outside stays uncollected, as in real life.
    package func collect() throws(SystemError) -> SupportBundle {
        var places: [(folder: String, namespace: NetworkNamespace, isNode: Bool)] = []
        for node in lab.nodes { places.append(("nodes/\(node.name)/", node.namespace, true)) }
        // The router is a Linux machine, and is collected like one: without it, what is sent there could not be told.
        places.append(("nodes/router/", lab.router, true))
        for pod in lab.pods {
            places.append(("nodes/\(pod.plan.node)/netns/\(pod.plan.namespaceName)/", pod.namespace, false))
        }
        var artifacts: [Artifact] = [
            Artifact(path: "cluster/all.json", bytes: Array(ClusterObjects.json(lab.plan).utf8))
        ]
        let collected = try Threads.map(places) { place throws(SystemError) -> [Artifact] in
            try place.namespace.perform { () throws(SystemError) -> [Artifact] in
                try Self.files(
                    in: place.folder, place.isNode ? lab.network.proxyMode : nil, hasIPv6: lab.network.isDualStack)
            }
        }
        artifacts += collected.joined()
        for pod in lab.pods {
            artifacts.append(
                Artifact(
                    path: "nodes/\(pod.plan.node)/netns/\(pod.plan.namespaceName)/pod.txt",
                    bytes: Array("\(pod.plan.name)\n".utf8)))
        }
        for node in lab.nodes {
            artifacts.append(
                Artifact(
                    path: "nodes/\(node.name)/kube-proxy-proxymode.txt",
                    bytes: Array(lab.network.proxyMode.rawValue.utf8)))
        }
        artifacts.append(Artifact(path: "bundle.json", bytes: Array(manifest(artifacts).utf8)))
        return SupportBundle(name: "lab", artifacts: artifacts, folder: "lab")
    }

    /// Writes a bundle into a folder that does not exist yet, or is empty.
    package static func write(_ bundle: SupportBundle, to folder: String) throws(SystemError) {
        try makeFolder(folder)
        for artifact in bundle.artifacts {
            let path = "\(folder)/\(artifact.path)"
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            for count in 1...max(parts.count, 1) {
                let parent = parts.prefix(count).joined(separator: "/")
                if !parent.isEmpty { try makeFolder(parent) }
            }
            let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw .last(path) }
            defer { close(descriptor) }
            var written = 0
            while written < artifact.bytes.count {
                let count = artifact.bytes.withUnsafeBytes {
                    Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
                }
                guard count > 0 else { throw .last(path) }
                written += count
            }
        }
    }

    private static func makeFolder(_ path: String) throws(SystemError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .last(path) }
    }

    // MARK: - Commands

    private static let everywhere: [(file: String, command: [String])] = [
        ("ip-addr.json", ["ip", "-j", "addr"]), ("ip-link.json", ["ip", "-j", "-d", "link"]),
        ("ip-route.json", ["ip", "-j", "route", "show", "table", "all"]), ("ip-rule.json", ["ip", "-j", "rule"]),
        ("ip-neigh.json", ["ip", "-j", "neigh"]), ("sysctl.txt", ["sysctl", "-a"]),
        ("ss-listen.txt", ["ss", "-lntuS"]), ("iptables-legacy-save.txt", ["iptables-legacy-save", "-c"]),
        ("iptables-nft-save.txt", ["iptables-nft-save", "-c"]),
        ("nft-list-ruleset.json", ["nft", "-j", "list", "ruleset"]),
    ]
    private static let everywhereIPv6: [(file: String, command: [String])] = [
        ("ip-6-route.json", ["ip", "-j", "-6", "route", "show", "table", "all"]),
        ("ip-6-rule.json", ["ip", "-j", "-6", "rule"]),
        ("ip6tables-legacy-save.txt", ["ip6tables-legacy-save", "-c"]),
        ("ip6tables-nft-save.txt", ["ip6tables-nft-save", "-c"]),
    ]
    private static let nodes: [(file: String, command: [String])] = [
        ("bridge-link.json", ["bridge", "-j", "-d", "link"]), ("bridge-fdb.json", ["bridge", "-j", "fdb"]),
        ("conntrack.txt", ["conntrack", "-L", "-o", "extended"]), ("ipset-save.txt", ["ipset", "save"]),
        ("ebtables-save.txt", ["ebtables-save"]), ("xfrm.txt", ["ip", "xfrm", "policy"]),
    ]

    private static let balancers: [(file: String, command: [String])] = [
        ("ipvsadm-save.txt", ["ipvsadm", "-Sn"]), ("ipvsadm-list.txt", ["ipvsadm", "-ln"]),
    ]

    private static func files(
        in folder: String, _ nodeMode: ProxyMode?, hasIPv6: Bool
    ) throws(SystemError) -> [Artifact] {
        var artifacts: [Artifact] = []
        let isNode = nodeMode != nil
        let commands =
            everywhere + (hasIPv6 ? everywhereIPv6 : []) + (isNode ? nodes : []) + (nodeMode == .ipvs ? balancers : [])
        for (file, words) in commands {
            guard Command.path(of: words[0]) != nil else { continue }
            let result = try Command(words, timeout: .seconds(180)).run()
            artifacts.append(artifact(folder + file, words, result))
        }
        if isNode { artifacts += try recentLists(folder) + [try trafficControl(folder)] }
        return artifacts
    }

    private static func artifact(_ path: String, _ words: [String], _ result: CommandResult) -> Artifact {
        let code: Int
        switch result.status {
        case .exited(let number): code = Int(number)
        case .signaled(let number): code = 128 + Int(number)
        }
        return Artifact(
            path: path, bytes: result.standardOutput,
            origin: ArtifactOrigin(
                command: words.joined(separator: " "), exitCode: code, standardError: result.errorText,
                seconds: result.duration.seconds))
    }

    /// `/proc/net/xt_recent` of the calling thread's namespace.
    private static func recentLists(_ folder: String) throws(SystemError) -> [Artifact] {
        let source = "/proc/thread-self/net/xt_recent"
        guard let handle = opendir(source) else { return [] }
        defer { closedir(handle) }
        var artifacts: [Artifact] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let descriptor = open("\(source)/\(name)", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .last("\(source)/\(name)") }
            defer { close(descriptor) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { break }
                bytes += buffer[..<count]
            }
            artifacts.append(Artifact(path: "\(folder)proc-xt_recent/\(name)", bytes: bytes))
        }
        return artifacts.sorted { $0.path < $1.path }
    }

    /// The filters of every device, both directions, one behind the other.
    private static func trafficControl(_ folder: String) throws(SystemError) -> Artifact {
        let list = try Command(["ip", "-o", "link"]).run().output()
        let devices = list.split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst().first?.split(separator: "@").first.map { name in
                String(name.hasSuffix(":") ? name.dropLast() : name)
            }
        }
        let lines = devices.flatMap { device in
            ["filter show dev \(device) ingress", "filter show dev \(device) egress"]
        }
        let words = ["tc", "-batch", "-"]
        let result = try Command(words, input: lines.joined(separator: "\n") + "\n").run()
        return artifact(folder + "tc-filter.txt", words, result)
    }

    private func manifest(_ artifacts: [Artifact]) -> String {
        let entries = artifacts.compactMap { artifact in
            artifact.origin.map { origin in
                (
                    artifact.path,
                    JSONValue.object([
                        ("command", .optional(origin.command)), ("exitCode", .optional(origin.exitCode)),
                        ("stderr", .optional(origin.standardError)), ("seconds", .real(origin.seconds ?? 0)),
                    ])
                )
            }
        }
        return JSONValue.object([
            ("formatVersion", .number(1)), ("tool", .string("clew-lab")), ("artifacts", .object(entries)),
        ]).text + "\n"
    }
}
